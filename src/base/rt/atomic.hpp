// Atomic<T>: std::atomic, and in the simulated build a scheduling point before every access, so that lock-free code is interleaved.
#pragma once

#include <atomic>

namespace ldb::rt {

#if defined(LDB_SIM)
/// Lets the seeded scheduler run another thread here (rarely does, to keep runs fast).
void atomic_scheduling_point();
#else
inline void atomic_scheduling_point() {}
#endif

template <class T>
class Atomic {
 public:
  constexpr Atomic() noexcept = default;
  constexpr explicit Atomic(T value) noexcept : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order order = std::memory_order_seq_cst) const {
    atomic_scheduling_point();
    return value_.load(order);
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst) {
    atomic_scheduling_point();
    value_.store(value, order);
  }
  T exchange(T value, std::memory_order order = std::memory_order_seq_cst) {
    atomic_scheduling_point();
    return value_.exchange(value, order);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success = std::memory_order_seq_cst,
                             std::memory_order failure = std::memory_order_seq_cst) {
    atomic_scheduling_point();
    return value_.compare_exchange_weak(expected, desired, success, failure);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success = std::memory_order_seq_cst,
                               std::memory_order failure = std::memory_order_seq_cst) {
    atomic_scheduling_point();
    return value_.compare_exchange_strong(expected, desired, success, failure);
  }
  T fetch_add(T delta, std::memory_order order = std::memory_order_seq_cst)
    requires requires(std::atomic<T>& a, T d) { a.fetch_add(d); }
  {
    atomic_scheduling_point();
    return value_.fetch_add(delta, order);
  }
  T fetch_sub(T delta, std::memory_order order = std::memory_order_seq_cst)
    requires requires(std::atomic<T>& a, T d) { a.fetch_sub(d); }
  {
    atomic_scheduling_point();
    return value_.fetch_sub(delta, order);
  }

 private:
  std::atomic<T> value_{};
};

}  // namespace ldb::rt
