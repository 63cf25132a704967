// Where a compaction is cut into pieces that several threads work on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/sstable/key_anchor.hpp"

namespace ldb::storage {

/// Keys, ascending, each the first one of a piece but the first piece: of at most `most` pieces of about the same size, as far as
/// anchors stand close enough, and no more than there are `least_bytes` in all. `anchors`: of all tables, in any order.
std::vector<std::string> find_cuts(std::vector<KeyAnchor> anchors, std::uint64_t least_bytes, unsigned most);

}  // namespace ldb::storage
