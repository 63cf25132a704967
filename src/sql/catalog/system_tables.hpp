// The tables that the catalog itself is kept in: fixed ids and columns, rows written and replicated like any other.
//
// A relation is split over `relations` (its existence and what never changes: only inserted and deleted, so that a concurrent
// rename cannot bring a dropped table back) and `names` (what a rename changes). Everything in their rows is derived from the
// statement, so that the same CREATE ... IF NOT EXISTS run on two nodes writes the same rows.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "sql/catalog/schema.hpp"

namespace ldb::sql {

// Ids below 11 are data, whose changes do not make the catalog stale: 1 holds the pairs of KeyValue (include/ldb/key_value.hpp).
inline constexpr TableId kDatabasesTable{11};
inline constexpr TableId kSchemasTable{12};
inline constexpr TableId kRelationsTable{13};
inline constexpr TableId kNamesTable{14};
inline constexpr TableId kColumnsTable{15};
inline constexpr TableId kIndexesTable{16};
inline constexpr TableId kConstraintsTable{17};
inline constexpr TableId kGenerationsTable{18};
inline constexpr TableId kViewsTable{19};
inline constexpr TableId kSequencesTable{20};
inline constexpr TableId kCommentsTable{21};
inline constexpr TableId kSequenceValuesTable{2};
inline constexpr TableId kLastSystemTable{999};  ///< ids of user tables are above

/// Scope in `generations` of the ids of dropped tables. A row there ends the table for good: its row in `relations` could come
/// back by the same CREATE TABLE on a node that did not know.
inline constexpr std::string_view kDroppedScope = "dropped table";

/// Unique (database, schema, name) over `names`.
inline constexpr IndexId kNamesIndex{1};
inline constexpr IndexId kLastSystemIndex{999};

inline bool is_system_table(TableId id) { return id <= kLastSystemTable; }

/// Column places in the system tables, in order of their ids.
namespace relations_column {
enum : Ordinal { kId, kKind, kDatabase, kSchema, kName, kGeneration, kKeyColumns, kMerge };
}
namespace names_column {
enum : Ordinal { kId, kDatabase, kSchema, kName };
}
namespace columns_column {
enum : Ordinal { kTable, kId, kName, kType, kLength, kScale, kNotNull, kDefault, kGenerated, kIdentity, kMissing, kPosition };
}
namespace indexes_column {
enum : Ordinal { kId, kTable, kName, kColumns, kUnique, kInternal };
}
namespace constraints_column {
enum : Ordinal {
  kTable,
  kName,
  kKind,
  kColumns,
  kExpression,
  kIndex,
  kReferenced,
  kReferencedColumns,
  kOnDelete,
  kOnUpdate,
  kMatchFull
};
}
namespace views_column {
enum : Ordinal { kId, kSql, kColumnNames, kOutputNames, kOutputTypes };
}
namespace sequences_column {
enum : Ordinal { kId, kType, kIncrement, kMinValue, kMaxValue, kStart, kCycle, kCache, kOwnerTable, kOwnerColumn };
}

/// Null when there is no such table.
std::shared_ptr<const Table> find_system_table(TableId id);
std::shared_ptr<const Table> find_system_table(std::string_view name);
const std::vector<std::shared_ptr<const Table>>& system_tables();

}  // namespace ldb::sql
