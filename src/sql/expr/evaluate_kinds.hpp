// One evaluation routine per group of expression kinds; evaluate() chooses. Internal to src/sql/expr.
#pragma once

#include "sql/expr/evaluate.hpp"

namespace ldb::sql {

/// Room for one element per row of the batch, whatever `rows` are.
inline std::size_t batch_capacity(const Batch& batch) { return batch.row_count == 0 ? 1 : batch.row_count; }

/// Rows that are left for later operands, as a list that shrinks.
class RowList {
 public:
  explicit RowList(RowSet rows) {
    rows_.reserve(rows.count);
    rows.for_each([this](std::size_t row) { rows_.push_back(static_cast<std::uint16_t>(row)); });
  }
  RowSet set() const { return RowSet::of(rows_); }
  bool empty() const { return rows_.empty(); }
  /// Keeps the rows for which `f` answers true.
  template <class F>
  void keep(F&& f) {
    std::size_t kept = 0;
    for (const std::uint16_t row : rows_) {
      if (f(static_cast<std::size_t>(row))) rows_[kept++] = row;
    }
    rows_.resize(kept);
  }

 private:
  std::vector<std::uint16_t> rows_;
};

/// Copies elements at `rows`; strings are shared with `source`, which `out` keeps alive. Same physical type.
void share_rows(const ColumnVector& source, RowSet rows, ColumnVector& out);
/// Whether the boolean at `row` is true (not false, not NULL).
inline bool is_true(const ColumnVector& v, std::size_t row) { return !v.is_null(row) && v.at<bool>(row); }

Status evaluate_call(const FunctionCall& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_comparison(const Comparison& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_logical(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_case(const CaseExpression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_coalesce(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_extreme(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_null_if(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_in_list(const InList& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);
Status evaluate_like(const LikeExpression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out);

}  // namespace ldb::sql
