// INSERT, RETURNING, and what every written row must satisfy.
#include <algorithm>

#include "sql/bind/binder.hpp"

namespace ldb::sql {

Result<std::shared_ptr<const Table>> Binder::target_table(const ast::TargetTable& target, std::string_view verb) {
  const std::string name(target.name.name);
  std::vector<std::string> schemas = environment_.search_path;
  if (!target.name.schema.empty()) schemas = {std::string(target.name.schema)};
  for (const std::string& schema : schemas) {
    const RelationName full{environment_.database, schema, name};
    if (auto table = environment_.catalog->find_table(full)) {
      if (table->system) {
        return Status::sql(StatusCode::kInvalidArgument, "42501",
                           "permission denied: \"" + schema + "." + name + "\" is a system table", target.name.position);
      }
      return table;
    }
    if (const RelationEntry* entry = environment_.catalog->find_relation(full)) {
      if (entry->kind == RelationKind::kView) {
        return bind_error("55000", "cannot " + std::string(verb) + " view \"" + name + "\"", target.name.position);
      }
      return bind_error("42809", "cannot change sequence \"" + name + "\"", target.name.position);
    }
    if (environment_.table_functions && environment_.table_functions->find_table(schema, name)) {
      return bind_error("55000", "cannot " + std::string(verb) + " view \"" + name + "\"", target.name.position);
    }
  }
  const std::string shown = target.name.schema.empty() ? name : std::string(target.name.schema) + "." + name;
  return bind_error("42P01", "relation \"" + shown + "\" does not exist", target.name.position);
}

Result<ExpressionPtr> Binder::default_of(const Column& column) {
  if (!column.default_value) return make_typed_constant(column.type, Value(column.type.id, {}));
  return bind_constant_expression(*column.default_value.parsed->expression, column.type, "DEFAULT expression");
}

Status Binder::bind_row_rules(const Table& table, const std::vector<OutputColumn>& row, std::vector<ExpressionPtr>& checks,
                              std::vector<std::pair<Ordinal, ExpressionPtr>>& generated) {
  for (Ordinal i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (!column.generated) continue;
    LDB_ASSIGN_OR_RETURN(auto bound,
                         bind_row_expression(*column.generated.parsed->expression, table, row, "column generation expressions"));
    LDB_ASSIGN_OR_RETURN(bound, coerce(build_, std::move(bound), column.type, CastContext::kAssignment));
    generated.emplace_back(i, std::move(bound));
  }
  for (const TableConstraint& constraint : table.constraints) {
    if (constraint.type != ConstraintType::kCheck) continue;
    LDB_ASSIGN_OR_RETURN(auto bound, bind_row_expression(*constraint.check.parsed->expression, table, row, "check constraints"));
    LDB_ASSIGN_OR_RETURN(bound, coerce_to_boolean(build_, std::move(bound), "CHECK"));
    checks.push_back(std::move(bound));
  }
  return {};
}

Status Binder::bind_returning(std::span<const ast::SelectItem> items, Level& level, LogicalPlan& plan, Returning& returning) {
  if (items.empty()) return {};
  returning.active = true;
  level.clause = "RETURNING";
  std::vector<std::string> names;
  LDB_TRY(expand_items(items, level, returning.expressions, names));
  for (std::size_t i = 0; i < names.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(returning.expressions[i], coerce_unknown_to_text(build_, std::move(returning.expressions[i])));
    plan.output.push_back({new_column(), names[i], returning.expressions[i]->type});
  }
  return {};
}

/// The rows to insert as a plan with one output per target column, of the columns' types.
Result<LogicalPtr> Binder::insert_source(const ast::Insert& insert, const Table& table, const std::vector<Ordinal>& targets,
                                         Level& level) {
  const auto check_width = [&](std::size_t width, std::uint32_t position) -> Status {
    if (width > targets.size()) return bind_error("42601", "INSERT has more expressions than target columns", position);
    if (width < targets.size() && !insert.columns.empty()) {
      return bind_error("42601", "INSERT has more target columns than expressions", position);
    }
    return {};
  };
  const ast::Query& query = *insert.source;
  const auto* values = query.body->as<ast::ValuesBody>();
  if (values != nullptr && query.with == nullptr && query.order_by.empty() && !query.limit && !query.offset) {
    auto plan = std::make_unique<LogicalValues>();
    const std::size_t width = values->rows[0].size();
    LDB_TRY(check_width(width, values->rows[0][0]->position));
    level.clause = "VALUES";
    for (const ast::ValueRow& row : values->rows) {
      if (row.size() != width) return bind_error("42601", "VALUES lists must all be the same length", row[0]->position);
      std::vector<ExpressionPtr> bound;
      for (std::size_t i = 0; i < width; ++i) {
        const Column& column = table.columns[targets[i]];
        const bool is_default = row[i]->kind == ast::ExpressionKind::kDefault;
        if (column.generated && !is_default) {
          return Status::sql(StatusCode::kInvalidArgument, "428C9",
                             "cannot insert a non-DEFAULT value into column \"" + column.name + "\"", row[i]->position);
        }
        if (column.identity == IdentityKind::kAlways && !is_default && insert.overriding != ast::Overriding::kSystemValue) {
          return Status::sql(StatusCode::kInvalidArgument, "428C9",
                             "cannot insert a non-DEFAULT value into column \"" + column.name + "\"", row[i]->position);
        }
        ExpressionPtr value;
        if (is_default) {
          LDB_ASSIGN_OR_RETURN(value, default_of(column));
        } else {
          LDB_ASSIGN_OR_RETURN(value, bind(*row[i], level));
          LDB_ASSIGN_OR_RETURN(value, coerce(build_, std::move(value), column.type, CastContext::kAssignment, row[i]->position));
        }
        bound.push_back(std::move(value));
      }
      plan->values.push_back(std::move(bound));
    }
    for (std::size_t i = 0; i < width; ++i) {
      plan->output.push_back({new_column(), table.columns[targets[i]].name, table.columns[targets[i]].type});
    }
    return LogicalPtr(std::move(plan));
  }
  LDB_ASSIGN_OR_RETURN(auto plan, bind_query(query, level, true));
  LDB_TRY(check_width(plan->output.size(), query.position));
  for (std::size_t i = 0; i < plan->output.size(); ++i) {
    const Column& column = table.columns[targets[i]];
    if (column.generated || (column.identity == IdentityKind::kAlways && insert.overriding != ast::Overriding::kSystemValue)) {
      return Status::sql(StatusCode::kInvalidArgument, "428C9",
                         "cannot insert a non-DEFAULT value into column \"" + column.name + "\"", query.position);
    }
    const TypeId from = plan->output[i].type.id;
    if (from != TypeId::kNull && !can_cast(from, column.type.id, CastContext::kAssignment)) {
      return bind_error("42804",
                        "column \"" + column.name + "\" is of type " + column.type.to_string() + " but expression is of type " +
                            plan->output[i].type.to_string(),
                        query.position);
    }
    LDB_TRY(coerce_output(plan, i, column.type, CastContext::kAssignment));
  }
  return plan;
}

Result<LogicalPtr> Binder::bind_insert(const ast::Insert& insert, Level& level) {
  LDB_ASSIGN_OR_RETURN(auto table, target_table(insert.table, "insert into"));
  if (insert.with != nullptr) LDB_TRY(bind_with(*insert.with, level));
  level.top = false;  // a WITH of the source is not the statement's
  std::vector<Ordinal> targets;
  for (const ast::Name& name : insert.columns) {
    const auto ordinal = table->find_column(name.text);
    if (!ordinal) {
      return bind_error("42703",
                        "column \"" + std::string(name.text) + "\" of relation \"" + table->name.name + "\" does not exist",
                        name.position);
    }
    if (std::find(targets.begin(), targets.end(), *ordinal) != targets.end()) {
      return bind_error("42701", "column \"" + std::string(name.text) + "\" specified more than once", name.position);
    }
    targets.push_back(*ordinal);
  }
  if (insert.columns.empty()) {
    for (Ordinal i = 0; i < table->columns.size(); ++i) targets.push_back(i);
  }
  LogicalPtr source;
  if (insert.default_values) {
    auto one_row = std::make_unique<LogicalValues>();
    one_row->values.emplace_back();
    source = std::move(one_row);
  } else {
    LDB_ASSIGN_OR_RETURN(source, insert_source(insert, *table, targets, level));
  }
  targets.resize(source->output.size());

  auto plan = std::make_unique<LogicalInsert>();
  std::vector<ExpressionPtr> full;
  std::vector<OutputColumn> output;
  for (Ordinal i = 0; i < table->columns.size(); ++i) {
    const Column& column = table->columns[i];
    const auto target = std::find(targets.begin(), targets.end(), i);
    ExpressionPtr value;
    if (target != targets.end()) {
      const OutputColumn& from = source->output[static_cast<std::size_t>(target - targets.begin())];
      value = make_column(from.number, column.type, column.name);
    } else if (column.generated) {
      value = make_typed_constant(column.type, Value(column.type.id, {}));
    } else {
      LDB_ASSIGN_OR_RETURN(value, default_of(column));
    }
    output.push_back({new_column(), column.name, column.type});
    plan->row.push_back({new_column(), column.name, column.type});
    full.push_back(std::move(value));
  }
  LDB_TRY(bind_row_rules(*table, plan->row, plan->checks, plan->generated));
  plan->table = table;
  plan->children.push_back(make_project(std::move(source), std::move(full), std::move(output)));
  if (insert.on_conflict != nullptr) LDB_TRY(bind_on_conflict(*insert.on_conflict, *plan, insert.table, level));
  Scope scope;
  const std::string alias(insert.table.alias.empty() ? insert.table.name.name : insert.table.alias);
  scope.tables.push_back({alias, table->name.schema, table, 0, false});
  for (const OutputColumn& column : plan->row)
    scope.columns.push_back({alias, column.name, column.number, column.type, false, {}});
  level.scope = &scope;
  const Status status = bind_returning(insert.returning, level, *plan, plan->returning);
  level.scope = nullptr;
  LDB_TRY(status);
  return LogicalPtr(std::move(plan));
}

Status Binder::bind_on_conflict(const ast::OnConflict& clause, LogicalInsert& insert, const ast::TargetTable& target,
                                Level& level) {
  const Table& table = *insert.table;
  ConflictAction& action = insert.conflict;
  action.kind = clause.do_update ? ConflictAction::Kind::kUpdate : ConflictAction::Kind::kNothing;
  if (clause.target_where) return unsupported("WHERE in an ON CONFLICT target", clause.position);
  const auto choose = [&](const TableConstraint& constraint) {
    action.constraint = constraint.name;
    action.index = constraint.index;
  };
  if (!clause.constraint.empty()) {
    const TableConstraint* constraint = table.find_constraint(clause.constraint);
    if (constraint == nullptr) {
      return bind_error(
          "42704", "constraint \"" + std::string(clause.constraint) + "\" for table \"" + table.name.name + "\" does not exist",
          clause.position);
    }
    if (constraint->type != ConstraintType::kPrimaryKey && constraint->type != ConstraintType::kUnique) {
      return bind_error("42809", "constraint in ON CONFLICT clause has no associated index", clause.position);
    }
    choose(*constraint);
  } else if (!clause.target.empty()) {
    std::vector<Ordinal> columns;
    for (const ast::IndexElement& element : clause.target) {
      if (element.expression != nullptr) return unsupported("expressions in an ON CONFLICT target", element.position);
      const auto ordinal = table.find_column(element.column);
      if (!ordinal) return bind_error("42703", "column \"" + std::string(element.column) + "\" does not exist", element.position);
      columns.push_back(*ordinal);
    }
    std::sort(columns.begin(), columns.end());
    columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
    const auto same = [&](std::vector<Ordinal> other) {
      std::sort(other.begin(), other.end());
      return other == columns;
    };
    bool found = false;
    for (const TableConstraint& constraint : table.constraints) {
      if (found || (constraint.type != ConstraintType::kPrimaryKey && constraint.type != ConstraintType::kUnique)) continue;
      if (!same(constraint.columns)) continue;
      choose(constraint);
      found = true;
    }
    for (const Index& index : table.indexes) {
      if (found || !index.unique || !same(index.columns)) continue;
      action.constraint = index.name;
      action.index = index.id;
      found = true;
    }
    if (!found) {
      return bind_error("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification",
                        clause.position);
    }
  } else {
    action.any_arbiter = true;
  }
  if (!clause.do_update) return {};
  Scope scope;
  const std::string alias(target.alias.empty() ? target.name.name : target.alias);
  scope.tables.push_back({alias, table.name.schema, nullptr, 0, false});
  scope.tables.push_back({"excluded", "", nullptr, 0, false});
  for (const Column& column : table.columns) {
    action.existing.push_back({new_column(), column.name, column.type});
    scope.columns.push_back({alias, column.name, action.existing.back().number, column.type, false, {}});
  }
  for (const Column& column : table.columns) {
    action.excluded.push_back({new_column(), column.name, column.type});
    scope.columns.push_back({"excluded", column.name, action.excluded.back().number, column.type, true, {}});
  }
  level.scope = &scope;
  level.clause = "ON CONFLICT";
  Status status = bind_assignments(clause.assignments, table, level, action.columns, action.values);
  if (status && clause.where) {
    auto where = bind_boolean(*clause.where, level, "WHERE");
    status = where.status();
    if (where) action.where = std::move(where).value();
  }
  level.scope = nullptr;
  return status;
}

Status Binder::bind_assignments(std::span<const ast::Assignment> assignments, const Table& table, Level& level,
                                std::vector<Ordinal>& columns, std::vector<ExpressionPtr>& values) {
  const auto assign = [&](const ast::Name& name, const ast::Expression& value) -> Status {
    const auto ordinal = table.find_column(name.text);
    if (!ordinal) {
      return bind_error("42703",
                        "column \"" + std::string(name.text) + "\" of relation \"" + table.name.name + "\" does not exist",
                        name.position);
    }
    if (std::find(columns.begin(), columns.end(), *ordinal) != columns.end()) {
      return bind_error("42601", "multiple assignments to same column \"" + std::string(name.text) + "\"", name.position);
    }
    const Column& column = table.columns[*ordinal];
    const bool is_default = value.kind == ast::ExpressionKind::kDefault;
    if ((column.generated || column.identity == IdentityKind::kAlways) && !is_default) {
      return Status::sql(StatusCode::kInvalidArgument, "428C9", "column \"" + column.name + "\" can only be updated to DEFAULT",
                         name.position);
    }
    ExpressionPtr bound;
    if (is_default) {
      LDB_ASSIGN_OR_RETURN(bound, default_of(column));
    } else {
      LDB_ASSIGN_OR_RETURN(bound, bind(value, level));
      const TypeId from = bound->type.id;
      if (from != TypeId::kNull && !can_cast(from, column.type.id, CastContext::kAssignment)) {
        return bind_error("42804",
                          "column \"" + column.name + "\" is of type " + column.type.to_string() + " but expression is of type " +
                              bound->type.to_string(),
                          value.position);
      }
      LDB_ASSIGN_OR_RETURN(bound, coerce(build_, std::move(bound), column.type, CastContext::kAssignment, value.position));
    }
    if (column.generated) return {};  // DEFAULT: computed anyway
    columns.push_back(*ordinal);
    values.push_back(std::move(bound));
    return {};
  };
  for (const ast::Assignment& assignment : assignments) {
    if (!assignment.is_multiple) {
      LDB_TRY(assign(assignment.columns[0], *assignment.value));
      continue;
    }
    const auto* row = assignment.value->as<ast::Row>();
    if (row == nullptr && assignment.columns.size() == 1) {
      LDB_TRY(assign(assignment.columns[0], *assignment.value));
      continue;
    }
    if (row == nullptr) return unsupported("assigning several columns from a subquery", assignment.value->position);
    if (row->values.size() != assignment.columns.size()) {
      return bind_error("42601", "number of columns does not match number of values", assignment.value->position);
    }
    for (std::size_t i = 0; i < row->values.size(); ++i) LDB_TRY(assign(assignment.columns[i], *row->values[i]));
  }
  return {};
}

}  // namespace ldb::sql
