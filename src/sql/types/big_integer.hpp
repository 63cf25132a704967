// A wide unsigned integer on the stack: intermediates of NUMERIC arithmetic that exceed 128 bits.
#pragma once

#include <array>
#include <cstdint>

#include "ldb/value.hpp"

namespace ldb::sql {

__extension__ using uint128_t = unsigned __int128;

/// Up to 1,536 bits (462 decimal digits). Exceeding that is a programming error (checked). Value type.
class BigInteger {
 public:
  BigInteger() = default;
  explicit BigInteger(uint128_t v);
  static BigInteger power_of_ten(unsigned exponent);

  bool is_zero() const { return size_ == 0; }
  bool fits_128() const { return size_ <= 4; }
  uint128_t low_128() const;
  double to_double() const;
  unsigned bit_length() const;
  /// Decimal digits; 0 for zero.
  unsigned digit_count() const;

  /// -1, 0, 1
  static int compare(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator+(const BigInteger& a, const BigInteger& b);
  /// a >= b.
  friend BigInteger operator-(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator*(const BigInteger& a, const BigInteger& b);
  /// Quotient and remainder; b != 0 (Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D).
  static void divide(const BigInteger& a, const BigInteger& b, BigInteger& quotient, BigInteger& remainder);
  BigInteger shifted_left(unsigned bits) const;
  BigInteger shifted_right(unsigned bits) const;
  /// floor(sqrt(v))
  static BigInteger square_root(const BigInteger& v);

 private:
  static constexpr unsigned kLimbs = 48;
  void trim();
  std::array<std::uint32_t, kLimbs> limbs_{};  // little-endian; zero beyond size_
  unsigned size_ = 0;
};

/// a / b rounded half up (away from zero for magnitudes).
BigInteger divide_rounded(const BigInteger& a, const BigInteger& b);

}  // namespace ldb::sql
