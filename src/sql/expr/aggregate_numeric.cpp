// sum, avg, variances. Integers and NUMERIC are exact; floating point follows PostgreSQL's float8_accum (Youngs and Cramer,
// 1971).
#include <bit>
#include <cmath>

#include "sql/expr/aggregate_states.hpp"
#include "sql/expr/kernels.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/text_io.hpp"

namespace ldb::sql {
namespace {

using Arguments = std::span<const ColumnVector* const>;

void put_wide(std::string& out, int128_t v) {
  put_u64(out, static_cast<std::uint64_t>(v));
  put_u64(out, static_cast<std::uint64_t>(static_cast<uint128_t>(v) >> 64));
}
bool get_wide(ByteReader& in, int128_t& v) {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (!in.u64(low) || !in.u64(high)) return false;
  v = static_cast<int128_t>(static_cast<uint128_t>(high) << 64 | low);
  return true;
}
bool get_count(ByteReader& in, std::int64_t& n) {
  std::uint64_t v = 0;
  if (!in.varint(v) || v > (std::uint64_t{1} << 62)) return false;
  n = static_cast<std::int64_t>(v);
  return true;
}

/// A signed number as numerator of a quotient with the scale rules of NUMERIC division.
Result<Decimal> quotient(int128_t sum, int scale, std::int64_t count) {
  const BigInteger n(magnitude(sum));
  const BigInteger d(static_cast<uint128_t>(count));
  const int result_scale = division_scale(leading_digit(n, scale), scale, leading_digit(d, 0), 0);
  return divide_big(sum < 0, n, scale, d, 0, result_scale, scale);
}

/// sum(SMALLINT | INTEGER) -> BIGINT
template <class T>
struct SumSmall {
  static constexpr bool kStrict = true;
  struct State {
    std::int64_t n = 0;
    std::int64_t sum = 0;
  };
  static Status overflow() { return integer_out_of_range(TypeId::kBigInt); }
  Status update(State& s, Arguments arguments, std::size_t row) const {
    ++s.n;
    return __builtin_add_overflow(s.sum, std::int64_t{arguments[0]->at<T>(row)}, &s.sum) ? overflow() : Status();
  }
  Status merge(State& s, const State& o) const {
    s.n += o.n;
    return __builtin_add_overflow(s.sum, o.sum, &s.sum) ? overflow() : Status();
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.n == 0) {
      out.set_null(i);
    } else {
      out.data<std::int64_t>()[i] = s.sum;
    }
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_varint(out, static_cast<std::uint64_t>(s.n));
    put_u64(out, static_cast<std::uint64_t>(s.sum));
  }
  bool load(ByteReader& in, State& s) const {
    std::uint64_t sum = 0;
    if (!get_count(in, s.n) || !in.u64(sum)) return false;
    s.sum = static_cast<std::int64_t>(sum);
    return true;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {TypeId::kBigInt}; }
};

/// sum(BIGINT | NUMERIC), and avg of these and of the smaller integers -> NUMERIC
template <class T, bool kAverage>
struct SumExact {
  static constexpr bool kStrict = true;
  struct State {
    std::int64_t n = 0;
    std::int32_t scale = 0;
    int128_t sum = 0;
  };
  static Status overflow() {
    return out_of_range("value overflows numeric format").with_detail("ldb's NUMERIC holds at most 38 digits.");
  }

  /// At the larger of both scales, in all 127 bits.
  static Status add(State& s, int128_t v, std::int32_t scale) {
    if (scale > s.scale) {
      if (s.sum != 0 && __builtin_mul_overflow(s.sum, power_of_ten(scale - s.scale), &s.sum)) return overflow();
      s.scale = scale;
    } else if (scale < s.scale && v != 0 && __builtin_mul_overflow(v, power_of_ten(s.scale - scale), &v)) {
      return overflow();
    }
    return __builtin_add_overflow(s.sum, v, &s.sum) ? overflow() : Status();
  }
  Status update(State& s, Arguments arguments, std::size_t row) const {
    ++s.n;
    if constexpr (std::is_same_v<T, Decimal>) {
      const Decimal& d = arguments[0]->at<Decimal>(row);
      return add(s, d.coefficient, d.scale);
    } else {
      return add(s, arguments[0]->at<T>(row), 0);
    }
  }
  Status merge(State& s, const State& o) const {
    s.n += o.n;
    return add(s, o.sum, o.scale);
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.n == 0) {
      out.set_null(i);
      return {};
    }
    if constexpr (kAverage) {
      LDB_ASSIGN_OR_RETURN(out.data<Decimal>()[i], quotient(s.sum, s.scale, s.n));
    } else {
      const Decimal d{s.sum, s.scale};
      if (!is_valid(d)) return overflow();
      out.data<Decimal>()[i] = d;
    }
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_varint(out, static_cast<std::uint64_t>(s.n));
    put_u8(out, static_cast<std::uint8_t>(s.scale));
    put_wide(out, s.sum);
  }
  bool load(ByteReader& in, State& s) const {
    std::uint8_t scale = 0;
    if (!get_count(in, s.n) || !in.u8(scale) || scale > kMaxDecimalDigits || !get_wide(in, s.sum)) return false;
    s.scale = scale;
    return true;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {TypeId::kNumeric}; }
};

