#include "ldb/clock.hpp"

#include <algorithm>
#include <string>

#include "base/rt/rt.hpp"

namespace ldb {
namespace {

using WallFunction = std::function<std::int64_t()>;

WallFunction or_machine_clock(WallFunction wall_us) { return wall_us ? std::move(wall_us) : WallFunction(&rt::wall_us); }

/// Stamps at or above this cannot be observed: the counter must never wrap, whatever a peer sends.
constexpr std::uint64_t kStampLimit = 1ULL << 63;

class HybridClock final : public Clock {
 public:
  HybridClock(std::int64_t max_skew_ms, WallFunction wall_us)
      : max_skew_ms_(std::max<std::int64_t>(0, max_skew_ms)), wall_us_(std::move(wall_us)) {}

  Stamp next() override {
    const Stamp now = Stamp::from_ms(physical_ms());
    rt::MutexLock lock(mutex_);
    // A full counter carries into the milliseconds: the clock then runs ahead of time a little, and still grows.
    last_ = now > last_ ? now : Stamp{last_.value + 1};
    return last_;
  }

  Status observe(Stamp stamp) override {
    const std::uint64_t now_ms = physical_ms();
    if (!within_skew(stamp, now_ms)) {
      return Status(StatusCode::kUnavailable, "stamp " + std::to_string(stamp.ms()) + " ms is " +
                                                  std::to_string(stamp.ms() - now_ms) +
                                                  " ms ahead of this node's clock; at most " + std::to_string(max_skew_ms_) +
                                                  " ms are allowed: check the clocks of both machines");
    }
    restore(stamp);
    return {};
  }

  bool acceptable(Stamp stamp) const override { return within_skew(stamp, physical_ms()); }

  void restore(Stamp stamp) override {
    rt::MutexLock lock(mutex_);
    last_ = std::max(last_, stamp);
  }

  std::int64_t wall_us() const override { return wall_us_(); }
  std::string_view name() const override { return "hybrid"; }

 private:
  std::uint64_t physical_ms() const {
    constexpr std::int64_t kMaxMs = (std::int64_t{1} << 47) - 1;  // the year 6429; a clock beyond it or before 1970 is clamped
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(wall_us_() / 1000, 0, kMaxMs));
  }
  bool within_skew(Stamp stamp, std::uint64_t now_ms) const {
    return stamp.value < kStampLimit && stamp.ms() <= now_ms + static_cast<std::uint64_t>(max_skew_ms_);
  }

  const std::int64_t max_skew_ms_;
  const WallFunction wall_us_;
  rt::Mutex mutex_;
  Stamp last_ LDB_GUARDED_BY(mutex_);
};

class LamportClock final : public Clock {
 public:
  explicit LamportClock(WallFunction wall_us) : wall_us_(std::move(wall_us)) {}

  Stamp next() override {
    rt::MutexLock lock(mutex_);
    return last_ = Stamp{last_.value + 1};
  }

  Status observe(Stamp stamp) override {
    if (!acceptable(stamp))
      return Status(StatusCode::kUnavailable, "stamp " + std::to_string(stamp.value) + " is out of a Lamport clock's range");
    restore(stamp);
    return {};
  }

  bool acceptable(Stamp stamp) const override { return stamp.value < kStampLimit; }

  void restore(Stamp stamp) override {
    rt::MutexLock lock(mutex_);
    last_ = std::max(last_, stamp);
  }

  std::int64_t wall_us() const override { return wall_us_(); }
  std::string_view name() const override { return "lamport"; }

 private:
  const WallFunction wall_us_;
  rt::Mutex mutex_;
  Stamp last_ LDB_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Clock> new_hybrid_clock(std::int64_t max_skew_ms, std::function<std::int64_t()> wall_us) {
  return std::make_unique<HybridClock>(max_skew_ms, or_machine_clock(std::move(wall_us)));
}

std::unique_ptr<Clock> new_lamport_clock(std::function<std::int64_t()> wall_us) {
  return std::make_unique<LamportClock>(or_machine_clock(std::move(wall_us)));
}

}  // namespace ldb
