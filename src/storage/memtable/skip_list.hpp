// The memtable's index: a skip list in an arena, one writer, any number of readers without locks.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/rt/atomic.hpp"
#include "storage/internal_key.hpp"
#include "storage/memtable/arena.hpp"

namespace ldb::storage {

/// W. Pugh, "Skip Lists" (1990). Nodes are never removed. insert() by one thread at a time; all else concurrently with it: a
/// reader sees a node whole or not at all, because it is linked with release stores after it was filled.
class SkipList {
 public:
  static constexpr int kMaxHeight = 12;

  /// In memory: links of the upper levels (highest first), then this struct, then key and value bytes.
  struct Node {
    rt::Atomic<Node*> bottom;
    Tag tag;
    std::uint32_t key_size;
    std::uint32_t value_size;

    std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
    std::string_view value() const { return {reinterpret_cast<const char*>(this + 1) + key_size, value_size}; }
    rt::Atomic<Node*>& link(int level) { return *(reinterpret_cast<rt::Atomic<Node*>*>(this) - level); }
    Node* next(int level) { return link(level).load(std::memory_order_acquire); }
  };

  explicit SkipList(Arena& arena);
  SkipList(const SkipList&) = delete;
  SkipList& operator=(const SkipList&) = delete;

  /// (key, tag) must not be in the list.
  void insert(std::string_view key, Tag tag, std::string_view value);
  /// First node at or behind (key, tag); null at the end.
  Node* seek(std::string_view key, Tag tag) const;
  /// Last node before (key, tag); null when there is none.
  Node* seek_before(std::string_view key, Tag tag) const;
  Node* first() const { return head_->next(0); }
  Node* last() const;

 private:
  Node* new_node(std::string_view key, Tag tag, std::string_view value, int height);
  int random_height();
  /// Fills splice_ with the neighbours of (key, tag), starting from where the last insertion left it.
  void find_splice(std::string_view key, Tag tag);

  Arena& arena_;
  Node* const head_;
  rt::Atomic<int> height_{1};
  // Writer only: the neighbours of the last inserted node on each level. Keys written in order are found at once.
  Node* before_[kMaxHeight];
  Node* after_[kMaxHeight];
  std::uint64_t random_ = 0x9e3779b97f4a7c15;  // heights need no secrecy, only independence from keys
};

}  // namespace ldb::storage
