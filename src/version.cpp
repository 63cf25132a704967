#include "ldb/version.hpp"

#define LDB_STRING_INNER(x) #x
#define LDB_STRING(x) LDB_STRING_INNER(x)

namespace ldb {

const char* version() {
  return LDB_STRING(LDB_VERSION_MAJOR) "." LDB_STRING(LDB_VERSION_MINOR) "." LDB_STRING(LDB_VERSION_PATCH);
}

}  // namespace ldb
