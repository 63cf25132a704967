// Numbers: rounding, roots, logarithms, trigonometry, integer arithmetic.
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "base/rt/rt.hpp"
#include "sql/expr/kernels.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/text_io.hpp"

namespace ldb::sql {
namespace {

Status overflow() { return out_of_range("value out of range: overflow"); }
Status underflow() { return out_of_range("value out of range: underflow"); }

template <class T>
Result<T> absolute(T v) {
  if (v == std::numeric_limits<T>::min()) return integer_out_of_range(SqlType<T>::id);
  return static_cast<T>(v < 0 ? -v : v);
}

template <class T>
Result<T> greatest_common_divisor(T a, T b) {
  using Unsigned = std::make_unsigned_t<T>;
  const auto of = [](T v) { return v < 0 ? static_cast<Unsigned>(0) - static_cast<Unsigned>(v) : static_cast<Unsigned>(v); };
  const Unsigned g = std::gcd(of(a), of(b));
  if (g > static_cast<Unsigned>(std::numeric_limits<T>::max())) return integer_out_of_range(SqlType<T>::id);
  return static_cast<T>(g);
}

template <class T>
Result<T> least_common_multiple(T a, T b) {
  if (a == 0 || b == 0) return T{0};
  LDB_ASSIGN_OR_RETURN(const T g, greatest_common_divisor(a, b));
  T m = 0;
  if (__builtin_mul_overflow(static_cast<T>(a / g), b, &m) || m == std::numeric_limits<T>::min())
    return integer_out_of_range(SqlType<T>::id);
  return static_cast<T>(m < 0 ? -m : m);
}

Result<Decimal> greatest_common_divisor(Decimal a, Decimal b) {
  const int scale = std::max(a.scale, b.scale);
  while (b.coefficient != 0) {
    LDB_ASSIGN_OR_RETURN(const Decimal r, remainder(a, b));
    a = b;
    b = r;
  }
  return round(a.coefficient < 0 ? negate(a) : a, scale);
}

Result<Decimal> least_common_multiple(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale, b.scale);
  if (a.coefficient == 0 || b.coefficient == 0) return Decimal{0, scale};
  LDB_ASSIGN_OR_RETURN(const Decimal g, greatest_common_divisor(a, b));
  LDB_ASSIGN_OR_RETURN(const Decimal q, integer_quotient(a, g));
  LDB_ASSIGN_OR_RETURN(const Decimal m, multiply(q, b));
  return round(m.coefficient < 0 ? negate(m) : m, scale);
}

template <class T>
void register_integer(FunctionRegistry& r) {
  add_function(r, "abs", absolute<T>);
  add_function(r, "mod", [](T a, T b) -> Result<T> {
    if (b == 0) return division_by_zero();
    return b == -1 ? T{0} : static_cast<T>(a % b);
  });
  if constexpr (sizeof(T) > 2) {
    add_function(r, "gcd", [](T a, T b) { return greatest_common_divisor(a, b); });
    add_function(r, "lcm", [](T a, T b) { return least_common_multiple(a, b); });
  }
}

Result<double> checked(double result, bool inputs_infinite) {
  if (std::isinf(result) && !inputs_infinite) return overflow();
  return result;
}

Result<double> power_double(double base, double exponent) {
  if (std::isnan(base)) return exponent == 0 ? 1.0 : base;
  if (std::isnan(exponent)) return base == 1 ? 1.0 : exponent;
  if (base == 0 && exponent < 0) return invalid("2201F", "zero raised to a negative power is undefined");
  if (base < 0 && !std::isinf(exponent) && std::floor(exponent) != exponent) {
    return invalid("2201F", "a negative number raised to a non-integer power yields a complex result");
  }
  const double v = std::pow(base, exponent);
  if (std::isinf(base) || std::isinf(exponent)) return v;
  if (std::isinf(v)) return overflow();
  if (v == 0 && base != 0) return underflow();
  return v;
}

Result<double> exponential_double(double v) {
  const double r = std::exp(v);
  if (std::isinf(v)) return r;
  if (std::isinf(r)) return overflow();
  if (r == 0) return underflow();
  return r;
}

template <class F>
auto logarithm_double(F f) {
  return [f](double v) -> Result<double> {
    if (v == 0) return invalid("2201E", "cannot take logarithm of zero");
    if (v < 0) return invalid("2201E", "cannot take logarithm of a negative number");
    return f(v);
  };
}

/// Functions of one double that refuse infinities (sin) or values outside [-1, 1] (asin).
template <class F>
auto refusing(F f, bool (*refuse)(double)) {
  return [f, refuse](double v) -> Result<double> {
    if (!std::isnan(v) && refuse(v)) return out_of_range("input is out of range");
    return f(v);
  };
}

void register_trigonometry(FunctionRegistry& r) {
  const auto infinite = [](double v) { return std::isinf(v); };
  const auto outside_one = [](double v) { return v < -1 || v > 1; };
  add_function(r, "sin", refusing([](double v) { return std::sin(v); }, infinite));
  add_function(r, "cos", refusing([](double v) { return std::cos(v); }, infinite));
  add_function(r, "tan", refusing([](double v) { return std::tan(v); }, infinite));
  add_function(r, "cot", refusing([](double v) { return 1.0 / std::tan(v); }, infinite));
  add_function(r, "asin", refusing([](double v) { return std::asin(v); }, outside_one));
  add_function(r, "acos", refusing([](double v) { return std::acos(v); }, outside_one));
  add_function(r, "atan", [](double v) { return std::atan(v); });
  add_function(r, "atan2", [](double a, double b) { return std::atan2(a, b); });
  add_function(r, "sinh", [](double v) { return std::sinh(v); });
  add_function(r, "cosh", [](double v) { return std::cosh(v); });
  add_function(r, "tanh", [](double v) { return std::tanh(v); });
  add_function(r, "asinh", [](double v) { return std::asinh(v); });
  add_function(r, "acosh", refusing([](double v) { return std::acosh(v); }, [](double v) { return v < 1; }));
  add_function(r, "atanh", refusing([](double v) { return std::atanh(v); }, outside_one));
  constexpr double kRadiansPerDegree = 0.0174532925199432957692;
  add_function(r, "degrees", [](double v) { return checked(v / kRadiansPerDegree, std::isinf(v)); });
  add_function(r, "radians", [](double v) { return v * kRadiansPerDegree; });
  add_function(r, "pi", []() { return std::numbers::pi; });
}

Status bad_bucket(const char* message) { return invalid("2201G", message); }

Result<std::int32_t> bucket_double(double v, double low, double high, std::int32_t count) {
  if (count <= 0) return bad_bucket("count must be greater than zero");
  if (std::isnan(v) || std::isnan(low) || std::isnan(high))
    return bad_bucket("operand, lower bound, and upper bound cannot be NaN");
  if (std::isinf(low) || std::isinf(high)) return bad_bucket("lower and upper bounds must be finite");
  if (low == high) return bad_bucket("lower bound cannot equal upper bound");
  const bool ascending = low < high;
  if (ascending ? v < low : v > low) return 0;
  if (ascending ? v >= high : v <= high) {
    if (count == INT32_MAX) return integer_out_of_range(TypeId::kInteger);
    return count + 1;
  }
  const double width = ascending ? high - low : low - high;
  const double offset = ascending ? v - low : low - v;
  const double share = std::isinf(width) ? (offset / 2) / (ascending ? high / 2 - low / 2 : low / 2 - high / 2) : offset / width;
  auto bucket = static_cast<std::int32_t>(count * share);
  if (bucket >= count) bucket = count - 1;
  return bucket + 1;
}

Result<std::int32_t> bucket_decimal(Decimal v, Decimal low, Decimal high, std::int32_t count) {
  if (count <= 0) return bad_bucket("count must be greater than zero");
  const auto order = compare(low, high);
  if (order == 0) return bad_bucket("lower bound cannot equal upper bound");
  const bool ascending = order < 0;
  if (ascending ? compare(v, low) < 0 : compare(v, low) > 0) return 0;
  if (ascending ? compare(v, high) >= 0 : compare(v, high) <= 0) {
    if (count == INT32_MAX) return integer_out_of_range(TypeId::kInteger);
    return count + 1;
  }
  LDB_ASSIGN_OR_RETURN(const Decimal offset, subtract(v, low));
  LDB_ASSIGN_OR_RETURN(const Decimal width, subtract(high, low));
  const int scale = std::max(offset.scale, width.scale);
  const auto aligned = [scale](const Decimal& d) {
    return BigInteger(magnitude(d.coefficient)) * BigInteger::power_of_ten(static_cast<unsigned>(scale - d.scale));
  };
  BigInteger q;
  BigInteger rest;
  BigInteger::divide(aligned(offset) * BigInteger(static_cast<uint128_t>(count)), aligned(width), q, rest);
  return static_cast<std::int32_t>(q.low_128()) + 1;
}

Result<Decimal> factorial(std::int64_t n) {
  if (n < 0) return out_of_range("factorial of a negative number is undefined");
  Decimal f{1, 0};
  for (std::int64_t i = 2; i <= n; ++i) {
    LDB_ASSIGN_OR_RETURN(f, multiply(f, decimal_of(i)));
  }
  return f;
}

int least_scale(const Decimal& d) {
  Decimal r = d;
  while (r.scale > 0 && r.coefficient % 10 == 0) {
    r.coefficient /= 10;
    --r.scale;
  }
  return r.scale;
}

void register_decimal(FunctionRegistry& r) {
  add_function(r, "abs", [](Decimal v) { return v.coefficient < 0 ? negate(v) : v; });
  add_functions(r, {"ceil", "ceiling"}, [](Decimal v) { return ceiling(v); });
  add_function(r, "floor", [](Decimal v) { return floor(v); });
  add_function(r, "round", [](Decimal v) { return round(v, 0); });
  add_function(r, "round", [](Decimal v, std::int32_t n) { return round(v, n); });
  add_function(r, "trunc", [](Decimal v) { return truncate(v, 0); });
  add_function(r, "trunc", [](Decimal v, std::int32_t n) { return truncate(v, n); });
  add_function(r, "sign", [](Decimal v) { return Decimal{v.coefficient < 0 ? -1 : v.coefficient > 0 ? 1 : 0, 0}; });
  add_function(r, "sqrt", [](Decimal v) { return square_root(v); });
  add_function(r, "exp", [](Decimal v) { return exponential(v); });
  add_function(r, "ln", [](Decimal v) { return natural_logarithm(v); });
  add_functions(r, {"log", "log10"}, [](Decimal v) { return logarithm(Decimal{10, 0}, v); });
  add_function(r, "log", [](Decimal b, Decimal v) { return logarithm(b, v); });
  add_functions(r, {"power", "pow"}, [](Decimal a, Decimal b) { return power(a, b); });
  add_function(r, "mod", [](Decimal a, Decimal b) { return remainder(a, b); });
  add_function(r, "div", [](Decimal a, Decimal b) { return integer_quotient(a, b); });
  add_function(r, "gcd", [](Decimal a, Decimal b) { return greatest_common_divisor(a, b); });
  add_function(r, "lcm", [](Decimal a, Decimal b) { return least_common_multiple(a, b); });
  add_function(r, "scale", [](Decimal v) { return v.scale; });
  add_function(r, "min_scale", [](Decimal v) { return std::int32_t{least_scale(v)}; });
  add_function(r, "trim_scale", [](Decimal v) { return truncate(v, least_scale(v)); });
  add_function(r, "factorial", factorial);
}

}  // namespace

