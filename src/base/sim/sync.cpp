#include "base/sim/sync.hpp"

#include "base/rt/atomic.hpp"
#include "base/sim/scheduler.hpp"

namespace ldb::sim {

Fiber* WaitList::at(std::uint64_t index) const {
  Fiber* fiber = first_;
  while (index-- > 0) fiber = fiber->wait_next;
  return fiber;
}

void WaitList::push(Fiber& fiber) {
  fiber.waiting_in = this;
  fiber.wait_previous = last_;
  fiber.wait_next = nullptr;
  (last_ != nullptr ? last_->wait_next : first_) = &fiber;
  last_ = &fiber;
  ++size_;
}

void WaitList::remove(Fiber& fiber) {
  (fiber.wait_previous != nullptr ? fiber.wait_previous->wait_next : first_) = fiber.wait_next;
  (fiber.wait_next != nullptr ? fiber.wait_next->wait_previous : last_) = fiber.wait_previous;
  fiber.waiting_in = nullptr;
  --size_;
}

}  // namespace ldb::sim

namespace ldb::rt {
namespace {

sim::Scheduler& scheduler() { return sim::Scheduler::current(); }

/// Destructors run also for objects that a failed simulation left locked; only a run under way is judged.
void check_unused(bool unused, const char* what) {
  if (!unused && sim::Scheduler::simulating())
    scheduler().fail(std::string(what) + " destroyed while a thread holds it or waits for it");
}

}  // namespace

void atomic_scheduling_point() { scheduler().atomic_point(); }

MutexImpl::~MutexImpl() { check_unused(owner_ == nullptr && waiters_.empty(), "mutex"); }

void MutexImpl::lock() {
  scheduler().sync_point();
  acquire();
}

void MutexImpl::acquire() {
  sim::Scheduler& s = scheduler();
  while (owner_ != nullptr) {
    if (owner_ == &s.running()) s.fail("mutex locked twice by one thread");
    s.block(&waiters_, sim::kNever, "mutex", owner_);
  }
  owner_ = &s.running();
}

bool MutexImpl::try_lock() {
  sim::Scheduler& s = scheduler();
  s.sync_point();
  if (owner_ != nullptr) return false;
  owner_ = &s.running();
  return true;
}

void MutexImpl::unlock() {
  release();
  scheduler().sync_point();
}

void MutexImpl::release() {
  sim::Scheduler& s = scheduler();
  if (owner_ != &s.running()) s.fail("mutex unlocked by a thread that does not hold it");
  owner_ = nullptr;
  s.wake_any(waiters_);
}

SharedMutexImpl::~SharedMutexImpl() { check_unused(writer_ == nullptr && readers_ == 0 && waiters_.empty(), "shared mutex"); }

void SharedMutexImpl::lock() {
  sim::Scheduler& s = scheduler();
  s.sync_point();
  ++waiting_writers_;
  while (writer_ != nullptr || readers_ != 0) {
    if (writer_ == &s.running()) s.fail("shared mutex locked twice by one thread");
    s.block(&waiters_, sim::kNever, "shared mutex (to write)", writer_);
  }
  --waiting_writers_;
  writer_ = &s.running();
}

bool SharedMutexImpl::try_lock() {
  sim::Scheduler& s = scheduler();
  s.sync_point();
  if (writer_ != nullptr || readers_ != 0) return false;
  writer_ = &s.running();
  return true;
}

void SharedMutexImpl::unlock() {
  sim::Scheduler& s = scheduler();
  if (writer_ != &s.running()) s.fail("shared mutex unlocked by a thread that does not hold it");
  writer_ = nullptr;
  wake_all();
  s.sync_point();
}

void SharedMutexImpl::lock_shared() {
  sim::Scheduler& s = scheduler();
  s.sync_point();
  // Waiting for a waiting writer loses no wake-up: that writer gets the lock when the present readers leave, and wakes all.
  while (writer_ != nullptr || (readers_ != 0 && waiting_writers_ != 0 && s.coin())) {
    if (writer_ == &s.running()) s.fail("shared mutex locked twice by one thread");
    s.block(&waiters_, sim::kNever, "shared mutex (to read)", writer_);
  }
  ++readers_;
}

void SharedMutexImpl::unlock_shared() {
  sim::Scheduler& s = scheduler();
  if (readers_ == 0) s.fail("shared mutex unlocked by a thread that does not hold it");
  if (--readers_ == 0) wake_all();
  s.sync_point();
}

void SharedMutexImpl::wake_all() {
  while (sim::Fiber* fiber = waiters_.first()) scheduler().wake(*fiber);
}

CondVarImpl::~CondVarImpl() { check_unused(waiters_.empty(), "condition variable"); }

void CondVarImpl::wait(MutexImpl& mutex) { wait_until(mutex, sim::kNever); }

bool CondVarImpl::wait_until(MutexImpl& mutex, std::int64_t deadline_ns) {
  sim::Scheduler& s = scheduler();
  bool in_time = true;
  mutex.release();  // no scheduling point between this and block(): a notification in between must not be lost
  if (s.spurious_wakeup()) {
    s.yield();
  } else {
    in_time = s.block(&waiters_, deadline_ns, "condition variable");
  }
  mutex.acquire();
  return in_time;
}

void CondVarImpl::notify_one() {
  scheduler().wake_any(waiters_);
  scheduler().sync_point();
}

void CondVarImpl::notify_all() {
  while (sim::Fiber* fiber = waiters_.first()) scheduler().wake(*fiber);
  scheduler().sync_point();
}

}  // namespace ldb::rt
