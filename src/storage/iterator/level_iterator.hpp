// Tables that do not overlap, one behind the other: those of a level, or a chain of level 0.
#pragma once

#include <memory>
#include <vector>

#include "storage/cache/table_cache.hpp"
#include "storage/iterator/internal_iterator.hpp"
#include "storage/manifest/version.hpp"

namespace ldb::storage {

/// Opens each table when it is reached. `tables`: sorted and disjoint.
std::unique_ptr<InternalIterator> new_level_iterator(TableCache& cache, std::vector<TablePtr> tables, bool fill_cache);

}  // namespace ldb::storage
