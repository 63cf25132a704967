#include "storage/cache/block_cache.hpp"

#include <algorithm>
#include <vector>

namespace ldb::storage {

BlockCache::BlockCache(std::size_t capacity_bytes, rt::EpochDomain& epochs, std::size_t table_bytes)
    : capacity_(capacity_bytes), table_bytes_(std::min(table_bytes, SIZE_MAX / 2)), epochs_(epochs) {}

std::size_t BlockCache::capacity() const {
  const std::size_t loaded = loaded_bytes_.load(std::memory_order_relaxed);
  return capacity_ - std::min(loaded > table_bytes_ ? loaded - table_bytes_ : 0, capacity_ / 8 * 7);
}

BlockCache::~BlockCache() {
  // Tables take their blocks out when they close, so there is nothing left; but what is must not leak.
  for (Shard& shard : shards_) {
    rt::MutexLock lock(shard.mutex);
    for (Queue* queue : {&shard.small, &shard.main}) {
      while (queue->newest != nullptr) {
        const Block* const block = queue->newest;
        unlink(*queue, *block);
        block->release();
      }
    }
  }
}

void BlockCache::push(Queue& queue, const Block& block) {
  Block::CacheNotes& notes = block.cache_notes();
  notes.newer = nullptr;
  notes.older = queue.newest;
  (queue.newest != nullptr ? queue.newest->cache_notes().newer : queue.oldest) = &block;
  queue.newest = &block;
  queue.bytes += charge(block);
}

void BlockCache::unlink(Queue& queue, const Block& block) {
  const Block::CacheNotes& notes = block.cache_notes();
  (notes.newer != nullptr ? notes.newer->cache_notes().older : queue.newest) = notes.older;
  (notes.older != nullptr ? notes.older->cache_notes().newer : queue.oldest) = notes.newer;
  queue.bytes -= charge(block);
}

const Block* BlockCache::pick_victim(Shard& shard) {
  for (int tries = 0;; ++tries) {
    const bool forced = tries >= 1000;  // readers may warm blocks up as fast as this cools them down
    // Where a tenth of the shard is less than a block, the one that has just come may stay until the next one comes.
    const bool several = shard.small.newest != shard.small.oldest;
    const bool from_small =
        shard.main.oldest == nullptr || (several && shard.small.bytes > (shard.small.bytes + shard.main.bytes) / 10);
    Queue& queue = from_small && shard.small.oldest != nullptr ? shard.small : shard.main;
    const Block* const block = queue.oldest;
    if (block == nullptr) return nullptr;
    Block::CacheNotes& notes = block->cache_notes();
    const std::uint8_t heat = notes.heat.load(std::memory_order_relaxed);
    unlink(queue, *block);
    if (heat == 0 || forced) return block;
    notes.heat.store(notes.in_main ? heat - 1 : 0, std::memory_order_relaxed);
    notes.in_main = true;
    push(shard.main, *block);
  }
}

void BlockCache::retire(const Block* block) {
  epochs_.retire(const_cast<Block*>(block), [](void* p) { static_cast<const Block*>(p)->release(); });
}

void BlockCache::insert(Slot& slot, std::uint64_t place, const BlockPtr& block) {
  const std::size_t limit = capacity() / kShards;
  if (charge(*block) > limit) return;
  Shard& shard = shard_of(place);
  std::vector<const Block*> victims;
  {
    rt::MutexLock lock(shard.mutex);
    if (slot.load(std::memory_order_relaxed) != nullptr) return;
    block->add_share();
    block->cache_notes().slot = &slot;
    push(shard.small, *block);
    while (shard.small.bytes + shard.main.bytes > limit) {
      const Block* const victim = pick_victim(shard);
      if (victim == nullptr) break;
      victim->cache_notes().slot->store(nullptr, std::memory_order_seq_cst);
      victims.push_back(victim);
    }
    // Last, and only if it was not its own victim.
    bool stays = true;
    for (const Block* victim : victims) stays &= victim != block.get();
    if (stays) slot.store(block.get(), std::memory_order_seq_cst);
  }
  insertions_.fetch_add(1, std::memory_order_relaxed);
  if (!victims.empty()) evictions_.fetch_add(victims.size(), std::memory_order_relaxed);
  for (const Block* victim : victims) retire(victim);
}

void BlockCache::remove(Slot& slot, std::uint64_t place) {
  Shard& shard = shard_of(place);
  const Block* block = nullptr;
  {
    rt::MutexLock lock(shard.mutex);
    block = slot.load(std::memory_order_relaxed);
    if (block == nullptr) return;
    unlink(block->cache_notes().in_main ? shard.main : shard.small, *block);
    slot.store(nullptr, std::memory_order_seq_cst);
  }
  retire(block);
}

std::size_t BlockCache::memory_usage() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    rt::MutexLock lock(shard.mutex);
    total += shard.small.bytes + shard.main.bytes;
  }
  return total;
}

}  // namespace ldb::storage