/// sum(REAL | DOUBLE)
template <class T>
struct SumFloat {
  static constexpr bool kStrict = true;
  struct State {
    std::int64_t n = 0;
    T sum = 0;
  };
  static Status add(State& s, T v) {
    const T sum = s.n == 0 ? v : s.sum + v;
    if (std::isinf(sum) && !std::isinf(s.sum) && !std::isinf(v)) return out_of_range("value out of range: overflow");
    s.sum = sum;
    return {};
  }
  Status update(State& s, Arguments arguments, std::size_t row) const {
    LDB_TRY(add(s, arguments[0]->at<T>(row)));
    ++s.n;
    return {};
  }
  Status merge(State& s, const State& o) const {
    if (o.n == 0) return {};
    LDB_TRY(add(s, o.sum));
    s.n += o.n;
    return {};
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.n == 0) {
      out.set_null(i);
    } else {
      out.data<T>()[i] = s.sum;
    }
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_varint(out, static_cast<std::uint64_t>(s.n));
    put_double(out, s.sum);
  }
  bool load(ByteReader& in, State& s) const {
    double sum = 0;
    if (!get_count(in, s.n) || !get_double(in, sum)) return false;
    s.sum = static_cast<T>(sum);
    return true;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {SqlType<T>::id}; }
};

enum class Spread : std::uint8_t { kAverage, kVarPop, kVarSamp, kStddevPop, kStddevSamp };
bool is_sample(Spread s) { return s == Spread::kVarSamp || s == Spread::kStddevSamp; }
bool is_deviation(Spread s) { return s == Spread::kStddevPop || s == Spread::kStddevSamp; }

/// avg and the variances of REAL and DOUBLE -> DOUBLE
template <class T>
struct FloatSpread {
  Spread spread;
  static constexpr bool kStrict = true;
  struct State {
    double n = 0;
    double sum = 0;      // of x
    double squares = 0;  // of differences from the mean
  };
  Status update(State& s, Arguments arguments, std::size_t row) const {
    const double v = arguments[0]->at<T>(row);
    const double n = s.n + 1;
    const double sum = s.sum + v;
    double squares = s.squares;
    if (s.n > 0) {
      const double difference = v * n - sum;
      squares += difference * difference / (n * s.n);
      if (std::isinf(sum) || std::isinf(squares)) {
        if (!std::isinf(s.sum) && !std::isinf(v)) return out_of_range("value out of range: overflow");
        squares = std::nan("");
      }
    } else if (std::isnan(v) || std::isinf(v)) {
      squares = std::nan("");
    }
    s = {n, sum, squares};
    return {};
  }
  Status merge(State& s, const State& o) const {
    if (o.n == 0) return {};
    if (s.n == 0) {
      s = o;
      return {};
    }
    const double n = s.n + o.n;
    const double sum = s.sum + o.sum;
    if (std::isinf(sum) && !std::isinf(s.sum) && !std::isinf(o.sum)) return out_of_range("value out of range: overflow");
    const double difference = s.sum / s.n - o.sum / o.n;
    const double squares = s.squares + o.squares + s.n * o.n * difference * difference / n;
    if (std::isinf(squares) && !std::isinf(s.squares) && !std::isinf(o.squares))
      return out_of_range("value out of range: overflow");
    s = {n, sum, squares};
    return {};
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.n == 0 || (is_sample(spread) && s.n <= 1)) {
      out.set_null(i);
      return {};
    }
    double v = spread == Spread::kAverage ? s.sum / s.n : s.squares / (is_sample(spread) ? s.n - 1 : s.n);
    if (is_deviation(spread)) v = std::sqrt(v);
    out.data<double>()[i] = v;
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_double(out, s.n);
    put_double(out, s.sum);
    put_double(out, s.squares);
  }
  bool load(ByteReader& in, State& s) const { return get_double(in, s.n) && get_double(in, s.sum) && get_double(in, s.squares); }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {TypeId::kDouble}; }
};

