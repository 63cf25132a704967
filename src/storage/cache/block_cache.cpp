#include "storage/cache/block_cache.hpp"

namespace ldb::storage {

BlockCache::BlockCache(std::size_t capacity_bytes) : capacity_(capacity_bytes) {}

std::shared_ptr<const Block> BlockCache::find(std::uint64_t table, std::uint64_t offset) {
  const Key key{table, offset};
  Shard& shard = shard_of(key);
  rt::MutexLock lock(shard.mutex);
  const auto it = shard.index.find(key);
  if (it == shard.index.end()) {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  hits_.fetch_add(1, std::memory_order_relaxed);
  shard.recent.splice(shard.recent.begin(), shard.recent, it->second);
  return it->second->block;
}

void BlockCache::insert(std::uint64_t table, std::uint64_t offset, std::shared_ptr<const Block> block) {
  const Key key{table, offset};
  constexpr std::size_t kOverhead = 128;  // list and map nodes
  const std::size_t bytes = block->memory_usage() + kOverhead;
  const std::size_t limit = capacity_ / kShards;
  if (bytes > limit) return;
  Shard& shard = shard_of(key);
  std::list<Entry> evicted;  // freed after the lock
  rt::MutexLock lock(shard.mutex);
  if (shard.index.contains(key)) return;
  shard.recent.push_front({key, std::move(block), bytes});
  shard.index[key] = shard.recent.begin();
  shard.bytes += bytes;
  while (shard.bytes > limit) {
    const auto last = std::prev(shard.recent.end());
    shard.bytes -= last->bytes;
    shard.index.erase(last->key);
    evicted.splice(evicted.begin(), shard.recent, last);
  }
}

std::size_t BlockCache::memory_usage() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    rt::MutexLock lock(shard.mutex);
    total += shard.bytes;
  }
  return total;
}

}  // namespace ldb::storage
