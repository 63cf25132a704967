#include "replication/apply/row_latches.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ldb {

void LatchStripes::acquire(std::uint32_t stripe) {
  Shard& shard = shards_[stripe / kShardSize];
  const std::uint64_t bit = std::uint64_t{1} << (stripe % kShardSize);
  rt::MutexLock lock(shard.mutex);
  while ((shard.held & bit) != 0) {
    ++shard.waiting;
    shard.released.wait(shard.mutex);
    --shard.waiting;
  }
  shard.held |= bit;
}

void LatchStripes::release(std::uint32_t stripe) {
  Shard& shard = shards_[stripe / kShardSize];
  const std::uint64_t bit = std::uint64_t{1} << (stripe % kShardSize);
  rt::MutexLock lock(shard.mutex);
  LDB_DCHECK((shard.held & bit) != 0);
  shard.held &= ~bit;
  if (shard.waiting != 0) shard.released.notify_all();
}

void LatchSet::acquire() {
  LDB_CHECK(!held_);
  std::sort(wanted_.begin(), wanted_.end());
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
  for (const std::uint32_t stripe : wanted_) stripes_.acquire(stripe);
  held_ = true;
}

void LatchSet::release() {
  if (!held_) return;
  for (auto stripe = wanted_.rbegin(); stripe != wanted_.rend(); ++stripe) stripes_.release(*stripe);
  held_ = false;
  wanted_.clear();
}

}  // namespace ldb
