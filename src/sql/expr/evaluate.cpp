#include "sql/expr/evaluate.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "sql/expr/evaluate_kinds.hpp"
#include "sql/expr/function_registry.hpp"
#include "sql/expr/kernels.hpp"
#include "sql/expr/vector_ops.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

/// Frames of evaluate() are a few hundred bytes; this many fit any thread's stack.
constexpr std::uint32_t kMaxDepth = 2000;

struct DepthGuard {
  explicit DepthGuard(EvalContext& c) : context(c) { ++context.depth; }
  ~DepthGuard() { --context.depth; }
  EvalContext& context;
};

/// f(element is NULL, element) -> bool, never NULL.
template <class F>
Status test_rows(const Expression& operand, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out, F f) {
  ColumnVector v;
  LDB_TRY(evaluate(operand, batch, rows, context, v));
  if (v.is_constant()) {
    out.reset_constant(DataType{TypeId::kBoolean});
    out.data<bool>()[0] = f(v, 0);
    return {};
  }
  out.reset(DataType{TypeId::kBoolean}, batch_capacity(batch));
  bool* result = out.data<bool>();
  rows.for_each([&](std::size_t row) { result[row] = f(v, row); });
  return {};
}

Status evaluate_boolean_test(const BooleanTest& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  return test_rows(*e.children[0], batch, rows, context, out, [&e](const ColumnVector& v, std::size_t row) {
    const bool null = v.is_null(row);
    bool answer = null;
    if (e.test != BooleanTestKind::kUnknown) answer = !null && v.at<bool>(row) == (e.test == BooleanTestKind::kTrue);
    return answer != e.negated;
  });
}

Status evaluate_is_distinct(const NullTest& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  ColumnVector a;
  ColumnVector b;
  LDB_TRY(evaluate(*e.children[0], batch, rows, context, a));
  LDB_TRY(evaluate(*e.children[1], batch, rows, context, b));
  out.reset(DataType{TypeId::kBoolean}, batch_capacity(batch));
  bool* result = out.data<bool>();
  rows.for_each([&](std::size_t row) { result[row] = equal_elements(a, row, b, row) == e.negated; });
  return {};
}

Status evaluate_parameter(const ParameterReference& e, EvalContext& context, ColumnVector& out) {
  if (e.index >= context.parameters.size()) return invalid("42P02", "there is no parameter $" + std::to_string(e.index + 1));
  out.reset_constant(e.type.id == TypeId::kNull ? DataType{TypeId::kText} : e.type);
  const Value& value = context.parameters[e.index];
  if (!value.is_null() && physical_type(value.type()) != out.physical()) {
    return Status(StatusCode::kInternal,
                  "parameter $" + std::to_string(e.index + 1) + " was not converted to " + e.type.to_string());
  }
  out.set_value(0, value);
  return {};
}

}  // namespace

void share_rows(const ColumnVector& source, RowSet rows, ColumnVector& out) {
  LDB_DCHECK(source.physical() == out.physical());
  const std::size_t size = element_size(out.physical());
  const char* from = source.data<char>();
  char* to = out.data<char>();
  rows.for_each([&](std::size_t row) {
    if (source.is_null(row)) {
      out.set_null(row);
    } else {
      out.clear_null(row);
      std::memcpy(to + row * size, from + source.index(row) * size, size);
    }
  });
  if (out.physical() == PhysicalType::kString) out.keep_alive(source);
}

