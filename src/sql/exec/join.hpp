// Joins: by hash where an equality links the sides, by nested loops otherwise, and once per left row for LATERAL.
#pragma once

#include "sql/exec/physical_plan.hpp"

namespace ldb::sql {

/// Children: left (probe) and right (kept in memory). Expressions in `residual` are over left columns, then right columns.
struct JoinPlan : PhysicalPlan {
  JoinType type = JoinType::kInner;
  ExpressionPtr residual;  ///< may be null
  std::string type_name() const;
};

struct HashJoinPlan final : JoinPlan {
  std::vector<ExpressionPtr> left_keys;   ///< over the left child
  std::vector<ExpressionPtr> right_keys;  ///< over the right child, of types that hash alike
  bool null_aware = false;                ///< kAnti as NOT IN wants it
  std::string name() const override { return "Hash" + type_name(); }
  std::vector<std::string> details() const override;
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

struct NestedLoopPlan final : JoinPlan {
  bool null_aware = false;  ///< kAnti: a residual that is NULL for some right row drops the left row
  std::string name() const override { return "Nested Loop" + type_name(); }
  std::vector<std::string> details() const override;
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

/// The right side runs once per left row, with the left row's values in parameter slots. kInner and kLeft.
struct LateralJoinPlan final : JoinPlan {
  std::vector<OuterReference> outer;  ///< over the left child
  std::string name() const override { return "Lateral" + type_name(); }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

}  // namespace ldb::sql
