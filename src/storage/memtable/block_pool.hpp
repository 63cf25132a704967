// Memory that memtables hand on to each other.
#pragma once

#include <vector>

#include "base/page_block.hpp"
#include "base/rt/rt.hpp"

namespace ldb::storage {

/// Blocks of one size. While writers are busy the memory of a flushed memtable is that of the next one: nothing is mapped, zeroed
/// and unmapped all the time, and nothing of it is left lying in the heap among longer-lived things afterwards. Any thread.
class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = 256 << 10;

  PageBlock take() {
    rt::MutexLock lock(mutex_);
    if (free_.empty()) return PageBlock(kBlockBytes);
    PageBlock block = std::move(free_.back());
    free_.pop_back();
    return block;
  }
  void give_back(std::vector<PageBlock>&& blocks) {
    rt::MutexLock lock(mutex_);
    for (PageBlock& block : blocks) free_.push_back(std::move(block));
  }
  /// Gives what is free back to the system.
  void trim() {
    std::vector<PageBlock> freed;
    rt::MutexLock lock(mutex_);
    freed.swap(free_);
  }

 private:
  rt::Mutex mutex_;
  std::vector<PageBlock> free_ LDB_GUARDED_BY(mutex_);
};

}  // namespace ldb::storage
