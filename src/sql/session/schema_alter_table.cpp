// ALTER TABLE.
#include <algorithm>

#include "sql/parse/to_sql.hpp"
#include "sql/session/schema_changer.hpp"

namespace ldb::sql {
namespace {

/// Stored values of `from` read as values of `to` without being written again (cell_codec.hpp).
bool reads_as(const DataType& from, const DataType& to) {
  const auto text = [](TypeId id) { return id == TypeId::kText || id == TypeId::kVarchar; };
  const auto width = [](TypeId id) {
    return id == TypeId::kSmallInt ? 1 : id == TypeId::kInteger ? 2 : id == TypeId::kBigInt ? 3 : 0;
  };
  if (text(from.id) && text(to.id)) return to.length < 0 || (from.length >= 0 && to.length >= from.length);
  if (width(from.id) && width(to.id)) return width(to.id) >= width(from.id);
  if (from.id == TypeId::kNumeric && to.id == TypeId::kNumeric) {
    return to.length < 0 || (from.length >= 0 && to.scale == from.scale && to.length >= from.length);
  }
  return from == to;
}

std::string column_list(const Table& table, const std::vector<Ordinal>& columns, std::string_view alias = {}) {
  std::string out;
  for (const Ordinal column : columns) {
    if (!out.empty()) out += ", ";
    if (!alias.empty()) out += std::string(alias) + ".";
    out += quote_identifier(table.columns[column].name);
  }
  return out;
}

std::string all_not_null(const Table& table, const std::vector<Ordinal>& columns, std::string_view alias = {}) {
  std::string out;
  for (const Ordinal column : columns) {
    if (!out.empty()) out += " AND ";
    if (!alias.empty()) out += std::string(alias) + ".";
    out += quote_identifier(table.columns[column].name) + " IS NOT NULL";
  }
  return out;
}

std::string key_text(const Table& table, const std::vector<Ordinal>& columns, const ResultSet& row) {
  std::string names, values;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    names += (i ? ", " : "") + table.columns[columns[i]].name;
    values += (i ? ", " : "") + row.at(0, i).to_string();
  }
  return "Key (" + names + ")=(" + values + ")";
}

}  // namespace

Result<std::string> SchemaChanger::alter_table(const ast::AlterTable& s) {
  if (s.object != ast::ObjectKind::kTable) return unsupported("this ALTER command for anything but a table", s.position);
  const auto full = find_name(s.name);
  if (!full && s.if_exists) return std::string("ALTER TABLE");
  LDB_ASSIGN_OR_RETURN(const auto table, find_table(s.name));
  for (const ast::AlterCommand& command : s.commands) {
    LDB_TRY(alter(command, table->id));
    LDB_TRY(host_.refresh());
  }
  return std::string("ALTER TABLE");
}

