#include "base/page_block.hpp"

#include <sys/mman.h>

#include <new>

#include "base/forbidden_memory.hpp"

namespace ldb {

PageBlock::PageBlock(std::size_t size) : size_(size) {
  void* const data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(data);
}

PageBlock::~PageBlock() {
  if (data_ == nullptr) return;
  allow();  // what is mapped here next is somebody else's
  ::munmap(data_, size_);
}

void PageBlock::forbid() { forbid_memory(data_, size_); }

void PageBlock::allow() { allow_memory(data_, size_); }

}  // namespace ldb
