// Readers that take no locks, and writers that must not free what those still look at.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "base/rt/atomic.hpp"
#include "base/rt/mutex.hpp"

namespace ldb::rt {

/// Epoch-based reclamation: K. Fraser, "Practical Lock-Freedom" (2004). A reader holds a Guard while it follows pointers; whoever
/// unlinks an object retires it, and it is released when every guard that was open at that moment is gone. Any thread. Guards
/// nest and are meant to be short: what is retired meanwhile waits for the longest one, so do no I/O under a guard.
///
/// Pointers that guards protect must be loaded and replaced with std::memory_order_seq_cst.
class EpochDomain {
 public:
  EpochDomain() = default;
  EpochDomain(const EpochDomain&) = delete;
  EpochDomain& operator=(const EpochDomain&) = delete;
  ~EpochDomain() { drain(); }

  class Guard {
   public:
    explicit Guard(EpochDomain& domain) : domain_(&domain) { domain.enter(); }
    ~Guard() { leave(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    /// Idempotent.
    void leave() {
      if (domain_ != nullptr) std::exchange(domain_, nullptr)->leave();
    }
    bool open() const { return domain_ != nullptr; }

   private:
    EpochDomain* domain_;
  };

  /// Calls release(object) later, on a thread that retires or collects. Not under a lock that `release` takes.
  void retire(void* object, void (*release)(void*));
  template <class T>
  void retire(std::shared_ptr<T> object) {
    if (object == nullptr) return;
    retire(new std::shared_ptr<T>(std::move(object)), [](void* p) { delete static_cast<std::shared_ptr<T>*>(p); });
  }
  /// Releases what can be released now.
  void collect();
  /// Releases everything; no guard may be open that looks at this domain's objects.
  void drain();

 private:
  struct Retired {
    std::uint64_t epoch;
    void* object;
    void (*release)(void*);
  };

  void enter();
  void leave();

  Mutex mutex_;
  std::deque<Retired> retired_ LDB_GUARDED_BY(mutex_);  // by epoch
#if defined(LDB_SIM)
  Atomic<std::uint64_t> readers_{0};
  Atomic<std::uint64_t> waiting_{0};
#endif
};

}  // namespace ldb::rt