Status SchemaChanger::alter(const ast::AlterCommand& command, TableId id) {
  using Kind = ast::AlterKind;
  const auto table = catalog().find_table(id);
  const auto find_column = [&]() -> Result<Ordinal> {
    const auto ordinal = table->find_column(command.name);
    if (ordinal) return *ordinal;
    return bind_error("42703",
                      "column \"" + std::string(command.name) + "\" of relation \"" + table->name.name + "\" does not exist",
                      command.position);
  };
  switch (command.kind) {
    case Kind::kAddColumn:
      return add_column(command, *table);
    case Kind::kDropColumn:
      return drop_column(command, *table);
    case Kind::kAddConstraint:
      return add_constraint(*command.constraint, nullptr, id);
    case Kind::kDropConstraint:
      return drop_constraint(command, *table);
    case Kind::kSetDefault:
    case Kind::kDropDefault: {
      LDB_ASSIGN_OR_RETURN(const Ordinal ordinal, find_column());
      Column column = table->columns[ordinal];
      if (column.generated)
        return bind_error("42601",
                          "column \"" + column.name + "\" of relation \"" + table->name.name + "\" is a generated column",
                          command.position);
      if (column.identity != IdentityKind::kNone)
        return bind_error("42601",
                          "column \"" + column.name + "\" of relation \"" + table->name.name + "\" is an identity column",
                          command.position);
      column.default_value = {};
      if (command.kind == Kind::kSetDefault) LDB_TRY(set_default(*command.expression, column));
      return editor().update_column(*table, column);
    }
    case Kind::kSetNotNull:
    case Kind::kDropNotNull: {
      LDB_ASSIGN_OR_RETURN(const Ordinal ordinal, find_column());
      Column column = table->columns[ordinal];
      column.not_null = command.kind == Kind::kSetNotNull;
      if (column.not_null) {
        LDB_TRY(check_not_null(*table, column));
      } else {
        const TableConstraint* key = table->primary_key();
        if (key && std::find(key->columns.begin(), key->columns.end(), ordinal) != key->columns.end()) {
          return bind_error("42P16", "column \"" + column.name + "\" is in a primary key", command.position);
        }
        if (column.identity != IdentityKind::kNone)
          return bind_error("42601",
                            "column \"" + column.name + "\" of relation \"" + table->name.name + "\" is an identity column",
                            command.position);
      }
      return editor().update_column(*table, column);
    }
    case Kind::kSetType: {
      LDB_ASSIGN_OR_RETURN(const Ordinal ordinal, find_column());
      return set_type(command, *table, ordinal);
    }
    default:
      return unsupported("this ALTER TABLE command", command.position);
  }
}

Status SchemaChanger::add_column(const ast::AlterCommand& command, const Table& table) {
  const ast::ColumnDefinition& definition = *command.column;
  if (table.find_column(definition.name)) {
    if (command.if_not_exists) return {};
    return bind_error("42701",
                      "column \"" + std::string(definition.name) + "\" of relation \"" + table.name.name + "\" already exists",
                      definition.position);
  }
  Column column;
  std::vector<const ast::Constraint*> constraints;
  std::vector<Sequence> sequences;
  LDB_TRY(add_column_definition(definition, table.name.name, column, constraints, sequences));
  const bool not_null = column.not_null;
  bool rewrite = static_cast<bool>(column.generated) || !sequences.empty();
  if (column.default_value && sequences.empty()) {
    const BindEnvironment environment = host_.environment();
    Binder binder(environment, 0);
    LDB_ASSIGN_OR_RETURN(const auto bound, binder.bind_constant_expression(*column.default_value.parsed->expression, column.type,
                                                                           "DEFAULT expression"));
    if (is_volatile(*bound)) {
      rewrite = true;
    } else {
      // Rows that are there already read this value: nothing is written to them.
      LDB_ASSIGN_OR_RETURN(column.missing, host_.evaluate(*bound));
    }
  }
  if (column.generated) {
    Table view = table;
    view.columns.push_back(column);
    std::vector<OutputColumn> row;
    for (std::size_t i = 0; i < view.columns.size(); ++i) row.push_back({i, view.columns[i].name, view.columns[i].type});
    const BindEnvironment environment = host_.environment();
    Binder binder(environment, 0);
    LDB_TRY(
        binder.bind_row_expression(*column.generated.parsed->expression, view, row, "column generation expressions").status());
  }
  column.not_null = not_null && !rewrite;
  LDB_ASSIGN_OR_RETURN(const ColumnId id, editor().add_column(table, column));
  for (Sequence& sequence : sequences) {
    sequence.name.database = table.name.database;
    sequence.name.schema = table.name.schema;
    sequence.owner_table = table.id;
    sequence.owner_column = id;
    LDB_TRY(editor().create_sequence(sequence).status());
  }
  LDB_TRY(host_.refresh());
  const std::string name = column.name;
  if (rewrite) {
    LDB_TRY(host_.run_internal("UPDATE " + quoted(table.name) + " SET " + quote_identifier(name) + " = DEFAULT").status());
  }
  if (not_null) {
    const auto changed = catalog().find_table(table.id);
    const auto ordinal = changed->find_column(id);
    LDB_TRY(check_not_null(*changed, changed->columns[*ordinal]));
    if (rewrite) {
      Column fixed = changed->columns[*ordinal];
      fixed.not_null = true;
      LDB_TRY(editor().update_column(*changed, fixed));
      LDB_TRY(host_.refresh());
    }
  }
  for (const ast::Constraint* constraint : constraints) LDB_TRY(add_constraint(*constraint, &name, table.id));
  return {};
}

