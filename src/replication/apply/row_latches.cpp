#include "replication/apply/row_latches.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ldb {

// The set of locks is known at run time only, which the static analysis cannot follow.
void LatchSet::acquire() LDB_NO_THREAD_SAFETY_ANALYSIS {
  LDB_CHECK(!held_);
  std::sort(wanted_.begin(), wanted_.end());
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
  for (const std::uint32_t stripe : wanted_) stripes_.stripes_[stripe].lock();
  held_ = true;
}

void LatchSet::release() LDB_NO_THREAD_SAFETY_ANALYSIS {
  if (!held_) return;
  for (auto stripe = wanted_.rbegin(); stripe != wanted_.rend(); ++stripe) stripes_.stripes_[*stripe].unlock();
  held_ = false;
  wanted_.clear();
}

}  // namespace ldb
