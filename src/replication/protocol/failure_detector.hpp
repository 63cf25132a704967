// Is a peer there? Pure objects fed with times; the drivers own the clocks.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ldb::replication {

/// A peer counts as reachable while its last answer is younger than the timeout and no call failed since. One thread.
class FailureDetector {
 public:
  explicit FailureDetector(std::int64_t timeout_ns) : timeout_ns_(timeout_ns) {}

  void answered(std::int64_t now_ns) {
    heard_ = true;
    failed_ = false;
    last_ns_ = now_ns;
  }
  void failed() { failed_ = true; }
  bool reachable(std::int64_t now_ns) const { return heard_ && !failed_ && now_ns - last_ns_ <= timeout_ns_; }

 private:
  const std::int64_t timeout_ns_;
  std::int64_t last_ns_ = 0;
  bool heard_ = false;
  bool failed_ = false;
};

/// Exponential backoff without jitter: each peer has its own puller, and a peer that speaks up ends the wait. One thread.
class Backoff {
 public:
  Backoff(std::int64_t least_ns, std::int64_t most_ns) : least_ns_(least_ns), most_ns_(most_ns), next_ns_(least_ns) {}

  void reset() { next_ns_ = least_ns_; }
  std::int64_t next() {
    const std::int64_t wait_ns = next_ns_;
    next_ns_ = std::min(most_ns_, next_ns_ * 2);
    return wait_ns;
  }
  std::int64_t least_ns() const { return least_ns_; }

 private:
  const std::int64_t least_ns_;
  const std::int64_t most_ns_;
  std::int64_t next_ns_;
};

}  // namespace ldb::replication
