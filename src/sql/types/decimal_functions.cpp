// Roots, exponentials and logarithms of NUMERIC: fixed-point series in BigInteger with enough guard digits that the result is the
// correctly rounded one but for astronomically rare ties. Scales follow PostgreSQL's numeric.c.
#include <algorithm>
#include <cmath>

#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

constexpr unsigned kDigits = 100;  // fixed point: value * 10^100

/// Signed fixed-point number.
struct Fixed {
  bool negative = false;
  BigInteger m;
};

const BigInteger& one() {
  static const BigInteger value = BigInteger::power_of_ten(kDigits);
  return value;
}

BigInteger mul(const BigInteger& a, const BigInteger& b) {
  BigInteger q;
  BigInteger r;
  BigInteger::divide(a * b, one(), q, r);
  return q;
}
BigInteger div(const BigInteger& a, const BigInteger& b) {
  BigInteger q;
  BigInteger r;
  BigInteger::divide(a * one(), b, q, r);
  return q;
}
BigInteger div_small(const BigInteger& a, std::uint32_t b) {
  BigInteger q;
  BigInteger r;
  BigInteger::divide(a, BigInteger(b), q, r);
  return q;
}

Fixed add(const Fixed& a, const Fixed& b) {
  if (a.negative == b.negative) return {a.negative, a.m + b.m};
  if (BigInteger::compare(a.m, b.m) >= 0) return {a.negative, a.m - b.m};
  return {b.negative, b.m - a.m};
}

BigInteger to_fixed(const Decimal& d) {
  return BigInteger(magnitude(d.coefficient)) * BigInteger::power_of_ten(kDigits - static_cast<unsigned>(d.scale));
}

/// 2 * atanh((x-1)/(x+1)) = ln(x), for x near 1.
Fixed ln_series(const BigInteger& x) {
  const bool negative = BigInteger::compare(x, one()) < 0;
  const BigInteger y = div(negative ? one() - x : x - one(), x + one());
  const BigInteger square = mul(y, y);
  BigInteger power = y;
  BigInteger sum = y;
  for (std::uint32_t n = 3;; n += 2) {
    power = mul(power, square);
    const BigInteger term = div_small(power, n);
    if (term.is_zero()) break;
    sum = sum + term;
  }
  return {negative, sum + sum};
}

const BigInteger& ln_2() {
  static const BigInteger value = ln_series(one() + one()).m;
  return value;
}

/// x > 0. Halves or doubles x into [2/3, 4/3].
Fixed ln_fixed(BigInteger x) {
  int exponent = 0;
  const BigInteger high = div_small(one() * BigInteger(4), 3);
  const BigInteger low = div_small(one() * BigInteger(2), 3);
  // Scale in big steps first; guard digits lost by halving are made up by kDigits.
  while (BigInteger::compare(x, high) > 0) {
    x = x.shifted_right(1);
    ++exponent;
  }
  while (BigInteger::compare(x, low) < 0) {
    x = x.shifted_left(1);
    --exponent;
  }
  const Fixed scaled{exponent < 0, ln_2() * BigInteger(static_cast<uint128_t>(exponent < 0 ? -exponent : exponent))};
  return add(ln_series(x), scaled);
}

/// e^|x| for |x| below about 90; then the reciprocal when negative.
BigInteger exp_fixed(const Fixed& x) {
  constexpr unsigned kHalvings = 12;
  const BigInteger small = x.m.shifted_right(kHalvings);
  BigInteger sum = one();
  BigInteger term = one();
  for (std::uint32_t n = 1;; ++n) {
    term = div_small(mul(term, small), n);
    if (term.is_zero()) break;
    sum = sum + term;
  }
  for (unsigned i = 0; i < kHalvings; ++i) sum = mul(sum, sum);
  return x.negative ? div(one(), sum) : sum;
}

int decimal_weight(const BigInteger& coefficient, int scale) { return static_cast<int>(coefficient.digit_count()) - 1 - scale; }

