// Random values of every type, with the awkward ones among them.
#pragma once

#include <cmath>
#include <limits>
#include <random>

#include "sql/expr/vector_ops.hpp"
#include "sql/types/cast.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"

namespace ldb::sql::testing {

inline constexpr TypeId kAllTypes[] = {TypeId::kBoolean, TypeId::kSmallInt, TypeId::kInteger,   TypeId::kBigInt,  TypeId::kReal,
                                       TypeId::kDouble,  TypeId::kNumeric,  TypeId::kText,      TypeId::kVarchar, TypeId::kChar,
                                       TypeId::kBytea,   TypeId::kDate,     TypeId::kTimestamp, TypeId::kInterval};

inline std::int64_t random_integer(std::mt19937_64& random, std::int64_t low, std::int64_t high) {
  switch (random() % 6) {
    case 0:
      return low;
    case 1:
      return high;
    case 2:
      return static_cast<std::int64_t>(random() % 5) - 2;
    case 3:
      return std::clamp<std::int64_t>(
          (std::int64_t{1} << (random() % 63)) * (random() % 2 == 0 ? 1 : -1) + static_cast<std::int64_t>(random() % 3) - 1, low,
          high);
    default:
      return static_cast<std::int64_t>(
          static_cast<std::uint64_t>(low) +
          random() % (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + (high == INT64_MAX ? 0 : 1)));
  }
}

inline double random_double(std::mt19937_64& random) {
  constexpr double kSpecial[] = {0.0,   -0.0,   1.0, -1.0, INFINITY, -INFINITY, NAN, std::numeric_limits<double>::denorm_min(),
                                 1e308, -1e-308};
  if (random() % 3 == 0) return kSpecial[random() % std::size(kSpecial)];
  return (static_cast<double>(random() % 2000001) - 1e6) / 64;
}

inline std::string random_text(std::mt19937_64& random, bool bytes) {
  constexpr std::string_view kAlphabet("ab\x01\xc3\xa9 z\xff\x00", 9);
  std::string s(random() % 6, 'x');
  for (char& c : s) c = kAlphabet[random() % (bytes ? 9 : 7)];
  return s;
}

inline Value random_value(std::mt19937_64& random, TypeId type) {
  switch (type) {
    case TypeId::kBoolean:
      return Value(random() % 2 == 0);
    case TypeId::kSmallInt:
      return Value(type, random_integer(random, INT16_MIN, INT16_MAX));
    case TypeId::kInteger:
      return Value(type, random_integer(random, INT32_MIN, INT32_MAX));
    case TypeId::kBigInt:
      return Value(type, random_integer(random, INT64_MIN, INT64_MAX));
    case TypeId::kReal:
      return Value(static_cast<float>(random_double(random)));
    case TypeId::kDouble:
      return Value(random_double(random));
    case TypeId::kNumeric: {
      const int digits = random() % 3 == 0 ? 38 : static_cast<int>(random() % 6);
      int128_t v = 0;
      for (int i = 0; i < digits; ++i) v = v * 10 + static_cast<int>(random() % 10);
      const int trailing = static_cast<int>(random() % 3);
      for (int i = 0; i < trailing && digit_count(v) < 36; ++i) v *= 10;
      return Value(Decimal{random() % 2 == 0 ? v : -v, static_cast<std::int32_t>(random() % (random() % 2 == 0 ? 39 : 4))});
    }
    case TypeId::kText:
    case TypeId::kVarchar:
      return Value(type, random_text(random, false));
    case TypeId::kChar: {
      std::string s = random_text(random, false);
      s.append(random() % 3, ' ');
      return Value(type, s);
    }
    case TypeId::kBytea:
      return Value(Bytes{random_text(random, true)});
    case TypeId::kDate:
      if (random() % 5 == 0) return Value(random() % 2 == 0 ? kDateInfinity : kDateMinusInfinity);
      return Value(Date{static_cast<std::int32_t>(random_integer(random, -2440588, 2145042905))});
    case TypeId::kTimestamp:
      if (random() % 5 == 0) return Value(random() % 2 == 0 ? kTimestampInfinity : kTimestampMinusInfinity);
      return Value(Timestamp{random_integer(random, -210866803200000000, 9223340140799999999)});
    default:
      return Value(Interval{
          static_cast<std::int32_t>(
              random_integer(random, random() % 2 == 0 ? -3 : INT32_MIN, random() % 2 == 0 ? 3 : INT32_MAX)),
          static_cast<std::int32_t>(
              random_integer(random, random() % 2 == 0 ? -70 : INT32_MIN, random() % 2 == 0 ? 70 : INT32_MAX)),
          random_integer(random, random() % 2 == 0 ? -kMicrosPerDay : INT64_MIN, random() % 2 == 0 ? kMicrosPerDay : INT64_MAX)});
  }
}

/// Same in every detail, not only by comparison.
inline bool identical(const Value& a, const Value& b) {
  if (a.type() != b.type() || a.is_null() != b.is_null()) return false;
  if (a.is_null()) return true;
  if (const auto* x = std::get_if<double>(&a.storage())) {
    const double y = std::get<double>(b.storage());
    return (std::isnan(*x) && std::isnan(y)) || (*x == y && std::signbit(*x) == std::signbit(y));
  }
  if (const auto* x = std::get_if<Interval>(&a.storage())) {
    const auto& y = std::get<Interval>(b.storage());
    return x->months == y.months && x->days == y.days && x->us == y.us;
  }
  return a.to_string() == b.to_string();
}

}  // namespace ldb::sql::testing
