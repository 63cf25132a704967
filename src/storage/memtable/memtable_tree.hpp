// The memtable's index: a B+-tree in an arena, one writer, any number of readers without locks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/rt/atomic.hpp"
#include "storage/internal_key.hpp"
#include "storage/memtable/arena.hpp"

namespace ldb::storage {

/// One key's version as stored. Immutable once linked.
struct MemtableEntry {
  static constexpr std::uint32_t kHasHistory = 1u << 31;

  /// Stands in memory before the entries of a key that was written before. `jump` skips back so that a version is found in
  /// logarithmic time however often a key was overwritten: E. W. Myers, "An Applicative Random-Access Stack" (1983).
  struct History {
    const MemtableEntry* older;
    const MemtableEntry* jump;
    std::uint64_t depth;  ///< number of older versions
  };

  Tag tag;
  std::uint32_t key_size_and_flag;
  std::uint32_t value_size;

  std::uint32_t key_size() const { return key_size_and_flag & ~kHasHistory; }
  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size()}; }
  std::string_view value() const { return {reinterpret_cast<const char*>(this + 1) + key_size(), value_size}; }
  const History* history() const {
    return (key_size_and_flag & kHasHistory) != 0 ? reinterpret_cast<const History*>(this) - 1 : nullptr;
  }
  const MemtableEntry* older() const { return history() != nullptr ? history()->older : nullptr; }
  /// The newest version at or below `tag` among this one and older ones; null when there is none.
  const MemtableEntry* at_or_below(Tag tag) const;
  /// The oldest version above `tag`; this one is above it.
  const MemtableEntry* last_above(Tag tag) const;
};

/// Why not a skip list: a descent there touches a cache line for every key that it compares, here two for every fifteen.
///
/// A node holds up to 15 keys. Of each it keeps eight bytes (a *head*) from behind a prefix that all its keys share, so that most
/// comparisons need not follow a pointer. Its slots are filled in order of arrival; `order` says how they are sorted and is
/// published last (Mao, Kohler, Morris, "Cache Craftiness for Fast Multicore Key-Value Storage", 2012). A slot is never filled
/// twice: a full node is replaced by new ones and stays as it is, for those who still stand in it, until the arena goes.
///
/// So a reader needs no validation. What it has to find was inserted before it started, and every node that it can reach was live
/// at some moment since then; in a live node all of that is there, and in a replaced one all that had been there when it was
/// replaced. Only on its way down it has to look whether a node took in another child meanwhile.
class MemtableTree {
 public:
  static constexpr unsigned kFanOut = 15;

  struct Node {
    rt::Atomic<std::uint64_t> order;  ///< lowest four bits: count; then the slot of each key, smallest first, four bits each
    std::uint64_t heads[kFanOut];     ///< by slot
    rt::Atomic<const void*> slots[kFanOut];  ///< leaf: the newest entry of the key; inner node: the child
    static constexpr std::size_t kShortPrefix = 16;
    const char* long_prefix;          ///< of `skip` bytes, in a key; of a longer one than fits here
    char short_prefix[kShortPrefix];  ///< of `skip` bytes: to look into a key would be another cache miss on every level
    std::uint32_t skip;
    bool leaf;
    bool given_up;  ///< the writer's: other nodes are there for some of the keys that it was for
    const char* prefix() const { return skip <= kShortPrefix ? short_prefix : long_prefix; }
  };
  struct Leaf : Node {
    rt::Atomic<Leaf*> previous;
    rt::Atomic<Leaf*> next;
    const MemtableEntry* entry(unsigned slot) const {
      return static_cast<const MemtableEntry*>(slots[slot].load(std::memory_order_acquire));
    }
  };
  /// Keys are the lower bounds of the children; the first one's does not count.
  struct Inner : Node {
    const MemtableEntry* bounds[kFanOut];
    Node* child(unsigned slot) const {
      return static_cast<Node*>(const_cast<void*>(slots[slot].load(std::memory_order_acquire)));
    }
  };

  explicit MemtableTree(Arena& arena);
  MemtableTree(const MemtableTree&) = delete;
  MemtableTree& operator=(const MemtableTree&) = delete;

