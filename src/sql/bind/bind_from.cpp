// FROM: tables, views, derived tables, functions, joins; and what * stands for.
#include <algorithm>

#include "sql/bind/binder.hpp"
#include "sql/parse/parser.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kMaxViewDepth = 32;

void append_scope(Scope& to, Scope from) {
  for (ScopeTable& table : from.tables) {
    table.first_column += to.columns.size();
    to.tables.push_back(std::move(table));
  }
  to.columns.insert(to.columns.end(), std::make_move_iterator(from.columns.begin()), std::make_move_iterator(from.columns.end()));
}

Status check_aliases(const Scope& scope, const Scope& added, std::uint32_t position) {
  for (const ScopeTable& a : scope.tables) {
    for (const ScopeTable& b : added.tables) {
      if (a.alias == b.alias && !a.alias.empty() && (a.schema == b.schema || a.schema.empty() || b.schema.empty())) {
        return bind_error("42712", "table name \"" + a.alias + "\" specified more than once", position);
      }
    }
  }
  return {};
}

std::unique_ptr<LogicalJoin> make_join(JoinType type, LogicalPtr left, LogicalPtr right) {
  auto join = std::make_unique<LogicalJoin>();
  join->type = type;
  join->output = left->output;
  join->output.insert(join->output.end(), right->output.begin(), right->output.end());
  join->children.push_back(std::move(left));
  join->children.push_back(std::move(right));
  return join;
}

}  // namespace

Result<LogicalPtr> Binder::bind_from(std::span<const ast::TableRef* const> from, Level& level, Scope& scope) {
  LogicalPtr plan;
  for (const ast::TableRef* ref : from) {
    Scope added;
    std::vector<OuterReference> lateral;
    const Scope* visible = std::exchange(level.scope, &scope);  // what LATERAL sees
    auto item = bind_table_ref(*ref, level, added, &lateral);
    level.scope = visible;
    if (!item) return item.error();
    LDB_TRY(check_aliases(scope, added, ref->position));
    append_scope(scope, std::move(added));
    if (plan == nullptr) {
      plan = std::move(item).value();
      continue;
    }
    auto join = make_join(JoinType::kInner, std::move(plan), std::move(item).value());
    join->lateral = !lateral.empty();
    join->outer = std::move(lateral);
    plan = std::move(join);
  }
  if (plan == nullptr) {
    auto one_row = std::make_unique<LogicalValues>();
    one_row->values.emplace_back();
    plan = std::move(one_row);
  }
  return plan;
}

/// `lateral` receives the columns of level.scope that the item uses.
Result<LogicalPtr> Binder::bind_table_ref(const ast::TableRef& ref, Level& level, Scope& scope,
                                          std::vector<OuterReference>* lateral) {
  switch (ref.kind) {
    case ast::TableRefKind::kTable:
      return bind_named_table(*ref.as<ast::NamedTable>(), level, scope);
    case ast::TableRefKind::kSubquery: {
      const auto& subquery = *ref.as<ast::SubqueryTable>();
      LDB_ASSIGN_OR_RETURN(auto plan, bind_derived(*subquery.query, level, subquery.lateral, lateral));
      LDB_TRY(add_to_scope(*plan, "", ref.alias, scope));
      return plan;
    }
    case ast::TableRefKind::kFunction:
      return bind_function_table(*ref.as<ast::FunctionTable>(), level, scope, lateral);
    case ast::TableRefKind::kJoin:
      return bind_join(*ref.as<ast::Join>(), level, scope, lateral);
  }
  return unsupported("this FROM item", ref.position);
}

LogicalPtr Binder::scan(std::shared_ptr<const Table> table, std::string_view alias, bool with_row_key) {
  auto scan = std::make_unique<LogicalScan>();
  scan->alias = alias;
  if (with_row_key) {
    scan->ordinals.push_back(LogicalScan::kRowKey);
    scan->output.push_back({new_column(), "row key", {TypeId::kBytea, -1, 0}});
  }
  for (Ordinal i = 0; i < table->columns.size(); ++i) {
    scan->ordinals.push_back(i);
    scan->output.push_back({new_column(), table->columns[i].name, table->columns[i].type});
  }
  scan->table = std::move(table);
  return scan;
}

