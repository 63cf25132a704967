#include "storage/memtable/memtable_tree.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/check.hpp"
#include "base/coding.hpp"

namespace ldb::storage {
namespace {

/// A new prefix is this much shorter than what the keys share, so that keys to come fit in, too.
constexpr std::size_t kPrefixSlack = 3;
/// The prefix of a node that was split stays good enough while it is that much shorter, which leaves three bytes of a head to
/// tell keys apart: for another one every key would have to be looked at, each a cache miss.
constexpr std::size_t kMostPrefixSlack = 5;

std::uint64_t head_of(std::string_view key, std::size_t skip) {
  if (key.size() >= skip + 8) return load_u64_be(key.data() + skip);
  char padded[8] = {};
  if (key.size() > skip) std::memcpy(padded, key.data() + skip, key.size() - skip);
  return load_u64_be(padded);
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < most && a[i] == b[i]) ++i;
  return i;
}

bool has_prefix(const MemtableTree::Node& node, std::string_view key) {
  return node.skip == 0 || (key.size() >= node.skip && std::memcmp(key.data(), node.prefix(), node.skip) == 0);
}

}  // namespace

const MemtableEntry* MemtableEntry::at_or_below(Tag target) const {
  const MemtableEntry* entry = this;
  while (entry != nullptr && entry->tag > target) {
    const History* const h = entry->history();
    if (h == nullptr) return nullptr;
    entry = h->jump->tag > target ? h->jump : h->older;
  }
  return entry;
}

const MemtableEntry* MemtableEntry::last_above(Tag target) const {
  const MemtableEntry* entry = this;
  for (;;) {
    const History* const h = entry->history();
    if (h == nullptr) return entry;
    if (h->jump->tag > target) {
      entry = h->jump;
    } else if (h->older->tag > target) {
      entry = h->older;
    } else {
      return entry;
    }
  }
}

MemtableTree::MemtableTree(Arena& arena) : arena_(arena) {
  last_leaf_ = new_node<Leaf>(nullptr, 0, nullptr);
  root_.store(last_leaf_, std::memory_order_release);
}

// Searching.

const MemtableEntry* MemtableTree::key_in(const Node& node, unsigned slot) {
  return node.leaf ? static_cast<const Leaf&>(node).entry(slot) : static_cast<const Inner&>(node).bounds[slot];
}

MemtableTree::Place MemtableTree::search(const Node& node, std::uint64_t order, std::string_view key) {
  const unsigned count = count_of(order);
  const unsigned first = node.leaf ? 0 : 1;  // the first bound of an inner node does not count
  if (node.skip > 0) {
    const std::size_t shared = std::min<std::size_t>(node.skip, key.size());
    const int side = std::memcmp(key.data(), node.prefix(), shared);
    if (side < 0 || (side == 0 && key.size() < node.skip)) return {first, false};
    if (side > 0) return {count, false};
  }
  const std::uint64_t head = head_of(key, node.skip);
  unsigned low = first;
  unsigned high = count;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    const unsigned slot = slot_at(order, middle);
    const std::uint64_t other = node.heads[slot];
    if (other == head) {
      const int side = key_in(node, slot)->key().compare(key);
      if (side == 0) return {middle, true};
      side < 0 ? low = middle + 1 : high = middle;
    } else {
      other < head ? low = middle + 1 : high = middle;
    }
  }
  return {low, false};
}

unsigned MemtableTree::child_index(const Inner& node, std::uint64_t order, std::string_view key) {
  const Place place = search(node, order, key);
  return place.equal ? place.index : place.index - 1;
}

template <class Choose>
const MemtableTree::Leaf* MemtableTree::descend(Choose choose) const {
  const Node* node = root_.load(std::memory_order_acquire);
  while (!node->leaf) {
    const auto& inner = static_cast<const Inner&>(*node);
    const Node* child = nullptr;
    std::uint64_t order = inner.order.load(std::memory_order_acquire);
    for (;;) {
      child = inner.child(slot_at(order, choose(inner, order)));
      // A child that was split lost its upper half after its new neighbour had been published here.
      const std::uint64_t now = inner.order.load(std::memory_order_acquire);
      if (now == order) break;
      order = now;
    }
    node = child;
  }
  return static_cast<const Leaf*>(node);
}

