// Sorted entries in one block: prefix-compressed keys with restart points (docs/formats/sstable.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/iterator/internal_iterator.hpp"

namespace ldb::storage {

/// Collects entries in internal order. One thread.
class BlockBuilder {
 public:
  explicit BlockBuilder(unsigned restart_interval = 16) : restart_interval_(restart_interval) {}

  void add(std::string_view key, Tag tag, std::string_view value);
  bool empty() const { return entries_ == 0; }
  /// Of what finish() would return.
  std::size_t size() const { return bytes_.size() + 4 * (restarts_.size() + 1); }
  /// Of the entry added last, also after finish().
  const std::string& last_key() const { return last_key_; }
  Tag last_tag() const { return last_tag_; }
  /// The block's contents; the builder is empty afterwards.
  std::string finish();

 private:
  const unsigned restart_interval_;
  std::string bytes_;
  std::vector<std::uint32_t> restarts_;
  std::string last_key_;
  Tag last_tag_ = 0;
  std::uint64_t entries_ = 0;
};

/// Contents of a block whose checksum was verified; still nothing in it is trusted. Immutable; any thread.
class Block {
 public:
  /// kCorruption without file name.
  static Result<std::shared_ptr<const Block>> create(std::string contents);

  std::size_t memory_usage() const { return sizeof(Block) + contents_.capacity(); }

 private:
  friend class BlockIterator;
  explicit Block(std::string contents) : contents_(std::move(contents)) {}
  std::uint32_t restart(std::uint32_t index) const;

  const std::string contents_;
  std::uint32_t restart_count_ = 0;
  std::uint32_t entries_end_ = 0;  // where the restart array begins
};

/// Keeps its block alive. set_block() makes one iterator serve a whole table.
class BlockIterator final : public InternalIterator {
 public:
  BlockIterator() = default;
  explicit BlockIterator(std::shared_ptr<const Block> block) { set_block(std::move(block)); }
  void set_block(std::shared_ptr<const Block> block);
  void clear() { set_block(nullptr); }

  void seek_to_first() override;
  void seek_to_last() override;
  void seek(std::string_view key, Tag tag) override;
  void next() override;
  void prev() override;
  Status status() const override { return status_; }

 private:
  /// Decodes the entry at next_offset_; false at the end or at damage.
  bool read_entry();
  void go_to_restart(std::uint32_t index);
  void damaged();
  bool restart_key_before(std::uint32_t index, std::string_view key, Tag tag);

  std::shared_ptr<const Block> block_;
  std::string key_buffer_;
  std::uint32_t offset_ = 0;       // of the current entry
  std::uint32_t next_offset_ = 0;  // of the one behind it
  std::uint32_t restart_index_ = 0;
  Status status_;
};

}  // namespace ldb::storage
