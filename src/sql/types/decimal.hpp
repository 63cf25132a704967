// NUMERIC arithmetic: up to 38 digits, result scales as PostgreSQL 15 chooses them.
//
// Limit: a value has at most 38 digits, 38 of them behind the point. Sums and differences that need more fail with 22003.
// Products, quotients and roots, whose scale is the operation's choice, give up digits behind the point that do not fit (rounding
// half away from zero), but never below the larger scale of the operands; if that is not enough: 22003.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ldb/value.hpp"
#include "sql/types/big_integer.hpp"

namespace ldb::sql {

inline constexpr int kMaxDecimalDigits = 38;

/// 10^exponent, 0..38.
int128_t power_of_ten(int exponent);
/// Digits of |v|; 0 for zero.
int digit_count(int128_t v);
inline uint128_t magnitude(int128_t v) { return v < 0 ? -static_cast<uint128_t>(v) : static_cast<uint128_t>(v); }
/// |coefficient| < 10^38 and 0 <= scale <= 38.
bool is_valid(const Decimal& d);

Result<Decimal> add(const Decimal& a, const Decimal& b);
Result<Decimal> subtract(const Decimal& a, const Decimal& b);
Result<Decimal> multiply(const Decimal& a, const Decimal& b);
Result<Decimal> divide(const Decimal& a, const Decimal& b);            ///< 22012
Result<Decimal> remainder(const Decimal& a, const Decimal& b);         ///< sign of a; 22012
Result<Decimal> integer_quotient(const Decimal& a, const Decimal& b);  ///< div(): truncated; 22012
/// To `scale` digits behind the point; negative scales round in front of it. Result scale is max(scale, 0).
Result<Decimal> round(const Decimal& a, int scale);
Decimal truncate(const Decimal& a, int scale);
Result<Decimal> ceiling(const Decimal& a);
Result<Decimal> floor(const Decimal& a);
inline Decimal negate(const Decimal& a) { return {-a.coefficient, a.scale}; }
/// NUMERIC(precision, scale): rounds; 22003 with PostgreSQL's detail when too large.
Result<Decimal> fit(const Decimal& a, int precision, int scale);

/// Of coefficient / 10^coefficient_scale, to `scale` digits.
Result<Decimal> square_root(const BigInteger& coefficient, int coefficient_scale, int scale);
Result<Decimal> square_root(const Decimal& a);  ///< 2201F
Result<Decimal> exponential(const Decimal& a);
Result<Decimal> natural_logarithm(const Decimal& a);                  ///< 2201E
Result<Decimal> logarithm(const Decimal& base, const Decimal& a);     ///< 2201E
Result<Decimal> power(const Decimal& base, const Decimal& exponent);  ///< 2201F, 22012

inline Decimal decimal_of(std::int64_t v) { return {v, 0}; }
/// As PostgreSQL casts: 15 (6) significant digits. 22003 beyond 38 digits, 0A000 for NaN and infinity.
Result<Decimal> decimal_of_double(double v);
Result<Decimal> decimal_of_float(float v);
/// Rounded half away from zero; nothing when it does not fit.
bool to_int64(const Decimal& d, std::int64_t& out);
/// Correctly rounded.
double to_double(const Decimal& d);

/// sign * magnitude / 10^scale rounded to `result_scale`, giving up fraction digits down to `least_scale` when needed.
Result<Decimal> make_decimal(bool negative, const BigInteger& magnitude, int scale, int result_scale, int least_scale);
/// numerator / denominator (of magnitudes, both scaled integers: value is n/10^ns / (d/10^ds)) to `result_scale`.
Result<Decimal> divide_big(bool negative, const BigInteger& n, int ns, const BigInteger& d, int ds, int result_scale,
                           int least_scale);
/// PostgreSQL's weight of the first base-10000 digit, and that digit. Zero: 0 and 0.
struct LeadingDigit {
  int weight = 0;
  int digit = 0;
};
LeadingDigit leading_digit(const BigInteger& coefficient, int scale);
/// select_div_scale() of PostgreSQL.
int division_scale(LeadingDigit a, int scale_a, LeadingDigit b, int scale_b);

}  // namespace ldb::sql
