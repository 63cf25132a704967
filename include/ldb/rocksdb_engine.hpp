// A StorageEngine over RocksDB. Only in libraries that were built with LDB_WITH_ROCKSDB and librocksdb.
#pragma once

#include <memory>
#include <string>

#include "ldb/storage_engine.hpp"

namespace ldb {

/// The same contract as open_lsm_engine(), kept by RocksDB in files of its own: for comparison, and for those who trust it more.
/// Of the options it uses memtable_bytes, block_cache_bytes, block_bytes, max_log_bytes, compression_level (zstd),
/// bloom_bits_per_key, create_if_missing, background_threads, listener. It works on the operating system's files only
/// and on threads of its own: kUnsupported for another file system, an `executor`, `memory_budget_bytes` and
/// `compaction_bytes_per_second`. `log_sink`, and how the LSM engine's log is kept (`log_segment_bytes`, `map_log`) and its
/// compactions are split (`max_subcompactions`), mean nothing here.
///
/// Differences that a caller can notice: the change log is kept beside the data, so that commits are written twice; a key that
/// was deleted costs 8 bytes until a compaction meets it; SyncPolicy::kNone acts as kOs.
Result<std::unique_ptr<StorageEngine>> open_rocksdb_engine(const std::string& directory, const EngineOptions& options = {});

}  // namespace ldb
