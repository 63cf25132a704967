#include "sql/types/cast.hpp"

#include <cmath>

#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/text_io.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

std::string_view without_trailing_blanks(std::string_view s) {
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

/// VARCHAR(n) and CHAR(n): cuts or refuses what is too long, pads CHAR.
Result<Value> fit_string(std::string text, DataType to, CastContext context) {
  if (to.length >= 0 && to.id != TypeId::kText) {
    const auto limit = static_cast<std::size_t>(to.length);
    const std::size_t keep = text.size() <= limit ? text.size() : utf8_prefix(text, limit);
    if (keep < text.size()) {
      if (context != CastContext::kExplicit && text.find_first_not_of(' ', keep) != std::string::npos) {
        return invalid("22001", "value too long for type " + to.to_string());
      }
      text.resize(keep);
    }
    if (to.id == TypeId::kChar) {
      const std::size_t characters = utf8_length(text);
      if (characters < limit) text.append(limit - characters, ' ');
    }
  }
  return Value(to.id, std::move(text));
}

Result<Value> fit_number(Decimal d, DataType to) {
  if (to.length >= 0) {
    LDB_ASSIGN_OR_RETURN(d, fit(d, to.length, to.scale));
  }
  return Value(TypeId::kNumeric, d);
}

Result<Value> integer(std::int64_t v, TypeId to) {
  const std::int64_t highest = to == TypeId::kSmallInt ? INT16_MAX : to == TypeId::kInteger ? INT32_MAX : INT64_MAX;
  if (v > highest || v < -highest - 1) return integer_out_of_range(to);
  return Value(to, v);
}

Result<Value> integer_of_double(double v, TypeId to) {
  const double r = std::rint(v);
  if (std::isnan(r) || r >= 9223372036854775808.0 || r < -9223372036854775808.0) return integer_out_of_range(to);
  return integer(static_cast<std::int64_t>(r), to);
}

Result<Value> real_of_double(double v) {
  const auto f = static_cast<float>(v);
  if (std::isinf(f) && !std::isinf(v)) return out_of_range("value out of range: overflow");
  if (f == 0 && v != 0) return out_of_range("value out of range: underflow");
  return Value(TypeId::kReal, double{f});
}

Status no_cast(TypeId from, TypeId to) {
  return invalid("42846", "cannot cast type " + DataType{from}.to_string() + " to " + DataType{to}.to_string());
}

Result<Value> from_integer(const Value& value, DataType to) {
  const auto v = std::get<std::int64_t>(value.storage());
  switch (to.id) {
    case TypeId::kBoolean:
      return Value(v != 0);
    case TypeId::kSmallInt:
    case TypeId::kInteger:
    case TypeId::kBigInt:
      return integer(v, to.id);
    case TypeId::kReal:
      return Value(static_cast<float>(v));
    case TypeId::kDouble:
      return Value(static_cast<double>(v));
    case TypeId::kNumeric:
      return fit_number(decimal_of(v), to);
    default:
      return no_cast(value.type(), to.id);
  }
}

Result<Value> from_double(const Value& value, DataType to) {
  const auto v = std::get<double>(value.storage());
  switch (to.id) {
    case TypeId::kSmallInt:
    case TypeId::kInteger:
    case TypeId::kBigInt:
      return integer_of_double(v, to.id);
    case TypeId::kReal:
      return real_of_double(v);
    case TypeId::kDouble:
      return Value(v);
    case TypeId::kNumeric: {
      auto d = value.type() == TypeId::kReal ? decimal_of_float(static_cast<float>(v)) : decimal_of_double(v);
      if (!d) return d.error();
      return fit_number(*d, to);
    }
    default:
      return no_cast(value.type(), to.id);
  }
}

Result<Value> from_decimal(const Decimal& d, DataType to) {
  switch (to.id) {
    case TypeId::kSmallInt:
    case TypeId::kInteger:
    case TypeId::kBigInt: {
      std::int64_t v = 0;
      if (!to_int64(d, v)) return integer_out_of_range(to.id);
      return integer(v, to.id);
    }
    case TypeId::kReal: {
      // Through text, so that it is rounded once.
      LDB_ASSIGN_OR_RETURN(const float f, parse_float(d.to_string()));
      return Value(f);
    }
    case TypeId::kDouble:
      return Value(to_double(d));
    case TypeId::kNumeric:
      return fit_number(d, to);
    default:
      return no_cast(TypeId::kNumeric, to.id);
  }
}

}  // namespace

