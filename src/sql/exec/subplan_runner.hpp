// SubplanRunner: evaluates SubplanExpressions by running their plans, once per distinct combination of outer values.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "sql/exec/physical_plan.hpp"
#include "sql/exec/row_buffer.hpp"
#include "sql/expr/evaluate.hpp"

namespace ldb::sql {

/// Belongs to one ExecContext. One thread.
class SubplanRunner final : public SubplanEvaluator {
 public:
  SubplanRunner(const PhysicalStatement& statement, ExecContext& context);
  Status evaluate(const SubplanExpression& subplan, const Batch& input, RowSet rows, EvalContext& context,
                  ColumnVector& out) override;
  /// Drops what subplans gave that read the working table of a recursion.
  void forget(std::size_t recursion);

 private:
  /// What one run gave.
  struct Outcome {
    Value scalar;
    bool exists = false;
    bool has_null = false;              ///< kAny, kAll by set: a row had a NULL
    std::unique_ptr<RowNumbering> set;  ///< kAny with =, kAll with <>: the distinct rows without NULLs
    std::unique_ptr<RowBuffer> rows;    ///< other operators: all rows
  };
  struct State {
    std::unordered_map<std::string, Outcome> cache;  ///< by outer values
    std::size_t cached_rows = 0;
    MemoryUse memory;  ///< of the cache, beside the rows of its outcomes
  };

  Result<const Outcome*> outcome_for(std::size_t id, std::span<const Value> outer, Outcome& scratch);
  Status run(const PhysicalSubplan& subplan, Outcome& outcome);
  static Value test(const PhysicalSubplan& subplan, const Outcome& outcome, std::span<const ColumnVector> operands,
                    std::size_t row);

  const PhysicalStatement& statement_;
  ExecContext& context_;
  std::vector<State> states_;
};

}  // namespace ldb::sql