const MemtableTree::Leaf* MemtableTree::descend_to(std::string_view key) const {
  return descend([key](const Inner& inner, std::uint64_t order) { return child_index(inner, order, key); });
}

const MemtableEntry* MemtableTree::find(std::string_view key) const {
  const Leaf* const leaf = descend_to(key);
  const std::uint64_t order = leaf->order.load(std::memory_order_acquire);
  const Place place = search(*leaf, order, key);
  return place.equal ? leaf->entry(slot_at(order, place.index)) : nullptr;
}

std::vector<std::string_view> MemtableTree::sample(std::size_t least) const {
  // The bounds between the nodes of one level, from the root on down: leaves are about equally full, and so are nodes above them.
  std::vector<const Node*> level{root_.load(std::memory_order_acquire)};
  std::vector<std::string_view> bounds;  // the first key of each node of the level but the first
  while (bounds.size() < least && !level.front()->leaf) {
    std::vector<const Node*> children;
    std::vector<std::string_view> keys;
    for (std::size_t n = 0; n < level.size(); ++n) {
      const auto& inner = static_cast<const Inner&>(*level[n]);
      const std::uint64_t order = inner.order.load(std::memory_order_acquire);
      for (unsigned i = 0; i < count_of(order); ++i) {
        const unsigned slot = slot_at(order, i);
        if (i > 0) {
          keys.push_back(inner.bounds[slot]->key());
        } else if (n > 0) {
          keys.push_back(bounds[n - 1]);
        }
        children.push_back(inner.child(slot));
      }
    }
    level = std::move(children);
    bounds = std::move(keys);
  }
  return bounds;
}

// Inserting.

MemtableTree::Leaf* MemtableTree::descend_with_path(std::string_view key) {
  path_length_ = 0;
  Node* node = root_.load(std::memory_order_relaxed);
  while (!node->leaf) {
    auto* const inner = static_cast<Inner*>(node);
    const std::uint64_t order = inner->order.load(std::memory_order_relaxed);
    const unsigned index = child_index(*inner, order, key);
    LDB_CHECK(path_length_ < kMaxHeight);
    path_[path_length_++] = {inner, index};
    node = inner->child(slot_at(order, index));
  }
  return static_cast<Leaf*>(node);
}

MemtableEntry* MemtableTree::new_entry(std::string_view key, Tag tag, std::string_view value, const MemtableEntry* older) {
  using History = MemtableEntry::History;
  const std::size_t before = older != nullptr ? sizeof(History) : 0;
  char* const memory = arena_.allocate(before + sizeof(MemtableEntry) + key.size() + value.size());
  if (older != nullptr) {
    const History* const h = older->history();
    const auto depth_of = [](const MemtableEntry* e) { return e->history() != nullptr ? e->history()->depth : 0; };
    const MemtableEntry* jump = older;
    if (h != nullptr) {
      const MemtableEntry::History* const second = h->jump->history();
      const std::uint64_t first_step = h->depth - depth_of(h->jump);
      if (second != nullptr && first_step == depth_of(h->jump) - depth_of(second->jump)) jump = second->jump;
    }
    new (memory) History{older, jump, depth_of(older) + 1};
  }
  auto* const entry = new (memory + before) MemtableEntry;
  entry->tag = tag;
  entry->key_size_and_flag = static_cast<std::uint32_t>(key.size()) | (older != nullptr ? MemtableEntry::kHasHistory : 0);
  entry->value_size = static_cast<std::uint32_t>(value.size());
  char* const bytes = reinterpret_cast<char*>(entry + 1);
  if (!key.empty()) std::memcpy(bytes, key.data(), key.size());
  if (!value.empty()) std::memcpy(bytes + key.size(), value.data(), value.size());
  return entry;
}

std::size_t MemtableTree::shared_by(const Item& a, const Item& b, const Node* origin) {
  // Where heads differ they tell it, unless one may be padded.
  if (origin != nullptr && a.head != b.head && (a.head & 0xff) != 0 && (b.head & 0xff) != 0) {
    return origin->skip + static_cast<std::size_t>(std::countl_zero(a.head ^ b.head)) / 8;
  }
  return common_prefix(a.key->key(), b.key->key());
}

