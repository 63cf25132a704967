// The storage engine through hours of simulated life: writers that think between writes, snapshots held for minutes, ingestions,
// checkpoints, compactions, slow syncs, and a power loss at the end of each life.
// Prints what happened and the simulated hours; fails with the seed that shows a lost, torn, invented or changed write, a commit
// that the change log repeats or leaves out, or an engine that refuses something while its machine is well.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "ldb/bulk_load.hpp"
#include "ldb/sim.hpp"
#include "ldb/storage_engine.hpp"

namespace {

using namespace ldb;
using sim::World;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kWriters = 3;
constexpr int kRunKeys = 50;
const NodeId kMachine{"machine"};

/// What one writer knows: numbers 1..acknowledged are durable; those up to attempted had no answer, or were not synced.
struct Progress {
  int acknowledged = 0;
  int attempted = 0;
};

/// How far the change log has been read, over all lives.
struct Tail {
  LogPosition next;
  std::vector<int> seen = std::vector<int>(kWriters);  ///< the last number of each writer
};

struct Life {
  World& world;
  StorageEngine& engine;
  std::vector<Progress>& writers;
  Progress& runs;
  Tail& tail;
  bool over = false;

  /// False when the machine has died. Otherwise nothing has a reason to fail.
  bool went_on(const Status& status, const char* what) {
    if (status) return true;
    if (!world.crashed(kMachine)) world.fail(std::string("refused: ") + what + ": " + status.to_string());
    return false;
  }

  void pause(std::int64_t up_to_ns) {
    world.sleep_ns(static_cast<std::int64_t>(world.random_below(static_cast<std::uint64_t>(up_to_ns))));
  }
};

EngineOptions options_for(World& world) {
  EngineOptions options;
  options.file_system = &world.file_system(kMachine);
  options.memtable_bytes = 32 << 10;
  options.log_segment_bytes = 64 << 10;
  options.max_log_bytes = 512 << 10;
  options.block_bytes = 1024;
  return options;
}

std::unique_ptr<StorageEngine> open(World& world, const std::string& directory) {
  Result<std::unique_ptr<StorageEngine>> engine = Status(StatusCode::kInternal, "not opened");
  world.run_on(kMachine, [&] { engine = open_lsm_engine(directory, options_for(world)); });
  if (!engine) world.fail("open " + directory + ": " + engine.error().to_string());
  return std::move(engine).value();
}

std::string padded(int n) { return std::to_string(100000 + n); }

/// Each write sets two keys of its writer to the same number, and others that come and go.
void write(Life& life, int writer) {
  Progress& progress = life.writers[static_cast<std::size_t>(writer)];
  const std::string own = std::to_string(writer);
  while (!life.over) {
    const int n = ++progress.attempted;
    WriteBatch batch;
    batch.put("left" + own, std::to_string(n));
    const std::string pad = "pad" + own + "/";
    const std::uint64_t dice = life.world.random_below(20);
    if (dice < 15)
      batch.put(pad + padded(static_cast<int>(life.world.random_below(400))), std::string(life.world.random_below(700), 'p'));
    if (dice == 15) batch.erase(pad + padded(static_cast<int>(life.world.random_below(400))));
    if (dice == 16) batch.erase_range(pad + padded(50), pad + padded(60 + static_cast<int>(life.world.random_below(100))));
    batch.put("right" + own, std::to_string(n));
    batch.set_commit(own + ":" + std::to_string(n));
    const std::uint64_t sync = life.world.random_below(10);
    const SyncPolicy policy = sync < 4 ? SyncPolicy::kSync : (sync < 8 ? SyncPolicy::kOs : SyncPolicy::kNone);
    if (!life.went_on(life.engine.write(std::move(batch), policy).error(), "a write")) return;
    if (policy == SyncPolicy::kSync) progress.acknowledged = n;
    life.world.count(policy == SyncPolicy::kSync ? "writes" : "writes_unsynced");
    life.pause(2 * kSecond);
  }
}

void ingest(Life& life) {
  while (!life.over) {
    life.pause(60 * kSecond);
    if (life.over) return;
    const int n = ++life.runs.attempted;
    SortedPairs::Pairs pairs;
    for (int i = 0; i < kRunKeys; ++i) pairs.emplace_back("run" + padded(i), std::to_string(n));
    SortedPairs source(pairs);
    if (!life.went_on(life.engine.ingest(source).error(), "an ingestion")) return;
    life.runs.acknowledged = n;
    life.world.count("ingestions");
  }
}

std::vector<std::pair<std::string, std::string>> scan(World& world, StorageEngine& engine, const ReadView* view, Status& status) {
  std::vector<std::pair<std::string, std::string>> result;
  auto it = engine.iterate(view, {});
  if (!it) return status = it.error(), result;
  for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) result.emplace_back((*it)->key(), (*it)->value());
  if ((*it)->status().code() == StatusCode::kCorruption) world.fail("scan: " + (*it)->status().to_string());
  status = (*it)->status();
  return result;
}