Status SchemaChanger::drop_column(const ast::AlterCommand& command, const Table& table) {
  const auto ordinal = table.find_column(command.name);
  const std::string name(command.name);
  if (!ordinal) {
    if (command.if_exists) return {};
    return bind_error("42703", "column \"" + name + "\" of relation \"" + table.name.name + "\" does not exist",
                      command.position);
  }
  if (std::find(table.key_columns.begin(), table.key_columns.end(), *ordinal) != table.key_columns.end()) {
    return unsupported("dropping a column of the primary key that rows are stored by", command.position);
  }
  for (const Column& column : table.columns) {
    if (column.generated && column.generated.sql.find(quote_identifier(name)) != std::string::npos && column.name != name) {
      return Status::sql(StatusCode::kConstraint, "2BP01",
                         "cannot drop column " + name + " of table " + table.name.name + " because other objects depend on it",
                         command.position);
    }
  }
  if (!command.cascade) {
    for (const Reference& reference : table.references) {
      const auto child = catalog().find_table(reference.table);
      const TableConstraint* constraint = child ? child->find_constraint(reference.constraint) : nullptr;
      if (constraint == nullptr) continue;
      const auto& ids = constraint->referenced_columns;
      if (std::find(ids.begin(), ids.end(), table.columns[*ordinal].id) == ids.end()) continue;
      return Status::sql(StatusCode::kConstraint, "2BP01",
                         "cannot drop column " + name + " of table " + table.name.name + " because other objects depend on it",
                         command.position);
    }
  }
  LDB_TRY(drop_dependent_views(table.id, command.cascade, "column " + name + " of table " + table.name.name, &name));
  return editor().drop_column(*catalog().find_table(table.id), *ordinal);
}

Status SchemaChanger::set_type(const ast::AlterCommand& command, const Table& table, Ordinal ordinal) {
  Column column = table.columns[ordinal];
  LDB_ASSIGN_OR_RETURN(const DataType type, resolve_type(*command.type));
  if (type == column.type) return {};
  LDB_TRY(drop_dependent_views(table.id, false, "column " + column.name, &column.name));
  const bool in_index = std::any_of(table.indexes.begin(), table.indexes.end(), [&](const Index& index) {
    return std::find(index.columns.begin(), index.columns.end(), ordinal) != index.columns.end();
  });
  const bool in_key = std::find(table.key_columns.begin(), table.key_columns.end(), ordinal) != table.key_columns.end();
  if (command.expression != nullptr || !reads_as(column.type, type)) return rewrite_column(command, table, ordinal, type);
  if ((in_index || in_key) && type.id != column.type.id && !(is_integer_type(type.id) || is_string_type(type.id))) {
    return unsupported("changing the type of an indexed column", command.position);
  }
  column.type = type;
  if (!column.missing.is_null()) {
    LDB_ASSIGN_OR_RETURN(column.missing, cast_value(column.missing, type, CastContext::kAssignment));
  }
  return editor().update_column(table, column);
}

