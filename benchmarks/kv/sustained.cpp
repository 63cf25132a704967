#include "sustained.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "data.hpp"
#include "process.hpp"

namespace bench {
namespace {

constexpr int kThreads = 8;
constexpr std::uint64_t kInterval = 10;  // seconds

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
  std::atomic<std::uint64_t> done{0};
  std::atomic<double> slowest_us{0};  // since it was last asked
  Histogram times;
};

void put_until(const std::atomic<bool>& stop, Store& store, Worker& worker, const SustainedConfig& config, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Values values(seed);
  for (double before = now_s(); !stop.load(std::memory_order_relaxed);) {
    store.put(Key(random() % config.entries), values.next(), false);
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
  std::vector<Worker> workers(kThreads);
  std::vector<std::thread> threads;
  const double cpu = cpu_s();
  const double start = now_s();
  for (std::size_t t = 0; t < workers.size(); ++t)
    threads.emplace_back([&, t] { put_until(stop, store, workers[t], config, config.seed * 1000 + t); });
  double longest_us = 0;
  std::uint64_t seen = 0;
  double last = start;
  for (std::uint64_t second = 0; second < config.seconds;) {
    const std::uint64_t step = std::min(kInterval, config.seconds - second);
    second += step;
    std::this_thread::sleep_for(std::chrono::duration<double>(start + static_cast<double>(second) - now_s()));
    std::uint64_t done = 0;
    double slowest_us = 0;
    for (Worker& worker : workers) {
      done += worker.done.load(std::memory_order_relaxed);
      slowest_us = std::max(slowest_us, worker.slowest_us.exchange(0, std::memory_order_relaxed));
    }
    const double now = now_s();
    std::fprintf(stderr, "{\"engine\": \"%s\", \"second\": %llu, \"ops_per_s\": %.0f, \"slowest_put_ms\": %.2f}\n", engine.c_str(),
                 static_cast<unsigned long long>(second), static_cast<double>(done - seen) / (now - last), slowest_us / 1e3);
    longest_us = std::max(longest_us, slowest_us);
    seen = done;
    last = now;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  Histogram times;
  std::uint64_t done = 0;
  for (Worker& worker : workers) {
    times.add(worker.times);
    done += worker.done;
    longest_us = std::max(longest_us, worker.slowest_us.load());
  }
  return {static_cast<double>(done) / (now_s() - start), (cpu_s() - cpu) * 1e6 / static_cast<double>(done),
          times.percentile(0.99), longest_us / 1e3};
}

}  // namespace bench
