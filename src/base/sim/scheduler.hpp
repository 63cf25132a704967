// The simulated runtime's heart: fibers on one OS thread, a seeded scheduler, virtual time (DESIGN section 4).
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/sim/context.hpp"
#include "base/sim/sync.hpp"

namespace ldb::sim {

constexpr std::int64_t kNever = INT64_MAX;
/// 2026-01-01T00:00:00Z, where virtual wall time starts.
constexpr std::int64_t kEpochUs = 1'767'225'600'000'000;

/// A simulated machine: threads started by its threads belong to it.
struct Host {
  std::string name;
  std::int64_t wall_offset_us = 0;
  std::int64_t paused_until_ns = 0;  ///< its threads do not run before this time
};

/// One simulated thread. Owned by the Scheduler until joined.
struct Fiber {
  enum class State : std::uint8_t { kReady, kRunning, kBlocked, kDone };

  std::uint64_t id = 0;
  std::string name;
  Host* host = nullptr;
  std::function<void()> body;
  Context context;
  Stack stack;
  State state = State::kReady;
  bool started = false;
  bool slow = false;  ///< chosen more rarely than others, so that it falls behind

  WaitList* waiting_in = nullptr;
  Fiber* wait_previous = nullptr;
  Fiber* wait_next = nullptr;
  const char* waiting_for = "";
  const Fiber* held_by = nullptr;  ///< who has the lock waited for, when known
  std::int64_t deadline_ns = kNever;
  std::size_t heap_index = 0;  ///< position + 1 in the heap of deadlines; 0: not in it
  bool timed_out = false;
  bool paused = false;  ///< in the heap because its host is paused
  WaitList joiners;
};

struct SchedulerOptions {
  std::uint64_t seed = 0;
  std::uint64_t max_steps = kNoLimit;
  std::int64_t max_virtual_ns = kNever;
  /// Called with a line for every decision and note: to find where two runs of one seed part.
  std::function<void(std::string_view)> trace;

  static constexpr std::uint64_t kNoLimit = UINT64_MAX;
};

/// Picks which fiber runs at every scheduling point. How eager it is to switch, and which threads it neglects, is drawn from the
/// seed too, so that different seeds explore differently. One OS thread; several schedulers may run on several OS threads.
///
/// Outside run() there is an ambient scheduler, made on first use, whose first fiber is the OS thread itself: code that uses rt
/// works there too, but a deadlock aborts.
class Scheduler {
 public:
  explicit Scheduler(SchedulerOptions options);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  static Scheduler& current() { return current_ != nullptr ? *current_ : ambient(); }
  /// Is the caller inside run() of a simulation that has not failed?
  static bool simulating() { return current_ != nullptr && !current_->is_ambient_ && !current_->failed_; }

  /// Runs `body` as the first fiber until it returns. Returns why the run failed; empty when it did not. An exception that leaves
  /// a fiber ends the run and is thrown here. After a failure, fibers that had not ended are abandoned as they stand.
  std::string run(std::function<void()> body);

  // For the runtime's primitives. All are called by the running fiber.
  Fiber& running() { return *running_; }
  void sync_point() {
    if (--sync_countdown_ == 0) preempt_at_sync();
  }
  void atomic_point() {
    if (--atomic_countdown_ == 0) preempt_at_atomic();
  }
  bool spurious_wakeup();
  bool coin() { return choices_.one_in(2); }
  void yield();
  /// Blocks until woken (true) or the deadline (false). `list` may be null: only the deadline ends it.
  bool block(WaitList* list, std::int64_t deadline_ns, const char* waiting_for, const Fiber* held_by = nullptr);
  void wake(Fiber& fiber);
  void wake_any(WaitList& list);
  Fiber& spawn(std::string name, std::function<void()> body);
  void join(Fiber& fiber);
  [[noreturn]] void fail(std::string why);

  std::int64_t now_ns() const { return now_ns_; }
  /// Reading the clock takes time, so that loops which only look at the clock end.
  std::int64_t read_clock() { return now_ns_ += 20; }
  std::int64_t wall_us() const;

  /// For rt::random_u64.
  Random& random() { return random_; }
  /// For network and file faults.
  Random& fault_random() { return fault_random_; }

  Host& host(const std::string& name);
  /// Adds to the counter `event`.
  void count(std::string_view event, std::uint64_t n = 1);
  /// Mixes what happened into the trace hash.
  void note(std::string_view what, std::uint64_t a = 0, std::uint64_t b = 0);
  const std::map<std::string, std::uint64_t, std::less<>>& counters() const { return counters_; }
  std::uint64_t trace_hash() const { return trace_hash_; }
  std::uint64_t steps() const { return steps_; }
  std::uint64_t seed() const { return options_.seed; }
  /// One line per live fiber: name, state, what it waits for, and its call stack.
  std::string describe_fibers();

 private:
  static Scheduler& ambient();
  static void fiber_main();

  void draw_habits();
  void preempt_at_sync();
  void preempt_at_atomic();
  Fiber& choose();
  Fiber& take_ready();
  void wake_expired();
  void switch_from_running(bool ends);
  void make_ready(Fiber& fiber);
  void heap_push(Fiber& fiber);
  void heap_remove(Fiber& fiber);
  void heap_place(std::size_t index, Fiber& fiber);
  void heap_sift(std::size_t index);
  void mix(std::uint64_t value) { trace_hash_ = Random::mix(trace_hash_ ^ value) + value; }
  std::string call_stack_of(Fiber& fiber);
  void answer_inspection();
  [[noreturn]] void leave_to_native(bool abandon_frames);

  static constinit thread_local Scheduler* current_;

  SchedulerOptions options_;
  bool is_ambient_ = false;
  Random choices_;
  Random random_;
  Random fault_random_;

  // Habits of this run, drawn from the seed: average number of points between two preemptions, and so on.
  std::uint64_t sync_interval_ = 1;
  std::uint64_t atomic_interval_ = 1;
  std::uint64_t spurious_interval_ = 1;
  std::uint64_t slow_one_in_ = 0;
  std::int64_t step_ns_ = 1000;
  std::uint64_t sync_countdown_ = 1;
  std::uint64_t atomic_countdown_ = 1;

  std::int64_t now_ns_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t trace_hash_ = 0;
  std::uint64_t next_fiber_id_ = 0;
  Fiber* running_ = nullptr;
  std::vector<Fiber*> ready_;
  std::vector<Fiber*> heap_;  // by deadline, then id
  std::map<std::uint64_t, std::unique_ptr<Fiber>> fibers_;
  std::map<std::string, std::unique_ptr<Host>> hosts_;
  std::map<std::string, std::uint64_t, std::less<>> counters_;

  Context native_;  // the OS thread that called run()
  bool failed_ = false;
  std::string failure_;
  std::exception_ptr exception_;
  Fiber* inspector_ = nullptr;  // set while a blocked fiber is woken only to write down its call stack
  std::string inspection_;
};

}  // namespace ldb::sim
