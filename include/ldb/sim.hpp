// Deterministic simulation: threads, time, files and messages of a whole cluster in one process, replayable from a seed.
// Link ldb::ldb_sim instead of ldb::ldb. Inside a simulation use these threads, locks and clocks, not the standard library's:
// code that really blocks stops everything, and thread_local variables are one for all simulated threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ldb/faulty_file_system.hpp"
#include "ldb/ids.hpp"
#include "ldb/transport.hpp"

namespace ldb::sim {

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t max_steps = 500'000'000;                      ///< scheduling decisions; more is a livelock
  std::int64_t max_virtual_ns = 24LL * 3600 * 1'000'000'000;  ///< simulated time; more is a livelock
  /// Called for every decision and event: to find where two runs that should be equal part. Slow.
  std::function<void(std::string_view line)> trace;
};

/// Outcome of a run. Equal options and equal code give an equal Outcome, trace_hash included.
struct Outcome {
  std::string failure;  ///< empty: none. Otherwise why, and what every thread was doing
  std::uint64_t seed = 0;
  std::uint64_t trace_hash = 0;  ///< of every scheduling decision, message and fault
  std::uint64_t steps = 0;
  std::int64_t virtual_ns = 0;
  std::map<std::string, std::uint64_t, std::less<>> counters;  ///< World::count(), and "fault.*" for every fault that happened

  bool ok() const { return failure.empty(); }
  std::uint64_t counter(std::string_view name) const;
  std::string to_string() const;
};

/// What happens to messages in one direction of a link. Probabilities a message, 0 to 1; times are nanoseconds of virtual time.
struct LinkFaults {
  std::int64_t min_delay_ns = 100'000;
  std::int64_t max_delay_ns = 2'000'000;  ///< each delay is drawn between the two, so messages overtake each other
  double slow = 0;                        ///< the delay is drawn up to slow_delay_ns instead
  std::int64_t slow_delay_ns = 1'000'000'000;
  double loss = 0;       ///< never arrives: the caller sees kTimeout
  double reset = 0;      ///< the connection breaks: the caller sees kUnavailable, whether the message arrived or not
  double duplicate = 0;  ///< arrives twice, at different times: the handler gets the request again, a second answer is dropped
  bool cut = false;      ///< nothing arrives
};

/// A joinable simulated thread. An exception that leaves `body` ends the run.
class Thread {
 public:
  Thread() noexcept;
  Thread(std::string name, std::function<void()> body);
  Thread(Thread&&) noexcept;
  Thread& operator=(Thread&&) noexcept;
  ~Thread();  ///< joins
  void join();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The simulated world of one run: machines with a disk, a wall clock and a network interface each. Lives while run() runs its
/// body. A machine exists from the first time it is named. Any simulated thread.
class World {
 public:
  /// Nanoseconds of virtual time since the start.
  std::int64_t now_ns() const;
  void sleep_ns(std::int64_t duration_ns);
  void yield();
  /// 64 bits from the seed; a stream of its own, so that drawing does not change the schedule.
  std::uint64_t random();
  /// Uniform in [0, n); n > 0.
  std::uint64_t random_below(std::uint64_t n);
  bool chance(double probability);

  void count(std::string_view counter, std::uint64_t n = 1);
  std::uint64_t counter(std::string_view name) const;
  /// Mixes a fact into the trace hash (and the trace).
  void note(std::string_view what, std::uint64_t value = 0);
  std::uint64_t trace_hash() const;
  /// Ends the run at once with this failure.
  [[noreturn]] void fail(std::string why);
  void check(bool condition, std::string_view why) {
    if (!condition) fail(std::string(why));
  }

  /// Runs `body` in a new thread that belongs to machine `node`, as do all threads that it starts.
  Thread spawn(const NodeId& node, std::string name, std::function<void()> body);
  /// Runs `body` in this thread as if it belonged to `node`: threads started inside belong to the node. For constructing nodes.
  void run_on(const NodeId& node, const std::function<void()>& body);

  FaultyFileSystem& file_system(const NodeId& node);
  /// A transport whose machine is the node given to its start(). Must not outlive the run.
  std::unique_ptr<Transport> new_transport();
  /// For new_hybrid_clock(): microseconds since 1970 as the node's machine believes. Starts at 2026-01-01.
  std::function<std::int64_t()> wall_clock(const NodeId& node);
  /// How far the machine's clock is ahead of true time. A change is a clock jump; rt time of that machine's threads follows too.
  void set_clock_offset_us(const NodeId& node, std::int64_t offset_us);
  std::int64_t clock_offset_us(const NodeId& node) const;
  /// The machine's threads stand still (a virtual machine that is moved, a long swap) while its timers run on.
  void pause(const NodeId& node, std::int64_t duration_ns);

  /// Faults of every link without its own.
  void set_link_faults(const LinkFaults& faults);
  /// Faults of messages from `from` to `to`; nullopt: the default again.
  void set_link_faults(const NodeId& from, const NodeId& to, std::optional<LinkFaults> faults);
  /// Cuts one direction: messages from `from` to `to` are lost.
  void cut_one_way(const NodeId& from, const NodeId& to);
  void cut(const NodeId& a, const NodeId& b);
  void heal(const NodeId& a, const NodeId& b);
  void heal_all();
  /// Multiplies all delays from and to the node (a slow peer); 1: normal.
  void set_slowness(const NodeId& node, double factor);

  /// Power loss of one machine: nothing leaves or reaches its transports any more (their calls time out), and its files are dead
  /// and lose what was not synced. The node object is then to be destroyed: all its threads can do is to come to an end.
  void crash(const NodeId& node);
  /// kill -9: like crash(), but files keep what was written.
  void kill(const NodeId& node);
  /// Files work again. Then start a new node on them.
  void reboot(const NodeId& node);
  bool crashed(const NodeId& node) const;

  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

 private:
  friend Outcome run(Options options, const std::function<void(World&)>& body);
  World();
  struct State;
  const std::unique_ptr<State> state_;
};

/// Runs `body` as the first thread of a new simulation on this OS thread, until it returns. The run fails when a thread is left
/// running, on deadlock (nobody can run and nobody's wait has a deadline), and beyond the limits. An exception that leaves a
/// simulated thread ends the run and is thrown here. After a failure the simulated threads are abandoned where they stand: what
/// they own is never freed. Simulations do not nest; several OS threads may run one each.
Outcome run(Options options, const std::function<void(World&)>& body);

}  // namespace ldb::sim