/// A type that stored values do not fit: a new column takes the place of the old one, so that rows which other nodes write
/// meanwhile in the old type are never misread.
Status SchemaChanger::rewrite_column(const ast::AlterCommand& command, const Table& table, Ordinal ordinal,
                                     const DataType& type) {
  const Column old = table.columns[ordinal];
  const auto uses = [&](const std::vector<Ordinal>& columns) {
    return std::find(columns.begin(), columns.end(), ordinal) != columns.end();
  };
  bool used = uses(table.key_columns);
  for (const Index& index : table.indexes) used = used || uses(index.columns);
  for (const TableConstraint& constraint : table.constraints) used = used || uses(constraint.columns);
  for (const Reference& reference : table.references) {
    const auto child = catalog().find_table(reference.table);
    const TableConstraint* constraint = child ? child->find_constraint(reference.constraint) : nullptr;
    const auto& ids = constraint ? constraint->referenced_columns : std::vector<ColumnId>();
    used = used || std::find(ids.begin(), ids.end(), old.id) != ids.end();
  }
  for (const Column& column : table.columns) used = used || static_cast<bool>(column.generated);
  if (command.expression == nullptr && !can_cast(old.type.id, type.id, CastContext::kAssignment)) {
    return bind_error("42804", "column \"" + old.name + "\" cannot be cast automatically to type " + type.to_string(),
                      command.position);
  }
  Column made;
  made.name = old.name + "!";
  made.type = type;
  made.position = old.position;
  made.missing = Value(type.id, {});
  if (old.default_value) {
    const BindEnvironment environment = host_.environment();
    Binder binder(environment, 0);
    const auto bound = binder.bind_constant_expression(*old.default_value.parsed->expression, type, "DEFAULT expression");
    if (!bound) {
      return bind_error("42804",
                        "default for column \"" + old.name + "\" cannot be cast automatically to type " + type.to_string(),
                        command.position);
    }
  }
  if (used) {
    return unsupported("changing a column from " + old.type.to_string() + " to " + type.to_string() +
                           " while a key, an index, a constraint or a generated column uses it",
                       command.position);
  }
  LDB_ASSIGN_OR_RETURN(const ColumnId id, editor().add_column(table, made));
  LDB_TRY(host_.refresh());
  const std::string value = command.expression ? to_sql(*command.expression) : quote_identifier(old.name);
  LDB_TRY(host_.run_internal("UPDATE " + quoted(table.name) + " SET " + quote_identifier(made.name) + " = " + value).status());
  LDB_TRY(editor().drop_column(*catalog().find_table(table.id), *catalog().find_table(table.id)->find_column(old.id)));
  LDB_TRY(host_.refresh());
  const auto changed = catalog().find_table(table.id);
  Column final_column = changed->columns[*changed->find_column(id)];
  final_column.name = old.name;
  final_column.default_value = old.default_value;
  if (old.not_null) LDB_TRY(check_not_null(*changed, changed->columns[*changed->find_column(id)]));
  final_column.not_null = old.not_null;
  return editor().update_column(*changed, final_column);
}

Status SchemaChanger::add_constraint(const ast::Constraint& constraint, const std::string* column, TableId id) {
  const auto table = catalog().find_table(id);
  LDB_ASSIGN_OR_RETURN(const TableConstraint made, make_constraint(constraint, column, *table));
  if (made.type == ConstraintType::kPrimaryKey) {
    for (const Ordinal ordinal : made.columns) {
      Column changed = table->columns[ordinal];
      if (changed.not_null) continue;
      LDB_TRY(check_not_null(*table, changed));
      changed.not_null = true;
      LDB_TRY(editor().update_column(*table, changed));
    }
  }
  LDB_TRY(validate(*table, made));
  LDB_TRY(editor().add_constraint(*table, made));
  return host_.refresh();
}

Status SchemaChanger::check_not_null(const Table& table, const Column& column) {
  host_.note_validated();
  LDB_ASSIGN_OR_RETURN(const ResultSet found, host_.run_internal("SELECT 1 FROM " + quoted(table.name) + " WHERE " +
                                                                 quote_identifier(column.name) + " IS NULL LIMIT 1"));
  if (found.empty()) return {};
  return Status::sql(StatusCode::kConstraint, "23502",
                     "column \"" + column.name + "\" of relation \"" + table.name.name + "\" contains null values");
}

