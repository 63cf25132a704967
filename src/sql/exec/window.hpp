// Window functions over one partitioning and order.
#pragma once

#include "sql/exec/physical_plan.hpp"

namespace ldb::sql {

struct WindowPlan final : PhysicalPlan {
  std::vector<ExpressionPtr> partition_by;
  std::vector<SortKey> order_by;
  std::vector<WindowCall> calls;
  std::string name() const override { return "WindowAgg"; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

}  // namespace ldb::sql
