// Join order for inner joins: greedy, smallest intermediate result first.
#include <algorithm>
#include <limits>

#include "sql/plan/optimizer.hpp"

namespace ldb::sql {
namespace {

bool is_reorderable(const LogicalPlan& plan) {
  const auto* join = plan.as<LogicalJoin>();
  return join && join->type == JoinType::kInner && !join->lateral;
}

void flatten(LogicalPtr plan, std::vector<LogicalPtr>& relations, std::vector<ExpressionPtr>& conditions) {
  if (!is_reorderable(*plan)) {
    relations.push_back(std::move(plan));
    return;
  }
  auto& join = *plan->as<LogicalJoin>();
  for (ExpressionPtr& e : join.conditions) conditions.push_back(std::move(e));
  flatten(std::move(plan->children[0]), relations, conditions);
  flatten(std::move(plan->children[1]), relations, conditions);
}

LogicalPtr join_of(LogicalPtr left, LogicalPtr right, std::vector<ExpressionPtr>& conditions) {
  auto join = std::make_unique<LogicalJoin>();
  // The right side is built into the hash table, so the smaller one goes there.
  if (left->rows < right->rows) std::swap(left, right);
  join->output = left->output;
  join->output.insert(join->output.end(), right->output.begin(), right->output.end());
  const ColumnSet available = output_set(*join);
  for (ExpressionPtr& e : conditions) {
    if (e && is_subset(columns_of(*e), available)) join->conditions.push_back(std::move(e));
  }
  std::erase(conditions, nullptr);
  join->children.push_back(std::move(left));
  join->children.push_back(std::move(right));
  return join;
}

/// Rough rows of joining two inputs, and whether a condition links them.
std::pair<double, bool> cost_of(const LogicalPlan& left, const LogicalPlan& right, const std::vector<ExpressionPtr>& conditions) {
  ColumnSet both = output_set(left);
  const ColumnSet left_set = both;
  const ColumnSet right_set = output_set(right);
  both.insert(right_set.begin(), right_set.end());
  double rows = left.rows * right.rows;
  bool linked = false;
  for (const ExpressionPtr& e : conditions) {
    const ColumnSet columns = columns_of(*e);
    if (!is_subset(columns, both) || is_subset(columns, left_set) || is_subset(columns, right_set)) continue;
    const auto* comparison = e->as<Comparison>();
    if (comparison && comparison->op == CompareOp::kEqual) {
      rows /= linked ? 10 : std::max(1.0, std::max(left.rows, right.rows));
      linked = true;
    } else {
      rows *= 0.3;
    }
  }
  return {std::max(1.0, rows), linked};
}

LogicalPtr order(std::vector<LogicalPtr> relations, std::vector<ExpressionPtr> conditions, const Statistics& statistics) {
  while (relations.size() > 1) {
    std::size_t best_a = 0;
    std::size_t best_b = 1;
    double best = std::numeric_limits<double>::infinity();
    bool best_linked = false;
    // Joining pairs anywhere gives bushy trees too; n is small.
    for (std::size_t a = 0; a < relations.size(); ++a) {
      for (std::size_t b = a + 1; b < relations.size(); ++b) {
        const auto [rows, linked] = cost_of(*relations[a], *relations[b], conditions);
        if ((linked && !best_linked) || (linked == best_linked && rows < best)) {
          best = rows;
          best_linked = linked;
          best_a = a;
          best_b = b;
        }
      }
    }
    LogicalPtr joined = join_of(std::move(relations[best_a]), std::move(relations[best_b]), conditions);
    estimate(*joined, statistics);
    relations.erase(relations.begin() + static_cast<std::ptrdiff_t>(best_b));
    relations[best_a] = std::move(joined);
  }
  return std::move(relations[0]);
}

}  // namespace

void order_joins(LogicalPtr& plan, const Statistics& statistics) {
  if (is_reorderable(*plan)) {
    std::vector<LogicalPtr> relations;
    std::vector<ExpressionPtr> conditions;
    flatten(std::move(plan), relations, conditions);
    for (LogicalPtr& relation : relations) {
      order_joins(relation, statistics);
      estimate(*relation, statistics);
    }
    std::vector<ExpressionPtr> without_columns;
    for (ExpressionPtr& e : conditions) {
      if (columns_of(*e).empty()) without_columns.push_back(std::move(e));
    }
    std::erase(conditions, nullptr);
    plan = order(std::move(relations), std::move(conditions), statistics);
    if (!without_columns.empty()) {
      auto filter = std::make_unique<LogicalFilter>();
      filter->output = plan->output;
      filter->conjuncts = std::move(without_columns);
      filter->children.push_back(std::move(plan));
      plan = std::move(filter);
    }
    return;
  }
  for (LogicalPtr& child : plan->children) order_joins(child, statistics);
}

}  // namespace ldb::sql
