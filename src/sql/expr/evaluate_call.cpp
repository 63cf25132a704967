// Function calls and comparisons.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.hpp"
#include "sql/expr/evaluate_kinds.hpp"
#include "sql/expr/function_registry.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

/// Calls the function's body on the rows where a strict function may look.
Status apply(const FunctionCall& e, std::span<const ColumnVector> arguments, std::size_t capacity, RowSet rows,
             EvalContext& context, ColumnVector& out) {
  const Function& f = *e.function;
  std::array<const ColumnVector*, 8> few;
  std::vector<const ColumnVector*> many;
  std::span<const ColumnVector*> pointers(few.data(), std::min(few.size(), arguments.size()));
  if (arguments.size() > few.size()) {
    many.resize(arguments.size());
    pointers = many;
  }
  bool all_constant = true;
  bool null_constant = false;
  bool some_nulls = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    pointers[i] = &arguments[i];
    all_constant &= arguments[i].is_constant();
    null_constant |= arguments[i].is_constant() && arguments[i].is_null(0);
    some_nulls |= arguments[i].may_have_nulls();
  }
  if (f.strict && null_constant) {
    out.reset_constant(e.type);
    out.set_null(0);
    return {};
  }
  const auto run = [&](RowSet set) -> Status {
    LDB_TRY(f.body(pointers, set, context, out));
    if (out.physical() != PhysicalType::kString) return {};
    return out.charge_strings(context.memory, "a text function");
  };
  if (all_constant && f.volatility != Volatility::kVolatile) {
    out.reset_constant(e.type);
    return run(RowSet::first(1));
  }
  out.reset(e.type, capacity);
  if (!f.strict || !some_nulls) return run(rows);
  std::array<std::uint16_t, kBatchRows> present;
  std::size_t count = 0;
  rows.for_each([&](std::size_t row) {
    for (const ColumnVector* argument : pointers) {
      if (argument->is_null(row)) {
        out.set_null(row);
        return;
      }
    }
    present[count++] = static_cast<std::uint16_t>(row);
  });
  return run(RowSet::of({present.data(), count}));
}

template <class T, class Test>
void compare_flat(const ColumnVector& a, const ColumnVector& b, RowSet rows, bool* result, Test test) {
  const T* x = a.data<T>();
  const T* y = b.data<T>();
  if (b.is_constant()) {
    const T c = y[0];
    rows.for_each([&](std::size_t row) { result[row] = test(x[row], c); });
  } else if (a.is_constant()) {
    const T c = x[0];
    rows.for_each([&](std::size_t row) { result[row] = test(c, y[row]); });
  } else {
    rows.for_each([&](std::size_t row) { result[row] = test(x[row], y[row]); });
  }
}

template <class T>
void compare_typed(CompareOp op, const ColumnVector& a, const ColumnVector& b, RowSet rows, bool* result) {
  switch (op) {
    case CompareOp::kEqual:
      return compare_flat<T>(a, b, rows, result, [](const T& x, const T& y) { return x == y; });
    case CompareOp::kNotEqual:
      return compare_flat<T>(a, b, rows, result, [](const T& x, const T& y) { return x != y; });
    case CompareOp::kLess:
      return compare_flat<T>(a, b, rows, result, [](const T& x, const T& y) { return x < y; });
    case CompareOp::kLessEqual:
      return compare_flat<T>(a, b, rows, result, [](const T& x, const T& y) { return x <= y; });
    case CompareOp::kGreater:
      return compare_flat<T>(a, b, rows, result, [](const T& x, const T& y) { return x > y; });
    case CompareOp::kGreaterEqual:
      return compare_flat<T>(a, b, rows, result, [](const T& x, const T& y) { return x >= y; });
  }
}

bool holds(CompareOp op, int order) {
  switch (op) {
    case CompareOp::kEqual:
      return order == 0;
    case CompareOp::kNotEqual:
      return order != 0;
    case CompareOp::kLess:
      return order < 0;
    case CompareOp::kLessEqual:
      return order <= 0;
    case CompareOp::kGreater:
      return order > 0;
    case CompareOp::kGreaterEqual:
      return order >= 0;
  }
  return false;
}

