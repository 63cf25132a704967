// Memory that memtables hand on to each other.
#pragma once

#include <new>
#include <vector>

#include "base/page_block.hpp"
#include "base/rt/atomic.hpp"
#include "base/rt/rt.hpp"

namespace ldb::storage {

/// Blocks of one size. While writers are busy the memory of a flushed memtable is that of the next one: nothing is mapped, zeroed
/// and unmapped all the time, and nothing of it is left lying in the heap among longer-lived things afterwards. Any thread.
class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = 256 << 10;
  static constexpr std::size_t kLargeBlockBytes = 2 << 20;  ///< for memtables of many of them: a huge page
  static constexpr std::size_t kPreparedBlocks = 2;

  /// `most_bytes`: what is kept of given back blocks; the rest goes back to the system.
  explicit BlockPool(std::size_t most_bytes, std::size_t block_bytes = kBlockBytes)
      : block_bytes_(block_bytes), most_(most_bytes / block_bytes) {}

  std::size_t block_bytes() const { return block_bytes_; }
  PageBlock take() {
    rt::MutexLock lock(mutex_);
    trimmed_ = false;
    if (free_.empty()) return PageBlock(block_bytes_);
    PageBlock block = std::move(free_.back());
    free_.pop_back();
    count_free();
    block.allow();
    return block;
  }
  /// Unmaps what is too much on the caller's thread.
  void give_back(std::vector<PageBlock> blocks) {
    rt::MutexLock lock(mutex_);
    while (!blocks.empty() && free_.size() < most_ && !trimmed_) {
      blocks.back().forbid();
      free_.push_back(std::move(blocks.back()));
      blocks.pop_back();
    }
    count_free();
  }  // unlocks before `blocks` goes
  /// For who will take large blocks soon: true, once until prepare(), when there are too few. To get such a block from the system
  /// may take milliseconds, which writers should not have to wait for.
  bool wants_preparation() {
    return block_bytes_ >= kLargeBlockBytes && free_count_.load(std::memory_order_relaxed) < kPreparedBlocks &&
           !wanted_.load(std::memory_order_relaxed) && !wanted_.exchange(true, std::memory_order_relaxed);
  }
  /// Sees to it that there are kPreparedBlocks, if that was wanted and the system has the memory. Others do not wait for it.
  void prepare() {
    if (!wanted_.load(std::memory_order_relaxed) || preparing_.exchange(true, std::memory_order_acquire)) return;
    try {
      while (wanted_.load(std::memory_order_relaxed) && free_count_.load(std::memory_order_relaxed) < kPreparedBlocks)
        add_touched();
      wanted_.store(false, std::memory_order_relaxed);
    } catch (const std::bad_alloc&) {  // who takes a block will see
    }
    preparing_.store(false, std::memory_order_release);
  }
  /// A memtable takes that much from elsewhere: as much of what is free goes back to the system, so that the sum does not grow.
  /// Prepared blocks stay: they would be wanted again at once.
  void make_way_for(std::size_t bytes) {
    std::vector<PageBlock> freed;
    rt::MutexLock lock(mutex_);
    const std::size_t least = block_bytes_ >= kLargeBlockBytes ? kPreparedBlocks : 0;
    if (free_.size() <= least) return;
    for (owed_bytes_ += bytes; owed_bytes_ >= block_bytes_ && free_.size() > least; owed_bytes_ -= block_bytes_) {
      freed.push_back(std::move(free_.back()));
      free_.pop_back();
    }
    if (free_.size() <= least) owed_bytes_ = 0;
    count_free();
  }
  /// Gives what is free back to the system, and what is given back before the next block is taken: readers may still have some.
  void trim() {
    std::vector<PageBlock> freed;
    rt::MutexLock lock(mutex_);
    trimmed_ = true;
    freed.swap(free_);
    count_free();
    wanted_.store(false, std::memory_order_relaxed);
  }
  /// Of the free blocks.
  std::size_t memory_usage() const {
    rt::MutexLock lock(mutex_);
    return free_.size() * block_bytes_;
  }

 private:
  void add_touched() {
    PageBlock block(block_bytes_);
    block.touch();
    block.forbid();
    rt::MutexLock lock(mutex_);
    if (!wanted_.load(std::memory_order_relaxed)) return;  // trimmed meanwhile
    free_.push_back(std::move(block));
    count_free();
  }
  void count_free() LDB_REQUIRES(mutex_) { free_count_.store(free_.size(), std::memory_order_relaxed); }

  const std::size_t block_bytes_;
  const std::size_t most_;  ///< blocks
  mutable rt::Mutex mutex_;
  std::vector<PageBlock> free_ LDB_GUARDED_BY(mutex_);
  bool trimmed_ LDB_GUARDED_BY(mutex_) = false;
  std::size_t owed_bytes_ LDB_GUARDED_BY(mutex_) = 0;  ///< to make_way_for(); less than a block
  rt::Atomic<std::size_t> free_count_{0};
  rt::Atomic<bool> wanted_{false};
  rt::Atomic<bool> preparing_{false};
};

}  // namespace ldb::storage
