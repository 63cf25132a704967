// Reads a table file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ldb/file_system.hpp"
#include "storage/cache/block_cache.hpp"
#include "storage/range_tombstone.hpp"
#include "storage/sstable/bloom_filter.hpp"
#include "storage/sstable/table_format.hpp"

namespace ldb::storage {

/// Index, filter and range tombstones stay in memory; data blocks come through the cache. Immutable; any thread. Iterators keep
/// their reader alive. Every error names file and offset.
class TableReader : public std::enable_shared_from_this<TableReader> {
 public:
  /// `cache` may be null. `number` names the table in the cache.
  static Result<std::shared_ptr<const TableReader>> open(FileSystem& fs, const std::string& path, std::uint64_t number,
                                                         BlockCache* cache);

  /// The newest version of `key` at or below `sequence`, without regard to range tombstones.
  Result<PointResult> get(std::string_view key, std::uint64_t sequence, bool want_value = true) const;
  /// Null when there are none.
  const std::shared_ptr<const FragmentedTombstones>& tombstones() const { return tombstones_; }
  /// `fill_cache` false for compactions, which would push out what readers need.
  std::unique_ptr<InternalIterator> iterate(bool fill_cache = true) const;
  /// Where in the file the key would stand.
  std::uint64_t approximate_offset(std::string_view key) const;
  Result<std::vector<std::pair<std::string, std::string>>> properties() const;
  std::size_t memory_usage() const { return memory_usage_; }

  Result<std::shared_ptr<const Block>> read_data_block(BlockHandle handle, bool fill_cache) const;
  Status damaged(std::uint64_t offset, const Status& cause) const;
  const std::shared_ptr<const Block>& index() const { return index_; }

 private:
  TableReader(std::string path, std::uint64_t number, std::unique_ptr<RandomAccessFile> file, BlockCache* cache)
      : path_(std::move(path)), number_(number), file_(std::move(file)), cache_(cache) {}
  Status load();
  Status load_tombstones(BlockHandle handle);
  Result<std::string> read_contents(BlockHandle handle, BlockLayout layout) const;
  Result<std::shared_ptr<const Block>> read_block(BlockHandle handle) const;

  const std::string path_;
  const std::uint64_t number_;
  const std::unique_ptr<RandomAccessFile> file_;
  BlockCache* const cache_;
  Footer footer_;
  std::uint64_t file_size_ = 0;
  std::string filter_bytes_;
  BloomFilter filter_;
  std::shared_ptr<const Block> index_;
  std::shared_ptr<const FragmentedTombstones> tombstones_;
  std::size_t memory_usage_ = 0;
};

}  // namespace ldb::storage
