// The epochs of the simulated runtime: a count of readers, since fibers share a thread. What is retired goes when nobody reads.
#include "base/rt/epoch.hpp"

namespace ldb::rt {

void EpochDomain::enter() { readers_.fetch_add(1); }

void EpochDomain::leave() {
  if (readers_.fetch_sub(1) == 1 && waiting_.load() != 0) collect();
}

void EpochDomain::retire(void* object, void (*release)(void*)) {
  {
    MutexLock lock(mutex_);
    retired_.push_back({0, object, release});
    waiting_.store(retired_.size());
  }
  collect();
}

void EpochDomain::collect() {
  std::deque<Retired> released;
  {
    // Whoever starts to read from here on cannot see what was unlinked before it was retired.
    MutexLock lock(mutex_);
    const std::size_t waiting = retired_.size();
    if (waiting == 0 || readers_.load() != 0) return;
    // The load above may have let others in between: take only what had been retired before it.
    for (std::size_t i = 0; i < waiting; ++i) {
      released.push_back(retired_.front());
      retired_.pop_front();
    }
    waiting_.store(retired_.size());
  }
  for (const Retired& r : released) r.release(r.object);
}

void EpochDomain::drain() {
  for (;;) {  // a release may retire more
    std::deque<Retired> released;
    {
      MutexLock lock(mutex_);
      released.swap(retired_);
    }
    if (released.empty()) return;
    for (const Retired& r : released) r.release(r.object);
  }
}

}  // namespace ldb::rt
