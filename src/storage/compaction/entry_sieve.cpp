#include "storage/compaction/entry_sieve.hpp"

#include <algorithm>

namespace ldb::storage {

std::size_t EntrySieve::stripe(std::uint64_t sequence) const {
  return static_cast<std::size_t>(std::lower_bound(options_.views.begin(), options_.views.end(), sequence) -
                                  options_.views.begin());
}

EntrySieve::Verdict EntrySieve::judge(std::string_view key, Tag tag, std::string_view value) {
  if (!has_key_ || key != key_) {
    key_.assign(key);
    has_key_ = true;
    has_newer_ = false;
  }
  const std::uint64_t sequence = tag_sequence(tag);
  const std::size_t mine = stripe(sequence);
  const bool hidden = has_newer_ && newer_stripe_ == mine;
  has_newer_ = true;
  newer_stripe_ = mine;
  if (hidden) return ++dropped_, Verdict{};
  const std::uint64_t tombstone = options_.tombstones != nullptr ? options_.tombstones->next_above(key, sequence) : 0;
  if (tombstone != 0 && stripe(tombstone) == mine) return ++dropped_, Verdict{};

  // Only what every view sees alike (nobody can ask for anything older) may be collected.
  const bool settled = mine == 0;
  EntryKind kind = tag_kind(tag);
  bool collected = false;
  if (settled && kind == EntryKind::kPut && options_.policy != nullptr && options_.policy->collectible(key, value)) {
    kind = EntryKind::kDelete;
    collected = true;
  }
  if (settled && options_.nothing_below(key, key)) {
    if (kind == EntryKind::kDelete) return ++dropped_, Verdict{};
    // A zero sequence compresses well, but a range tombstone that goes on would hide it.
    const bool under_tombstone = options_.tombstones != nullptr && options_.tombstones->covering(key, kMaxSequence) != 0;
    if (!under_tombstone) return {true, make_tag(0, kind), false};
  }
  return {true, make_tag(sequence, kind), collected};
}

std::vector<FragmentedTombstones::Fragment> EntrySieve::surviving_tombstones() const {
  std::vector<FragmentedTombstones::Fragment> result;
  if (options_.tombstones == nullptr) return result;
  for (const FragmentedTombstones::Fragment& fragment : options_.tombstones->fragments()) {
    FragmentedTombstones::Fragment kept{fragment.start, fragment.end, {}};
    std::size_t newer = 0;
    for (const std::uint64_t sequence : fragment.sequences) {
      const std::size_t mine = stripe(sequence);
      const bool hidden = sequence != fragment.sequences.front() && mine == newer;
      newer = mine;
      if (hidden) continue;
      if (mine == 0 && options_.nothing_below(fragment.start, fragment.end)) continue;
      kept.sequences.push_back(sequence);
    }
    if (!kept.sequences.empty()) result.push_back(std::move(kept));
  }
  return result;
}

}  // namespace ldb::storage
