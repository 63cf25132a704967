// The simulated runtime's locks: a blocked caller gives the processor to another fiber (base/sim/scheduler.hpp).
#pragma once

#include <cstdint>

namespace ldb::sim {

struct Fiber;

/// Fibers blocked on one object, in order of arrival. Links are inside the fibers: each waits in at most one list.
class WaitList {
 public:
  constexpr WaitList() = default;
  bool empty() const { return first_ == nullptr; }
  std::uint32_t size() const { return size_; }
  Fiber* first() const { return first_; }
  Fiber* at(std::uint64_t index) const;
  void push(Fiber& fiber);
  void remove(Fiber& fiber);

 private:
  Fiber* first_ = nullptr;
  Fiber* last_ = nullptr;
  std::uint32_t size_ = 0;
};

}  // namespace ldb::sim

namespace ldb::rt {

/// Unlocking hands the lock to nobody: who gets it next is the scheduler's choice. Misuse (recursion, unlock by another thread,
/// destruction while held) fails the simulation with a message.
class MutexImpl {
 public:
  constexpr MutexImpl() = default;
  ~MutexImpl();
  void lock();
  bool try_lock();
  void unlock();

 private:
  friend class CondVarImpl;
  void acquire();
  void release();

  sim::Fiber* owner_ = nullptr;
  sim::WaitList waiters_;
};

class SharedMutexImpl {
 public:
  constexpr SharedMutexImpl() = default;
  ~SharedMutexImpl();
  void lock();
  bool try_lock();
  void unlock();
  /// Sometimes waits behind a waiting writer although readers hold the lock, as some platforms do: recursive read locks deadlock.
  void lock_shared();
  void unlock_shared();

 private:
  void wake_all();

  sim::Fiber* writer_ = nullptr;
  std::uint32_t readers_ = 0;
  std::uint32_t waiting_writers_ = 0;
  sim::WaitList waiters_;
};

/// Wakes up spuriously now and then, and wakes any waiter rather than the first.
class CondVarImpl {
 public:
  constexpr CondVarImpl() = default;
  ~CondVarImpl();
  void wait(MutexImpl& mutex);
  bool wait_until(MutexImpl& mutex, std::int64_t deadline_ns);
  void notify_one();
  void notify_all();

 private:
  sim::WaitList waiters_;
};

}  // namespace ldb::rt