Status evaluate(const Expression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  const DepthGuard guard(context);
  if (context.depth > kMaxDepth) {
    return Status::sql(StatusCode::kResourceExhausted, "54001", "expression is nested too deeply");
  }
  switch (e.kind) {
    case ExpressionKind::kConstant:
      out = e.as<Constant>()->vector;
      return {};
    case ExpressionKind::kColumn: {
      const std::size_t column = e.as<ColumnReference>()->column;
      if (column >= batch.columns.size())
        return {StatusCode::kInternal, "expression reads column " + std::to_string(column) + " of a narrower batch"};
      out = batch.columns[column];
      return {};
    }
    case ExpressionKind::kParameter:
      return evaluate_parameter(*e.as<ParameterReference>(), context, out);
    case ExpressionKind::kCall:
      return evaluate_call(*e.as<FunctionCall>(), batch, rows, context, out);
    case ExpressionKind::kCast: {
      const auto& cast = *e.as<CastExpression>();
      ColumnVector v;
      LDB_TRY(evaluate(*e.children[0], batch, rows, context, v));
      return cast_vector(v, rows, e.type, cast.is_explicit, cast.is_assignment, out, &context);
    }
    case ExpressionKind::kComparison:
      return evaluate_comparison(*e.as<Comparison>(), batch, rows, context, out);
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
    case ExpressionKind::kNot:
      return evaluate_logical(e, batch, rows, context, out);
    case ExpressionKind::kIsNull: {
      const bool negated = e.as<NullTest>()->negated;
      return test_rows(*e.children[0], batch, rows, context, out,
                       [negated](const ColumnVector& v, std::size_t row) { return v.is_null(row) != negated; });
    }
    case ExpressionKind::kIsBoolean:
      return evaluate_boolean_test(*e.as<BooleanTest>(), batch, rows, context, out);
    case ExpressionKind::kIsDistinct:
      return evaluate_is_distinct(*e.as<NullTest>(), batch, rows, context, out);
    case ExpressionKind::kCase:
      return evaluate_case(*e.as<CaseExpression>(), batch, rows, context, out);
    case ExpressionKind::kCaseOperand:
      LDB_CHECK(!context.case_operands.empty());
      out = *context.case_operands.back();
      return {};
    case ExpressionKind::kCoalesce:
      return evaluate_coalesce(e, batch, rows, context, out);
    case ExpressionKind::kNullIf:
      return evaluate_null_if(e, batch, rows, context, out);
    case ExpressionKind::kGreatest:
    case ExpressionKind::kLeast:
      return evaluate_extreme(e, batch, rows, context, out);
    case ExpressionKind::kInList:
      return evaluate_in_list(*e.as<InList>(), batch, rows, context, out);
    case ExpressionKind::kLike:
      return evaluate_like(*e.as<LikeExpression>(), batch, rows, context, out);
    case ExpressionKind::kSubplan:
      if (context.subplans == nullptr) return {StatusCode::kInternal, "a subquery cannot be evaluated here"};
      return context.subplans->evaluate(*e.as<SubplanExpression>(), batch, rows, context, out);
  }
  return {StatusCode::kInternal, "unknown expression kind"};
}

std::size_t EvalContext::string_room() const {
  return memory == nullptr ? string_bytes : std::min(string_bytes, memory->available_bytes());
}

Status EvalContext::out_of_room() const {
  if (memory != nullptr) return memory->over("a text function");
  return Status::sql(StatusCode::kResourceExhausted, "53200", "out of memory: a text function would make too much text");
}

Status ValueRoom::check(std::size_t bytes) const {
  if (bytes > kMaxBytes) return Status::sql(StatusCode::kResourceExhausted, "54000", "requested length too large");
  return bytes > context.string_room() ? context.out_of_room() : Status();
}

Status evaluate(const Expression& e, const Batch& batch, EvalContext& context, ColumnVector& out) {
  return evaluate(e, batch, batch.rows(), context, out);
}

Result<Value> evaluate_scalar(const Expression& e, EvalContext& context) {
  Batch one_row;
  one_row.row_count = 1;
  ColumnVector out;
  LDB_TRY(evaluate(e, one_row, context, out));
  return out.value(0);
}

Status filter(const Expression& predicate, EvalContext& context, Batch& batch) {
  const auto apply = [&](const Expression& condition) -> Status {
    ColumnVector v;
    LDB_TRY(evaluate(condition, batch, context, v));
    if (v.is_constant()) {
      if (!is_true(v, 0)) {
        batch.has_selection = true;
        batch.selection.clear();
      }
      return {};
    }
    RowList rows(batch.rows());
    rows.keep([&v](std::size_t row) { return is_true(v, row); });
    const RowSet kept = rows.set();
    if (kept.count == batch.selected_count()) return {};
    batch.selection.assign(kept.indexes, kept.indexes + kept.count);
    batch.has_selection = true;
    return {};
  };
  if (predicate.kind != ExpressionKind::kAnd) return apply(predicate);
  for (const ExpressionPtr& condition : predicate.children) {
    if (batch.selected_count() == 0) return {};
    LDB_TRY(apply(*condition));
  }
  return {};
}

}  // namespace ldb::sql
