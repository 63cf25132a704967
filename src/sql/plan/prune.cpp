// Projection pruning: nodes stop producing columns that nobody above reads.
#include <algorithm>

#include "sql/plan/optimizer.hpp"

namespace ldb::sql {
namespace {

void add(ColumnSet& set, const Expression& e) {
  walk(e, [&](const Expression& node) {
    if (const auto* column = node.as<ColumnReference>()) set.insert(column->column);
  });
}

void add_own_expressions(ColumnSet& set, LogicalPlan& plan) {
  for_each_expression(plan, [&](ExpressionPtr& e) { add(set, *e); });
}

template <class T>
void keep(std::vector<T>& values, const std::vector<bool>& kept) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!kept[i]) continue;
    if (to != i) values[to] = std::move(values[i]);
    ++to;
  }
  values.resize(to);
}

/// Which outputs are required, by place.
std::vector<bool> kept_outputs(const LogicalPlan& plan, const ColumnSet& required) {
  std::vector<bool> kept;
  for (const OutputColumn& column : plan.output) kept.push_back(required.contains(column.number));
  return kept;
}

void follow_children(LogicalPlan& plan) {
  plan.output.clear();
  for (const LogicalPtr& child : plan.children) plan.output.insert(plan.output.end(), child->output.begin(), child->output.end());
}

void prune_project(LogicalProject& plan, const ColumnSet& required) {
  const std::vector<bool> kept = kept_outputs(plan, required);
  std::size_t to = 0;
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    if (!kept[i] && !is_volatile(*plan.expressions[i])) continue;
    if (to != i) {
      plan.expressions[to] = std::move(plan.expressions[i]);
      plan.output[to] = plan.output[i];
    }
    ++to;
  }
  plan.expressions.resize(to);
  plan.output.resize(to);
}

void prune_aggregate(LogicalAggregate& plan, const ColumnSet& required) {
  std::vector<OutputColumn> output(plan.output.begin(), plan.output.begin() + static_cast<std::ptrdiff_t>(plan.groups.size()));
  std::vector<AggregateCall> calls;
  for (std::size_t i = 0; i < plan.calls.size(); ++i) {
    const OutputColumn& column = plan.output[plan.groups.size() + i];
    if (!required.contains(column.number)) continue;
    output.push_back(column);
    calls.push_back(std::move(plan.calls[i]));
  }
  output.insert(output.end(), plan.output.begin() + static_cast<std::ptrdiff_t>(plan.groups.size() + plan.calls.size()),
                plan.output.end());
  plan.calls = std::move(calls);
  plan.output = std::move(output);
}

}  // namespace

void prune_columns(LogicalPlan& plan, const ColumnSet& required, BoundStatement& statement) {
  ColumnSet needed = required;
  switch (plan.kind) {
    case LogicalKind::kScan: {
      auto& scan = *plan.as<LogicalScan>();
      const std::vector<bool> kept = kept_outputs(plan, required);
      keep(scan.ordinals, kept);
      keep(scan.output, kept);
      return;
    }
    case LogicalKind::kValues: {
      const std::vector<bool> kept = kept_outputs(plan, required);
      for (auto& row : plan.as<LogicalValues>()->values) keep(row, kept);
      keep(plan.output, kept);
      return;
    }
    case LogicalKind::kProject:
      prune_project(*plan.as<LogicalProject>(), required);
      needed.clear();
      add_own_expressions(needed, plan);
      prune_columns(*plan.children[0], needed, statement);
      return;
    case LogicalKind::kAggregate:
      prune_aggregate(*plan.as<LogicalAggregate>(), required);
      needed.clear();
      add_own_expressions(needed, plan);
      prune_columns(*plan.children[0], needed, statement);
      return;
    case LogicalKind::kFilter:
    case LogicalKind::kSort:
    case LogicalKind::kLimit:
      add_own_expressions(needed, plan);
      prune_columns(*plan.children[0], needed, statement);
      follow_children(plan);
      return;
    case LogicalKind::kDistinct:
      if (plan.as<LogicalDistinct>()->on.empty()) needed = output_set(plan);
      add_own_expressions(needed, plan);
      prune_columns(*plan.children[0], needed, statement);
      follow_children(plan);
      return;
    case LogicalKind::kJoin: {
      add_own_expressions(needed, plan);
      for (LogicalPtr& child : plan.children) prune_columns(*child, needed, statement);
      const auto type = plan.as<LogicalJoin>()->type;
      if (type == JoinType::kSemi || type == JoinType::kAnti) {
        plan.output = plan.children[0]->output;
      } else {
        follow_children(plan);
      }
      return;
    }
    case LogicalKind::kWindow:
    case LogicalKind::kProjectSet: {
      const std::size_t own =
          plan.kind == LogicalKind::kWindow ? plan.as<LogicalWindow>()->calls.size() : plan.as<LogicalProjectSet>()->calls.size();
      const std::vector<OutputColumn> calls(plan.output.end() - static_cast<std::ptrdiff_t>(own), plan.output.end());
      add_own_expressions(needed, plan);
      prune_columns(*plan.children[0], needed, statement);
      follow_children(plan);
      plan.output.insert(plan.output.end(), calls.begin(), calls.end());
      return;
    }
    case LogicalKind::kSetOperation:
    case LogicalKind::kRecursion:
      for (LogicalPtr& child : plan.children) prune_columns(*child, output_set(*child), statement);
      return;
    case LogicalKind::kCteScan:
    case LogicalKind::kTableFunction:
      return;
    case LogicalKind::kInsert:
    case LogicalKind::kUpdate:
    case LogicalKind::kDelete:
      needed = plan.kind == LogicalKind::kInsert ? output_set(*plan.children[0]) : ColumnSet();
      if (const auto* update = plan.as<LogicalUpdate>()) {
        needed.insert(update->row_key);
        for (const OutputColumn& column : update->old_row) needed.insert(column.number);
      } else if (const auto* erase = plan.as<LogicalDelete>()) {
        needed.insert(erase->row_key);
        for (const OutputColumn& column : erase->old_row) needed.insert(column.number);
      }
      add_own_expressions(needed, plan);
      prune_columns(*plan.children[0], needed, statement);
      return;
  }
}

}  // namespace ldb::sql
