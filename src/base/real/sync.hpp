// The ordinary runtime's locks: the standard library's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

namespace ldb::rt {

using MutexImpl = std::mutex;
using SharedMutexImpl = std::shared_mutex;

class CondVarImpl {
 public:
  void wait(MutexImpl& mutex) {
    std::unique_lock<std::mutex> lock(mutex, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  bool wait_until(MutexImpl& mutex, std::int64_t deadline_ns) {
    std::unique_lock<std::mutex> lock(mutex, std::adopt_lock);
    const std::chrono::steady_clock::time_point deadline{std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::nanoseconds(deadline_ns))};
    const bool in_time = cv_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void notify_one() { cv_.notify_one(); }
  void notify_all() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace ldb::rt
