// Conversions between types: which exist, when they are applied silently, and doing them.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "ldb/value.hpp"

namespace ldb::sql {

/// Where a conversion stands; each allows what the ones before it allow.
enum class CastContext : std::uint8_t {
  kImplicit,    ///< in any expression
  kAssignment,  ///< INSERT and UPDATE into a column
  kExplicit,    ///< CAST(x AS t)
};

/// What a literal in quotes, NULL and a parameter without a type have before context gives them one: "unknown" of PostgreSQL.
inline constexpr DataType kUnknownType{};

/// The weakest context in which `from` converts to `to`, modifiers aside; nothing when there is no such cast. Same type:
/// implicit.
std::optional<CastContext> cast_context(TypeId from, TypeId to);
inline bool can_cast(TypeId from, TypeId to, CastContext context) {
  const auto needed = cast_context(from, to);
  return needed && *needed <= context;
}

/// `value` as `to`, modifiers applied: VARCHAR(n)/CHAR(n) cut silently when `context` is kExplicit and otherwise fail with 22001
/// unless only blanks are lost; NUMERIC(p,s) rounds, 22003 on overflow. Other errors: 22003 out of range, 22P02 and 22007/22008
/// invalid text, 42846 no such cast, 0A000 for NUMERIC NaN and infinity. NULL gives a NULL of type `to`.
Result<Value> cast_value(const Value& value, DataType to, CastContext context);

/// The text input function of a type, with modifiers as in an assignment.
Result<Value> parse_value(std::string_view text, DataType type);

/// The type of CASE branches, COALESCE, UNION columns, IN lists and VALUES: PostgreSQL's UNION rules. All unknown: TEXT.
/// Modifiers are kept when all inputs agree. 42804 when categories differ (`what` names the construct: "CASE", "UNION", ...).
Result<DataType> common_type(std::span<const DataType> types, std::string_view what);

/// PostgreSQL's type categories, as far as ldb has types.
enum class TypeCategory : char {
  kUnknown = 'X',
  kBoolean = 'B',
  kNumeric = 'N',
  kString = 'S',
  kDateTime = 'D',
  kTimespan = 'T',
  kUser = 'U'
};
TypeCategory type_category(TypeId id);
bool is_preferred(TypeId id);
inline bool is_string_type(TypeId id) { return id == TypeId::kText || id == TypeId::kVarchar || id == TypeId::kChar; }
inline bool is_integer_type(TypeId id) { return id == TypeId::kSmallInt || id == TypeId::kInteger || id == TypeId::kBigInt; }

/// A type by any of its names, lower case: "int4", "integer", "int", "bool", "bpchar", "character varying", "decimal", "string",
/// ... Nothing when unknown to ldb.
std::optional<TypeId> type_by_name(std::string_view name);
/// Applies type modifiers as written: VARCHAR(n), CHAR(n) (none: n = 1 only if the caller passes it), NUMERIC(p[,s]). 22023 out
/// of bounds (NUMERIC precision beyond 38: 0A000), 42601 where the type takes none.
Result<DataType> with_modifiers(TypeId id, std::span<const std::int32_t> modifiers);
/// What a client sees as the type's OID, and pg_type.typlen.
std::uint32_t type_oid(TypeId id);

}  // namespace ldb::sql
