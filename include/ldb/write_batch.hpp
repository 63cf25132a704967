// An atomic set of changes to a StorageEngine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ldb {

/// Operations apply in order; the whole batch becomes visible and durable at once. Value type. Operations are kept encoded as the
/// log stores them (docs/formats/wal.md), so that adding one is an append to a buffer and logging the batch copies bytes.
///
/// A batch may carry one *commit*: an opaque payload that the engine only logs and hands to ChangeReaders. put_from_commit()
/// stores a key and value that stand inside that payload, so that a replicated row is written to the log once. Operations are
/// local ("derived"): they are never streamed.
class WriteBatch {
 public:
  enum class Kind : std::uint8_t { kPut = 1, kDelete = 2, kDeleteRange = 3 };
  /// Views into the batch.
  struct Operation {
    Kind kind = Kind::kPut;
    std::string_view key;    ///< for kDeleteRange: lower bound, inclusive
    std::string_view value;  ///< for kDeleteRange: upper bound, exclusive; empty for kDelete
  };

  WriteBatch() = default;
  WriteBatch(const WriteBatch&) = default;
  WriteBatch& operator=(const WriteBatch&) = default;
  /// The other one is empty afterwards and may be filled again.
  WriteBatch(WriteBatch&& other) noexcept { swap(other); }
  WriteBatch& operator=(WriteBatch&& other) noexcept {
    WriteBatch taken(std::move(other));
    swap(taken);
    return *this;
  }
  void swap(WriteBatch& other) noexcept {
    bytes_.swap(other.bytes_);
    commit_.swap(other.commit_);
    std::swap(count_, other.count_);
    std::swap(longest_key_, other.longest_key_);
    std::swap(needs_commit_bytes_, other.needs_commit_bytes_);
    std::swap(has_commit_, other.has_commit_);
  }

  /// Makes room for operations of so many bytes together: keys, values and up to 21 for each.
  void reserve(std::size_t bytes) { bytes_.reserve(kCountBytes + bytes); }
  void put(std::string_view key, std::string_view value) {
    begin(static_cast<std::uint8_t>(Kind::kPut), key, value.size());
    add_bytes(value);
  }
  void erase(std::string_view key) { begin(static_cast<std::uint8_t>(Kind::kDelete), key, 0); }
  /// Deletes every key in [lower, upper), acting on what is older than this batch and on earlier operations of it.
  void erase_range(std::string_view lower, std::string_view upper) {
    begin(static_cast<std::uint8_t>(Kind::kDeleteRange), lower, upper.size());
    add_bytes(upper);
    longest_key_ = std::max(longest_key_, upper.size());
  }
  /// At most once a batch.
  void set_commit(std::string payload) {
    commit_ = std::move(payload);
    has_commit_ = true;
  }
  /// A put whose value is the given part of the commit payload (which may be set later).
  void put_from_commit(std::string_view key, std::size_t value_offset, std::size_t value_size) {
    begin(kPutFromCommit, key, 20);
    add_varint(value_offset);
    add_varint(value_size);
    needs_commit_bytes_ =
        std::max(needs_commit_bytes_, value_offset > SIZE_MAX - value_size ? SIZE_MAX : value_offset + value_size);
  }

  bool empty() const { return count_ == 0 && !has_commit_; }
  bool has_commit() const { return has_commit_; }
  const std::string& commit() const { return commit_; }
  /// Number of operations.
  std::size_t size() const { return count_; }
  /// Bytes that the batch holds, commit included.
  std::size_t size_bytes() const { return commit_.size() + bytes_.size(); }
  /// Calls f(const Operation&) for each, in order. A put_from_commit() that reaches outside the commit has an empty value;
  /// engines refuse such a batch.
  template <class F>
  void for_each(F&& f) const {
    const char* p = bytes_.data() + std::min<std::size_t>(bytes_.size(), kCountBytes);
    for (std::size_t i = 0; i < count_; ++i) {
      const auto kind = static_cast<std::uint8_t>(*p++);
      Operation op;
      op.key = read_bytes(p);
      if (kind == kPutFromCommit) {
        const auto offset = static_cast<std::size_t>(read_varint(p));
        const auto size = static_cast<std::size_t>(read_varint(p));
        if (offset <= commit_.size()) op.value = std::string_view(commit_).substr(offset, size);
      } else {
        op.kind = static_cast<Kind>(kind);
        if (op.kind != Kind::kDelete) op.value = read_bytes(p);
      }
      f(static_cast<const Operation&>(op));
    }
  }

  /// For engines. The longest key or range bound, and the length of commit that put_from_commit() calls refer to.
  std::size_t longest_key_bytes() const { return longest_key_; }
  std::size_t needed_commit_bytes() const { return needs_commit_bytes_; }
  /// For engines: the encoded operations behind kCountBytes bytes that are free for their number; empty when there are none.
  static constexpr std::size_t kCountBytes = 1;
  std::string& encoded() { return bytes_; }
  const std::string& encoded() const { return bytes_; }
  static constexpr std::uint8_t kPutFromCommit = 4;  ///< encoded kind, beside those of Kind

 private:
  void begin(std::uint8_t kind, std::string_view key, std::size_t value_size) {
    if (bytes_.empty()) {
      bytes_.reserve(kCountBytes + 1 + kMostVarintBytes + key.size() + kMostVarintBytes + value_size);
      bytes_.resize(kCountBytes);
    }
    ++count_;
    longest_key_ = std::max(longest_key_, key.size());
    char head[1 + kMostVarintBytes];
    head[0] = static_cast<char>(kind);
    bytes_.append(head, static_cast<std::size_t>(store_varint(head + 1, key.size()) - head));
    bytes_.append(key);
  }
  static constexpr std::size_t kMostVarintBytes = 10;
  static char* store_varint(char* out, std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) *out++ = static_cast<char>(v | 0x80);
    *out++ = static_cast<char>(v);
    return out;
  }
  void add_varint(std::uint64_t v) {
    char out[kMostVarintBytes];
    bytes_.append(out, static_cast<std::size_t>(store_varint(out, v) - out));
  }
  void add_bytes(std::string_view bytes) {
    add_varint(bytes.size());
    bytes_.append(bytes);
  }
  // Only over what the functions above wrote.
  static std::uint64_t read_varint(const char*& p) {
    std::uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*p++);
      v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
  }
  static std::string_view read_bytes(const char*& p) {
    const auto size = static_cast<std::size_t>(read_varint(p));
    const char* const start = p;
    p += size;
    return {start, size};
  }

  std::string bytes_;  // kCountBytes free bytes, then the operations
  std::string commit_;
  std::size_t count_ = 0;
  std::size_t longest_key_ = 0;
  std::size_t needs_commit_bytes_ = 0;
  bool has_commit_ = false;
};

}  // namespace ldb
