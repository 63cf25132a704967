// Memory that is handed out in pieces and freed all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/rt/atomic.hpp"
#include "storage/memtable/block_pool.hpp"

namespace ldb::storage {

/// One thread allocates; any thread may ask for memory_usage(). Pieces live as long as the arena.
class Arena {
 public:
  /// Its bigger blocks are the pool's.
  explicit Arena(std::shared_ptr<BlockPool> pool) : pool_(std::move(pool)) {}
  ~Arena() { pool_->give_back(std::move(blocks_)); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Aligned to 8 bytes.
  char* allocate(std::size_t size) {
    size = (size + 7) & ~std::size_t{7};
    if (size > left_) return allocate_slowly(size);
    char* const piece = next_;
    next_ += size;
    left_ -= size;
    return piece;
  }
  /// Aligned to a cache line.
  char* allocate_line(std::size_t size) {
    char* const piece = allocate(size + 56);
    return piece + (-reinterpret_cast<std::uintptr_t>(piece) & 63);
  }
  std::size_t memory_usage() const { return usage_.load(std::memory_order_relaxed); }
  /// Of the thread that allocates: without what is left of the last block.
  std::size_t used_bytes() const { return memory_usage() - left_; }

 private:
  char* allocate_slowly(std::size_t size);

  const std::shared_ptr<BlockPool> pool_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t next_block_bytes_ = 8 << 10;  // grows to the pool's, so that an idle engine stays small
  std::vector<std::unique_ptr<char[]>> own_blocks_;
  std::vector<PageBlock> blocks_;
  rt::Atomic<std::size_t> usage_{0};
};

}  // namespace ldb::storage
