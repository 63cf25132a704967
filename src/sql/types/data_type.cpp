// Names, categories and modifiers of types.
#include <algorithm>
#include <array>

#include "sql/types/cast.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb {

std::string DataType::to_string() const {
  const auto with_length = [&](std::string name) { return length >= 0 ? name + "(" + std::to_string(length) + ")" : name; };
  switch (id) {
    case TypeId::kNull:
      return "unknown";
    case TypeId::kBoolean:
      return "boolean";
    case TypeId::kSmallInt:
      return "smallint";
    case TypeId::kInteger:
      return "integer";
    case TypeId::kBigInt:
      return "bigint";
    case TypeId::kReal:
      return "real";
    case TypeId::kDouble:
      return "double precision";
    case TypeId::kNumeric:
      if (length < 0) return "numeric";
      return "numeric(" + std::to_string(length) + "," + std::to_string(scale) + ")";
    case TypeId::kText:
      return "text";
    case TypeId::kVarchar:
      return with_length("character varying");
    case TypeId::kChar:
      return with_length("character");
    case TypeId::kBytea:
      return "bytea";
    case TypeId::kDate:
      return "date";
    case TypeId::kTimestamp:
      return length < 0 ? "timestamp without time zone" : "timestamp(" + std::to_string(length) + ") without time zone";
    case TypeId::kInterval:
      return "interval";
  }
  return "invalid type";
}

}  // namespace ldb