Result<Value> parse_value(std::string_view text, DataType type) {
  switch (type.id) {
    case TypeId::kNull:
      return Value(TypeId::kText, std::string(text));
    case TypeId::kBoolean: {
      LDB_ASSIGN_OR_RETURN(const bool v, parse_boolean(text));
      return Value(v);
    }
    case TypeId::kSmallInt:
    case TypeId::kInteger:
    case TypeId::kBigInt: {
      LDB_ASSIGN_OR_RETURN(const std::int64_t v, parse_integer(text, type.id));
      return Value(type.id, v);
    }
    case TypeId::kReal: {
      LDB_ASSIGN_OR_RETURN(const float v, parse_float(text));
      return Value(v);
    }
    case TypeId::kDouble: {
      LDB_ASSIGN_OR_RETURN(const double v, parse_double(text));
      return Value(v);
    }
    case TypeId::kNumeric: {
      LDB_ASSIGN_OR_RETURN(const Decimal v, Decimal::parse(text));
      return fit_number(v, type);
    }
    case TypeId::kText:
    case TypeId::kVarchar:
    case TypeId::kChar:
      return fit_string(std::string(text), type, CastContext::kAssignment);
    case TypeId::kBytea: {
      LDB_ASSIGN_OR_RETURN(std::string v, parse_bytea(text));
      return Value(Bytes{std::move(v)});
    }
    case TypeId::kDate: {
      LDB_ASSIGN_OR_RETURN(const Date v, parse_date(text));
      return Value(v);
    }
    case TypeId::kTimestamp: {
      LDB_ASSIGN_OR_RETURN(const Timestamp v, parse_timestamp(text));
      return Value(type.length >= 0 ? round_to_precision(v, type.length) : v);
    }
    case TypeId::kInterval: {
      LDB_ASSIGN_OR_RETURN(const Interval v, parse_interval(text));
      return Value(v);
    }
  }
  return no_cast(TypeId::kText, type.id);
}

Result<Value> cast_value(const Value& value, DataType to, CastContext context) {
  if (value.is_null()) return Value(to.id, std::monostate());
  const TypeId from = value.type();
  if (to.id == TypeId::kNull) return value;
  if (is_string_type(to.id)) {
    if (!is_string_type(from)) {
      // The cast of a boolean spells it out; its output function does not.
      if (from == TypeId::kBoolean) return fit_string(std::get<bool>(value.storage()) ? "true" : "false", to, context);
      return fit_string(value.to_string(), to, context);
    }
    const auto& text = std::get<std::string>(value.storage());
    if (from == TypeId::kChar && to.id != TypeId::kChar)
      return fit_string(std::string(without_trailing_blanks(text)), to, context);
    return fit_string(text, to, context);
  }
  if (is_string_type(from)) {
    const auto& text = std::get<std::string>(value.storage());
    return parse_value(from == TypeId::kChar ? without_trailing_blanks(text) : std::string_view(text), to);
  }
  switch (from) {
    case TypeId::kBoolean:
      if (to.id == TypeId::kBoolean) return value;
      if (to.id == TypeId::kInteger) return Value(to.id, std::int64_t{std::get<bool>(value.storage())});
      break;
    case TypeId::kSmallInt:
    case TypeId::kInteger:
    case TypeId::kBigInt:
      if (to.id == TypeId::kBoolean && from != TypeId::kInteger) break;
      return from_integer(value, to);
    case TypeId::kReal:
    case TypeId::kDouble:
      return from_double(value, to);
    case TypeId::kNumeric:
      return from_decimal(std::get<Decimal>(value.storage()), to);
    case TypeId::kDate:
      if (to.id == TypeId::kDate) return value;
      if (to.id == TypeId::kTimestamp) {
        LDB_ASSIGN_OR_RETURN(const Timestamp t, to_timestamp(std::get<Date>(value.storage())));
        return Value(t);
      }
      break;
    case TypeId::kTimestamp: {
      const auto t = std::get<Timestamp>(value.storage());
      if (to.id == TypeId::kTimestamp) return Value(to.length >= 0 ? round_to_precision(t, to.length) : t);
      if (to.id == TypeId::kDate) return Value(to_date(t));
      break;
    }
    case TypeId::kInterval:
    case TypeId::kBytea:
      if (to.id == from) return value;
      break;
    default:
      break;
  }
  return no_cast(from, to.id);
}

}  // namespace ldb::sql
