// Immutable descriptions of what the catalog holds: tables with their columns, indexes and constraints; views; sequences.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/ids.hpp"
#include "ldb/value.hpp"
#include "sql/parse/parser.hpp"
#include "sql/types/key_codec.hpp"

namespace ldb::sql {

/// Names a relation inside the cluster.
struct RelationName {
  std::string database;
  std::string schema;
  std::string name;
  friend auto operator<=>(const RelationName&, const RelationName&) = default;
};

enum class RelationKind : std::uint8_t { kTable = 1, kView = 2, kSequence = 3 };
enum class IdentityKind : std::uint8_t { kNone = 0, kByDefault = 1, kAlways = 2 };
enum class MergeMode : std::uint8_t { kColumn = 0, kRow = 1 };

/// An expression kept as SQL text in the catalog, parsed once when the catalog is loaded.
struct StoredExpression {
  std::string sql;  ///< empty: there is none
  std::shared_ptr<const ParsedExpression> parsed;
  explicit operator bool() const { return parsed != nullptr; }
};

struct Column {
  ColumnId id;
  std::string name;
  DataType type;
  /// Orders the columns of a table. Columns added at the same time on two nodes share one and are ordered by birth.
  std::int32_t position = 0;
  bool not_null = false;
  StoredExpression default_value;
  StoredExpression generated;  ///< GENERATED ALWAYS AS (...) STORED
  IdentityKind identity = IdentityKind::kNone;
  Value missing;  ///< what a row written before the column existed reads as (of the column's type, or NULL)
  /// Columns with one number other than 0 are written together (docs/REPLICATION.md section 2).
  std::uint32_t merge_group = 0;
};

/// Position of a column in Table::columns.
using Ordinal = std::uint32_t;

struct Index {
  IndexId id;
  std::string name;
  std::vector<Ordinal> columns;
  std::vector<KeyColumn> key;  ///< one per column
  bool unique = false;
  bool internal = false;  ///< kept by ldb for a foreign key; not shown, not droppable by name
  bool ready = false;     ///< holds every row on this node (a property of this node, not of the cluster)
};

enum class ConstraintType : std::uint8_t { kPrimaryKey = 1, kUnique = 2, kCheck = 3, kForeignKey = 4 };
enum class ReferenceAction : std::uint8_t { kNoAction = 0, kRestrict = 1, kCascade = 2, kSetNull = 3, kSetDefault = 4 };

struct TableConstraint {
  ConstraintType type = ConstraintType::kCheck;
  std::string name;
  std::vector<Ordinal> columns;  ///< kCheck: the columns that it mentions
  StoredExpression check;
  /// kUnique, and kPrimaryKey that is not the storage key: the unique index. kForeignKey: an index whose leading columns are
  /// `columns`. 0: the table's storage key does it.
  IndexId index;
  TableId referenced;                        ///< kForeignKey
  std::vector<ColumnId> referenced_columns;  ///< kForeignKey, in the order of `columns`
  ReferenceAction on_delete = ReferenceAction::kNoAction;
  ReferenceAction on_update = ReferenceAction::kNoAction;
  bool match_full = false;
};

/// A foreign key of another (or the same) table that points here.
struct Reference {
  TableId table;
  std::string constraint;
};

/// One table as one version of the catalog sees it. Immutable once in a Catalog.
struct Table {
  TableId id;
  RelationName name;
  MergeMode merge = MergeMode::kColumn;
  std::vector<Column> columns;
  std::vector<Ordinal> columns_by_id;  ///< ascending ColumnId, the order of cells
  /// Columns whose encoding is the rows' key. Empty: a hidden key, unique in the cluster, in order of insertion per node.
  std::vector<Ordinal> key_columns;
  std::vector<KeyColumn> key;
  std::vector<Index> indexes;
  std::vector<TableConstraint> constraints;
  std::vector<Reference> references;
  bool system = false;  ///< a system table: read-only through SQL
  std::string comment;

  bool has_hidden_key() const { return key_columns.empty(); }
  std::optional<Ordinal> find_column(std::string_view column) const;
  std::optional<Ordinal> find_column(ColumnId column) const;
  const Index* find_index(IndexId index) const;
  const TableConstraint* find_constraint(std::string_view constraint) const;
  const TableConstraint* primary_key() const;
};

struct View {
  TableId id;
  RelationName name;
  std::string sql;                        ///< the query
  std::vector<std::string> column_names;  ///< as written after the name; may be empty or shorter than the query's columns
  std::vector<std::string> output_names;  ///< names of all columns when the view was made
  std::vector<DataType> output_types;
};

struct Sequence {
  TableId id;
  RelationName name;
  DataType type;
  std::int64_t increment = 1;
  std::int64_t min_value = 1;
  std::int64_t max_value = 0;
  std::int64_t start = 1;
  bool cycle = false;
  std::int64_t cache = 1;
  TableId owner_table;  ///< dropped with it; 0: nobody's
  ColumnId owner_column;
};

/// Two live things claimed one name after a merge; the one born later was renamed by every node alike.
struct SchemaConflict {
  std::string kind;  ///< "table", "column", "index"
  RelationName name;
  std::string renamed_to;
  std::uint64_t id = 0;
};

}  // namespace ldb::sql
