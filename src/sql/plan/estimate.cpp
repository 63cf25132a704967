// Cardinality estimates: simple ones, until there are statistics from ANALYZE.
#include <algorithm>
#include <cmath>

#include "sql/plan/optimizer.hpp"

namespace ldb::sql {
namespace {

constexpr double kEqualSelectivity = 0.05;
constexpr double kRangeSelectivity = 0.3;
constexpr double kLikeSelectivity = 0.1;
constexpr double kOtherSelectivity = 0.3;

double selectivity(const Expression& e) {
  switch (e.kind) {
    case ExpressionKind::kComparison: {
      const CompareOp op = e.as<Comparison>()->op;
      if (op == CompareOp::kEqual) return kEqualSelectivity;
      return op == CompareOp::kNotEqual ? 1 - kEqualSelectivity : kRangeSelectivity;
    }
    case ExpressionKind::kAnd: {
      double product = 1;
      for (const auto& child : e.children) product *= selectivity(*child);
      return product;
    }
    case ExpressionKind::kOr: {
      double sum = 0;
      for (const auto& child : e.children) sum += selectivity(*child);
      return std::min(1.0, sum);
    }
    case ExpressionKind::kNot:
      return 1 - selectivity(*e.children[0]);
    case ExpressionKind::kLike:
      return kLikeSelectivity;
    case ExpressionKind::kInList:
      return std::min(0.9, kEqualSelectivity * static_cast<double>(e.children.size() - 1));
    case ExpressionKind::kIsNull:
      return e.as<NullTest>()->negated ? 0.95 : 0.05;
    default:
      return kOtherSelectivity;
  }
}

double at_least_one(double rows) { return std::max(1.0, rows); }

double filtered(const LogicalPlan& child, const std::vector<ExpressionPtr>& conjuncts) {
  if (const auto* scan = child.as<LogicalScan>(); scan && scan->path.is_point) return 1;
  double rows = child.rows;
  for (const ExpressionPtr& e : conjuncts) rows *= selectivity(*e);
  return at_least_one(rows);
}

double joined(const LogicalJoin& join) {
  const double left = join.children[0]->rows;
  const double right = join.children[1]->rows;
  bool has_equality = false;
  double rows = left * right;
  for (const ExpressionPtr& e : join.conditions) {
    const auto* comparison = e->as<Comparison>();
    if (comparison && comparison->op == CompareOp::kEqual) {
      rows *= has_equality ? kEqualSelectivity : 1 / at_least_one(std::max(left, right));
      has_equality = true;
    } else {
      rows *= selectivity(*e);
    }
  }
  rows = at_least_one(rows);
  switch (join.type) {
    case JoinType::kInner:
      return rows;
    case JoinType::kLeft:
      return std::max(rows, left);
    case JoinType::kRight:
      return std::max(rows, right);
    case JoinType::kFull:
      return std::max(rows, left + right);
    case JoinType::kSemi:
    case JoinType::kAnti:
      return at_least_one(left * 0.5);
  }
  return rows;
}

double constant_count(const ExpressionPtr& e, double otherwise) {
  const auto* constant = e ? e->as<Constant>() : nullptr;
  if (constant == nullptr || constant->value.is_null()) return otherwise;
  const auto count = constant->value.as<std::int64_t>();
  return count ? static_cast<double>(std::max<std::int64_t>(0, *count)) : otherwise;
}

}  // namespace

void estimate(LogicalPlan& plan, const Statistics& statistics) {
  for (LogicalPtr& child : plan.children) estimate(*child, statistics);
  const double input = plan.children.empty() ? 0 : plan.children[0]->rows;
  switch (plan.kind) {
    case LogicalKind::kScan: {
      auto& scan = *plan.as<LogicalScan>();
      plan.rows = at_least_one(statistics.table_rows(*scan.table));
      if (scan.path.is_point) plan.rows = 1;
      return;
    }
    case LogicalKind::kValues:
      plan.rows = static_cast<double>(plan.as<LogicalValues>()->values.size());
      return;
    case LogicalKind::kFilter:
      plan.rows = filtered(*plan.children[0], plan.as<LogicalFilter>()->conjuncts);
      return;
    case LogicalKind::kJoin:
      plan.rows = joined(*plan.as<LogicalJoin>());
      return;
    case LogicalKind::kAggregate: {
      const auto& aggregate = *plan.as<LogicalAggregate>();
      plan.rows = aggregate.groups.empty() ? 1 : at_least_one(input * 0.2);
      plan.rows *= static_cast<double>(std::max<std::size_t>(1, aggregate.sets.size()));
      return;
    }
    case LogicalKind::kDistinct:
      plan.rows = at_least_one(input * 0.5);
      return;
    case LogicalKind::kLimit:
      plan.rows = std::min(input, constant_count(plan.as<LogicalLimit>()->limit, input));
      return;
    case LogicalKind::kSetOperation: {
      const double right = plan.children[1]->rows;
      const auto& set = *plan.as<LogicalSetOperation>();
      plan.rows = set.operation == SetOperationKind::kUnion ? input + right : at_least_one(input * 0.5);
      return;
    }
    case LogicalKind::kTableFunction:
      plan.rows = plan.as<LogicalTableFunction>()->function->estimated_rows;
      return;
    case LogicalKind::kCteScan:
      plan.rows = 1000;
      return;
    case LogicalKind::kRecursion:
      plan.rows = input * 10;
      return;
    case LogicalKind::kProjectSet:
      plan.rows = input * 10;
      return;
    default:
      plan.rows = input;
      return;
  }
}

}  // namespace ldb::sql