/// Variances of integers and NUMERIC -> NUMERIC: (n * sum(x^2) - sum(x)^2) / (n * (n - 1)), exactly.
template <class T>
struct ExactSpread {
  Spread spread;
  static constexpr bool kStrict = true;
  struct State {
    std::int64_t n = 0;
    std::int32_t scale = 0;
    int128_t sum = 0;
    BigInteger squares;  // at twice the scale
  };
  using Sum = SumExact<T, false>;

  static Status add(State& s, std::int64_t n, std::int32_t scale, int128_t sum, const BigInteger& squares) {
    typename Sum::State plain{s.n, s.scale, s.sum};
    LDB_TRY(Sum::add(plain, sum, scale));
    const auto lifted = [&plain](const BigInteger& v, std::int32_t from) {
      return from == plain.scale ? v : v * BigInteger::power_of_ten(static_cast<unsigned>(2 * (plain.scale - from)));
    };
    const BigInteger total = lifted(s.squares, s.scale) + lifted(squares, scale);
    if (total.bit_length() > 640) return Sum::overflow();  // leaves room for the multiplications in finish()
    s = {s.n + n, plain.scale, plain.sum, total};
    return {};
  }
  Status update(State& s, Arguments arguments, std::size_t row) const {
    int128_t v = 0;
    std::int32_t scale = 0;
    if constexpr (std::is_same_v<T, Decimal>) {
      v = arguments[0]->at<Decimal>(row).coefficient;
      scale = arguments[0]->at<Decimal>(row).scale;
    } else {
      v = arguments[0]->at<T>(row);
    }
    const BigInteger m(magnitude(v));
    return add(s, 1, scale, v, m * m);
  }
  Status merge(State& s, const State& o) const { return add(s, o.n, o.scale, o.sum, o.squares); }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.n == 0 || (is_sample(spread) && s.n <= 1)) {
      out.set_null(i);
      return {};
    }
    const BigInteger count(static_cast<uint128_t>(s.n));
    const BigInteger sum(magnitude(s.sum));
    const BigInteger left = count * s.squares;
    const BigInteger right = sum * sum;
    Decimal& result = out.data<Decimal>()[i];
    if (BigInteger::compare(left, right) <= 0) {
      result = {};
      return {};
    }
    const BigInteger numerator = left - right;
    const BigInteger denominator = count * (is_sample(spread) ? count - BigInteger(1) : count);
    const int scale = division_scale(leading_digit(numerator, 2 * s.scale), 2 * s.scale, leading_digit(denominator, 0), 0);
    if (!is_deviation(spread)) {
      LDB_ASSIGN_OR_RETURN(result, divide_big(false, numerator, 2 * s.scale, denominator, 0, scale, 0));
      return {};
    }
    // The variance, rounded to its scale as PostgreSQL does before taking the root; it may have more digits than NUMERIC holds.
    const int shift = scale - 2 * s.scale;
    const BigInteger variance =
        shift >= 0 ? divide_rounded(numerator * BigInteger::power_of_ten(static_cast<unsigned>(shift)), denominator)
                   : divide_rounded(numerator, denominator * BigInteger::power_of_ten(static_cast<unsigned>(-shift)));
    LDB_ASSIGN_OR_RETURN(result, square_root(variance, scale, scale));
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_varint(out, static_cast<std::uint64_t>(s.n));
    put_u8(out, static_cast<std::uint8_t>(s.scale));
    put_wide(out, s.sum);
    BigInteger rest = s.squares;
    put_varint(out, (rest.bit_length() + 127) / 128);
    for (; !rest.is_zero(); rest = rest.shifted_right(128)) put_wide(out, static_cast<int128_t>(rest.low_128()));
  }
  bool load(ByteReader& in, State& s) const {
    std::uint8_t scale = 0;
    std::uint64_t parts = 0;
    if (!get_count(in, s.n) || !in.u8(scale) || scale > kMaxDecimalDigits || !get_wide(in, s.sum) || !in.varint(parts) ||
        parts > 5)
      return false;
    s.scale = scale;
    for (unsigned i = 0; i < parts; ++i) {
      int128_t v = 0;
      if (!get_wide(in, v)) return false;
      s.squares = s.squares + BigInteger(static_cast<uint128_t>(v)).shifted_left(128 * i);
    }
    return s.squares.bit_length() <= 640;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {TypeId::kNumeric}; }
};

