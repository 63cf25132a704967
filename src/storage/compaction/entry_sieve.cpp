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
  // What stands in a newer stripe does not count: some view sees this entry without it.
  const std::uint64_t last_of_mine = mine < options_.views.size() ? options_.views[mine] : kMaxSequence;
  if (options_.tombstones != nullptr && options_.tombstones->covering(key, last_of_mine) > sequence) {
    return ++dropped_, Verdict{};
  }

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
  const std::vector<std::string>& bounds = options_.tombstones->bounds();
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
    // The newest of each stripe, which hides the others there: asked for one by one, since of those others there may be many.
    std::vector<std::uint64_t> sequences;
    std::uint64_t visible = kMaxSequence;
    while (const std::uint64_t sequence = options_.tombstones->covering(bounds[i], visible)) {
      const std::size_t mine = stripe(sequence);
      if (mine > 0 || !options_.nothing_below(bounds[i], bounds[i + 1])) sequences.push_back(sequence);
      if (mine == 0) break;
      visible = options_.views[mine - 1];
    }
    if (sequences.empty()) continue;
    if (!result.empty() && result.back().end == bounds[i] && result.back().sequences == sequences) {
      result.back().end = bounds[i + 1];  // told apart by what is hidden only
    } else {
      result.push_back({bounds[i], bounds[i + 1], std::move(sequences)});
    }
  }
  return result;
}

}  // namespace ldb::storage
