#include "storage/sstable/table_reader.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "storage/sstable/table_iterator.hpp"

namespace ldb::storage {

std::size_t TableReader::Partition::memory_usage() const {
  return sizeof(Partition) + index->memory_usage() + filter_bytes.capacity() +
         blocks * (sizeof(std::uint64_t) + sizeof(BlockCache::Slot));
}

Status TableReader::damaged(std::uint64_t offset, const Status& cause) const {
  return cause.with_context(path_ + ": offset " + std::to_string(offset));
}

Result<std::shared_ptr<const TableReader>> TableReader::open(FileSystem& fs, const std::string& path, std::uint64_t number,
                                                             BlockCache* cache) {
  LDB_ASSIGN_OR_RETURN(auto file, fs.open_readable(path));
  auto table = std::shared_ptr<TableReader>(new TableReader(path, number, std::move(file), cache));
  LDB_TRY(table->load());
  return std::shared_ptr<const TableReader>(std::move(table));
}

TableReader::~TableReader() {
  if (cache_ != nullptr) cache_->note_dropped(memory_usage());
  for (std::uint32_t i = 0; partitions_ && i < index_->size(); ++i) {
    const std::unique_ptr<const Partition> partition(partitions_[i].load(std::memory_order_acquire));
    if (partition == nullptr || cache_ == nullptr) continue;
    for (std::uint32_t b = 0; b < partition->blocks; ++b) {
      // What another thread emptied it has done with.
      if (partition->slots[b].load(std::memory_order_acquire) != nullptr) cache_->remove(partition->slots[b], number_ + b);
    }
  }
}

Status TableReader::load() {
  LDB_ASSIGN_OR_RETURN(file_size_, file_->size());
  if (file_size_ < kFooterBytes) return damaged(file_size_, Status(StatusCode::kCorruption, "shorter than a table footer"));
  const std::uint64_t footer_offset = file_size_ - kFooterBytes;
  char bytes[kFooterBytes];
  LDB_ASSIGN_OR_RETURN(const std::size_t n, file_->read(footer_offset, kFooterBytes, bytes));
  const auto footer = decode_footer({bytes, n}, file_size_);
  if (!footer) return damaged(footer_offset, footer.error());
  footer_ = *footer;
  if (footer_.dictionary.size != 0) LDB_TRY(load_dictionary(footer_.dictionary));
  LDB_ASSIGN_OR_RETURN(index_, read_block(footer_.index, Block::Use::kIndex));
  partitions_.reset(new rt::Atomic<const Partition*>[index_->size()]);
  if (footer_.tombstones.size != 0) LDB_TRY(load_tombstones(footer_.tombstones));
  grew(sizeof(*this) + index_->memory_usage() + index_->size() * sizeof(rt::Atomic<const Partition*>) +
       (tombstones_ ? tombstones_->memory_usage() : 0) + (decompressor_ ? decompressor_->memory_usage() : 0));
  return {};
}

void TableReader::grew(std::size_t bytes) const {
  memory_usage_.fetch_add(bytes, std::memory_order_relaxed);
  if (cache_ != nullptr) cache_->note_loaded(bytes);
}

Status TableReader::load_dictionary(BlockHandle handle) {
  Scratch scratch;
  LDB_ASSIGN_OR_RETURN(const std::string_view bytes, read_contents(handle, BlockLayout::kBytes, scratch));
  auto decompressor = Decompressor::create(bytes);
  if (!decompressor) return damaged(handle.offset, decompressor.error());
  decompressor_ = std::move(*decompressor);
  return {};
}

Status TableReader::load_tombstones(BlockHandle handle) {
  LDB_ASSIGN_OR_RETURN(auto block, read_block(handle, Block::Use::kPlain));
  std::vector<RangeTombstone> tombstones;
  BlockIterator it(std::move(block));
  for (it.seek_to_first(); it.valid(); it.next()) {
    tombstones.push_back({std::string(it.key()), std::string(it.value()), tag_sequence(it.tag())});
  }
  tombstones_ = std::make_shared<const FragmentedTombstones>(std::move(tombstones));
  if (tombstones_->empty()) tombstones_ = nullptr;
  return {};
}

Result<std::string_view> TableReader::read_contents(BlockHandle handle, BlockLayout layout, Scratch& scratch,
                                                    ReadAhead* ahead) const {
  const std::size_t size = std::size_t{handle.size} + kBlockTrailerBytes;
  // Index entries are checked here, so that a wrong size cannot make us reserve what the file does not have.
  if (handle.offset > file_size_ || size > file_size_ - handle.offset) {
    return damaged(handle.offset, Status(StatusCode::kCorruption, "block outside the file"));
  }
  std::string_view stored;
  if (ahead != nullptr && ahead->window > size) {
    const bool covered = handle.offset >= ahead->offset && handle.offset + size <= ahead->offset + ahead->bytes.size();
    if (!covered) {
      const std::uint64_t end = handle.offset + size;
      ahead->offset = !ahead->backward ? handle.offset : end - std::min<std::uint64_t>(ahead->window, end);
      const std::uint64_t most = ahead->backward ? end : file_size_;
      ahead->bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(ahead->window, most - ahead->offset)));
      const auto n = file_->read(ahead->offset, ahead->bytes.size(), ahead->bytes.data());
      ahead->bytes.resize(n ? *n : 0);
      LDB_TRY(n.error());
    }
    stored = std::string_view(ahead->bytes).substr(static_cast<std::size_t>(handle.offset - ahead->offset), size);
  } else {
    char* const bytes = scratch.stored.get(size);
    LDB_ASSIGN_OR_RETURN(const std::size_t n, file_->read(handle.offset, size, bytes));
    stored = {bytes, n};
  }
  if (stored.size() != size) return damaged(handle.offset, Status(StatusCode::kCorruption, "block is cut off"));
  auto contents = decode_block(stored, handle.offset, layout, decompressor_.get(), scratch.contents);
  if (!contents) return damaged(handle.offset, contents.error());
  return contents;
}

