// One number for a whole state, equal on replicas that have applied the same commits (docs/REPLICATION.md section 9).
#pragma once

#include <cstdint>
#include <functional>

#include "ldb/ids.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::replication {

/// Sum modulo 2^128 of a hash of every live row; does not depend on the order of rows.
struct StateHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t rows = 0;  ///< live rows counted in
  friend bool operator==(const StateHash&, const StateHash&) = default;
};

/// Reads every live row that `view` shows, of the tables that `counts` accepts (all when empty). kCorruption for a damaged image.
Result<StateHash> content_hash(StorageEngine& engine, const ReadView& view, const std::function<bool(TableId)>& counts = nullptr);

}  // namespace ldb::replication
