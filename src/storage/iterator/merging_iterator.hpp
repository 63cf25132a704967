// Several sources as one.
#pragma once

#include <memory>
#include <vector>

#include "storage/iterator/internal_iterator.hpp"

namespace ldb::storage {

/// Owns its children. No (key, tag) may stand in two of them.
std::unique_ptr<InternalIterator> new_merging_iterator(std::vector<std::unique_ptr<InternalIterator>> children);

}  // namespace ldb::storage
