// Open tables, bounded in number and in memory.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/rt/rt.hpp"
#include "storage/manifest/version.hpp"
#include "storage/sstable/table_reader.hpp"

namespace ldb::storage {

/// Sharded by table number; what was not used for a while goes first. Any thread. A caller's share keeps a table open after it
/// left. A reader under a guard finds an open table through TableFile::reader without coming here.
class TableCache {
 public:
  struct Bounds {
    std::size_t tables;
    std::size_t bytes;  ///< indexes and filters; checked when a table is opened, and when those of open ones grow too much
  };
  TableCache(FileSystem& fs, std::string directory, Bounds bounds, BlockCache& blocks);

  Result<std::shared_ptr<const TableReader>> find(const TablePtr& table);
  /// The file is about to be removed.
  void evict(std::uint64_t number);
  /// Nobody reads any more.
  void clear();
  std::size_t memory_usage() const;

 private:
  static constexpr std::size_t kShards = 8;
  struct Entry {
    std::weak_ptr<TableFile> file;
    std::shared_ptr<const TableReader> table;
  };
  struct alignas(64) Shard {
    mutable rt::Mutex mutex;
    std::list<Entry> queue LDB_GUARDED_BY(mutex);  // newest first; a table that was used gets another round
    std::unordered_map<std::uint64_t, std::list<Entry>::iterator> index LDB_GUARDED_BY(mutex);
  };
  bool is_over(const Shard& shard) const LDB_REQUIRES(shard.mutex);
  static Entry take_oldest(Shard& shard) LDB_REQUIRES(shard.mutex);
  /// Closes tables, those first that were not used of late, until all that are left are within the bound together.
  void trim();
  static std::size_t bytes_of(const Shard& shard) LDB_REQUIRES(shard.mutex);
  /// The entry leaves the cache; readers may still follow the pointer to it.
  void forget(Entry entry);

  FileSystem& fs_;
  const std::string directory_;
  const Bounds bounds_;  // of each shard
  BlockCache& blocks_;
  std::array<Shard, kShards> shards_;
  rt::Mutex trim_mutex_;  // before those of the shards
  std::size_t trim_first_ LDB_GUARDED_BY(trim_mutex_) = 0;
};

}  // namespace ldb::storage