Status Binder::add_to_scope(const LogicalPlan& plan, std::string_view alias_name, const ast::TableAlias& alias, Scope& scope) {
  ScopeTable table;
  table.alias = alias.name.empty() ? std::string(alias_name) : std::string(alias.name);
  table.first_column = scope.columns.size();
  if (alias.columns.size() > plan.output.size()) {
    return bind_error("42P10",
                      "table \"" + table.alias + "\" has " + std::to_string(plan.output.size()) + " columns available but " +
                          std::to_string(alias.columns.size()) + " columns specified",
                      alias.position);
  }
  for (std::size_t i = 0; i < plan.output.size(); ++i) {
    const OutputColumn& column = plan.output[i];
    const std::string name = i < alias.columns.size() ? std::string(alias.columns[i]) : column.name;
    scope.columns.push_back({table.alias, name, column.number, column.type, false, {}});
  }
  scope.tables.push_back(std::move(table));
  return {};
}

Result<LogicalPtr> Binder::bind_named_table(const ast::NamedTable& ref, Level& level, Scope& scope) {
  if (ref.sample) return unsupported("TABLESAMPLE", ref.position);
  const std::string name(ref.name.name);
  if (ref.name.schema.empty()) {
    for (Level* at = &level; at != nullptr; at = at->parent) {
      const auto found =
          std::find_if(at->ctes.rbegin(), at->ctes.rend(), [&](const CommonTableName& cte) { return cte.name == name; });
      if (found == at->ctes.rend()) continue;
      if (found->inlined != nullptr) {
        const std::vector<OutputColumn> names = found->columns;
        LDB_ASSIGN_OR_RETURN(auto derived, bind_derived(*found->inlined, level, false, nullptr));
        for (std::size_t i = 0; i < names.size(); ++i) derived->output[i].name = names[i].name;
        LDB_TRY(add_to_scope(*derived, name, ref.alias, scope));
        return derived;
      }
      if (found->columns.empty() && statement_->ctes[found->cte].has_side_effects) {
        return bind_error("0A000", "WITH query \"" + name + "\" does not have a RETURNING clause", ref.position);
      }
      auto plan = std::make_unique<LogicalCteScan>();
      plan->cte = found->cte;
      plan->working_table = found->working_table;
      plan->name = name;
      for (const OutputColumn& column : found->columns) plan->output.push_back({new_column(), column.name, column.type});
      ++statement_->ctes[found->cte].references;
      LDB_TRY(add_to_scope(*plan, name, ref.alias, scope));
      return LogicalPtr(std::move(plan));
    }
  }
  if (!ref.name.catalog.empty() && ref.name.catalog != environment_.database) {
    return bind_error("0A000", "cross-database references are not implemented: \"" + std::string(ref.name.catalog) + "\"",
                      ref.position);
  }
  std::vector<std::string> schemas = environment_.search_path;
  if (!ref.name.schema.empty()) schemas = {std::string(ref.name.schema)};
  for (const std::string& schema : schemas) {
    const RelationName full{environment_.database, schema, name};
    const auto add = [&](LogicalPtr plan, std::shared_ptr<const Table> table) -> Result<LogicalPtr> {
      LDB_TRY(add_to_scope(*plan, name, ref.alias, scope));
      if (ref.alias.name.empty()) {
        scope.tables.back().schema = schema;
        for (std::size_t i = scope.tables.back().first_column; i < scope.columns.size(); ++i) scope.columns[i].schema = schema;
      }
      scope.tables.back().table = std::move(table);
      return plan;
    };
    if (auto table = environment_.catalog->find_table(full)) {
      auto plan = scan(table, ref.alias.name.empty() ? ref.name.name : ref.alias.name);
      return add(std::move(plan), std::move(table));
    }
    if (environment_.table_functions != nullptr) {
      if (auto function = environment_.table_functions->find_table(schema, name)) {
        auto plan = std::make_unique<LogicalTableFunction>();
        for (const OutputColumn& column : function->columns) plan->output.push_back({new_column(), column.name, column.type});
        plan->function = std::move(function);
        return add(std::move(plan), nullptr);
      }
    }
    const RelationEntry* entry = environment_.catalog->find_relation(full);
    if (entry == nullptr) continue;
    if (entry->kind == RelationKind::kView) {
      LDB_ASSIGN_OR_RETURN(auto plan, bind_view(*environment_.catalog->find_view(entry->id), ref));
      return add(std::move(plan), nullptr);
    }
    return unsupported("reading a sequence as a table", ref.position);
  }
  const std::string shown = ref.name.schema.empty() ? name : std::string(ref.name.schema) + "." + name;
  return bind_error("42P01", "relation \"" + shown + "\" does not exist", ref.name.position ? ref.name.position : ref.position);
}

