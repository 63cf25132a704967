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

/// Range tombstones of one source cut into pieces that do not overlap, so that a lookup is one binary search. Immutable; any
/// thread.
class FragmentedTombstones {
 public:
  struct Fragment {
    std::string start;
    std::string end;
    std::vector<std::uint64_t> sequences;  ///< newest first
  };

  FragmentedTombstones() = default;
  explicit FragmentedTombstones(std::vector<RangeTombstone> tombstones);

  bool empty() const { return fragments_.empty(); }
  const std::vector<Fragment>& fragments() const { return fragments_; }
  /// The newest tombstone over `key` at or below `visible`; 0 when there is none.
  std::uint64_t covering(std::string_view key, std::uint64_t visible) const;
  /// The oldest tombstone over `key` above `sequence`; 0 when there is none.
  std::uint64_t next_above(std::string_view key, std::uint64_t sequence) const;
  void append_to(std::vector<RangeTombstone>& out) const {
    for (const Fragment& fragment : fragments_) {
      for (const std::uint64_t sequence : fragment.sequences) out.push_back({fragment.start, fragment.end, sequence});
    }
  }
  std::size_t memory_usage() const;

 private:
  const Fragment* find(std::string_view key) const;
  std::vector<Fragment> fragments_;  // sorted by start
};

}  // namespace ldb::storage
