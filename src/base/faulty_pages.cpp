#include "base/faulty_pages.hpp"

// No memcpy() in here: the thread sanitizer would see it all the same. Volatile keeps the compiler from making one.

namespace ldb {

__attribute__((noinline, no_sanitize("thread"))) void FaultyPages::load_sector(std::uint64_t offset,
                                                                               std::uint64_t* sector) const {
  const volatile std::uint64_t* from = words_.get() + offset / sizeof(std::uint64_t);
  for (std::uint64_t i = 0; i < kSectorBytes / sizeof(std::uint64_t); ++i) sector[i] = from[i];
}

__attribute__((noinline, no_sanitize("thread"))) void FaultyPages::store(std::uint64_t offset, std::string_view bytes) {
  volatile char* to = reinterpret_cast<volatile char*>(words_.get());
  const char* from = bytes.data();
  for (std::uint64_t i = 0, n = bytes.size(); i < n && offset + i < size_bytes_; ++i) to[offset + i] = from[i];
}

}  // namespace ldb
