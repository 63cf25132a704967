// Queries around the SELECT core: WITH, VALUES, set operations, ORDER BY and LIMIT over them.
#include <algorithm>

#include "sql/bind/binder.hpp"
#include "sql/bind/select_binder.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {

Result<LogicalPtr> Binder::bind_query(const ast::Query& query, Level& level, bool keep_unknown) {
  if (!query.locking.empty()) return unsupported("row locks (FOR UPDATE, FOR SHARE)", query.locking[0].position);
  const std::size_t outer_ctes = level.ctes.size();
  if (query.with != nullptr) LDB_TRY(bind_with(*query.with, level));
  LogicalPtr plan;
  if (const auto* select = query.body->as<ast::SelectBody>()) {
    SelectBinder binder(*this, *select, query, level);
    LDB_ASSIGN_OR_RETURN(plan, binder.bind());
  } else {
    LDB_ASSIGN_OR_RETURN(plan, bind_body(*query.body, level));
    LDB_ASSIGN_OR_RETURN(plan, apply_order_and_limit(std::move(plan), query, level));
  }
  level.ctes.resize(outer_ctes);
  if (!keep_unknown) LDB_TRY(settle_unknown(plan));
  return plan;
}

/// Outputs may stay unknown: the caller settles them.
Result<LogicalPtr> Binder::bind_body(const ast::QueryBody& body, Level& level) {
  if (const auto* values = body.as<ast::ValuesBody>()) return bind_values(*values, level);
  if (const auto* set = body.as<ast::SetOperationBody>()) return bind_set_operation(*set, level);
  if (const auto* nested = body.as<ast::NestedBody>()) return bind_query(*nested->query, level, true);
  const ast::Query no_clauses{};
  SelectBinder binder(*this, *body.as<ast::SelectBody>(), no_clauses, level);
  return binder.bind();
}

Result<LogicalPtr> Binder::bind_values(const ast::ValuesBody& body, Level& level) {
  auto plan = std::make_unique<LogicalValues>();
  const std::size_t width = body.rows[0].size();
  const std::string_view clause = std::exchange(level.clause, "VALUES");
  for (const ast::ValueRow& row : body.rows) {
    if (row.size() != width) return bind_error("42601", "VALUES lists must all be the same length", row[0]->position);
    std::vector<ExpressionPtr> bound;
    for (const ast::Expression* e : row) {
      LDB_ASSIGN_OR_RETURN(auto value, bind(*e, level));
      bound.push_back(std::move(value));
    }
    plan->values.push_back(std::move(bound));
  }
  level.clause = clause;
  for (std::size_t i = 0; i < width; ++i) {
    std::vector<ExpressionPtr*> column;
    bool all_unknown = true;
    for (auto& row : plan->values) {
      column.push_back(&row[i]);
      all_unknown = all_unknown && row[i]->type.id == TypeId::kNull;
    }
    DataType type;
    if (!all_unknown) {
      LDB_ASSIGN_OR_RETURN(type, coerce_to_common(build_, std::move(column), "VALUES", body.position));
    }
    plan->output.push_back({new_column(), "column" + std::to_string(i + 1), type});
  }
  return LogicalPtr(std::move(plan));
}

/// Makes an output column have a type: in place where it is still an untyped literal, otherwise by a cast on top.
Status Binder::coerce_output(LogicalPtr& plan, std::size_t column, DataType type, CastContext cast) {
  const OutputColumn& out = plan->output[column];
  if (out.type == type) return {};
  if (out.type.id == TypeId::kNull) {
    if (auto* project = plan->as<LogicalProject>()) {
      LDB_ASSIGN_OR_RETURN(project->expressions[column], coerce(build_, std::move(project->expressions[column]), type, cast));
      plan->output[column].type = type;
      return {};
    }
    if (auto* values = plan->as<LogicalValues>()) {
      for (auto& row : values->values) {
        LDB_ASSIGN_OR_RETURN(row[column], coerce(build_, std::move(row[column]), type, cast));
      }
      plan->output[column].type = type;
      return {};
    }
    const bool transparent = plan->as<LogicalLimit>() || plan->as<LogicalSort>() || plan->as<LogicalFilter>();
    if (transparent) {
      const ColumnNumber number = out.number;
      LDB_TRY(coerce_output(plan->children[0], column, type, cast));
      if (plan->children[0]->output[column].number == number) {
        plan->output[column].type = type;
        return {};
      }
      plan->output = plan->children[0]->output;
      return {};
    }
  }
  std::vector<ExpressionPtr> expressions;
  std::vector<OutputColumn> output;
  for (std::size_t i = 0; i < plan->output.size(); ++i) {
    const OutputColumn& each = plan->output[i];
    ExpressionPtr e = make_column(each.number, each.type, each.name);
    if (i == column) {
      LDB_ASSIGN_OR_RETURN(e, coerce(build_, std::move(e), type, cast));
    }
    output.push_back({new_column(), each.name, e->type});
    expressions.push_back(std::move(e));
  }
  plan = make_project(std::move(plan), std::move(expressions), std::move(output));
  return {};
}

