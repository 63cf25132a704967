// Broken invariants abort. Never used on bytes from disk or network: those give kCorruption.
#pragma once

namespace ldb::internal {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}

#define LDB_CHECK(condition) \
  (static_cast<bool>(condition) ? void() : ::ldb::internal::check_failed(#condition, __FILE__, __LINE__))
#ifdef NDEBUG
#define LDB_DCHECK(condition) (true ? void() : void(condition))
#else
#define LDB_DCHECK(condition) LDB_CHECK(condition)
#endif
