// Clang thread-safety annotations; empty on other compilers. Checked by -Wthread-safety in the clang builds.
#pragma once

#if defined(__clang__)
#define LDB_TSA(x) __attribute__((x))
#else
#define LDB_TSA(x)
#endif

#define LDB_CAPABILITY(name) LDB_TSA(capability(name))
#define LDB_SCOPED_CAPABILITY LDB_TSA(scoped_lockable)
#define LDB_GUARDED_BY(mutex) LDB_TSA(guarded_by(mutex))
#define LDB_PT_GUARDED_BY(mutex) LDB_TSA(pt_guarded_by(mutex))
#define LDB_REQUIRES(...) LDB_TSA(requires_capability(__VA_ARGS__))
#define LDB_REQUIRES_SHARED(...) LDB_TSA(requires_shared_capability(__VA_ARGS__))
#define LDB_ACQUIRE(...) LDB_TSA(acquire_capability(__VA_ARGS__))
#define LDB_ACQUIRE_SHARED(...) LDB_TSA(acquire_shared_capability(__VA_ARGS__))
#define LDB_RELEASE(...) LDB_TSA(release_capability(__VA_ARGS__))
#define LDB_RELEASE_SHARED(...) LDB_TSA(release_shared_capability(__VA_ARGS__))
#define LDB_RELEASE_GENERIC(...) LDB_TSA(release_generic_capability(__VA_ARGS__))
#define LDB_TRY_ACQUIRE(...) LDB_TSA(try_acquire_capability(__VA_ARGS__))
#define LDB_EXCLUDES(...) LDB_TSA(locks_excluded(__VA_ARGS__))
#define LDB_NO_THREAD_SAFETY_ANALYSIS LDB_TSA(no_thread_safety_analysis)