namespace ldb::sql {
namespace {

struct TypeName {
  std::string_view name;
  TypeId id;
};
constexpr TypeName kNames[] = {
    {"bool", TypeId::kBoolean},
    {"boolean", TypeId::kBoolean},
    {"int2", TypeId::kSmallInt},
    {"smallint", TypeId::kSmallInt},
    {"int4", TypeId::kInteger},
    {"int", TypeId::kInteger},
    {"integer", TypeId::kInteger},
    {"int8", TypeId::kBigInt},
    {"bigint", TypeId::kBigInt},
    {"float4", TypeId::kReal},
    {"real", TypeId::kReal},
    {"float8", TypeId::kDouble},
    {"float", TypeId::kDouble},
    {"double", TypeId::kDouble},
    {"double precision", TypeId::kDouble},
    {"numeric", TypeId::kNumeric},
    {"decimal", TypeId::kNumeric},
    {"text", TypeId::kText},
    {"string", TypeId::kText},
    {"varchar", TypeId::kVarchar},
    {"character varying", TypeId::kVarchar},
    {"bpchar", TypeId::kChar},
    {"character", TypeId::kChar},
    {"char", TypeId::kChar},
    {"bytea", TypeId::kBytea},
    {"date", TypeId::kDate},
    {"timestamp", TypeId::kTimestamp},
    {"timestamp without time zone", TypeId::kTimestamp},
    {"interval", TypeId::kInterval},
    {"unknown", TypeId::kNull},
};

/// The casts of pg_cast among ldb's types, text conversions aside. i: implicit, a: assignment, e: explicit.
constexpr std::optional<CastContext> context_of(char c) {
  if (c == 'i') return CastContext::kImplicit;
  if (c == 'a') return CastContext::kAssignment;
  if (c == 'e') return CastContext::kExplicit;
  return {};
}

/// SMALLINT INTEGER BIGINT REAL DOUBLE NUMERIC, row: from, column: to.
constexpr std::string_view kNumericCasts[] = {"iiiiii", "aiiiii", "aaiiii", "aaaiia", "aaaaia", "aaaiii"};

int numeric_index(TypeId id) {
  const int i = static_cast<int>(id) - static_cast<int>(TypeId::kSmallInt);
  return i >= 0 && i <= 5 ? i : -1;
}

}  // namespace

std::optional<TypeId> type_by_name(std::string_view name) {
  for (const TypeName& t : kNames) {
    if (t.name == name) return t.id;
  }
  return {};
}

std::uint32_t type_oid(TypeId id) {
  switch (id) {
    case TypeId::kNull:
      return 705;
    case TypeId::kBoolean:
      return 16;
    case TypeId::kSmallInt:
      return 21;
    case TypeId::kInteger:
      return 23;
    case TypeId::kBigInt:
      return 20;
    case TypeId::kReal:
      return 700;
    case TypeId::kDouble:
      return 701;
    case TypeId::kNumeric:
      return 1700;
    case TypeId::kText:
      return 25;
    case TypeId::kVarchar:
      return 1043;
    case TypeId::kChar:
      return 1042;
    case TypeId::kBytea:
      return 17;
    case TypeId::kDate:
      return 1082;
    case TypeId::kTimestamp:
      return 1114;
    case TypeId::kInterval:
      return 1186;
  }
  return 0;
}

TypeCategory type_category(TypeId id) {
  switch (id) {
    case TypeId::kNull:
      return TypeCategory::kUnknown;
    case TypeId::kBoolean:
      return TypeCategory::kBoolean;
    case TypeId::kSmallInt:
    case TypeId::kInteger:
    case TypeId::kBigInt:
    case TypeId::kReal:
    case TypeId::kDouble:
    case TypeId::kNumeric:
      return TypeCategory::kNumeric;
    case TypeId::kText:
    case TypeId::kVarchar:
    case TypeId::kChar:
      return TypeCategory::kString;
    case TypeId::kDate:
    case TypeId::kTimestamp:
      return TypeCategory::kDateTime;
    case TypeId::kInterval:
      return TypeCategory::kTimespan;
    case TypeId::kBytea:
      return TypeCategory::kUser;
  }
  return TypeCategory::kUser;
}

bool is_preferred(TypeId id) {
  return id == TypeId::kBoolean || id == TypeId::kDouble || id == TypeId::kText || id == TypeId::kInterval || id == TypeId::kNull;
}

std::optional<CastContext> cast_context(TypeId from, TypeId to) {
  if (from == to || from == TypeId::kNull) return CastContext::kImplicit;
  if (numeric_index(from) >= 0 && numeric_index(to) >= 0) {
    return context_of(kNumericCasts[numeric_index(from)][static_cast<std::size_t>(numeric_index(to))]);
  }
  if (is_string_type(from) && is_string_type(to)) return CastContext::kImplicit;
  if (is_string_type(to)) return CastContext::kAssignment;  // through the output function
  if (is_string_type(from)) return CastContext::kExplicit;  // through the input function
  if ((from == TypeId::kBoolean && to == TypeId::kInteger) || (from == TypeId::kInteger && to == TypeId::kBoolean))
    return CastContext::kExplicit;
  if (from == TypeId::kDate && to == TypeId::kTimestamp) return CastContext::kImplicit;
  if (from == TypeId::kTimestamp && to == TypeId::kDate) return CastContext::kAssignment;
  return {};
}

Result<DataType> common_type(std::span<const DataType> types, std::string_view what) {
  DataType chosen = kUnknownType;
  bool same_modifiers = true;
  bool first = true;
  for (const DataType& t : types) {
    if (first) {
      chosen = t;
      first = false;
      continue;
    }
    if (t == chosen) continue;
    same_modifiers = false;
    if (t.id == TypeId::kNull || t.id == chosen.id) continue;
    if (chosen.id == TypeId::kNull) {
      chosen = t;
      continue;
    }
    if (type_category(t.id) != type_category(chosen.id)) {
      return invalid("42804", std::string(what) + " types " + DataType{chosen.id}.to_string() + " and " +
                                  DataType{t.id}.to_string() + " cannot be matched");
    }
    if (!is_preferred(chosen.id) && can_cast(chosen.id, t.id, CastContext::kImplicit) &&
        !can_cast(t.id, chosen.id, CastContext::kImplicit)) {
      chosen = t;
    }
  }
  if (chosen.id == TypeId::kNull) return DataType{TypeId::kText};
  if (!same_modifiers) {
    // Unknown literals have no modifier of their own, so any disagreement drops it.
    return DataType{chosen.id};
  }
  return chosen;
}

Result<DataType> with_modifiers(TypeId id, std::span<const std::int32_t> modifiers) {
  if (modifiers.empty()) return DataType{id};
  const auto too_many = [&] {
    return invalid("42601", "type modifier is not allowed for type \"" + DataType{id}.to_string() + "\"");
  };
  switch (id) {
    case TypeId::kVarchar:
    case TypeId::kChar: {
      const std::string name = id == TypeId::kVarchar ? "varchar" : "char";
      if (modifiers.size() != 1) return invalid("22023", "invalid type modifier");
      if (modifiers[0] < 1) return invalid("22023", "length for type " + name + " must be at least 1");
      if (modifiers[0] > 10485760) return invalid("22023", "length for type " + name + " cannot exceed 10485760");
      return DataType{id, modifiers[0]};
    }
    case TypeId::kNumeric: {
      if (modifiers.size() > 2) return invalid("22023", "invalid NUMERIC type modifier");
      const std::int32_t precision = modifiers[0];
      const std::int32_t scale = modifiers.size() == 2 ? modifiers[1] : 0;
      if (precision < 1 || precision > 1000)
        return invalid("22023", "NUMERIC precision " + std::to_string(precision) + " must be between 1 and 1000");
      if (scale < -1000 || scale > 1000)
        return invalid("22023", "NUMERIC scale " + std::to_string(scale) + " must be between -1000 and 1000");
      if (precision > 38)
        return unsupported("NUMERIC precision " + std::to_string(precision) + " is not supported: ldb holds up to 38 digits");
      if (scale < 0 || scale > precision) {
        return unsupported("NUMERIC scale " + std::to_string(scale) +
                           " is not supported: it must be between 0 and the precision " + std::to_string(precision));
      }
      return DataType{id, precision, scale};
    }
    case TypeId::kTimestamp:
      if (modifiers.size() != 1 || modifiers[0] < 0) return invalid("22023", "invalid type modifier");
      return DataType{id, std::min(modifiers[0], 6)};
    case TypeId::kInterval:
      return unsupported("precision of type interval is not supported");
    default:
      return too_many();
  }
}

}  // namespace ldb::sql
