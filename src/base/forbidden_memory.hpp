// Memory that stays ours while nobody may touch it.
#pragma once

#include <cstddef>

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

/// Until allow_memory() nobody may touch it. Only the address sanitizer sees to that; without it both do nothing.
inline void forbid_memory([[maybe_unused]] const char* data, [[maybe_unused]] std::size_t size) {
#ifdef LDB_ADDRESS_SANITIZER
  ASAN_POISON_MEMORY_REGION(data, size);
#endif
}

inline void allow_memory([[maybe_unused]] const char* data, [[maybe_unused]] std::size_t size) {
#ifdef LDB_ADDRESS_SANITIZER
  ASAN_UNPOISON_MEMORY_REGION(data, size);
#endif
}

}  // namespace ldb
