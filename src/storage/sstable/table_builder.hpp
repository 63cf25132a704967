// Writes a table file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ldb/file_system.hpp"
#include "storage/compaction/rate_limiter.hpp"
#include "storage/range_tombstone.hpp"
#include "storage/sstable/block.hpp"
#include "storage/sstable/bloom_filter.hpp"
#include "storage/sstable/compression.hpp"
#include "storage/sstable/table_format.hpp"
#include "storage/sstable/table_meta.hpp"

namespace ldb::storage {

struct TableOptions {
  std::size_t block_bytes = 2048;
  int compression_level = 0;
  unsigned bloom_bits_per_key = 10;
  RateLimiter* rate_limiter = nullptr;  ///< asked before each write; null: no limit
};

/// Entries must come in internal order. One thread. A table that was not finished is garbage for its owner to remove.
class TableBuilder {
 public:
  TableBuilder(std::unique_ptr<WritableFile> file, std::uint64_t number, const TableOptions& options);

  /// kCorruption when the order is broken (a damaged source).
  Status add(std::string_view key, Tag tag, std::string_view value);
  /// In order of start, then newest first; pieces must not overlap unless they are equal.
  void add_tombstone(const RangeTombstone& tombstone);
  bool empty() const { return meta_.entries == 0 && tombstones_.empty(); }
  std::uint64_t estimated_size() const { return offset_ + held_bytes_ + block_.size(); }
  /// Writes the rest, syncs and closes. The table's name becomes durable only with the directory.
  Result<TableMeta> finish();

 private:
  Status finish_block();
  Status write_held_blocks();
  Status add_index_entry(std::string_view separator, Tag tag);
  Status finish_partition(std::string_view separator, Tag tag);
  Result<BlockHandle> write_block(std::string contents, BlockLayout layout, const Compressor* compressor);
  Status write_out(bool all);
  std::string properties() const;

  const std::unique_ptr<WritableFile> file_;
  const TableOptions options_;
  TableMeta meta_;
  BlockBuilder block_;
  BlockBuilder index_;  // of the partition
  BloomFilterBuilder filter_;
  std::uint64_t partition_start_ = 0;
  std::uint64_t partition_blocks_ = 0;
  BlockBuilder partitions_;
  std::vector<RangeTombstone> tombstones_;
  bool has_finished_ = false;
  BlockHandle finished_;                    // a data block whose index entry waits for the key that follows; size 0: none
  std::unique_ptr<Compressor> compressor_;  // null: no compression
  // The first blocks wait until there are enough of them to make a dictionary from.
  struct HeldBlock {
    std::string contents;
    std::string separator;
    Tag tag = 0;
  };
  bool holding_ = false;
  std::vector<HeldBlock> held_;
  std::size_t held_bytes_ = 0;
  BlockHandle dictionary_;
  std::string buffer_;
  std::uint64_t offset_ = 0;  // of the end of buffer_
  std::uint64_t write_back_at_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t key_bytes_ = 0;
  std::uint64_t value_bytes_ = 0;
};

}  // namespace ldb::storage
