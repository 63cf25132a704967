#include "storage/sstable/block.hpp"

#include <algorithm>

#include "base/coding.hpp"

namespace ldb::storage {
namespace {

/// Fast for the common case of small numbers; null when it does not fit.
const char* get_varint(const char* p, const char* end, std::uint64_t& value) {
  if (p < end && static_cast<std::uint8_t>(*p) < 0x80) {
    value = static_cast<std::uint8_t>(*p);
    return p + 1;
  }
  value = 0;
  for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(*p++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return p;
  }
  return nullptr;
}

struct EntryHeader {
  std::uint64_t shared = 0;
  std::uint64_t unshared = 0;
  std::uint64_t value_size = 0;
  Tag tag = 0;
  const char* key = nullptr;
};

bool decode_header(const char* p, const char* end, EntryHeader& h) {
  if ((p = get_varint(p, end, h.shared)) == nullptr) return false;
  if ((p = get_varint(p, end, h.unshared)) == nullptr) return false;
  if ((p = get_varint(p, end, h.value_size)) == nullptr) return false;
  if ((p = get_varint(p, end, h.tag)) == nullptr) return false;
  const auto left = static_cast<std::uint64_t>(end - p);
  if (h.unshared > left || h.value_size > left - h.unshared) return false;
  h.key = p;
  return true;
}

}  // namespace

void BlockBuilder::add(std::string_view key, Tag tag, std::string_view value) {
  std::size_t shared = 0;
  if (entries_ % restart_interval_ == 0) {
    restarts_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  } else {
    const std::size_t most = std::min(key.size(), last_key_.size());
    while (shared < most && key[shared] == last_key_[shared]) ++shared;
  }
  put_varint(bytes_, shared);
  put_varint(bytes_, key.size() - shared);
  put_varint(bytes_, value.size());
  put_varint(bytes_, tag);
  bytes_.append(key.substr(shared));
  bytes_.append(value);
  last_key_.resize(shared);
  last_key_.append(key.substr(shared));
  last_tag_ = tag;
  ++entries_;
}

std::string BlockBuilder::finish() {
  for (const std::uint32_t restart : restarts_) put_u32(bytes_, restart);
  put_u32(bytes_, static_cast<std::uint32_t>(restarts_.size()));
  restarts_.clear();
  entries_ = 0;
  return std::exchange(bytes_, std::string());
}

Result<std::shared_ptr<const Block>> Block::create(std::string contents) {
  auto block = std::shared_ptr<Block>(new Block(std::move(contents)));
  const std::string& bytes = block->contents_;
  if (bytes.size() < 4 || bytes.size() > 0xffffffff) return Status(StatusCode::kCorruption, "block of impossible size");
  const std::uint32_t count = load_u32(bytes.data() + bytes.size() - 4);
  if (count > (bytes.size() - 4) / 4) return Status(StatusCode::kCorruption, "bad restart count in block");
  block->restart_count_ = count;
  block->entries_end_ = static_cast<std::uint32_t>(bytes.size() - 4 - 4 * std::size_t{count});
  for (std::uint32_t i = 0; i < count; ++i) {
    if (block->restart(i) >= block->entries_end_) return Status(StatusCode::kCorruption, "bad restart point in block");
  }
  if (count == 0 && block->entries_end_ != 0) return Status(StatusCode::kCorruption, "block without restart points");
  return std::shared_ptr<const Block>(std::move(block));
}

std::uint32_t Block::restart(std::uint32_t index) const {
  return load_u32(contents_.data() + entries_end_ + 4 * std::size_t{index});
}

void BlockIterator::set_block(std::shared_ptr<const Block> block) {
  block_ = std::move(block);
  valid_ = false;
  status_ = Status();
}

void BlockIterator::damaged() {
  valid_ = false;
  status_ = Status(StatusCode::kCorruption, "bad entry in block at byte " + std::to_string(next_offset_));
}

bool BlockIterator::read_entry() {
  if (next_offset_ >= block_->entries_end_) {
    valid_ = false;
    return false;
  }
  const char* const begin = block_->contents_.data();
  EntryHeader h;
  if (!decode_header(begin + next_offset_, begin + block_->entries_end_, h) || h.shared > key_buffer_.size()) {
    damaged();
    return false;
  }
  key_buffer_.resize(static_cast<std::size_t>(h.shared));
  key_buffer_.append(h.key, static_cast<std::size_t>(h.unshared));
  key_ = key_buffer_;
  tag_ = h.tag;
  value_ = {h.key + h.unshared, static_cast<std::size_t>(h.value_size)};
  offset_ = next_offset_;
  next_offset_ = static_cast<std::uint32_t>(value_.data() + value_.size() - begin);
  while (restart_index_ + 1 < block_->restart_count_ && block_->restart(restart_index_ + 1) <= offset_) ++restart_index_;
  valid_ = true;
  return true;
}

void BlockIterator::go_to_restart(std::uint32_t index) {
  key_buffer_.clear();
  restart_index_ = index;
  next_offset_ = block_->restart(index);
}

void BlockIterator::seek_to_first() {
  valid_ = false;
  if (!block_ || block_->restart_count_ == 0) return;
  go_to_restart(0);
  read_entry();
}

void BlockIterator::seek_to_last() {
  valid_ = false;
  if (!block_ || block_->restart_count_ == 0) return;
  go_to_restart(block_->restart_count_ - 1);
  while (read_entry() && next_offset_ < block_->entries_end_) {
  }
}

bool BlockIterator::restart_key_before(std::uint32_t index, std::string_view key, Tag tag) {
  const char* const begin = block_->contents_.data();
  EntryHeader h;
  if (!decode_header(begin + block_->restart(index), begin + block_->entries_end_, h) || h.shared != 0) {
    next_offset_ = block_->restart(index);
    damaged();
    return false;
  }
  return compare_entries({h.key, static_cast<std::size_t>(h.unshared)}, h.tag, key, tag) < 0;
}

void BlockIterator::seek(std::string_view key, Tag tag) {
  valid_ = false;
  if (!block_ || block_->restart_count_ == 0) return;
  std::uint32_t low = 0;  // the last restart point whose key is before the target, or the first one
  std::uint32_t high = block_->restart_count_ - 1;
  while (low < high) {
    const std::uint32_t middle = low + (high - low + 1) / 2;
    if (restart_key_before(middle, key, tag)) {
      low = middle;
    } else {
      if (!status_) return;
      high = middle - 1;
    }
  }
  go_to_restart(low);
  while (read_entry() && compare_entries(key_, tag_, key, tag) < 0) {
  }
}

void BlockIterator::next() { read_entry(); }

void BlockIterator::prev() {
  const std::uint32_t current = offset_;
  std::uint32_t restart = restart_index_;
  while (block_->restart(restart) >= current) {
    if (restart == 0) {
      valid_ = false;
      return;
    }
    --restart;
  }
  go_to_restart(restart);
  while (read_entry() && next_offset_ < current) {
  }
}

}  // namespace ldb::storage