void hold_snapshots(Life& life) {
  while (!life.over) {
    const auto view = life.engine.view();
    Status status;
    const auto before = scan(life.world, life.engine, view.get(), status);
    if (!life.went_on(status, "a scan")) return;
    std::map<std::string, std::string> state(before.begin(), before.end());
    for (int w = 0; w < kWriters; ++w) {
      life.world.check(state["left" + std::to_string(w)] == state["right" + std::to_string(w)],
                       "a snapshot shows a batch in part");
    }
    for (int i = 0; i < kRunKeys; ++i)
      life.world.check(state["run" + padded(i)] == state["run" + padded(0)], "a snapshot shows a run in part");
    life.pause(300 * kSecond);
    const auto after = scan(life.world, life.engine, view.get(), status);
    if (!life.went_on(status, "a scan")) return;
    life.world.check(before == after, "a snapshot changed while it was open");
    life.world.count("snapshots");
  }
}

void keep_house(Life& life) {
  for (int n = 0; !life.over; ++n) {
    life.pause(120 * kSecond);
    if (life.over) return;
    if (!life.went_on(n % 2 == 0 ? life.engine.compact({}) : life.engine.flush(), "a compaction or flush")) return;
    life.world.count(n % 2 == 0 ? "compactions" : "flushes");
    if (n % 4 != 3) continue;
    const std::string copy = "/copy" + std::to_string(n);
    FileSystem& fs = life.world.file_system(kMachine);
    if (!life.went_on(fs.remove_directory(copy), "removing what a life before left")) return;
    if (!life.went_on(life.engine.checkpoint(copy), "a checkpoint")) return;
    {
      Result<std::unique_ptr<StorageEngine>> opened = open_lsm_engine(copy, options_for(life.world));
      if (!life.went_on(opened.error(), "opening a checkpoint")) return;
      Status status;
      const auto content = scan(life.world, **opened, nullptr, status);
      if (!life.went_on(status, "a scan of a checkpoint")) return;
      life.world.check(!content.empty(), "a checkpoint is empty");
    }
    if (!life.went_on(fs.remove_directory(copy), "removing a checkpoint")) return;
    life.world.count("checkpoints");
  }
}

/// Reads what is new in the change log: of each writer every number once, in order.
Status read_changes(World& world, StorageEngine& engine, Tail& tail) {
  auto reader = engine.changes(tail.next);
  if (!reader) return reader.error();
  for (;;) {
    auto change = (*reader)->next();
    if (!change) return change.error();
    if (!*change) return {};
    const std::string& commit = (*change)->commit;
    const std::size_t colon = commit.find(':');
    world.check(colon != std::string::npos, "a commit that nobody wrote");
    const int number = std::stoi(commit.substr(colon + 1));
    int& seen = tail.seen.at(static_cast<std::size_t>(std::stoi(commit)));
    world.check(number > seen, "the change log repeats a commit");
    world.check(number == seen + 1, "the change log leaves out a commit");
    seen = number;
    tail.next = (*change)->next;
    world.count("commits");
  }
}

void follow_log(Life& life) {
  while (!life.over) {
    if (!life.went_on(read_changes(life.world, life.engine, life.tail), "reading the change log")) return;
    life.engine.release_log(life.tail.next);
    life.pause(30 * kSecond);
  }
}

int number_at(World& world, StorageEngine& engine, const std::string& key) {
  const auto value = engine.get(nullptr, key);
  if (!value) world.fail("get " + key + ": " + value.error().to_string());
  return *value ? std::stoi(**value) : 0;
}

void judge(World& world, Progress& progress, int found, const char* what) {
  world.check(found >= progress.acknowledged, std::string("lost: ") + what);
  world.check(found <= progress.attempted, std::string("invented: ") + what);
  progress.acknowledged = progress.attempted = found;
}

void check_recovered(World& world, StorageEngine& engine, std::vector<Progress>& writers, Progress& runs, Tail& tail) {
  const Status status = read_changes(world, engine, tail);
  world.check(status.is_ok(), "reading the change log of a new life: " + status.to_string());
  for (int w = 0; w < kWriters; ++w) {
    const int left = number_at(world, engine, "left" + std::to_string(w));
    world.check(left == number_at(world, engine, "right" + std::to_string(w)), "a batch is there in part");
    judge(world, writers[static_cast<std::size_t>(w)], left, "a write");
    world.check(tail.seen[static_cast<std::size_t>(w)] == left, "the change log does not end with the last write");
  }
  const int run = number_at(world, engine, "run" + padded(0));
  for (int i = 1; i < kRunKeys; ++i) world.check(number_at(world, engine, "run" + padded(i)) == run, "a run is there in part");
  judge(world, runs, run, "a run");
}

