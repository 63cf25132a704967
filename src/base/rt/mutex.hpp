// Mutex, SharedMutex, CondVar and their scoped locks: one declaration for both runtimes.
#pragma once

#include <cstdint>

#include "base/thread_annotations.hpp"

#if defined(LDB_SIM)
#include "base/sim/sync.hpp"
#else
#include "base/real/sync.hpp"
#endif

namespace ldb::rt {

/// Not recursive.
class LDB_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() LDB_ACQUIRE() { impl_.lock(); }
  bool try_lock() LDB_TRY_ACQUIRE(true) { return impl_.try_lock(); }
  void unlock() LDB_RELEASE() { impl_.unlock(); }

 private:
  friend class CondVar;
  MutexImpl impl_;
};

/// Many readers or one writer. Not recursive, not upgradable.
class LDB_CAPABILITY("shared_mutex") SharedMutex {
 public:
  SharedMutex() = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void lock() LDB_ACQUIRE() { impl_.lock(); }
  bool try_lock() LDB_TRY_ACQUIRE(true) { return impl_.try_lock(); }
  void unlock() LDB_RELEASE() { impl_.unlock(); }
  void lock_shared() LDB_ACQUIRE_SHARED() { impl_.lock_shared(); }
  void unlock_shared() LDB_RELEASE_SHARED() { impl_.unlock_shared(); }

 private:
  SharedMutexImpl impl_;
};

class LDB_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) LDB_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() LDB_RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  /// For the rare loop that does slow work without the lock.
  void unlock() LDB_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() LDB_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

class LDB_SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) LDB_ACQUIRE_SHARED(mutex) : mutex_(mutex) { mutex_.lock_shared(); }
  ~ReadLock() LDB_RELEASE_GENERIC() { mutex_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class LDB_SCOPED_CAPABILITY WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) LDB_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~WriteLock() LDB_RELEASE() { mutex_.unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Waits for a condition guarded by a Mutex the caller holds. Wake-ups may be spurious: always wait in a loop.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void wait(Mutex& mutex) LDB_REQUIRES(mutex) { impl_.wait(mutex.impl_); }
  /// False when the deadline (rt::monotonic_ns) passed first.
  bool wait_until(Mutex& mutex, std::int64_t monotonic_deadline_ns) LDB_REQUIRES(mutex) {
    return impl_.wait_until(mutex.impl_, monotonic_deadline_ns);
  }
  void notify_one() { impl_.notify_one(); }
  void notify_all() { impl_.notify_all(); }

 private:
  CondVarImpl impl_;
};

}  // namespace ldb::rt
