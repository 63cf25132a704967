// Arena: bump allocator that owns every AST node and string of one parse. Nothing in it is ever destroyed one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ldb::sql {

/// Immutable list inside an arena (or static storage). Lives as long as the arena.
template <class T>
using List = std::span<const T>;

/// Owner of all memory of one parse. Movable; views and pointers into it survive the move. Not thread-safe while
/// allocating; once filled, any number of threads may read what it holds.
class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept { swap(other); }
  Arena& operator=(Arena&& other) noexcept {
    Arena(std::move(other)).swap(*this);
    return *this;
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { release(); }

  /// Room for `size_bytes`, aligned to 8. Never null (throws std::bad_alloc as operator new does).
  void* allocate(std::size_t size_bytes) {
    size_bytes = (size_bytes + 7) & ~std::size_t{7};
    if (size_bytes > static_cast<std::size_t>(end_ - next_)) return allocate_slow(size_bytes);
    char* result = next_;
    next_ += size_bytes;
    return result;
  }

  /// A value-initialised T. Only trivially destructible types: the arena runs no destructors.
  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 8);
    return new (allocate(sizeof(T))) T{std::forward<Args>(args)...};
  }

  /// A copy of `values` inside the arena.
  template <class T>
  List<T> copy(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
    if (values.empty()) return {};
    void* room = allocate(values.size_bytes());
    std::memcpy(room, static_cast<const void*>(values.data()), values.size_bytes());
    return {static_cast<const T*>(room), values.size()};
  }
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* room = static_cast<char*>(allocate(text.size()));
    std::memcpy(room, text.data(), text.size());
    return {room, text.size()};
  }

  /// Bytes taken from the heap so far.
  std::size_t reserved_bytes() const { return reserved_bytes_; }
  /// Makes the first block at least this large; call before the first allocation.
  void reserve(std::size_t size_bytes) {
    if (blocks_ == nullptr) add_block(size_bytes);
  }

 private:
  struct Block {
    Block* previous;
  };
  static constexpr std::size_t kFirstBlockBytes = 2048;
  static constexpr std::size_t kLargestBlockBytes = std::size_t{1} << 20;

  void* allocate_slow(std::size_t size_bytes);
  void add_block(std::size_t room_bytes);
  void release();
  void swap(Arena& other) noexcept {
    std::swap(blocks_, other.blocks_);
    std::swap(next_, other.next_);
    std::swap(end_, other.end_);
    std::swap(block_bytes_, other.block_bytes_);
    std::swap(reserved_bytes_, other.reserved_bytes_);
  }

  Block* blocks_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
  std::size_t block_bytes_ = kFirstBlockBytes;
  std::size_t reserved_bytes_ = 0;
};

/// Collects a list of unknown length: the first N elements on the stack, then doubling chunks in the arena.
template <class T, std::size_t N = 8>
class ListBuilder {
 public:
  explicit ListBuilder(Arena& arena) : arena_(arena) {}
  ListBuilder(const ListBuilder&) = delete;
  ListBuilder& operator=(const ListBuilder&) = delete;

  void push(const T& value) {
    if (size_ == capacity_) grow();
    std::memcpy(static_cast<void*>(data_ + size_), &value, sizeof(T));
    ++size_;
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T& operator[](std::size_t i) { return data_[i]; }
  List<T> finish() {
    if (size_ > N) return {data_, size_};
    return arena_.copy(std::span<const T>(data_, size_));
  }

 private:
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> && alignof(T) <= 8);
  void grow() {
    T* bigger = static_cast<T*>(arena_.allocate(capacity_ * 2 * sizeof(T)));
    std::memcpy(static_cast<void*>(bigger), static_cast<const void*>(data_), size_ * sizeof(T));
    data_ = bigger;
    capacity_ *= 2;
  }

  Arena& arena_;
  alignas(8) unsigned char inline_[N * sizeof(T)];
  T* data_ = reinterpret_cast<T*>(inline_);
  std::size_t size_ = 0;
  std::size_t capacity_ = N;
};

}  // namespace ldb::sql