/// estimate_ln_dweight()
int ln_weight(const Decimal& d) {
  if (d.coefficient <= 0) return 0;
  if (compare(d, Decimal{9, 1}) >= 0 && compare(d, Decimal{11, 1}) <= 0) {
    const BigInteger unit = BigInteger::power_of_ten(static_cast<unsigned>(d.scale));
    const BigInteger c(magnitude(d.coefficient));
    const bool below = BigInteger::compare(c, unit) < 0;
    const BigInteger x = below ? unit - c : c - unit;
    return x.is_zero() ? 0 : decimal_weight(x, d.scale);
  }
  // PostgreSQL looks at the first two base-10000 digits only; the estimate is the same at the precision that counts.
  const double ln = std::log(to_double(d));
  return static_cast<int>(std::log10(std::fabs(ln)));
}

int clamp_scale(int scale, int least) { return std::clamp(scale, least, 1000); }

Result<Decimal> finish(const Fixed& v, int scale, int least) { return make_decimal(v.negative, v.m, kDigits, scale, least); }

Status not_positive(bool zero) {
  return invalid("2201E", zero ? "cannot take logarithm of zero" : "cannot take logarithm of a negative number");
}

Result<Decimal> power_integer(const Decimal& base, std::int64_t exponent, int scale) {
  const bool negative = base.coefficient < 0 && exponent % 2 != 0;
  if (exponent == 0) return round(Decimal{1, 0}, scale);
  if (base.coefficient == 0) {
    if (exponent < 0) return division_by_zero();
    return Decimal{0, std::min(scale, kMaxDecimalDigits)};
  }
  const BigInteger m(magnitude(base.coefficient));
  const double log10 = static_cast<double>(exponent) * (std::log10(m.to_double()) - base.scale);
  if (log10 > 40) return out_of_range("value overflows numeric format").with_detail("ldb's NUMERIC holds at most 38 digits.");
  if (log10 < -1000) return Decimal{0, std::min(scale, kMaxDecimalDigits)};
  // Exact while it fits comfortably; otherwise by logarithms with a hundred digits.
  const std::uint64_t times = exponent < 0 ? static_cast<std::uint64_t>(-exponent) : static_cast<std::uint64_t>(exponent);
  if (static_cast<double>(m.bit_length()) * static_cast<double>(times) < 480) {
    BigInteger p(1);
    for (std::uint64_t i = 0; i < times; ++i) p = p * m;
    const int p_scale = base.scale * static_cast<int>(times);
    if (exponent > 0) return make_decimal(negative, p, p_scale, scale, 0);
    if (p_scale <= 140) return divide_big(negative, BigInteger(1), 0, p, p_scale, scale, 0);
  }
  Fixed ln = ln_fixed(to_fixed({base.coefficient < 0 ? -base.coefficient : base.coefficient, base.scale}));
  ln.m = ln.m * BigInteger(times);
  if (exponent < 0) ln.negative = !ln.negative;
  return make_decimal(negative, exp_fixed(ln), kDigits, scale, 0);
}

}  // namespace

Result<Decimal> square_root(const Decimal& a) {
  if (a.coefficient < 0) return invalid("2201F", "cannot take square root of a negative number");
  const int weight = leading_digit(BigInteger(magnitude(a.coefficient)), a.scale).weight;
  const int root_weight = weight >= 0 ? weight * 4 / 2 + 1 : 1 - (1 - weight * 4) / 2;
  return square_root(BigInteger(magnitude(a.coefficient)), a.scale, clamp_scale(std::max(16 - root_weight, a.scale), 0));
}

