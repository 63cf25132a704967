// The second half of CatalogEditor: dropping, renaming, altering.
#include <algorithm>

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "sql/catalog/catalog_editor.hpp"
#include "sql/catalog/catalog_loader.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/catalog/system_tables.hpp"
#include "sql/types/cell_codec.hpp"

namespace ldb::sql {
namespace {

Value id_value(std::uint64_t id) { return Value(static_cast<std::int64_t>(id)); }

}  // namespace

Status CatalogEditor::drop_table_parts(const Table& table) {
  LDB_TRY(bump_generation(std::string(kDroppedScope), std::to_string(table.id.value)));
  for (const Column& column : table.columns) {
    LDB_TRY(erase(kColumnsTable, {id_value(table.id.value), Value(static_cast<std::int64_t>(column.id.value))}));
  }
  for (const Index& index : table.indexes) LDB_TRY(erase(kIndexesTable, {id_value(index.id.value)}));
  for (const TableConstraint& constraint : table.constraints) {
    LDB_TRY(erase(kConstraintsTable, {id_value(table.id.value), Value(constraint.name)}));
  }
  for (const Reference& reference : table.references) {
    if (reference.table != table.id) {
      LDB_TRY(erase(kConstraintsTable, {id_value(reference.table.value), Value(reference.constraint)}));
    }
  }
  for (const auto& [name, entry] : catalog_.relations()) {
    if (entry.kind != RelationKind::kSequence) continue;
    const auto sequence = catalog_.find_sequence(entry.id);
    if (sequence && sequence->owner_table == table.id) LDB_TRY(drop_relation(sequence->id));
  }
  return {};
}

Status CatalogEditor::drop_relation(TableId id) {
  RelationName name;
  RelationKind kind = RelationKind::kTable;
  for (const auto& [candidate, entry] : catalog_.relations()) {
    if (entry.id != id) continue;
    name = candidate;
    kind = entry.kind;
    break;
  }
  if (name.name.empty()) return {};
  if (kind == RelationKind::kTable) {
    LDB_TRY(drop_table_parts(*catalog_.find_table(id)));
  } else if (kind == RelationKind::kView) {
    LDB_TRY(erase(kViewsTable, {id_value(id.value)}));
  } else {
    LDB_TRY(erase(kSequencesTable, {id_value(id.value)}));
    LDB_TRY(erase(kSequenceValuesTable, {id_value(id.value)}));
  }
  LDB_TRY(erase(kNamesTable, {id_value(id.value)}));
  LDB_TRY(erase(kRelationsTable, {id_value(id.value)}));
  return bump_generation("relation", name_key(name));
}

Status CatalogEditor::rename_relation(TableId id, const RelationName& to) {
  LDB_TRY(update(kNamesTable, {id_value(id.value)},
                 {{names_column::kDatabase, Value(to.database)},
                  {names_column::kSchema, Value(to.schema)},
                  {names_column::kName, Value(to.name)}}));
  // The next thing created under the old name must not get this one's id.
  for (const auto& [name, entry] : catalog_.relations()) {
    if (entry.id == id) return bump_generation("relation", name_key(name));
  }
  return {};
}

Result<ColumnId> CatalogEditor::add_column(const Table& table, Column column) {
  std::string definition;
  put_u64(definition, table.id.value);
  put_bytes(definition, column.name);
  put_bytes(definition, column.type.to_string());
  put_u64(definition,
          static_cast<std::uint64_t>(catalog_.generation("column", std::to_string(table.id.value) + "/" + column.name)));
  // Derived, so that two nodes adding the same column make one; bit 30 keeps clear of CREATE TABLE's numbers.
  std::uint64_t seed = 0;
  do {
    column.id = ColumnId{(static_cast<std::uint32_t>(hash64(definition, seed++)) & 0x3fffffffu) | 0x40000000u};
  } while (table.find_column(column.id));
  if (column.position == 0) {
    for (const Column& other : table.columns) column.position = std::max(column.position, other.position + 1);
  }
  LDB_TRY(insert_column(table.id, column));
  return column.id;
}

Status CatalogEditor::drop_column(const Table& table, Ordinal column) {
  const ColumnId id = table.columns[column].id;
  for (const TableConstraint& constraint : table.constraints) {
    const auto& columns = constraint.columns;
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) LDB_TRY(drop_constraint(table, constraint));
  }
  for (const Index& index : table.indexes) {
    if (std::find(index.columns.begin(), index.columns.end(), column) != index.columns.end()) LDB_TRY(drop_index(table, index));
  }
  for (const Reference& reference : table.references) {
    const auto other = catalog_.find_table(reference.table);
    const TableConstraint* constraint = other ? other->find_constraint(reference.constraint) : nullptr;
    if (constraint == nullptr) continue;
    const auto& ids = constraint->referenced_columns;
    if (std::find(ids.begin(), ids.end(), id) != ids.end()) LDB_TRY(drop_constraint(*other, *constraint));
  }
  for (const auto& [name, entry] : catalog_.relations()) {
    if (entry.kind != RelationKind::kSequence) continue;
    const auto sequence = catalog_.find_sequence(entry.id);
    if (sequence && sequence->owner_table == table.id && sequence->owner_column == id) LDB_TRY(drop_relation(sequence->id));
  }
  LDB_TRY(erase(kColumnsTable, {id_value(table.id.value), Value(static_cast<std::int64_t>(id.value))}));
  return bump_generation("column", std::to_string(table.id.value) + "/" + table.columns[column].name);
}

