#include "sql/exec/window_frame.hpp"

#include <algorithm>

#include "sql/expr/build.hpp"
#include "sql/expr/vector_ops.hpp"
#include "sql/types/cast.hpp"

namespace ldb::sql {
namespace {

/// One partition and what its rows' frames are.
class Partition {
 public:
  Partition(const WindowCall& call, const WindowInput& input, std::size_t start, std::size_t end, ExecContext& context)
      : call_(call), input_(input), start_(start), end_(end), context_(context) {
    peer_start_.resize(end - start);
    peer_end_.resize(end - start);
    group_.resize(end - start);
    std::size_t group = 0;
    for (std::size_t at = start; at < end; ++group) {
      std::size_t stop = at + 1;
      while (stop < end && peers(at, stop)) ++stop;
      for (std::size_t i = at; i < stop; ++i) {
        peer_start_[i - start] = at;
        peer_end_[i - start] = stop;
        group_[i - start] = group;
      }
      group_starts_.push_back(at);
      at = stop;
    }
    group_starts_.push_back(end);
  }

  std::size_t peer_start(std::size_t at) const { return peer_start_[at - start_]; }
  std::size_t peer_end(std::size_t at) const { return peer_end_[at - start_]; }
  std::size_t group(std::size_t at) const { return group_[at - start_]; }
  std::size_t size() const { return end_ - start_; }

  Status prepare_offsets() {
    LDB_TRY(evaluate_offset(call_.frame.start_offset, start_offset_));
    return evaluate_offset(call_.frame.end_offset, end_offset_);
  }

  /// The frame of the row at `at`, before exclusion: [first, last).
  Status frame(std::size_t at, std::size_t& first, std::size_t& last) {
    LDB_TRY(edge(at, call_.frame.start, start_offset_, true, first));
    LDB_TRY(edge(at, call_.frame.end, end_offset_, false, last));
    first = std::clamp(first, start_, end_);
    last = std::clamp(last, start_, end_);
    if (first > last) first = last;
    return {};
  }

  bool excluded(std::size_t at, std::size_t row) const {
    switch (call_.frame.exclusion) {
      case FrameExclusion::kNoOthers:
        return false;
      case FrameExclusion::kCurrentRow:
        return row == at;
      case FrameExclusion::kGroup:
        return group(row) == group(at);
      case FrameExclusion::kTies:
        return row != at && group(row) == group(at);
    }
    return false;
  }

 private:
  bool peers(std::size_t a, std::size_t b) const {
    return std::all_of(input_.order_columns.begin(), input_.order_columns.end(), [&](const SortColumn& column) {
      return equal_elements(*column.column, input_.order[a], *column.column, input_.order[b]);
    });
  }

  Status evaluate_offset(const ExpressionPtr& e, Value& out) {
    if (e == nullptr) return {};
    if (e->kind == ExpressionKind::kColumn)
      return Status::sql(StatusCode::kInvalidArgument, "42P10", "frame offsets must not contain variables");
    LDB_ASSIGN_OR_RETURN(out, evaluate_scalar(*e, context_));
    if (out.is_null()) return Status::sql(StatusCode::kInvalidArgument, "22004", "frame offset must not be null");
    const bool negative = type_category(out.type()) == TypeCategory::kNumeric && compare_values(out, zero_like(out)) < 0;
    if (negative) return Status::sql(StatusCode::kInvalidArgument, "22013", "frame offset must not be negative");
    return {};
  }
  static Value zero_like(const Value& v) {
    return cast_value(Value(std::int32_t{0}), {v.type(), -1, 0}, CastContext::kExplicit).value();
  }

