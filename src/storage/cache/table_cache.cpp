#include "storage/cache/table_cache.hpp"

#include <algorithm>
#include <vector>

#include "storage/file_names.hpp"

namespace ldb::storage {

TableCache::TableCache(FileSystem& fs, std::string directory, Bounds bounds, BlockCache& blocks)
    : fs_(fs),
      directory_(std::move(directory)),
      bounds_{std::max<std::size_t>(1, bounds.tables / kShards), bounds.bytes / kShards},
      blocks_(blocks) {
  blocks_.set_on_too_many_loaded([this] { trim(); });
}

Result<std::shared_ptr<const TableReader>> TableCache::find(const TablePtr& file) {
  const std::uint64_t number = file->meta.number;
  Shard& shard = shards_[number % kShards];
  {
    rt::MutexLock lock(shard.mutex);
    const auto it = shard.index.find(number);
    if (it != shard.index.end()) {
      Entry& entry = *it->second;
      entry.table->recently_used().store(true, std::memory_order_relaxed);
      if (file->reader.load(std::memory_order_relaxed) == nullptr) {  // a table that moved to another level
        entry.file = file;
        file->reader.store(entry.table.get(), std::memory_order_seq_cst);
      }
      return entry.table;
    }
  }
  // Opened without the lock: two threads may both do it, which is harmless.
  auto opened = TableReader::open(fs_, join_path(directory_, table_name(number)), number, &blocks_);
  if (!opened) {
    if (opened.error().code() != StatusCode::kNotFound) return opened.error();
    return Status(StatusCode::kCorruption, std::string(opened.error().message()));  // the manifest names it
  }
  std::vector<Entry> evicted;
  {
    rt::MutexLock lock(shard.mutex);
    const auto it = shard.index.find(number);
    if (it != shard.index.end()) return it->second->table;
    shard.queue.push_front({file, *opened});
    shard.index[number] = shard.queue.begin();
    file->reader.store(opened->get(), std::memory_order_seq_cst);
    for (std::size_t rounds = shard.queue.size(); is_over(shard); rounds -= rounds > 1 ? 1 : 0) {
      const auto oldest = std::prev(shard.queue.end());
      if (rounds > 1 && oldest->table->recently_used().exchange(false, std::memory_order_relaxed)) {
        shard.queue.splice(shard.queue.begin(), shard.queue, oldest);
        continue;
      }
      evicted.push_back(take_oldest(shard));
    }
  }
  for (Entry& entry : evicted) forget(std::move(entry));
  return opened;
}

TableCache::Entry TableCache::take_oldest(Shard& shard) {
  Entry entry = std::move(shard.queue.back());
  shard.index.erase(entry.table->number());
  shard.queue.pop_back();
  // Before the lock goes: whoever opens the table again stores a new pointer.
  if (const TablePtr owner = entry.file.lock()) owner->reader.store(nullptr, std::memory_order_seq_cst);
  return entry;
}

void TableCache::trim() {
  rt::MutexLock one_at_a_time(trim_mutex_);
  std::size_t total = memory_usage();
  std::vector<Entry> evicted;
  for (const bool spare_the_used : {true, false}) {
    for (std::size_t i = 0; i < kShards; ++i) {
      Shard& shard = shards_[(trim_first_ + i) % kShards];
      rt::MutexLock lock(shard.mutex);
      for (std::size_t left = shard.queue.size(); left > 0 && total > kShards * bounds_.bytes; --left) {
        const auto oldest = std::prev(shard.queue.end());
        if (spare_the_used && oldest->table->recently_used().exchange(false, std::memory_order_relaxed)) {
          shard.queue.splice(shard.queue.begin(), shard.queue, oldest);
          continue;
        }
        total -= std::min(total, oldest->table->memory_usage());
        evicted.push_back(take_oldest(shard));
      }
    }
  }
  ++trim_first_;  // not always the tables of the same shards first
  for (Entry& entry : evicted) forget(std::move(entry));
  blocks_.epochs().collect();  // they would stay until some more things are retired
}

void TableCache::forget(Entry entry) { blocks_.epochs().retire(std::move(entry.table)); }

void TableCache::evict(std::uint64_t number) {
  Shard& shard = shards_[number % kShards];
  Entry evicted;
  {
    rt::MutexLock lock(shard.mutex);
    const auto it = shard.index.find(number);
    if (it == shard.index.end()) return;
    evicted = std::move(*it->second);
    shard.queue.erase(it->second);
    shard.index.erase(it);
    if (const TablePtr owner = evicted.file.lock()) owner->reader.store(nullptr, std::memory_order_seq_cst);
  }
  forget(std::move(evicted));
}

void TableCache::clear() {
  for (Shard& shard : shards_) {
    rt::MutexLock lock(shard.mutex);
    shard.index.clear();
    shard.queue.clear();
  }
}

bool TableCache::is_over(const Shard& shard) const {
  return shard.queue.size() > bounds_.tables || (shard.queue.size() > 1 && bytes_of(shard) > bounds_.bytes);
}

std::size_t TableCache::bytes_of(const Shard& shard) {
  std::size_t total = 0;
  for (const Entry& entry : shard.queue) total += entry.table->memory_usage();
  return total;
}

std::size_t TableCache::memory_usage() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    rt::MutexLock lock(shard.mutex);
    total += bytes_of(shard);
  }
  return total;
}

}  // namespace ldb::storage
