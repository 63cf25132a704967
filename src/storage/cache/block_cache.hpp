// Decoded blocks kept in memory, charged by their bytes.
#pragma once

#include <array>
#include <functional>
#include <utility>

#include "base/rt/epoch.hpp"
#include "base/rt/rt.hpp"
#include "storage/sstable/block.hpp"

namespace ldb::storage {

/// There is no table of blocks to search: each open table has a slot for each of its blocks, and a reader that holds a guard of
/// the epochs loads the slot and has the block, or null (pointer swizzling as in V. Leis et al., "LeanStore", 2018). A hit takes
/// no lock and writes nothing that another core reads, but a note in the block when it was not hot yet.
///
/// What goes first is decided as in S3-FIFO (J. Yang et al., "FIFO Queues are All You Need for Cache Eviction", 2023), so that a
/// scan through everything passes by what is read again and again: a new block waits in a small queue, and only one that was read
/// there comes to the main one. Sharded; any thread.
class BlockCache {
 public:
  using Slot = rt::Atomic<const Block*>;

  /// `table_bytes`: what the indexes and filters of open tables may take; what they take beyond it goes off the blocks' capacity,
  /// up to seven eighths of that.
  BlockCache(std::size_t capacity_bytes, rt::EpochDomain& epochs, std::size_t table_bytes = SIZE_MAX);
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  /// What is in the slot, or null. A share of it may be taken as long as the caller's guard is open.
  static const Block* find(const Slot& slot) {
    const Block* const block = slot.load(std::memory_order_seq_cst);
    if (block != nullptr) {
      rt::Atomic<std::uint8_t>& heat = block->cache_notes().heat;
      const std::uint8_t now = heat.load(std::memory_order_relaxed);
      if (now < kMaxHeat) heat.store(now + 1, std::memory_order_relaxed);
    }
    return block;
  }
  /// Puts the block into an empty slot; does nothing when it is filled already or the block is too big. `place` chooses the
  /// shard: a number that is always the same for the slot and spreads the blocks of a table.
  void insert(Slot& slot, std::uint64_t place, const BlockPtr& block);
  /// Indexes and filters were loaded, or went away. Blocks make room as others are inserted; what they cannot make up for, other
  /// tables must (on_too_many_loaded).
  void note_loaded(std::size_t bytes) {
    const std::size_t now = loaded_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (on_too_many_loaded_ && now > table_bytes_ + capacity_ / 2) on_too_many_loaded_();
  }
  /// Before anybody uses the cache. Called by whoever loads, without locks of the cache.
  void set_on_too_many_loaded(std::function<void()> callback) { on_too_many_loaded_ = std::move(callback); }
  void note_dropped(std::size_t bytes) { loaded_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  /// The slot's table is closing.
  void remove(Slot& slot, std::uint64_t place);

  rt::EpochDomain& epochs() { return epochs_; }
  std::size_t memory_usage() const;
  /// What blocks may take at the moment.
  std::size_t capacity() const;
  std::uint64_t insertions() const { return insertions_.load(std::memory_order_relaxed); }
  std::uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::uint8_t kMaxHeat = 3;

  /// Doubly linked through the blocks' notes.
  struct Queue {
    const Block* newest = nullptr;
    const Block* oldest = nullptr;
    std::size_t bytes = 0;
  };
  struct alignas(64) Shard {
    mutable rt::Mutex mutex;
    Queue small LDB_GUARDED_BY(mutex);
    Queue main LDB_GUARDED_BY(mutex);
  };

  static std::size_t charge(const Block& block) { return block.memory_usage() + sizeof(Slot); }
  static void push(Queue& queue, const Block& block);
  static void unlink(Queue& queue, const Block& block);
  const Block* pick_victim(Shard& shard) LDB_REQUIRES(shard.mutex);
  Shard& shard_of(std::uint64_t place) { return shards_[place % kShards]; }
  void retire(const Block* block);

  const std::size_t capacity_;
  const std::size_t table_bytes_;  // SIZE_MAX / 2 at the most
  std::function<void()> on_too_many_loaded_;
  rt::EpochDomain& epochs_;
  rt::Atomic<std::size_t> loaded_bytes_{0};
  std::array<Shard, kShards> shards_;
  rt::Atomic<std::uint64_t> insertions_{0};
  rt::Atomic<std::uint64_t> evictions_{0};
};

}  // namespace ldb::storage
