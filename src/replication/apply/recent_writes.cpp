#include "replication/apply/recent_writes.hpp"

#include <algorithm>

namespace ldb {
namespace {

constexpr std::size_t kMaxBytes = 2 << 20;
constexpr std::size_t kMaxKeysPerCommit = 2000;
constexpr std::size_t kKeyOverhead = 48;

Status must_run_again(const char* why) {
  return Status(StatusCode::kConflict, std::string("could not serialize access: ") + why + "; run the transaction again");
}

}  // namespace

ReadSet::ReadSet(std::vector<KeyRange> ranges) {
  for (KeyRange& range : ranges)
    if (!range.lower) range.lower.emplace();
  std::sort(ranges.begin(), ranges.end(), [](const KeyRange& a, const KeyRange& b) { return *a.lower < *b.lower; });
  for (KeyRange& range : ranges) {
    if (range.upper && *range.upper <= *range.lower) continue;
    if (!ranges_.empty() && (!ranges_.back().upper || *ranges_.back().upper >= *range.lower)) {
      std::optional<std::string>& upper = ranges_.back().upper;
      if (upper && (!range.upper || *range.upper > *upper)) upper = std::move(range.upper);
    } else {
      ranges_.push_back(std::move(range));
    }
  }
}

bool ReadSet::contains(std::string_view key) const {
  auto range =
      std::upper_bound(ranges_.begin(), ranges_.end(), key, [](std::string_view k, const KeyRange& r) { return k < *r.lower; });
  if (range == ranges_.begin()) return false;
  --range;
  return !range->upper || key < *range->upper;
}

void RecentWrites::enable(std::uint64_t last_ticket, std::optional<std::uint64_t> latest_sequence) {
  enabled_ = true;
  enabled_at_ticket_ = last_ticket;
  complete_from_ = latest_sequence;
}

void RecentWrites::submitted(std::uint64_t ticket, std::vector<std::string> keys) {
  Entry entry{ticket, 0, keys.size() > kMaxKeysPerCommit, {}, kKeyOverhead};
  if (!entry.everything) {
    entry.keys = std::move(keys);
    for (const std::string& key : entry.keys) entry.bytes += key.size() + kKeyOverhead;
  }
  bytes_ += entry.bytes;
  entries_.push_back(std::move(entry));
  while (bytes_ > kMaxBytes && entries_.front().sequence != 0) {
    complete_from_ = std::max(complete_from_.value_or(0), entries_.front().sequence);
    bytes_ -= entries_.front().bytes;
    entries_.pop_front();
  }
}

void RecentWrites::became_visible(std::uint64_t ticket, std::uint64_t sequence) {
  if (enabled_ && !complete_from_ && ticket >= enabled_at_ticket_) complete_from_ = sequence;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->ticket > ticket) continue;
    if (entry->sequence != 0) return;
    entry->sequence = sequence;  // of those before it perhaps too high: then they are checked once too often
  }
}

void RecentWrites::state_replaced(std::uint64_t sequence) {
  entries_.clear();
  bytes_ = 0;
  complete_from_ = sequence;
}

Status RecentWrites::check(const ReadSet& reads, std::uint64_t view_sequence) const {
  if (reads.empty()) return {};
  if (!complete_from_ || view_sequence < *complete_from_) return must_run_again("too many commits since this transaction's view");
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->sequence != 0 && entry->sequence <= view_sequence) break;
    if (entry->everything) return must_run_again("a very big commit came between");
    for (const std::string& key : entry->keys)
      if (reads.contains(key)) return must_run_again("something that this transaction read was changed by another commit");
  }
  return {};
}

}  // namespace ldb
