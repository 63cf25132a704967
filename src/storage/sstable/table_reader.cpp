#include "storage/sstable/table_reader.hpp"

namespace ldb::storage {
namespace {

class TableIterator final : public InternalIterator {
 public:
  TableIterator(std::shared_ptr<const TableReader> table, bool fill_cache)
      : table_(std::move(table)), fill_cache_(fill_cache), index_(table_->index()) {}

  void seek_to_first() override {
    restart();
    index_.seek_to_first();
    if (load()) data_.seek_to_first();
    settle_forward();
  }
  void seek_to_last() override {
    restart();
    index_.seek_to_last();
    if (load()) data_.seek_to_last();
    settle_backward();
  }
  void seek(std::string_view key, Tag tag) override {
    restart();
    index_.seek(key, tag);
    if (load()) data_.seek(key, tag);
    settle_forward();
  }
  void next() override {
    data_.next();
    settle_forward();
  }
  void prev() override {
    data_.prev();
    settle_backward();
  }
  Status status() const override { return status_; }

 private:
  void restart() {
    valid_ = false;
    status_ = Status();
  }
  void fail(std::uint64_t offset, const Status& cause) {
    valid_ = false;
    status_ = table_->damaged(offset, cause);
  }

  /// Makes data_ the block that index_ points at.
  bool load() {
    if (!index_.valid()) {
      if (!index_.status()) fail(0, index_.status().with_context("index"));
      unload();
      return false;
    }
    BlockHandle handle;
    if (!get_handle(index_.value(), handle)) {
      fail(0, Status(StatusCode::kCorruption, "bad block handle in the index"));
      return false;
    }
    if (loaded_offset_ == handle.offset && loaded_) return true;
    auto block = table_->read_data_block(handle, fill_cache_);
    if (!block) {
      status_ = block.error();
      unload();
      return false;
    }
    data_.set_block(std::move(*block));
    loaded_ = true;
    loaded_offset_ = handle.offset;
    return true;
  }

  void unload() {
    data_.clear();
    loaded_ = false;
  }

  void settle_forward() {
    while (status_ && !data_.valid()) {
      if (!data_.status()) return fail(loaded_offset_, data_.status());
      if (!index_.valid()) break;
      index_.next();
      if (!load()) break;
      data_.seek_to_first();
    }
    publish();
  }
  void settle_backward() {
    while (status_ && !data_.valid()) {
      if (!data_.status()) return fail(loaded_offset_, data_.status());
      if (!index_.valid()) break;
      index_.prev();
      if (!load()) break;
      data_.seek_to_last();
    }
    publish();
  }
  void publish() {
    valid_ = status_.is_ok() && data_.valid();
    if (!valid_) return;
    key_ = data_.key();
    tag_ = data_.tag();
    value_ = data_.value();
  }

