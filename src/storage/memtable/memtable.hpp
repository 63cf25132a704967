// Newest writes in memory: a tree of entries and a list of range tombstones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/storage_engine.hpp"
#include "storage/internal_key.hpp"
#include "storage/iterator/internal_iterator.hpp"
#include "storage/memtable/arena.hpp"
#include "storage/memtable/memtable_tree.hpp"
#include "storage/point_read.hpp"
#include "storage/range_tombstone.hpp"

namespace ldb::storage {

/// Shared by the engine's state and by open iterators. add() by one thread at a time (the write leader, or recovery); all else
/// from any thread. Entries above a reader's sequence may appear at any moment and are skipped by it.
class Memtable {
 public:
  struct Addition {
    std::string_view key;
    Tag tag = 0;
    std::string_view value;
  };

  /// `log_start`: where in the log the first batch of this memtable stands; everything from there on must be kept until it is
  /// flushed.
  Memtable(std::shared_ptr<BlockPool> pool, LogPosition log_start)
      : arena_(std::move(pool)), tree_(arena_), log_start_(log_start) {}

  void add(std::string_view key, Tag tag, std::string_view value) { add(Addition{key, tag, value}, nullptr); }
  /// The same, one after the other, in less time: several cache misses are waited for at once.
  void add(std::span<const Addition> additions);

  /// The newest version at or below `sequence`, a tombstone of its own included; does not look at range tombstones.
  PointResult get(std::string_view key, std::uint64_t sequence, bool want_value = true) const;
  void find(PointRead& read) const;
  /// Null when there are none. Contains at least those at or below every sequence published before the call.
  std::shared_ptr<const TombstoneLists> tombstones() const;
  /// As the tables see it; the memtable must outlive it.
  std::unique_ptr<InternalIterator> iterate() const;
  /// At most `most` keys at about equal distances, ascending. Nothing may be added meanwhile.
  std::vector<std::string_view> sample(std::size_t most) const;

  LogPosition log_start() const { return log_start_; }
  /// Of the thread that writes: no room for more if it is to take `most_bytes`. A bit early, since blocks come by powers of two
  /// and one more would hardly be used.
  bool full(std::size_t most_bytes) const {
    constexpr std::size_t kMostSlack = 16 << 10;
    return arena_.used_bytes() + tombstone_bytes_.load(std::memory_order_relaxed) + std::min(kMostSlack, most_bytes / 64) >=
           most_bytes;
  }
  std::size_t memory_usage() const { return arena_.memory_usage() + tombstone_bytes_.load(std::memory_order_relaxed); }
  /// After the entries of a batch. Bare commits have no entries, but their place in the log and their sequence must be passed
  /// over by a flush all the same.
  void end_batch(std::uint64_t last_sequence) { last_sequence_.store(last_sequence, std::memory_order_relaxed); }
  /// Of the last batch; 0 when there was none.
  std::uint64_t last_sequence() const { return last_sequence_.load(std::memory_order_relaxed); }
  bool empty() const { return last_sequence() == 0; }
  std::uint64_t entries() const { return entries_.load(std::memory_order_relaxed); }

 private:
  void add(const Addition& addition, MemtableTree::Leaf* leaf);

  Arena arena_;
  MemtableTree tree_;
  const LogPosition log_start_;
  rt::Atomic<std::uint64_t> entries_{0};
  rt::Atomic<std::uint64_t> last_sequence_{0};

  rt::Atomic<bool> has_tombstones_{false};
  mutable rt::Atomic<std::size_t> tombstone_bytes_{0};
  mutable rt::Mutex tombstone_mutex_;
  // Wait until somebody asks: writers of many ranges do not pay for readers that never come.
  mutable std::vector<RangeTombstone> new_tombstones_ LDB_GUARDED_BY(tombstone_mutex_);
  mutable std::shared_ptr<const TombstoneLists> tombstones_ LDB_GUARDED_BY(tombstone_mutex_);  // null: none yet
};

/// Gathers what is added to a memtable into pieces of a good size. Keys and values must stay where they are until flush().
class MemtableFeed {
 public:
  explicit MemtableFeed(Memtable& memtable) : memtable_(memtable) {}
  MemtableFeed(const MemtableFeed&) = delete;
  MemtableFeed& operator=(const MemtableFeed&) = delete;

  void add(std::string_view key, Tag tag, std::string_view value) {
    std::construct_at(additions() + count_++, Memtable::Addition{key, tag, value});
    if (count_ == kMost) flush();
  }
  /// What was added before is in the memtable afterwards.
  void flush() {
    memtable_.add(std::span(additions(), count_));
    count_ = 0;
  }

 private:
  static constexpr std::size_t kMost = MemtableTree::kMostLeaves;
  static_assert(std::is_trivially_destructible_v<Memtable::Addition>);
  Memtable::Addition* additions() { return reinterpret_cast<Memtable::Addition*>(room_); }

  Memtable& memtable_;
  std::size_t count_ = 0;
  // Nothing to set up: most groups are of one addition.
  alignas(Memtable::Addition) std::byte room_[kMost * sizeof(Memtable::Addition)];
};

}  // namespace ldb::storage
