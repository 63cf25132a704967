#include "workloads.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <iostream>
#include <random>
#include <thread>
#include <utility>

#include "data.hpp"
#include "histogram.hpp"
#include "process.hpp"
#include "sustained.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;

std::uint64_t bytes_below(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    struct stat info {};
    if (stat(entry.path().c_str(), &info) == 0) bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

class Runner {
 public:
  Runner(std::string engine, std::string directory, const WorkloadConfig& config, std::vector<std::string> only)
      : engine_(std::move(engine)), directory_(std::move(directory)), config_(config), only_(std::move(only)) {}

  std::vector<Measurement> run() {
    if (only_ == std::vector<std::string>{"sustained"}) return sustained();
    fill_workloads();
    read_workloads();
    sync_workloads();
    write_amplification();
    reopen();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    results_.push_back({"peak_rss_mb", 0, 0, 0, static_cast<double>(usage.ru_maxrss) / 1024});
    return results_;
  }

 private:
  bool wanted(const std::string& workload) const {
    return only_.empty() || std::find(only_.begin(), only_.end(), workload) != only_.end();
  }
  bool any_wanted(std::initializer_list<const char*> names) const {
    return std::any_of(names.begin(), names.end(), [&](const char* name) { return wanted(name); });
  }

  std::unique_ptr<Store> open(const std::string& name, std::size_t cache_bytes = 256 << 20) const {
    StoreConfig config;
    config.directory = directory_ + "/" + name;
    config.cache_bytes = cache_bytes;
    auto store = open_store(engine_, config);
    if (!store) fail("this build has no engine " + engine_);
    return store;
  }

  /// `body(thread, i)` for i of 0..operations spread over the threads.
  void timed(const std::string& workload, std::uint64_t operations, int threads,
             const std::function<void(int, std::uint64_t)>& body) {
    const double cpu = cpu_s();
    const double start = now_s();
    std::vector<std::thread> workers;
    const std::uint64_t each = operations / static_cast<std::uint64_t>(threads);
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < each; ++i) body(t, static_cast<std::uint64_t>(t) * each + i);
      });
    }
    for (std::thread& worker : workers) worker.join();
    const double elapsed = now_s() - start;
    const auto done = static_cast<double>(each * static_cast<std::uint64_t>(threads));
    results_.push_back({workload, done / elapsed, (cpu_s() - cpu) * 1e6 / done, 0, 0});
  }

  void fill_workloads() {
    Values values(config_.seed);
    if (wanted("fillseq")) {
      const auto store = open("fillseq");
      timed("fillseq", config_.entries, 1, [&](int, std::uint64_t i) { store->put(Key(i), values.next(), false); });
    }
    fs::remove_all(directory_ + "/fillseq");
    std::mt19937_64 random(config_.seed);
    {
      const auto store = open("main");  // what the read workloads use
      timed("fillrandom", config_.entries, 1,
            [&](int, std::uint64_t) { store->put(Key(random() % config_.entries), values.next(), false); });
      if (wanted("overwrite")) {
        timed("overwrite", config_.entries, 1,
              [&](int, std::uint64_t) { store->put(Key(random() % config_.entries), values.next(), false); });
      }
      store->settle();
    }
    results_.push_back({"size_on_disk_mb", 0, 0, 0, static_cast<double>(bytes_below(directory_ + "/main")) / (1 << 20)});
    if (wanted("fillbatch")) {
      const auto store = open("fillbatch");
      std::vector<std::string> keys(100);
      timed("fillbatch", config_.entries / 100, 1, [&](int, std::uint64_t) {
        std::vector<Pair> pairs;
        for (std::string& key : keys) {
          key = std::string_view(Key(random() % config_.entries));
          pairs.emplace_back(key, values.next());
        }
        store->put_batch(pairs);
      });
      results_.back().ops_per_s *= 100;
      results_.back().cpu_us_per_op /= 100;
    }
    fs::remove_all(directory_ + "/fillbatch");
  }

  void read_random(const std::string& name, Store& store, int threads, std::uint64_t operations, bool missing) {
    if (!wanted(name)) return;
    std::vector<std::mt19937_64> randoms;
    std::vector<std::string> buffers(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t) randoms.emplace_back(config_.seed + 100 + static_cast<std::uint64_t>(t));
    std::atomic<std::uint64_t> found{0};
    timed(name, operations, threads, [&](int t, std::uint64_t) {
      const auto index = static_cast<std::size_t>(t);
      Key key(randoms[index]() % config_.entries);
      if (missing) key.text[15] = 'x';
      if (store.get(key, buffers[index])) found.fetch_add(1, std::memory_order_relaxed);
    });
    if (missing != (found == 0)) fail(name + ": found " + std::to_string(found));
  }

  void scans(Store& store) {
    for (const bool reverse : {false, true}) {
      const std::string name = reverse ? "seekrandom_reverse" : "seekrandom";
      if (!wanted(name)) continue;
      std::mt19937_64 random(config_.seed + 7);
      timed(name, config_.scans, 1, [&](int, std::uint64_t) { store.scan(Key(random() % config_.entries), 50, reverse); });
    }
  }

  /// One reader, and one writer at a fixed 20,000 puts a second, for a fixed time.
  void read_while_writing(Store& store) {
    if (!wanted("readwhilewriting")) return;
    constexpr double kRate = 20'000;
    std::atomic<bool> stop{false};
    double achieved = 0;  // writes a second
    std::thread writer([&] {
      std::mt19937_64 random(config_.seed + 8);
      Values values(config_.seed + 8);
      const double start = now_s();
      std::uint64_t written = 0;
      while (!stop) {
        const auto due = static_cast<std::uint64_t>((now_s() - start) * kRate);
        if (written >= due) {
          std::this_thread::sleep_for(std::chrono::microseconds(200));
          continue;
        }
        store.put(Key(random() % config_.entries), values.next(), false);
        ++written;
      }
      achieved = static_cast<double>(written) / (now_s() - start);
    });
    std::mt19937_64 random(config_.seed + 9);
    std::string buffer;
    Histogram latencies;
    const double cpu = cpu_s();
    const double begin = now_s();
    const double end = begin + static_cast<double>(config_.mixed_seconds);
    double now = begin;
    while (now < end) {
      store.get(Key(random() % config_.entries), buffer);
      const double before = std::exchange(now, now_s());
      latencies.add((now - before) * 1e6);
    }
    const double cpu_used = cpu_s() - cpu;
    stop = true;
    writer.join();
    // An engine whose writer falls behind would read faster for it.
    if (achieved < 0.95 * kRate) {
      std::cerr << "bench_kv: " << engine_ << " has no result of readwhilewriting: it put only " << achieved << " a second\n";
      return;
    }
    const auto done = static_cast<double>(latencies.count());
    results_.push_back({"readwhilewriting", done / (now - begin), cpu_used * 1e6 / done, latencies.percentile(0.99), 0});
  }

  void read_workloads() {
    {
      const auto store = open("main");
      std::string buffer;
      for (std::uint64_t i = 0; i < config_.entries; ++i) store->get(Key(i), buffer);  // warm
      read_random("readrandom", *store, 1, config_.reads, false);
      read_random("readrandom_2threads", *store, 2, config_.reads, false);
      read_random("readmissing", *store, 1, config_.reads, true);
      scans(*store);
      read_while_writing(*store);
    }
    const auto store = open("main", config_.entries * 116 / 10);
    read_random("readrandom_small_cache", *store, 1, config_.reads / 4, false);
  }

  void sync_workloads() {
    for (const int threads : {1, 8}) {
      const std::string name = "fillsync_" + std::to_string(threads);
      if (!wanted(name)) continue;
      const auto store = open(name);
      std::vector<std::mt19937_64> randoms;
      for (int t = 0; t < threads; ++t) randoms.emplace_back(config_.seed + 200 + static_cast<std::uint64_t>(t));
      const std::string value(Values(config_.seed).next());
      timed(name, config_.sync_puts * static_cast<std::uint64_t>(threads), threads, [&](int t, std::uint64_t) {
        store->put(Key(randoms[static_cast<std::size_t>(t)]() % config_.entries), value, true);
      });
      if (const double syncs = store->log_syncs(); syncs > 0) {
        const double puts = static_cast<double>(config_.sync_puts) * threads;
        results_.push_back({name + "_puts_per_sync", 0, 0, 0, puts / syncs});
      }
      fs::remove_all(directory_ + "/" + name);
    }
  }

  /// Bytes written by the process (log and tables) for each byte put, over four times the entries.
  void write_amplification() {
    if (std::find(only_.begin(), only_.end(), "write_amplification") == only_.end()) return;  // long: only when asked for
    const auto store = open("amplification");
    Values values(config_.seed);
    std::mt19937_64 random(config_.seed);
    const std::uint64_t before = disk_writes();
    for (std::uint64_t i = 0; i < 4 * config_.entries; ++i) store->put(Key(random() % config_.entries), values.next(), false);
    store->settle();
    results_.push_back({"write_amplification", 0, 0, 0,
                        static_cast<double>(disk_writes() - before) / static_cast<double>(4 * config_.entries * 116)});
  }

  std::vector<Measurement> sustained() const {
    const auto store = open("sustained");
    const SustainedResult result = run_sustained(engine_, *store, {config_.entries, config_.sustained_seconds, config_.seed});
    std::vector<Measurement> results{{"sustained", result.ops_per_s, result.cpu_us_per_op, result.p99_us, 0},
                                     {"sustained_longest_stall_ms", 0, 0, 0, result.longest_stall_ms},
                                     {"sustained_slowest_put_ms", 0, 0, 0, result.slowest_put_ms}};
    if (result.own_stalls_known) results.push_back({"sustained_longest_own_stall_ms", 0, 0, 0, result.longest_own_stall_ms});
    return results;
  }

  /// A process that is killed with its log full; then the time to open.
  void reopen() {
    if (!wanted("reopen_ms")) return;
    constexpr int kReopenPuts = 400'000;
    const pid_t child = fork();
    if (child == 0) {
      Values values(config_.seed);
      std::mt19937_64 random(config_.seed);
      auto* const store = open("reopen").release();
      for (int i = 0; i < kReopenPuts; ++i) store->put(Key(random() % config_.entries), values.next(), false);
      kill(getpid(), SIGKILL);
    }
    int state = 0;
    waitpid(child, &state, 0);
    if (!WIFSIGNALED(state)) fail("the writer of reopen ended by itself");
    const double start = now_s();
    const auto store = open("reopen");
    results_.push_back({"reopen_ms", 0, 0, 0, (now_s() - start) * 1e3});
    std::mt19937_64 random(config_.seed);
    Values values(config_.seed);
    std::string value;
    for (int i = 0; i < kReopenPuts; ++i) {
      const std::string_view expected = values.next();
      const bool found = store->get(Key(random() % config_.entries), value);
      const bool last = i == kReopenPuts - 1;
      if (!found || (last && value != expected)) fail("a put that had returned did not survive kill -9");
    }
  }

  std::string engine_;
  std::string directory_;
  WorkloadConfig config_;
  std::vector<std::string> only_;
  std::vector<Measurement> results_;
};

}  // namespace

const std::vector<std::string>& workload_names() {
  static const std::vector<std::string> names{"fillseq",
                                              "fillrandom",
                                              "overwrite",
                                              "fillbatch",
                                              "readrandom",
                                              "readrandom_2threads",
                                              "readmissing",
                                              "seekrandom",
                                              "seekrandom_reverse",
                                              "readwhilewriting",
                                              "readrandom_small_cache",
                                              "fillsync_1",
                                              "fillsync_8",
                                              "write_amplification",
                                              "reopen_ms",
                                              "sustained"};
  return names;
}

std::vector<Measurement> run_workloads(const std::string& engine, const std::string& directory, const WorkloadConfig& config,
                                       const std::vector<std::string>& only) {
  return Runner(engine, directory, config, only).run();
}

}  // namespace bench
