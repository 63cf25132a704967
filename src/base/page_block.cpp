#include "base/page_block.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "base/forbidden_memory.hpp"

namespace ldb {

PageBlock::PageBlock(std::size_t size) : size_(size) {
  // Pages of 2 MiB are cheaper to map and to find, if the block can be made of them; they must be aligned.
  constexpr std::size_t kHugePage = 2 << 20;
  const bool huge = size % kHugePage == 0;
  const std::size_t slack = huge ? kHugePage : 0;
  void* const data = ::mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(data);
  if (!huge) return;
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(data_) % kHugePage;
  if (before > 0) ::munmap(data_, before);
  data_ += before;
  if (before < slack) ::munmap(data_ + size, slack - before);
  (void)::madvise(data_, size, MADV_HUGEPAGE);
}

PageBlock::~PageBlock() {
  if (data_ == nullptr) return;
  allow();  // what is mapped here next is somebody else's
  ::munmap(data_, size_);
}

void PageBlock::touch() {
  constexpr std::size_t kPage = 4096;
  for (std::size_t at = 0; at < size_; at += kPage) *static_cast<volatile char*>(data_ + at) = 0;
}

void PageBlock::forbid() { forbid_memory(data_, size_); }

void PageBlock::allow() { allow_memory(data_, size_); }

}  // namespace ldb
