#include "sql/exec/basic.hpp"

#include <algorithm>
#include <numeric>

#include "sql/exec/exec_context.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

class ValuesOperator final : public Operator {
 public:
  ValuesOperator(const ValuesPlan& plan, ExecContext& context) : plan_(plan), context_(context) {}
  Result<bool> next(Batch& out) override {
    const std::size_t rows = std::min(kBatchRows, plan_.values.size() - at_);
    if (rows == 0) return false;
    out.columns.resize(plan_.types.size());
    out.clear_selection();
    out.row_count = rows;
    for (std::size_t i = 0; i < plan_.types.size(); ++i) {
      ColumnVector& column = out.columns[i];
      column.reset(plan_.types[i], rows);
      for (std::size_t row = 0; row < rows; ++row) {
        const Expression& e = *plan_.values[at_ + row][i];
        if (const auto* constant = e.as<Constant>()) {
          if (constant->value.is_null()) {
            column.set_null(row);
          } else {
            column.set_value(row, constant->value);
          }
          continue;
        }
        LDB_ASSIGN_OR_RETURN(const Value value, evaluate_scalar(e, context_));
        if (value.is_null()) {
          column.set_null(row);
        } else {
          column.set_value(row, value);
        }
      }
    }
    at_ += rows;
    return true;
  }

 private:
  const ValuesPlan& plan_;
  ExecContext& context_;
  std::size_t at_ = 0;
};

class FilterOperator final : public Operator {
 public:
  FilterOperator(const FilterPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), child_(open(*plan.children[0], context)) {}
  Result<bool> next(Batch& out) override {
    for (;;) {
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(out));
      if (!more) return false;
      LDB_TRY(filter(*plan_.predicate, context_, out));
      if (out.selected_count() > 0) return true;
    }
  }

 private:
  const FilterPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> child_;
};

class ProjectOperator final : public Operator {
 public:
  ProjectOperator(const ProjectPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), child_(open(*plan.children[0], context)) {}
  Result<bool> next(Batch& out) override {
    LDB_ASSIGN_OR_RETURN(const bool more, child_->next(input_));
    if (!more) return false;
    out.columns.resize(plan_.expressions.size());
    for (std::size_t i = 0; i < plan_.expressions.size(); ++i) {
      if (const auto* column = plan_.expressions[i]->as<ColumnReference>()) {
        out.columns[i] = input_.columns[column->column];
        continue;
      }
      LDB_TRY(evaluate(*plan_.expressions[i], input_, context_, out.columns[i]));
    }
    out.row_count = input_.row_count;
    out.has_selection = input_.has_selection;
    out.selection = input_.selection;
    return true;
  }

 private:
  const ProjectPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> child_;
  Batch input_;
};

Result<std::optional<std::uint64_t>> evaluate_count(const ExpressionPtr& e, const char* sqlstate, const char* message,
                                                    ExecContext& context) {
  if (e == nullptr) return std::optional<std::uint64_t>();
  LDB_ASSIGN_OR_RETURN(const Value value, evaluate_scalar(*e, context));
  if (value.is_null()) return std::optional<std::uint64_t>();
  LDB_ASSIGN_OR_RETURN(const std::int64_t count, value.as<std::int64_t>());
  if (count < 0) return Status::sql(StatusCode::kInvalidArgument, sqlstate, message);
  return std::optional<std::uint64_t>(static_cast<std::uint64_t>(count));
}

