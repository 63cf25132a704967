#include "sql/types/big_integer.hpp"

#include <bit>

#include "base/check.hpp"

namespace ldb::sql {

BigInteger::BigInteger(uint128_t v) {
  while (v != 0) {
    limbs_[size_++] = static_cast<std::uint32_t>(v);
    v >>= 32;
  }
}

BigInteger BigInteger::power_of_ten(unsigned exponent) {
  BigInteger result(1);
  BigInteger base(10);
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = result * base;
    if (exponent > 1) base = base * base;
  }
  return result;
}

uint128_t BigInteger::low_128() const {
  uint128_t v = 0;
  for (unsigned i = 4; i-- > 0;) v = v << 32 | limbs_[i];
  return v;
}

double BigInteger::to_double() const {
  double v = 0;
  for (unsigned i = size_; i-- > 0;) v = v * 4294967296.0 + limbs_[i];
  return v;
}

unsigned BigInteger::bit_length() const {
  return size_ == 0 ? 0 : 32 * size_ - static_cast<unsigned>(std::countl_zero(limbs_[size_ - 1]));
}

unsigned BigInteger::digit_count() const {
  if (size_ == 0) return 0;
  // log10(2) as 1233/4096 gives the count or one less.
  const unsigned guess = bit_length() * 1233 >> 12;
  return compare(*this, power_of_ten(guess)) >= 0 ? guess + 1 : guess;
}

void BigInteger::trim() {
  while (size_ > 0 && limbs_[size_ - 1] == 0) --size_;
}

int BigInteger::compare(const BigInteger& a, const BigInteger& b) {
  if (a.size_ != b.size_) return a.size_ < b.size_ ? -1 : 1;
  for (unsigned i = a.size_; i-- > 0;) {
    if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] < b.limbs_[i] ? -1 : 1;
  }
  return 0;
}