Result<LogicalPtr> Binder::bind_view(const View& view, const ast::NamedTable& ref) {
  if (view_depth_ >= kMaxViewDepth) {
    return bind_error("42P17", "infinite recursion detected in rules for relation \"" + view.name.name + "\"", ref.position);
  }
  // The text was checked when the view was made; it is bound as if written in parentheses, out of sight of this query's names.
  auto script = parse(view.sql);
  if (!script) return script.error().with_context("view " + view.name.name);
  Level level;
  ++view_depth_;
  auto plan = bind_query(*script->statements[0]->as<ast::SelectStatement>()->query, level);
  --view_depth_;
  if (!plan) return plan.error().with_context("view " + view.name.name);
  LogicalPtr bound = std::move(plan).value();
  // New numbers and names: SELECT * in the text may have grown since.
  std::vector<ExpressionPtr> expressions;
  std::vector<OutputColumn> output;
  for (std::size_t i = 0; i < view.output_names.size(); ++i) {
    if (i >= bound->output.size())
      return bind_error("42P01", "view \"" + view.name.name + "\" no longer fits its tables", ref.position);
    const OutputColumn& column = bound->output[i];
    expressions.push_back(make_column(column.number, column.type, column.name));
    output.push_back({new_column(), view.output_names[i], column.type});
  }
  return make_project(std::move(bound), std::move(expressions), std::move(output));
}

/// A subquery in FROM. Without LATERAL it sees what is around this query, not this query's own FROM.
Result<LogicalPtr> Binder::bind_derived(const ast::Query& query, Level& level, bool lateral, std::vector<OuterReference>* outer) {
  Level inner;
  inner.parent = &level;
  inner.inlined = true;
  const Scope* visible = level.scope;
  if (!lateral) level.scope = nullptr;
  auto plan = bind_query(query, inner);
  level.scope = visible;
  if (!plan) return plan.error();
  if (outer != nullptr) {
    for (OuterReference& reference : inner.outer) outer->push_back(std::move(reference));
  }
  return std::move(plan).value();
}

Result<LogicalPtr> Binder::bind_function_table(const ast::FunctionTable& ref, Level& level, Scope& scope,
                                               std::vector<OuterReference>* outer) {
  if (ref.rows_from || ref.functions.size() != 1) return unsupported("ROWS FROM", ref.position);
  if (!ref.columns.empty() || !ref.functions[0].columns.empty())
    return unsupported("column definitions for a function", ref.position);
  const auto* call = ref.functions[0].call->as<ast::FunctionCall>();
  if (call == nullptr) return unsupported("this expression as a table", ref.position);
  const std::string name =
      (call->name.schema == kSystemSchema ? std::string(kSystemSchema) + "." : "") + std::string(call->name.name);
  Level inner;
  inner.parent = &level;
  inner.inlined = true;
  inner.clause = "functions in FROM";
  std::vector<ExpressionPtr> arguments;
  for (const ast::FunctionArgument& argument : call->arguments) {
    if (!argument.name.empty()) return unsupported("named arguments", call->position);
    LDB_ASSIGN_OR_RETURN(auto bound, bind(*argument.value, inner));
    arguments.push_back(std::move(bound));
  }
  auto plan = std::make_unique<LogicalTableFunction>();
  LDB_ASSIGN_OR_RETURN(plan->function, environment_.table_functions->find_function(build_, name, arguments, call->position));
  if (plan->function == nullptr) {
    // A scalar function in FROM is a table of one row.
    auto row = std::make_unique<LogicalValues>();
    LDB_ASSIGN_OR_RETURN(auto value, make_function(build_, name, std::move(arguments), call->position));
    row->output.push_back({new_column(), ref.alias.name.empty() ? name : std::string(ref.alias.name), value->type});
    row->values.emplace_back();
    row->values[0].push_back(std::move(value));
    if (outer != nullptr) {
      for (OuterReference& reference : inner.outer) outer->push_back(std::move(reference));
    }
    LDB_TRY(add_to_scope(*row, name, ref.alias, scope));
    return LogicalPtr(std::move(row));
  }
  plan->arguments = std::move(arguments);
  plan->with_ordinality = ref.with_ordinality;
  for (const OutputColumn& column : plan->function->columns) {
    // A function of one column is named after its alias.
    const bool single = plan->function->columns.size() == 1 && !ref.alias.name.empty();
    plan->output.push_back({new_column(), single ? std::string(ref.alias.name) : column.name, column.type});
  }
  if (ref.with_ordinality) plan->output.push_back({new_column(), "ordinality", {TypeId::kBigInt, -1, 0}});
  if (outer != nullptr) {
    for (OuterReference& reference : inner.outer) outer->push_back(std::move(reference));
  }
  LDB_TRY(add_to_scope(*plan, call->name.name, ref.alias, scope));
  return LogicalPtr(std::move(plan));
}

