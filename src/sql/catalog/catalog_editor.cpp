#include "sql/catalog/catalog_editor.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "sql/catalog/catalog_loader.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/catalog/system_tables.hpp"
#include "sql/types/cell_codec.hpp"
#include "txn/keys.hpp"

namespace ldb::sql {
namespace {

Value id_value(std::uint64_t id) { return Value(static_cast<std::int64_t>(id)); }
Value small_value(int v) { return Value(static_cast<std::int16_t>(v)); }

/// Ids of user tables and indexes leave the system's range alone.
std::uint64_t user_id(const std::string& definition) {
  std::uint64_t id = hash64(definition);
  while (id <= kLastSystemTable.value) id = hash64(definition, id + 1);
  return id;
}

std::vector<ColumnId> ids_of(const std::vector<Column>& columns, const std::vector<Ordinal>& ordinals) {
  std::vector<ColumnId> ids;
  for (const Ordinal ordinal : ordinals) ids.push_back(columns[ordinal].id);
  return ids;
}

std::string index_columns(const std::vector<Column>& columns, const Index& index) {
  std::string out;
  for (std::size_t i = 0; i < index.columns.size(); ++i) {
    if (i != 0) out.push_back(',');
    out += std::to_string(columns[index.columns[i]].id.value);
    if (index.key[i].descending) out.push_back('-');
    if (index.key[i].nulls_first) out.push_back('f');
  }
  return out;
}

/// Everything that makes a column what it is, names included.
std::string canonical(const Column& column) {
  std::string out;
  put_bytes(out, column.name);
  put_bytes(out, column.type.to_string());
  put_u8(out, column.not_null ? 1 : 0);
  put_bytes(out, column.default_value.sql);
  put_bytes(out, column.generated.sql);
  put_u8(out, static_cast<std::uint8_t>(column.identity));
  return out;
}

std::string canonical(const TableConstraint& constraint) {
  std::string out;
  put_bytes(out, constraint.name);
  put_u8(out, static_cast<std::uint8_t>(constraint.type));
  for (const Ordinal column : constraint.columns) put_varint(out, column);
  put_bytes(out, constraint.check.sql);
  put_u64(out, constraint.referenced.value);
  put_bytes(out, encode_ids(constraint.referenced_columns));
  put_u8(out, static_cast<std::uint8_t>(constraint.on_delete));
  put_u8(out, static_cast<std::uint8_t>(constraint.on_update));
  return out;
}

std::vector<Value> column_row(TableId table, const Column& column) {
  Value missing(TypeId::kBytea, {});
  if (!column.missing.is_null()) {
    Bytes bytes;
    encode_cell(column.missing, bytes.data);
    missing = Value(std::move(bytes));
  }
  return {id_value(table.value),       Value(static_cast<std::int64_t>(column.id.value)),
          Value(column.name),          small_value(static_cast<int>(column.type.id)),
          Value(column.type.length),   Value(column.type.scale),
          Value(column.not_null),      Value(column.default_value.sql),
          Value(column.generated.sql), small_value(static_cast<int>(column.identity)),
          std::move(missing),          Value(column.position)};
}

std::vector<Value> sequence_row(const Sequence& sequence) {
  return {id_value(sequence.id.value),
          small_value(static_cast<int>(sequence.type.id)),
          Value(sequence.increment),
          Value(sequence.min_value),
          Value(sequence.max_value),
          Value(sequence.start),
          Value(sequence.cycle),
          Value(sequence.cache),
          id_value(sequence.owner_table.value),
          Value(static_cast<std::int64_t>(sequence.owner_column.value))};
}

}  // namespace

std::string name_key(const RelationName& name) {
  std::string out;
  put_bytes(out, name.database);
  put_bytes(out, name.schema);
  put_bytes(out, name.name);
  return out;
}

Status CatalogEditor::insert(TableId id, std::vector<Value> row) {
  const auto table = find_system_table(id);
  return transaction_.insert(id, encode_row_key(*table, row), encode_row_cells(*table, row));
}

Status CatalogEditor::erase(TableId id, std::vector<Value> key) {
  const auto table = find_system_table(id);
  key.resize(table->columns.size());
  const Status status = transaction_.erase(id, encode_row_key(*table, key));
  return status.code() == StatusCode::kNotFound ? Status() : status;  // a part that another node has dropped already
}

Status CatalogEditor::update(TableId id, const std::vector<Value>& key, const std::vector<std::pair<Ordinal, Value>>& cells) {
  const auto table = find_system_table(id);
  std::vector<Value> row = key;
  row.resize(table->columns.size());
  std::vector<CellWrite> writes;
  for (const auto& [ordinal, value] : cells) writes.push_back(encode_row_cell(table->columns[ordinal], value));
  std::sort(writes.begin(), writes.end(), [](const CellWrite& a, const CellWrite& b) { return a.column < b.column; });
  return transaction_.update(id, encode_row_key(*table, row), std::move(writes));
}

Status CatalogEditor::upsert(TableId id, std::vector<Value> row) {
  const auto table = find_system_table(id);
  const std::string key = encode_row_key(*table, row);
  LDB_ASSIGN_OR_RETURN(const auto existing, transaction_.get(id, key));
  std::vector<CellWrite> cells = encode_row_cells(*table, row);
  return existing ? transaction_.update(id, key, std::move(cells)) : transaction_.insert(id, key, std::move(cells));
}

Status CatalogEditor::bump_generation(const std::string& scope, const std::string& name) {
  return upsert(kGenerationsTable, {Value(scope), Value(name), Value(catalog_.generation(scope, name) + 1)});
}

Status CatalogEditor::create_database(const std::string& name) { return insert(kDatabasesTable, {Value(name)}); }

Status CatalogEditor::drop_database(const std::string& name) {
  for (const auto& [database, schema] : catalog_.schemas()) {
    if (database == name) LDB_TRY(drop_schema(database, schema));
  }
  LDB_TRY(erase(kSchemasTable, {Value(name), Value(std::string(kDefaultSchema))}));
  return erase(kDatabasesTable, {Value(name)});
}

Status CatalogEditor::create_schema(const std::string& database, const std::string& name) {
  if (name == kDefaultSchema) return upsert(kSchemasTable, {Value(database), Value(name), Value(false)});
  return insert(kSchemasTable, {Value(database), Value(name), Value(false)});
}

Status CatalogEditor::drop_schema(const std::string& database, const std::string& name) {
  for (const auto& [relation, entry] : catalog_.relations()) {
    if (relation.database == database && relation.schema == name) LDB_TRY(drop_relation(entry.id));
  }
  // "public" exists without a row, so its absence needs one.
  if (name == kDefaultSchema) return upsert(kSchemasTable, {Value(database), Value(name), Value(true)});
  return erase(kSchemasTable, {Value(database), Value(name)});
}

Status CatalogEditor::insert_name(TableId id, const RelationName& name) {
  bool has_null = false;
  const Index& index = find_system_table(kNamesTable)->indexes[0];
  const std::vector<Value> row{id_value(id.value), Value(name.database), Value(name.schema), Value(name.name)};
  CommitRequirement unique;
  unique.kind = CommitRequirement::Kind::kUnique;
  unique.table = kNamesTable;
  unique.key = encode_row_key(*find_system_table(kNamesTable), row);
  unique.index = kNamesIndex;
  unique.prefix = encode_index_prefix(index, row, has_null);
  unique.violation = Status::sql(StatusCode::kAlreadyExists, "42P07", "relation \"" + name.name + "\" already exists");
  LDB_TRY(forget_dropped(unique.prefix));
  transaction_.require(std::move(unique));
  return insert(kNamesTable, row);
}

/// A table that was dropped while the same CREATE TABLE was run elsewhere has left rows that nobody sees; they must not keep the
/// name taken.
Status CatalogEditor::forget_dropped(const std::string& name_prefix) {
  const Index& index = find_system_table(kNamesTable)->indexes[0];
  std::vector<TableId> dropped;
  LDB_ASSIGN_OR_RETURN(auto cursor, transaction_.scan_index(kNamesIndex, keys::prefix_range(name_prefix)));
  for (; cursor->valid(); cursor->next()) {
    LDB_ASSIGN_OR_RETURN(const std::size_t size, key_prefix_size(cursor->key(), index.key));
    std::string_view key = cursor->key().substr(size);
    LDB_ASSIGN_OR_RETURN(const Value id, decode_key(key, KeyColumn{TypeId::kBigInt, false, false}));
    const TableId table{static_cast<std::uint64_t>(std::get<std::int64_t>(id.storage()))};
    if (catalog_.is_dropped(table)) dropped.push_back(table);
  }
  LDB_TRY(cursor->status());
  cursor.reset();
  for (const TableId table : dropped) {
    LDB_TRY(erase(kNamesTable, {id_value(table.value)}));
    LDB_TRY(erase(kRelationsTable, {id_value(table.value)}));
  }
  return {};
}

Status CatalogEditor::insert_column(TableId table, const Column& column) {
  return insert(kColumnsTable, column_row(table, column));
}

Result<IndexId> CatalogEditor::insert_index(TableId table, const std::vector<Column>& columns, const Index& index) {
  const std::string text = index_columns(columns, index);
  std::string definition = "index";
  put_u64(definition, table.value);
  put_bytes(definition, index.name);
  put_bytes(definition, text);
  put_u8(definition, static_cast<std::uint8_t>((index.unique ? 1 : 0) | (index.internal ? 2 : 0)));
  put_u64(definition, static_cast<std::uint64_t>(catalog_.generation("index", std::to_string(table.value) + "/" + index.name)));
  const IndexId id{user_id(definition)};
  LDB_TRY(insert(kIndexesTable, {id_value(id.value), id_value(table.value), Value(index.name), Value(text), Value(index.unique),
                                 Value(index.internal)}));
  return id;
}

/// UNIQUE gets an index of the constraint's name; FOREIGN KEY an internal one, unless some index starts with its columns.
Result<IndexId> CatalogEditor::constraint_index(TableId table, const std::vector<Column>& columns,
                                                std::span<const Index> existing, const TableConstraint& constraint) {
  const bool foreign = constraint.type == ConstraintType::kForeignKey;
  if (foreign) {
    for (const Index& index : existing) {
      if (index.columns.size() < constraint.columns.size()) continue;
      bool plain = true;
      for (std::size_t i = 0; i < constraint.columns.size(); ++i) {
        plain = plain && index.columns[i] == constraint.columns[i] && !index.key[i].descending && !index.key[i].nulls_first;
      }
      if (plain) return index.id;
    }
  }
  Index index;
  index.name = foreign ? constraint.name + "!fk" : constraint.name;  // no user can write the name of an internal index unquoted
  index.unique = !foreign;
  index.internal = foreign;
  index.columns = constraint.columns;
  for (const Ordinal ordinal : constraint.columns) index.key.push_back({columns[ordinal].type.id, false, false});
  return insert_index(table, columns, index);
}

Status CatalogEditor::insert_constraint(TableId table, const std::vector<Column>& columns, const TableConstraint& constraint) {
  return insert(kConstraintsTable,
                {id_value(table.value), Value(constraint.name), small_value(static_cast<int>(constraint.type)),
                 Value(encode_ids(ids_of(columns, constraint.columns))), Value(constraint.check.sql),
                 id_value(constraint.index.value), id_value(constraint.referenced.value),
                 Value(encode_ids(constraint.referenced_columns)), small_value(static_cast<int>(constraint.on_delete)),
                 small_value(static_cast<int>(constraint.on_update)), Value(constraint.match_full)});
}

TableId CatalogEditor::table_id(const NewTable& table, const std::string& key_columns, std::int64_t generation) {
  std::string definition = "table";
  put_bytes(definition, name_key(table.name));
  put_u64(definition, static_cast<std::uint64_t>(generation));
  put_u8(definition, static_cast<std::uint8_t>(table.merge));
  for (const Column& column : table.columns) definition += canonical(column);
  put_bytes(definition, key_columns);
  for (const TableConstraint& constraint : table.constraints) definition += canonical(constraint);
  return TableId{user_id(definition)};
}

Result<TableId> CatalogEditor::create_table(NewTable& table) {
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    table.columns[i].id = ColumnId{i + 1};
    table.columns[i].position = static_cast<std::int32_t>(i + 1);
  }
  const std::string key_columns = encode_ids(ids_of(table.columns, table.key_columns));
  std::int64_t generation = catalog_.generation("relation", name_key(table.name));
  TableId id = table_id(table, key_columns, generation);
  // Of two DROPs at once the generation remembers one.
  while (catalog_.is_dropped(id)) id = table_id(table, key_columns, ++generation);