class LimitOperator final : public Operator {
 public:
  LimitOperator(const LimitPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), child_(open(*plan.children[0], context)) {}
  Result<bool> next(Batch& out) override {
    if (!started_) {
      LDB_ASSIGN_OR_RETURN(const auto limit, evaluate_count(plan_.limit, "2201W", "LIMIT must not be negative", context_));
      LDB_ASSIGN_OR_RETURN(const auto offset, evaluate_count(plan_.offset, "2201X", "OFFSET must not be negative", context_));
      left_ = limit.value_or(~std::uint64_t{0});
      skip_ = offset.value_or(0);
      started_ = true;
    }
    while (left_ > 0 || tying_) {
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(out));
      if (!more) break;
      std::vector<std::uint16_t> kept;
      Status status;
      out.rows().for_each([&](std::size_t row) {
        if (!status) return;
        if (skip_ > 0) {
          --skip_;
          return;
        }
        if (left_ > 0) {
          --left_;
          kept.push_back(static_cast<std::uint16_t>(row));
        } else if (tying_) {
          tying_ = ties(out, row, status);
          if (tying_) kept.push_back(static_cast<std::uint16_t>(row));
        }
        if (left_ == 0 && plan_.with_ties && !tie_known_) {
          tie_known_ = tying_ = true;
          last_.clear();
          for (const ExpressionPtr& e : plan_.ties) {
            ColumnVector v;
            if (const Status s = evaluate(*e, out, context_, v); !s) status = s;
            last_.push_back(v.value(row));
          }
        }
      });
      LDB_TRY(status);
      if (kept.empty()) continue;
      out.has_selection = true;
      out.selection = std::move(kept);
      return true;
    }
    left_ = 0;
    tying_ = false;
    return false;
  }

 private:
  bool ties(const Batch& batch, std::size_t row, Status& status) {
    for (std::size_t i = 0; i < plan_.ties.size(); ++i) {
      ColumnVector v;
      if (const Status s = evaluate(*plan_.ties[i], batch, context_, v); !s) {
        status = s;
        return false;
      }
      const Value value = v.value(row);
      if (value.is_null() != last_[i].is_null()) return false;
      if (!value.is_null() && compare_values(value, last_[i]) != 0) return false;
    }
    return true;
  }

  const LimitPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> child_;
  bool started_ = false;
  bool tying_ = false;
  bool tie_known_ = false;
  std::uint64_t left_ = 0;
  std::uint64_t skip_ = 0;
  std::vector<Value> last_;
};

class AppendOperator final : public Operator {
 public:
  AppendOperator(const AppendPlan& plan, ExecContext& context) : plan_(plan), context_(context) {}
  Result<bool> next(Batch& out) override {
    while (at_ < plan_.children.size()) {
      if (child_ == nullptr) child_ = open(*plan_.children[at_], context_);
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(out));
      if (more) return true;
      child_ = nullptr;
      ++at_;
    }
    return false;
  }

 private:
  const AppendPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> child_;
  std::size_t at_ = 0;
};

class TableFunctionOperator final : public Operator {
 public:
  TableFunctionOperator(const TableFunctionPlan& plan, ExecContext& context) : plan_(plan), context_(context) {}
  Result<bool> next(Batch& out) override {
    if (!generate_) LDB_TRY(start());
    LDB_TRY(context_.check_interrupt());
    out.columns.resize(plan_.types.size());
    out.clear_selection();
    for (std::size_t i = 0; i < plan_.types.size(); ++i) out.columns[i].reset(plan_.types[i]);
    const std::size_t width = plan_.types.size() - (plan_.with_ordinality ? 1 : 0);
    std::size_t rows = 0;
    const std::size_t room = context_.string_room();
    for (std::size_t bytes = 0; rows < kBatchRows && bytes <= room / 4; ++rows) {
      LDB_ASSIGN_OR_RETURN(const bool more, generate_(row_));
      if (!more) break;
      for (std::size_t i = 0; i < width; ++i) {
        out.columns[i].set_value(rows, row_[i]);
        bytes += memory_bytes(row_[i]);
      }
      if (plan_.with_ordinality) out.columns[width].data<std::int64_t>()[rows] = ++ordinal_;
    }
    out.row_count = rows;
    return rows > 0;
  }

 private:
  Status start() {
    std::vector<Value> arguments;
    for (const ExpressionPtr& e : plan_.arguments) {
      LDB_ASSIGN_OR_RETURN(Value value, evaluate_scalar(*e, context_));
      arguments.push_back(std::move(value));
    }
    LDB_ASSIGN_OR_RETURN(generate_, plan_.function->open(arguments, context_));
    return {};
  }

