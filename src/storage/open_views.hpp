// The read views that are open, by sequence.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "base/rt/rt.hpp"

namespace ldb::storage {

/// Any thread. Taking a view and listing the views exclude each other, so that what a listing leaves out can be collected.
class OpenViews {
 public:
  /// Registers a view of the newest published sequence and returns it.
  std::uint64_t open(const rt::Atomic<std::uint64_t>& published) {
    rt::MutexLock lock(mutex_);
    const std::uint64_t sequence = published.load(std::memory_order_acquire);
    sequences_.insert(sequence);
    return sequence;
  }
  void close(std::uint64_t sequence) {
    rt::MutexLock lock(mutex_);
    sequences_.erase(sequences_.find(sequence));
  }
  /// All that someone may still ask for, ascending and without repetition: open views and the newest published sequence.
  std::vector<std::uint64_t> list(const rt::Atomic<std::uint64_t>& published) const {
    rt::MutexLock lock(mutex_);
    std::vector<std::uint64_t> result;
    for (const std::uint64_t sequence : sequences_) {
      if (result.empty() || result.back() != sequence) result.push_back(sequence);
    }
    const std::uint64_t newest = published.load(std::memory_order_acquire);
    if (result.empty() || result.back() != newest) result.push_back(newest);
    return result;
  }
  std::size_t count() const {
    rt::MutexLock lock(mutex_);
    return sequences_.size();
  }

 private:
  mutable rt::Mutex mutex_;
  std::multiset<std::uint64_t> sequences_ LDB_GUARDED_BY(mutex_);
};

}  // namespace ldb::storage
