// Evaluating bound expressions over batches.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sql/expr/batch.hpp"
#include "sql/expr/expression.hpp"
#include "sql/expr/memory_budget.hpp"

namespace ldb::sql {

struct EvalContext;

/// The executor's side of SubplanExpression.
class SubplanEvaluator {
 public:
  virtual ~SubplanEvaluator() = default;
  /// Fills `out` (reset by the callee to subplan.type, or constant) at `rows` of `input`.
  virtual Status evaluate(const SubplanExpression& subplan, const Batch& input, RowSet rows, EvalContext& context,
                          ColumnVector& out) = 0;
};

/// What evaluation may look at besides the batch. One per running statement; one thread at a time. Derive from it to give
/// functions that sqlcore registers (nextval, ldb.*) access to their session.
struct EvalContext {
  virtual ~EvalContext() = default;

  std::span<const Value> parameters;  ///< Each NULL or of the ParameterReference's type. Borrowed.
  SubplanEvaluator* subplans = nullptr;
  Timestamp transaction_time;               ///< now(), CURRENT_TIMESTAMP: same throughout a transaction. UTC.
  Timestamp statement_time;                 ///< statement_timestamp()
  std::string_view user, database, schema;  ///< current_user, current_database(), current_schema

  MemoryBudgetPtr memory;  ///< of the statement; null: long strings are bounded by `string_bytes` alone
  /// The most that one vector of strings may come to while it is filled.
  std::size_t string_bytes = std::size_t{1} << 30;
  /// What is left for such a vector, and the error when it is more.
  std::size_t string_room() const;
  Status out_of_room() const;
  /// A holder of memory for this statement.
  MemoryUse memory_use(const char* holder) const { return MemoryUse(memory, holder); }

  /// For the evaluator.
  std::vector<const ColumnVector*> case_operands;
  std::uint32_t depth = 0;
};

/// Values of `e` for `batch.rows()`, at their row indexes in `out`; other rows are unspecified. `out` may be constant, and may
/// share with the batch or the expression. Only rows selected are computed, and CASE, COALESCE, AND and OR guard what stands
/// behind them as PostgreSQL does: no error is raised for a row that does not reach it. Errors: the SQLSTATEs of the operations;
/// 54001 for trees nested too deep.
Status evaluate(const Expression& e, const Batch& batch, EvalContext& context, ColumnVector& out);
/// As above, for some rows of the batch.
Status evaluate(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
/// An expression without columns.
Result<Value> evaluate_scalar(const Expression& e, EvalContext& context);
/// Narrows the batch's selection to the rows where `predicate` is true. Conjuncts are applied one by one, each to the rows left.
Status filter(const Expression& predicate, EvalContext& context, Batch& batch);

/// Replaces constant subtrees by their values. A subtree whose evaluation fails is left as it is, to fail (or not be reached) at
/// run time.
ExpressionPtr fold_constants(ExpressionPtr e);

/// Element-wise cast_value(). With a context, long strings are bounded by its memory.
Status cast_vector(const ColumnVector& in, RowSet rows, DataType to, bool is_explicit, bool is_assignment, ColumnVector& out,
                   const EvalContext* context = nullptr);

/// SQL LIKE over UTF-8. `escape` 0: none. 22025 when the pattern ends in the escape character.
Result<bool> like(std::string_view text, std::string_view pattern, char escape = '\\', bool case_insensitive = false);

}  // namespace ldb::sql
