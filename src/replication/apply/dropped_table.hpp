// What is remembered of the DROPs of a table until its rows are removed: which writes they had seen (docs/REPLICATION.md section
// 8).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ldb/ids.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// The value of keys::dropped_table(): version byte, then for each DROP u64 stamp, u64 origin, vector of what it had seen. A DROP
/// that came with a whole-state copy has no id: the copy's vector stands for what it had seen.
class DroppedTable {
 public:
  static Result<DroppedTable> decode(std::string_view bytes);
  std::string encode() const;

  void add(WriteId drop, VersionVector seen) { drops_.push_back({drop, std::move(seen)}); }
  /// Had one of them seen it? Then it was taken away knowingly.
  bool has_seen(const WriteId& write) const;
  /// The latest of them.
  WriteId last() const;

 private:
  struct Drop {
    WriteId id;
    VersionVector seen;
  };
  std::vector<Drop> drops_;
};

}  // namespace ldb
