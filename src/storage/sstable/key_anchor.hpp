// A place in a table, for those who divide work on it.
#pragma once

#include <cstdint>
#include <string>

namespace ldb::storage {

/// So many bytes of a table stand at or before the key, and behind the table's anchor before it.
struct KeyAnchor {
  std::string key;
  std::uint64_t bytes = 0;
};

}  // namespace ldb::storage
