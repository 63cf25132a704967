#include "sql/types/decimal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

constexpr std::array<int128_t, 39> kPowers = [] {
  std::array<int128_t, 39> p{};
  p[0] = 1;
  for (std::size_t i = 1; i < p.size(); ++i) p[i] = p[i - 1] * 10;
  return p;
}();
constexpr int128_t kLimit = kPowers[38];

Status overflow() { return out_of_range("value overflows numeric format").with_detail("ldb's NUMERIC holds at most 38 digits."); }

bool in_range(int128_t c) { return c < kLimit && c > -kLimit; }

/// c * 10^exponent if it stays below 10^38.
bool scale_up(int128_t c, int exponent, int128_t& out) {
  if (exponent == 0 || c == 0) {
    out = c;
    return true;
  }
  if (exponent > 38) return false;
  const int128_t limit = (kLimit - 1) / kPowers[static_cast<std::size_t>(exponent)];
  if (c > limit || c < -limit) return false;
  out = c * kPowers[static_cast<std::size_t>(exponent)];
  return true;
}

/// c / 10^exponent, half away from zero.
int128_t scale_down_rounded(int128_t c, int exponent) {
  if (exponent > 38) return 0;
  const int128_t divisor = kPowers[static_cast<std::size_t>(exponent)];
  const int128_t q = c / divisor;
  const int128_t r = c % divisor;
  const int128_t half = divisor - divisor / 2;  // exponent >= 1, so even: half is exact
  if (r >= half) return q + 1;
  if (r <= -half) return q - 1;
  return q;
}

/// Signed a + b at max scale, exactly, when 128 bits are not enough to align them.
Result<Decimal> add_slow(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale, b.scale);
  const BigInteger x = BigInteger(magnitude(a.coefficient)) * BigInteger::power_of_ten(static_cast<unsigned>(scale - a.scale));
  const BigInteger y = BigInteger(magnitude(b.coefficient)) * BigInteger::power_of_ten(static_cast<unsigned>(scale - b.scale));
  const bool negative_a = a.coefficient < 0;
  const bool negative_b = b.coefficient < 0;
  if (negative_a == negative_b) return make_decimal(negative_a, x + y, scale, scale, scale);
  if (BigInteger::compare(x, y) >= 0) return make_decimal(negative_a, x - y, scale, scale, scale);
  return make_decimal(negative_b, y - x, scale, scale, scale);
}

}  // namespace

int128_t power_of_ten(int exponent) { return kPowers[static_cast<std::size_t>(exponent)]; }

int digit_count(int128_t v) {
  const uint128_t m = magnitude(v);
  int n = 0;
  while (n < 39 && m >= static_cast<uint128_t>(kPowers[static_cast<std::size_t>(n)])) ++n;
  return n;
}

bool is_valid(const Decimal& d) { return in_range(d.coefficient) && d.scale >= 0 && d.scale <= kMaxDecimalDigits; }

Result<Decimal> add(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale, b.scale);
  int128_t x = 0;
  int128_t y = 0;
  if (!scale_up(a.coefficient, scale - a.scale, x) || !scale_up(b.coefficient, scale - b.scale, y)) return add_slow(a, b);
  int128_t sum = 0;  // two numbers of 38 digits may be too much for 128 bits
  if (__builtin_add_overflow(x, y, &sum) || !in_range(sum)) return overflow();
  return Decimal{sum, scale};
}

Result<Decimal> subtract(const Decimal& a, const Decimal& b) { return add(a, negate(b)); }

Result<Decimal> multiply(const Decimal& a, const Decimal& b) {
  const int scale = a.scale + b.scale;
  int128_t product = 0;
  if (scale <= kMaxDecimalDigits && !__builtin_mul_overflow(a.coefficient, b.coefficient, &product) && in_range(product)) {
    return Decimal{product, scale};
  }
  const BigInteger wide = BigInteger(magnitude(a.coefficient)) * BigInteger(magnitude(b.coefficient));
  return make_decimal((a.coefficient < 0) != (b.coefficient < 0), wide, scale, scale, std::max(a.scale, b.scale));
}

Result<Decimal> make_decimal(bool negative, const BigInteger& m, int scale, int result_scale, int least_scale) {
  result_scale = std::min(result_scale, kMaxDecimalDigits);
  const auto scaled = [&](int to) {
    if (to >= scale) return m * BigInteger::power_of_ten(static_cast<unsigned>(to - scale));
    return divide_rounded(m, BigInteger::power_of_ten(static_cast<unsigned>(scale - to)));
  };
  // Digits in front of the point decide how many fit behind it; rounding up may add one.
  const int in_front = std::max(0, static_cast<int>(m.digit_count()) - scale);
  if (in_front > kMaxDecimalDigits) return overflow();
  int to = std::max(std::min(result_scale, kMaxDecimalDigits - in_front), std::min(least_scale, result_scale));
  for (;; --to) {
    if (to < 0) return overflow();
    const BigInteger c = scaled(to);
    if (c.fits_128() && c.low_128() < static_cast<uint128_t>(kLimit)) {
      const auto coefficient = static_cast<int128_t>(c.low_128());
      return Decimal{negative ? -coefficient : coefficient, to};
    }
    if (to <= least_scale) return overflow();
  }
}