  Status edge(std::size_t at, FrameEdge edge, const Value& offset, bool is_start, std::size_t& out) {
    switch (edge) {
      case FrameEdge::kUnboundedPreceding:
        out = start_;
        return {};
      case FrameEdge::kUnboundedFollowing:
        out = end_;
        return {};
      case FrameEdge::kCurrentRow:
        if (call_.frame.unit == FrameUnit::kRows) {
          out = is_start ? at : at + 1;
        } else {
          out = is_start ? peer_start(at) : peer_end(at);
        }
        return {};
      case FrameEdge::kPreceding:
      case FrameEdge::kFollowing:
        break;
    }
    const bool preceding = edge == FrameEdge::kPreceding;
    if (call_.frame.unit == FrameUnit::kRange) return range_edge(at, preceding, offset, is_start, out);
    const auto count =
        static_cast<std::int64_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(*offset.as<std::int64_t>()), 1ULL << 40));
    const std::int64_t delta = preceding ? -count : count;
    if (call_.frame.unit == FrameUnit::kRows) {
      const std::int64_t row = static_cast<std::int64_t>(at) + delta + (is_start ? 0 : 1);
      out = static_cast<std::size_t>(
          std::clamp<std::int64_t>(row, static_cast<std::int64_t>(start_), static_cast<std::int64_t>(end_)));
      return {};
    }
    const std::int64_t group = static_cast<std::int64_t>(this->group(at)) + delta + (is_start ? 0 : 1);
    const auto groups = static_cast<std::int64_t>(group_starts_.size()) - 1;
    out = group_starts_[static_cast<std::size_t>(std::clamp<std::int64_t>(group, 0, groups))];
    return {};
  }

  /// RANGE with an offset: rows whose order value lies within value -/+ offset.
  Status range_edge(std::size_t at, bool preceding, const Value& offset, bool is_start, std::size_t& out) {
    const SortColumn& column = input_.order_columns[0];
    const Value value = column.column->value(input_.order[at]);
    if (value.is_null()) {
      out = is_start ? peer_start(at) : peer_end(at);
      return {};
    }
    // With DESC, preceding rows have larger values.
    const bool subtract = preceding != column.descending;
    BuildContext build;
    build.functions = context_.functions;
    LDB_ASSIGN_OR_RETURN(auto sum, make_operator(build, subtract ? "-" : "+", make_typed_constant({value.type(), -1, 0}, value),
                                                 make_typed_constant({offset.type(), -1, 0}, offset)));
    LDB_ASSIGN_OR_RETURN(const Value bound, evaluate_scalar(*sum, context_));
    std::size_t i = start_;
    if (is_start) {
      while (i < end_ && before(column, i, bound)) ++i;
    } else {
      i = end_;
      while (i > start_ && after(column, i - 1, bound)) --i;
    }
    out = i;
    return {};
  }

  Value at_place(const SortColumn& column, std::size_t place, const Value& bound) const {
    Value v = column.column->value(input_.order[place]);
    if (!v.is_null() && v.type() != bound.type()) {
      if (auto cast = cast_value(v, {bound.type(), -1, 0}, CastContext::kExplicit)) return *cast;
    }
    return v;
  }
  /// Does the row stand before `bound` in the sort order?
  bool before(const SortColumn& column, std::size_t place, const Value& bound) const {
    const Value v = at_place(column, place, bound);
    if (v.is_null()) return column.nulls_first;
    const int c = compare_values(v, bound);
    return column.descending ? c > 0 : c < 0;
  }
  bool after(const SortColumn& column, std::size_t place, const Value& bound) const {
    const Value v = at_place(column, place, bound);
    if (v.is_null()) return !column.nulls_first;
    const int c = compare_values(v, bound);
    return column.descending ? c < 0 : c > 0;
  }

  const WindowCall& call_;
  const WindowInput& input_;
  std::size_t start_;
  std::size_t end_;
  ExecContext& context_;
  std::vector<std::size_t> peer_start_, peer_end_, group_;
  std::vector<std::size_t> group_starts_;
  Value start_offset_, end_offset_;
};

