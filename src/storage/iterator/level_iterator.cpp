#include "storage/iterator/level_iterator.hpp"

#include <algorithm>

namespace ldb::storage {
namespace {

class LevelIterator final : public InternalIterator {
 public:
  LevelIterator(TableCache& cache, std::vector<TablePtr> tables, bool fill_cache)
      : cache_(cache), tables_(std::move(tables)), fill_cache_(fill_cache) {}

  void seek_to_first() override {
    status_ = Status();
    if (open(0)) table_->seek_to_first();
    settle(true);
  }
  void seek_to_last() override {
    status_ = Status();
    if (open(tables_.size() - 1)) table_->seek_to_last();
    settle(false);
  }
  void seek(std::string_view key, Tag tag) override {
    status_ = Status();
    const auto it =
        std::partition_point(tables_.begin(), tables_.end(), [&](const TablePtr& t) { return t->meta.ends_before(key); });
    if (open(static_cast<std::size_t>(it - tables_.begin()))) table_->seek(key, tag);
    settle(true);
  }
  void next() override {
    table_->next();
    settle(true);
  }
  void prev() override {
    table_->prev();
    settle(false);
  }
  Status status() const override { return status_; }

 private:
  /// False when there is no such table or it cannot be opened.
  bool open(std::size_t index) {
    if (index >= tables_.size()) {
      table_ = nullptr;
      index_ = tables_.size();
      return false;
    }
    if (table_ && index_ == index) return true;
    table_ = nullptr;
    index_ = index;
    auto reader = cache_.find(tables_[index]);
    if (!reader) {
      status_ = reader.error();
      return false;
    }
    table_ = (*reader)->iterate(fill_cache_);
    return true;
  }

  void settle(bool forward) {
    while (table_ && !table_->valid()) {
      if (!table_->status()) {
        status_ = table_->status();
        break;
      }
      // Tables of nothing but range tombstones have no entries to stop at.
      if (forward) {
        if (open(index_ + 1)) table_->seek_to_first();
      } else {
        if (index_ == 0) {
          table_ = nullptr;
        } else if (open(index_ - 1)) {
          table_->seek_to_last();
        }
      }
    }
    valid_ = table_ && status_.is_ok() && table_->valid();
    if (!valid_) return;
    key_ = table_->key();
    tag_ = table_->tag();
    value_ = table_->value();
  }

  TableCache& cache_;
  const std::vector<TablePtr> tables_;
  const bool fill_cache_;
  std::unique_ptr<InternalIterator> table_;
  std::size_t index_ = 0;
  Status status_;
};

}  // namespace

std::unique_ptr<InternalIterator> new_level_iterator(TableCache& cache, std::vector<TablePtr> tables, bool fill_cache) {
  return std::make_unique<LevelIterator>(cache, std::move(tables), fill_cache);
}

}  // namespace ldb::storage
