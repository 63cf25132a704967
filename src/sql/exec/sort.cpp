#include "sql/exec/sort.hpp"

#include <algorithm>
#include <numeric>

#include "sql/exec/exec_context.hpp"
#include "sql/exec/spill.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

/// Merges sorted runs whose first columns are the sort keys. Equal rows come in the order of their runs.
class RunMerger {
 public:
  RunMerger(const std::vector<SortKey>& keys, ExecContext& context) : keys_(keys), context_(context) {}

  Status start(std::vector<std::unique_ptr<SpillFile>> runs) {
    for (auto& run : runs) {
      Source source;
      source.file = std::move(run);
      LDB_ASSIGN_OR_RETURN(const bool more, source.file->next(source.batch));
      if (!more) continue;
      heap_.push_back(sources_.size());
      sources_.push_back(std::move(source));
    }
    std::make_heap(heap_.begin(), heap_.end(), [this](std::size_t a, std::size_t b) { return after(a, b); });
    return {};
  }

  /// Fills `out` with the next rows, at most kBatchRows, without their first `skip` columns; false at the end.
  Result<bool> next(std::size_t skip, const std::vector<DataType>& types, Batch& out) {
    LDB_TRY(context_.check_interrupt());
    out.columns.resize(types.size());
    out.clear_selection();
    for (std::size_t i = 0; i < types.size(); ++i) out.columns[i].reset(types[i]);
    const auto order = [this](std::size_t a, std::size_t b) { return after(a, b); };
    std::size_t rows = 0;
    for (std::size_t string_bytes = 0; rows < kBatchRows && string_bytes < kMaxStringBytes && !heap_.empty(); ++rows) {
      std::pop_heap(heap_.begin(), heap_.end(), order);
      Source& source = sources_[heap_.back()];
      for (std::size_t i = 0; i < types.size(); ++i) {
        const ColumnVector& from = source.batch.columns[skip + i];
        out.columns[i].copy_from(from, source.at, rows);
        if (from.physical() == PhysicalType::kString && !from.is_null(source.at)) {
          string_bytes += from.at<std::string_view>(source.at).size();
        }
      }
      bool more = ++source.at < source.batch.row_count;
      if (!more) {
        source.at = 0;
        LDB_ASSIGN_OR_RETURN(more, source.file->next(source.batch));
        if (!more) source.file = nullptr;
      }
      if (more) {
        std::push_heap(heap_.begin(), heap_.end(), order);
      } else {
        heap_.pop_back();
      }
    }
    out.row_count = rows;
    return rows > 0;
  }

 private:
  static constexpr std::size_t kMaxStringBytes = std::size_t{4} << 20;  // of a batch; at least one row
  struct Source {
    std::unique_ptr<SpillFile> file;
    Batch batch;
    std::size_t at = 0;
  };

  bool after(std::size_t a, std::size_t b) const {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const int c = compare_elements(sources_[a].batch.columns[i], sources_[a].at, sources_[b].batch.columns[i], sources_[b].at,
                                     keys_[i].descending, keys_[i].nulls_first);
      if (c != 0) return c > 0;
    }
    return a > b;
  }

  const std::vector<SortKey>& keys_;
  ExecContext& context_;
  std::vector<Source> sources_;
  std::vector<std::size_t> heap_;  // places in sources_, the first row on top
};

/// Sorts in memory up to work_mem, then in runs on disk that are merged. When only the first rows are wanted, the others are
/// dropped as they come.
class SortOperator final : public Operator {
 public:
  SortOperator(const SortPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), order_memory_(context.memory_use("a sort")) {
    for (const SortKey& key : plan.keys) key_types_.push_back(key.expression->type);
    run_types_ = key_types_;
    run_types_.insert(run_types_.end(), plan.types.begin(), plan.types.end());
    clear();
  }

  Result<bool> next(Batch& out) override {
    if (!sorted_) {
      LDB_TRY(sort());
      sorted_ = true;
    }
    if (merger_ != nullptr) return merger_->next(key_types_.size(), plan_.types, out);
    const std::size_t count = std::min(kBatchRows, order_.size() - at_);
    if (count == 0) return false;
    rows_.gather(std::span(order_).subspan(at_, count), out);
    at_ += count;
    return true;
  }

 private:
  static constexpr std::size_t kMaxRuns = 32;                 // merged at once
  static constexpr std::size_t kPruneSlack = 8 * kBatchRows;  // rows beyond twice the wanted ones, before they are dropped

