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
  static constexpr std::size_t kLargeBlockBytes = 2 << 20;  ///< for memtables of many of them: a huge page

  /// `most_bytes`: what is kept free; the rest goes back to the system.
  explicit BlockPool(std::size_t most_bytes, std::size_t block_bytes = kBlockBytes)
      : block_bytes_(block_bytes), most_(most_bytes / block_bytes) {}

  std::size_t block_bytes() const { return block_bytes_; }
  PageBlock take() {
    rt::MutexLock lock(mutex_);
    if (free_.empty()) return PageBlock(block_bytes_);
    PageBlock block = std::move(free_.back());
    free_.pop_back();
    block.allow();
    return block;
  }
  /// Unmaps what is too much on the caller's thread.
  void give_back(std::vector<PageBlock> blocks) {
    rt::MutexLock lock(mutex_);
    while (!blocks.empty() && free_.size() < most_) {
      blocks.back().forbid();
      free_.push_back(std::move(blocks.back()));
      blocks.pop_back();
    }
  }  // unlocks before `blocks` goes
  /// Gives what is free back to the system.
  void trim() {
    std::vector<PageBlock> freed;
    rt::MutexLock lock(mutex_);
    freed.swap(free_);
  }
  /// Of the free blocks.
  std::size_t memory_usage() const {
    rt::MutexLock lock(mutex_);
    return free_.size() * block_bytes_;
  }

 private:
  const std::size_t block_bytes_;
  const std::size_t most_;  ///< blocks
  mutable rt::Mutex mutex_;
  std::vector<PageBlock> free_ LDB_GUARDED_BY(mutex_);
};

}  // namespace ldb::storage
