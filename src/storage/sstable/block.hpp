// Sorted entries in one block, and the form in which a block is kept in memory (docs/formats/sstable.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/coding.hpp"
#include "base/rt/atomic.hpp"
#include "ldb/status.hpp"
#include "storage/internal_key.hpp"
#include "storage/iterator/internal_iterator.hpp"

namespace ldb::storage {

/// Collects entries in internal order. One thread.
class BlockBuilder {
 public:
  void add(std::string_view key, Tag tag, std::string_view value);
  bool empty() const { return entries_.empty(); }
  /// About what finish() would return.
  std::size_t size() const {
    return bytes_.size() + 4 * entries_.size() - shared_ * (entries_.empty() ? 0 : entries_.size() - 1);
  }
  /// Of the entry added last, also after finish().
  const std::string& last_key() const { return last_key_; }
  Tag last_tag() const { return last_tag_; }
  /// The block's contents; the builder is empty afterwards.
  std::string finish();

 private:
  struct Entry {
    std::uint32_t key_size;
    std::uint32_t value_size;
    Tag tag;
  };
  std::string bytes_;  // keys and values, whole
  std::vector<Entry> entries_;
  std::size_t shared_ = 0;  // prefix of all keys
  std::string last_key_;
  Tag last_tag_ = 0;
};

class Block;

/// A share in a block.
class BlockPtr {
 public:
  BlockPtr() = default;
  inline explicit BlockPtr(const Block* block);  ///< takes another share
  BlockPtr(const BlockPtr& other) : BlockPtr(other.block_) {}
  BlockPtr(BlockPtr&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockPtr& operator=(BlockPtr other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  inline ~BlockPtr();
  const Block* get() const { return block_; }
  const Block* operator->() const { return block_; }
  const Block& operator*() const { return *block_; }
  explicit operator bool() const { return block_ != nullptr; }
  /// Gives the share away; Block::release() must be called for it.
  const Block* detach() { return std::exchange(block_, nullptr); }

 private:
  const Block* block_ = nullptr;
};

/// Contents of a block whose checksum was verified; nothing in it is trusted before create() has walked over all of it. One
/// piece of memory: what is declared here, the table, the contents (tags apart, where they differ). Immutable; any thread.
/// Entries can be reached by number; which number a key has is found through heads (the next eight bytes behind the block's
/// common prefix, as an integer) or, for point reads, through one-byte fingerprints.
class Block {
 public:
  enum class Use : std::uint8_t {
    kData,   ///< with fingerprints, for find()
    kIndex,  ///< with heads, for lower_bound()
    kPlain,  ///< neither
  };
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Entry {
    std::string_view suffix;  ///< of the key, behind prefix()
    std::string_view value;
    Tag tag = 0;
  };

  /// Copies the contents. kCorruption without file name.
  static Result<BlockPtr> create(std::string_view contents, Use use = Use::kPlain);

  std::uint32_t size() const { return count_; }
  std::string_view prefix() const { return {contents_.data() + prefix_offset_, prefix_size_}; }
  Entry entry(std::uint32_t index) const;
  /// The first entry at or behind (key, tag); size() when there is none.
  std::uint32_t lower_bound(std::string_view key, Tag tag) const;
  /// The newest version of the key at or below `tag`; kNone when there is none. Only with kData.
  std::uint32_t find(std::string_view key, Tag tag) const;

  std::size_t memory_usage() const {
    return sizeof(Block) + table_bytes_ + contents_.size() + (tags_ != nullptr ? count_ * sizeof(Tag) : 0);
  }

  void add_share() const { shares_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (shares_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  /// The cache's notes on a block that it holds.
  struct CacheNotes {
    rt::Atomic<std::uint8_t> heat{0};  ///< read often lately: 0 to 3; any thread
    // Guarded by the mutex of the cache's shard.
    bool in_main = false;
    const Block* newer = nullptr;
    const Block* older = nullptr;
    rt::Atomic<const Block*>* slot = nullptr;  ///< where readers find the block
  };
  CacheNotes& cache_notes() const { return cache_notes_; }

 private:
  /// How the table is laid out: heads or fingerprints, then the offsets of suffixes and those of values, each with the end of the
  /// last one behind.
  struct TableLayout {
    TableLayout(std::uint64_t count, std::size_t contents_bytes, Use use);
    std::size_t searched_bytes = 0;
    std::size_t bytes = 0;
    bool wide = false;
  };
  Block(std::string_view contents, unsigned char* table, const TableLayout& layout, Use use);
  void destroy() const;
  Status parse();
  template <class Offset>
  Status parse_sizes(ByteReader& reader);
  Status parse_tags(ByteReader& reader);
  /// Column 0: suffixes; column 1: values.
  std::string_view piece(std::uint32_t column, std::uint32_t index) const;

  const std::string_view contents_;
  std::uint32_t prefix_offset_ = 0;
  std::uint32_t prefix_size_ = 0;
  std::uint32_t count_ = 0;
  const bool wide_;                  // offsets take four bytes instead of two
  std::uint32_t bases_[2] = {0, 0};  // where suffixes and values begin
  const std::size_t table_bytes_;
  std::uint64_t* heads_ = nullptr;
  unsigned char* fingerprints_ = nullptr;  // padded to a multiple of 16
  unsigned char* offsets_ = nullptr;
  Tag common_tag_ = 0;
  std::unique_ptr<Tag[]> tags_;  // null: all are common_tag_
  mutable rt::Atomic<std::uint32_t> shares_{1};
  mutable CacheNotes cache_notes_;
};

BlockPtr::BlockPtr(const Block* block) : block_(block) {
  if (block_ != nullptr) block_->add_share();
}
BlockPtr::~BlockPtr() {
  if (block_ != nullptr) block_->release();
}

/// Keeps its block alive. set_block() makes one iterator serve a whole table.
class BlockIterator final : public InternalIterator {
 public:
  BlockIterator() = default;
  explicit BlockIterator(BlockPtr block) { set_block(std::move(block)); }
  void set_block(BlockPtr block);
  void clear() { set_block(BlockPtr()); }

  void seek_to_first() override { show(0); }
  void seek_to_last() override { show(block_ ? block_->size() - 1 : 0); }
  void seek(std::string_view key, Tag tag) override { show(block_ ? block_->lower_bound(key, tag) : 0); }
  void next() override { show(index_ + 1); }
  void prev() override { show(index_ - 1); }  // wraps around to what no block holds
  Status status() const override { return {}; }
  std::uint32_t index() const { return index_; }

 private:
  void show(std::uint32_t index);

  BlockPtr block_;
  std::string key_buffer_;  // begins with the block's prefix
  std::uint32_t index_ = 0;
};

}  // namespace ldb::storage