/// row_number, rank, ... that look at places only.
bool ranking(const WindowCall& call, const Partition& partition, std::size_t start, std::size_t end,
             std::vector<Value>& results) {
  const auto set = [&](const std::function<Value(std::size_t)>& f) {
    for (std::size_t at = start; at < end; ++at) results[at] = f(at);
    return true;
  };
  const auto big = [](std::size_t n) { return Value(static_cast<std::int64_t>(n)); };
  const auto size = static_cast<double>(end - start);
  if (call.name == "row_number") return set([&](std::size_t at) { return big(at - start + 1); });
  if (call.name == "rank") return set([&](std::size_t at) { return big(partition.peer_start(at) - start + 1); });
  if (call.name == "dense_rank") return set([&](std::size_t at) { return big(partition.group(at) + 1); });
  if (call.name == "percent_rank") {
    return set([&](std::size_t at) {
      return Value(size <= 1 ? 0.0 : static_cast<double>(partition.peer_start(at) - start) / (size - 1));
    });
  }
  if (call.name == "cume_dist") {
    return set([&](std::size_t at) { return Value(static_cast<double>(partition.peer_end(at) - start) / size); });
  }
  return false;
}

Status ntile(const WindowInput& input, std::size_t start, std::size_t end, std::vector<Value>& results) {
  const ColumnVector& argument = *input.arguments[0];
  for (std::size_t at = start; at < end; ++at) {
    if (argument.is_null(input.order[start])) {
      results[at] = Value(TypeId::kInteger, {});
      continue;
    }
    const std::int64_t buckets = argument.at<std::int32_t>(input.order[start]);
    if (buckets <= 0) return Status::sql(StatusCode::kInvalidArgument, "22014", "argument of ntile must be greater than zero");
    const auto size = static_cast<std::int64_t>(end - start);
    const auto row = static_cast<std::int64_t>(at - start);
    const std::int64_t small = size / buckets;
    const std::int64_t large = size % buckets;  // the first `large` buckets have one row more
    const std::int64_t in_large = large * (small + 1);
    const std::int64_t bucket = row < in_large ? row / (small + 1) : large + (row - in_large) / std::max<std::int64_t>(1, small);
    results[at] = Value(static_cast<std::int32_t>(bucket + 1));
  }
  return {};
}

Status shift(const WindowCall& call, const WindowInput& input, std::size_t start, std::size_t end, WindowResults& results) {
  for (std::size_t at = start; at < end; ++at) {
    const std::uint32_t row = input.order[at];
    std::int64_t distance = 1;
    if (input.arguments.size() > 1) {
      if (input.arguments[1]->is_null(row)) {
        LDB_TRY(results.set(at, Value(call.type.id, {})));
        continue;
      }
      distance = input.arguments[1]->at<std::int32_t>(row);
    }
    const std::int64_t target = static_cast<std::int64_t>(at) + (call.name == "lag" ? -distance : distance);
    if (target >= static_cast<std::int64_t>(start) && target < static_cast<std::int64_t>(end)) {
      LDB_TRY(results.set(at, input.arguments[0]->value(input.order[static_cast<std::size_t>(target)])));
    } else {
      LDB_TRY(results.set(at, input.arguments.size() > 2 ? input.arguments[2]->value(row) : Value(call.type.id, {})));
    }
  }
  return {};
}

/// first_value, last_value, nth_value.
Status pick_value(const WindowCall& call, const WindowInput& input, Partition& partition, std::size_t start, std::size_t end,
                  WindowResults& results) {
  for (std::size_t at = start; at < end; ++at) {
    std::size_t first = 0;
    std::size_t last = 0;
    LDB_TRY(partition.frame(at, first, last));
    std::int64_t wanted = 1;
    const bool from_end = call.name == "last_value";
    LDB_TRY(results.set(at, Value(call.type.id, {})));
    if (call.name == "nth_value") {
      if (input.arguments[1]->is_null(input.order[at])) continue;
      wanted = input.arguments[1]->at<std::int32_t>(input.order[at]);
      if (wanted <= 0)
        return Status::sql(StatusCode::kInvalidArgument, "22016", "argument of nth_value must be greater than zero");
    }
    for (std::size_t i = 0; i < last - first; ++i) {
      const std::size_t place = from_end ? last - 1 - i : first + i;
      if (partition.excluded(at, place) || --wanted > 0) continue;
      LDB_TRY(results.set(at, input.arguments[0]->value(input.order[place])));
      break;
    }
  }
  return {};
}

