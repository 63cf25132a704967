// The simple operators: constant rows, filter, projection, limit, concatenation, table functions, common tables.
#pragma once

#include "sql/exec/physical_plan.hpp"

namespace ldb::sql {

struct ValuesPlan final : PhysicalPlan {
  std::vector<std::vector<ExpressionPtr>> values;
  std::string name() const override { return values.size() == 1 ? "Result" : "Values Scan"; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
struct FilterPlan final : PhysicalPlan {
  ExpressionPtr predicate;
  std::string name() const override { return "Filter"; }
  std::vector<std::string> details() const override { return {"Filter: " + to_string(*predicate)}; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
struct ProjectPlan final : PhysicalPlan {
  std::vector<ExpressionPtr> expressions;
  std::string name() const override { return "Project"; }
  std::vector<std::string> details() const override;
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
/// Negative counts fail (2201W, 2201X); NULL means none.
struct LimitPlan final : PhysicalPlan {
  ExpressionPtr limit, offset;
  /// WITH TIES: rows equal to the last one in these (the child's order) come along.
  std::vector<ExpressionPtr> ties;
  bool with_ties = false;
  std::string name() const override { return "Limit"; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
/// UNION ALL.
struct AppendPlan final : PhysicalPlan {
  std::string name() const override { return "Append"; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
struct TableFunctionPlan final : PhysicalPlan {
  std::shared_ptr<const TableFunction> function;
  std::vector<ExpressionPtr> arguments;
  bool with_ordinality = false;
  std::string name() const override { return "Function Scan on " + function->name; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
/// Set-returning functions in a select list.
struct ProjectSetPlan final : PhysicalPlan {
  struct Call {
    std::shared_ptr<const TableFunction> function;
    std::vector<ExpressionPtr> arguments;
  };
  std::vector<Call> calls;
  std::string name() const override { return "ProjectSet"; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
struct CteScanPlan final : PhysicalPlan {
  std::size_t cte = 0;
  bool working_table = false;
  std::string cte_name;
  std::string name() const override { return (working_table ? "WorkTable Scan on " : "CTE Scan on ") + cte_name; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
/// WITH RECURSIVE: children are start and step.
struct RecursionPlan final : PhysicalPlan {
  std::size_t cte = 0;
  bool all = false;
  std::string name() const override { return "Recursive Union"; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

/// Copies values into a column (of the values' type or NULL).
void fill_column(ColumnVector& out, DataType type, std::size_t rows, const std::function<const Value&(std::size_t)>& value);

}  // namespace ldb::sql
