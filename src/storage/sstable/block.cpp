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
  for (const Entry& e : entries_) put_varint(out, e.key_size - shared_);
  for (const Entry& e : entries_) put_varint(out, e.value_size);
  for (const Entry& e : entries_) put_varint(out, e.tag);
  const char* p = bytes_.data();
  for (const Entry& e : entries_) {
    out.append(p + shared_, e.key_size - shared_);
    p += e.key_size + e.value_size;
  }
  p = bytes_.data();
  for (const Entry& e : entries_) {
    out.append(p + e.key_size, e.value_size);
    p += e.key_size + e.value_size;
  }
  bytes_.clear();
  entries_.clear();
  shared_ = 0;
  return out;
}

namespace {

Status damaged(std::string_view what, std::size_t at) {
  return Status(StatusCode::kCorruption, std::string(what) + " in block at byte " + std::to_string(at));
}

/// What all blocks begin with; false when it is damaged. An entry takes at least three bytes.
bool read_header(ByteReader& reader, std::uint64_t& count, std::string_view& prefix) {
  return reader.varint(count) && reader.bytes(prefix) && count <= reader.remaining() / 3;
}

}  // namespace

Block::TableLayout::TableLayout(std::uint64_t count, std::size_t contents_bytes, Use use) : wide(contents_bytes > 0xffff) {
  if (use == Use::kIndex) searched_bytes = count * sizeof(std::uint64_t);
  if (use == Use::kData) searched_bytes = round_up(count, kLane);
  bytes = searched_bytes + 2 * (count + 1) * (wide ? sizeof(std::uint32_t) : sizeof(std::uint16_t));
}

Result<BlockPtr> Block::create(std::string_view contents, Use use) {
  if (contents.size() >= kNone) return damaged("impossible size", 0);
  ByteReader reader(contents);
  std::uint64_t count = 0;
  std::string_view prefix;
  if (!read_header(reader, count, prefix)) return damaged("bad header", 0);
  const TableLayout layout(count, contents.size(), use);
  auto* const memory = static_cast<unsigned char*>(::operator new(sizeof(Block) + layout.bytes + contents.size()));
  unsigned char* const table = memory + sizeof(Block);
  auto* const own = reinterpret_cast<char*>(table + layout.bytes);
  std::memcpy(own, contents.data(), contents.size());
  auto* const block = new (memory) Block({own, contents.size()}, table, layout, use);
  BlockPtr share(block);
  block->release();  // the one that it was born with
  LDB_TRY(block->parse());
  return share;
}

Block::Block(std::string_view contents, unsigned char* table, const TableLayout& layout, Use use)
    : contents_(contents), wide_(layout.wide), table_bytes_(layout.bytes), offsets_(table + layout.searched_bytes) {
  static_assert(sizeof(Block) % alignof(std::uint64_t) == 0, "the table stands behind it");
  if (use == Use::kIndex) heads_ = reinterpret_cast<std::uint64_t*>(table);
  if (use == Use::kData) fingerprints_ = table;
}

void Block::destroy() const {
  this->~Block();
  ::operator delete(const_cast<Block*>(this));
}

Status Block::parse() {
  ByteReader reader(contents_);
  std::uint64_t count = 0;
  std::string_view prefix;
  if (!read_header(reader, count, prefix)) return damaged("bad header", 0);
  prefix_offset_ = static_cast<std::uint32_t>(prefix.data() - contents_.data());
  prefix_size_ = static_cast<std::uint32_t>(prefix.size());
  count_ = static_cast<std::uint32_t>(count);
  LDB_TRY(wide_ ? parse_sizes<std::uint32_t>(reader) : parse_sizes<std::uint16_t>(reader));
  for (std::uint32_t i = 0; i < count_ && heads_ != nullptr; ++i) heads_[i] = head_of(piece(0, i));
  if (fingerprints_ != nullptr) {
    for (std::uint32_t i = 0; i < count_; ++i) fingerprints_[i] = fingerprint_of(piece(0, i));
    std::memset(fingerprints_ + count_, 0, round_up(count_, kLane) - count_);
  }
  return {};
}

/// Of suffixes and values, and the tags behind them.
template <class Offset>
Status Block::parse_sizes(ByteReader& reader) {
  // Sums from 0 on; where the suffixes begin is known only behind the tags.
  std::uint64_t sums[2] = {0, 0};
  unsigned char* out = offsets_;
  const auto put = [&out](std::uint64_t sum) {
    const auto offset = static_cast<Offset>(sum);
    std::memcpy(out, &offset, sizeof offset);
    out += sizeof offset;
  };
  for (std::uint64_t& sum : sums) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      const std::size_t at = reader.offset();
      std::uint64_t size = 0;
      put(sum);
      if (!reader.varint(size) || size > contents_.size() - sum) return damaged("bad size of an entry", at);
      sum += size;
    }
    put(sum);
  }
  LDB_TRY(parse_tags(reader));
  if (sums[0] + sums[1] != reader.remaining()) return damaged("wrong total size", reader.offset());
  bases_[0] = static_cast<std::uint32_t>(reader.offset());
  bases_[1] = static_cast<std::uint32_t>(reader.offset() + sums[0]);
  return {};
}

/// In most blocks of the deepest level all tags are equal; then one is kept.
Status Block::parse_tags(ByteReader& reader) {
  for (std::uint32_t i = 0; i < count_; ++i) {
    const std::size_t at = reader.offset();
    std::uint64_t tag = 0;
    if (!reader.varint(tag) || tag_sequence(tag) > kMaxSequence) return damaged("bad tag", at);
    if (i == 0) common_tag_ = tag;
    if (tags_ == nullptr && tag != common_tag_) {
      tags_.reset(new Tag[count_]);
      std::fill_n(tags_.get(), i, common_tag_);
    }
    if (tags_ != nullptr) tags_[i] = tag;
  }
  return {};
}

std::string_view Block::piece(std::uint32_t column, std::uint32_t index) const {
  const std::size_t at = column * (std::size_t{count_} + 1) + index;
  const char* const base = contents_.data() + bases_[column];
  if (wide_) {
    std::uint32_t ends[2];
    std::memcpy(ends, offsets_ + at * sizeof ends[0], sizeof ends);
    return {base + ends[0], ends[1] - ends[0]};
  }
  std::uint16_t ends[2];
  std::memcpy(ends, offsets_ + at * sizeof ends[0], sizeof ends);
  return {base + ends[0], static_cast<std::size_t>(ends[1] - ends[0])};
}

Block::Entry Block::entry(std::uint32_t index) const {
  return {piece(0, index), piece(1, index), tags_ != nullptr ? tags_[index] : common_tag_};
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