template <class N>
N* MemtableTree::new_node(const Item* items, unsigned count, const Node* origin, std::size_t most_shared) {
  N* const node = new (arena_.allocate_line(sizeof(N))) N;
  node->leaf = std::is_same_v<N, Leaf>;
  node->given_up = false;
  node->skip = 0;
  node->long_prefix = nullptr;
  if (count > 0) {
    const Item& first = items[std::is_same_v<N, Inner> ? 1 : 0];
    const std::size_t shared = std::min(most_shared, shared_by(first, items[count - 1], origin));
    if (origin != nullptr && shared >= origin->skip && shared - origin->skip <= kMostPrefixSlack) {
      node->skip = origin->skip;
      node->long_prefix = origin->long_prefix;
      std::memcpy(node->short_prefix, origin->short_prefix, Node::kShortPrefix);
    } else {
      origin = nullptr;
      node->skip = static_cast<std::uint32_t>(shared - std::min(shared, kPrefixSlack));
      node->long_prefix = first.key->key().data();
      std::memcpy(node->short_prefix, node->long_prefix, std::min<std::size_t>(node->skip, Node::kShortPrefix));
    }
  }
  std::uint64_t order = count;
  for (unsigned i = 0; i < count; ++i) {
    const bool counts = std::is_same_v<N, Leaf> || i > 0;
    node->heads[i] = !counts ? 0 : origin != nullptr ? items[i].head : head_of(items[i].key->key(), node->skip);
    node->slots[i].store(items[i].content, std::memory_order_relaxed);
    if constexpr (std::is_same_v<N, Inner>) node->bounds[i] = items[i].key;
    order |= std::uint64_t{i} << (4 + 4 * i);
  }
  node->order.store(order, std::memory_order_release);
  return node;
}

bool MemtableTree::add_to_node(Node& node, unsigned index, const MemtableEntry* key, const void* content) {
  const std::uint64_t order = node.order.load(std::memory_order_relaxed);
  const unsigned slot = count_of(order);  // slots are filled one after the other
  if (slot == kFanOut || !has_prefix(node, key->key())) return false;
  node.heads[slot] = head_of(key->key(), node.skip);
  if (!node.leaf) static_cast<Inner&>(node).bounds[slot] = key;
  node.slots[slot].store(content, std::memory_order_relaxed);
  const unsigned shift = 4 + 4 * index;
  const std::uint64_t below = order & ((std::uint64_t{1} << shift) - 1);
  const std::uint64_t above = index == kFanOut - 1 ? 0 : (order >> shift) << (shift + 4);
  node.order.store((below | above | std::uint64_t{slot} << shift) + 1, std::memory_order_release);
  return true;
}

MemtableTree::Gathered MemtableTree::gather(Node& node, unsigned index, Item item, Item* items) {
  node.given_up = true;
  const std::uint64_t order = node.order.load(std::memory_order_relaxed);
  const unsigned count = count_of(order);
  const bool same_prefix = has_prefix(node, item.key->key());
  if (same_prefix) item.head = head_of(item.key->key(), node.skip);
  for (unsigned i = 0, from = 0; i < count + 1; ++i) {
    if (i == index) {
      items[i] = item;
    } else {
      const unsigned slot = slot_at(order, from++);
      items[i] = {key_in(node, slot), node.slots[slot].load(std::memory_order_relaxed), node.heads[slot]};
    }
  }
  return {count + 1, same_prefix ? &node : nullptr};
}

void MemtableTree::link(Leaf* previous, Leaf* next) {
  if (previous != nullptr) previous->next.store(next, std::memory_order_release);
  if (next != nullptr) next->previous.store(previous, std::memory_order_release);
}

bool MemtableTree::belongs_to_last_leaf(std::string_view key, Place& place) const {
  const std::uint64_t order = last_leaf_->order.load(std::memory_order_relaxed);
  place = search(*last_leaf_, order, key);
  return place.equal || (place.index > 0 && place.index < count_of(order)) ||
         (place.index > 0 && last_leaf_->next.load(std::memory_order_relaxed) == nullptr);
}

