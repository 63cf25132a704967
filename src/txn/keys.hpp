// Key spaces of the engine (docs/REPLICATION.md section 10): which bytes name what.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/coding.hpp"
#include "ldb/ids.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::keys {

inline constexpr char kNodeSpace = 0x01;           ///< name -> node-local state
inline constexpr char kRowSpace = 0x02;            ///< table id, primary key -> row image
inline constexpr char kIndexSpace = 0x03;          ///< index id, indexed values, primary key -> empty
inline constexpr char kConflictSpace = 0x04;       ///< table id, sized primary key, column, write id, kind -> conflict record
inline constexpr char kConflictQueueSpace = 0x05;  ///< ordinal -> key of a conflict record, oldest first

/// Bytes in front of the primary key in a row key, and in front of the values in an index key.
inline constexpr std::size_t kPrefixSize = 9;

/// Tables below this id belong to ldb itself: data (the pairs of KeyValue, values of sequences), then the catalog.
inline constexpr std::uint64_t kFirstUserTable = 1000;
inline constexpr std::uint64_t kFirstCatalogTable = 11;
inline constexpr bool is_catalog_table(TableId table) {
  return table.value >= kFirstCatalogTable && table.value < kFirstUserTable;
}
/// Pairs and values of sequences have none: no indexes, constraints or DROP.
inline constexpr bool has_schema(TableId table) { return table.value >= kFirstCatalogTable; }

namespace internal {
inline std::string space_and_id(char space, std::uint64_t id, std::size_t reserve = 0) {
  std::string key;
  key.reserve(kPrefixSize + reserve);
  key.push_back(space);
  put_u64_be(key, id);
  return key;
}
/// The least string above every string that starts with `prefix`; none when there is no such string.
inline std::optional<std::string> after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}
inline KeyRange within(const std::string& prefix, const KeyRange& range) {
  return {range.lower ? prefix + *range.lower : prefix, range.upper ? prefix + *range.upper : after_prefix(prefix)};
}
}  // namespace internal

/// All keys that start with `prefix`.
inline KeyRange prefix_range(std::string_view prefix) {
  return {std::string(prefix), internal::after_prefix(std::string(prefix))};
}

inline std::string node(std::string_view name) { return std::string(1, kNodeSpace).append(name); }
inline std::string origin() { return node("origin"); }
/// Applied-vector entry of one origin; all of them lie in vector_range().
inline std::string vector_entry(OriginId origin) {
  std::string key = node("vector/");
  put_u64_be(key, origin.value);
  return key;
}
inline KeyRange vector_range() { return prefix_range(node("vector/")); }
inline std::string index_ready(IndexId index) {
  std::string key = node("index_ready/");
  put_u64_be(key, index.value);
  return key;
}
inline KeyRange index_ready_range() { return prefix_range(node("index_ready/")); }

/// Which definition of a table's foreign keys was checked on this node (RowStore::check_foreign_keys).
inline std::string foreign_keys_checked(TableId table) {
  std::string key = node("foreign_keys_checked/");
  put_u64_be(key, table.value);
  return key;
}
inline KeyRange foreign_keys_checked_range() { return prefix_range(node("foreign_keys_checked/")); }

/// The DROPs of a table whose rows are still to be removed (src/replication/apply/dropped_table.hpp).
inline std::string dropped_table(TableId table) {
  std::string key = node("dropped_table/");
  put_u64_be(key, table.value);
  return key;
}
inline KeyRange dropped_table_range() { return prefix_range(node("dropped_table/")); }

inline std::string row(TableId table, std::string_view primary_key) {
  return internal::space_and_id(kRowSpace, table.value, primary_key.size()).append(primary_key);
}
/// `range` is of primary keys.
inline KeyRange rows(TableId table, const KeyRange& range = {}) {
  return internal::within(internal::space_and_id(kRowSpace, table.value), range);
}
inline KeyRange all_rows() { return prefix_range(std::string(1, kRowSpace)); }
/// Of a key in the row space (at least kPrefixSize bytes).
inline TableId table_of(std::string_view row_key) { return {load_u64_be(row_key.data() + 1)}; }
inline std::string_view primary_key_of(std::string_view row_key) { return row_key.substr(kPrefixSize); }

inline std::string index_entry(IndexId index, std::string_view entry) {
  return internal::space_and_id(kIndexSpace, index.value, entry.size()).append(entry);
}
/// `range` is of entries (values and primary key).
inline KeyRange index_entries(IndexId index, const KeyRange& range = {}) {
  return internal::within(internal::space_and_id(kIndexSpace, index.value), range);
}
inline KeyRange all_index_entries() { return prefix_range(std::string(1, kIndexSpace)); }

}  // namespace ldb::keys
