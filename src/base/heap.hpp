// What the allocator keeps.
#pragma once

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace ldb {

/// Gives what was freed back to the system, as far as the allocator can. Of its own accord it keeps whatever lies below something
/// still in use. Takes milliseconds for hundreds of megabytes, so it is for the end of something big. Any thread.
inline void give_heap_back() {
#ifdef __GLIBC__
  (void)malloc_trim(0);
#endif
}

}  // namespace ldb
