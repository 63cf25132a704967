#include "storage/sstable/table_builder.hpp"

#include <algorithm>

#include "base/coding.hpp"

namespace ldb::storage {
namespace {

constexpr std::size_t kWriteBytes = 256 << 10;
constexpr std::uint64_t kWriteBackBytes = 1 << 20;
constexpr std::uint64_t kPartitionBlocks = 256;
constexpr std::size_t kSampleBlocks = 64;
constexpr std::size_t kMaxSampleBytes = 1 << 20;
static_assert(kSampleBlocks < kPartitionBlocks);

/// A short key at or above `last` and below `next`, so that the index stays small.
std::string separator(std::string_view last, std::string_view next) {
  std::size_t i = 0;
  while (i < last.size() && i < next.size() && last[i] == next[i]) ++i;
  if (i < last.size() && i < next.size()) {
    const auto byte = static_cast<unsigned char>(last[i]);
    if (byte < 0xff && byte + 1 < static_cast<unsigned char>(next[i])) {
      std::string result(last.substr(0, i + 1));
      result.back() = static_cast<char>(byte + 1);
      return result;
    }
  }
  return std::string(last);
}

}  // namespace

TableBuilder::TableBuilder(std::unique_ptr<WritableFile> file, std::uint64_t number, const TableOptions& options)
    : file_(std::move(file)), options_(options), filter_(options.bloom_bits_per_key) {
  meta_.number = number;
  meta_.compressed = options.compression_level > 0;
  if (meta_.compressed) compressor_ = std::make_unique<Compressor>(options.compression_level);
  holding_ = meta_.compressed;
}

Status TableBuilder::add(std::string_view key, Tag tag, std::string_view value) {
  if (meta_.entries == 0) {
    meta_.smallest.assign(key);
  } else if (compare_entries(block_.last_key(), block_.last_tag(), key, tag) >= 0) {
    return Status(StatusCode::kCorruption, "entries out of order while building table " + std::to_string(meta_.number));
  }
  if (has_finished_) {
    // Versions of one key may stand in two blocks; then the separator must say which.
    const bool same_key = block_.last_key() == key;
    LDB_TRY(add_index_entry(separator(block_.last_key(), key), same_key ? block_.last_tag() : kLastTag));
  }
  block_.add(key, tag, value);
  filter_.add(key);
  ++meta_.entries;
  if (tag_kind(tag) == EntryKind::kDelete) ++meta_.deletions;
  meta_.max_sequence = std::max(meta_.max_sequence, tag_sequence(tag));
  key_bytes_ += key.size();
  value_bytes_ += value.size();
  return block_.size() >= options_.block_bytes ? finish_block() : Status();
}

Status TableBuilder::finish_block() {
  ++blocks_;
  has_finished_ = true;
  if (!holding_) {
    LDB_ASSIGN_OR_RETURN(finished_, write_block(block_.finish(), BlockLayout::kEntries, compressor_.get()));
    return {};
  }
  held_.push_back({block_.finish(), {}, 0});
  held_bytes_ += held_.back().contents.size();
  return {};
}

/// Ends the holding back: makes a dictionary and writes what was held.
Status TableBuilder::write_held_blocks() {
  holding_ = false;
  std::vector<HeldBlock> held = std::exchange(held_, {});
  held_bytes_ = 0;
  std::vector<std::string> samples;
  for (const HeldBlock& block : held) samples.push_back(block.contents);
  if (std::string dictionary = compressor_->train(samples); !dictionary.empty()) {
    LDB_ASSIGN_OR_RETURN(dictionary_, write_block(std::move(dictionary), BlockLayout::kBytes, nullptr));
  }
  partition_start_ = offset_;
  for (HeldBlock& block : held) {
    LDB_ASSIGN_OR_RETURN(finished_, write_block(std::move(block.contents), BlockLayout::kEntries, compressor_.get()));
    LDB_TRY(add_index_entry(block.separator, block.tag));
  }
  return {};
}

Status TableBuilder::add_index_entry(std::string_view separator, Tag tag) {
  has_finished_ = false;
  if (holding_) {
    held_.back().separator.assign(separator);
    held_.back().tag = tag;
    const bool enough = held_.size() == kSampleBlocks || held_bytes_ >= kMaxSampleBytes;
    return enough ? write_held_blocks() : Status();
  }
  std::string size;
  put_varint(size, finished_.size);
  index_.add(separator, tag, size);
  finished_ = BlockHandle();
  return ++partition_blocks_ == kPartitionBlocks ? finish_partition(separator, tag) : Status();
}

/// Every entry up to (separator, tag) has been added, none behind it.
Status TableBuilder::finish_partition(std::string_view separator, Tag tag) {
  PartitionHandle partition;
  partition.start = partition_start_;
  if (std::string filter = filter_.finish(); !filter.empty()) {
    LDB_ASSIGN_OR_RETURN(partition.filter, write_block(std::move(filter), BlockLayout::kBytes, nullptr));
  }
  LDB_ASSIGN_OR_RETURN(partition.index, write_block(index_.finish(), BlockLayout::kEntries, compressor_.get()));
  std::string handle;
  put_partition(handle, partition);
  partitions_.add(separator, tag, handle);
  partition_start_ = offset_;
  partition_blocks_ = 0;
  return {};
}

void TableBuilder::add_tombstone(const RangeTombstone& tombstone) {
  meta_.max_sequence = std::max(meta_.max_sequence, tombstone.sequence);
  tombstones_.push_back(tombstone);
}

Result<BlockHandle> TableBuilder::write_block(std::string contents, BlockLayout layout, const Compressor* compressor) {
  std::string stored = encode_block(std::move(contents), layout, compressor, offset_);
  BlockHandle handle;
  handle.offset = offset_;
  if (stored.size() - kBlockTrailerBytes > kMaxBlockBytes) return Status(StatusCode::kInvalidArgument, "block too large");
  handle.size = static_cast<std::uint32_t>(stored.size() - kBlockTrailerBytes);
  buffer_ += stored;
  offset_ += stored.size();
  LDB_TRY(write_out(false));
  return handle;
}

Status TableBuilder::write_out(bool all) {
  if (buffer_.size() < (all ? 1 : kWriteBytes)) return {};
  if (options_.rate_limiter != nullptr) options_.rate_limiter->take(buffer_.size());
  LDB_TRY(file_->append(buffer_));
  buffer_.clear();
  if (offset_ >= write_back_at_) {
    file_->write_back();
    write_back_at_ = offset_ + kWriteBackBytes;
  }
  return {};
}

std::string TableBuilder::properties() const {
  const std::pair<std::string_view, std::uint64_t> numbers[] = {
      {"blocks", blocks_},           {"deletions", meta_.deletions},       {"entries", meta_.entries},
      {"key_bytes", key_bytes_},     {"max_sequence", meta_.max_sequence}, {"range_tombstones", meta_.range_tombstones},
      {"value_bytes", value_bytes_},
  };
  BlockBuilder block;
  for (const auto& [name, number] : numbers) block.add(name, kLastTag, std::to_string(number));
  return block.finish();
}

Result<TableMeta> TableBuilder::finish() {
  if (!block_.empty()) LDB_TRY(finish_block());
  if (meta_.entries > 0) meta_.largest = block_.last_key();
  if (has_finished_) LDB_TRY(add_index_entry(block_.last_key(), kLastTag));
  if (holding_) LDB_TRY(write_held_blocks());
  if (partition_blocks_ > 0) LDB_TRY(finish_partition(block_.last_key(), kLastTag));

  Footer footer;
  footer.dictionary = dictionary_;
  meta_.range_tombstones = tombstones_.size();
  if (!tombstones_.empty()) {
    BlockBuilder block;
    bool first = meta_.entries == 0;
    for (const RangeTombstone& t : tombstones_) {
      block.add(t.start, make_tag(t.sequence, EntryKind::kDeleteRange), t.end);
      if (first || t.start < meta_.smallest) meta_.smallest = t.start;
      if (first || t.end > meta_.largest) {
        meta_.largest = t.end;
        meta_.largest_exclusive = true;
      }
      first = false;
    }
    LDB_ASSIGN_OR_RETURN(footer.tombstones, write_block(block.finish(), BlockLayout::kEntries, compressor_.get()));
  }
  LDB_ASSIGN_OR_RETURN(footer.index, write_block(partitions_.finish(), BlockLayout::kEntries, compressor_.get()));
  LDB_ASSIGN_OR_RETURN(footer.properties, write_block(properties(), BlockLayout::kEntries, nullptr));
  const std::string bytes = encode_footer(footer);
  buffer_ += bytes;
  offset_ += bytes.size();
  LDB_TRY(write_out(true));
  LDB_TRY(file_->sync());
  LDB_TRY(file_->close());
  meta_.file_size = offset_;
  return meta_;
}

}  // namespace ldb::storage
