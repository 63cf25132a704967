#include "storage/cache/table_cache.hpp"

#include <algorithm>

#include "storage/file_names.hpp"

namespace ldb::storage {

TableCache::TableCache(FileSystem& fs, std::string directory, std::size_t max_open, BlockCache* blocks)
    : fs_(fs), directory_(std::move(directory)), max_per_shard_(std::max<std::size_t>(1, max_open / kShards)), blocks_(blocks) {}

Result<std::shared_ptr<const TableReader>> TableCache::find(std::uint64_t number) {
  Shard& shard = shards_[number % kShards];
  {
    rt::MutexLock lock(shard.mutex);
    const auto it = shard.index.find(number);
    if (it != shard.index.end()) {
      shard.recent.splice(shard.recent.begin(), shard.recent, it->second);
      return it->second->table;
    }
  }
  // Opened without the lock: two threads may both do it, which is harmless.
  auto opened = TableReader::open(fs_, join_path(directory_, table_name(number)), number, blocks_);
  if (!opened) {
    if (opened.error().code() != StatusCode::kNotFound) return opened.error();
    return Status(StatusCode::kCorruption, std::string(opened.error().message()));  // the manifest names it
  }
  Entry evicted;  // closed after the lock
  rt::MutexLock lock(shard.mutex);
  if (!shard.index.contains(number)) {
    shard.recent.push_front({number, *opened});
    shard.index[number] = shard.recent.begin();
    if (shard.recent.size() > max_per_shard_) {
      evicted = std::move(shard.recent.back());
      shard.index.erase(evicted.number);
      shard.recent.pop_back();
    }
  }
  return opened;
}

void TableCache::evict(std::uint64_t number) {
  Shard& shard = shards_[number % kShards];
  Entry evicted;
  rt::MutexLock lock(shard.mutex);
  const auto it = shard.index.find(number);
  if (it == shard.index.end()) return;
  evicted = std::move(*it->second);
  shard.recent.erase(it->second);
  shard.index.erase(it);
}

std::size_t TableCache::memory_usage() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    rt::MutexLock lock(shard.mutex);
    for (const Entry& entry : shard.recent) total += entry.table->memory_usage();
  }
  return total;
}

}  // namespace ldb::storage