BigInteger operator+(const BigInteger& a, const BigInteger& b) {
  BigInteger r;
  std::uint64_t carry = 0;
  const unsigned n = a.size_ > b.size_ ? a.size_ : b.size_;
  for (unsigned i = 0; i < n; ++i) {
    carry += std::uint64_t{a.limbs_[i]} + b.limbs_[i];
    r.limbs_[i] = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  r.size_ = n;
  if (carry != 0) {
    LDB_CHECK(n < BigInteger::kLimbs);
    r.limbs_[r.size_++] = static_cast<std::uint32_t>(carry);
  }
  return r;
}

BigInteger operator-(const BigInteger& a, const BigInteger& b) {
  BigInteger r;
  std::int64_t borrow = 0;
  for (unsigned i = 0; i < a.size_; ++i) {
    std::int64_t d = std::int64_t{a.limbs_[i]} - b.limbs_[i] + borrow;
    borrow = d < 0 ? -1 : 0;
    r.limbs_[i] = static_cast<std::uint32_t>(d);
  }
  LDB_CHECK(borrow == 0);
  r.size_ = a.size_;
  r.trim();
  return r;
}

BigInteger operator*(const BigInteger& a, const BigInteger& b) {
  BigInteger r;
  if (a.is_zero() || b.is_zero()) return r;
  LDB_CHECK(a.bit_length() + b.bit_length() <= 32 * BigInteger::kLimbs);
  for (unsigned i = 0; i < a.size_; ++i) {
    std::uint64_t carry = 0;
    for (unsigned j = 0; j < b.size_ || carry != 0; ++j) {
      if (i + j >= BigInteger::kLimbs) break;  // only zeros can be left
      carry += std::uint64_t{a.limbs_[i]} * (j < b.size_ ? b.limbs_[j] : 0) + r.limbs_[i + j];
      r.limbs_[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }
  r.size_ = a.size_ + b.size_ < BigInteger::kLimbs ? a.size_ + b.size_ : BigInteger::kLimbs;
  r.trim();
  return r;
}

BigInteger BigInteger::shifted_left(unsigned bits) const {
  BigInteger r;
  if (is_zero()) return r;
  LDB_CHECK(bit_length() + bits <= 32 * kLimbs);
  const unsigned words = bits / 32;
  const unsigned rest = bits % 32;
  std::uint64_t carry = 0;
  for (unsigned i = 0; i < size_; ++i) {
    carry |= std::uint64_t{limbs_[i]} << rest;
    r.limbs_[i + words] = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  r.size_ = size_ + words;
  if (carry != 0) r.limbs_[r.size_++] = static_cast<std::uint32_t>(carry);
  return r;
}

BigInteger BigInteger::shifted_right(unsigned bits) const {
  BigInteger r;
  const unsigned words = bits / 32;
  const unsigned rest = bits % 32;
  for (unsigned i = words; i < size_; ++i) {
    const std::uint64_t high = i + 1 < size_ ? limbs_[i + 1] : 0;
    r.limbs_[i - words] = static_cast<std::uint32_t>((high << 32 | limbs_[i]) >> rest);
  }
  r.size_ = size_ > words ? size_ - words : 0;
  r.trim();
  return r;
}

void BigInteger::divide(const BigInteger& a, const BigInteger& b, BigInteger& quotient, BigInteger& remainder) {
  LDB_CHECK(!b.is_zero());
  if (compare(a, b) < 0) {
    remainder = a;
    quotient = BigInteger();
    return;
  }
  BigInteger q;
  if (b.size_ == 1) {
    std::uint64_t rest = 0;
    for (unsigned i = a.size_; i-- > 0;) {
      rest = rest << 32 | a.limbs_[i];
      q.limbs_[i] = static_cast<std::uint32_t>(rest / b.limbs_[0]);
      rest %= b.limbs_[0];
    }
    q.size_ = a.size_;
    q.trim();
    quotient = q;
    remainder = BigInteger(rest);
    return;
  }
  const auto shift = static_cast<unsigned>(std::countl_zero(b.limbs_[b.size_ - 1]));
  const BigInteger v = b.shifted_left(shift);
  std::array<std::uint32_t, kLimbs + 1> u{};  // one limb more than the dividend
  for (unsigned i = 0; i < a.size_; ++i) {
    const std::uint64_t wide = std::uint64_t{a.limbs_[i]} << shift;
    u[i] |= static_cast<std::uint32_t>(wide);
    u[i + 1] = static_cast<std::uint32_t>(wide >> 32);
  }
  const unsigned n = b.size_;
  for (unsigned j = a.size_ - n + 1; j-- > 0;) {
    const std::uint64_t top = std::uint64_t{u[j + n]} << 32 | u[j + n - 1];
    std::uint64_t guess = top / v.limbs_[n - 1];
    std::uint64_t rest = top % v.limbs_[n - 1];
    while (guess > 0xffffffffU || guess * v.limbs_[n - 2] > (rest << 32 | u[j + n - 2])) {
      --guess;
      rest += v.limbs_[n - 1];
      if (rest > 0xffffffffU) break;
    }
    std::int64_t borrow = 0;
    std::uint64_t carry = 0;
    for (unsigned i = 0; i < n; ++i) {
      carry += guess * v.limbs_[i];
      const std::int64_t d = std::int64_t{u[i + j]} - static_cast<std::int64_t>(carry & 0xffffffffU) + borrow;
      u[i + j] = static_cast<std::uint32_t>(d);
      borrow = d < 0 ? -1 : 0;
      carry >>= 32;
    }
    const std::int64_t d = std::int64_t{u[j + n]} - static_cast<std::int64_t>(carry) + borrow;
    u[j + n] = static_cast<std::uint32_t>(d);
    if (d < 0) {  // the guess was one too high: add back
      --guess;
      std::uint64_t sum = 0;
      for (unsigned i = 0; i < n; ++i) {
        sum += std::uint64_t{u[i + j]} + v.limbs_[i];
        u[i + j] = static_cast<std::uint32_t>(sum);
        sum >>= 32;
      }
      u[j + n] += static_cast<std::uint32_t>(sum);
    }
    q.limbs_[j] = static_cast<std::uint32_t>(guess);
  }
  q.size_ = a.size_ - n + 1;
  q.trim();
  BigInteger r;
  for (unsigned i = 0; i < n; ++i) r.limbs_[i] = u[i];
  r.size_ = n;
  r.trim();
  quotient = q;
  remainder = r.shifted_right(shift);
}

BigInteger BigInteger::square_root(const BigInteger& v) {
  if (v.is_zero()) return v;
  // Newton from above: x starts at or above the root and falls until it stops.
  BigInteger x = BigInteger(1).shifted_left((v.bit_length() + 1) / 2);
  for (;;) {
    BigInteger q;
    BigInteger r;
    divide(v, x, q, r);
    BigInteger next = (x + q).shifted_right(1);
    if (compare(next, x) >= 0) return x;
    x = next;
  }
}

BigInteger divide_rounded(const BigInteger& a, const BigInteger& b) {
  BigInteger q;
  BigInteger r;
  BigInteger::divide(a, b, q, r);
  return BigInteger::compare(r + r, b) >= 0 ? q + BigInteger(1) : q;
}

}  // namespace ldb::sql
