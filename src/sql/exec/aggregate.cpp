#include "sql/exec/aggregate.hpp"

#include <algorithm>
#include <numeric>

#include "sql/exec/exec_context.hpp"
#include "sql/exec/sort.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

std::vector<DataType> types_of(const std::vector<ExpressionPtr>& expressions) {
  std::vector<DataType> types;
  for (const ExpressionPtr& e : expressions) types.push_back(e->type);
  return types;
}

TypeId first_argument(const AggregateCall& call) { return call.arguments.empty() ? TypeId::kNull : call.arguments[0]->type.id; }

/// The states of one call within one grouping set.
class CallState {
 public:
  CallState(const AggregateCall& call, ExecContext& context)
      : call_(call), states_(call.function.function->make_states(first_argument(call))) {
    if (call.distinct && !call.function.function->ignores_duplicates) {
      std::vector<DataType> types{{TypeId::kInteger, -1, 0}};
      for (const ExpressionPtr& e : call.arguments) types.push_back(e->type);
      seen_ = std::make_unique<RowNumbering>(std::move(types), context.memory_use("an aggregate with DISTINCT"));
    }
    if (!call.order_by.empty() && call.function.function->order_sensitive) {
      std::vector<DataType> types{{TypeId::kInteger, -1, 0}};
      for (const ExpressionPtr& e : call.arguments) types.push_back(e->type);
      for (const SortKey& key : call.order_by) types.push_back(key.expression->type);
      ordered_ = std::make_unique<RowBuffer>(std::move(types), context.memory_use("an aggregate with ORDER BY"));
    }
  }

  Status update(const Batch& batch, std::span<const std::uint32_t> groups, std::size_t group_count, ExecContext& context) {
    states_->resize(group_count);
    RowSet rows = batch.rows();
    std::vector<std::uint16_t> passed;
    if (call_.filter) {
      ColumnVector keep;
      LDB_TRY(evaluate(*call_.filter, batch, context, keep));
      rows.for_each([&](std::size_t row) {
        if (!keep.is_null(row) && keep.at<bool>(row)) passed.push_back(static_cast<std::uint16_t>(row));
      });
      rows = RowSet::of(passed);
    }
    if (rows.count == 0) return {};
    std::vector<ColumnVector> arguments(call_.arguments.size());
    for (std::size_t i = 0; i < arguments.size(); ++i) LDB_TRY(evaluate(*call_.arguments[i], batch, rows, context, arguments[i]));
    std::vector<std::uint16_t> fresh;
    if (seen_ != nullptr) {
      std::vector<ColumnVector> keyed{group_column(rows, groups)};
      keyed.insert(keyed.end(), arguments.begin(), arguments.end());
      std::vector<std::uint32_t> numbers(kBatchRows);
      LDB_TRY(seen_->add(keyed, rows, numbers, &fresh));
      rows = RowSet::of(fresh);
      if (rows.count == 0) return {};
    }
    if (ordered_ != nullptr) {
      std::vector<ColumnVector> kept{group_column(rows, groups)};
      kept.insert(kept.end(), arguments.begin(), arguments.end());
      for (const SortKey& key : call_.order_by) {
        ColumnVector v;
        LDB_TRY(evaluate(*key.expression, batch, rows, context, v));
        kept.push_back(std::move(v));
      }
      return ordered_->append(kept, rows);
    }
    return feed(arguments, rows, groups.data());
  }

  void resize(std::size_t groups) { states_->resize(groups); }
  std::size_t memory_bytes() const { return states_->memory_bytes(); }

