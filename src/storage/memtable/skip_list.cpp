#include "storage/memtable/skip_list.hpp"

#include <cstring>
#include <new>

namespace ldb::storage {
namespace {

bool before(const SkipList::Node& node, std::string_view key, Tag tag) {
  return compare_entries(node.key(), node.tag, key, tag) < 0;
}

}  // namespace

SkipList::SkipList(Arena& arena) : arena_(arena), head_(new_node({}, 0, {}, kMaxHeight)) {
  for (int level = 0; level < kMaxHeight; ++level) {
    before_[level] = head_;
    after_[level] = nullptr;
  }
}

SkipList::Node* SkipList::new_node(std::string_view key, Tag tag, std::string_view value, int height) {
  const std::size_t links = static_cast<std::size_t>(height - 1) * sizeof(rt::Atomic<Node*>);
  char* const memory = arena_.allocate(links + sizeof(Node) + key.size() + value.size());
  for (int i = 0; i < height - 1; ++i)
    new (memory + static_cast<std::size_t>(i) * sizeof(rt::Atomic<Node*>)) rt::Atomic<Node*>(nullptr);
  Node* const node = new (memory + links) Node;
  node->tag = tag;
  node->key_size = static_cast<std::uint32_t>(key.size());
  node->value_size = static_cast<std::uint32_t>(value.size());
  char* bytes = reinterpret_cast<char*>(node + 1);
  if (!key.empty()) std::memcpy(bytes, key.data(), key.size());
  if (!value.empty()) std::memcpy(bytes + key.size(), value.data(), value.size());
  return node;
}

int SkipList::random_height() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  int height = 1;
  for (std::uint64_t bits = random_; height < kMaxHeight && (bits & 3) == 0; bits >>= 2) ++height;
  return height;
}

void SkipList::find_splice(std::string_view key, Tag tag) {
  // Go up until the splice of the last insertion encloses the key, then down from there.
  int top = height_.load(std::memory_order_relaxed);
  int level = 0;
  for (; level < top; ++level) {
    if (before_[level] != head_ && !before(*before_[level], key, tag)) continue;
    // The right neighbour may be stale (a node was inserted at this level since); the walk down corrects it.
    if (after_[level] == nullptr || !before(*after_[level], key, tag)) break;
  }
  Node* node = level < top ? before_[level] : head_;
  for (int l = level < top ? level : top - 1; l >= 0; --l) {
    if (l < level && before_[l] != head_ && before(*before_[l], key, tag) &&
        (node == head_ || compare_entries(node->key(), node->tag, before_[l]->key(), before_[l]->tag) < 0)) {
      node = before_[l];
    }
    Node* next = node->next(l);
    while (next != nullptr && before(*next, key, tag)) {
      node = next;
      next = node->next(l);
    }
    before_[l] = node;
    after_[l] = next;
  }
}

void SkipList::insert(std::string_view key, Tag tag, std::string_view value) {
  find_splice(key, tag);
  const int height = random_height();
  const int old_height = height_.load(std::memory_order_relaxed);
  if (height > old_height) {
    for (int level = old_height; level < height; ++level) {
      before_[level] = head_;
      after_[level] = nullptr;
    }
    // A reader that sees the new height early finds null links at the head there and goes down.
    height_.store(height, std::memory_order_relaxed);
  }
  Node* const node = new_node(key, tag, value, height);
  for (int level = 0; level < height; ++level) {
    node->link(level).store(after_[level], std::memory_order_relaxed);
    before_[level]->link(level).store(node, std::memory_order_release);
    before_[level] = node;
  }
}

SkipList::Node* SkipList::seek(std::string_view key, Tag tag) const {
  Node* node = head_;
  Node* next = nullptr;
  Node* known_behind = nullptr;  // compared on the level above already
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    next = node->next(level);
    while (next != nullptr && next != known_behind && before(*next, key, tag)) {
      node = next;
      next = node->next(level);
    }
    known_behind = next;
  }
  return next;
}

SkipList::Node* SkipList::seek_before(std::string_view key, Tag tag) const {
  Node* node = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    Node* next = node->next(level);
    while (next != nullptr && before(*next, key, tag)) {
      node = next;
      next = node->next(level);
    }
  }
  return node == head_ ? nullptr : node;
}

SkipList::Node* SkipList::last() const {
  Node* node = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    for (Node* next = node->next(level); next != nullptr; next = node->next(level)) node = next;
  }
  return node == head_ ? nullptr : node;
}

}  // namespace ldb::storage
