#include "storage/sstable/block.hpp"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/coding.hpp"

namespace ldb::storage {
namespace {

constexpr std::size_t kLane = 16;

/// Of what Block::parse() has walked over already.
const char* get_known_varint(const char* p, std::uint64_t& value) {
  std::uint64_t byte = static_cast<std::uint8_t>(*p++);
  value = byte & 0x7f;
  for (unsigned shift = 7; byte >= 0x80; shift += 7) {
    byte = static_cast<std::uint8_t>(*p++);
    value |= (byte & 0x7f) << shift;
  }
  return p;
}

std::uint64_t head_of(std::string_view suffix) {
  if (suffix.size() >= 8) return load_u64_be(suffix.data());
  char padded[8] = {};
  std::memcpy(padded, suffix.data(), suffix.size());
  return load_u64_be(padded);
}

/// Of keys in one block mostly the last bytes differ, and of some the first ones behind the prefix.
unsigned char fingerprint_of(std::string_view suffix) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (suffix.size() >= 8) {
    first = load_u64(suffix.data());
    last = load_u64(suffix.data() + suffix.size() - 8);
  } else {
    std::memcpy(&first, suffix.data(), suffix.size());
  }
  const std::uint64_t mixed = (first * 0x9e3779b97f4a7c15U) ^ (last * 0xd6e8feb86659fd93U) ^ suffix.size();
  return static_cast<unsigned char>((mixed * 0xff51afd7ed558ccdU) >> 56);
}

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

std::size_t common_prefix(std::string_view a, std::string_view b, std::size_t most) {
  most = std::min({most, a.size(), b.size()});
  std::size_t i = 0;
  while (i < most && a[i] == b[i]) ++i;
  return i;
}

}  // namespace

void BlockBuilder::add(std::string_view key, Tag tag, std::string_view value) {
  // Keys are sorted, so what the last one shares with the first one all of them share.
  shared_ = entries_.empty() ? key.size() : common_prefix(last_key_, key, shared_);
  bytes_.append(key);
  bytes_.append(value);
  entries_.push_back({static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size()), tag});
  last_key_.assign(key);
  last_tag_ = tag;
}

std::string BlockBuilder::finish() {
  std::string out;
  out.reserve(size() + 16);
  put_varint(out, entries_.size());
  put_bytes(out, std::string_view(bytes_).substr(0, shared_));
  const char* p = bytes_.data();
  for (const Entry& e : entries_) {
    put_varint(out, e.key_size - shared_);
    put_varint(out, e.value_size);
    put_varint(out, e.tag);
    out.append(p + shared_, e.key_size - shared_ + e.value_size);
    p += e.key_size + e.value_size;
  }
  bytes_.clear();
  entries_.clear();
  shared_ = 0;
  return out;
}

Result<BlockPtr> Block::create(std::string contents, Use use) {
  auto* const block = new Block(std::move(contents));
  BlockPtr share(block);
  block->release();  // the one that it was born with
  LDB_TRY(block->parse(use));
  return share;
}

Status Block::parse(Use use) {
  const auto damaged = [](std::string_view what, std::size_t at) {
    return Status(StatusCode::kCorruption, std::string(what) + " in block at byte " + std::to_string(at));
  };
  if (contents_.size() >= kNone) return damaged("impossible size", 0);
  ByteReader reader(contents_);
  std::uint64_t count = 0;
  std::string_view prefix;
  if (!reader.varint(count) || !reader.bytes(prefix) || count > reader.remaining() / 3) return damaged("bad header", 0);
  prefix_offset_ = static_cast<std::uint32_t>(prefix.data() - contents_.data());
  prefix_size_ = static_cast<std::uint32_t>(prefix.size());
  count_ = static_cast<std::uint32_t>(count);
  wide_ = contents_.size() > 0xffff;

  std::size_t searched_bytes = 0;
  if (use == Use::kIndex) searched_bytes = count * sizeof(std::uint64_t);
  if (use == Use::kData) searched_bytes = round_up(count, kLane);
  table_bytes_ = searched_bytes + count * (wide_ ? 4 : 2);
  table_.reset(new unsigned char[table_bytes_]);
  if (use == Use::kIndex) heads_ = reinterpret_cast<std::uint64_t*>(table_.get());
  if (use == Use::kData) {
    fingerprints_ = table_.get();
    std::memset(fingerprints_ + count, 0, searched_bytes - count);
  }
  offsets_ = table_.get() + searched_bytes;

  for (std::uint32_t i = 0; i < count_; ++i) {
    const std::size_t at = reader.offset();
    std::uint64_t suffix_size = 0;
    std::uint64_t value_size = 0;
    std::uint64_t tag = 0;
    if (!reader.varint(suffix_size) || !reader.varint(value_size) || !reader.varint(tag) || suffix_size > reader.remaining() ||
        value_size > reader.remaining() - suffix_size || tag_sequence(tag) > kMaxSequence) {
      return damaged("bad entry", at);
    }
    std::string_view suffix;
    reader.raw(static_cast<std::size_t>(suffix_size), suffix);
    reader.skip(static_cast<std::size_t>(value_size));
    if (wide_) {
      store_u32(reinterpret_cast<char*>(offsets_) + 4 * std::size_t{i}, static_cast<std::uint32_t>(at));
    } else {
      const auto narrow = static_cast<std::uint16_t>(at);
      std::memcpy(offsets_ + 2 * std::size_t{i}, &narrow, sizeof narrow);
    }
    if (heads_ != nullptr) heads_[i] = head_of(suffix);
    if (fingerprints_ != nullptr) fingerprints_[i] = fingerprint_of(suffix);
  }
  return reader.empty() ? Status() : damaged("bytes behind the last entry", reader.offset());
}

