// What the rest of the engine knows about a table without opening it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ldb::storage {

struct TableMeta {
  std::uint64_t number = 0;
  std::uint64_t file_size = 0;
  std::string smallest;  ///< user keys; range tombstones included
  std::string largest;
  bool largest_exclusive = false;  ///< `largest` is the end of a range tombstone
  bool compressed = false;         ///< written with compression on
  std::uint64_t entries = 0;       ///< range tombstones not counted
  std::uint64_t deletions = 0;
  std::uint64_t range_tombstones = 0;
  std::uint64_t max_sequence = 0;

  bool ends_before(std::string_view key) const { return largest_exclusive ? key >= largest : key > largest; }
  /// The least key that it ends before.
  std::string end() const { return largest_exclusive ? largest : largest + '\0'; }
  bool starts_after(std::string_view key) const { return key < smallest; }
};

}  // namespace ldb::storage
