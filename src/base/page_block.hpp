// Memory straight from the system.
#pragma once

#include <cstddef>
#include <utility>

namespace ldb {

/// Zeroed pages that go back to the system when they are freed, whatever was allocated meanwhile; an allocator keeps big blocks
/// that stand among small ones. For sizes of many pages; what can be made of huge ones is, where the system allows. Move only.
class PageBlock {
 public:
  /// Throws std::bad_alloc.
  explicit PageBlock(std::size_t size);
  ~PageBlock();
  PageBlock(PageBlock&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  PageBlock& operator=(PageBlock&&) = delete;

  char* data() const { return data_; }
  /// The system gives the memory now instead of with the first use of each page, which can take milliseconds where pages are huge.
  /// For fresh blocks.
  void touch();
  /// Nobody may touch it until allow(). Only the address sanitizer sees to that.
  void forbid();
  void allow();

 private:
  char* data_;
  std::size_t size_;
};

}  // namespace ldb