  /// Feeds what had to be sorted first.
  Status finish() {
    if (ordered_ == nullptr) return {};
    const std::size_t width = call_.arguments.size();
    std::vector<SortColumn> columns;
    for (std::size_t i = 0; i < call_.order_by.size(); ++i) {
      columns.push_back({&ordered_->column(1 + width + i), call_.order_by[i].descending, call_.order_by[i].nulls_first});
    }
    const std::vector<std::uint32_t> order = sort_rows(columns, ordered_->size());
    for (std::size_t at = 0; at < order.size(); at += kBatchRows) {
      const std::size_t count = std::min(kBatchRows, order.size() - at);
      Batch batch;
      ordered_->gather(std::span(order).subspan(at, count), batch);
      std::vector<std::uint32_t> groups(count);
      for (std::size_t i = 0; i < count; ++i) groups[i] = static_cast<std::uint32_t>(batch.columns[0].at<std::int32_t>(i));
      const std::vector<ColumnVector> arguments(batch.columns.begin() + 1,
                                                batch.columns.begin() + 1 + static_cast<std::ptrdiff_t>(width));
      LDB_TRY(feed(arguments, RowSet::first(count), groups.data()));
    }
    return {};
  }

  Status result(std::size_t first, std::size_t count, ColumnVector& out) const { return states_->finalize(first, count, out); }

 private:
  Status feed(const std::vector<ColumnVector>& arguments, RowSet rows, const std::uint32_t* groups) {
    std::vector<const ColumnVector*> pointers;
    for (const ColumnVector& argument : arguments) pointers.push_back(&argument);
    return states_->update(pointers, rows, groups);
  }
  static ColumnVector group_column(RowSet rows, std::span<const std::uint32_t> groups) {
    ColumnVector column;
    column.reset({TypeId::kInteger, -1, 0});
    rows.for_each([&](std::size_t row) { column.data<std::int32_t>()[row] = static_cast<std::int32_t>(groups[row]); });
    return column;
  }

  const AggregateCall& call_;
  std::unique_ptr<AggregateStates> states_;
  std::unique_ptr<RowNumbering> seen_;
  std::unique_ptr<RowBuffer> ordered_;
};

/// One grouping set: its groups and their states.
struct GroupSet {
  GroupSet(const AggregatePlan& plan, const std::vector<std::size_t>& set, ExecContext& context)
      : members(set),
        numbering(member_types(plan, set), context.memory_use("an aggregate")),
        memory(context.memory_use("an aggregate")) {
    for (const AggregateCall& call : plan.calls) calls.emplace_back(call, context);
  }
  static std::vector<DataType> member_types(const AggregatePlan& plan, const std::vector<std::size_t>& set) {
    std::vector<DataType> types;
    for (const std::size_t member : set) types.push_back(plan.groups[member]->type);
    return types;
  }
  std::size_t size() const { return members.empty() ? 1 : numbering.rows().size(); }
  Status count_memory() {
    std::size_t bytes = 0;
    for (const CallState& call : calls) bytes += call.memory_bytes();
    return memory.set(bytes);
  }

  const std::vector<std::size_t>& members;
  RowNumbering numbering;
  std::vector<CallState> calls;
  MemoryUse memory;  // of the calls' states
};

class AggregateOperator final : public Operator {
 public:
  AggregateOperator(const AggregatePlan& plan, ExecContext& context) : plan_(plan), context_(context) {
    sets_.reserve(plan.sets.size());
    for (const auto& set : plan.sets) sets_.emplace_back(plan, set, context);
  }

  Result<bool> next(Batch& out) override {
    if (!built_) {
      LDB_TRY(run_to_end(*plan_.children[0], context_, [&](const Batch& batch) { return add(batch); }));
      for (GroupSet& set : sets_) {
        for (CallState& call : set.calls) {
          call.resize(set.size());
          LDB_TRY(call.finish());
        }
        LDB_TRY(set.count_memory());
      }
      built_ = true;
    }
    while (set_ < sets_.size()) {
      GroupSet& set = sets_[set_];
      const std::size_t count = std::min(kBatchRows, set.size() - at_);
      if (count == 0) {
        ++set_;
        at_ = 0;
        continue;
      }
      LDB_TRY(emit(set, count, out));
      at_ += count;
      return true;
    }
    return false;
  }