Result<Decimal> square_root(const BigInteger& c, int c_scale, int scale) {
  if (c.is_zero()) return Decimal{0, std::min(scale, kMaxDecimalDigits)};
  // floor(sqrt(c * 10^(2p - c_scale))) has p digits behind the point; a sticky digit keeps the rounding right.
  const int p = std::max(std::min(scale, kMaxDecimalDigits), (c_scale + 1) / 2) + 2;
  const BigInteger wide = c * BigInteger::power_of_ten(static_cast<unsigned>(2 * p - c_scale));
  BigInteger root = BigInteger::square_root(wide);
  const bool exact = BigInteger::compare(root * root, wide) == 0;
  root = root * BigInteger(10);
  if (!exact) root = root + BigInteger(1);
  return make_decimal(false, root, p + 1, scale, 0);
}

Result<Decimal> exponential(const Decimal& a) {
  const double weight = to_double(a) * 0.434294481903252;
  if (weight > 40) return out_of_range("value overflows numeric format").with_detail("ldb's NUMERIC holds at most 38 digits.");
  const int scale = clamp_scale(std::max(16 - static_cast<int>(std::max(weight, -1000.0)), a.scale), 0);
  if (weight < -kMaxDecimalDigits - 2) return Decimal{0, std::min(scale, kMaxDecimalDigits)};
  return finish({false, exp_fixed({a.coefficient < 0, to_fixed(a)})}, scale, a.scale);
}

Result<Decimal> natural_logarithm(const Decimal& a) {
  if (a.coefficient <= 0) return not_positive(a.coefficient == 0);
  const int scale = clamp_scale(std::max(16 - ln_weight(a), a.scale), 0);
  return finish(ln_fixed(to_fixed(a)), scale, 0);
}

Result<Decimal> logarithm(const Decimal& base, const Decimal& a) {
  if (base.coefficient <= 0) return not_positive(base.coefficient == 0);
  if (a.coefficient <= 0) return not_positive(a.coefficient == 0);
  const Fixed ln_base = ln_fixed(to_fixed(base));
  const Fixed ln_a = ln_fixed(to_fixed(a));
  if (ln_base.m.is_zero() || compare(base, Decimal{1, 0}) == 0) return division_by_zero();
  const int scale = clamp_scale(std::max({16 - (ln_weight(a) - ln_weight(base)), base.scale, a.scale}), 0);
  return finish({ln_base.negative != ln_a.negative, div(ln_a.m, ln_base.m)}, scale, 0);
}

Result<Decimal> power(const Decimal& base, const Decimal& exponent) {
  if (base.coefficient == 0 && exponent.coefficient < 0) return invalid("2201F", "zero raised to a negative power is undefined");
  const Decimal whole = truncate(exponent, 0);
  if (compare(whole, exponent) == 0 && whole.coefficient >= INT32_MIN && whole.coefficient <= INT32_MAX) {
    return power_integer(base, static_cast<std::int64_t>(whole.coefficient), std::max(16, base.scale));
  }
  if (base.coefficient == 0) return Decimal{0, 16};
  if (base.coefficient < 0 && compare(whole, exponent) != 0) {
    return invalid("2201F", "a negative number raised to a non-integer power yields a complex result");
  }
  const bool negative = base.coefficient < 0 && (whole.coefficient & 1) != 0;
  const Decimal positive{base.coefficient < 0 ? -base.coefficient : base.coefficient, base.scale};
  const Fixed ln_base = ln_fixed(to_fixed(positive));
  const double weight = std::log(to_double(positive)) * to_double(exponent) * 0.434294481903252;
  if (weight > 40) return out_of_range("value overflows numeric format").with_detail("ldb's NUMERIC holds at most 38 digits.");
  const int scale = clamp_scale(std::max({16 - static_cast<int>(std::max(weight, -1000.0)), base.scale, exponent.scale}), 0);
  if (weight < -kMaxDecimalDigits - 2) return Decimal{0, std::min(scale, kMaxDecimalDigits)};
  const Fixed product{
      ln_base.negative != (exponent.coefficient < 0),
      mul(ln_base.m, to_fixed({exponent.coefficient < 0 ? -exponent.coefficient : exponent.coefficient, exponent.scale}))};
  return make_decimal(negative, exp_fixed(product), kDigits, scale, 0);
}

}  // namespace ldb::sql