LeadingDigit leading_digit(const BigInteger& coefficient, int scale) {
  if (coefficient.is_zero()) return {};
  const int digits = static_cast<int>(coefficient.digit_count());
  const int exponent = digits - 1 - scale;
  const int weight = exponent >= 0 ? exponent / 4 : -((3 - exponent) / 4);
  const int top = exponent - 4 * weight + 1;  // decimal digits of the first base-10000 digit
  if (digits <= top) {
    return {weight, static_cast<int>(coefficient.low_128()) * static_cast<int>(kPowers[static_cast<std::size_t>(top - digits)])};
  }
  BigInteger q;
  BigInteger r;
  BigInteger::divide(coefficient, BigInteger::power_of_ten(static_cast<unsigned>(digits - top)), q, r);
  return {weight, static_cast<int>(q.low_128())};
}

int division_scale(LeadingDigit a, int scale_a, LeadingDigit b, int scale_b) {
  int weight = a.weight - b.weight;
  if (a.digit <= b.digit) --weight;
  return std::min(std::max({16 - 4 * weight, scale_a, scale_b, 0}), 1000);
}

Result<Decimal> divide_big(bool negative, const BigInteger& n, int ns, const BigInteger& d, int ds, int result_scale,
                           int least_scale) {
  // One guard position keeps the fallback of make_decimal correct: it rounds once from more digits than it keeps, plus a sticky
  // digit.
  const int guard = std::min(result_scale, kMaxDecimalDigits) + 2;
  const int shift = guard + ds - ns;
  BigInteger numerator = n;
  BigInteger denominator = d;
  if (shift >= 0) {
    numerator = n * BigInteger::power_of_ten(static_cast<unsigned>(shift));
  } else {
    denominator = d * BigInteger::power_of_ten(static_cast<unsigned>(-shift));
  }
  BigInteger q;
  BigInteger r;
  BigInteger::divide(numerator, denominator, q, r);
  // Sticky digit: anything left over must not make a value look like an exact half.
  q = q * BigInteger(10);
  if (!r.is_zero()) q = q + BigInteger(1);
  return make_decimal(negative, q, guard + 1, result_scale, least_scale);
}

Result<Decimal> divide(const Decimal& a, const Decimal& b) {
  if (b.coefficient == 0) return division_by_zero();
  const BigInteger x(magnitude(a.coefficient));
  const BigInteger y(magnitude(b.coefficient));
  const int scale = division_scale(leading_digit(x, a.scale), a.scale, leading_digit(y, b.scale), b.scale);
  const bool negative = (a.coefficient < 0) != (b.coefficient < 0);
  int128_t n = 0;
  const int shift = scale + b.scale - a.scale;
  if (scale <= kMaxDecimalDigits && shift >= 0 && scale_up(a.coefficient, shift, n)) {
    const int128_t d = b.coefficient;
    int128_t q = n / d;
    const uint128_t r = magnitude(n % d);
    const uint128_t divisor = magnitude(d);
    if (r >= divisor - r) q += negative ? -1 : 1;
    if (in_range(q)) return Decimal{q, scale};
  }
  return divide_big(negative, x, a.scale, y, b.scale, scale, std::max(a.scale, b.scale));
}

Result<Decimal> integer_quotient(const Decimal& a, const Decimal& b) {
  if (b.coefficient == 0) return division_by_zero();
  const int scale = std::max(a.scale, b.scale);
  const BigInteger x = BigInteger(magnitude(a.coefficient)) * BigInteger::power_of_ten(static_cast<unsigned>(scale - a.scale));
  const BigInteger y = BigInteger(magnitude(b.coefficient)) * BigInteger::power_of_ten(static_cast<unsigned>(scale - b.scale));
  BigInteger q;
  BigInteger r;
  BigInteger::divide(x, y, q, r);
  return make_decimal((a.coefficient < 0) != (b.coefficient < 0), q, 0, 0, 0);
}

