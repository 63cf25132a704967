// The runtime seam: threads, locks, time and randomness (docs/ARCHITECTURE.md, "Runtime"). Two builds: the ordinary one wraps the
// standard library; the simulated one (LDB_SIM) runs one thread at a time, picked by a seeded scheduler, in virtual time.
// Everything in src/ outside base/rt, base/real, base/sim and net uses these and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/rt/atomic.hpp"
#include "base/rt/mutex.hpp"

namespace ldb::rt {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

/// Nanoseconds on a clock that never goes back; its zero is arbitrary.
std::int64_t monotonic_ns();
/// Microseconds since 1970-01-01 UTC by the machine's clock; may jump. Only Clock implementations should ask (clocks are per node).
std::int64_t wall_us();

void sleep_until(std::int64_t monotonic_deadline_ns);
inline void sleep_for(std::int64_t duration_ns) { sleep_until(monotonic_ns() + duration_ns); }
void yield();

/// 64 random bits: from the operating system, or from the simulation's seed.
std::uint64_t random_u64();

/// Number of processors that threads may run on (1 in simulation).
unsigned hardware_threads();

/// A joinable thread. The destructor requires that join() was called or that the thread was never started.
class Thread {
 public:
  Thread() noexcept;
  /// `name` shows in debuggers and simulation traces; cut to 15 characters by Linux.
  Thread(std::string name, std::function<void()> body);
  Thread(Thread&&) noexcept;
  Thread& operator=(Thread&&) noexcept;
  ~Thread();

  bool joinable() const;
  void join();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ldb::rt