/// No NULLs among `rows`.
void compare_rows(CompareOp op, const ColumnVector& a, const ColumnVector& b, RowSet rows, bool* result) {
  if (a.physical() == b.physical()) {
    switch (a.physical()) {
      case PhysicalType::kInt16:
        return compare_typed<std::int16_t>(op, a, b, rows, result);
      case PhysicalType::kInt32:
        return compare_typed<std::int32_t>(op, a, b, rows, result);
      case PhysicalType::kInt64:
        return compare_typed<std::int64_t>(op, a, b, rows, result);
      case PhysicalType::kDate:
        return compare_typed<Date>(op, a, b, rows, result);
      case PhysicalType::kTimestamp:
        return compare_typed<Timestamp>(op, a, b, rows, result);
      case PhysicalType::kString:
        if (a.type().id == TypeId::kChar || b.type().id == TypeId::kChar) break;
        return compare_typed<std::string_view>(op, a, b, rows, result);
      default:
        break;
    }
  }
  rows.for_each([&](std::size_t row) { result[row] = holds(op, compare_elements(a, row, b, row)); });
}

}  // namespace

Status evaluate_call(const FunctionCall& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  // ((a + b) + c) + ... may be thousands of calls deep along the first arguments: those are evaluated from the innermost out.
  std::vector<const FunctionCall*> chain;
  const FunctionCall* innermost = &e;
  while (!innermost->children.empty() && innermost->children[0]->kind == ExpressionKind::kCall) {
    chain.push_back(innermost);
    innermost = innermost->children[0]->as<FunctionCall>();
  }
  ColumnVector so_far;
  std::vector<ColumnVector> arguments;
  const auto run = [&](const FunctionCall& call, bool has_first, ColumnVector& result) -> Status {
    arguments.clear();
    arguments.resize(call.children.size());
    for (std::size_t i = 0; i < call.children.size(); ++i) {
      if (i == 0 && has_first) {
        arguments[0] = std::move(so_far);
        so_far = ColumnVector();
      } else {
        LDB_TRY(evaluate(*call.children[i], batch, rows, context, arguments[i]));
      }
    }
    return apply(call, arguments, batch_capacity(batch), rows, context, result);
  };
  if (chain.empty()) return run(*innermost, false, out);
  LDB_TRY(run(*innermost, false, so_far));
  for (std::size_t i = chain.size(); i-- > 1;) {
    ColumnVector next;
    LDB_TRY(run(*chain[i], true, next));
    so_far = std::move(next);
  }
  return run(*chain[0], true, out);
}

Status evaluate_comparison(const Comparison& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  ColumnVector a;
  ColumnVector b;
  LDB_TRY(evaluate(*e.children[0], batch, rows, context, a));
  LDB_TRY(evaluate(*e.children[1], batch, rows, context, b));
  const DataType boolean{TypeId::kBoolean};
  if ((a.is_constant() && a.is_null(0)) || (b.is_constant() && b.is_null(0))) {
    out.reset_constant(boolean);
    out.set_null(0);
    return {};
  }
  if (a.is_constant() && b.is_constant()) {
    out.reset_constant(boolean);
    out.data<bool>()[0] = holds(e.op, compare_elements(a, 0, b, 0));
    return {};
  }
  out.reset(boolean, batch_capacity(batch));
  if (!a.may_have_nulls() && !b.may_have_nulls()) {
    compare_rows(e.op, a, b, rows, out.data<bool>());
    return {};
  }
  RowList present(rows);
  present.keep([&](std::size_t row) {
    if (!a.is_null(row) && !b.is_null(row)) return true;
    out.set_null(row);
    return false;
  });
  compare_rows(e.op, a, b, present.set(), out.data<bool>());
  return {};
}

}  // namespace ldb::sql