void MemtableTree::prefetch(const Node& node) {
  for (std::size_t at = 0; at < sizeof(Leaf); at += 64) __builtin_prefetch(reinterpret_cast<const char*>(&node) + at);
}

void MemtableTree::find_leaves(std::span<const std::string_view> keys, Leaf** leaves) {
  LDB_CHECK(keys.size() <= kMostLeaves);
  Place in_last_leaf;
  if (keys.size() < 2 || belongs_to_last_leaf(keys.front(), in_last_leaf)) {  // they may well come in order
    std::fill_n(leaves, keys.size(), nullptr);
    return;
  }
  // Every path is equally long.
  Node* nodes[kMostLeaves];
  std::fill_n(nodes, keys.size(), root_.load(std::memory_order_relaxed));
  while (!nodes[0]->leaf) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto& inner = static_cast<const Inner&>(*nodes[i]);
      const std::uint64_t order = inner.order.load(std::memory_order_relaxed);
      nodes[i] = inner.child(slot_at(order, child_index(inner, order, keys[i])));
      prefetch(*nodes[i]);
    }
  }
  for (std::size_t i = 0; i < keys.size(); ++i) leaves[i] = static_cast<Leaf*>(nodes[i]);
}

void MemtableTree::insert(std::string_view key, Tag tag, std::string_view value, Leaf* leaf_ahead) {
  Place place;
  bool has_path = false;
  if (leaf_ahead != nullptr && !leaf_ahead->given_up) {
    last_leaf_ = leaf_ahead;
    place = search(*last_leaf_, last_leaf_->order.load(std::memory_order_relaxed), key);
  } else if (!belongs_to_last_leaf(key, place)) {  // often it does
    last_leaf_ = descend_with_path(key);
    has_path = true;
    place = search(*last_leaf_, last_leaf_->order.load(std::memory_order_relaxed), key);
  }
  Leaf* const leaf = last_leaf_;
  if (place.equal) {
    const std::uint64_t order = leaf->order.load(std::memory_order_relaxed);
    rt::Atomic<const void*>& slot = leaf->slots[slot_at(order, place.index)];
    const auto* const older = static_cast<const MemtableEntry*>(slot.load(std::memory_order_relaxed));
    slot.store(new_entry(key, tag, value, older), std::memory_order_release);
    return;
  }
  const MemtableEntry* const entry = new_entry(key, tag, value, nullptr);
  if (add_to_node(*leaf, place.index, entry, entry)) return;
  if (!has_path) {
    const Leaf* const found = descend_with_path(key);
    LDB_CHECK(found == leaf);
  }
  split_leaf(leaf, place.index, entry);
}

void MemtableTree::split_leaf(Leaf* leaf, unsigned index, const MemtableEntry* entry) {
  Leaf* const before = leaf->previous.load(std::memory_order_relaxed);
  Leaf* const behind = leaf->next.load(std::memory_order_relaxed);
  Item items[kFanOut + 1];
  const auto [count, origin] = gather(*leaf, index, {entry, entry}, items);
  if (behind == nullptr && index == kFanOut) {
    // Keys that come in order fill their leaves.
    Leaf* const right = new_node<Leaf>(&items[index], 1, nullptr, common_prefix(items[index - 1].key->key(), entry->key()));
    right->previous.store(leaf, std::memory_order_relaxed);
    last_leaf_ = right;
    leaf->next.store(right, std::memory_order_release);
    return replace_child(path_length_, leaf, entry, right);
  }
  if (count <= kFanOut) {  // only the prefix did not fit
    Leaf* const rewritten = new_node<Leaf>(items, count, origin);
    rewritten->previous.store(before, std::memory_order_relaxed);
    rewritten->next.store(behind, std::memory_order_relaxed);
    link(before, rewritten);
    link(rewritten, behind);
    last_leaf_ = rewritten;
    return replace_child(path_length_, rewritten, nullptr, nullptr);
  }
  const unsigned half = count / 2;
  Leaf* const left = new_node<Leaf>(items, half, origin);
  Leaf* const right = new_node<Leaf>(items + half, count - half, origin);
  left->previous.store(before, std::memory_order_relaxed);
  right->next.store(behind, std::memory_order_relaxed);
  link(left, right);
  link(before, left);
  link(right, behind);
  last_leaf_ = index < half ? left : right;
  replace_child(path_length_, left, items[half].key, right);
}