Status Binder::settle_unknown(LogicalPtr& plan) {
  for (std::size_t i = 0; i < plan->output.size(); ++i) {
    if (plan->output[i].type.id == TypeId::kNull) {
      LDB_TRY(coerce_output(plan, i, {TypeId::kText, -1, 0}, CastContext::kImplicit));
    }
  }
  return {};
}

Result<LogicalPtr> Binder::bind_set_operation(const ast::SetOperationBody& body, Level& level) {
  LDB_ASSIGN_OR_RETURN(auto left, bind_body(*body.first, level));
  for (const ast::SetLink& link : body.links) {
    LDB_ASSIGN_OR_RETURN(auto right, bind_body(*link.right, level));
    LDB_ASSIGN_OR_RETURN(left, combine(std::move(left), std::move(right), link));
  }
  return left;
}

Result<LogicalPtr> Binder::combine(LogicalPtr left, LogicalPtr right, const ast::SetLink& link) {
  static constexpr std::string_view kNames[] = {"UNION", "INTERSECT", "EXCEPT"};
  const std::string_view what = kNames[static_cast<int>(link.op)];
  if (left->output.size() != right->output.size()) {
    return bind_error("42601", "each " + std::string(what) + " query must have the same number of columns", link.position);
  }
  auto plan = std::make_unique<LogicalSetOperation>();
  plan->operation = static_cast<SetOperationKind>(link.op);
  plan->all = link.all;
  for (std::size_t i = 0; i < left->output.size(); ++i) {
    const DataType types[] = {left->output[i].type, right->output[i].type};
    auto type = common_type(types, what);
    if (!type) return type.error().with_position(link.position);
    LDB_TRY(coerce_output(left, i, *type, CastContext::kImplicit));
    LDB_TRY(coerce_output(right, i, *type, CastContext::kImplicit));
    plan->output.push_back({new_column(), left->output[i].name, *type});
  }
  plan->children.push_back(std::move(left));
  plan->children.push_back(std::move(right));
  return LogicalPtr(std::move(plan));
}

/// ORDER BY over VALUES and set operations: output names and places only, as in PostgreSQL.
Result<LogicalPtr> Binder::apply_order_and_limit(LogicalPtr plan, const ast::Query& query, Level& level) {
  if (!query.order_by.empty()) {
    LDB_TRY(settle_unknown(plan));
    auto sort = std::make_unique<LogicalSort>();
    for (const ast::OrderItem& item : query.order_by) {
      const OutputColumn* column = nullptr;
      if (const auto* literal = item.expression->as<ast::Literal>(); literal && literal->literal == ast::LiteralKind::kInteger) {
        if (literal->integer < 1 || literal->integer > static_cast<std::int64_t>(plan->output.size())) {
          return bind_error("42P10", "ORDER BY position " + std::to_string(literal->integer) + " is not in select list",
                            item.position);
        }
        column = &plan->output[static_cast<std::size_t>(literal->integer - 1)];
      } else if (const auto* ref = item.expression->as<ast::ColumnRef>(); ref && ref->parts.size() == 1) {
        for (const OutputColumn& candidate : plan->output) {
          if (candidate.name != ref->parts[0]) continue;
          if (column != nullptr) {
            return bind_error("42702", "ORDER BY \"" + candidate.name + "\" is ambiguous", item.position);
          }
          column = &candidate;
        }
        if (column == nullptr) {
          return bind_error("42703", "column \"" + std::string(ref->parts[0]) + "\" does not exist", item.position);
        }
      }
      SortKey key;
      if (column != nullptr) {
        key.expression = make_column(column->number, column->type, column->name);
      } else if (query.body->as<ast::ValuesBody>() || query.body->as<ast::NestedBody>()) {
        Scope scope;
        for (const OutputColumn& each : plan->output) scope.columns.push_back({"", each.name, each.number, each.type, false, {}});
        const Scope* outer = std::exchange(level.scope, &scope);
        auto bound = bind(*item.expression, level);
        level.scope = outer;
        if (!bound) return bound.error();
        key.expression = std::move(bound).value();
      } else {
        return unsupported("ORDER BY of a set operation by an expression: only result column names and positions", item.position);
      }
      LDB_TRY(sort_options(item, key));
      sort->keys.push_back(std::move(key));
    }
    sort->output = plan->output;
    sort->children.push_back(std::move(plan));
    plan = std::move(sort);
  }
  return apply_limit(std::move(plan), query, level);
}

