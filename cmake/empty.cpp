// Keeps a module target valid while all of its sources belong to the other build variant.