std::uint32_t Block::offset(std::uint32_t index) const {
  if (wide_) return load_u32(reinterpret_cast<const char*>(offsets_) + 4 * std::size_t{index});
  std::uint16_t narrow = 0;
  std::memcpy(&narrow, offsets_ + 2 * std::size_t{index}, sizeof narrow);
  return narrow;
}

Block::Entry Block::entry(std::uint32_t index) const {
  std::uint64_t suffix_size = 0;
  std::uint64_t value_size = 0;
  Entry e;
  const char* p = contents_.data() + offset(index);
  p = get_known_varint(p, suffix_size);
  p = get_known_varint(p, value_size);
  p = get_known_varint(p, e.tag);
  e.suffix = {p, static_cast<std::size_t>(suffix_size)};
  e.value = {p + suffix_size, static_cast<std::size_t>(value_size)};
  return e;
}

std::uint32_t Block::lower_bound(std::string_view key, Tag tag) const {
  const std::size_t shared = std::min<std::size_t>(key.size(), prefix_size_);
  const int side = shared == 0 ? 0 : std::memcmp(key.data(), prefix().data(), shared);
  if (side > 0) return count_;
  if (side < 0 || key.size() < prefix_size_) return 0;
  const std::string_view suffix = key.substr(prefix_size_);
  const std::uint64_t head = heads_ != nullptr ? head_of(suffix) : 0;
  std::uint32_t low = 0;
  std::uint32_t high = count_;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    bool before = false;
    if (heads_ != nullptr && heads_[middle] != head) {
      before = heads_[middle] < head;
    } else {
      const Entry e = entry(middle);
      before = compare_entries(e.suffix, e.tag, suffix, tag) < 0;
    }
    before ? low = middle + 1 : high = middle;
  }
  return low;
}

std::uint32_t Block::find(std::string_view key, Tag tag) const {
  if (!key.starts_with(prefix())) return kNone;
  const std::string_view suffix = key.substr(prefix_size_);
  const unsigned char wanted = fingerprint_of(suffix);
  const auto matches = [&](std::uint32_t index) {
    const Entry e = entry(index);
    return e.tag <= tag && e.suffix == suffix;
  };
#if defined(__SSE2__)
  const __m128i pattern = _mm_set1_epi8(static_cast<char>(wanted));
  for (std::uint32_t start = 0; start < count_; start += kLane) {
    const __m128i lane = _mm_loadu_si128(reinterpret_cast<const __m128i*>(fingerprints_ + start));
    auto hits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(lane, pattern)));
    for (; hits != 0; hits &= hits - 1) {
      const std::uint32_t index = start + static_cast<std::uint32_t>(__builtin_ctz(hits));
      if (index < count_ && matches(index)) return index;
    }
  }
#else
  for (std::uint32_t index = 0; index < count_; ++index) {
    if (fingerprints_[index] == wanted && matches(index)) return index;
  }
#endif
  return kNone;
}

void BlockIterator::set_block(BlockPtr block) {
  block_ = std::move(block);
  valid_ = false;
  if (block_) key_buffer_.assign(block_->prefix());
}

void BlockIterator::show(std::uint32_t index) {
  index_ = index;
  valid_ = block_ && index < block_->size();
  if (!valid_) return;
  const Block::Entry e = block_->entry(index);
  const std::size_t prefix_size = block_->prefix().size();
  if (prefix_size == 0) {
    key_ = e.suffix;
  } else {
    key_buffer_.resize(prefix_size);
    key_buffer_.append(e.suffix);
    key_ = key_buffer_;
  }
  tag_ = e.tag;
  value_ = e.value;
}

}  // namespace ldb::storage