Result<LogicalPtr> Binder::apply_limit(LogicalPtr plan, const ast::Query& query, Level& level) {
  if (query.limit == nullptr && query.offset == nullptr) return plan;
  auto limit = std::make_unique<LogicalLimit>();
  limit->with_ties = query.with_ties;
  if (query.with_ties && !plan->as<LogicalSort>()) {
    return bind_error("42601", "WITH TIES cannot be specified without ORDER BY clause", query.position);
  }
  const Scope* scope = std::exchange(level.scope, nullptr);
  const std::string_view clause = std::exchange(level.clause, "LIMIT");
  const auto bind_count = [&](const ast::Expression* e, std::string_view what, ExpressionPtr& out) -> Status {
    if (e == nullptr) return {};
    if (const auto* column = e->as<ast::ColumnRef>()) {
      return bind_error("42P10", "argument of " + std::string(what) + " must not contain variables", column->position);
    }
    LDB_ASSIGN_OR_RETURN(out, bind(*e, level));
    LDB_ASSIGN_OR_RETURN(out, coerce_to_bigint(build_, std::move(out), what, e->position));
    return {};
  };
  Status status = bind_count(query.limit, "LIMIT", limit->limit);
  if (status) status = bind_count(query.offset, "OFFSET", limit->offset);
  level.scope = scope;
  level.clause = clause;
  LDB_TRY(status);
  limit->output = plan->output;
  limit->children.push_back(std::move(plan));
  return LogicalPtr(std::move(limit));
}

namespace {

/// Whether the statement reads the name (its own recursive use).
bool mentions(const ast::CommonTable& table) {
  const std::string needle = quote_identifier(table.name);
  const auto* select = table.statement->as<ast::SelectStatement>();
  // A cheap test on canonical text: a false positive only means that the non-recursive path is tried first.
  return select != nullptr && to_sql(*select->query).find(needle) != std::string::npos;
}

}  // namespace

bool Binder::uses_outer_slots(LogicalPlan& plan) const {
  bool found = false;
  for_each_expression(plan, [&](ExpressionPtr& e) {
    walk(*e, [&](const Expression& node) {
      const auto* parameter = node.as<ParameterReference>();
      found = found || (parameter && parameter->index >= statement_->parameter_types.size());
    });
  });
  for (LogicalPtr& child : plan.children) found = found || uses_outer_slots(*child);
  return found;
}

/// INSERT, UPDATE or DELETE in WITH: runs once, whether or not anything reads it.
Result<LogicalPtr> Binder::bind_writing(const ast::Statement& statement, Level& inner, const Level& level) {
  if (!level.top) {
    return bind_error("0A000", "WITH clause containing a data-modifying statement must be at the top level", statement.position);
  }
  if (const auto* insert = statement.as<ast::Insert>()) return bind_insert(*insert, inner);
  if (const auto* update = statement.as<ast::Update>()) return bind_update(*update, inner);
  if (const auto* erase = statement.as<ast::Delete>()) return bind_delete(*erase, inner);
  return unsupported("this statement in WITH", statement.position);
}

Status Binder::bind_with(const ast::WithClause& with, Level& level) {
  for (std::size_t i = 0; i < with.tables.size(); ++i) {
    const ast::CommonTable& table = with.tables[i];
    for (std::size_t j = 0; j < i; ++j) {
      if (with.tables[j].name == table.name) {
        return bind_error("42712", "WITH query name \"" + std::string(table.name) + "\" specified more than once",
                          table.position);
      }
    }
    if (table.search || table.cycle) return unsupported("SEARCH and CYCLE clauses", table.position);
    CommonTableName name;
    name.name = table.name;
    const auto* select = table.statement->as<ast::SelectStatement>();
    if (with.recursive && select && select->query->body->as<ast::SetOperationBody>() && mentions(table)) {
      LDB_ASSIGN_OR_RETURN(name.cte, bind_recursive(table, level, name));
    } else {
      Level inner;
      inner.parent = &level;
      inner.inlined = true;
      CommonTablePlan plan;
      plan.name = table.name;
      const Scope* visible = std::exchange(level.scope, nullptr);  // WITH does not see FROM
      Result<LogicalPtr> bound = select ? bind_query(*select->query, inner) : bind_writing(*table.statement, inner, level);
      level.scope = visible;
      if (!bound) return bound.error();
      plan.plan = std::move(bound).value();
      plan.has_side_effects = select == nullptr;
      if (select != nullptr && uses_outer_slots(*plan.plan)) name.inlined = select->query;
      name.cte = statement_->ctes.size();
      name.columns = plan.plan->output;
      plan.references = table.materialization == ast::Materialization::kMaterialized ? 2 : 0;
      if (name.inlined != nullptr) plan.plan = nullptr;
      statement_->ctes.push_back(std::move(plan));
    }
    if (table.columns.size() > name.columns.size()) {
      return bind_error("42P10",
                        "WITH query \"" + name.name + "\" has " + std::to_string(name.columns.size()) +
                            " columns available but " + std::to_string(table.columns.size()) + " columns specified",
                        table.position);
    }
    for (std::size_t c = 0; c < table.columns.size(); ++c) name.columns[c].name = table.columns[c].text;
    level.ctes.push_back(std::move(name));
  }
  return {};
}

