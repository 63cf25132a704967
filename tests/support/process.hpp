// What this process holds: threads and file descriptors, for tests that nothing is left behind.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>

#include "base/rt/rt.hpp"

namespace ldb::test {

inline std::size_t entries_of(const char* directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

inline std::size_t open_file_descriptors() { return entries_of("/proc/self/fd"); }
inline std::size_t live_threads() { return entries_of("/proc/self/task"); }

/// How many threads there are before anything was started. The thread sanitizer starts one of its own together with the first, so
/// one is started and seen off here.
inline std::size_t threads_at_rest() {
  pid_t first = 0;
  rt::Thread thread("first", [&first] { first = gettid(); });
  thread.join();
  const std::string entry = "/proc/self/task/" + std::to_string(first);
  const std::int64_t deadline_ns = rt::monotonic_ns() + 10 * rt::kSecond;
  while (std::filesystem::exists(entry) && rt::monotonic_ns() < deadline_ns) rt::sleep_for(rt::kMillisecond);
  return live_threads();
}

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
