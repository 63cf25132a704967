// UPDATE and DELETE: the rows to change come from an ordinary plan over the target table and what FROM or USING adds.
#include "sql/bind/binder.hpp"

namespace ldb::sql {
namespace {

LogicalPtr cross_join(LogicalPtr left, LogicalPtr right) {
  auto join = std::make_unique<LogicalJoin>();
  join->output = left->output;
  join->output.insert(join->output.end(), right->output.begin(), right->output.end());
  join->children.push_back(std::move(left));
  join->children.push_back(std::move(right));
  return join;
}

void add_target(Scope& scope, const LogicalPlan& scan, const std::shared_ptr<const Table>& table,
                const ast::TargetTable& target) {
  const std::string alias(target.alias.empty() ? target.name.name : target.alias);
  scope.tables.push_back({alias, target.alias.empty() ? table->name.schema : "", table, 0, false});
  for (std::size_t i = 1; i < scan.output.size(); ++i) {  // 0 is the row key
    const OutputColumn& column = scan.output[i];
    scope.columns.push_back({alias, column.name, column.number, column.type, false, {}});
  }
}

}  // namespace

Result<LogicalPtr> Binder::bind_update(const ast::Update& update, Level& level) {
  LDB_ASSIGN_OR_RETURN(auto table, target_table(update.table, "update"));
  if (update.with != nullptr) LDB_TRY(bind_with(*update.with, level));
  auto plan = std::make_unique<LogicalUpdate>();
  plan->table = table;
  Scope scope;
  LogicalPtr source = scan(table, update.table.alias.empty() ? update.table.name.name : update.table.alias, true);
  const std::size_t target_width = source->output.size();
  plan->row_key = source->output[0].number;
  plan->old_row.assign(source->output.begin() + 1, source->output.end());
  add_target(scope, *source, table, update.table);
  const Status status = [&]() -> Status {
    if (!update.from.empty()) {
      Scope from;
      LDB_ASSIGN_OR_RETURN(auto others, bind_from(update.from, level, from));
      for (const ScopeTable& other : from.tables) {
        if (other.alias == scope.tables[0].alias) {
          return bind_error("42712", "table name \"" + other.alias + "\" specified more than once", update.position);
        }
      }
      scope.tables.insert(scope.tables.end(), from.tables.begin(), from.tables.end());
      scope.columns.insert(scope.columns.end(), from.columns.begin(), from.columns.end());
      source = cross_join(std::move(source), std::move(others));
    }
    level.scope = &scope;
    if (update.where) {
      level.clause = "WHERE";
      LDB_ASSIGN_OR_RETURN(auto predicate, bind_boolean(*update.where, level, "WHERE"));
      source = make_filter(std::move(source), std::move(predicate));
    }
    level.clause = "UPDATE";
    LDB_TRY(bind_assignments(update.assignments, *table, level, plan->columns, plan->values));
    for (const Column& column : table->columns) plan->row.push_back({new_column(), column.name, column.type});
    LDB_TRY(bind_row_rules(*table, plan->row, plan->checks, plan->generated));
    // RETURNING shows the new row; columns of FROM stay visible.
    Scope after = scope;
    for (std::size_t i = 0; i + 1 < target_width; ++i) after.columns[i].number = plan->row[i].number;
    level.scope = &after;
    LDB_TRY(bind_returning(update.returning, level, *plan, plan->returning));
    return {};
  }();
  level.scope = nullptr;
  LDB_TRY(status);
  plan->children.push_back(std::move(source));
  return LogicalPtr(std::move(plan));
}

Result<LogicalPtr> Binder::bind_delete(const ast::Delete& erase, Level& level) {
  LDB_ASSIGN_OR_RETURN(auto table, target_table(erase.table, "delete from"));
  if (erase.with != nullptr) LDB_TRY(bind_with(*erase.with, level));
  auto plan = std::make_unique<LogicalDelete>();
  plan->table = table;
  Scope scope;
  LogicalPtr source = scan(table, erase.table.alias.empty() ? erase.table.name.name : erase.table.alias, true);
  plan->row_key = source->output[0].number;
  plan->old_row.assign(source->output.begin() + 1, source->output.end());
  add_target(scope, *source, table, erase.table);
  const Status status = [&]() -> Status {
    if (!erase.using_tables.empty()) {
      Scope from;
      LDB_ASSIGN_OR_RETURN(auto others, bind_from(erase.using_tables, level, from));
      scope.tables.insert(scope.tables.end(), from.tables.begin(), from.tables.end());
      scope.columns.insert(scope.columns.end(), from.columns.begin(), from.columns.end());
      source = cross_join(std::move(source), std::move(others));
    }
    level.scope = &scope;
    if (erase.where) {
      level.clause = "WHERE";
      LDB_ASSIGN_OR_RETURN(auto predicate, bind_boolean(*erase.where, level, "WHERE"));
      source = make_filter(std::move(source), std::move(predicate));
    }
    return bind_returning(erase.returning, level, *plan, plan->returning);
  }();
  level.scope = nullptr;
  LDB_TRY(status);
  plan->children.push_back(std::move(source));
  return LogicalPtr(std::move(plan));
}

}  // namespace ldb::sql
