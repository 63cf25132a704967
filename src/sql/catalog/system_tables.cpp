#include "sql/catalog/system_tables.hpp"

#include "sql/catalog/catalog.hpp"

namespace ldb::sql {
namespace {

struct ColumnSpec {
  const char* name;
  TypeId type;
};

std::shared_ptr<const Table> make_table(TableId id, const char* name, std::size_t key_size, std::vector<ColumnSpec> columns) {
  auto table = std::make_shared<Table>();
  table->id = id;
  table->name = {std::string(kDefaultDatabase), std::string(kSystemSchema), name};
  table->system = true;
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    Column column;
    column.id = ColumnId{i + 1};
    column.name = columns[i].name;
    column.type = DataType{columns[i].type, -1, 0};
    column.not_null = i < key_size;
    column.missing = Value(columns[i].type, {});
    if (i < key_size) {
      table->key_columns.push_back(i);
      table->key.push_back({columns[i].type, false, false});
    }
    table->columns.push_back(std::move(column));
    table->columns_by_id.push_back(i);
  }
  return table;
}

std::shared_ptr<const Table> make_names_table() {
  auto table = std::make_shared<Table>(
      *make_table(kNamesTable, "names", 1,
                  {{"id", TypeId::kBigInt}, {"database", TypeId::kText}, {"schema", TypeId::kText}, {"name", TypeId::kText}}));
  Index index;
  index.id = kNamesIndex;
  index.name = "names_database_schema_name_key";
  index.columns = {names_column::kDatabase, names_column::kSchema, names_column::kName};
  index.key.assign(3, KeyColumn{TypeId::kText, false, false});
  index.unique = true;
  index.ready = true;
  table->indexes.push_back(index);
  return table;
}

std::vector<std::shared_ptr<const Table>> make_tables() {
  constexpr auto kText = TypeId::kText;
  constexpr auto kBigInt = TypeId::kBigInt;
  constexpr auto kSmallInt = TypeId::kSmallInt;
  constexpr auto kBoolean = TypeId::kBoolean;
  std::vector<std::shared_ptr<const Table>> tables;
  tables.push_back(make_table(kDatabasesTable, "databases", 1, {{"name", kText}}));
  tables.push_back(make_table(kSchemasTable, "schemas", 2, {{"database", kText}, {"name", kText}, {"dropped", kBoolean}}));
  tables.push_back(make_table(kRelationsTable, "relations", 1,
                              {{"id", kBigInt},
                               {"kind", kSmallInt},
                               {"database", kText},
                               {"schema", kText},
                               {"name", kText},
                               {"generation", kBigInt},
                               {"key_columns", kText},
                               {"merge", kSmallInt}}));
  tables.push_back(make_names_table());
  tables.push_back(make_table(kColumnsTable, "columns", 2,
                              {{"table_id", kBigInt},
                               {"id", kBigInt},
                               {"name", kText},
                               {"type", kSmallInt},
                               {"length", TypeId::kInteger},
                               {"scale", TypeId::kInteger},
                               {"not_null", kBoolean},
                               {"default_sql", kText},
                               {"generated_sql", kText},
                               {"identity", kSmallInt},
                               {"missing", TypeId::kBytea},
                               {"position", TypeId::kInteger}}));
  tables.push_back(make_table(kIndexesTable, "indexes", 1,
                              {{"id", kBigInt},
                               {"table_id", kBigInt},
                               {"name", kText},
                               {"columns", kText},
                               {"is_unique", kBoolean},
                               {"internal", kBoolean}}));
  tables.push_back(make_table(kConstraintsTable, "constraints", 2,
                              {{"table_id", kBigInt},
                               {"name", kText},
                               {"kind", kSmallInt},
                               {"columns", kText},
                               {"expression", kText},
                               {"index_id", kBigInt},
                               {"referenced_table", kBigInt},
                               {"referenced_columns", kText},
                               {"on_delete", kSmallInt},
                               {"on_update", kSmallInt},
                               {"match_full", kBoolean}}));
  tables.push_back(make_table(kGenerationsTable, "generations", 2, {{"scope", kText}, {"name", kText}, {"generation", kBigInt}}));
  tables.push_back(
      make_table(kViewsTable, "views", 1,
                 {{"id", kBigInt}, {"sql", kText}, {"column_names", kText}, {"output_names", kText}, {"output_types", kText}}));
  tables.push_back(make_table(kSequencesTable, "sequences", 1,
                              {{"id", kBigInt},
                               {"type", kSmallInt},
                               {"increment", kBigInt},
                               {"min_value", kBigInt},
                               {"max_value", kBigInt},
                               {"start", kBigInt},
                               {"cycle", kBoolean},
                               {"cache", kBigInt},
                               {"owner_table", kBigInt},
                               {"owner_column", kBigInt}}));
  tables.push_back(make_table(kCommentsTable, "comments", 1, {{"object", kText}, {"comment", kText}}));
  tables.push_back(make_table(kSequenceValuesTable, "sequence_values", 1,
                              {{"id", kBigInt}, {"last_value", kBigInt}, {"is_called", kBoolean}}));
  return tables;
}

}  // namespace

const std::vector<std::shared_ptr<const Table>>& system_tables() {
  static const std::vector<std::shared_ptr<const Table>> tables = make_tables();
  return tables;
}

std::shared_ptr<const Table> find_system_table(TableId id) {
  const auto& tables = system_tables();
  for (const auto& table : tables) {
    if (table->id == id) return table;
  }
  return nullptr;
}

std::shared_ptr<const Table> find_system_table(std::string_view name) {
  for (const auto& table : system_tables()) {
    if (table->name.name == name) return table;
  }
  return nullptr;
}

}  // namespace ldb::sql
