#include "storage/memtable/memtable.hpp"

#include <array>
#include <utility>

namespace ldb::storage {
namespace {

/// Stands at a version of the key at the cursor.
class MemtableIterator final : public InternalIterator {
 public:
  explicit MemtableIterator(const MemtableTree& tree) : cursor_(tree) {}

  void seek_to_first() override {
    cursor_.seek_to_first();
    show_newest();
  }
  void seek_to_last() override {
    cursor_.seek_to_last();
    show_oldest();
  }
  void seek(std::string_view key, Tag tag) override {
    cursor_.seek(key);
    if (!cursor_.valid()) return show(nullptr);
    const MemtableEntry* const newest = cursor_.newest();
    if (newest->key() != key) return show(newest);
    if (const MemtableEntry* entry = newest->at_or_below(tag)) return show(entry);
    cursor_.next();
    show_newest();
  }
  void seek_before(std::string_view key, Tag tag) override {
    if (tag != kFirstTag) {  // one of the key's own versions may be it
      cursor_.seek(key);
      const MemtableEntry* const newest = cursor_.valid() ? cursor_.newest() : nullptr;
      if (newest != nullptr && newest->key() == key && newest->tag > tag) return show(newest->last_above(tag));
    }
    cursor_.seek_before(key);
    show_oldest();
  }
  void next() override {
    if (const MemtableEntry* older = entry_->older()) return show(older);
    cursor_.next();
    show_newest();
  }
  void prev() override {
    const MemtableEntry* const newest = cursor_.newest();
    if (newest->tag > tag_) return show(newest->last_above(tag_));
    cursor_.previous();
    show_oldest();
  }
  Status status() const override { return {}; }

 private:
  void show_newest() { show(cursor_.valid() ? cursor_.newest() : nullptr); }
  void show_oldest() { show(cursor_.valid() ? cursor_.newest()->last_above(kLastTag) : nullptr); }
  void show(const MemtableEntry* entry) {
    entry_ = entry;
    valid_ = entry != nullptr;
    if (!valid_) return;
    key_ = entry->key();
    tag_ = entry->tag;
    value_ = entry->value();
  }

  MemtableTree::Cursor cursor_;
  const MemtableEntry* entry_ = nullptr;
};

}  // namespace

void Memtable::add(std::span<const Addition> additions) {
  if (additions.size() == 1) return add(additions.front(), nullptr);
  constexpr std::size_t kMost = MemtableTree::kMostLeaves;
  for (; !additions.empty(); additions = additions.subspan(std::min(kMost, additions.size()))) {
    const auto piece = additions.first(std::min(kMost, additions.size()));
    std::array<std::string_view, kMost> keys;
    std::transform(piece.begin(), piece.end(), keys.begin(), [](const Addition& addition) { return addition.key; });
    std::array<MemtableTree::Leaf*, kMost> leaves;
    tree_.find_leaves(std::span(keys.data(), piece.size()), leaves.data());
    for (std::size_t i = 0; i < piece.size(); ++i) add(piece[i], leaves[i]);
  }
}

void Memtable::add(const Addition& addition, MemtableTree::Leaf* leaf) {
  const auto& [key, tag, value] = addition;
  if (tag_kind(tag) == EntryKind::kDeleteRange) {
    if (key < value) {
      rt::MutexLock lock(tombstone_mutex_);
      new_tombstones_.push_back({std::string(key), std::string(value), tag_sequence(tag)});
      has_tombstones_.store(true, std::memory_order_release);
      const std::size_t bytes = sizeof(RangeTombstone) + key.size() + value.size();
      tombstone_bytes_.store(tombstone_bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    }
  } else {
    tree_.insert(key, tag, value, leaf);
  }
  entries_.store(entries_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void Memtable::find(PointRead& read) const {
  const MemtableEntry* entry = tree_.find(read.key);
  if (entry != nullptr) entry = entry->at_or_below(read.target);
  if (entry == nullptr) return;
  read.found = true;
  read.tag = entry->tag;
  if (read.want_value) read.value.assign(entry->value());
}

PointResult Memtable::get(std::string_view key, std::uint64_t sequence, bool want_value) const {
  PointResult result;
  const MemtableEntry* entry = tree_.find(key);
  if (entry != nullptr) entry = entry->at_or_below(seek_tag(sequence));
  if (entry == nullptr) return result;
  result.found = true;
  result.tag = entry->tag;
  if (want_value) result.value.assign(entry->value());
  return result;
}

std::shared_ptr<const TombstoneLists> Memtable::tombstones() const {
  if (!has_tombstones_.load(std::memory_order_acquire)) return nullptr;
  rt::MutexLock lock(tombstone_mutex_);
  if (!new_tombstones_.empty()) {
    tombstones_ = std::make_shared<const TombstoneLists>(tombstones_.get(), std::exchange(new_tombstones_, {}));
    tombstone_bytes_.store(tombstones_->memory_usage(), std::memory_order_relaxed);
  }
  return tombstones_;
}

std::vector<std::string_view> Memtable::sample(std::size_t most) const {
  std::vector<std::string_view> keys = tree_.sample(16 * most);
  const std::size_t count = keys.size();
  if (count <= most) return keys;
  for (std::size_t i = 0; i < most; ++i) keys[i] = keys[i * count / most + count / most / 2];
  keys.resize(most);
  return keys;
}

std::unique_ptr<InternalIterator> Memtable::iterate() const { return std::make_unique<MemtableIterator>(tree_); }

}  // namespace ldb::storage