  const TableFunctionPlan& plan_;
  ExecContext& context_;
  RowGenerator generate_;
  std::vector<Value> row_;
  std::int64_t ordinal_ = 0;
};

class ProjectSetOperator final : public Operator {
 public:
  ProjectSetOperator(const ProjectSetPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), child_(open(*plan.children[0], context)) {}
  Result<bool> next(Batch& out) override {
    for (;;) {
      LDB_TRY(context_.check_interrupt());
      if (row_ < input_.row_count) {
        if (sets_.empty()) LDB_TRY(open_sets());
        LDB_TRY(emit(out));
        if (out.row_count > 0) return true;
        sets_.clear();
        ++row_;
        continue;
      }
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(input_));
      if (!more) return false;
      input_.compact();
      row_ = 0;
    }
  }

 private:
  struct Set {
    RowGenerator generate;
    bool ended = false;
  };

  Status open_sets() {
    const auto index = static_cast<std::uint16_t>(row_);
    for (const ProjectSetPlan::Call& call : plan_.calls) {
      std::vector<Value> arguments;
      for (const ExpressionPtr& e : call.arguments) {
        ColumnVector v;
        LDB_TRY(evaluate(*e, input_, RowSet::of(std::span<const std::uint16_t>(&index, 1)), context_, v));
        arguments.push_back(v.value(row_));
      }
      Set set;
      LDB_ASSIGN_OR_RETURN(set.generate, call.function->open(arguments, context_));
      sets_.push_back(std::move(set));
    }
    return {};
  }

  /// The next rows of the sets side by side, the input row repeated; none when the longest set is at its end.
  Status emit(Batch& out) {
    const std::size_t width = input_.columns.size();
    out.columns.resize(width + sets_.size());
    out.clear_selection();
    for (std::size_t s = 0; s < sets_.size(); ++s) out.columns[width + s].reset(plan_.types[width + s]);
    std::size_t rows = 0;
    const std::size_t room = context_.string_room();
    for (std::size_t bytes = 0; rows < kBatchRows && bytes <= room / 4; ++rows) {
      bool any = false;
      for (std::size_t s = 0; s < sets_.size(); ++s) {
        if (!sets_[s].ended) {
          LDB_ASSIGN_OR_RETURN(const bool more, sets_[s].generate(values_));
          sets_[s].ended = !more;
        }
        if (sets_[s].ended) {
          out.columns[width + s].set_null(rows);
          continue;
        }
        out.columns[width + s].set_value(rows, values_[0]);
        bytes += memory_bytes(values_[0]);
        any = true;
      }
      if (!any) break;
    }
    out.row_count = rows;
    const std::vector<std::uint16_t> same(rows, static_cast<std::uint16_t>(row_));
    for (std::size_t i = 0; i < width; ++i) out.columns[i].gather(input_.columns[i], same);
    return {};
  }

  const ProjectSetPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> child_;
  Batch input_;
  std::size_t row_ = 0;
  std::vector<Set> sets_;  // of the input row; empty: not opened yet
  std::vector<Value> values_;
};

class CteScanOperator final : public Operator {
 public:
  CteScanOperator(const CteScanPlan& plan, ExecContext& context) : plan_(plan), context_(context) {}
  Result<bool> next(Batch& out) override {
    LDB_TRY(context_.check_interrupt());
    const RowBuffer* all = nullptr;
    if (plan_.working_table) {
      all = context_.working_tables[plan_.cte];
    } else {
      CommonTable& table = common_table(plan_.cte, context_);
      if (at_ == table.rows.size()) LDB_TRY(fetch_more(table, context_).status());
      all = &table.rows;
    }
    const std::size_t rows = std::min(kBatchRows, all->size() - at_);
    if (rows == 0) return false;
    std::vector<std::uint32_t> numbers(rows);
    std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(at_));
    all->gather(numbers, out);
    at_ += rows;
    return true;
  }

 private:
  const CteScanPlan& plan_;
  ExecContext& context_;
  std::size_t at_ = 0;
};

