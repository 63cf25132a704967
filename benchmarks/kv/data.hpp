// Keys and values, the same bytes for every engine.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

namespace bench {

/// 16 digits, made in a few nanoseconds: what they take weighs most on the fastest engine.
struct Key {
  explicit Key(std::uint64_t number) {
    std::memset(text, '0', sizeof text);
    for (std::size_t i = sizeof text; number != 0 && i > 0; number /= 10) text[--i] = static_cast<char>('0' + number % 10);
  }
  operator std::string_view() const { return {text, sizeof text}; }  // NOLINT(google-explicit-constructor)
  char text[16];
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