template <bool kAverage>
struct IntervalSum {
  static constexpr bool kStrict = true;
  struct State {
    std::int64_t n = 0;
    Interval sum;
  };
  Status update(State& s, Arguments arguments, std::size_t row) const { return merge(s, {1, arguments[0]->at<Interval>(row)}); }
  Status merge(State& s, const State& o) const {
    LDB_ASSIGN_OR_RETURN(s.sum, ldb::sql::add(s.sum, o.sum));
    s.n += o.n;
    return {};
  }
  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (s.n == 0) {
      out.set_null(i);
    } else if (kAverage) {
      LDB_ASSIGN_OR_RETURN(out.data<Interval>()[i], divide(s.sum, static_cast<double>(s.n)));
    } else {
      out.data<Interval>()[i] = s.sum;
    }
    return {};
  }
  void save(const State& s, std::string& out) const {
    put_varint(out, static_cast<std::uint64_t>(s.n));
    put_u32(out, static_cast<std::uint32_t>(s.sum.months));
    put_u32(out, static_cast<std::uint32_t>(s.sum.days));
    put_u64(out, static_cast<std::uint64_t>(s.sum.us));
  }
  bool load(ByteReader& in, State& s) const {
    std::uint32_t months = 0;
    std::uint32_t days = 0;
    std::uint64_t us = 0;
    if (!get_count(in, s.n) || !in.u32(months) || !in.u32(days) || !in.u64(us)) return false;
    s.sum = {static_cast<std::int32_t>(months), static_cast<std::int32_t>(days), static_cast<std::int64_t>(us)};
    return true;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {TypeId::kInterval}; }
};

template <class Traits>
std::unique_ptr<AggregateStates> states(Traits traits) {
  return std::make_unique<GroupStates<Traits>>(std::move(traits));
}

std::unique_ptr<AggregateStates> make_spread(TypeId t, Spread spread) {
  switch (t) {
    case TypeId::kSmallInt:
      return states(ExactSpread<std::int16_t>{spread});
    case TypeId::kInteger:
      return states(ExactSpread<std::int32_t>{spread});
    case TypeId::kBigInt:
      return states(ExactSpread<std::int64_t>{spread});
    case TypeId::kReal:
      return states(FloatSpread<float>{spread});
    case TypeId::kDouble:
      return states(FloatSpread<double>{spread});
    default:
      return states(ExactSpread<Decimal>{spread});
  }
}

}  // namespace

std::unique_ptr<AggregateStates> make_sum(TypeId t) {
  switch (t) {
    case TypeId::kSmallInt:
      return states(SumSmall<std::int16_t>{});
    case TypeId::kInteger:
      return states(SumSmall<std::int32_t>{});
    case TypeId::kBigInt:
      return states(SumExact<std::int64_t, false>{});
    case TypeId::kReal:
      return states(SumFloat<float>{});
    case TypeId::kDouble:
      return states(SumFloat<double>{});
    case TypeId::kInterval:
      return states(IntervalSum<false>{});
    default:
      return states(SumExact<Decimal, false>{});
  }
}

std::unique_ptr<AggregateStates> make_avg(TypeId t) {
  switch (t) {
    case TypeId::kSmallInt:
      return states(SumExact<std::int16_t, true>{});
    case TypeId::kInteger:
      return states(SumExact<std::int32_t, true>{});
    case TypeId::kBigInt:
      return states(SumExact<std::int64_t, true>{});
    case TypeId::kReal:
      return states(FloatSpread<float>{Spread::kAverage});
    case TypeId::kDouble:
      return states(FloatSpread<double>{Spread::kAverage});
    case TypeId::kInterval:
      return states(IntervalSum<true>{});
    default:
      return states(SumExact<Decimal, true>{});
  }
}

std::unique_ptr<AggregateStates> make_var_pop(TypeId t) { return make_spread(t, Spread::kVarPop); }
std::unique_ptr<AggregateStates> make_var_samp(TypeId t) { return make_spread(t, Spread::kVarSamp); }
std::unique_ptr<AggregateStates> make_stddev_pop(TypeId t) { return make_spread(t, Spread::kStddevPop); }
std::unique_ptr<AggregateStates> make_stddev_samp(TypeId t) { return make_spread(t, Spread::kStddevSamp); }

}  // namespace ldb::sql