void register_math_functions(FunctionRegistry& r) {
  register_integer<std::int16_t>(r);
  register_integer<std::int32_t>(r);
  register_integer<std::int64_t>(r);
  register_decimal(r);
  add_function(r, "abs", [](float v) { return std::fabs(v); });
  add_function(r, "abs", [](double v) { return std::fabs(v); });
  add_functions(r, {"ceil", "ceiling"}, [](double v) { return std::ceil(v); });
  add_function(r, "floor", [](double v) { return std::floor(v); });
  add_function(r, "round", [](double v) { return std::rint(v); });
  add_function(r, "trunc", [](double v) { return std::trunc(v); });
  add_function(r, "sign", [](double v) { return std::isnan(v) ? v : v > 0 ? 1.0 : v < 0 ? -1.0 : 0.0; });
  const auto root = [](double v) -> Result<double> {
    if (v < 0) return invalid("2201F", "cannot take square root of a negative number");
    return std::sqrt(v);
  };
  add_function(r, "sqrt", root);
  add_operator(r, "|/", root);
  add_function(r, "cbrt", [](double v) { return std::cbrt(v); });
  add_operator(r, "||/", [](double v) { return std::cbrt(v); });
  add_function(r, "exp", exponential_double);
  add_function(r, "ln", logarithm_double([](double v) { return std::log(v); }));
  add_functions(r, {"log", "log10"}, logarithm_double([](double v) { return std::log10(v); }));
  add_functions(r, {"power", "pow"}, power_double);
  add_operator(r, "^", power_double);
  add_function(r, "width_bucket", bucket_double);
  add_function(r, "width_bucket", bucket_decimal);
  register_trigonometry(r);
  add_function(
      r, "random", []() { return static_cast<double>(rt::random_u64() >> 11) * 0x1p-53; }, Volatility::kVolatile);
}

}  // namespace ldb::sql
