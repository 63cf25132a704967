#include "storage/sstable/table_iterator.hpp"

#include <algorithm>

namespace ldb::storage {
namespace {

constexpr unsigned kStepsBeforeReadAhead = 2;
constexpr std::size_t kFirstWindow = 32 << 10;
constexpr std::size_t kLargestWindow = 256 << 10;

}  // namespace

TableIterator::TableIterator(std::shared_ptr<const TableReader> table, bool fill_cache)
    : table_(std::move(table)), fill_cache_(fill_cache) {
  if (!fill_cache_) ahead_.window = kLargestWindow;  // a compaction: it will read everything
}

void TableIterator::leave() {
  partition_ = nullptr;
  data_.clear();
}

bool TableIterator::enter(std::uint32_t partition) {
  if (partition_ != nullptr && partition_number_ == partition) return true;
  leave();
  if (partition >= table_->index_->size()) return false;
  auto entered = table_->partition(partition);
  if (!entered) {
    status_ = entered.error();
    return false;
  }
  partition_ = *entered;
  partition_number_ = partition;
  block_ = partition_->blocks;  // none is loaded
  return true;
}

bool TableIterator::load(std::uint32_t block) {
  if (block_ == block) return true;
  auto loaded = table_->data_block(*partition_, block, fill_cache_, &ahead_);
  if (!loaded) {
    status_ = loaded.error();
    leave();
    return false;
  }
  data_.set_block(std::move(*loaded));
  block_ = block;
  return true;
}

/// Who goes on in one direction will want more of it.
void TableIterator::expect(bool backward) {
  if (fill_cache_ && ahead_.backward != backward) read_no_further();
  ahead_.backward = backward;
  if (fill_cache_ && ++steps_ >= kStepsBeforeReadAhead) {
    ahead_.window = std::min(std::max(2 * ahead_.window, kFirstWindow), kLargestWindow);
  }
}

void TableIterator::read_no_further() {
  steps_ = 0;
  if (fill_cache_) ahead_.window = 0;
}

bool TableIterator::load_next() {
  if (partition_ == nullptr) return false;
  expect(false);
  const std::uint32_t next = block_ + 1;
  if (next < partition_->blocks) return load(next);
  return enter(partition_number_ + 1) && load(0);
}

bool TableIterator::load_previous() {
  if (partition_ == nullptr) return false;
  expect(true);
  if (block_ > 0) return load(block_ - 1);
  if (partition_number_ == 0) {
    leave();
    return false;
  }
  return enter(partition_number_ - 1) && load(partition_->blocks - 1);
}

void TableIterator::seek_to_first() {
  status_ = Status();
  if (enter(0) && load(0)) data_.seek_to_first();
  settle_forward();
}

void TableIterator::seek_to_last() {
  status_ = Status();
  read_no_further();
  const std::uint32_t partitions = table_->index_->size();
  if (partitions == 0) {
    leave();
  } else if (enter(partitions - 1) && load(partition_->blocks - 1)) {
    data_.seek_to_last();
  }
  settle_backward();
}

void TableIterator::seek(std::string_view key, Tag tag) {
  status_ = Status();
  read_no_further();
  if (enter(table_->index_->lower_bound(key, tag))) {
    const std::uint32_t block = partition_->index->lower_bound(key, tag);
    if (load(std::min(block, partition_->blocks - 1))) data_.seek(key, tag);
  }
  settle_forward();
}

void TableIterator::next() {
  data_.next();
  data_.valid() ? publish() : settle_forward();
}

void TableIterator::prev() {
  data_.prev();
  data_.valid() ? publish() : settle_backward();
}

void TableIterator::settle_forward() {
  while (!data_.valid() && load_next()) data_.seek_to_first();
  publish();
}

void TableIterator::settle_backward() {
  while (!data_.valid() && load_previous()) data_.seek_to_last();
  publish();
}

void TableIterator::publish() {
  valid_ = data_.valid();
  if (!valid_) return;
  key_ = data_.key();
  tag_ = data_.tag();
  value_ = data_.value();
}

}  // namespace ldb::storage
