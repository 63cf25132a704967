// Memory that memtables hand on to each other.
#pragma once

#include <cstdint>
#include <optional>
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
  explicit BlockPool(std::size_t most_bytes, std::size_t block_bytes = kBlockBytes);

  std::size_t block_bytes() const { return block_bytes_; }
  /// Throws std::bad_alloc.
  PageBlock take();
  /// Unmaps what is too much on the caller's thread.
  void give_back(std::vector<PageBlock> blocks) noexcept;
  /// For who will take large blocks soon: true when there are too few; then somebody is to call prepare(), and until that is
  /// over, or trim() called, false. To get such a block from the system may take milliseconds, which writers should not have to
  /// wait for.
  bool wants_preparation();
  /// Sees to it that there are kPreparedBlocks, if that was wanted. Others do not wait for it. Where the system lacks the memory
  /// it is wanted again only after the next take() or trim().
  void prepare();
  /// A memtable takes that much from elsewhere: as much of what is free goes back to the system, so that the sum does not grow.
  /// Prepared blocks stay: they would be wanted again at once.
  void make_way_for(std::size_t bytes);
  /// Gives what is free back to the system, and what is given back before the next block is taken: readers may still have some.
  /// Ends early when one is taken meanwhile.
  void trim();
  /// Of the free blocks.
  std::size_t memory_usage() const;

 private:
  enum class Preparation : std::uint8_t { kIdle, kWanted, kRunning, kFailed };

  bool large() const { return block_bytes_ >= kLargeBlockBytes; }
  bool too_few() const { return free_count_.load(std::memory_order_relaxed) < kPreparedBlocks; }
  bool advance(Preparation from, Preparation to) { return preparation_.compare_exchange_strong(from, to); }
  bool add_prepared();
  PageBlock pop() LDB_REQUIRES(mutex_);
  // One at a time, so that blocks are unmapped while nobody waits.
  std::optional<PageBlock> pop_owed();
  std::optional<PageBlock> pop_trimmed();
  void count_free() LDB_REQUIRES(mutex_) { free_count_.store(free_.size(), std::memory_order_relaxed); }

  const std::size_t block_bytes_;
  const std::size_t most_;  ///< blocks
  mutable rt::Mutex mutex_;
  std::vector<PageBlock> free_ LDB_GUARDED_BY(mutex_);  ///< has room for all that there can be
  bool trimmed_ LDB_GUARDED_BY(mutex_) = false;
  std::size_t owed_bytes_ LDB_GUARDED_BY(mutex_) = 0;  ///< to make_way_for(); behind it less than a block
  rt::Atomic<std::size_t> free_count_{0};
  rt::Atomic<Preparation> preparation_{Preparation::kIdle};
};

}  // namespace ldb::storage
