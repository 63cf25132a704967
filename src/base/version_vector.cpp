#include <cstdio>

#include "ldb/ids.hpp"

namespace ldb {

const OriginProgress& VersionVector::get(OriginId origin) const {
  static constexpr OriginProgress kNone;
  const auto entry = entries_.find(origin);
  return entry == entries_.end() ? kNone : entry->second;
}

void VersionVector::merge(const VersionVector& other) {
  for (const auto& [origin, progress] : other.entries_) {
    const auto [entry, inserted] = entries_.emplace(origin, progress);
    if (!inserted && entry->second.sequence < progress.sequence) entry->second = progress;
  }
}

void VersionVector::intersect(const VersionVector& other) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto theirs = other.entries_.find(entry->first);
    if (theirs == other.entries_.end()) {
      entry = entries_.erase(entry);
      continue;
    }
    if (theirs->second.sequence < entry->second.sequence) entry->second = theirs->second;
    ++entry;
  }
}

bool VersionVector::covers(const VersionVector& other) const {
  for (const auto& [origin, progress] : other.entries_)
    if (get(origin).sequence < progress.sequence) return false;
  return true;
}

std::string VersionVector::to_string() const {
  std::string text = "{";
  for (const auto& [origin, progress] : entries_) {
    char entry[64];
    std::snprintf(entry, sizeof entry, "%s%016llx:%llu", text.size() > 1 ? ", " : "",
                  static_cast<unsigned long long>(origin.value), static_cast<unsigned long long>(progress.sequence));
    text += entry;
  }
  return text + "}";
}

}  // namespace ldb
