// What one writer of the soak did, and what its keys must therefore hold.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ldb/write_batch.hpp"

namespace soak {

using Pairs = std::map<std::string, std::string>;

/// Numbers up to each of these: a writer counts its writes from 1.
struct Progress {
  int acknowledged = 0;  ///< are durable
  int handed_over = 0;   ///< survive the end of the process
  int returned = 0;      ///< are visible
  int attempted = 0;     ///< may be there

  void settle(int found) { acknowledged = handed_over = returned = attempted = found; }
};

/// The keys that come and go: each write sets one, erases one or a range of them, or leaves them alone. Since all of a write is
/// there or nothing, the number of the last one that is there says what each of these keys must hold.
class WriterModel {
 public:
  Progress progress;

  /// The n-th write, before anybody can have seen it: it changes these keys so. `batch`: what else it writes, and now this too.
  void put(ldb::WriteBatch& batch, const std::string& key, const std::string& value) {
    batch.put(key, value);
    note({Kind::kPut, key, value});
  }
  void erase(ldb::WriteBatch& batch, const std::string& key) {
    batch.erase(key);
    note({Kind::kDelete, key, {}});
  }
  void erase_range(ldb::WriteBatch& batch, const std::string& lower, const std::string& upper) {
    batch.erase_range(lower, upper);
    note({Kind::kDeleteRange, lower, upper});
  }

  /// What is there after the n-th write, which must not lie before the last settlement.
  Pairs after(int n) const {
    Pairs pairs = settled_;
    for (const auto& [number, change] : changes_) {
      if (number > n) break;
      apply(change, pairs);
    }
    return pairs;
  }
  int settled_at() const { return settled_at_; }

  /// A new life begins with `found` as the last write: those behind it never happened.
  void settle(int found) {
    settled_ = after(found);
    settled_at_ = found;
    changes_.clear();
    progress.settle(found);
  }

 private:
  using Kind = ldb::WriteBatch::Kind;
  struct Change {
    Kind kind;
    std::string key;
    std::string value;  // of a range its end
  };

  void note(Change change) { changes_.emplace_back(progress.attempted, std::move(change)); }

  static void apply(const Change& change, Pairs& pairs) {
    if (change.kind == Kind::kPut) pairs[change.key] = change.value;
    if (change.kind == Kind::kDelete) pairs.erase(change.key);
    if (change.kind == Kind::kDeleteRange) pairs.erase(pairs.lower_bound(change.key), pairs.lower_bound(change.value));
  }

  Pairs settled_;
  int settled_at_ = 0;
  std::vector<std::pair<int, Change>> changes_;  // since then, with the number of the write
};

}  // namespace soak