void live_and_die(World& world, int lives) {
  FaultyFileSystem& disk = world.file_system(kMachine);
  FileFaults faults;
  faults.sync_ns = 2'000'000;
  faults.slow_sync = 0.01;
  faults.entry_loss = world.chance(0.5) ? EntryLoss::kAny : EntryLoss::kPrefix;
  disk.set_faults(faults);
  disk.set_mappings(world.chance(0.5));
  std::vector<Progress> writers(kWriters);
  Progress runs;
  Tail tail;
  for (int n = 0; n <= lives; ++n) {
    auto engine = open(world, "/data");
    check_recovered(world, *engine, writers, runs, tail);
    if (n == lives) {
      world.check(engine->close().is_ok(), "close");
      return;
    }
    Life life{world, *engine, writers, runs, tail};
    std::vector<sim::Thread> threads;
    for (int w = 0; w < kWriters; ++w) threads.push_back(world.spawn(kMachine, "writer", [&life, w] { write(life, w); }));
    for (int s = 0; s < 2; ++s) threads.push_back(world.spawn(kMachine, "snapshot", [&life] { hold_snapshots(life); }));
    threads.push_back(world.spawn(kMachine, "ingest", [&life] { ingest(life); }));
    threads.push_back(world.spawn(kMachine, "house", [&life] { keep_house(life); }));
    threads.push_back(world.spawn(kMachine, "log", [&life] { follow_log(life); }));
    world.sleep_ns(static_cast<std::int64_t>((60 + world.random_below(1800)) * kSecond));
    if (world.chance(0.5)) {
      world.crash(kMachine);
    } else {
      // In the middle of some file operation.
      disk.crash_at(disk.mutations() + 1 + world.random_below(200));
      world.sleep_ns(60 * kSecond);
      if (!world.crashed(kMachine)) world.crash(kMachine);
    }
    world.count("crashes");
    life.over = true;
    threads.clear();
    static_cast<void>(engine->close());
    engine.reset();
    world.reboot(kMachine);
  }
}

/// Names what a run of many seeds should have done and did not; empty: nothing.
std::string never_done(const std::map<std::string, std::uint64_t>& totals) {
  std::string names;
  for (const char* name : {"checkpoints", "commits", "compactions", "crashes", "flushes", "ingestions", "snapshots", "writes"}) {
    if (!totals.contains(name)) names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulated life of a storage engine, one seed after the other.");
  std::uint64_t first = 1;
  std::uint64_t count = UINT64_MAX;
  std::uint64_t seconds = 60;
  double least_hours = 0;
  int lives = 4;
  app.add_option("--seed", first, "the first")->capture_default_str();
  auto* const count_option = app.add_option("--count", count, "seeds to run, however long they take");
  auto* const hours_option =
      app.add_option("--hours", least_hours, "until so much simulated time is over")->excludes(count_option);
  app.add_option("--seconds", seconds, "begin no further seed after this time")
      ->capture_default_str()
      ->excludes(count_option)
      ->excludes(hours_option);
  app.add_option("--lives", lives, "reboots of each")->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const auto start = std::chrono::steady_clock::now();
  std::map<std::string, std::uint64_t> totals;
  double hours = 0;
  std::uint64_t seed = first;
  for (; seed - first < count; ++seed) {
    const bool over =
        hours_option->empty() ? std::chrono::steady_clock::now() - start > std::chrono::seconds(seconds) : hours >= least_hours;
    if (count_option->empty() && over) break;
    sim::Options options;
    options.seed = seed;
    options.max_steps = 2'000'000'000;
    const sim::Outcome outcome = sim::run(options, [&](World& world) { live_and_die(world, lives); });
    if (!outcome.ok()) {
      std::fprintf(stderr, "soak: seed %llu failed: %s\n", static_cast<unsigned long long>(seed), outcome.failure.c_str());
      return 1;
    }
    for (const auto& [name, n] : outcome.counters) totals[name] += n;
    hours += static_cast<double>(outcome.virtual_ns) / 3.6e12;
  }
  for (const auto& [name, n] : totals) std::printf("%-28s %llu\n", name.c_str(), static_cast<unsigned long long>(n));
  std::printf("soak: seeds %llu to %llu, %.1f simulated hours\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(seed - 1), hours);
  constexpr std::uint64_t kManySeeds = 5;
  if (const std::string names = never_done(totals); !names.empty() && seed - first >= kManySeeds) {
    std::fprintf(stderr, "soak: never happened: %s\n", names.c_str());
    return 1;
  }
  return seed == first ? 1 : 0;
}
