// Pairs of byte strings, replicated like rows: last write wins per key, tombstones, conflicts recorded.
#pragma once

#include <cstdint>
#include <optional>
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

/// Each call is a transaction of its own, retried when it meets a concurrent local writer of the same key. Any thread.
/// Keys up to 64 KiB, values up to 16 MiB less 1 KiB (kInvalidArgument beyond).
class KeyValue {
 public:
  explicit KeyValue(RowStore& rows) : rows_(&rows) {}

  Status put(std::string_view key, std::string_view value, SyncPolicy sync = SyncPolicy::kSync);
  /// No value when the key is absent.
  Result<std::optional<std::string>> get(std::string_view key);
  /// Ok also when the key was absent.
  Status erase(std::string_view key, SyncPolicy sync = SyncPolicy::kSync);
  /// Pairs with from <= key < to in key order, at most `limit`; an absent bound is open.
  Result<std::vector<KeyValuePair>> scan(const KeyRange& range = {}, std::size_t limit = SIZE_MAX);

 private:
  RowStore* rows_;
};

namespace internal {
inline constexpr std::size_t kMaxKeyBytes = 64 << 10;
inline constexpr std::size_t kMaxValueBytes = (16 << 20) - 1024;
Status kv_put(RowTransaction& transaction, std::string_view key, std::string_view value);
Result<std::optional<std::string>> kv_get(RowTransaction& transaction, std::string_view key);
Status kv_erase(RowTransaction& transaction, std::string_view key);
Result<std::vector<KeyValuePair>> kv_scan(RowTransaction& transaction, const KeyRange& range, std::size_t limit);
}  // namespace internal

}  // namespace ldb
