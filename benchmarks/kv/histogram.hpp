// How long operations took.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace bench {

/// Times in microseconds, eight buckets to a doubling.
class Histogram {
 public:
  void add(double us) { ++counts_[bucket(us)]; }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  std::uint64_t count() const { return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}); }
  double percentile(double part) const {
    auto left = static_cast<std::uint64_t>(static_cast<double>(count()) * part);
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (left < counts_[i]) return std::exp2(static_cast<double>(i) / 8) / 16;
      left -= counts_[i];
    }
    return 0;
  }

 private:
  std::size_t bucket(double us) const {
    const double index = 8 * std::log2(std::max(us, 1.0 / 16) * 16);
    return std::min(counts_.size() - 1, static_cast<std::size_t>(index));
  }
  std::array<std::uint64_t, 256> counts_{};
};

}  // namespace bench
