#include "txn/read_tracker.hpp"

#include <algorithm>
#include <map>

#include "txn/keys.hpp"

namespace ldb::txn {
namespace {
constexpr std::size_t kMaxRanges = 4096;
}

void ReadTracker::add(KeyRange range) {
  if (!ranges_.empty() && ranges_.back().lower == range.lower && ranges_.back().upper == range.upper) return;
  ranges_.push_back(std::move(range));
  if (ranges_.size() < kMaxRanges) return;
  std::map<std::string, KeyRange> covers;
  for (KeyRange& read : ranges_) {
    KeyRange& cover = covers[read.lower->substr(0, keys::kPrefixSize)];
    if (!cover.lower || *read.lower < *cover.lower) cover.lower = std::move(read.lower);
    if (!cover.upper || *read.upper > *cover.upper) cover.upper = std::move(read.upper);
  }
  ranges_.clear();
  for (auto& [prefix, cover] : covers) ranges_.push_back(std::move(cover));
}

}  // namespace ldb::txn