Result<LogicalPtr> Binder::bind_join(const ast::Join& ref, Level& level, Scope& scope, std::vector<OuterReference>* outer) {
  Scope left;
  Scope right;
  std::vector<OuterReference> left_outer;
  LDB_ASSIGN_OR_RETURN(auto left_plan, bind_table_ref(*ref.left, level, left, &left_outer));
  for (OuterReference& reference : left_outer) {
    if (outer != nullptr) outer->push_back(std::move(reference));
  }
  // LATERAL at the right sees the left side and what this join's place sees.
  Scope visible;
  if (level.scope != nullptr) visible = *level.scope;
  append_scope(visible, left);
  std::vector<OuterReference> lateral;
  const Scope* outside = std::exchange(level.scope, &visible);
  auto right_bound = bind_table_ref(*ref.right, level, right, &lateral);
  level.scope = outside;
  if (!right_bound) return right_bound.error();
  LDB_TRY(check_aliases(left, right, ref.right->position));
  // What is not of the left side is for the FROM item that this join stands in.
  std::vector<OuterReference> own;
  for (OuterReference& reference : lateral) {
    const auto* column = reference.value->as<ColumnReference>();
    const bool of_left = column && std::any_of(left.columns.begin(), left.columns.end(),
                                               [&](const ScopeColumn& c) { return c.number == column->column; });
    if (of_left) {
      own.push_back(std::move(reference));
    } else if (outer != nullptr) {
      outer->push_back(std::move(reference));
    }
  }
  lateral = std::move(own);
  static constexpr JoinType kTypes[] = {JoinType::kInner, JoinType::kLeft, JoinType::kRight, JoinType::kFull, JoinType::kInner};
  const JoinType type = kTypes[static_cast<int>(ref.join)];
  if (!lateral.empty() && type != JoinType::kInner && type != JoinType::kLeft) {
    return bind_error(
        "42P10", "invalid reference to FROM-clause entry: the combining JOIN type must be INNER or LEFT for a LATERAL reference",
        ref.position);
  }
  auto join = make_join(type, std::move(left_plan), std::move(right_bound).value());
  join->lateral = !lateral.empty();
  join->outer = std::move(lateral);
  if (ref.natural || !ref.using_columns.empty()) {
    LDB_ASSIGN_OR_RETURN(auto plan, join_using(std::move(join), ref, left, right, scope));
    if (ref.alias.name.empty()) return plan;
    return unsupported("an alias for a join", ref.position);
  }
  append_scope(scope, std::move(left));
  append_scope(scope, std::move(right));
  if (ref.on != nullptr) {
    const Scope* before = std::exchange(level.scope, &scope);
    const std::string_view clause = std::exchange(level.clause, "JOIN conditions");
    auto condition = bind_boolean(*ref.on, level, "JOIN/ON");
    level.scope = before;
    level.clause = clause;
    if (!condition) return condition.error();
    split_conjuncts(std::move(condition).value(), join->conditions);
  }
  if (!ref.alias.name.empty()) {  // (a JOIN b ON ...) AS j: only j is visible
    Scope renamed;
    LogicalPtr plan = std::move(join);
    LDB_TRY(add_to_scope(*plan, "", ref.alias, renamed));
    scope = std::move(renamed);
    return plan;
  }
  return LogicalPtr(std::move(join));
}