  LDB_TRY(insert(kRelationsTable, {id_value(id.value), small_value(static_cast<int>(RelationKind::kTable)),
                                   Value(table.name.database), Value(table.name.schema), Value(table.name.name),
                                   Value(generation), Value(key_columns), small_value(static_cast<int>(table.merge))}));
  LDB_TRY(insert_name(id, table.name));
  for (const Column& column : table.columns) LDB_TRY(insert_column(id, column));
  std::vector<Index> made;
  for (TableConstraint& constraint : table.constraints) {
    if (constraint.type == ConstraintType::kForeignKey && constraint.referenced == TableId{})
      constraint.referenced = id;  // itself
    const bool clustered = constraint.type == ConstraintType::kPrimaryKey && constraint.columns == table.key_columns;
    if (constraint.type != ConstraintType::kCheck && !clustered) {
      LDB_ASSIGN_OR_RETURN(constraint.index, constraint_index(id, table.columns, made, constraint));
      Index index;
      index.id = constraint.index;
      index.columns = constraint.columns;
      index.key.assign(constraint.columns.size(), KeyColumn{});
      made.push_back(std::move(index));
    }
    LDB_TRY(insert_constraint(id, table.columns, constraint));
  }
  return id;
}

Result<TableId> CatalogEditor::create_view(const View& view) {
  const std::int64_t generation = catalog_.generation("relation", name_key(view.name));
  std::string definition = "view";
  put_bytes(definition, name_key(view.name));
  put_u64(definition, static_cast<std::uint64_t>(generation));
  put_bytes(definition, view.sql);
  put_bytes(definition, encode_names(view.column_names));
  const TableId id{user_id(definition)};
  LDB_TRY(
      insert(kRelationsTable, {id_value(id.value), small_value(static_cast<int>(RelationKind::kView)), Value(view.name.database),
                               Value(view.name.schema), Value(view.name.name), Value(generation), Value(""), small_value(0)}));
  LDB_TRY(insert_name(id, view.name));
  LDB_TRY(insert(kViewsTable, {id_value(id.value), Value(view.sql), Value(encode_names(view.column_names)),
                               Value(encode_names(view.output_names)), Value(encode_types(view.output_types))}));
  return id;
}

