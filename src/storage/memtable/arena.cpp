#include "storage/memtable/arena.hpp"

namespace ldb::storage {

char* Arena::allocate_slowly(std::size_t size) {
  const bool own_block = size > next_block_bytes_ / 4;  // big pieces do not waste the rest of the current block
  const std::size_t bytes = own_block ? size : next_block_bytes_;
  const bool pooled = !own_block && bytes == pool_->block_bytes();
  char* const block = pooled ? blocks_.emplace_back(pool_->take()).data() : own_blocks_.emplace_back(new char[bytes]).get();
  usage_.store(usage_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  if (own_block) pool_->make_way_for(bytes);
  if (next_block_bytes_ < pool_->block_bytes()) next_block_bytes_ *= 2;
  if (own_block) return block;
  next_ = block + size;
  left_ = bytes - size;
  return block;
}

}  // namespace ldb::storage