 private:
  Status add(const Batch& batch) {
    std::vector<ColumnVector> keys(plan_.groups.size());
    for (std::size_t i = 0; i < keys.size(); ++i) LDB_TRY(evaluate(*plan_.groups[i], batch, context_, keys[i]));
    for (GroupSet& set : sets_) {
      groups_.assign(kBatchRows, 0);
      if (!set.members.empty()) {
        std::vector<ColumnVector> own;
        for (const std::size_t member : set.members) own.push_back(keys[member]);
        LDB_TRY(set.numbering.add(own, batch.rows(), groups_, nullptr));
      }
      for (CallState& call : set.calls) LDB_TRY(call.update(batch, groups_, set.size(), context_));
      LDB_TRY(set.count_memory());
    }
    return {};
  }

  Status emit(GroupSet& set, std::size_t count, Batch& out) {
    out.columns.resize(plan_.types.size());
    out.clear_selection();
    out.row_count = count;
    std::vector<std::uint32_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(at_));
    for (std::size_t i = 0; i < plan_.groups.size(); ++i) {
      const auto member = std::find(set.members.begin(), set.members.end(), i);
      ColumnVector& column = out.columns[i];
      if (member == set.members.end()) {
        column.reset(plan_.groups[i]->type, count);
        for (std::size_t row = 0; row < count; ++row) column.set_null(row);
      } else {
        gather_wide(set.numbering.rows().column(static_cast<std::size_t>(member - set.members.begin())), numbers, column);
      }
    }
    for (std::size_t i = 0; i < set.calls.size(); ++i) {
      ColumnVector& column = out.columns[plan_.groups.size() + i];
      LDB_TRY(set.calls[i].result(at_, count, column));
      if (column.physical() == PhysicalType::kString) LDB_TRY(column.charge_strings(context_.memory, "an aggregate"));
    }
    for (std::size_t i = 0; i < plan_.grouping_calls.size(); ++i) {
      std::int32_t bits = 0;
      for (const std::size_t place : plan_.grouping_calls[i]) {
        const bool absent = std::find(set.members.begin(), set.members.end(), place) == set.members.end();
        bits = bits * 2 + (absent ? 1 : 0);
      }
      out.columns[plan_.groups.size() + set.calls.size() + i] = ColumnVector::constant({TypeId::kInteger, -1, 0}, Value(bits));
    }
    return {};
  }

  const AggregatePlan& plan_;
  ExecContext& context_;
  std::vector<GroupSet> sets_;
  std::vector<std::uint32_t> groups_;
  bool built_ = false;
  std::size_t set_ = 0;
  std::size_t at_ = 0;
};

class DistinctOperator final : public Operator {
 public:
  DistinctOperator(const DistinctPlan& plan, ExecContext& context)
      : plan_(plan),
        context_(context),
        child_(open(*plan.children[0], context)),
        seen_(plan.on.empty() ? plan.types : types_of(plan.on), context.memory_use("DISTINCT")) {}
  Result<bool> next(Batch& out) override {
    for (;;) {
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(out));
      if (!more) return false;
      std::vector<std::uint16_t> fresh;
      std::vector<std::uint32_t> numbers(kBatchRows);
      if (plan_.on.empty()) {
        LDB_TRY(seen_.add(out.columns, out.rows(), numbers, &fresh));
      } else {
        std::vector<ColumnVector> keys(plan_.on.size());
        for (std::size_t i = 0; i < keys.size(); ++i) LDB_TRY(evaluate(*plan_.on[i], out, context_, keys[i]));
        LDB_TRY(seen_.add(keys, out.rows(), numbers, &fresh));
      }
      if (fresh.empty()) continue;
      out.has_selection = true;
      out.selection = std::move(fresh);
      return true;
    }
  }

 private:
  const DistinctPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> child_;
  RowNumbering seen_;
};

