#include "sustained.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "data.hpp"
#include "histogram.hpp"
#include "process.hpp"
#include "processor_watch.hpp"

namespace bench {
namespace {

constexpr int kThreads = 8;
constexpr double kInterval = 10;  // seconds

/// A time in which no thread finished a put.
struct Stall {
  double from = 0;
  double to = 0;
};

/// Longer ones are looked at; a fresh look at the clock after every put of any thread finds them all. (One is found too long if a
/// thread loses the processor between the clock and its note of a put that was finished in the midst of it.)
constexpr double kLeastStall = 1e-3;  // seconds

struct alignas(64) Worker {
  explicit Worker(std::uint64_t seed_in) : seed(seed_in), values(seed_in) {}
  const std::uint64_t seed;
  Values values;  // made before the clock starts: that takes some milliseconds
  std::atomic<std::uint64_t> done{0};
  std::atomic<double> slowest_us{0};  // since it was last asked
  Histogram times;
  std::mutex mutex;
  std::vector<Stall> stalls;  // that its puts ended, since it was last asked
};

struct Shared {
  std::atomic<bool> stop{false};
  alignas(64) std::atomic<double> last_finish{0};  // 0: the threads are being started
};

void put_until(Shared& shared, Store& store, Worker& worker, const SustainedConfig& config) {
  std::mt19937_64 random(worker.seed);
  for (double before = now_s(); !shared.stop.load(std::memory_order_relaxed);) {
    store.put(Key(random() % config.entries), worker.values.next(), false);
    const double after = now_s();
    // Never back: this thread may have lost the processor since it read the clock, and others have finished puts meanwhile.
    double last_finish = shared.last_finish.load(std::memory_order_relaxed);
    while (last_finish < after && !shared.last_finish.compare_exchange_weak(last_finish, after, std::memory_order_relaxed)) {
    }
    if (last_finish != 0 && after - last_finish > kLeastStall) {
      const std::lock_guard lock(worker.mutex);
      worker.stalls.push_back({last_finish, after});
    }
    const double us = (after - before) * 1e6;
    before = after;
    worker.times.add(us);
    if (us > worker.slowest_us.load(std::memory_order_relaxed)) worker.slowest_us.store(us, std::memory_order_relaxed);
    worker.done.fetch_add(1, std::memory_order_relaxed);
  }
}

/// The longest stalls of all workers since the last time, in milliseconds.
struct LongestStalls {
  double all = 0;
  double own = 0;  ///< without the time that a processor stood still
};
LongestStalls take_stalls(std::deque<Worker>& workers, const ProcessorWatch& processors) {
  LongestStalls longest;
  for (Worker& worker : workers) {
    const std::lock_guard lock(worker.mutex);
    for (const Stall& stall : worker.stalls) {
      const double ms = (stall.to - stall.from) * 1e3;
      longest.all = std::max(longest.all, ms);
      longest.own = std::max(longest.own, ms - processors.stood_still_s(stall.from, stall.to) * 1e3);
    }
    worker.stalls.clear();
  }
  return longest;
}

}  // namespace

SustainedResult run_sustained(const std::string& engine, Store& store, const SustainedConfig& config) {
  constexpr auto kLook = std::chrono::milliseconds(100);
  ProcessorWatch processors;
  std::deque<Worker> workers;
  for (std::uint64_t t = 0; t < kThreads; ++t) workers.emplace_back(config.seed * 1000 + t);
  SustainedResult result;
  result.own_stalls_known = processors.works();
  std::vector<std::thread> threads;
  Shared shared;
  const double cpu = cpu_s();
  const double start = now_s();
  for (Worker& worker : workers) threads.emplace_back([&] { put_until(shared, store, worker, config); });
  std::uint64_t done_at_line = 0;
  double last_line = start;
  const auto note = [&](double now) {
    processors.look();
    const LongestStalls stalls = take_stalls(workers, processors);
    double slowest_us = 0;
    std::uint64_t done = 0;
    for (Worker& worker : workers) {
      slowest_us = std::max(slowest_us, worker.slowest_us.exchange(0, std::memory_order_relaxed));
      done += worker.done.load(std::memory_order_relaxed);
    }
    std::fprintf(stderr,
                 "{\"engine\": \"%s\", \"second\": %.0f, \"ops_per_s\": %.0f, \"stall_ms\": %.1f, \"own_stall_ms\": %.1f, "
                 "\"slowest_put_ms\": %.1f, \"processors_stood_still_ms\": %.0f}\n",
                 engine.c_str(), now - start, static_cast<double>(done - done_at_line) / (now - last_line), stalls.all,
                 stalls.own, slowest_us / 1e3, processors.total_s() * 1e3);
    result.longest_stall_ms = std::max(result.longest_stall_ms, stalls.all);
    result.longest_own_stall_ms = std::max(result.longest_own_stall_ms, stalls.own);
    result.slowest_put_ms = std::max(result.slowest_put_ms, slowest_us / 1e3);
    done_at_line = done;
    last_line = now;
  };
  for (double now = start; now < start + static_cast<double>(config.seconds); now = now_s()) {
    std::this_thread::sleep_for(kLook);
    processors.look();
    if (now >= last_line + kInterval) note(now);
  }
  shared.stop = true;
  for (std::thread& thread : threads) thread.join();
  note(now_s());
  Histogram times;
  for (const Worker& worker : workers) times.add(worker.times);
  result.ops_per_s = static_cast<double>(done_at_line) / (last_line - start);
  result.cpu_us_per_op = (cpu_s() - cpu) * 1e6 / static_cast<double>(done_at_line);
  result.p99_us = times.percentile(0.99);
  return result;
}

}  // namespace bench
