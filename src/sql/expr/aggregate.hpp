// Aggregate functions: states for many groups at once, fed by batches.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sql/expr/batch.hpp"
#include "sql/expr/function_registry.hpp"

namespace ldb::sql {

/// The states of one aggregate call for groups 0..n-1. Owned by one operator; one thread at a time.
/// FILTER, DISTINCT and ORDER BY inside the call are the operator's business: it passes only the rows that count, in order.
class AggregateStates {
 public:
  virtual ~AggregateStates() = default;
  /// Groups from the old count up to `groups` start empty.
  virtual void resize(std::size_t groups) = 0;
  /// Feeds `rows`; row r belongs to group `groups[r]` (indexed by row, like the arguments); `groups` null: all to group 0.
  /// Arguments have the overload's types, or are constant. Errors: 22003 and such.
  virtual Status update(std::span<const ColumnVector* const> arguments, RowSet rows, const std::uint32_t* groups) = 0;
  /// Adds group i of `other` (same aggregate) into group map[i].
  virtual Status merge(const AggregateStates& other, std::span<const std::uint32_t> map) = 0;
  /// Results of groups first..first+count-1 into out[0..count-1] (reset here).
  virtual Status finalize(std::size_t first, std::size_t count, ColumnVector& out) const = 0;
  /// Bytes of one group's state, for spilling and exchange; absorb() merges them into a group (kCorruption when malformed,
  /// consumed from the front).
  virtual void save(std::size_t group, std::string& out) const = 0;
  virtual Status absorb(std::string_view& bytes, std::size_t group) = 0;
  virtual std::size_t memory_bytes() const = 0;
};

/// One overload of an aggregate.
struct AggregateFunction {
  std::string name;
  std::vector<TypeId> arguments;  ///< Empty: count(*). kNull: any type.
  TypeId result = TypeId::kNull;
  bool same_type = false;           ///< The result has the argument's very type, modifiers aside (min, max).
  bool order_sensitive = false;     ///< string_agg: the order of rows shows.
  bool ignores_duplicates = false;  ///< min, max, bool_and, bool_or: DISTINCT changes nothing.
  std::unique_ptr<AggregateStates> (*make)(TypeId argument) = nullptr;

  std::unique_ptr<AggregateStates> make_states(TypeId argument) const { return make(argument); }
};

struct ResolvedAggregate {
  const AggregateFunction* function = nullptr;
  std::vector<TypeId> argument_types;
  DataType result;
};

bool is_aggregate(std::string_view name);
/// Overload choice as for functions. 42883, 42725. `star`: count(*).
Result<ResolvedAggregate> resolve_aggregate(std::string_view name, std::span<const DataType> arguments, bool star);

}  // namespace ldb::sql
