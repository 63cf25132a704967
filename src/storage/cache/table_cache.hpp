// Open tables, bounded in number.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <unordered_map>

#include "base/rt/rt.hpp"
#include "storage/sstable/table_reader.hpp"

namespace ldb::storage {

/// Sharded by table number, least recently used out first. Any thread. A caller's share keeps a table open after it left.
class TableCache {
 public:
  TableCache(FileSystem& fs, std::string directory, std::size_t max_open, BlockCache* blocks);

  Result<std::shared_ptr<const TableReader>> find(std::uint64_t number);
  /// The file is about to be removed.
  void evict(std::uint64_t number);
  std::size_t memory_usage() const;

 private:
  static constexpr std::size_t kShards = 8;
  struct Entry {
    std::uint64_t number;
    std::shared_ptr<const TableReader> table;
  };
  struct alignas(64) Shard {
    mutable rt::Mutex mutex;
    std::list<Entry> recent LDB_GUARDED_BY(mutex);
    std::unordered_map<std::uint64_t, std::list<Entry>::iterator> index LDB_GUARDED_BY(mutex);
  };

  FileSystem& fs_;
  const std::string directory_;
  const std::size_t max_per_shard_;
  BlockCache* const blocks_;
  std::array<Shard, kShards> shards_;
};

}  // namespace ldb::storage
