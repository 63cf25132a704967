#include "sql/exec/window.hpp"

#include <algorithm>

#include "sql/exec/basic.hpp"
#include "sql/exec/exec_context.hpp"
#include "sql/exec/sort.hpp"
#include "sql/exec/window_frame.hpp"
#include "sql/expr/vector_ops.hpp"
#include "sql/types/cast.hpp"

namespace ldb::sql {
namespace {

class WindowOperator final : public Operator {
 public:
  WindowOperator(const WindowPlan& plan, ExecContext& context)
      : plan_(plan),
        context_(context),
        rows_(plan.children[0]->types, context.memory_use("a window function")),
        memory_(context.memory_use("a window function")) {}

  Result<bool> next(Batch& out) override {
    if (!built_) {
      LDB_TRY(build());
      built_ = true;
    }
    const std::size_t count = std::min(kBatchRows, order_.size() - at_);
    if (count == 0) return false;
    rows_.gather(std::span(order_).subspan(at_, count), out);
    for (std::size_t c = 0; c < plan_.calls.size(); ++c) {
      ColumnVector column;
      fill_column(column, plan_.calls[c].type, count, [&](std::size_t row) -> const Value& { return results_[c][at_ + row]; });
      out.columns.push_back(std::move(column));
    }
    at_ += count;
    return true;
  }

 private:
  Status build() {
    std::vector<const Expression*> expressions;
    for (const ExpressionPtr& e : plan_.partition_by) expressions.push_back(e.get());
    for (const SortKey& key : plan_.order_by) expressions.push_back(key.expression.get());
    for (const WindowCall& call : plan_.calls) {
      for (const ExpressionPtr& e : call.arguments) expressions.push_back(e.get());
      if (call.filter) expressions.push_back(call.filter.get());
    }
    std::vector<DataType> types;
    for (const Expression* e : expressions) types.push_back(e->type);
    RowBuffer computed(std::move(types), context_.memory_use("a window function"));
    std::vector<ColumnVector> columns(expressions.size());
    LDB_TRY(run_to_end(*plan_.children[0], context_, [&](const Batch& batch) -> Status {
      LDB_TRY(rows_.append(batch));
      for (std::size_t i = 0; i < columns.size(); ++i) LDB_TRY(evaluate(*expressions[i], batch, context_, columns[i]));
      return computed.append(columns, batch.rows());
    }));
    if (rows_.size() == 0) return {};
    LDB_TRY(memory_.set(rows_.size() * (kPlaceBytes + plan_.calls.size() * sizeof(Value))));
    const std::size_t partition_width = plan_.partition_by.size();
    std::vector<SortColumn> sort_columns;
    for (std::size_t i = 0; i < partition_width; ++i) sort_columns.push_back({&computed.column(i), false, false});
    for (std::size_t i = 0; i < plan_.order_by.size(); ++i) {
      sort_columns.push_back(
          {&computed.column(partition_width + i), plan_.order_by[i].descending, plan_.order_by[i].nulls_first});
    }
    order_ = sort_rows(sort_columns, rows_.size());
    WindowInput input;
    input.order = order_;
    for (std::size_t i = 0; i < plan_.order_by.size(); ++i) input.order_columns.push_back(sort_columns[partition_width + i]);
    results_.assign(plan_.calls.size(), std::vector<Value>(order_.size()));
    for (std::size_t start = 0; start < order_.size();) {
      std::size_t end = start + 1;
      while (end < order_.size() && same(sort_columns, partition_width, order_[start], order_[end])) ++end;
      std::size_t place = partition_width + plan_.order_by.size();
      for (std::size_t c = 0; c < plan_.calls.size(); ++c) {
        const WindowCall& call = plan_.calls[c];
        input.arguments.clear();
        for (std::size_t i = 0; i < call.arguments.size(); ++i) input.arguments.push_back(&computed.column(place++));
        input.filter = call.filter ? &computed.column(place++) : nullptr;
        LDB_TRY(evaluate_window(call, input, start, end, context_, {results_[c], memory_}));
      }
      start = end;
    }
    return {};
  }

  static bool same(const std::vector<SortColumn>& columns, std::size_t width, std::uint32_t a, std::uint32_t b) {
    for (std::size_t i = 0; i < width; ++i) {
      if (!equal_elements(*columns[i].column, a, *columns[i].column, b)) return false;
    }
    return true;
  }

  const WindowPlan& plan_;
  ExecContext& context_;
  RowBuffer rows_;
  std::vector<std::uint32_t> order_;
  /// Of a row in the order, and in what is known of its partition while that is evaluated.
  static constexpr std::size_t kPlaceBytes = sizeof(std::uint32_t) + 4 * sizeof(std::size_t);

  MemoryUse memory_;                         // of what is not in rows_
  std::vector<std::vector<Value>> results_;  // by call, in output order
  std::size_t at_ = 0;
  bool built_ = false;
};

}  // namespace

std::unique_ptr<Operator> WindowPlan::make_operator(ExecContext& c) const { return std::make_unique<WindowOperator>(*this, c); }

}  // namespace ldb::sql
