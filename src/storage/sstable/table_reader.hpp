// Reads a table file.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rt/epoch.hpp"
#include "ldb/file_system.hpp"
#include "storage/cache/block_cache.hpp"
#include "storage/point_read.hpp"
#include "storage/range_tombstone.hpp"
#include "storage/sstable/bloom_filter.hpp"
#include "storage/sstable/compression.hpp"
#include "storage/sstable/key_anchor.hpp"
#include "storage/sstable/scratch_buffer.hpp"
#include "storage/sstable/table_format.hpp"

namespace ldb::storage {

/// The index of the partitions and the range tombstones stay in memory; a partition's index and filter are read when first needed
/// and stay, too, until the table is closed; data blocks come through the cache. Any thread. Iterators keep their reader alive.
/// Every error names file and offset.
class TableReader : public std::enable_shared_from_this<TableReader> {
 public:
  /// `cache` may be null and must outlive the reader.
  static Result<std::shared_ptr<const TableReader>> open(FileSystem& fs, const std::string& path, std::uint64_t number,
                                                         BlockCache* cache);
  ~TableReader();

  /// Looks for the newest version at or below the read's sequence, without regard to range tombstones. kOk also when there is
  /// none: see PointRead::found.
  Status find(PointRead& read) const;
  /// The same for callers without a read at hand.
  Result<PointResult> get(std::string_view key, std::uint64_t sequence, bool want_value = true) const;
  /// Null when there are none.
  const std::shared_ptr<const FragmentedTombstones>& tombstones() const { return tombstones_; }
  /// `fill_cache` false for compactions, which would push out what readers need.
  std::unique_ptr<InternalIterator> iterate(bool fill_cache = true) const;
  /// Where in the file the key would stand.
  std::uint64_t approximate_offset(std::string_view key) const;
  /// One for each partition; of tables that have few of them, several of each, for which they are read.
  void append_anchors(std::vector<KeyAnchor>& anchors) const;
  Result<std::vector<std::pair<std::string, std::string>>> properties() const;
  /// For tools that want to see as much as can be seen of a damaged table.
  struct BlockInfo {
    BlockHandle handle;
    std::string_view separator;  ///< at or behind the last entry, before the next block's first one
    Tag separator_tag = 0;
    Status status;   ///< of reading the block, or of the partition that it should stand in
    BlockPtr block;  ///< null when it could not be read
  };
  void visit_blocks(const std::function<void(const BlockInfo&)>& visit) const;
  std::uint64_t number() const { return number_; }
  /// Without the blocks in the cache.
  std::size_t memory_usage() const { return memory_usage_.load(std::memory_order_relaxed); }
  /// For the table cache: used since it was last asked?
  rt::Atomic<bool>& recently_used() const { return recently_used_; }

 private:
  friend class TableIterator;

  struct Partition {
    BlockPtr index;
    std::string filter_bytes;
    BloomFilter filter;
    std::uint32_t blocks = 0;
    std::unique_ptr<std::uint64_t[]> offsets;   ///< of each data block, and the end of the last one
    std::unique_ptr<BlockCache::Slot[]> slots;  ///< of the cache
    BlockHandle block(std::uint32_t i) const {
      return {offsets[i], static_cast<std::uint32_t>(offsets[i + 1] - offsets[i] - kBlockTrailerBytes)};
    }
    std::size_t memory_usage() const;
  };
  /// Bytes read ahead of an iterator that moves forward.
  struct ReadAhead {
    std::string bytes;
    std::uint64_t offset = 0;
    std::size_t window = 0;  ///< how much to read at once; 0: only what is asked for
    bool backward = false;   ///< what stands before is wanted, not what stands behind
  };

  TableReader(std::string path, std::uint64_t number, std::unique_ptr<RandomAccessFile> file, BlockCache* cache)
      : path_(std::move(path)), number_(number), file_(std::move(file)), cache_(cache) {}
  Status load();
  void grew(std::size_t bytes) const;
  Status load_dictionary(BlockHandle handle);
  Status load_tombstones(BlockHandle handle);
  Status damaged(std::uint64_t offset, const Status& cause) const;
  /// What a block passes through on its way from the file.
  struct Scratch {
    ScratchBuffer stored;
    ScratchBuffer contents;
  };
  /// The result is in `scratch` or in what was read ahead.
  Result<std::string_view> read_contents(BlockHandle handle, BlockLayout layout, Scratch& scratch,
                                         ReadAhead* ahead = nullptr) const;
  Result<BlockPtr> read_block(BlockHandle handle, Block::Use use, ReadAhead* ahead = nullptr) const;
  /// Null when it has not been needed yet.
  const Partition* loaded_partition(std::uint32_t number) const { return partitions_[number].load(std::memory_order_acquire); }
  Result<const Partition*> partition(std::uint32_t number) const;
  Result<std::unique_ptr<Partition>> read_partition(std::uint32_t number) const;
  Result<BlockPtr> data_block(const Partition& partition, std::uint32_t block, bool fill_cache, ReadAhead* ahead) const;
  Status find_in_block(const Block& block, PointRead& read) const;

  const std::string path_;
  const std::uint64_t number_;
  const std::unique_ptr<RandomAccessFile> file_;
  BlockCache* const cache_;
  Footer footer_;
  std::uint64_t file_size_ = 0;
  std::unique_ptr<const Decompressor> decompressor_;  // null: no dictionary
  BlockPtr index_;
  std::unique_ptr<rt::Atomic<const Partition*>[]> partitions_;
  std::shared_ptr<const FragmentedTombstones> tombstones_;
  mutable rt::Atomic<std::size_t> memory_usage_{0};
  mutable rt::Atomic<bool> recently_used_{true};
};

}  // namespace ldb::storage
