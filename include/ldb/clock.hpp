// Stamps for commits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "ldb/ids.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// Source of stamps for one node. Any thread. Stamps handed out strictly grow, and are above every stamp observed before.
/// ldb enforces growth itself over any implementation (a stamp that does not grow is replaced by the last one plus one).
class Clock {
 public:
  virtual ~Clock() = default;
  /// A stamp for a commit made now.
  virtual Stamp next() = 0;
  /// A commit with this stamp arrived: later stamps will be above it. kUnavailable when it is further ahead than the allowed
  /// skew; then the clock is unchanged and the commit must be held back.
  virtual Status observe(Stamp stamp) = 0;
  /// Would observe() accept it now?
  virtual bool acceptable(Stamp stamp) const = 0;
  /// Moves past a stamp of this node's own past (recovery): never refused.
  virtual void restore(Stamp stamp) = 0;
  /// Microseconds since 1970-01-01 UTC as this node believes (for now(), logs and heartbeats).
  virtual std::int64_t wall_us() const = 0;
  virtual std::string_view name() const = 0;
};

/// Hybrid logical clock (Kulkarni et al., 2014): max(physical ms, last) with a 16-bit counter.
/// `wall_us` defaults to the machine's clock; tests and simulation pass a skewed one.
std::unique_ptr<Clock> new_hybrid_clock(std::int64_t max_skew_ms = 500, std::function<std::int64_t()> wall_us = nullptr);
/// Lamport clock: a counter only; no skew check.
std::unique_ptr<Clock> new_lamport_clock(std::function<std::int64_t()> wall_us = nullptr);

}  // namespace ldb
