// RowStore over a storage engine and a replicator.
#pragma once

#include <memory>

#include "ldb/replicator.hpp"
#include "ldb/row_store.hpp"

namespace ldb::txn {

/// Both are borrowed and outlive the store and every transaction of it. See RowStore for threads.
std::unique_ptr<RowStore> new_row_store(StorageEngine& engine, Replicator& replicator);

}  // namespace ldb::txn
