// The epochs of the ordinary runtime: one place per thread, shared by all domains (a guard delays every domain a little; a place
// per thread and domain would have to be looked up).
#include "base/rt/epoch.hpp"

#include <algorithm>
#include <atomic>
#include <limits>

namespace ldb::rt {
namespace {

struct alignas(64) Place {
  std::atomic<std::uint64_t> epoch{0};  // in which the thread's outermost guard was opened; 0: no guard
  std::atomic<bool> taken{false};
};

/// Chunks are never freed: a scan may be looking at them.
struct Chunk {
  Place places[64];
  std::atomic<Chunk*> next{nullptr};
};

constinit Chunk first_chunk;
constinit std::atomic<std::uint64_t> current_epoch{1};

Place* take_place() {
  for (Chunk* chunk = &first_chunk;;) {
    for (Place& place : chunk->places) {
      bool taken = false;
      if (!place.taken.load(std::memory_order_relaxed) && place.taken.compare_exchange_strong(taken, true)) return &place;
    }
    Chunk* next = chunk->next.load(std::memory_order_acquire);
    if (next == nullptr) {
      auto* const made = new Chunk;
      if (chunk->next.compare_exchange_strong(next, made)) {
        next = made;
      } else {
        delete made;
      }
    }
    chunk = next;
  }
}

constinit thread_local Place* my_place = nullptr;
constinit thread_local unsigned my_depth = 0;

struct PlaceOwner {
  Place* place = nullptr;
  ~PlaceOwner() {
    my_place = nullptr;
    if (place != nullptr) place->taken.store(false, std::memory_order_release);
  }
};

Place* find_place() {
  thread_local PlaceOwner owner;  // gives the place back when the thread ends
  owner.place = take_place();
  return owner.place;
}

std::uint64_t oldest_guard() {
  std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
  for (const Chunk* chunk = &first_chunk; chunk != nullptr; chunk = chunk->next.load(std::memory_order_acquire)) {
    for (const Place& place : chunk->places) {
      const std::uint64_t epoch = place.epoch.load(std::memory_order_seq_cst);
      if (epoch != 0 && epoch < oldest) oldest = epoch;
    }
  }
  return oldest;
}

}  // namespace

void EpochDomain::enter() {
  if (my_depth++ != 0) return;
  if (my_place == nullptr) my_place = find_place();
  // The exchange is a full barrier: what is loaded after it was not unlinked before an epoch that is over.
  my_place->epoch.exchange(current_epoch.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
}

void EpochDomain::leave() {
  if (--my_depth == 0) my_place->epoch.store(0, std::memory_order_release);
}

void EpochDomain::retire(void* object, void (*release)(void*)) {
  constexpr std::size_t kCollectAt = 32;
  std::size_t waiting = 0;
  {
    MutexLock lock(mutex_);
    // Guards that see a higher epoch were opened after the object had been unlinked.
    retired_.push_back({current_epoch.fetch_add(1, std::memory_order_seq_cst), object, release});
    waiting = retired_.size();
  }
  if (waiting % kCollectAt == 0) collect();
}

void EpochDomain::collect() {
  // Taken before the search: what others retire during it may be in the hands of a reader whose guard the search did not see.
  const std::uint64_t begun = current_epoch.load(std::memory_order_seq_cst);
  const std::uint64_t oldest = std::min(oldest_guard(), begun);
  std::deque<Retired> released;
  {
    MutexLock lock(mutex_);
    while (!retired_.empty() && retired_.front().epoch < oldest) {
      released.push_back(retired_.front());
      retired_.pop_front();
    }
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