Result<Decimal> remainder(const Decimal& a, const Decimal& b) {
  if (b.coefficient == 0) return division_by_zero();
  const int scale = std::max(a.scale, b.scale);
  int128_t p = 0;
  int128_t d = 0;
  if (scale_up(a.coefficient, scale - a.scale, p) && scale_up(b.coefficient, scale - b.scale, d)) return Decimal{p % d, scale};
  const BigInteger x = BigInteger(magnitude(a.coefficient)) * BigInteger::power_of_ten(static_cast<unsigned>(scale - a.scale));
  const BigInteger y = BigInteger(magnitude(b.coefficient)) * BigInteger::power_of_ten(static_cast<unsigned>(scale - b.scale));
  BigInteger q;
  BigInteger r;
  BigInteger::divide(x, y, q, r);
  return make_decimal(a.coefficient < 0, r, scale, scale, scale);
}

Result<Decimal> round(const Decimal& a, int scale) {
  if (scale >= a.scale) {
    int128_t c = 0;
    scale = std::min(scale, kMaxDecimalDigits);
    if (scale_up(a.coefficient, scale - a.scale, c)) return Decimal{c, scale};
    // More zeros than 38 digits hold: as many as fit.
    return make_decimal(a.coefficient < 0, BigInteger(magnitude(a.coefficient)), a.scale, scale, a.scale);
  }
  const int128_t c = scale_down_rounded(a.coefficient, std::min(a.scale - scale, 39));
  if (scale >= 0) return Decimal{c, scale};
  int128_t up = 0;
  if (scale < -38 || !scale_up(c, -scale, up)) {
    if (c == 0) return Decimal{0, 0};
    return overflow();
  }
  return Decimal{up, 0};
}

Decimal truncate(const Decimal& a, int scale) {
  if (scale >= a.scale) {
    int128_t c = 0;
    for (int s = std::min(scale, kMaxDecimalDigits); s > a.scale; --s) {
      if (scale_up(a.coefficient, s - a.scale, c)) return {c, s};
    }
    return a;
  }
  const int drop = a.scale - scale;
  if (drop > 38) return {0, std::max(scale, 0)};
  const int128_t kept = a.coefficient / power_of_ten(drop);
  return scale >= 0 ? Decimal{kept, scale} : Decimal{kept * power_of_ten(-scale), 0};
}

Result<Decimal> ceiling(const Decimal& a) {
  const int128_t unit = power_of_ten(a.scale);
  const int128_t q = a.coefficient / unit;
  return Decimal{a.coefficient % unit > 0 ? q + 1 : q, 0};
}

Result<Decimal> floor(const Decimal& a) {
  const int128_t unit = power_of_ten(a.scale);
  const int128_t q = a.coefficient / unit;
  return Decimal{a.coefficient % unit < 0 ? q - 1 : q, 0};
}

Result<Decimal> fit(const Decimal& a, int precision, int scale) {
  const auto too_large = [&] {
    return out_of_range("numeric field overflow")
        .with_detail("A field with precision " + std::to_string(precision) + ", scale " + std::to_string(scale) +
                     " must round to an absolute value less than " +
                     (precision == scale ? std::string("1") : "10^" + std::to_string(precision - scale)) + ".");
  };
  Decimal r = a;
  if (scale < a.scale) {
    r = {scale_down_rounded(a.coefficient, a.scale - scale), scale};
  } else if (scale > a.scale) {
    if (!scale_up(a.coefficient, scale - a.scale, r.coefficient)) return too_large();
    r.scale = scale;
  }
  if (r.coefficient >= power_of_ten(precision) || r.coefficient <= -power_of_ten(precision)) return too_large();
  return r;
}

namespace {
Result<Decimal> decimal_of_digits(double v, int significant) {
  if (std::isnan(v) || std::isinf(v)) return unsupported("NaN and infinity are not supported in type numeric");
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, v, std::chars_format::scientific, significant - 1).ptr;
  LDB_ASSIGN_OR_RETURN(Decimal d, Decimal::parse({text, static_cast<std::size_t>(end - text)}));
  while (d.scale > 0 && d.coefficient % 10 == 0) {
    d.coefficient /= 10;
    --d.scale;
  }
  return d;
}
}  // namespace

Result<Decimal> decimal_of_double(double v) { return decimal_of_digits(v, 15); }
Result<Decimal> decimal_of_float(float v) { return decimal_of_digits(v, 6); }

bool to_int64(const Decimal& d, std::int64_t& out) {
  const int128_t v = d.scale == 0 ? d.coefficient : scale_down_rounded(d.coefficient, d.scale);
  if (v > INT64_MAX || v < INT64_MIN) return false;
  out = static_cast<std::int64_t>(v);
  return true;
}

double to_double(const Decimal& d) {
  // Both exact below 2^53 and 10^22: then one correctly rounded division. Otherwise through text, which is correctly rounded too.
  if (magnitude(d.coefficient) < (uint128_t{1} << 53) && d.scale <= 22) {
    return static_cast<double>(static_cast<std::int64_t>(d.coefficient)) / static_cast<double>(power_of_ten(d.scale));
  }
  const std::string text = d.to_string();
  double v = 0;
  std::from_chars(text.data(), text.data() + text.size(), v);
  return v;
}

}  // namespace ldb::sql

