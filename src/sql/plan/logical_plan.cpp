#include "sql/plan/logical_plan.hpp"

namespace ldb::sql {
namespace {

using Visit = std::function<void(ExpressionPtr&)>;

void visit(std::vector<ExpressionPtr>& expressions, const Visit& f) {
  for (ExpressionPtr& e : expressions) f(e);
}
void visit_optional(ExpressionPtr& e, const Visit& f) {
  if (e) f(e);
}
void visit(std::vector<SortKey>& keys, const Visit& f) {
  for (SortKey& key : keys) f(key.expression);
}

void visit_calls(LogicalAggregate& plan, const Visit& f) {
  visit(plan.groups, f);
  for (AggregateCall& call : plan.calls) {
    visit(call.arguments, f);
    visit_optional(call.filter, f);
    visit(call.order_by, f);
  }
}

void visit_window(LogicalWindow& plan, const Visit& f) {
  visit(plan.partition_by, f);
  visit(plan.order_by, f);
  for (WindowCall& call : plan.calls) {
    visit(call.arguments, f);
    visit_optional(call.filter, f);
    visit_optional(call.frame.start_offset, f);
    visit_optional(call.frame.end_offset, f);
  }
}

}  // namespace

void for_each_expression(LogicalPlan& plan, const Visit& f) {
  switch (plan.kind) {
    case LogicalKind::kScan: {
      AccessPath& path = plan.as<LogicalScan>()->path;
      visit(path.equal, f);
      visit_optional(path.lower.value, f);
      visit_optional(path.upper.value, f);
      return;
    }
    case LogicalKind::kValues:
      for (auto& row : plan.as<LogicalValues>()->values) visit(row, f);
      return;
    case LogicalKind::kFilter:
      return visit(plan.as<LogicalFilter>()->conjuncts, f);
    case LogicalKind::kProject:
      return visit(plan.as<LogicalProject>()->expressions, f);
    case LogicalKind::kJoin: {
      auto& join = *plan.as<LogicalJoin>();
      visit(join.conditions, f);
      for (OuterReference& reference : join.outer) f(reference.value);
      return;
    }
    case LogicalKind::kAggregate:
      return visit_calls(*plan.as<LogicalAggregate>(), f);
    case LogicalKind::kWindow:
      return visit_window(*plan.as<LogicalWindow>(), f);
    case LogicalKind::kSort:
      return visit(plan.as<LogicalSort>()->keys, f);
    case LogicalKind::kLimit:
      visit_optional(plan.as<LogicalLimit>()->limit, f);
      visit_optional(plan.as<LogicalLimit>()->offset, f);
      return;
    case LogicalKind::kDistinct:
      return visit(plan.as<LogicalDistinct>()->on, f);
    case LogicalKind::kSetOperation:
    case LogicalKind::kCteScan:
    case LogicalKind::kRecursion:
      return;
    case LogicalKind::kTableFunction:
      return visit(plan.as<LogicalTableFunction>()->arguments, f);
    case LogicalKind::kProjectSet:
      for (auto& call : plan.as<LogicalProjectSet>()->calls) visit(call.arguments, f);
      return;
    case LogicalKind::kInsert: {
      auto& insert = *plan.as<LogicalInsert>();
      visit(insert.checks, f);
      for (auto& [ordinal, e] : insert.generated) f(e);
      visit(insert.conflict.values, f);
      visit_optional(insert.conflict.where, f);
      return visit(insert.returning.expressions, f);
    }
    case LogicalKind::kUpdate: {
      auto& update = *plan.as<LogicalUpdate>();
      visit(update.values, f);
      visit(update.checks, f);
      for (auto& [ordinal, e] : update.generated) f(e);
      return visit(update.returning.expressions, f);
    }
    case LogicalKind::kDelete:
      return visit(plan.as<LogicalDelete>()->returning.expressions, f);
  }
}

}  // namespace ldb::sql
