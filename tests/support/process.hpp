// What this process holds: threads and file descriptors, for tests that nothing is left behind.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>

#include "base/rt/rt.hpp"

namespace ldb::test {

inline std::size_t entries_of(const char* directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

inline std::size_t open_file_descriptors() { return entries_of("/proc/self/fd"); }
inline std::size_t live_threads() { return entries_of("/proc/self/task"); }

/// True as soon as there are at most so many threads. A joined thread stays listed for a moment, until the kernel has done with
/// it.
inline bool threads_come_down_to(std::size_t expected) {
  const std::int64_t deadline_ns = rt::monotonic_ns() + 10 * rt::kSecond;
  while (live_threads() > expected) {
    if (rt::monotonic_ns() > deadline_ns) return false;
    rt::sleep_for(rt::kMillisecond);
  }
  return true;
}

}  // namespace ldb::test
