// Which keys the latest commits wrote, so that a serializable transaction can be checked against those it has not seen.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "ldb/status.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb {

/// Ranges of engine keys, sorted and disjoint.
class ReadSet {
 public:
  explicit ReadSet(std::vector<KeyRange> ranges);
  bool contains(std::string_view key) const;
  bool empty() const { return ranges_.empty(); }

 private:
  std::vector<KeyRange> ranges_;  // every one has a lower bound
};

/// Backward validation (Kung and Robinson, 1981): a transaction may commit when no commit after its view wrote what it read.
/// Bounded in memory; a transaction older than what is remembered has to run again. Not locked by itself: the commit mutex guards
/// every call.
class RecentWrites {
 public:
  /// Nothing is remembered (and nothing paid) before the first serializable commit came.
  bool enabled() const { return enabled_; }
  /// From now on. Commits up to `last_ticket` are forgotten already; views of `latest_sequence` show all of them (none: not known
  /// yet, some are on their way).
  void enable(std::uint64_t last_ticket, std::optional<std::uint64_t> latest_sequence);

  /// A commit took its place in the log; `ticket` is StreamState's.
  void submitted(std::uint64_t ticket, std::vector<std::string> keys);
  /// It, and all before it, are visible to views of at least `sequence`.
  void became_visible(std::uint64_t ticket, std::uint64_t sequence);

  /// A whole-state copy, which is no commit, is visible to views of at least `sequence`. Nothing may be on its way.
  void state_replaced(std::uint64_t sequence);

  /// kConflict when a commit that a view of this sequence does not show wrote something in `reads`, or may have.
  Status check(const ReadSet& reads, std::uint64_t view_sequence) const;

 private:
  struct Entry {
    std::uint64_t ticket = 0;
    std::uint64_t sequence = 0;  // 0: on its way
    bool everything = false;     // too many keys to remember
    std::vector<std::string> keys;
    std::size_t bytes = 0;
  };

  bool enabled_ = false;
  std::deque<Entry> entries_;  // oldest first
  std::size_t bytes_ = 0;
  std::uint64_t enabled_at_ticket_ = 0;
  /// Views below it may lack commits that are not remembered. None: every view may.
  std::optional<std::uint64_t> complete_from_;
};

}  // namespace ldb
