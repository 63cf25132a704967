// Keys and values, the same bytes for every engine.
#pragma once

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>

namespace bench {

/// 16 digits.
struct Key {
  explicit Key(std::uint64_t number) { std::snprintf(text, sizeof text, "%016llu", static_cast<unsigned long long>(number)); }
  operator std::string_view() const { return {text, 16}; }  // NOLINT(google-explicit-constructor)
  char text[24];
};

/// 100 bytes, half of them random: they compress to about a half.
class Values {
 public:
  explicit Values(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < 10'000; ++i) {
      std::string half(50, ' ');
      for (char& c : half) c = static_cast<char>(' ' + random_() % 95);
      pool_ += half + half;
    }
  }
  std::string_view next() { return std::string_view(pool_).substr((position_ = (position_ + 100) % (pool_.size() - 100)), 100); }

 private:
  std::mt19937_64 random_;
  std::string pool_;
  std::size_t position_ = 0;
};

}  // namespace bench
