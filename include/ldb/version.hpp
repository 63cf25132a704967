#pragma once

#define LDB_VERSION_MAJOR 0
#define LDB_VERSION_MINOR 1
#define LDB_VERSION_PATCH 0

namespace ldb {

/// Version of the library linked, "0.1.0"; compare with the macros above to find a mismatched header.
const char* version();

}  // namespace ldb
