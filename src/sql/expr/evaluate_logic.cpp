// AND, OR, NOT, CASE, COALESCE, NULLIF, GREATEST, LEAST: whatever decides which operands are looked at.
#include "base/check.hpp"
#include "sql/expr/evaluate_kinds.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

constexpr DataType kBool{TypeId::kBoolean};

/// Keeps `operand` as the innermost CASE operand while it lives.
struct OperandScope {
  OperandScope(EvalContext& c, const ColumnVector& operand) : context(c) { context.case_operands.push_back(&operand); }
  ~OperandScope() { context.case_operands.pop_back(); }
  EvalContext& context;
};

Status evaluate_not(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  ColumnVector v;
  LDB_TRY(evaluate(*e.children[0], batch, rows, context, v));
  const auto negate = [&](std::size_t row) {
    if (v.is_null(row)) {
      out.set_null(row);
    } else {
      out.data<bool>()[row] = !v.at<bool>(row);
    }
  };
  if (v.is_constant()) {
    out.reset_constant(kBool);
    negate(0);
  } else {
    out.reset(kBool, batch_capacity(batch));
    rows.for_each(negate);
  }
  return {};
}

}  // namespace

Status evaluate_logical(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  if (e.kind == ExpressionKind::kNot) return evaluate_not(e, batch, rows, context, out);
  // `decisive` ends a row: false for AND, true for OR. A NULL is remembered, and the row goes on.
  const bool decisive = e.kind == ExpressionKind::kOr;
  out.reset(kBool, batch_capacity(batch));
  bool* result = out.data<bool>();
  rows.for_each([&](std::size_t row) { result[row] = !decisive; });
  RowList open(rows);
  for (const ExpressionPtr& operand : e.children) {
    if (open.empty()) break;
    ColumnVector v;
    LDB_TRY(evaluate(*operand, batch, open.set(), context, v));
    open.keep([&](std::size_t row) {
      if (v.is_null(row)) {
        out.set_null(row);
        return true;
      }
      if (v.at<bool>(row) != decisive) return true;
      out.clear_null(row);
      result[row] = decisive;
      return false;
    });
  }
  return {};
}

Status evaluate_case(const CaseExpression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  ColumnVector operand;
  std::size_t i = 0;
  if (e.has_operand) LDB_TRY(evaluate(*e.children[i++], batch, rows, context, operand));
  out.reset(e.type, batch_capacity(batch));
  const std::size_t end = e.children.size() - (e.has_else ? 1 : 0);
  RowList open(rows);
  for (; i + 1 < end && !open.empty(); i += 2) {
    ColumnVector condition;
    if (e.has_operand) {
      const OperandScope scope(context, operand);
      LDB_TRY(evaluate(*e.children[i], batch, open.set(), context, condition));
    } else {
      LDB_TRY(evaluate(*e.children[i], batch, open.set(), context, condition));
    }
    RowList matching(open.set());
    matching.keep([&](std::size_t row) { return is_true(condition, row); });
    if (matching.empty()) continue;
    open.keep([&](std::size_t row) { return !is_true(condition, row); });
    ColumnVector result;
    LDB_TRY(evaluate(*e.children[i + 1], batch, matching.set(), context, result));
    share_rows(result, matching.set(), out);
  }
  if (open.empty()) return {};
  if (!e.has_else) {
    open.set().for_each([&](std::size_t row) { out.set_null(row); });
    return {};
  }
  ColumnVector result;
  LDB_TRY(evaluate(*e.children.back(), batch, open.set(), context, result));
  share_rows(result, open.set(), out);
  return {};
}

Status evaluate_coalesce(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  out.reset(e.type, batch_capacity(batch));
  RowList open(rows);
  for (const ExpressionPtr& operand : e.children) {
    if (open.empty()) break;
    ColumnVector v;
    LDB_TRY(evaluate(*operand, batch, open.set(), context, v));
    share_rows(v, open.set(), out);
    open.keep([&](std::size_t row) { return v.is_null(row); });
  }
  return {};
}

Status evaluate_extreme(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  const bool greatest = e.kind == ExpressionKind::kGreatest;
  out.reset(e.type, batch_capacity(batch));
  rows.for_each([&](std::size_t row) { out.set_null(row); });
  for (const ExpressionPtr& operand : e.children) {
    ColumnVector v;
    LDB_TRY(evaluate(*operand, batch, rows, context, v));
    RowList better(rows);
    better.keep([&](std::size_t row) {
      if (v.is_null(row)) return false;
      if (out.is_null(row)) return true;
      const int order = compare_elements(v, row, out, row);
      return greatest ? order > 0 : order < 0;
    });
    share_rows(v, better.set(), out);
  }
  return {};
}

Status evaluate_null_if(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  ColumnVector value;
  LDB_TRY(evaluate(*e.children[0], batch, rows, context, value));
  ColumnVector same;
  {
    const OperandScope scope(context, value);
    LDB_TRY(evaluate(*e.children[1], batch, rows, context, same));
  }
  out.reset(e.type, batch_capacity(batch));
  share_rows(value, rows, out);
  rows.for_each([&](std::size_t row) {
    if (is_true(same, row)) out.set_null(row);
  });
  return {};
}

}  // namespace ldb::sql
