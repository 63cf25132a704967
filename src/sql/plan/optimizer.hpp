// Optimizer: rewrites a bound statement into an equal, cheaper one. Each pass is one file and leaves a valid plan.
#pragma once

#include <functional>
#include <set>

#include "sql/plan/logical_plan.hpp"

namespace ldb::sql {

/// What is known about the data.
class Statistics {
 public:
  virtual ~Statistics() = default;
  /// Rough number of rows.
  virtual double table_rows(const Table& table) const = 0;
};

/// All passes, over the statement's plan, its subplans and its common tables.
void optimize(BoundStatement& statement, const Statistics& statistics);

using ColumnSet = std::set<ColumnNumber>;
ColumnSet output_set(const LogicalPlan& plan);
ColumnSet columns_of(const Expression& e);
bool is_subset(const ColumnSet& a, const ColumnSet& b);
/// Whether the expression holds a SubplanExpression.
bool has_subplan(const Expression& e);

// The passes, in order.
/// Replaces references to common tables that are used once by their plans.
void inline_common_tables(BoundStatement& statement);
void fold_plan(LogicalPlan& plan);
/// EXISTS and IN conjuncts of WHERE become semi and anti joins where that is sound.
void unnest_subqueries(LogicalPtr& plan, BoundStatement& statement);
/// Moves conjuncts down to where their columns come from; turns cross joins into joins, and outer joins that a filter above makes
/// inner.
LogicalPtr push_down(LogicalPtr plan, std::vector<ExpressionPtr> conjuncts);
/// Sets LogicalPlan::rows everywhere.
void estimate(LogicalPlan& plan, const Statistics& statistics);
/// Orders inner joins by estimated size.
void order_joins(LogicalPtr& plan, const Statistics& statistics);
/// Chooses keys and indexes for scans under filters.
void choose_access_paths(LogicalPtr& plan);
/// Drops columns that nothing needs. `required`: those that the parent uses.
void prune_columns(LogicalPlan& plan, const ColumnSet& required, BoundStatement& statement);

}  // namespace ldb::sql
