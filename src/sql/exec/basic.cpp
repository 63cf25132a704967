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
    if (!started_) {
      started_ = true;
      std::vector<Value> arguments;
      for (const ExpressionPtr& e : plan_.arguments) {
        LDB_ASSIGN_OR_RETURN(Value value, evaluate_scalar(*e, context_));
        arguments.push_back(std::move(value));
      }
      LDB_ASSIGN_OR_RETURN(rows_, plan_.function->rows(arguments, context_));
    }
    const std::size_t rows = std::min(kBatchRows, rows_.size() - at_);
    if (rows == 0) return false;
    out.columns.resize(plan_.types.size());
    out.clear_selection();
    out.row_count = rows;
    const std::size_t width = plan_.types.size() - (plan_.with_ordinality ? 1 : 0);
    for (std::size_t i = 0; i < width; ++i) {
      fill_column(out.columns[i], plan_.types[i], rows, [&](std::size_t row) -> const Value& { return rows_[at_ + row][i]; });
    }
    if (plan_.with_ordinality) {
      out.columns[width].reset({TypeId::kBigInt, -1, 0}, rows);
      for (std::size_t row = 0; row < rows; ++row) {
        out.columns[width].data<std::int64_t>()[row] = static_cast<std::int64_t>(at_ + row + 1);
      }
    }
    at_ += rows;
    return true;
  }

 private:
  const TableFunctionPlan& plan_;
  ExecContext& context_;
  bool started_ = false;
  std::vector<std::vector<Value>> rows_;
  std::size_t at_ = 0;
};

class ProjectSetOperator final : public Operator {
 public:
  ProjectSetOperator(const ProjectSetPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), child_(open(*plan.children[0], context)) {}
  Result<bool> next(Batch& out) override {
    for (;;) {
      if (row_ < input_.row_count) {
        if (!sets_ready_) LDB_TRY(make_sets());
        const std::size_t rows = std::min(kBatchRows, height_ - at_);
        if (rows == 0) {
          ++row_;
          sets_ready_ = false;
          continue;
        }
        emit(out, rows);
        return true;
      }
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(input_));
      if (!more) return false;
      input_.compact();
      row_ = 0;
      sets_ready_ = false;
    }
  }

 private:
  Status make_sets() {
    sets_.clear();
    height_ = 0;
    at_ = 0;
    const auto index = static_cast<std::uint16_t>(row_);
    for (const ProjectSetPlan::Call& call : plan_.calls) {
      std::vector<Value> arguments;
      for (const ExpressionPtr& e : call.arguments) {
        ColumnVector v;
        LDB_TRY(evaluate(*e, input_, RowSet::of(std::span<const std::uint16_t>(&index, 1)), context_, v));
        arguments.push_back(v.value(row_));
      }
      LDB_ASSIGN_OR_RETURN(auto rows, call.function->rows(arguments, context_));
      height_ = std::max(height_, rows.size());
      sets_.push_back(std::move(rows));
    }
    sets_ready_ = true;
    return {};
  }

  void emit(Batch& out, std::size_t rows) {
    const std::size_t width = input_.columns.size();
    out.columns.resize(width + sets_.size());
    out.clear_selection();
    out.row_count = rows;
    const std::vector<std::uint16_t> same(rows, static_cast<std::uint16_t>(row_));
    for (std::size_t i = 0; i < width; ++i) out.columns[i].gather(input_.columns[i], same);
    static const Value null;
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      fill_column(out.columns[width + s], plan_.types[width + s], rows,
                  [&](std::size_t row) -> const Value& { return at_ + row < sets_[s].size() ? sets_[s][at_ + row][0] : null; });
    }
    at_ += rows;
  }

  const ProjectSetPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> child_;
  Batch input_;
  std::size_t row_ = 0;
  bool sets_ready_ = false;
  std::vector<std::vector<std::vector<Value>>> sets_;
  std::size_t height_ = 0;
  std::size_t at_ = 0;
};

class CteScanOperator final : public Operator {
 public:
  CteScanOperator(const CteScanPlan& plan, ExecContext& context) : plan_(plan), context_(context) {}
  Result<bool> next(Batch& out) override {
    if (rows_ == nullptr) {
      if (plan_.working_table) {
        rows_ = context_.working_tables[plan_.cte];
      } else {
        LDB_TRY(materialize(plan_.cte, context_));
        rows_ = context_.common_tables[plan_.cte].get();
      }
    }
    const std::size_t rows = std::min(kBatchRows, rows_->size() - at_);
    if (rows == 0) return false;
    std::vector<std::uint32_t> numbers(rows);
    std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(at_));
    rows_->gather(numbers, out);
    at_ += rows;
    return true;
  }

 private:
  const CteScanPlan& plan_;
  ExecContext& context_;
  const RowBuffer* rows_ = nullptr;
  std::size_t at_ = 0;
};

class RecursionOperator final : public Operator {
 public:
  RecursionOperator(const RecursionPlan& plan, ExecContext& context) : plan_(plan), context_(context), seen_(plan.types) {}
  Result<bool> next(Batch& out) override {
    if (child_ == nullptr && !finished_) {
      working_ = std::make_unique<RowBuffer>(plan_.types);
      child_ = open(*plan_.children[0], context_);
    }
    while (!finished_) {
      context_.working_tables[plan_.cte] = reading_.get();
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(out));
      if (more) {
        if (!plan_.all) {
          std::vector<std::uint32_t> numbers(kBatchRows);
          std::vector<std::uint16_t> fresh;
          seen_.add(out.columns, out.rows(), numbers, &fresh);
          if (fresh.empty()) continue;
          out.has_selection = true;
          out.selection = std::move(fresh);
        }
        working_->append(out);
        return true;
      }
      if (working_->size() == 0) {
        finished_ = true;
        child_ = nullptr;
        break;
      }
      reading_ = std::move(working_);
      working_ = std::make_unique<RowBuffer>(plan_.types);
      context_.working_tables[plan_.cte] = reading_.get();
      child_ = nullptr;
      forget_dependents(plan_.cte, context_);
      child_ = open(*plan_.children[1], context_);
    }
    return false;
  }

 private:
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
