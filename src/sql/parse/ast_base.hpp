// What every AST node shares: position, kind tag, checked downcast; names and types.
#pragma once

#include <cstdint>
#include <string_view>

#include "sql/parse/arena.hpp"

namespace ldb::sql::ast {

/// 1-based character (not byte) index in the text given to the parser, as PostgreSQL counts; 0 is "unknown".
using Position = std::uint32_t;

struct Expression;
struct Query;

/// [catalog.][schema.]name, folded to lower case unless quoted; absent parts are empty.
struct QualifiedName {
  std::string_view catalog;
  std::string_view schema;
  std::string_view name;
  Position position = 0;
};

/// A name with the place it was written at (column lists, savepoints, ...).
struct Name {
  std::string_view text;
  Position position = 0;
};

/// Fields of INTERVAL YEAR TO MONTH and friends: bit set.
enum IntervalField : std::uint8_t {
  kIntervalYear = 1,
  kIntervalMonth = 2,
  kIntervalDay = 4,
  kIntervalHour = 8,
  kIntervalMinute = 16,
  kIntervalSecond = 32
};

/// A type as written. Keyword types carry PostgreSQL's internal name: INTEGER is "int4", DOUBLE PRECISION, FLOAT and DOUBLE
/// "float8", REAL "float4", DECIMAL "numeric", CHAR "bpchar" (with modifier 1 when none was written), TIMESTAMP WITH TIME ZONE
/// "timestamptz", BOOLEAN "bool", STRING "text". Any other type has the name as written, folded ("text", "date", "int8",
/// "bytea").
struct TypeName {
  std::string_view schema;            ///< Empty unless written.
  std::string_view name;              ///< Internal name, see above.
  List<const Expression*> modifiers;  ///< (10,2) of NUMERIC(10,2); usually integer literals.
  List<std::int32_t> array_bounds;    ///< One per dimension; -1 when written []. Empty: not an array.
  std::uint8_t interval_fields = 0;   ///< IntervalField bits; 0: all.
  bool is_setof = false;
  bool is_keyword = false;  ///< A grammar type such as INTEGER, so it cannot mean a user type of that name.
  Position position = 0;
};

}  // namespace ldb::sql::ast