  void clear() {
    rows_ = RowBuffer(plan_.types, context_.memory_use("a sort"));
    keys_ = RowBuffer(key_types_, context_.memory_use("a sort"));
  }

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
    LDB_ASSIGN_OR_RETURN(limit_, bound());
    // Half of what the statement may hold goes at most: the merge needs some too, and so do other operators.
    const std::size_t in_memory = std::min(context_.work_mem, context_.memory ? context_.memory->limit_bytes() / 2 : SIZE_MAX);
    std::vector<ColumnVector> columns(plan_.keys.size());
    LDB_TRY(run_to_end(*plan_.children[0], context_, [&](const Batch& batch) -> Status {
      LDB_TRY(rows_.append(batch));
      for (std::size_t i = 0; i < columns.size(); ++i) LDB_TRY(evaluate(*plan_.keys[i].expression, batch, context_, columns[i]));
      LDB_TRY(keys_.append(columns, batch.rows()));
      if (limit_ && rows_.size() / 2 > *limit_ + kPruneSlack) return prune();
      const bool full = rows_.memory_bytes() + keys_.memory_bytes() > in_memory / 2;  // growing doubles them
      return full && context_.spill != nullptr ? spill() : Status();
    }));
    if (runs_.empty()) return sort_in_memory();
    if (rows_.size() > 0) LDB_TRY(spill());
    order_ = {};
    order_memory_.clear();
    merger_ = std::make_unique<RunMerger>(plan_.keys, context_);
    return merger_->start(std::move(runs_));
  }

  Status sort_in_memory() {
    LDB_TRY(order_memory_.set(rows_.size() * sizeof(std::uint32_t)));
    std::vector<SortColumn> columns;
    for (std::size_t i = 0; i < plan_.keys.size(); ++i) {
      columns.push_back({&keys_.column(i), plan_.keys[i].descending, plan_.keys[i].nulls_first});
    }
    order_ = sort_rows(columns, rows_.size(), limit_);
    return {};
  }

  /// Hands the rows of order_, keys first, to `sink`.
  template <class F>
  Status for_each_sorted(F sink) {
    Batch keys;
    Batch batch;
    for (std::size_t at = 0; at < order_.size(); at += kBatchRows) {
      LDB_TRY(context_.check_interrupt());
      const auto some = std::span(order_).subspan(at, std::min(kBatchRows, order_.size() - at));
      keys_.gather(some, keys);
      rows_.gather(some, batch);
      LDB_TRY(sink(keys, batch));
    }
    return {};
  }

  /// Keeps the wanted rows only, in order: equal rows that come later stand behind them.
  Status prune() {
    LDB_TRY(sort_in_memory());
    RowBuffer rows(plan_.types, context_.memory_use("a sort"));
    RowBuffer keys(key_types_, context_.memory_use("a sort"));
    LDB_TRY(for_each_sorted([&](const Batch& key_batch, const Batch& batch) -> Status {
      LDB_TRY(keys.append(key_batch));
      return rows.append(batch);
    }));
    rows_ = std::move(rows);
    keys_ = std::move(keys);
    return {};
  }

  Status spill() {
    LDB_TRY(sort_in_memory());
    LDB_ASSIGN_OR_RETURN(auto run, SpillFile::create(*context_.spill, run_types_, context_.memory_use("a sort")));
    LDB_TRY(for_each_sorted([&](Batch& key_batch, const Batch& batch) {
      key_batch.columns.insert(key_batch.columns.end(), batch.columns.begin(), batch.columns.end());
      return run->append(key_batch);
    }));
    LDB_TRY(run->finish());
    runs_.push_back(std::move(run));
    clear();
    return runs_.size() < kMaxRuns ? Status() : merge_runs();
  }

  Status merge_runs() {
    RunMerger merger(plan_.keys, context_);
    LDB_TRY(merger.start(std::move(runs_)));
    LDB_ASSIGN_OR_RETURN(auto run, SpillFile::create(*context_.spill, run_types_, context_.memory_use("a sort")));
    for (Batch batch;;) {
      LDB_ASSIGN_OR_RETURN(const bool more, merger.next(0, run_types_, batch));
      if (!more) break;
      LDB_TRY(run->append(batch));
    }
    LDB_TRY(run->finish());
    runs_.clear();
    runs_.push_back(std::move(run));
    return {};
  }

  const SortPlan& plan_;
  ExecContext& context_;
  std::vector<DataType> key_types_;
  std::vector<DataType> run_types_;  // of the keys, then of the rows
  std::optional<std::size_t> limit_;
  RowBuffer rows_;
  RowBuffer keys_;  // of rows_
  std::vector<std::uint32_t> order_;
  MemoryUse order_memory_;
  std::vector<std::unique_ptr<SpillFile>> runs_;  // each sorted; earlier rows in earlier ones
  std::unique_ptr<RunMerger> merger_;
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
