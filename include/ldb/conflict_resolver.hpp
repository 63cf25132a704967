// Which of two concurrent writes wins.
#pragma once

#include <compare>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "ldb/ids.hpp"

namespace ldb {

/// One side of a conflict.
struct Contender {
  WriteId id;
  TableId table;
  std::string_view key;                   ///< primary key, encoded
  std::optional<ColumnId> column;         ///< none: the write concerns the whole row (birth or delete)
  std::optional<std::string_view> value;  ///< none: NULL, or not a cell
};

/// Orders concurrent writes: the greater one wins. Any thread; called under row latches, so it must be quick and must not call
/// ldb.
///
/// For replicas to converge the order must be total, the same on every node, and agree with the stamps wherever they differ (a
/// write always has a higher stamp than what it has seen). So an implementation really decides ties, which are frequent under
/// LamportClock and rare under HybridClock; ldb asks it only then.
class ConflictResolver {
 public:
  virtual ~ConflictResolver() = default;
  /// Of two writes with equal stamps and different origins. Never `equal`.
  virtual std::strong_ordering compare_ties(const Contender& a, const Contender& b) const = 0;
  virtual std::string_view name() const = 0;
};

/// Ties go to the higher origin id (default).
std::unique_ptr<ConflictResolver> new_last_write_wins_resolver();
/// Ties go to the greater value in byte order (a value beats NULL, a cell beats a delete), then to the higher origin id.
std::unique_ptr<ConflictResolver> new_greatest_value_resolver();

}  // namespace ldb