namespace ldb {

double Decimal::to_double() const { return sql::to_double(*this); }

std::string Decimal::to_string() const {
  char digits[64];
  char* p = digits + sizeof digits;
  sql::uint128_t m = sql::magnitude(coefficient);
  int written = 0;
  do {
    if (written == scale && scale > 0) *--p = '.';
    *--p = static_cast<char>('0' + static_cast<int>(m % 10));
    m /= 10;
    ++written;
  } while (m != 0 || written <= scale);
  if (coefficient < 0) *--p = '-';
  return {p, static_cast<std::size_t>(digits + sizeof digits - p)};
}

std::strong_ordering compare(const Decimal& a, const Decimal& b) {
  if (a.scale == b.scale) return a.coefficient <=> b.coefficient;
  const bool a_negative = a.coefficient < 0;
  if (a_negative != (b.coefficient < 0)) return a_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  const Decimal& coarse = a.scale < b.scale ? a : b;
  const Decimal& fine = a.scale < b.scale ? b : a;
  // Compare the coarse coefficient with the fine one's quotient; what the quotient drops decides only between equals.
  const int drop = fine.scale - coarse.scale;
  const int128_t unit = sql::power_of_ten(drop);
  const int128_t q = fine.coefficient / unit;
  const int128_t r = fine.coefficient % unit;
  std::strong_ordering order = coarse.coefficient <=> q;
  if (order == 0) order = int128_t{0} <=> r;
  return &coarse == &a ? order : 0 <=> order;
}

Result<Decimal> Decimal::parse(std::string_view text) {
  const auto bad = [&] { return sql::invalid_text("numeric", text); };
  const auto too_large = [&] {
    return sql::out_of_range("value \"" + std::string(text) + "\" does not fit type numeric")
        .with_detail("ldb's NUMERIC holds at most 38 digits, at most 38 of them behind the point.");
  };
  std::string_view s = text;
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  bool negative = false;
  if (!s.empty() && (s.front() == '+' || s.front() == '-')) {
    negative = s.front() == '-';
    s.remove_prefix(1);
  }
  std::string word(s.substr(0, std::min<std::size_t>(s.size(), 9)));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if ((word == "nan" && s.size() == text.size()) || word == "inf" || word == "infinity")
    return sql::unsupported("NaN and infinity are not supported in type numeric");

  sql::uint128_t coefficient = 0;
  std::int64_t scale = 0;  // may exceed the limits until zeros are dropped
  std::int64_t zeros = 0;  // zeros not yet multiplied in
  bool any = false;
  bool point = false;
  int digits = 0;
  std::size_t i = 0;
  for (; i < s.size(); ++i) {
    const char c = s[i];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    if (point) ++scale;
    if (c == '0') {
      if (digits > 0) ++zeros;
      continue;
    }
    if (digits + zeros + 1 > 38) return too_large();
    for (; zeros > 0; --zeros, ++digits) coefficient *= 10;
    coefficient = coefficient * 10 + static_cast<unsigned>(c - '0');
    ++digits;
  }
  if (!any) return bad();
  std::int64_t exponent = 0;
  if (i < s.size()) {
    if (s[i] != 'e' && s[i] != 'E') return bad();
    const char* first = s.data() + i + 1;
    if (first != s.data() + s.size() && *first == '+') ++first;
    if (first == s.data() + s.size() || (first[-1] == '+' && *first == '-')) return bad();
    const auto parsed = std::from_chars(first, s.data() + s.size(), exponent);
    if (parsed.ptr != s.data() + s.size() || parsed.ec == std::errc::invalid_argument) return bad();
    if (parsed.ec != std::errc() || exponent > 100000 || exponent < -100000)
      return sql::invalid("22P02", "invalid input syntax for type numeric: \"" + std::string(text) + "\"");
  }
  scale -= exponent;
  // value = coefficient * 10^zeros / 10^scale
  if (coefficient == 0) return Decimal{0, static_cast<std::int32_t>(std::clamp<std::int64_t>(scale, 0, 38))};
  if (scale < 0) {
    zeros -= scale;
    scale = 0;
  }
  while (zeros > 0 && (scale > 38 || digits + zeros > 38) && scale > 0)
    --zeros, --scale;  // zeros behind the point that do not fit
  if (scale > 38 || digits + zeros > 38) return too_large();
  for (; zeros > 0; --zeros) coefficient *= 10;
  const auto c = static_cast<int128_t>(coefficient);
  return Decimal{negative ? -c : c, static_cast<std::int32_t>(scale)};
}

}  // namespace ldb
