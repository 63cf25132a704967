// What a serializable transaction has read, as ranges of engine keys.
#pragma once

#include <string>
#include <vector>

#include "ldb/storage_engine.hpp"

namespace ldb::txn {

/// One thread. Bounded: beyond a number of reads, those of one table or index are covered by one range from the first to the
/// last, which at worst refuses a commit that could have been let through.
class ReadTracker {
 public:
  /// One row, there or not.
  void point(const std::string& row_key) { add({row_key, row_key + '\0'}); }
  void range(const KeyRange& range) {
    if (!range.lower || !range.upper || *range.lower < *range.upper) add(range);
  }
  std::vector<KeyRange> take() { return std::move(ranges_); }

 private:
  void add(KeyRange range);

  std::vector<KeyRange> ranges_;  // each inside one table or index, so both bounds are there
};

}  // namespace ldb::txn