Result<BlockPtr> TableReader::read_block(BlockHandle handle, Block::Use use, ReadAhead* ahead) const {
  Scratch scratch;
  LDB_ASSIGN_OR_RETURN(const std::string_view contents, read_contents(handle, BlockLayout::kEntries, scratch, ahead));
  auto block = Block::create(contents, use);
  if (!block) return damaged(handle.offset, block.error());
  return block;
}

Result<std::unique_ptr<TableReader::Partition>> TableReader::read_partition(std::uint32_t number) const {
  const auto bad = [&] { return damaged(footer_.index.offset, Status(StatusCode::kCorruption, "bad partition in the index")); };
  PartitionHandle handle;
  if (!get_partition(index_->entry(number).value, file_size_ - kFooterBytes, handle)) return bad();
  auto partition = std::make_unique<Partition>();
  LDB_ASSIGN_OR_RETURN(partition->index, read_block(handle.index, Block::Use::kIndex));
  if (handle.filter.size != 0) {
    Scratch scratch;
    LDB_ASSIGN_OR_RETURN(partition->filter_bytes, read_contents(handle.filter, BlockLayout::kBytes, scratch));
    partition->filter = BloomFilter(partition->filter_bytes);
  }
  partition->blocks = partition->index->size();
  if (partition->blocks == 0) return bad();
  partition->offsets.reset(new std::uint64_t[std::size_t{partition->blocks} + 1]);
  partition->slots.reset(new BlockCache::Slot[partition->blocks]);
  std::uint64_t at = handle.start;
  for (std::uint32_t i = 0; i < partition->blocks; ++i) {
    partition->offsets[i] = at;
    ByteReader reader(partition->index->entry(i).value);
    std::uint64_t size = 0;
    if (!reader.varint(size) || !reader.empty() || size == 0 || size > kMaxBlockBytes || at + size > file_size_) {
      return damaged(handle.index.offset, Status(StatusCode::kCorruption, "bad block size in the index"));
    }
    at += size + kBlockTrailerBytes;
  }
  partition->offsets[partition->blocks] = at;
  return partition;
}

Result<const TableReader::Partition*> TableReader::partition(std::uint32_t number) const {
  if (const Partition* loaded = loaded_partition(number)) return loaded;
  LDB_ASSIGN_OR_RETURN(auto made, read_partition(number));
  const std::size_t bytes = made->memory_usage();
  const Partition* expected = nullptr;
  if (!partitions_[number].compare_exchange_strong(expected, made.get())) return expected;  // another thread was first
  grew(bytes);
  return static_cast<const Partition*>(made.release());
}

Result<BlockPtr> TableReader::data_block(const Partition& partition, std::uint32_t block, bool fill_cache,
                                         ReadAhead* ahead) const {
  if (cache_ != nullptr) {
    const rt::EpochDomain::Guard guard(cache_->epochs());
    const BlockCache::Slot& slot = partition.slots[block];
    if (const Block* cached = fill_cache ? BlockCache::find(slot) : slot.load()) return BlockPtr(cached);
  }
  LDB_ASSIGN_OR_RETURN(auto read, read_block(partition.block(block), Block::Use::kData, ahead));
  if (fill_cache && cache_ != nullptr) cache_->insert(partition.slots[block], number_ + block, read);
  return read;
}

