// Decoded blocks kept in memory, charged by their bytes.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <unordered_map>

#include "base/rt/rt.hpp"
#include "storage/sstable/block.hpp"

namespace ldb::storage {

/// Sharded by key, least recently used out first. Any thread; a caller's share keeps a block alive after it left the cache.
class BlockCache {
 public:
  explicit BlockCache(std::size_t capacity_bytes);
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  /// Null when it is not there.
  std::shared_ptr<const Block> find(std::uint64_t table, std::uint64_t offset);
  void insert(std::uint64_t table, std::uint64_t offset, std::shared_ptr<const Block> block);

  std::size_t memory_usage() const;
  std::size_t capacity() const { return capacity_; }
  std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }
  std::uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 16;
  struct Key {
    std::uint64_t table;
    std::uint64_t offset;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t h = (key.table * 0x9e3779b97f4a7c15) ^ key.offset;
      h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93;
      return static_cast<std::size_t>(h ^ (h >> 32));
    }
  };
  struct Entry {
    Key key;
    std::shared_ptr<const Block> block;
    std::size_t bytes;
  };
  struct alignas(64) Shard {
    mutable rt::Mutex mutex;
    std::list<Entry> recent LDB_GUARDED_BY(mutex);  // most recently used first
    std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> index LDB_GUARDED_BY(mutex);
    std::size_t bytes LDB_GUARDED_BY(mutex) = 0;
  };
  Shard& shard_of(const Key& key) { return shards_[KeyHash()(key) >> 59 & (kShards - 1)]; }

  const std::size_t capacity_;
  std::array<Shard, kShards> shards_;
  rt::Atomic<std::uint64_t> hits_{0};
  rt::Atomic<std::uint64_t> misses_{0};
};

}  // namespace ldb::storage
