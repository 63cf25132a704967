// Writes schema changes as rows of the system tables.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/row_store.hpp"
#include "sql/catalog/catalog.hpp"

namespace ldb::sql {

/// What CREATE TABLE makes; ids are derived here.
struct NewTable {
  RelationName name;
  MergeMode merge = MergeMode::kColumn;
  std::vector<Column> columns;               ///< ids are set by create_table
  std::vector<Ordinal> key_columns;          ///< storage key; empty: hidden
  std::vector<TableConstraint> constraints;  ///< kUnique and kForeignKey: `index` 0 asks for an index to be made
};

/// One transaction's schema changes. Borrowed arguments outlive it. Every method leaves the system tables as rows of the
/// transaction; nothing is checked here beyond what keeps the rows consistent. `catalog` is the state that the changes start
/// from: make a new editor for it after each statement. Ids are hashes of name, generation and definition, so equal statements on
/// two nodes make equal rows.
class CatalogEditor {
 public:
  CatalogEditor(RowTransaction& transaction, const Catalog& catalog) : transaction_(transaction), catalog_(catalog) {}

  Status create_database(const std::string& name);
  Status drop_database(const std::string& name);
  Status create_schema(const std::string& database, const std::string& name);
  /// With everything in it.
  Status drop_schema(const std::string& database, const std::string& name);

  Result<TableId> create_table(NewTable& table);
  Result<TableId> create_view(const View& view);
  Result<TableId> create_sequence(const Sequence& sequence);
  Status update_sequence(const Sequence& sequence);
  /// A table, view or sequence, with its rows here; constraints of other tables that refer to it go as well.
  Status drop_relation(TableId id);
  Status rename_relation(TableId id, const RelationName& to);

  Result<ColumnId> add_column(const Table& table, Column column);
  Status drop_column(const Table& table, Ordinal column);
  /// Writes name, type, NOT NULL, default, identity of a column anew.
  Status update_column(const Table& table, const Column& column);
  /// Also makes the index that a UNIQUE or FOREIGN KEY constraint needs. Ordinals of `constraint` are those of `table`.
  Status add_constraint(const Table& table, TableConstraint constraint);
  Status drop_constraint(const Table& table, const TableConstraint& constraint);
  Status rename_constraint(const Table& table, const TableConstraint& constraint, const std::string& to);
  Result<IndexId> create_index(const Table& table, const Index& index);
  Status drop_index(const Table& table, const Index& index);
  Status rename_index(const Table& table, const Index& index, const std::string& to);
  Status set_comment(const std::string& object, const std::string& comment);

 private:
  Status insert(TableId table, std::vector<Value> row);
  Status erase(TableId table, std::vector<Value> key);
  Status update(TableId table, const std::vector<Value>& key, const std::vector<std::pair<Ordinal, Value>>& cells);
  Status upsert(TableId table, std::vector<Value> row);
  Status bump_generation(const std::string& scope, const std::string& name);
  static TableId table_id(const NewTable& table, const std::string& key_columns, std::int64_t generation);
  Status insert_name(TableId id, const RelationName& name);
  Status forget_dropped(const std::string& name_prefix);
  Status insert_column(TableId table, const Column& column);
  Status insert_constraint(TableId table, const std::vector<Column>& columns, const TableConstraint& constraint);
  Result<IndexId> insert_index(TableId table, const std::vector<Column>& columns, const Index& index);
  Result<IndexId> constraint_index(TableId table, const std::vector<Column>& columns, std::span<const Index> existing,
                                   const TableConstraint& constraint);
  Status drop_table_parts(const Table& table);

  RowTransaction& transaction_;
  const Catalog& catalog_;
};

/// database.schema.name as one text that no other name gives.
std::string name_key(const RelationName& name);

}  // namespace ldb::sql
