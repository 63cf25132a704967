#include "base/page_block.hpp"

#include <sys/mman.h>

#include <new>

namespace ldb {

PageBlock::PageBlock(std::size_t size) : size_(size) {
  void* const data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(data);
}

PageBlock::~PageBlock() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace ldb
