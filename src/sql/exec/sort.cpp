#include "sql/exec/sort.hpp"

#include <algorithm>
#include <numeric>

#include "sql/exec/exec_context.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

class SortOperator final : public Operator {
 public:
  SortOperator(const SortPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), rows_(plan.types, context.memory_use("a sort")), memory_(context.memory_use("a sort")) {}

  Result<bool> next(Batch& out) override {
    if (!sorted_) {
      LDB_TRY(sort());
      sorted_ = true;
    }
    const std::size_t count = std::min(kBatchRows, order_.size() - at_);
    if (count == 0) return false;
    rows_.gather(std::span(order_).subspan(at_, count), out);
    at_ += count;
    return true;
  }

 private:
  Result<std::optional<std::size_t>> bound() {
    if (!plan_.limit) return std::optional<std::size_t>();
    std::size_t total = 0;
    for (const ExpressionPtr* e : {&plan_.limit, &plan_.offset}) {
      if (!*e) continue;
      LDB_ASSIGN_OR_RETURN(const Value value, evaluate_scalar(**e, context_));
      if (value.is_null()) {
        if (e == &plan_.limit) return std::optional<std::size_t>();
        continue;
      }
      LDB_ASSIGN_OR_RETURN(const std::int64_t count, value.as<std::int64_t>());
      if (count < 0 || count > (std::int64_t{1} << 40)) return std::optional<std::size_t>();  // the Limit reports it
      total += static_cast<std::size_t>(count);
    }
    return std::optional<std::size_t>(total);
  }

  Status sort() {
    std::vector<DataType> key_types;
    for (const SortKey& key : plan_.keys) key_types.push_back(key.expression->type);
    RowBuffer keys(key_types, context_.memory_use("a sort"));
    std::vector<ColumnVector> columns(plan_.keys.size());
    LDB_TRY(run_to_end(*plan_.children[0], context_, [&](const Batch& batch) -> Status {
      LDB_TRY(rows_.append(batch));
      for (std::size_t i = 0; i < columns.size(); ++i) LDB_TRY(evaluate(*plan_.keys[i].expression, batch, context_, columns[i]));
      return keys.append(columns, batch.rows());
    }));
    LDB_TRY(memory_.set(rows_.size() * sizeof(std::uint32_t)));
    LDB_ASSIGN_OR_RETURN(const auto limit, bound());
    std::vector<SortColumn> sort_columns;
    for (std::size_t i = 0; i < plan_.keys.size(); ++i) {
      sort_columns.push_back({&keys.column(i), plan_.keys[i].descending, plan_.keys[i].nulls_first});
    }
    order_ = sort_rows(sort_columns, rows_.size(), limit);
    return {};
  }

  const SortPlan& plan_;
  ExecContext& context_;
  RowBuffer rows_;
  std::vector<std::uint32_t> order_;
  MemoryUse memory_;  // of order_
  std::size_t at_ = 0;
  bool sorted_ = false;
};

}  // namespace

std::vector<std::uint32_t> sort_rows(std::span<const SortColumn> columns, std::size_t count, std::optional<std::size_t> limit) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  const auto less = [&](std::uint32_t a, std::uint32_t b) {
    for (const SortColumn& column : columns) {
      const int c = compare_elements(*column.column, a, *column.column, b, column.descending, column.nulls_first);
      if (c != 0) return c < 0;
    }
    return a < b;
  };
  if (limit && *limit < count) {
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(*limit), order.end(), less);
    order.resize(*limit);
  } else {
    std::sort(order.begin(), order.end(), less);
  }
  return order;
}

std::vector<std::string> SortPlan::details() const {
  std::string text;
  for (const SortKey& key : keys) {
    if (!text.empty()) text += ", ";
    text += to_string(*key.expression);
    if (key.descending) text += " DESC";
    if (key.nulls_first != key.descending) text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  }
  return {"Sort Key: " + text};
}

std::unique_ptr<Operator> SortPlan::make_operator(ExecContext& c) const { return std::make_unique<SortOperator>(*this, c); }

}  // namespace ldb::sql