Status CatalogEditor::update_column(const Table& table, const Column& column) {
  namespace c = columns_column;
  Value missing(TypeId::kBytea, {});
  if (!column.missing.is_null()) {
    Bytes bytes;
    encode_cell(column.missing, bytes.data);
    missing = Value(std::move(bytes));
  }
  const auto old = table.find_column(column.id);
  std::vector<std::pair<Ordinal, Value>> cells;
  const Column& before = table.columns[*old];
  // Only what changed, so that concurrent changes of other properties survive.
  if (before.name != column.name) cells.emplace_back(c::kName, Value(column.name));
  if (before.type != column.type) {
    cells.emplace_back(c::kType, Value(static_cast<std::int16_t>(column.type.id)));
    cells.emplace_back(c::kLength, Value(column.type.length));
    cells.emplace_back(c::kScale, Value(column.type.scale));
    cells.emplace_back(c::kMissing, missing);
  }
  if (before.not_null != column.not_null) cells.emplace_back(c::kNotNull, Value(column.not_null));
  if (before.default_value.sql != column.default_value.sql) cells.emplace_back(c::kDefault, Value(column.default_value.sql));
  if (before.generated.sql != column.generated.sql) cells.emplace_back(c::kGenerated, Value(column.generated.sql));
  if (before.identity != column.identity) {
    cells.emplace_back(c::kIdentity, Value(static_cast<std::int16_t>(column.identity)));
  }
  if (cells.empty()) return {};
  // The next column created under the old name must not get this one's id.
  if (before.name != column.name) LDB_TRY(bump_generation("column", std::to_string(table.id.value) + "/" + before.name));
  return update(kColumnsTable, {id_value(table.id.value), Value(static_cast<std::int64_t>(column.id.value))}, cells);
}

Status CatalogEditor::add_constraint(const Table& table, TableConstraint constraint) {
  if (constraint.type != ConstraintType::kCheck && constraint.index == IndexId{}) {
    LDB_ASSIGN_OR_RETURN(constraint.index, constraint_index(table.id, table.columns, table.indexes, constraint));
  }
  return insert_constraint(table.id, table.columns, constraint);
}

Status CatalogEditor::drop_constraint(const Table& table, const TableConstraint& constraint) {
  LDB_TRY(erase(kConstraintsTable, {id_value(table.id.value), Value(constraint.name)}));
  const Index* index = table.find_index(constraint.index);
  if (index == nullptr) return {};
  // A foreign key may share an index; a unique constraint's index is its own.
  const bool shared = std::any_of(table.constraints.begin(), table.constraints.end(), [&](const TableConstraint& other) {
    return &other != &constraint && other.index == index->id;
  });
  const bool own = constraint.type != ConstraintType::kForeignKey || index->internal;
  return own && !shared ? drop_index(table, *index) : Status();
}

Status CatalogEditor::rename_constraint(const Table& table, const TableConstraint& constraint, const std::string& to) {
  LDB_TRY(erase(kConstraintsTable, {id_value(table.id.value), Value(constraint.name)}));
  TableConstraint renamed = constraint;
  renamed.name = to;
  LDB_TRY(insert_constraint(table.id, table.columns, renamed));
  const Index* index = table.find_index(constraint.index);
  if (index && !index->internal && constraint.type != ConstraintType::kForeignKey) return rename_index(table, *index, to);
  return {};
}

Result<IndexId> CatalogEditor::create_index(const Table& table, const Index& index) {
  return insert_index(table.id, table.columns, index);
}

Status CatalogEditor::drop_index(const Table& table, const Index& index) {
  LDB_TRY(erase(kIndexesTable, {id_value(index.id.value)}));
  return bump_generation("index", std::to_string(table.id.value) + "/" + index.name);
}

Status CatalogEditor::rename_index(const Table& table, const Index& index, const std::string& to) {
  LDB_TRY(update(kIndexesTable, {id_value(index.id.value)}, {{indexes_column::kName, Value(to)}}));
  return bump_generation("index", std::to_string(table.id.value) + "/" + index.name);
}

Status CatalogEditor::set_comment(const std::string& object, const std::string& comment) {
  if (comment.empty()) return erase(kCommentsTable, {Value(object)});
  return upsert(kCommentsTable, {Value(object), Value(comment)});
}

}  // namespace ldb::sql