Status TableReader::find(PointRead& read) const {
  if (!recently_used_.load(std::memory_order_relaxed)) recently_used_.store(true, std::memory_order_relaxed);
  const std::uint32_t number = index_->lower_bound(read.key, read.target);
  if (number == index_->size()) return {};
  const Partition* p = loaded_partition(number);
  if (p == nullptr) {
    read.leave_guard(shared_from_this());
    LDB_ASSIGN_OR_RETURN(p, partition(number));
  }
  if (!p->filter.may_contain_hash(read.hash())) return {};
  const std::uint32_t i = p->index->lower_bound(read.key, read.target);
  if (i == p->blocks) return {};
  if (read.guarded() && cache_ != nullptr) {
    if (const Block* block = BlockCache::find(p->slots[i])) return find_in_block(*block, read);
  }
  read.leave_guard(shared_from_this());
  LDB_ASSIGN_OR_RETURN(const BlockPtr block, data_block(*p, i, true, nullptr));
  return find_in_block(*block, read);
}

Status TableReader::find_in_block(const Block& block, PointRead& read) const {
  const std::uint32_t index = block.find(read.key, read.target);
  if (index == Block::kNone) return {};
  const Block::Entry entry = block.entry(index);
  read.found = true;
  read.tag = entry.tag;
  if (read.want_value) read.value.assign(entry.value);
  return {};
}

Result<PointResult> TableReader::get(std::string_view key, std::uint64_t sequence, bool want_value) const {
  rt::EpochDomain none;
  PointRead read(cache_ != nullptr ? cache_->epochs() : none, key, want_value);
  read.target = seek_tag(sequence);
  LDB_TRY(find(read));
  return PointResult{read.found, read.tag, std::move(read.value)};
}

std::unique_ptr<InternalIterator> TableReader::iterate(bool fill_cache) const {
  return std::make_unique<TableIterator>(shared_from_this(), fill_cache);
}

std::uint64_t TableReader::approximate_offset(std::string_view key) const {
  const std::uint32_t number = index_->lower_bound(key, kFirstTag);
  if (number == index_->size()) return footer_.index.offset;
  const auto p = partition(number);
  if (!p) return footer_.index.offset;
  return (*p)->offsets[(*p)->index->lower_bound(key, kFirstTag)];
}

void TableReader::append_anchors(std::vector<KeyAnchor>& anchors) const {
  constexpr std::uint32_t kFewPartitions = 8;
  constexpr std::uint32_t kStepBlocks = 16;
  std::uint64_t start = 0;
  const auto add = [&](std::string_view key, std::uint64_t end) {
    anchors.push_back({std::string(key), std::max(start, end) - start});
    start = std::max(start, end);
  };
  BlockIterator index(index_);
  for (index.seek_to_first(); index.valid(); index.next()) {
    if (index_->size() < kFewPartitions) {
      if (const auto p = partition(index.index())) {  // else a damaged place, which is found by whoever reads it
        BlockIterator blocks((*p)->index);
        for (blocks.seek_to_first(); blocks.valid(); blocks.next()) {
          if (blocks.index() % kStepBlocks == kStepBlocks - 1) add(blocks.key(), (*p)->offsets[blocks.index() + 1]);
        }
      }
    }
    PartitionHandle next;
    const bool more = index.index() + 1 < index_->size() &&
                      get_partition(index_->entry(index.index() + 1).value, file_size_ - kFooterBytes, next);
    add(index.key(), more ? next.start : footer_.index.offset);
  }
}

void TableReader::visit_blocks(const std::function<void(const BlockInfo&)>& visit) const {
  for (std::uint32_t number = 0; number < index_->size(); ++number) {
    BlockInfo info;
    const auto p = partition(number);
    if (!p) {
      info.status = p.error();
      visit(info);
      continue;
    }
    BlockIterator index((*p)->index);
    for (index.seek_to_first(); index.valid(); index.next()) {
      info.handle = (*p)->block(index.index());
      info.separator = index.key();
      info.separator_tag = index.tag();
      auto block = data_block(**p, index.index(), true, nullptr);
      info.status = block.error();
      info.block = block ? std::move(*block) : BlockPtr();
      visit(info);
    }
  }
}

Result<std::vector<std::pair<std::string, std::string>>> TableReader::properties() const {
  std::vector<std::pair<std::string, std::string>> result;
  if (footer_.properties.size == 0) return result;
  LDB_ASSIGN_OR_RETURN(auto block, read_block(footer_.properties, Block::Use::kPlain));
  BlockIterator it(std::move(block));
  for (it.seek_to_first(); it.valid(); it.next()) result.emplace_back(it.key(), it.value());
  return result;
}

}  // namespace ldb::storage
