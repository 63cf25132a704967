// Bounds how fast compactions write.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/rt/rt.hpp"

namespace ldb::storage {

/// A token bucket that holds a tenth of a second. Any thread; take() sleeps.
class RateLimiter {
 public:
  /// `meanwhile` is called some times a second by threads that wait.
  explicit RateLimiter(
      std::uint64_t bytes_per_second, std::function<void()> meanwhile = [] {})
      : bytes_per_second_(bytes_per_second), meanwhile_(std::move(meanwhile)) {}

  void take(std::uint64_t bytes) {
    std::int64_t free_at = 0;
    {
      rt::MutexLock lock(mutex_);
      const std::int64_t now = rt::monotonic_ns();
      const auto cost_ns = static_cast<std::int64_t>(static_cast<double>(bytes) / static_cast<double>(bytes_per_second_) * 1e9);
      free_at_ns_ = std::max(free_at_ns_, now - rt::kSecond / 10) + cost_ns;
      free_at = free_at_ns_;
      if (free_at <= now) return;
    }
    // In steps, for the sake of stop().
    for (std::int64_t now = rt::monotonic_ns(); now < free_at && !stopped_.load(); now = rt::monotonic_ns()) {
      rt::sleep_until(std::min(free_at, now + rt::kSecond / 20));
      meanwhile_();
    }
  }
  /// From now on take() does not sleep: whoever works here is about to be told to give up.
  void stop() { stopped_.store(true); }

 private:
  const std::uint64_t bytes_per_second_;
  const std::function<void()> meanwhile_;
  rt::Atomic<bool> stopped_{false};
  rt::Mutex mutex_;
  std::int64_t free_at_ns_ LDB_GUARDED_BY(mutex_) = 0;
};

}  // namespace ldb::storage
