#include "sql/catalog/catalog.hpp"

#include <algorithm>

#include "sql/catalog/system_tables.hpp"

namespace ldb::sql {

std::optional<Ordinal> Table::find_column(std::string_view column) const {
  for (Ordinal i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return i;
  }
  return std::nullopt;
}

std::optional<Ordinal> Table::find_column(ColumnId column) const {
  for (Ordinal i = 0; i < columns.size(); ++i) {
    if (columns[i].id == column) return i;
  }
  return std::nullopt;
}

const Index* Table::find_index(IndexId index) const {
  for (const Index& candidate : indexes) {
    if (candidate.id == index) return &candidate;
  }
  return nullptr;
}

const TableConstraint* Table::find_constraint(std::string_view constraint) const {
  for (const TableConstraint& candidate : constraints) {
    if (candidate.name == constraint) return &candidate;
  }
  return nullptr;
}

const TableConstraint* Table::primary_key() const {
  for (const TableConstraint& candidate : constraints) {
    if (candidate.type == ConstraintType::kPrimaryKey) return &candidate;
  }
  return nullptr;
}

bool Catalog::has_schema(std::string_view database, std::string_view schema) const {
  return schema == kSystemSchema || schemas_.contains({std::string(database), std::string(schema)});
}

const RelationEntry* Catalog::find_relation(const RelationName& name) const {
  const auto found = relations_.find(name);
  return found == relations_.end() ? nullptr : &found->second;
}

std::shared_ptr<const Table> Catalog::find_table(const RelationName& name) const {
  if (name.schema == kSystemSchema) return find_system_table(name.name);
  const RelationEntry* entry = find_relation(name);
  return entry && entry->kind == RelationKind::kTable ? find_table(entry->id) : nullptr;
}

std::shared_ptr<const Table> Catalog::find_table(TableId id) const {
  if (is_system_table(id)) return find_system_table(id);
  const auto found = tables_.find(id);
  return found == tables_.end() ? nullptr : found->second;
}

std::shared_ptr<const View> Catalog::find_view(TableId id) const {
  const auto found = views_.find(id);
  return found == views_.end() ? nullptr : found->second;
}

std::shared_ptr<const Sequence> Catalog::find_sequence(TableId id) const {
  const auto found = sequences_.find(id);
  return found == sequences_.end() ? nullptr : found->second;
}

std::pair<std::shared_ptr<const Table>, std::size_t> Catalog::find_index(IndexId id) const {
  const auto found = index_tables_.find(id);
  if (found == index_tables_.end()) return {};
  const auto table = find_table(found->second);
  for (std::size_t i = 0; table && i < table->indexes.size(); ++i) {
    if (table->indexes[i].id == id) return {table, i};
  }
  return {};
}

std::pair<std::shared_ptr<const Table>, std::size_t> Catalog::find_index(const RelationName& name) const {
  const auto found = index_names_.find(name);
  if (found == index_names_.end()) return {};
  return find_index(found->second);
}

std::int64_t Catalog::generation(std::string_view scope, std::string_view name) const {
  const auto found = generations_.find({std::string(scope), std::string(name)});
  return found == generations_.end() ? 0 : found->second;
}

bool Catalog::is_dropped(TableId table) const { return generation(kDroppedScope, std::to_string(table.value)) != 0; }

std::string Catalog::comment(std::string_view object) const {
  const auto found = comments_.find(object);
  return found == comments_.end() ? std::string() : found->second;
}

}  // namespace ldb::sql