  const std::shared_ptr<const TableReader> table_;
  const bool fill_cache_;
  BlockIterator index_;
  BlockIterator data_;
  bool loaded_ = false;
  std::uint64_t loaded_offset_ = 0;
  Status status_;
};

}  // namespace

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

Status TableReader::load() {
  LDB_ASSIGN_OR_RETURN(file_size_, file_->size());
  if (file_size_ < kFooterBytes) return damaged(file_size_, Status(StatusCode::kCorruption, "shorter than a table footer"));
  const std::uint64_t footer_offset = file_size_ - kFooterBytes;
  char bytes[kFooterBytes];
  LDB_ASSIGN_OR_RETURN(const std::size_t n, file_->read(footer_offset, kFooterBytes, bytes));
  const auto footer = decode_footer({bytes, n}, file_size_);
  if (!footer) return damaged(footer_offset, footer.error());
  footer_ = *footer;
  if (footer_.filter.size != 0) {
    LDB_ASSIGN_OR_RETURN(filter_bytes_, read_contents(footer_.filter, BlockLayout::kBytes));
    filter_ = BloomFilter(filter_bytes_);
  }
  LDB_ASSIGN_OR_RETURN(index_, read_block(footer_.index));
  if (footer_.tombstones.size != 0) LDB_TRY(load_tombstones(footer_.tombstones));
  memory_usage_ = sizeof(*this) + filter_bytes_.size() + index_->memory_usage() + (tombstones_ ? tombstones_->memory_usage() : 0);
  return {};
}

Status TableReader::load_tombstones(BlockHandle handle) {
  LDB_ASSIGN_OR_RETURN(auto block, read_block(handle));
  std::vector<RangeTombstone> tombstones;
  BlockIterator it(std::move(block));
  for (it.seek_to_first(); it.valid(); it.next()) {
    tombstones.push_back({std::string(it.key()), std::string(it.value()), tag_sequence(it.tag())});
  }
  if (!it.status()) return damaged(handle.offset, it.status());
  tombstones_ = std::make_shared<const FragmentedTombstones>(std::move(tombstones));
  if (tombstones_->empty()) tombstones_ = nullptr;
  return {};
}

Result<std::string> TableReader::read_contents(BlockHandle handle, BlockLayout layout) const {
  // Index entries are checked here, so that a wrong size cannot make us reserve what the file does not have.
  if (handle.offset > file_size_ || handle.size + std::uint64_t{kBlockTrailerBytes} > file_size_ - handle.offset) {
    return damaged(handle.offset, Status(StatusCode::kCorruption, "block outside the file"));
  }
  std::string stored(std::size_t{handle.size} + kBlockTrailerBytes, '\0');
  LDB_ASSIGN_OR_RETURN(const std::size_t n, file_->read(handle.offset, stored.size(), stored.data()));
  if (n != stored.size()) return damaged(handle.offset, Status(StatusCode::kCorruption, "block is cut off"));
  auto contents = decode_block(std::move(stored), handle.offset, layout);
  if (!contents) return damaged(handle.offset, contents.error());
  return contents;
}

Result<std::shared_ptr<const Block>> TableReader::read_block(BlockHandle handle) const {
  LDB_ASSIGN_OR_RETURN(std::string contents, read_contents(handle, BlockLayout::kEntries));
  auto block = Block::create(std::move(contents));
  if (!block) return damaged(handle.offset, block.error());
  return block;
}

Result<std::shared_ptr<const Block>> TableReader::read_data_block(BlockHandle handle, bool fill_cache) const {
  if (cache_ != nullptr) {
    if (auto block = cache_->find(number_, handle.offset)) return block;
  }
  auto block = read_block(handle);
  if (block && fill_cache && cache_ != nullptr) cache_->insert(number_, handle.offset, *block);
  return block;
}

Result<PointResult> TableReader::get(std::string_view key, std::uint64_t sequence, bool want_value) const {
  PointResult result;
  if (!filter_.may_contain(key)) return result;
  const Tag target = seek_tag(sequence);
  BlockIterator index(index_);
  index.seek(key, target);
  if (!index.valid()) return index.status() ? Result<PointResult>(result) : damaged(footer_.index.offset, index.status());
  BlockHandle handle;
  if (!get_handle(index.value(), handle))
    return damaged(footer_.index.offset, Status(StatusCode::kCorruption, "bad block handle"));
  LDB_ASSIGN_OR_RETURN(auto block, read_data_block(handle, true));
  BlockIterator data(std::move(block));
  data.seek(key, target);
  if (!data.status()) return damaged(handle.offset, data.status());
  // Behind the last entry but not behind the separator: between two keys, for separators say which version ends a block inside a
  // key.
  if (!data.valid() || data.key() != key) return result;
  result.found = true;
  result.tag = data.tag();
  if (want_value) result.value.assign(data.value());
  return result;
}

std::unique_ptr<InternalIterator> TableReader::iterate(bool fill_cache) const {
  return std::make_unique<TableIterator>(shared_from_this(), fill_cache);
}

std::uint64_t TableReader::approximate_offset(std::string_view key) const {
  BlockIterator index(index_);
  index.seek(key, kFirstTag);
  BlockHandle handle;
  if (index.valid() && get_handle(index.value(), handle)) return handle.offset;
  return footer_.index.offset;
}

Result<std::vector<std::pair<std::string, std::string>>> TableReader::properties() const {
  std::vector<std::pair<std::string, std::string>> result;
  if (footer_.properties.size == 0) return result;
  LDB_ASSIGN_OR_RETURN(auto block, read_block(footer_.properties));
  BlockIterator it(std::move(block));
  for (it.seek_to_first(); it.valid(); it.next()) result.emplace_back(it.key(), it.value());
  if (!it.status()) return damaged(footer_.properties.offset, it.status());
  return result;
}

}  // namespace ldb::storage
