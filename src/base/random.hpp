// A small deterministic generator for simulation, fault injection and tests. Never for identities or secrets: use rt::random_u64.
#pragma once

#include <cstdint>

namespace ldb {

/// SplitMix64 (Steele, Lea, Flood 2014). The same seed gives the same numbers on every platform. One thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15ULL); }
  /// Uniform in [0, n); n > 0.
  std::uint64_t below(std::uint64_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * n) >> 64);
  }
  /// Uniform in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  /// True with this probability; draws nothing at 0, so that switching a fault off does not shift the numbers of others.
  bool chance(double probability) { return probability > 0 && static_cast<double>(next() >> 11) * 0x1p-53 < probability; }
  /// A generator of its own, so that its use does not shift this one's numbers.
  Random fork(std::uint64_t label) { return Random(mix(next() ^ mix(label))); }

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace ldb
