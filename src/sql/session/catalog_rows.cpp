#include "sql/session/catalog_rows.hpp"

#include "sql/catalog/catalog.hpp"
#include "sql/exec/exec_context.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {
namespace {

std::string type_name(ConstraintType type) {
  switch (type) {
    case ConstraintType::kPrimaryKey:
      return "PRIMARY KEY";
    case ConstraintType::kUnique:
      return "UNIQUE";
    case ConstraintType::kCheck:
      return "CHECK";
    case ConstraintType::kForeignKey:
      return "FOREIGN KEY";
  }
  return "unknown";
}

std::string action_name(ReferenceAction action) {
  switch (action) {
    case ReferenceAction::kNoAction:
      return "";
    case ReferenceAction::kRestrict:
      return "RESTRICT";
    case ReferenceAction::kCascade:
      return "CASCADE";
    case ReferenceAction::kSetNull:
      return "SET NULL";
    case ReferenceAction::kSetDefault:
      return "SET DEFAULT";
  }
  return "unknown";
}

std::string list(const Table& table, const std::vector<Ordinal>& columns) {
  std::string text;
  for (const Ordinal ordinal : columns) text += (text.empty() ? "" : ", ") + quote_identifier(table.columns[ordinal].name);
  return "(" + text + ")";
}

std::string reference(const Catalog& catalog, const TableConstraint& constraint) {
  const auto parent = catalog.find_table(constraint.referenced);
  if (parent == nullptr) return " REFERENCES a table that was dropped";
  std::vector<Ordinal> columns;
  for (const ColumnId id : constraint.referenced_columns) {
    if (const auto ordinal = parent->find_column(id)) columns.push_back(*ordinal);
  }
  std::string text = " REFERENCES " + quote_identifier(parent->name.name) + list(*parent, columns);
  if (constraint.match_full) text += " MATCH FULL";
  if (const std::string action = action_name(constraint.on_update); !action.empty()) text += " ON UPDATE " + action;
  if (const std::string action = action_name(constraint.on_delete); !action.empty()) text += " ON DELETE " + action;
  return text;
}

std::string definition(const Catalog& catalog, const Table& table, const TableConstraint& constraint) {
  std::string text = type_name(constraint.type);
  if (constraint.type == ConstraintType::kCheck) return text + " (" + constraint.check.sql + ")";
  text += " " + list(table, constraint.columns);
  return constraint.type == ConstraintType::kForeignKey ? text + reference(catalog, constraint) : text;
}

}  // namespace

std::vector<std::vector<Value>> rows_of_databases(ExecContext& context) {
  std::vector<std::vector<Value>> rows;
  for (const std::string& database : context.catalog->databases())
    rows.push_back({Value(database), Value(database == context.database)});
  return rows;
}

std::vector<std::vector<Value>> rows_of_constraints(ExecContext& context) {
  std::vector<std::vector<Value>> rows;
  for (const auto& [id, table] : context.catalog->tables()) {
    if (table->name.database != context.database) continue;
    for (const TableConstraint& constraint : table->constraints) {
      rows.push_back({Value(table->name.schema), Value(table->name.name), Value(constraint.name),
                      Value(type_name(constraint.type)), Value(definition(*context.catalog, *table, constraint))});
    }
  }
  return rows;
}

}  // namespace ldb::sql
