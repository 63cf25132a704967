// Pairs of byte strings, replicated like rows: last write wins per key, tombstones, conflicts recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ldb/row_store.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// The system table that holds the pairs: primary key = the key bytes, column 1 = the value bytes.
inline constexpr TableId kKeyValueTable{1};
inline constexpr ColumnId kKeyValueColumn{1};

struct KeyValuePair {
  std::string key;
  std::string value;
};
using KeyValueView = std::pair<std::string_view, std::string_view>;  ///< key and value
using KeyValueVisitor = std::function<bool(std::string_view key, std::string_view value)>;

/// Each call is a transaction of its own, retried when it meets a concurrent local writer of the same key. Any thread.
/// Keys up to 64 KiB, values up to 16 MiB less 1 KiB (kInvalidArgument beyond).
class KeyValue {
 public:
  explicit KeyValue(RowStore& rows) : rows_(&rows) {}

  Status put(std::string_view key, std::string_view value, SyncPolicy sync = SyncPolicy::kSync);
  /// All of them or none, in one commit; of two with the same key the later one counts.
  Status put_all(std::span<const KeyValueView> pairs, SyncPolicy sync = SyncPolicy::kSync);
  /// No value when the key is absent.
  Result<std::optional<std::string>> get(std::string_view key);
  /// Ok also when the key was absent.
  Status erase(std::string_view key, SyncPolicy sync = SyncPolicy::kSync);
  /// Pairs with from <= key < to in key order, at most `limit`; an absent bound is open.
  Result<std::vector<KeyValuePair>> scan(const KeyRange& range = {}, std::size_t limit = SIZE_MAX);
  /// Calls `visit` for the same pairs, in key order or from the last one back, until it returns false; nothing is copied. What is
  /// visited lives during the call. All of one state, whatever is written meanwhile, also by `visit`.
  Status for_each(const KeyRange& range, bool reverse, const KeyValueVisitor& visit);

 private:
  RowStore* rows_;
};

}  // namespace ldb
