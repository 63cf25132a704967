#include "storage/memtable/memtable.hpp"

namespace ldb::storage {
namespace {

class MemtableIterator final : public InternalIterator {
 public:
  explicit MemtableIterator(const SkipList& list) : list_(list) {}

  void seek_to_first() override { set(list_.first()); }
  void seek_to_last() override { set(list_.last()); }
  void seek(std::string_view key, Tag tag) override { set(list_.seek(key, tag)); }
  void next() override { set(node_->next(0)); }
  void prev() override { set(list_.seek_before(key_, tag_)); }
  Status status() const override { return {}; }

 private:
  void set(SkipList::Node* node) {
    node_ = node;
    valid_ = node != nullptr;
    if (!valid_) return;
    key_ = node->key();
    tag_ = node->tag;
    value_ = node->value();
  }
  const SkipList& list_;
  SkipList::Node* node_ = nullptr;
};

}  // namespace

void Memtable::add(std::string_view key, Tag tag, std::string_view value) {
  if (tag_kind(tag) == EntryKind::kDeleteRange) {
    if (key < value) {
      rt::MutexLock lock(tombstone_mutex_);
      raw_tombstones_.push_back({std::string(key), std::string(value), tag_sequence(tag)});
      tombstone_count_.store(raw_tombstones_.size(), std::memory_order_release);
      const std::size_t bytes = sizeof(RangeTombstone) + key.size() + value.size();
      tombstone_bytes_.store(tombstone_bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    }
  } else {
    list_.insert(key, tag, value);
  }
  entries_.store(entries_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

PointResult Memtable::get(std::string_view key, std::uint64_t sequence, bool want_value) const {
  PointResult result;
  const SkipList::Node* node = list_.seek(key, seek_tag(sequence));
  if (node == nullptr || node->key() != key) return result;
  result.found = true;
  result.tag = node->tag;
  if (want_value) result.value.assign(node->value());
  return result;
}

std::shared_ptr<const FragmentedTombstones> Memtable::tombstones() const {
  if (tombstone_count_.load(std::memory_order_acquire) == 0) return nullptr;
  rt::MutexLock lock(tombstone_mutex_);
  if (fragmented_count_ != raw_tombstones_.size()) {
    fragments_ = std::make_shared<const FragmentedTombstones>(raw_tombstones_);
    fragmented_count_ = raw_tombstones_.size();
  }
  return fragments_;
}

std::unique_ptr<InternalIterator> Memtable::iterate() const { return std::make_unique<MemtableIterator>(list_); }

}  // namespace ldb::storage
