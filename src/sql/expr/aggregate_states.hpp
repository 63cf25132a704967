// The frame that all aggregates share: one state struct per group, fed through a small traits class. Internal to src/sql/expr.
//
// A traits class T gives:
//   struct State {...};                                            // default: empty
//   Status update(State&, std::span<const ColumnVector* const>, std::size_t row) const;   // arguments are not NULL when kStrict
//   Status merge(State&, const State&) const;
//   Status finish(const State&, ColumnVector& out, std::size_t i) const;                  // may set NULL
//   void save(const State&, std::string&) const;  bool load(ByteReader&, State&) const;
//   std::size_t extra_bytes(const State&) const;                   // beyond sizeof(State)
//   DataType result() const;
#pragma once

#include <bit>

#include "base/coding.hpp"
#include "sql/expr/aggregate.hpp"

namespace ldb::sql {

template <class Traits>
class GroupStates final : public AggregateStates {
 public:
  explicit GroupStates(Traits traits) : traits_(std::move(traits)) {}

  void resize(std::size_t groups) override { states_.resize(groups); }

  Status update(std::span<const ColumnVector* const> arguments, RowSet rows, const std::uint32_t* groups) override {
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      if constexpr (Traits::kStrict) {
        if (!arguments.empty() && arguments[0]->is_null(row)) continue;
      }
      auto& state = states_[groups == nullptr ? 0 : groups[row]];
      const std::size_t before = traits_.extra_bytes(state);
      LDB_TRY(traits_.update(state, arguments, row));
      extra_bytes_ += traits_.extra_bytes(state) - before;
    }
    return {};
  }

  Status merge(const AggregateStates& other, std::span<const std::uint32_t> map) override {
    const auto& from = static_cast<const GroupStates&>(other);
    for (std::size_t i = 0; i < map.size(); ++i) LDB_TRY(merge_into(states_[map[i]], from.states_[i]));
    return {};
  }

  Status finalize(std::size_t first, std::size_t count, ColumnVector& out) const override {
    out.reset(traits_.result(), count == 0 ? 1 : count);
    for (std::size_t i = 0; i < count; ++i) LDB_TRY(traits_.finish(states_[first + i], out, i));
    return {};
  }

  void save(std::size_t group, std::string& out) const override { traits_.save(states_[group], out); }

  Status absorb(std::string_view& bytes, std::size_t group) override {
    ByteReader in(bytes);
    typename Traits::State loaded;
    if (!traits_.load(in, loaded)) return {StatusCode::kCorruption, "malformed aggregate state"};
    bytes.remove_prefix(in.offset());
    return merge_into(states_[group], loaded);
  }

  std::size_t memory_bytes() const override { return states_.capacity() * sizeof(typename Traits::State) + extra_bytes_; }

 private:
  Status merge_into(typename Traits::State& to, const typename Traits::State& from) {
    const std::size_t before = traits_.extra_bytes(to);
    LDB_TRY(traits_.merge(to, from));
    extra_bytes_ += traits_.extra_bytes(to) - before;
    return {};
  }

  Traits traits_;
  std::vector<typename Traits::State> states_;
  std::size_t extra_bytes_ = 0;  // of all states, beyond their size
};

inline void put_double(std::string& out, double v) { put_u64(out, std::bit_cast<std::uint64_t>(v)); }
inline bool get_double(ByteReader& in, double& v) {
  std::uint64_t bits = 0;
  if (!in.u64(bits)) return false;
  v = std::bit_cast<double>(bits);
  return true;
}

/// Makers, one per aggregate family.
std::unique_ptr<AggregateStates> make_count_star(TypeId);
std::unique_ptr<AggregateStates> make_count(TypeId);
std::unique_ptr<AggregateStates> make_sum(TypeId argument);
std::unique_ptr<AggregateStates> make_avg(TypeId argument);
std::unique_ptr<AggregateStates> make_min(TypeId argument);
std::unique_ptr<AggregateStates> make_max(TypeId argument);
std::unique_ptr<AggregateStates> make_bool_and(TypeId);
std::unique_ptr<AggregateStates> make_bool_or(TypeId);
std::unique_ptr<AggregateStates> make_string_agg(TypeId argument);
std::unique_ptr<AggregateStates> make_bit_and(TypeId argument);
std::unique_ptr<AggregateStates> make_bit_or(TypeId argument);
std::unique_ptr<AggregateStates> make_bit_xor(TypeId argument);
std::unique_ptr<AggregateStates> make_var_pop(TypeId argument);
std::unique_ptr<AggregateStates> make_var_samp(TypeId argument);
std::unique_ptr<AggregateStates> make_stddev_pop(TypeId argument);
std::unique_ptr<AggregateStates> make_stddev_samp(TypeId argument);

enum class PairStatistic : std::uint8_t {
  kCovarPop,
  kCovarSamp,
  kCorr,
  kR2,
  kSlope,
  kIntercept,
  kAvgX,
  kAvgY,
  kSxx,
  kSyy,
  kSxy,
  kCount
};
/// Aggregates of two doubles, all but regr_count with a DOUBLE result.
struct PairAggregate {
  const char* name;
  std::unique_ptr<AggregateStates> (*make)(TypeId);
};
std::span<const PairAggregate> pair_aggregates();

}  // namespace ldb::sql
