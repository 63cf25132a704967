// Grouping and aggregation by hash, with DISTINCT, FILTER, ORDER BY inside calls, and grouping sets.
#pragma once

#include "sql/exec/physical_plan.hpp"

namespace ldb::sql {

struct AggregatePlan final : PhysicalPlan {
  std::vector<ExpressionPtr> groups;
  std::vector<AggregateCall> calls;
  std::vector<std::vector<std::size_t>> sets;  ///< never empty: one set with all groups when none were written
  std::vector<std::vector<std::size_t>> grouping_calls;
  std::string name() const override { return groups.empty() ? "Aggregate" : "HashAggregate"; }
  std::vector<std::string> details() const override;
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

/// DISTINCT over all columns, or the first row for each value of `on`.
struct DistinctPlan final : PhysicalPlan {
  std::vector<ExpressionPtr> on;
  std::string name() const override { return on.empty() ? "Distinct" : "Distinct On"; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

/// INTERSECT and EXCEPT, with or without ALL.
struct SetOperationPlan final : PhysicalPlan {
  SetOperationKind operation = SetOperationKind::kIntersect;
  bool all = false;
  std::string name() const override;
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

}  // namespace ldb::sql