Result<std::size_t> Binder::bind_recursive(const ast::CommonTable& table, Level& level, CommonTableName& name) {
  const ast::Query& query = *table.statement->as<ast::SelectStatement>()->query;
  const auto& body = *query.body->as<ast::SetOperationBody>();
  if (!query.order_by.empty() || query.limit || query.offset) {
    return unsupported("ORDER BY, LIMIT and OFFSET in a recursive query", table.position);
  }
  for (const ast::SetLink& link : body.links) {
    if (link.op != ast::SetOperator::kUnion) {
      return bind_error(
          "42P19", "recursive query \"" + name.name + "\" does not have the form non-recursive-term UNION [ALL] recursive-term",
          table.position);
    }
  }
  Level inner;
  for (Level* outer = &level; outer != nullptr; outer = outer->parent) {
    inner.ctes.insert(inner.ctes.begin(), outer->ctes.begin(), outer->ctes.end());
  }
  if (query.with != nullptr) LDB_TRY(bind_with(*query.with, inner));
  LDB_ASSIGN_OR_RETURN(auto start, bind_body(*body.first, inner));
  for (std::size_t i = 0; i + 1 < body.links.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(auto more, bind_body(*body.links[i].right, inner));
    LDB_ASSIGN_OR_RETURN(start, combine(std::move(start), std::move(more), body.links[i]));
  }
  LDB_TRY(settle_unknown(start));
  const std::size_t cte = statement_->ctes.size();
  statement_->ctes.emplace_back();
  statement_->ctes[cte].name = table.name;
  name.columns = start->output;
  CommonTableName working = name;
  working.cte = cte;
  working.working_table = true;
  if (table.columns.size() > working.columns.size()) {
    return bind_error("42P10", "WITH query \"" + name.name + "\" has too many columns specified", table.position);
  }
  for (std::size_t c = 0; c < table.columns.size(); ++c) working.columns[c].name = table.columns[c].text;
  inner.ctes.push_back(working);
  LDB_ASSIGN_OR_RETURN(auto step, bind_body(*body.links.back().right, inner));
  if (step->output.size() != start->output.size()) {
    return bind_error("42601", "each UNION query must have the same number of columns", body.links.back().position);
  }
  auto recursion = std::make_unique<LogicalRecursion>();
  recursion->cte = cte;
  recursion->all = body.links.back().all;
  recursion->name = table.name;
  for (std::size_t i = 0; i < start->output.size(); ++i) {
    const DataType type = start->output[i].type;
    if (step->output[i].type.id != TypeId::kNull && step->output[i].type.id != type.id) {
      const DataType types[] = {type, step->output[i].type};
      auto common = common_type(types, "UNION");
      if (!common) return common.error().with_position(table.position);
      if (common->id != type.id) {
        return bind_error("42804",
                          "recursive query \"" + name.name + "\" column " + std::to_string(i + 1) + " has type " +
                              type.to_string() + " in non-recursive term but type " + common->to_string() + " overall",
                          table.position);
      }
    }
    LDB_TRY(coerce_output(step, i, {type.id, -1, 0}, CastContext::kImplicit));
    recursion->output.push_back({new_column(), start->output[i].name, type});
  }
  name.columns = recursion->output;
  recursion->children.push_back(std::move(start));
  recursion->children.push_back(std::move(step));
  statement_->ctes[cte].plan = std::move(recursion);
  statement_->ctes[cte].references = 2;  // never inlined
  return cte;
}

}  // namespace ldb::sql