/// USING and NATURAL: each pair of columns becomes one, in front of the others.
Result<LogicalPtr> Binder::join_using(LogicalPtr plan, const ast::Join& ref, Scope& left, Scope& right, Scope& scope) {
  auto& join = *plan->as<LogicalJoin>();
  std::vector<ast::Name> names(ref.using_columns.begin(), ref.using_columns.end());
  if (ref.natural) {
    for (const ScopeColumn& column : left.columns) {
      if (column.qualified_only) continue;
      const bool shared = std::any_of(right.columns.begin(), right.columns.end(), [&](const ScopeColumn& other) {
        return !other.qualified_only && other.column == column.column;
      });
      if (shared) names.push_back({column.column, ref.position});
    }
  }
  const auto find = [&](Scope& side, const ast::Name& name, const char* which) -> Result<ScopeColumn*> {
    ScopeColumn* found = nullptr;
    for (ScopeColumn& column : side.columns) {
      if (column.qualified_only || column.column != name.text) continue;
      if (found != nullptr) {
        return bind_error("42702",
                          "common column name \"" + std::string(name.text) + "\" appears more than once in " + which + " table",
                          name.position);
      }
      found = &column;
    }
    if (found == nullptr) {
      return bind_error(
          "42703", "column \"" + std::string(name.text) + "\" specified in USING clause does not exist in " + which + " table",
          name.position);
    }
    return found;
  };
  Scope merged;
  std::vector<std::pair<OutputColumn, ExpressionPtr>> computed;
  for (const ast::Name& name : names) {
    LDB_ASSIGN_OR_RETURN(ScopeColumn * l, find(left, name, "left"));
    LDB_ASSIGN_OR_RETURN(ScopeColumn * r, find(right, name, "right"));
    LDB_ASSIGN_OR_RETURN(auto test, make_comparison(build_, CompareOp::kEqual, make_column(l->number, l->type, l->column),
                                                    make_column(r->number, r->type, r->column), name.position));
    join.conditions.push_back(std::move(test));
    ScopeColumn column{"", std::string(name.text), l->number, l->type, false, {}};
    if (join.type == JoinType::kRight) {
      column.number = r->number;
      column.type = r->type;
    }
    const bool mixed = l->type != r->type;
    if (join.type == JoinType::kFull || mixed) {
      std::vector<ExpressionPtr> either;
      either.push_back(make_column(l->number, l->type, l->column));
      either.push_back(make_column(r->number, r->type, r->column));
      LDB_ASSIGN_OR_RETURN(auto value, make_coalesce(build_, std::move(either), name.position));
      column.number = new_column();
      column.type = value->type;
      computed.emplace_back(OutputColumn{column.number, column.column, column.type}, std::move(value));
    }
    l->qualified_only = r->qualified_only = true;
    merged.columns.push_back(std::move(column));
  }
  scope.columns.insert(scope.columns.end(), merged.columns.begin(), merged.columns.end());
  append_scope(scope, std::move(left));
  append_scope(scope, std::move(right));
  if (computed.empty()) return plan;
  std::vector<ExpressionPtr> expressions;
  std::vector<OutputColumn> output;
  for (const OutputColumn& column : plan->output) {
    expressions.push_back(make_column(column.number, column.type, column.name));
    output.push_back(column);
  }
  for (auto& [column, value] : computed) {
    expressions.push_back(std::move(value));
    output.push_back(column);
  }
  return make_project(std::move(plan), std::move(expressions), std::move(output));
}

Status Binder::expand_items(std::span<const ast::SelectItem> items, Level& level, std::vector<ExpressionPtr>& expressions,
                            std::vector<std::string>& names) {
  for (const ast::SelectItem& item : items) {
    const auto* star = item.expression->as<ast::Star>();
    if (star == nullptr) {
      LDB_ASSIGN_OR_RETURN(auto bound, bind(*item.expression, level));
      expressions.push_back(std::move(bound));
      names.push_back(item.alias.empty() ? implied_name(*item.expression) : std::string(item.alias));
      continue;
    }
    if (star->base != nullptr) return unsupported("composite types", item.position);
    const std::string_view table = star->qualifier.empty() ? std::string_view() : star->qualifier.back();
    bool found = false;
    if (star->qualifier.empty() && level.scope->tables.empty()) {
      return bind_error("42601", "SELECT * with no tables specified is not valid", item.position);
    }
    for (const ScopeTable& candidate : level.scope->tables) found = found || candidate.alias == table || star->qualifier.empty();
    if (!found) return bind_error("42P01", "missing FROM-clause entry for table \"" + std::string(table) + "\"", item.position);
    for (const ScopeColumn& column : level.scope->columns) {
      if (star->qualifier.empty() ? column.qualified_only : column.table != table) continue;
      expressions.push_back(make_column(column.number, column.type, column.column, item.position));
      names.push_back(column.column);
    }
  }
  return {};
}

}  // namespace ldb::sql
