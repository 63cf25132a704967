// What RocksDB calls back: the filter that collects, and the listener that reports.
#pragma once

#include <rocksdb/compaction_filter.h>
#include <rocksdb/listener.h>

#include <memory>

#include "storage/rocksdb/rocksdb_engine.hpp"

namespace ldb::storage {

/// Both borrow the engine (or its listener), which outlives the database.
std::shared_ptr<rocksdb::CompactionFilterFactory> new_collecting_filters(const RocksDbEngine& engine);
std::shared_ptr<rocksdb::EventListener> new_event_bridge(EngineListener& listener);

}  // namespace ldb::storage
