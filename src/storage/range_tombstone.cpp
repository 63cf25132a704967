#include "storage/range_tombstone.hpp"

#include <algorithm>

namespace ldb::storage {

template <typename F>
void FragmentedTombstones::visit_nodes(const Range& range, F visit) const {
  std::size_t left = bounds_.size() + range.start;
  std::size_t right = bounds_.size() + range.end;
  for (; left < right; left /= 2, right /= 2) {
    if (left % 2 == 1) visit(left++);
    if (right % 2 == 1) visit(--right);
  }
}

FragmentedTombstones::FragmentedTombstones(std::vector<RangeTombstone> tombstones) {
  std::erase_if(tombstones, [](const RangeTombstone& t) { return t.start >= t.end; });
  if (tombstones.empty()) return;
  std::stable_sort(tombstones.begin(), tombstones.end(),
                   [](const RangeTombstone& a, const RangeTombstone& b) { return a.sequence < b.sequence; });
  struct Bound {
    std::string_view key;
    std::uint32_t* number = nullptr;  // where it is wanted
  };
  std::vector<Bound> bounds;
  bounds.reserve(2 * tombstones.size());
  ranges_.resize(tombstones.size());
  for (std::size_t i = 0; i < tombstones.size(); ++i) {
    ranges_[i].sequence = tombstones[i].sequence;
    bounds.push_back({tombstones[i].start, &ranges_[i].start});
    bounds.push_back({tombstones[i].end, &ranges_[i].end});
  }
  std::sort(bounds.begin(), bounds.end(), [](const Bound& a, const Bound& b) { return a.key < b.key; });
  for (const Bound& bound : bounds) {
    if (bounds_.empty() || bounds_.back() != bound.key) bounds_.emplace_back(bound.key);
    *bound.number = static_cast<std::uint32_t>(bounds_.size() - 1);
  }
  bounds_.shrink_to_fit();

  // Count what stands at each node, then put it there: node n's place is kept at n + 1 until it has been filled.
  starts_.resize(2 * bounds_.size() + 2);
  for (const Range& range : ranges_) visit_nodes(range, [&](std::size_t node) { ++starts_[node + 2]; });
  for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  covers_.resize(starts_.back());
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    visit_nodes(ranges_[i], [&](std::size_t node) { covers_[starts_[node + 1]++] = static_cast<std::uint32_t>(i); });
  }

  memory_usage_ = sizeof(*this) + bounds_.capacity() * sizeof(std::string) + ranges_.capacity() * sizeof(Range) +
                  starts_.capacity() * sizeof(std::size_t) + covers_.capacity() * sizeof(std::uint32_t);
  for (const std::string& bound : bounds_) memory_usage_ += bound.size();
}

std::uint64_t FragmentedTombstones::covering(std::string_view key, std::uint64_t visible) const {
  if (empty() || key < bounds_.front() || key >= bounds_.back()) return 0;
  const auto behind = std::upper_bound(bounds_.begin(), bounds_.end(), key);
  const auto first_hidden =
      std::upper_bound(ranges_.begin(), ranges_.end(), visible,
                       [](std::uint64_t sequence, const Range& range) { return sequence < range.sequence; });
  const auto hidden = static_cast<std::uint32_t>(first_hidden - ranges_.begin());
  std::uint64_t newest = 0;
  for (auto node = bounds_.size() + static_cast<std::size_t>(behind - bounds_.begin()) - 1; node > 0; node /= 2) {
    const auto* const first = covers_.data() + starts_[node];
    const auto* const after = std::lower_bound(first, covers_.data() + starts_[node + 1], hidden);
    if (after != first) newest = std::max(newest, ranges_[*(after - 1)].sequence);
  }
  return newest;
}

bool FragmentedTombstones::overlaps(std::string_view lower, std::string_view upper) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return bounds_[range.start] <= upper && bounds_[range.end] > lower; });
}

void FragmentedTombstones::append_to(std::vector<RangeTombstone>& out) const {
  for (const Range& range : ranges_) out.push_back({bounds_[range.start], bounds_[range.end], range.sequence});
}

TombstoneLists::TombstoneLists(const TombstoneLists* before, std::vector<RangeTombstone> more) {
  if (before != nullptr) lists_ = before->lists_;
  while (!lists_.empty() && lists_.back()->size() <= more.size()) {
    lists_.back()->append_to(more);
    lists_.pop_back();
  }
  lists_.push_back(std::make_shared<const FragmentedTombstones>(std::move(more)));
}

std::uint64_t TombstoneLists::covering(std::string_view key, std::uint64_t visible) const {
  std::uint64_t newest = 0;
  // The last list has the newest ones; often the others need not be asked.
  for (auto list = lists_.rbegin(); list != lists_.rend(); ++list) {
    if ((*list)->newest_sequence() > newest) newest = std::max(newest, (*list)->covering(key, visible));
  }
  return newest;
}

std::size_t TombstoneLists::memory_usage() const {
  std::size_t total = sizeof(*this);
  for (const List& list : lists_) total += sizeof(List) + list->memory_usage();
  return total;
}

}  // namespace ldb::storage