  /// By one thread at a time; all else concurrently with it. Tags of one key must grow. `leaf_ahead` is what find_leaves() found
  /// for the key at any time before.
  void insert(std::string_view key, Tag tag, std::string_view value, Leaf* leaf_ahead = nullptr);
  /// Of the thread that inserts: the leaves in which the keys, at most kMostLeaves, belong, or nulls if they seem to come in
  /// order: then insert() knows. The nodes come into the cache at the same time instead of one after the other.
  void find_leaves(std::span<const std::string_view> keys, Leaf** leaves);
  static constexpr std::size_t kMostLeaves = 16;
  /// The newest version of the key; null when there is none.
  const MemtableEntry* find(std::string_view key) const;
  /// At least `least` keys at about equal distances, ascending, or those that begin a leaf, which may be fewer. The tree must not
  /// change meanwhile.
  std::vector<std::string_view> sample(std::size_t least) const;

  /// A place in the tree; moves over keys, not over versions.
  class Cursor {
   public:
    explicit Cursor(const MemtableTree& tree) : tree_(tree) {}
    bool valid() const { return leaf_ != nullptr; }
    /// The newest version of the key here.
    const MemtableEntry* newest() const { return leaf_->entry(slot_at(order_, index_)); }
    void seek_to_first();
    void seek_to_last();
    /// The first key at or behind `key`.
    void seek(std::string_view key);
    /// The last key before `key`, whatever is added meanwhile.
    void seek_before(std::string_view key);
    void next();
    void previous();

   private:
    void enter(const Leaf* leaf, bool at_front);

    const MemtableTree& tree_;
    const Leaf* leaf_ = nullptr;
    std::uint64_t order_ = 0;
    unsigned index_ = 0;
  };

  static unsigned count_of(std::uint64_t order) { return static_cast<unsigned>(order & 15); }
  static unsigned slot_at(std::uint64_t order, unsigned index) { return static_cast<unsigned>(order >> (4 + 4 * index)) & 15; }

 private:
  static constexpr unsigned kMaxHeight = 24;
  struct Step {
    Inner* node;
    unsigned index;  ///< of the child that was taken
  };
  struct Place {
    unsigned index = 0;  ///< of the first key at or behind the one looked for
    bool equal = false;
  };
  /// A key and what stands in its slot.
  struct Item {
    const MemtableEntry* key;
    const void* content;
    std::uint64_t head = 0;  ///< behind the prefix of the node that it is gathered from, if its key has that
  };

  static const MemtableEntry* key_in(const Node& node, unsigned slot);
  static Place search(const Node& node, std::uint64_t order, std::string_view key);
  static void prefetch(const Node& node);
  bool belongs_to_last_leaf(std::string_view key, Place& place) const;
  static unsigned child_index(const Inner& node, std::uint64_t order, std::string_view key);
  template <class Choose>
  const Leaf* descend(Choose choose) const;
  const Leaf* descend_to(std::string_view key) const;
  Leaf* descend_with_path(std::string_view key);
  MemtableEntry* new_entry(std::string_view key, Tag tag, std::string_view value, const MemtableEntry* older);
  static std::size_t shared_by(const Item& a, const Item& b, const Node* origin);
  /// `origin`: whose prefix all keys have and the heads of the items stand behind; may be null.
  template <class N>
  N* new_node(const Item* items, unsigned count, const Node* origin, std::size_t most_shared = SIZE_MAX);
  /// False when the node is full or its prefix is too long for the key.
  static bool add_to_node(Node& node, unsigned index, const MemtableEntry* key, const void* content);
  struct Gathered {
    unsigned count;
    const Node* origin;  ///< the node, or null if the new key does not have its prefix
  };
  static Gathered gather(Node& node, unsigned index, Item item, Item* items);
  void split_leaf(Leaf* leaf, unsigned index, const MemtableEntry* entry);
  void link(Leaf* previous, Leaf* next);
  /// The child taken at path_[depth] becomes `left`, with `right` (may be null) behind it, which begins with `bound`.
  void replace_child(unsigned depth, Node* left, const MemtableEntry* bound, Node* right);

  Arena& arena_;
  rt::Atomic<Node*> root_{nullptr};
  // Writer only.
  Step path_[kMaxHeight];
  unsigned path_length_ = 0;  // 0 also when the leaf was found without a descent
  Leaf* last_leaf_ = nullptr;
};

}  // namespace ldb::storage
