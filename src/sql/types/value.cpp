// ldb::Value's conversions.
#include "ldb/value.hpp"

#include <cmath>
#include <limits>

#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/text_io.hpp"

namespace ldb {
namespace {

Status wrong_kind(const Value& v, std::string_view wanted) {
  if (v.is_null()) return {StatusCode::kInvalidArgument, "the value is NULL; read it as std::optional"};
  return {StatusCode::kInvalidArgument,
          "a value of type " + DataType{v.type()}.to_string() + " does not read as " + std::string(wanted)};
}

Status does_not_fit(const Value& v, std::string_view wanted) {
  return {StatusCode::kInvalidArgument, "the value " + v.to_string() + " does not fit " + std::string(wanted)};
}

/// Integers, and NUMERIC without a fraction (sum() of BIGINT is one).
template <class T>
Result<T> integer_as(const Value& v, std::string_view wanted) {
  std::int64_t i = 0;
  if (const auto* p = std::get_if<std::int64_t>(&v.storage())) {
    i = *p;
  } else if (const auto* d = std::get_if<Decimal>(&v.storage())) {
    if (compare(sql::truncate(*d, 0), *d) != 0 || !sql::to_int64(*d, i)) return does_not_fit(v, wanted);
  } else {
    return wrong_kind(v, wanted);
  }
  if (i < std::numeric_limits<T>::min() || i > std::numeric_limits<T>::max()) return does_not_fit(v, wanted);
  return static_cast<T>(i);
}

template <class T>
Result<T> held(const Value& v, std::string_view wanted) {
  if (const auto* p = std::get_if<T>(&v.storage())) return *p;
  return wrong_kind(v, wanted);
}

}  // namespace

template <>
Result<bool> Value::as() const {
  return held<bool>(*this, "bool");
}
template <>
Result<std::int16_t> Value::as() const {
  return integer_as<std::int16_t>(*this, "a 16-bit integer");
}
template <>
Result<std::int32_t> Value::as() const {
  return integer_as<std::int32_t>(*this, "a 32-bit integer");
}
template <>
Result<std::int64_t> Value::as() const {
  return integer_as<std::int64_t>(*this, "a 64-bit integer");
}
template <>
Result<double> Value::as() const {
  if (const auto* p = std::get_if<double>(&storage_)) return *p;
  if (const auto* p = std::get_if<std::int64_t>(&storage_)) return static_cast<double>(*p);
  if (const auto* p = std::get_if<Decimal>(&storage_)) return p->to_double();
  return wrong_kind(*this, "double");
}
template <>
Result<float> Value::as() const {
  LDB_ASSIGN_OR_RETURN(const double d, as<double>());
  const auto f = static_cast<float>(d);
  if (std::isinf(f) && !std::isinf(d)) return does_not_fit(*this, "float");
  return f;
}
template <>
Result<Decimal> Value::as() const {
  if (const auto* p = std::get_if<std::int64_t>(&storage_)) return Decimal{*p, 0};
  return held<Decimal>(*this, "Decimal");
}
template <>
Result<std::string> Value::as() const {
  if (is_null()) return wrong_kind(*this, "std::string");
  return to_string();
}
template <>
Result<Bytes> Value::as() const {
  return held<Bytes>(*this, "Bytes");
}
template <>
Result<Date> Value::as() const {
  return held<Date>(*this, "Date");
}
template <>
Result<Timestamp> Value::as() const {
  return held<Timestamp>(*this, "Timestamp");
}
template <>
Result<Interval> Value::as() const {
  return held<Interval>(*this, "Interval");
}

// The optionals: NULL is a value without content.
#define LDB_OPTIONAL_AS(T)                     \
  template <>                                  \
  Result<std::optional<T>> Value::as() const { \
    if (is_null()) return std::optional<T>();  \
    LDB_ASSIGN_OR_RETURN(auto v, as<T>());     \
    return std::optional<T>(std::move(v));     \
  }
LDB_OPTIONAL_AS(bool)
LDB_OPTIONAL_AS(std::int16_t)
LDB_OPTIONAL_AS(std::int32_t)
LDB_OPTIONAL_AS(std::int64_t)
LDB_OPTIONAL_AS(float)
LDB_OPTIONAL_AS(double)
LDB_OPTIONAL_AS(Decimal)
LDB_OPTIONAL_AS(std::string)
LDB_OPTIONAL_AS(Bytes)
LDB_OPTIONAL_AS(Date)
LDB_OPTIONAL_AS(Timestamp)
LDB_OPTIONAL_AS(Interval)
#undef LDB_OPTIONAL_AS

std::string Value::to_string() const {
  switch (storage_.index()) {
    case 1:
      return std::get<bool>(storage_) ? "t" : "f";
    case 2:
      return std::to_string(std::get<std::int64_t>(storage_));
    case 3: {
      const auto v = std::get<double>(storage_);
      return type_ == TypeId::kReal ? sql::format(static_cast<float>(v)) : sql::format(v);
    }
    case 4:
      return std::get<Decimal>(storage_).to_string();
    case 5:
      return std::get<std::string>(storage_);
    case 6:
      return sql::format_bytea(std::get<Bytes>(storage_).data);
    case 7:
      return sql::format(std::get<Date>(storage_));
    case 8:
      return sql::format(std::get<Timestamp>(storage_));
    case 9:
      return sql::format(std::get<Interval>(storage_));
    default:
      return {};
  }
}

}  // namespace ldb
