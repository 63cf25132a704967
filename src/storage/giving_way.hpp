// How flushes and compactions share processors with writers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/rt/rt.hpp"
#include "storage/write_pacing.hpp"

namespace ldb::storage {

/// Lets writers that wait for this processor have it about once in a millisecond. Otherwise the one that leads others would wait
/// for the end of a time slice, several milliseconds, with all of them behind it, wherever there are more busy threads than
/// processors.
class GivingWay {
 public:
  /// `published`: the sequence of the last write.
  explicit GivingWay(const rt::Atomic<std::uint64_t>& published) : published_(published), seen_(published.load()) {}

  /// After `bytes` more were worked on. `pace()`: of writers. While they stand still until this is done the processor is kept.
  template <class Pace>
  void now_and_then(std::size_t bytes, const Pace& pace) {
    constexpr std::size_t kLookBytes = 4096;  // some tens of microseconds
    bytes_ += bytes;
    if (bytes_ < kLookBytes) return;
    bytes_ = 0;
    if (const std::int64_t now_ns = rt::monotonic_ns(); now_ns >= next_at_ns_) {
      const WritePace now = pace();
      if (!now.stop) give_way(now_ns, !now.stalled());
      next_at_ns_ = rt::monotonic_ns() + rt::kMillisecond;
    }
  }

 private:
  /// To yield is enough most of the time. But a scheduler that holds a long run against a thread (or what it took for one: the
  /// hypervisor had taken the processor away) goes on with this one all the same, unless it sleeps.
  /// Not where writers pause all the time. (Writers that wait for a sync look stuck, too; that costs the background a tenth.)
  void give_way(std::int64_t now_ns, bool may_sleep) {
    constexpr std::int64_t kRecently = 20 * rt::kMillisecond;  // there are writers
    constexpr std::int64_t kSleep = rt::kMillisecond / 10;
    const std::uint64_t published = published_.load(std::memory_order_relaxed);
    const bool stuck = published == seen_;
    seen_ = published;
    if (!stuck) moved_at_ns_ = now_ns;
    if (stuck && may_sleep && now_ns < moved_at_ns_ + kRecently) {
      rt::sleep_for(kSleep);
    } else {
      rt::yield();
    }
  }

  const rt::Atomic<std::uint64_t>& published_;
  std::uint64_t seen_;
  std::int64_t moved_at_ns_ = INT64_MIN / 2;
  std::size_t bytes_ = 0;
  std::int64_t next_at_ns_ = rt::monotonic_ns() + rt::kMillisecond;
};

}  // namespace ldb::storage
