#include "storage/range_tombstone.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace ldb::storage {

FragmentedTombstones::FragmentedTombstones(std::vector<RangeTombstone> tombstones) {
  std::erase_if(tombstones, [](const RangeTombstone& t) { return t.start >= t.end; });
  if (tombstones.empty()) return;
  // Sweep over all boundaries, keeping the sequences of the tombstones open at each.
  std::map<std::string_view, std::pair<std::vector<std::uint64_t>, std::vector<std::uint64_t>>> boundaries;  // opened, closed
  for (const RangeTombstone& t : tombstones) {
    boundaries[t.start].first.push_back(t.sequence);
    boundaries[t.end].second.push_back(t.sequence);
  }
  std::multiset<std::uint64_t, std::greater<>> open;
  std::string_view from;
  for (const auto& [at, change] : boundaries) {
    if (!open.empty()) {
      Fragment fragment{std::string(from), std::string(at), {}};
      fragment.sequences.reserve(open.size());
      for (const std::uint64_t sequence : open) {
        if (fragment.sequences.empty() || fragment.sequences.back() != sequence) fragment.sequences.push_back(sequence);
      }
      fragments_.push_back(std::move(fragment));
    }
    for (const std::uint64_t sequence : change.second) open.erase(open.find(sequence));
    for (const std::uint64_t sequence : change.first) open.insert(sequence);
    from = at;
  }
}

const FragmentedTombstones::Fragment* FragmentedTombstones::find(std::string_view key) const {
  auto after = std::upper_bound(fragments_.begin(), fragments_.end(), key,
                                [](std::string_view k, const Fragment& fragment) { return k < fragment.start; });
  if (after == fragments_.begin()) return nullptr;
  --after;
  return key < after->end ? &*after : nullptr;
}

std::uint64_t FragmentedTombstones::covering(std::string_view key, std::uint64_t visible) const {
  const Fragment* fragment = find(key);
  if (fragment == nullptr) return 0;
  const auto newest = std::lower_bound(fragment->sequences.begin(), fragment->sequences.end(), visible, std::greater<>());
  return newest == fragment->sequences.end() ? 0 : *newest;
}

std::uint64_t FragmentedTombstones::next_above(std::string_view key, std::uint64_t sequence) const {
  const Fragment* fragment = find(key);
  if (fragment == nullptr) return 0;
  auto it = std::lower_bound(fragment->sequences.begin(), fragment->sequences.end(), sequence, std::greater<>());
  return it == fragment->sequences.begin() ? 0 : *--it;
}

std::size_t FragmentedTombstones::memory_usage() const {
  std::size_t total = 0;
  for (const Fragment& f : fragments_) total += sizeof(Fragment) + f.start.size() + f.end.size() + 8 * f.sequences.size();
  return total;
}

}  // namespace ldb::storage