void MemtableTree::replace_child(unsigned depth, Node* left, const MemtableEntry* bound, Node* right) {
  if (depth == 0) {
    if (right == nullptr) return root_.store(left, std::memory_order_release);
    const Item items[2] = {{nullptr, left}, {bound, right}};
    return root_.store(new_node<Inner>(items, 2, nullptr), std::memory_order_release);
  }
  const auto [parent, index] = path_[depth - 1];
  const std::uint64_t order = parent->order.load(std::memory_order_relaxed);
  const unsigned slot = slot_at(order, index);
  if (right == nullptr) return parent->slots[slot].store(left, std::memory_order_release);
  // First the new child, then the shorter one in place of the old: at no moment is anything missing.
  if (add_to_node(*parent, index + 1, bound, right)) return parent->slots[slot].store(left, std::memory_order_release);
  Item items[kFanOut + 1];
  const auto [count, origin] = gather(*parent, index + 1, {bound, right}, items);
  items[index].content = left;
  if (count <= kFanOut) return replace_child(depth - 1, new_node<Inner>(items, count, origin), nullptr, nullptr);
  // At the right edge the left node stays full, for keys that come in order.
  const unsigned half = index + 1 == kFanOut ? kFanOut - 1 : count / 2;
  Inner* const first = new_node<Inner>(items, half, origin);
  Inner* const second = new_node<Inner>(items + half, count - half, origin);
  replace_child(depth - 1, first, items[half].key, second);
}

// Walking.

void MemtableTree::Cursor::enter(const Leaf* leaf, bool at_front) {
  leaf_ = leaf;
  if (leaf == nullptr) return;
  order_ = leaf->order.load(std::memory_order_acquire);
  const unsigned count = count_of(order_);
  if (count == 0) {  // only the first leaf of an empty tree
    leaf_ = nullptr;
    return;
  }
  // Entries stand in order of arrival: fetch them together instead of one after the other.
  for (unsigned i = 0; i < count; ++i) __builtin_prefetch(leaf->slots[i].load(std::memory_order_relaxed));
  if (const Leaf* next = leaf->next.load(std::memory_order_relaxed)) __builtin_prefetch(next);
  index_ = at_front ? 0 : count - 1;
}

void MemtableTree::Cursor::seek_to_first() {
  enter(tree_.descend([](const Inner&, std::uint64_t) { return 0U; }), true);
}

void MemtableTree::Cursor::seek_to_last() {
  enter(tree_.descend([](const Inner&, std::uint64_t order) { return count_of(order) - 1; }), false);
}

void MemtableTree::Cursor::seek(std::string_view key) {
  // Mostly the first key of the next leaf is behind `key`; but the last leaf may just have got a next one, by keys before `key`.
  for (leaf_ = tree_.descend_to(key); leaf_ != nullptr; leaf_ = leaf_->next.load(std::memory_order_acquire)) {
    order_ = leaf_->order.load(std::memory_order_acquire);
    index_ = search(*leaf_, order_, key).index;
    if (index_ < count_of(order_)) return;
  }
}

void MemtableTree::Cursor::seek_before(std::string_view key) {
  leaf_ = tree_.descend_to(key);
  order_ = leaf_->order.load(std::memory_order_acquire);
  index_ = search(*leaf_, order_, key).index;
  previous();
}

void MemtableTree::Cursor::next() {
  if (++index_ == count_of(order_)) enter(leaf_->next.load(std::memory_order_acquire), true);
}

void MemtableTree::Cursor::previous() {
  if (index_ == 0) {
    enter(leaf_->previous.load(std::memory_order_acquire), false);
  } else {
    --index_;
  }
}

}  // namespace ldb::storage
