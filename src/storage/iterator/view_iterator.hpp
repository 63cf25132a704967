// ldb::Iterator over the merged sources: of each key the version that a view shows.
#pragma once

#include <memory>
#include <vector>

#include "ldb/storage_engine.hpp"
#include "storage/iterator/internal_iterator.hpp"
#include "storage/range_tombstone.hpp"

namespace ldb::storage {

struct ViewIteratorSources {
  std::shared_ptr<const void> pin;  ///< keeps memtables and tables alive
  std::unique_ptr<InternalIterator> entries;
  std::vector<std::shared_ptr<const FragmentedTombstones>> tombstones;
  std::uint64_t sequence = 0;
  KeyRange range;
};

std::unique_ptr<Iterator> new_view_iterator(ViewIteratorSources sources);

}  // namespace ldb::storage