Result<TableId> CatalogEditor::create_sequence(const Sequence& sequence) {
  const std::int64_t generation = catalog_.generation("relation", name_key(sequence.name));
  Sequence made = sequence;
  std::string definition = "sequence";
  put_bytes(definition, name_key(sequence.name));
  put_u64(definition, static_cast<std::uint64_t>(generation));
  for (const std::int64_t v : {sequence.increment, sequence.min_value, sequence.max_value, sequence.start}) {
    put_u64(definition, static_cast<std::uint64_t>(v));
  }
  put_u8(definition, sequence.cycle ? 1 : 0);
  made.id = TableId{user_id(definition)};
  LDB_TRY(insert(kRelationsTable,
                 {id_value(made.id.value), small_value(static_cast<int>(RelationKind::kSequence)), Value(made.name.database),
                  Value(made.name.schema), Value(made.name.name), Value(generation), Value(""), small_value(0)}));
  LDB_TRY(insert_name(made.id, made.name));
  LDB_TRY(insert(kSequencesTable, sequence_row(made)));
  LDB_TRY(insert(kSequenceValuesTable, {id_value(made.id.value), Value(made.start), Value(false)}));
  return made.id;
}

Status CatalogEditor::update_sequence(const Sequence& sequence) { return upsert(kSequencesTable, sequence_row(sequence)); }

}  // namespace ldb::sql
