#include "base/page_block.hpp"

#include <sys/mman.h>

#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LDB_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define LDB_ADDRESS_SANITIZER
#endif
#ifdef LDB_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

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

void PageBlock::forbid() {
#ifdef LDB_ADDRESS_SANITIZER
  ASAN_POISON_MEMORY_REGION(data_, size_);
#endif
}

void PageBlock::allow() {
#ifdef LDB_ADDRESS_SANITIZER
  ASAN_UNPOISON_MEMORY_REGION(data_, size_);
#endif
}

}  // namespace ldb