class SetOperationOperator final : public Operator {
 public:
  SetOperationOperator(const SetOperationPlan& plan, ExecContext& context)
      : plan_(plan),
        context_(context),
        right_(plan.types, context.memory_use("INTERSECT or EXCEPT")),
        memory_(context.memory_use("INTERSECT or EXCEPT")) {}
  Result<bool> next(Batch& out) override {
    if (child_ == nullptr) {
      LDB_TRY(run_to_end(*plan_.children[1], context_, [&](const Batch& batch) -> Status {
        LDB_TRY(right_.add(batch.columns, batch.rows(), numbers_, nullptr));
        counts_.resize(right_.rows().size(), 0);
        batch.rows().for_each([&](std::size_t row) { ++counts_[numbers_[row]]; });
        return memory_.set(counts_.capacity() * sizeof(std::uint64_t));
      }));
      child_ = open(*plan_.children[0], context_);
    }
    const bool intersect = plan_.operation == SetOperationKind::kIntersect;
    for (;;) {
      LDB_ASSIGN_OR_RETURN(const bool more, child_->next(out));
      if (!more) return false;
      std::vector<std::uint16_t> kept;
      if (plan_.all) {
        right_.find(out.columns, out.rows(), numbers_);
        out.rows().for_each([&](std::size_t row) {
          const bool there = numbers_[row] != RowBuffer::kNoRow && counts_[numbers_[row]] > 0;
          if (there) --counts_[numbers_[row]];
          if (there == intersect) kept.push_back(static_cast<std::uint16_t>(row));
        });
      } else {
        // What comes out once must not come out again: for INTERSECT the count is spent, for EXCEPT the row joins the right side.
        std::vector<std::uint16_t> fresh;
        if (intersect) {
          right_.find(out.columns, out.rows(), numbers_);
          out.rows().for_each([&](std::size_t row) {
            if (numbers_[row] == RowBuffer::kNoRow || counts_[numbers_[row]] == 0) return;
            counts_[numbers_[row]] = 0;
            kept.push_back(static_cast<std::uint16_t>(row));
          });
        } else {
          LDB_TRY(right_.add(out.columns, out.rows(), numbers_, &kept));
        }
      }
      if (kept.empty()) continue;
      out.has_selection = true;
      out.selection = std::move(kept);
      return true;
    }
  }

 private:
  const SetOperationPlan& plan_;
  ExecContext& context_;
  RowNumbering right_;
  std::vector<std::uint64_t> counts_;
  MemoryUse memory_;  // of counts_
  std::vector<std::uint32_t> numbers_ = std::vector<std::uint32_t>(kBatchRows);
  std::unique_ptr<Operator> child_;
};

}  // namespace

std::vector<std::string> AggregatePlan::details() const {
  std::vector<std::string> lines;
  const auto list = [&](const std::vector<std::size_t>& set) {
    std::string text;
    for (const std::size_t member : set) text += (text.empty() ? "" : ", ") + to_string(*groups[member]);
    return text;
  };
  if (sets.size() == 1 && !groups.empty()) lines.push_back("Group Key: " + list(sets[0]));
  for (std::size_t i = 0; sets.size() > 1 && i < sets.size(); ++i) lines.push_back("Group Key: (" + list(sets[i]) + ")");
  return lines;
}

std::string SetOperationPlan::name() const {
  return std::string(operation == SetOperationKind::kIntersect ? "Intersect" : "Except") + (all ? " All" : "");
}

std::unique_ptr<Operator> AggregatePlan::make_operator(ExecContext& c) const {
  return std::make_unique<AggregateOperator>(*this, c);
}
std::unique_ptr<Operator> DistinctPlan::make_operator(ExecContext& c) const {
  return std::make_unique<DistinctOperator>(*this, c);
}
std::unique_ptr<Operator> SetOperationPlan::make_operator(ExecContext& c) const {
  return std::make_unique<SetOperationOperator>(*this, c);
}

}  // namespace ldb::sql
