#include "sql/parse/arena.hpp"

#include <algorithm>
#include <cstdlib>

namespace ldb::sql {

void* Arena::allocate_slow(std::size_t size_bytes) {
  add_block(size_bytes);
  char* result = next_;
  next_ += size_bytes;
  return result;
}

void Arena::add_block(std::size_t room_bytes) {
  std::size_t bytes = std::max(block_bytes_, room_bytes + sizeof(Block));
  auto* block = static_cast<Block*>(::operator new(bytes));
  block->previous = blocks_;
  blocks_ = block;
  next_ = reinterpret_cast<char*>(block) + sizeof(Block);
  end_ = reinterpret_cast<char*>(block) + bytes;
  reserved_bytes_ += bytes;
  block_bytes_ = std::min(block_bytes_ * 2, kLargestBlockBytes);
}

void Arena::release() {
  for (Block* block = blocks_; block != nullptr;) {
    Block* previous = block->previous;
    ::operator delete(block);
    block = previous;
  }
  blocks_ = nullptr;
}

}  // namespace ldb::sql
