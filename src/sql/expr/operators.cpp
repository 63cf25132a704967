// Arithmetic, bit and concatenation operators, for PostgreSQL's type pairs.
#include <cmath>
#include <limits>

#include "sql/expr/kernels.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/text_io.hpp"

namespace ldb::sql {
namespace {

template <class T>
Status integer_overflow() {
  return integer_out_of_range(SqlType<T>::id);
}

Status overflow() { return out_of_range("value out of range: overflow"); }
Status underflow() { return out_of_range("value out of range: underflow"); }

/// Loop over two integer columns; the operation answers false on overflow.
template <class A, class B, class R, class Op>
void add_integer_operator(FunctionRegistry& r, const char* symbol, Op op) {
  Function f;
  f.name = symbol;
  f.arguments = {SqlType<A>::id, SqlType<B>::id};
  f.result = SqlType<R>::id;
  f.is_operator = true;
  f.body = [op](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&, ColumnVector& out) -> Status {
    const kernel::Argument<A> a(*arguments[0]);
    const kernel::Argument<B> b(*arguments[1]);
    R* result = out.data<R>();
    bool failed = false;
    rows.for_each([&](std::size_t row) { failed |= op(a[row], b[row], result[row]); });
    return failed ? integer_overflow<R>() : Status();
  };
  r.add(std::move(f));
}

template <class A, class B>
void register_integer_pair(FunctionRegistry& r) {
  using R = std::conditional_t<(sizeof(A) > sizeof(B)), A, B>;
  add_integer_operator<A, B, R>(r, "+", [](A a, B b, R& out) { return __builtin_add_overflow(a, b, &out); });
  add_integer_operator<A, B, R>(r, "-", [](A a, B b, R& out) { return __builtin_sub_overflow(a, b, &out); });
  add_integer_operator<A, B, R>(r, "*", [](A a, B b, R& out) { return __builtin_mul_overflow(a, b, &out); });
  add_operator(r, "/", [](A a, B b) -> Result<R> {
    if (b == 0) return division_by_zero();
    if (b == -1) {
      R negated = 0;
      if (__builtin_sub_overflow(R{0}, a, &negated)) return integer_overflow<R>();
      return negated;
    }
    return static_cast<R>(static_cast<R>(a) / static_cast<R>(b));
  });
}

template <class T>
void register_integer(FunctionRegistry& r) {
  add_operator(r, "%", [](T a, T b) -> Result<T> {
    if (b == 0) return division_by_zero();
    return b == -1 ? T{0} : static_cast<T>(a % b);
  });
  add_operator(r, "+", [](T a) { return a; });
  add_operator(r, "-", [](T a) -> Result<T> {
    if (a == std::numeric_limits<T>::min()) return integer_overflow<T>();
    return static_cast<T>(-a);
  });
  add_operator(r, "@", [](T a) -> Result<T> {
    if (a == std::numeric_limits<T>::min()) return integer_overflow<T>();
    return static_cast<T>(a < 0 ? -a : a);
  });
  add_operator(r, "&", [](T a, T b) { return static_cast<T>(a & b); });
  add_operator(r, "|", [](T a, T b) { return static_cast<T>(a | b); });
  add_operator(r, "#", [](T a, T b) { return static_cast<T>(a ^ b); });
  add_operator(r, "~", [](T a) { return static_cast<T>(~a); });
  // Shift counts count modulo the width, as the processor PostgreSQL runs on does it; SMALLINT is shifted as 32 bits.
  using Wide = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  using SignedWide = std::make_signed_t<Wide>;
  constexpr unsigned kMask = sizeof(Wide) * 8 - 1;
  add_operator(r, "<<",
               [](T a, std::int32_t n) { return static_cast<T>(static_cast<Wide>(a) << (static_cast<unsigned>(n) & kMask)); });
  add_operator(r, ">>", [](T a, std::int32_t n) {
    return static_cast<T>(static_cast<SignedWide>(a) >> (static_cast<unsigned>(n) & kMask));
  });
}

template <class R>
Result<R> checked(R result, bool inputs_infinite, bool zero_is_expected) {
  if (std::isinf(result) && !inputs_infinite) return overflow();
  if (result == 0 && !zero_is_expected) return underflow();
  return result;
}

template <class A, class B>
void register_float_pair(FunctionRegistry& r) {
  using R = std::conditional_t<(sizeof(A) > sizeof(B)), A, B>;
  add_operator(r, "+", [](A a, B b) { return checked<R>(R(a) + R(b), std::isinf(a) || std::isinf(b), true); });
  add_operator(r, "-", [](A a, B b) { return checked<R>(R(a) - R(b), std::isinf(a) || std::isinf(b), true); });
  add_operator(r, "*", [](A a, B b) { return checked<R>(R(a) * R(b), std::isinf(a) || std::isinf(b), a == 0 || b == 0); });
  add_operator(r, "/", [](A a, B b) -> Result<R> {
    if (b == 0 && !std::isnan(a)) return division_by_zero();
    return checked<R>(R(a) / R(b), std::isinf(a), a == 0 || std::isinf(b));
  });
}

template <class T>
void register_float(FunctionRegistry& r) {
  add_operator(r, "+", [](T a) { return a; });
  add_operator(r, "-", [](T a) { return -a; });
  add_operator(r, "@", [](T a) { return std::fabs(a); });
}

void register_decimal(FunctionRegistry& r) {
  add_operator(r, "+", [](Decimal a, Decimal b) { return add(a, b); });
  add_operator(r, "-", [](Decimal a, Decimal b) { return subtract(a, b); });
  add_operator(r, "*", [](Decimal a, Decimal b) { return multiply(a, b); });
  add_operator(r, "/", [](Decimal a, Decimal b) { return divide(a, b); });
  add_operator(r, "%", [](Decimal a, Decimal b) { return remainder(a, b); });
  add_operator(r, "^", [](Decimal a, Decimal b) { return power(a, b); });
  add_operator(r, "+", [](Decimal a) { return a; });
  add_operator(r, "-", [](Decimal a) { return negate(a); });
  add_operator(r, "@", [](Decimal a) { return a.coefficient < 0 ? negate(a) : a; });
}

Result<Timestamp> plus(Date d, const Interval& i) {
  LDB_ASSIGN_OR_RETURN(const Timestamp t, to_timestamp(d));
  return add(t, i);
}

void register_datetime(FunctionRegistry& r) {
  add_operator(r, "+", [](Date d, std::int32_t n) { return add_days(d, n); });
  add_operator(r, "+", [](std::int32_t n, Date d) { return add_days(d, n); });
  add_operator(r, "-", [](Date d, std::int32_t n) { return add_days(d, -std::int64_t{n}); });
  add_operator(r, "-", [](Date a, Date b) -> Result<std::int32_t> {
    if (!is_finite(a) || !is_finite(b)) return invalid("22008", "cannot subtract infinite dates");
    std::int32_t days = 0;
    if (__builtin_sub_overflow(a.days, b.days, &days)) return integer_overflow<std::int32_t>();
    return days;
  });
  add_operator(r, "+", [](Date d, Interval i) { return plus(d, i); });
  add_operator(r, "+", [](Interval i, Date d) { return plus(d, i); });
  add_operator(r, "-", [](Date d, Interval i) -> Result<Timestamp> {
    LDB_ASSIGN_OR_RETURN(const Timestamp t, to_timestamp(d));
    return subtract(t, i);
  });
  add_operator(r, "+", [](Timestamp t, Interval i) { return add(t, i); });
  add_operator(r, "+", [](Interval i, Timestamp t) { return add(t, i); });
  add_operator(r, "-", [](Timestamp t, Interval i) { return subtract(t, i); });
  add_operator(r, "-", [](Timestamp a, Timestamp b) { return subtract(a, b); });
  add_operator(r, "+", [](Interval a, Interval b) { return add(a, b); });
  add_operator(r, "-", [](Interval a, Interval b) { return subtract(a, b); });
  add_operator(r, "-", [](Interval a) { return negate(a); });
  add_operator(r, "*", [](Interval a, double b) { return multiply(a, b); });
  add_operator(r, "*", [](double a, Interval b) { return multiply(b, a); });
  add_operator(r, "/", [](Interval a, double b) { return divide(a, b); });
}

/// text || anything and the other way round: the value's text.
void register_concatenation(FunctionRegistry& r) {
  add_operator(r, "||", [](std::string_view a, std::string_view b) { return std::string(a).append(b); });
  add_operator(r, "||", [](BytesView a, BytesView b) { return Bytes{std::string(a.data).append(b.data)}; });
  for (const bool text_first : {true, false}) {
    Function f;
    f.name = "||";
    f.is_operator = true;
    f.arguments =
        text_first ? std::vector<TypeId>{TypeId::kText, TypeId::kNull} : std::vector<TypeId>{TypeId::kNull, TypeId::kText};
    f.result = TypeId::kText;
    f.volatility = Volatility::kStable;
    f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
      for (std::size_t i = 0; i < rows.count; ++i) {
        LDB_TRY(ValueRoom{context}.check(out.arena().memory_bytes()));
        LDB_ASSIGN_OR_RETURN(const Value a,
                             cast_value(arguments[0]->value(rows[i]), DataType{TypeId::kText}, CastContext::kExplicit));
        LDB_ASSIGN_OR_RETURN(const Value b,
                             cast_value(arguments[1]->value(rows[i]), DataType{TypeId::kText}, CastContext::kExplicit));
        out.set_string(rows[i], a.to_string() + b.to_string());
      }
      return {};
    };
    r.add(std::move(f));
  }
}

}  // namespace

void register_arithmetic_operators(FunctionRegistry& r) {
  register_integer_pair<std::int16_t, std::int16_t>(r);
  register_integer_pair<std::int16_t, std::int32_t>(r);
  register_integer_pair<std::int16_t, std::int64_t>(r);
  register_integer_pair<std::int32_t, std::int16_t>(r);
  register_integer_pair<std::int32_t, std::int32_t>(r);
  register_integer_pair<std::int32_t, std::int64_t>(r);
  register_integer_pair<std::int64_t, std::int16_t>(r);
  register_integer_pair<std::int64_t, std::int32_t>(r);
  register_integer_pair<std::int64_t, std::int64_t>(r);
  register_integer<std::int16_t>(r);
  register_integer<std::int32_t>(r);
  register_integer<std::int64_t>(r);
  register_float_pair<float, float>(r);
  register_float_pair<float, double>(r);
  register_float_pair<double, float>(r);
  register_float_pair<double, double>(r);
  register_float<float>(r);
  register_float<double>(r);
  register_decimal(r);
  register_datetime(r);
  register_concatenation(r);
}

}  // namespace ldb::sql
