#include "sql/plan/optimizer.hpp"

#include "sql/expr/evaluate.hpp"

namespace ldb::sql {

ColumnSet output_set(const LogicalPlan& plan) {
  ColumnSet set;
  for (const OutputColumn& column : plan.output) set.insert(column.number);
  return set;
}

ColumnSet columns_of(const Expression& e) {
  ColumnSet set;
  walk(e, [&](const Expression& node) {
    if (const auto* column = node.as<ColumnReference>()) set.insert(column->column);
  });
  return set;
}

bool is_subset(const ColumnSet& a, const ColumnSet& b) {
  for (const ColumnNumber column : a) {
    if (!b.contains(column)) return false;
  }
  return true;
}

bool has_subplan(const Expression& e) {
  bool found = false;
  walk(e, [&](const Expression& node) { found = found || node.kind == ExpressionKind::kSubplan; });
  return found;
}

void fold_plan(LogicalPlan& plan) {
  for_each_expression(plan, [](ExpressionPtr& e) { e = fold_constants(std::move(e)); });
  if (auto* filter = plan.as<LogicalFilter>()) {
    std::erase_if(filter->conjuncts, [](const ExpressionPtr& e) {
      const auto* constant = e->as<Constant>();
      return constant && !constant->value.is_null() && constant->type.id == TypeId::kBoolean &&
             std::get<bool>(constant->value.storage());
    });
  }
  for (LogicalPtr& child : plan.children) fold_plan(*child);
}

namespace {

void replace_cte_scans(LogicalPtr& plan, std::size_t cte, LogicalPtr& replacement) {
  if (auto* scan = plan->as<LogicalCteScan>(); scan && scan->cte == cte && replacement) {
    auto project = std::make_unique<LogicalProject>();
    project->output = scan->output;
    for (const OutputColumn& column : replacement->output) {
      project->expressions.push_back(std::make_unique<ColumnReference>(column.type, column.number, column.name));
    }
    project->children.push_back(std::move(replacement));
    plan = std::move(project);
    return;
  }
  for (LogicalPtr& child : plan->children) replace_cte_scans(child, cte, replacement);
}

bool has_volatile(LogicalPlan& plan) {
  bool found = false;
  for_each_expression(plan, [&](ExpressionPtr& e) { found = found || is_volatile(*e); });
  for (LogicalPtr& child : plan.children) found = found || has_volatile(*child);
  return found;
}

}  // namespace

void inline_common_tables(BoundStatement& statement) {
  for (std::size_t i = 0; i < statement.ctes.size(); ++i) {
    CommonTablePlan& cte = statement.ctes[i];
    if (cte.references != 1 || cte.has_side_effects || cte.plan == nullptr || has_volatile(*cte.plan)) continue;
    replace_cte_scans(statement.plan, i, cte.plan);
    for (auto& other : statement.ctes) {
      if (other.plan && &other != &cte) replace_cte_scans(other.plan, i, cte.plan);
    }
    for (auto& subplan : statement.subplans) {
      if (subplan->plan) replace_cte_scans(subplan->plan, i, cte.plan);
    }
  }
}

void optimize(BoundStatement& statement, const Statistics& statistics) {
  inline_common_tables(statement);
  std::vector<LogicalPtr*> roots{&statement.plan};
  for (auto& subplan : statement.subplans) roots.push_back(&subplan->plan);
  for (auto& cte : statement.ctes) roots.push_back(&cte.plan);
  for (LogicalPtr* root : roots) {
    if (*root != nullptr) fold_plan(**root);
  }
  for (LogicalPtr* root : roots) {
    if (*root != nullptr) unnest_subqueries(*root, statement);
  }
  for (LogicalPtr* root : roots) {
    if (*root == nullptr) continue;  // became part of another plan
    *root = push_down(std::move(*root), {});
    choose_access_paths(*root);
    order_joins(*root, statistics);
    prune_columns(**root, output_set(**root), statement);
    estimate(**root, statistics);
  }
}

}  // namespace ldb::sql
