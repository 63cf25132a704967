// How many files this process may have open.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

namespace ldb {

/// The soft limit of this process, whoever uses how many of them; at most a million. Any thread.
inline std::size_t descriptor_limit() {
  rlimit limit;
  constexpr rlim_t kMost = 1'000'000;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return static_cast<std::size_t>(std::min(limit.rlim_cur, kMost));
}

}  // namespace ldb
