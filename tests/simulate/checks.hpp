// What must hold when a run has calmed down.
#pragma once

#include "oracle.hpp"
#include "workload.hpp"

namespace simulate {

/// Waits until all nodes have applied the same commits and hold the same content; otherwise fails the run.
void wait_converged(Run& run, std::int64_t timeout_ns);

/// Acknowledged commits are there; the state is what the oracle says; indexes hold exactly the rows; every lost write is
/// recorded, nothing visible is. Fails the run, or returns how often each kind of conflict occurred.
oracle::ConflictCounts check_state(Run& run);

}  // namespace simulate
