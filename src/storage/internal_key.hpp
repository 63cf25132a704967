// How versions of a key are ordered everywhere in the engine: by user key ascending, then by sequence descending.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ldb/write_batch.hpp"

namespace ldb::storage {

using EntryKind = WriteBatch::Kind;

/// Sequences are at most 2^60 - 1, so that a tag fits 62 bits.
constexpr std::uint64_t kMaxSequence = (std::uint64_t{1} << 60) - 1;

/// Sequence and kind of an entry in one number; of two entries of one key the one with the higher tag is newer and comes first.
using Tag = std::uint64_t;
constexpr Tag make_tag(std::uint64_t sequence, EntryKind kind) { return sequence << 2 | static_cast<std::uint64_t>(kind); }
constexpr std::uint64_t tag_sequence(Tag tag) { return tag >> 2; }
constexpr EntryKind tag_kind(Tag tag) { return static_cast<EntryKind>(tag & 3); }
/// Comes before every entry of a key that is visible at `sequence`, and after every newer one.
constexpr Tag seek_tag(std::uint64_t sequence) { return sequence << 2 | 3; }
constexpr Tag kFirstTag = seek_tag(kMaxSequence);
constexpr Tag kLastTag = 0;

/// Negative, zero or positive as (a, tag_a) stands before, at or after (b, tag_b).
inline int compare_entries(std::string_view a, Tag tag_a, std::string_view b, Tag tag_b) {
  const int order = a.compare(b);
  if (order != 0) return order;
  return tag_a > tag_b ? -1 : (tag_a < tag_b ? 1 : 0);
}

/// What a point lookup in one memtable or table found.
struct PointResult {
  bool found = false;
  Tag tag = 0;
  std::string value;
};

}  // namespace ldb::storage