/// Do the rows that are there satisfy it?
Status SchemaChanger::validate(const Table& table, const TableConstraint& constraint) {
  host_.note_validated();
  const std::string name = quoted(table.name);
  switch (constraint.type) {
    case ConstraintType::kCheck: {
      LDB_ASSIGN_OR_RETURN(const ResultSet found,
                           host_.run_internal("SELECT 1 FROM " + name + " WHERE NOT (" + constraint.check.sql + ") LIMIT 1"));
      if (found.empty()) return {};
      return Status::sql(
          StatusCode::kConstraint, "23514",
          "check constraint \"" + constraint.name + "\" of relation \"" + table.name.name + "\" is violated by some row");
    }
    case ConstraintType::kPrimaryKey:
    case ConstraintType::kUnique: {
      const std::string columns = column_list(table, constraint.columns);
      LDB_ASSIGN_OR_RETURN(const ResultSet found, host_.run_internal("SELECT " + columns + " FROM " + name + " WHERE " +
                                                                     all_not_null(table, constraint.columns) + " GROUP BY " +
                                                                     columns + " HAVING count(*) > 1 LIMIT 1"));
      if (found.empty()) return {};
      return Status::sql(StatusCode::kConstraint, "23505", "could not create unique index \"" + constraint.name + "\"")
          .with_detail(key_text(table, constraint.columns, found) + " is duplicated.");
    }
    case ConstraintType::kForeignKey: {
      const auto parent = catalog().find_table(constraint.referenced);
      std::string match;
      for (std::size_t i = 0; i < constraint.columns.size(); ++i) {
        const auto other = parent->find_column(constraint.referenced_columns[i]);
        match += (i ? " AND " : "") + std::string("p.") + quote_identifier(parent->columns[*other].name) + " = c." +
                 quote_identifier(table.columns[constraint.columns[i]].name);
      }
      LDB_ASSIGN_OR_RETURN(
          const ResultSet found,
          host_.run_internal("SELECT " + column_list(table, constraint.columns, "c") + " FROM " + name + " c WHERE " +
                             all_not_null(table, constraint.columns, "c") + " AND NOT EXISTS (SELECT 1 FROM " +
                             quoted(parent->name) + " p WHERE " + match + ") LIMIT 1"));
      if (found.empty()) return {};
      return Status::sql(StatusCode::kConstraint, "23503",
                         "insert or update on table \"" + table.name.name + "\" violates foreign key constraint \"" +
                             constraint.name + "\"")
          .with_detail(key_text(table, constraint.columns, found) + " is not present in table \"" + parent->name.name + "\".");
    }
  }
  return {};
}

Status SchemaChanger::drop_constraint(const ast::AlterCommand& command, const Table& table) {
  const TableConstraint* constraint = table.find_constraint(command.name);
  if (constraint == nullptr) {
    if (command.if_exists) return {};
    return bind_error("42704",
                      "constraint \"" + std::string(command.name) + "\" of relation \"" + table.name.name + "\" does not exist",
                      command.position);
  }
  const bool is_key = constraint->type == ConstraintType::kPrimaryKey || constraint->type == ConstraintType::kUnique;
  if (is_key) {
    for (const Reference& reference : table.references) {
      const auto child = catalog().find_table(reference.table);
      const TableConstraint* foreign = child ? child->find_constraint(reference.constraint) : nullptr;
      if (foreign == nullptr) continue;
      std::vector<ColumnId> ids;
      for (const Ordinal ordinal : constraint->columns) ids.push_back(table.columns[ordinal].id);
      if (ids.size() != foreign->referenced_columns.size() ||
          !std::is_permutation(ids.begin(), ids.end(), foreign->referenced_columns.begin()))
        continue;
      if (!command.cascade) {
        return Status::sql(
            StatusCode::kConstraint, "2BP01",
            "cannot drop constraint " + constraint->name + " on table " + table.name.name + " because other objects depend on it",
            command.position);
      }
      LDB_TRY(editor().drop_constraint(*child, *foreign));
    }
  }
  if (constraint->type == ConstraintType::kPrimaryKey && constraint->index == IndexId{}) {
    return unsupported("dropping the primary key that rows are stored by", command.position);
  }
  return editor().drop_constraint(table, *constraint);
}

}  // namespace ldb::sql
