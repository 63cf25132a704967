// Deleted ranges: [start, end) at a sequence hides every older entry inside.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ldb::storage {

struct RangeTombstone {
  std::string start;
  std::string end;  ///< exclusive
  std::uint64_t sequence = 0;
};

/// Range tombstones over the fragments that all their bounds cut the keys into: a segment tree (Bentley 1977) whose leaves are
/// the fragments. Each tombstone stands at the at most 2 log n nodes that make up its range, and at none below them, so n
/// tombstones take O(n log n) memory however they overlap; a lookup asks the nodes from a leaf up to the root. Immutable; any
/// thread.
class FragmentedTombstones {
 public:
  /// What of the tombstones goes on into tables.
  struct Fragment {
    std::string start;
    std::string end;
    std::vector<std::uint64_t> sequences;  ///< newest first
  };

  FragmentedTombstones() = default;
  explicit FragmentedTombstones(std::vector<RangeTombstone> tombstones);

  bool empty() const { return ranges_.empty(); }
  std::size_t size() const { return ranges_.size(); }
  /// Of the newest; 0 when there is none.
  std::uint64_t newest_sequence() const { return empty() ? 0 : ranges_.back().sequence; }
  /// Where fragments begin and end, ascending. No tombstone begins or ends inside a fragment; it need not be covered by any.
  const std::vector<std::string>& bounds() const { return bounds_; }
  /// The newest tombstone over `key` at or below `visible`; 0 when there is none.
  std::uint64_t covering(std::string_view key, std::uint64_t visible) const;
  /// Is anything in [lower, upper], both inclusive, covered? Looks at all tombstones.
  bool overlaps(std::string_view lower, std::string_view upper) const;
  void append_to(std::vector<RangeTombstone>& out) const;
  std::size_t memory_usage() const { return memory_usage_; }

 private:
  struct Range {
    std::uint64_t sequence = 0;
    std::uint32_t start = 0;  // number of a bound; 2^32 of them are more than memory holds
    std::uint32_t end = 0;
  };
  template <typename F>
  void visit_nodes(const Range& range, F visit) const;

  std::vector<std::string> bounds_;
  std::vector<Range> ranges_;  // oldest first
  // Node n is the parent of 2n and 2n + 1; bounds_.size() + i is the leaf of the fragment behind bound i. The ranges at node n:
  // covers_ from starts_[n] to starts_[n + 1], numbers in ranges_ ascending, oldest first therefore.
  std::vector<std::size_t> starts_;
  std::vector<std::uint32_t> covers_;
  std::size_t memory_usage_ = 0;
};

/// The range tombstones of a memtable, in lists of which each has more than the next: to add one joins lists like a binary
/// counter carries, so that adding and asking by turns costs O(log^2 n) each (Bentley and Saxe 1980). Immutable; lists are
/// shared with what was made from it.
class TombstoneLists {
 public:
  using List = std::shared_ptr<const FragmentedTombstones>;

  /// Those of `before`, which may be null, and some more.
  TombstoneLists(const TombstoneLists* before, std::vector<RangeTombstone> more);

  const std::vector<List>& lists() const { return lists_; }
  /// As in FragmentedTombstones.
  std::uint64_t covering(std::string_view key, std::uint64_t visible) const;
  std::size_t memory_usage() const;

 private:
  std::vector<List> lists_;
};

}  // namespace ldb::storage