class RecursionOperator final : public Operator {
 public:
  RecursionOperator(const RecursionPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), seen_(plan.types, context.memory_use("a recursive query")) {}
  Result<bool> next(Batch& out) override {
    if (child_ == nullptr && !finished_) {
      working_ = new_step();
      child_ = open(*plan_.children[0], context_);
    }
    while (!finished_) {
      LDB_TRY(context_.check_interrupt());
      context_.working_tables[plan_.cte] = reading_.get();
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(out));
      if (more) {
        if (!plan_.all) {
          std::vector<std::uint32_t> numbers(kBatchRows);
          std::vector<std::uint16_t> fresh;
          LDB_TRY(seen_.add(out.columns, out.rows(), numbers, &fresh));
          if (fresh.empty()) continue;
          out.has_selection = true;
          out.selection = std::move(fresh);
        }
        LDB_TRY(working_->append(out));
        return true;
      }
      if (working_->size() == 0) {
        finished_ = true;
        child_ = nullptr;
        break;
      }
      reading_ = std::move(working_);
      working_ = new_step();
      context_.working_tables[plan_.cte] = reading_.get();
      child_ = nullptr;
      forget_dependents(plan_.cte, context_);
      child_ = open(*plan_.children[1], context_);
    }
    return false;
  }

 private:
  std::unique_ptr<RowBuffer> new_step() const {
    return std::make_unique<RowBuffer>(plan_.types, context_.memory_use("a recursive query"));
  }

  const RecursionPlan& plan_;
  ExecContext& context_;
  RowNumbering seen_;
  std::unique_ptr<RowBuffer> working_;  // rows of the step under way
  std::unique_ptr<RowBuffer> reading_;  // rows of the step before
  std::unique_ptr<Operator> child_;
  bool finished_ = false;
};

}  // namespace

void fill_column(ColumnVector& out, DataType type, std::size_t rows, const std::function<const Value&(std::size_t)>& value) {
  out.reset(type, std::max<std::size_t>(1, rows));
  for (std::size_t row = 0; row < rows; ++row) {
    const Value& v = value(row);
    if (v.is_null()) {
      out.set_null(row);
    } else {
      out.set_value(row, v);
    }
  }
}

std::vector<std::string> ProjectPlan::details() const {
  std::string text;
  for (const ExpressionPtr& e : expressions) {
    if (!text.empty()) text += ", ";
    text += to_string(*e);
  }
  return {"Output: " + text};
}

std::unique_ptr<Operator> ValuesPlan::make_operator(ExecContext& c) const { return std::make_unique<ValuesOperator>(*this, c); }
std::unique_ptr<Operator> FilterPlan::make_operator(ExecContext& c) const { return std::make_unique<FilterOperator>(*this, c); }
std::unique_ptr<Operator> ProjectPlan::make_operator(ExecContext& c) const { return std::make_unique<ProjectOperator>(*this, c); }
std::unique_ptr<Operator> LimitPlan::make_operator(ExecContext& c) const { return std::make_unique<LimitOperator>(*this, c); }
std::unique_ptr<Operator> AppendPlan::make_operator(ExecContext& c) const { return std::make_unique<AppendOperator>(*this, c); }
std::unique_ptr<Operator> TableFunctionPlan::make_operator(ExecContext& c) const {
  return std::make_unique<TableFunctionOperator>(*this, c);
}
std::unique_ptr<Operator> ProjectSetPlan::make_operator(ExecContext& c) const {
  return std::make_unique<ProjectSetOperator>(*this, c);
}
std::unique_ptr<Operator> CteScanPlan::make_operator(ExecContext& c) const { return std::make_unique<CteScanOperator>(*this, c); }
std::unique_ptr<Operator> RecursionPlan::make_operator(ExecContext& c) const {
  return std::make_unique<RecursionOperator>(*this, c);
}

}  // namespace ldb::sql
