// What flushes and compactions hand to those who write their pieces.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "storage/compaction/entry_sieve.hpp"
#include "storage/iterator/internal_iterator.hpp"
#include "storage/lsm_engine.hpp"

namespace ldb::storage {

struct LsmEngine::PieceInput {
  std::vector<std::unique_ptr<InternalIterator>> sources;
  EntrySieve::Options sieve;
  RateLimiter* rate_limiter = nullptr;             ///< null: no limit
  std::uint64_t target_bytes = ~std::uint64_t{0};  ///< of a table
  /// Hears now and then how many more entries were looked at; what is not ok ends the piece.
  std::function<Status(std::uint64_t entries)> progress;
};

}  // namespace ldb::storage