/// An aggregate over frames. Frames that only grow are fed incrementally; others are computed anew where they change.
class FrameAggregate {
 public:
  FrameAggregate(const WindowCall& call, const WindowInput& input) : call_(call), input_(input) { restart(); }

  Status move_to(const Partition& partition, std::size_t at, std::size_t first, std::size_t last) {
    const bool grows = call_.frame.exclusion == FrameExclusion::kNoOthers && first == first_ && last >= last_;
    if (!grows) {
      restart();
      first_ = last_ = first;
    }
    std::vector<std::uint32_t> rows;
    for (std::size_t place = last_; place < last; ++place) {
      const std::uint32_t row = input_.order[place];
      if (partition.excluded(at, place)) continue;
      if (input_.filter && (input_.filter->is_null(row) || !input_.filter->at<bool>(row))) continue;
      rows.push_back(row);
    }
    last_ = last;
    for (std::size_t i = 0; i < rows.size(); i += kBatchRows) {
      const std::size_t count = std::min(kBatchRows, rows.size() - i);
      std::vector<ColumnVector> columns(input_.arguments.size());
      std::vector<const ColumnVector*> pointers;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        gather_wide(*input_.arguments[c], std::span(rows).subspan(i, count), columns[c]);
        pointers.push_back(&columns[c]);
      }
      LDB_TRY(states_->update(pointers, RowSet::first(count), nullptr));
    }
    if (!rows.empty() || !grows) stale_ = true;
    return {};
  }

  Result<Value> value() {
    if (stale_) {
      ColumnVector out;
      LDB_TRY(states_->finalize(0, 1, out));
      value_ = out.value(0);
      stale_ = false;
    }
    return value_;
  }

 private:
  void restart() {
    const TypeId argument = input_.arguments.empty() ? TypeId::kNull : input_.arguments[0]->type().id;
    states_ = call_.aggregate.function->make_states(argument);
    states_->resize(1);
    stale_ = true;
  }

  const WindowCall& call_;
  const WindowInput& input_;
  std::unique_ptr<AggregateStates> states_;
  std::size_t first_ = ~std::size_t{0};
  std::size_t last_ = 0;
  bool stale_ = true;
  Value value_;
};

}  // namespace

Status evaluate_window(const WindowCall& call, const WindowInput& input, std::size_t start, std::size_t end, ExecContext& context,
                       WindowResults results) {
  Partition partition(call, input, start, end, context);
  LDB_TRY(partition.prepare_offsets());
  if (call.name == "ntile") return ntile(input, start, end, results.values);
  if (call.name == "lag" || call.name == "lead") {
    return shift(call, input, start, end, results);
  }
  if (call.name == "first_value" || call.name == "last_value" || call.name == "nth_value") {
    return pick_value(call, input, partition, start, end, results);
  }
  if (!call.name.empty() && ranking(call, partition, start, end, results.values)) return {};
  FrameAggregate aggregate(call, input);
  for (std::size_t at = start; at < end; ++at) {
    std::size_t first = 0;
    std::size_t last = 0;
    LDB_TRY(partition.frame(at, first, last));
    LDB_TRY(aggregate.move_to(partition, at, first, last));
    LDB_ASSIGN_OR_RETURN(Value value, aggregate.value());
    LDB_TRY(results.set(at, std::move(value)));
    if (at % kBatchRows == 0) LDB_TRY(context.check_interrupt());
  }
  return {};
}

}  // namespace ldb::sql
