#include "sustained.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <deque>
#include <thread>
#include <vector>

#include "data.hpp"
#include "process.hpp"
#include "processor_watch.hpp"

namespace bench {
namespace {

constexpr int kThreads = 8;
constexpr double kInterval = 10;  // seconds

/// Times in microseconds, eight buckets to a doubling.
class Histogram {
 public:
  void add(double us) { ++counts_[bucket(us)]; }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  double percentile(double part) const {
    std::uint64_t total = 0;
    for (const std::uint64_t count : counts_) total += count;
    auto left = static_cast<std::uint64_t>(static_cast<double>(total) * part);
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (left < counts_[i]) return std::exp2(static_cast<double>(i) / 8) / 16;
      left -= counts_[i];
    }
    return 0;
  }

 private:
  std::size_t bucket(double us) const {
    const double index = 8 * std::log2(std::max(us, 1.0 / 16) * 16);
    return std::min(counts_.size() - 1, static_cast<std::size_t>(index));
  }
  std::array<std::uint64_t, 256> counts_{};
};

struct alignas(64) Worker {
  explicit Worker(std::uint64_t seed_in) : seed(seed_in), values(seed_in) {}
  const std::uint64_t seed;
  Values values;  // made before the clock starts: that takes some milliseconds
  std::atomic<std::uint64_t> done{0};
  std::atomic<double> slowest_us{0};  // since it was last asked
  Histogram times;
};

void put_until(const std::atomic<bool>& stop, Store& store, Worker& worker, const SustainedConfig& config) {
  std::mt19937_64 random(worker.seed);
  for (double before = now_s(); !stop.load(std::memory_order_relaxed);) {
    store.put(Key(random() % config.entries), worker.values.next(), false);
    const double after = now_s();
    const double us = (after - before) * 1e6;
    before = after;
    worker.times.add(us);
    if (us > worker.slowest_us.load(std::memory_order_relaxed)) worker.slowest_us.store(us, std::memory_order_relaxed);
    worker.done.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

SustainedResult run_sustained(const std::string& engine, Store& store, const SustainedConfig& config) {
  std::atomic<bool> stop{false};
  ProcessorWatch processors;
  std::deque<Worker> workers;
  for (std::uint64_t t = 0; t < kThreads; ++t) workers.emplace_back(config.seed * 1000 + t);
  std::vector<std::thread> threads;
  const double cpu = cpu_s();
  const double start = now_s();
  for (Worker& worker : workers) threads.emplace_back([&] { put_until(stop, store, worker, config); });
  SustainedResult result;
  std::uint64_t done = 0;
  std::uint64_t done_at_line = 0;
  double last_line = start;
  double last_progress = start;
  double stall_s = 0;      // since the last line
  double own_stall_s = 0;  // likewise
  for (double now = start; now < start + static_cast<double>(config.seconds);) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    now = now_s();
    const std::uint64_t before = done;
    done = 0;
    for (const Worker& worker : workers) done += worker.done.load(std::memory_order_relaxed);
    if (done == before) {
      const double stall = now - last_progress;
      stall_s = std::max(stall_s, stall);
      if (stall > own_stall_s) own_stall_s = std::max(own_stall_s, stall - processors.stood_still_s(last_progress, now));
    } else {
      last_progress = now;
    }
    if (now < last_line + kInterval) continue;
    double slowest_us = 0;
    for (Worker& worker : workers) slowest_us = std::max(slowest_us, worker.slowest_us.exchange(0, std::memory_order_relaxed));
    std::fprintf(stderr,
                 "{\"engine\": \"%s\", \"second\": %.0f, \"ops_per_s\": %.0f, \"stall_ms\": %.1f, \"own_stall_ms\": %.1f, "
                 "\"slowest_put_ms\": %.1f}\n",
                 engine.c_str(), now - start, static_cast<double>(done - done_at_line) / (now - last_line), stall_s * 1e3,
                 own_stall_s * 1e3, slowest_us / 1e3);
    result.longest_stall_ms = std::max(result.longest_stall_ms, stall_s * 1e3);
    result.longest_own_stall_ms = std::max(result.longest_own_stall_ms, own_stall_s * 1e3);
    result.slowest_put_ms = std::max(result.slowest_put_ms, slowest_us / 1e3);
    done_at_line = done;
    last_line = now;
    stall_s = own_stall_s = 0;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  Histogram times;
  done = 0;
  for (Worker& worker : workers) {
    times.add(worker.times);
    done += worker.done;
    result.slowest_put_ms = std::max(result.slowest_put_ms, worker.slowest_us.load() / 1e3);
  }
  result.longest_stall_ms = std::max(result.longest_stall_ms, stall_s * 1e3);
  result.longest_own_stall_ms = std::max(result.longest_own_stall_ms, own_stall_s * 1e3);
  result.ops_per_s = static_cast<double>(done) / (now_s() - start);
  result.cpu_us_per_op = (cpu_s() - cpu) * 1e6 / static_cast<double>(done);
  result.p99_us = times.percentile(0.99);
  return result;
}

}  // namespace bench
