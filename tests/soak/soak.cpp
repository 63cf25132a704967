// The storage engine through hours of simulated life: writers that think between writes, snapshots held for minutes, ingestions,
// checkpoints, compactions, slow syncs, and a power loss or a kill at the end of each life.
// Prints what happened and the simulated hours; fails with the seed that shows a lost, torn, invented or changed write, a key
// that does not hold what the writes that are there have left in it, a commit that the change log repeats or leaves out, or an
// engine that refuses something while its machine is well.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ldb/bulk_load.hpp"
#include "ldb/sim.hpp"
#include "ldb/storage_engine.hpp"
#include "writer_model.hpp"

namespace {

using namespace ldb;
using namespace soak;
using sim::World;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kWriters = 3;
constexpr int kRunKeys = 50;
constexpr int kPadKeys = 400;  // of each writer
const NodeId kMachine{"machine"};

/// How far the change log has been read, over all lives.
struct Tail {
  LogPosition next;
  std::vector<int> seen = std::vector<int>(kWriters);  ///< the last number of each writer
};

struct Life {
  World& world;
  StorageEngine& engine;
  std::vector<WriterModel>& writers;
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

FileFaults disk_faults() {
  FileFaults faults;
  faults.sync_ns = 2'000'000;
  faults.slow_sync = 0.01;
  return faults;
}

std::unique_ptr<StorageEngine> open(World& world, const std::string& directory) {
  Result<std::unique_ptr<StorageEngine>> engine = Status(StatusCode::kInternal, "not opened");
  world.run_on(kMachine, [&] { engine = open_lsm_engine(directory, options_for(world)); });
  if (!engine) world.fail("open " + directory + ": " + engine.error().to_string());
  return std::move(engine).value();
}

std::string padded(int n) { return std::to_string(100000 + n); }

std::string pad_key(int writer, std::uint64_t n) { return "pad" + std::to_string(writer) + "/" + padded(static_cast<int>(n)); }

/// Each write sets two keys of its writer to the same number, and others that come and go.
void write(Life& life, int writer) {
  WriterModel& model = life.writers[static_cast<std::size_t>(writer)];
  const std::string own = std::to_string(writer);
  World& world = life.world;
  while (!life.over) {
    const int n = ++model.progress.attempted;
    WriteBatch batch;
    batch.put("left" + own, std::to_string(n));
    const std::uint64_t dice = world.random_below(20);
    if (dice < 15) {
      // An older value of the key must not pass for this one.
      const std::string value = std::to_string(n) + std::string(world.random_below(700), 'p');
      model.put(batch, pad_key(writer, world.random_below(kPadKeys)), value);
    }
    if (dice == 15) model.erase(batch, pad_key(writer, world.random_below(kPadKeys)));
    if (dice == 16) model.erase_range(batch, pad_key(writer, 50), pad_key(writer, 60 + world.random_below(100)));
    batch.put("right" + own, std::to_string(n));
    batch.set_commit(own + ":" + std::to_string(n));
    const std::uint64_t sync = world.random_below(10);
    const SyncPolicy policy = sync < 4 ? SyncPolicy::kSync : (sync < 8 ? SyncPolicy::kOs : SyncPolicy::kNone);
    if (!life.went_on(life.engine.write(std::move(batch), policy).error(), "a write")) return;
    model.progress.returned = n;
    if (policy != SyncPolicy::kNone) model.progress.handed_over = n;
    if (policy == SyncPolicy::kSync) model.progress.acknowledged = n;
    world.count(policy == SyncPolicy::kSync ? "writes" : "writes_unsynced");
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
    life.runs.acknowledged = life.runs.handed_over = life.runs.returned = n;
    life.world.count("ingestions");
  }
}

Pairs scan(World& world, StorageEngine& engine, const ReadView* view, Status& status) {
  Pairs result;
  auto it = engine.iterate(view, {});
  if (!it) return status = it.error(), result;
  for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) {
    const std::string key((*it)->key());
    world.check(result.empty() || result.rbegin()->first < key, "scan: keys out of order");
    result.emplace_hint(result.end(), key, (*it)->value());
  }
  if ((*it)->status().code() == StatusCode::kCorruption) world.fail("scan: " + (*it)->status().to_string());
  status = (*it)->status();
  return result;
}

/// What a state shows: of each writer and of the runs the last number.
using Numbers = std::vector<int>;

int number_in(const Pairs& state, const std::string& key) {
  const auto entry = state.find(key);
  return entry == state.end() ? 0 : std::stoi(entry->second);
}

/// Whether a state is whole, and each key that comes and goes holds what the last write in it left there.
Numbers check_state(World& world, const Pairs& state, const std::vector<WriterModel>& writers, const std::string& where) {
  Numbers numbers;
  Pairs expected;
  for (int w = 0; w < kWriters; ++w) {
    const WriterModel& model = writers[static_cast<std::size_t>(w)];
    const int left = number_in(state, "left" + std::to_string(w));
    world.check(left == number_in(state, "right" + std::to_string(w)), where + " shows a batch in part");
    world.check(left <= model.progress.attempted, where + " shows an invented write");
    world.check(left >= model.settled_at(), where + " has lost what an earlier life showed");
    expected.merge(model.after(left));
    numbers.push_back(left);
  }
  const Pairs pads(state.lower_bound("pad"), state.lower_bound("pae"));
  for (const auto& [key, value] : expected) {
    const auto found = pads.find(key);
    if (found == pads.end()) world.fail(where + " has lost " + key);
    world.check(found->second == value, where + " shows another value of " + key);
  }
  for (const auto& [key, value] : pads) world.check(expected.contains(key), where + " shows " + key + ", which was deleted");
  numbers.push_back(number_in(state, "run" + padded(0)));
  for (int i = 1; i < kRunKeys; ++i)
    world.check(number_in(state, "run" + padded(i)) == numbers.back(), where + " shows a run in part");
  return numbers;
}

/// What must be visible from now on.
Numbers returned(const Life& life) {
  Numbers numbers;
  for (const WriterModel& model : life.writers) numbers.push_back(model.progress.returned);
  numbers.push_back(life.runs.returned);
  return numbers;
}

void check_not_older(World& world, const Numbers& found, const Numbers& least, const std::string& where) {
  for (std::size_t i = 0; i < least.size(); ++i) world.check(found[i] >= least[i], where + " is older than what had returned");
}

void hold_snapshots(Life& life) {
  while (!life.over) {
    const Numbers least = returned(life);
    const auto view = life.engine.view();
    Status status;
    const auto before = scan(life.world, life.engine, view.get(), status);
    if (!life.went_on(status, "a scan")) return;
    check_not_older(life.world, check_state(life.world, before, life.writers, "a snapshot"), least, "a snapshot");
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
    const Numbers least = returned(life);
    if (!life.went_on(life.engine.checkpoint(copy), "a checkpoint")) return;
    {
      Result<std::unique_ptr<StorageEngine>> opened = open_lsm_engine(copy, options_for(life.world));
      if (!life.went_on(opened.error(), "opening a checkpoint")) return;
      Status status;
      const auto content = scan(life.world, **opened, nullptr, status);
      if (!life.went_on(status, "a scan of a checkpoint")) return;
      check_not_older(life.world, check_state(life.world, content, life.writers, "a checkpoint"), least, "a checkpoint");
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

/// How a life ended, which says what may be missing afterwards.
enum class End : std::uint8_t { kClosed, kKilled, kPowerLoss };

void judge(World& world, const Progress& progress, End end, int found, const char* what) {
  const int least = end == End::kClosed ? progress.returned : end == End::kKilled ? progress.handed_over : progress.acknowledged;
  world.check(found >= least, std::string("lost: ") + what);
  world.check(found <= progress.attempted, std::string("invented: ") + what);
}

/// Point reads find what scans do, and nothing that is deleted.
void check_point_reads(World& world, StorageEngine& engine, const Pairs& state) {
  std::vector<std::string> keys;
  for (int w = 0; w < kWriters; ++w) {
    for (const char* name : {"left", "right"}) keys.push_back(name + std::to_string(w));
    for (std::uint64_t n = 0; n < kPadKeys; ++n) keys.push_back(pad_key(w, n));
  }
  const std::vector<std::string_view> wanted(keys.begin(), keys.end());
  const auto found = engine.multi_get(nullptr, wanted);
  if (!found) world.fail("multi_get: " + found.error().to_string());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto entry = state.find(keys[i]);
    const auto expected = entry == state.end() ? std::nullopt : std::optional<std::string>(entry->second);
    world.check((*found)[i] == expected, "multi_get and a scan differ at " + keys[i]);
    if (i % 16 != 0) continue;
    const auto alone = engine.get(nullptr, keys[i]);
    if (!alone) world.fail("get " + keys[i] + ": " + alone.error().to_string());
    world.check(*alone == expected, "get and a scan differ at " + keys[i]);
  }
}

struct Memory {
  std::vector<WriterModel> writers = std::vector<WriterModel>(kWriters);
  Progress runs;
  Tail tail;
};

void check_recovered(World& world, StorageEngine& engine, Memory& memory, End end) {
  Status status = read_changes(world, engine, memory.tail);
  world.check(status.is_ok(), "reading the change log of a new life: " + status.to_string());
  const Pairs state = scan(world, engine, nullptr, status);
  world.check(status.is_ok(), "a scan in a new life: " + status.to_string());
  const Numbers found = check_state(world, state, memory.writers, "a new life");
  for (std::size_t w = 0; w < kWriters; ++w) {
    judge(world, memory.writers[w].progress, end, found[w], "a write");
    world.check(memory.tail.seen[w] == found[w], "the change log does not end with the last write");
    memory.writers[w].settle(found[w]);
  }
  judge(world, memory.runs, end, found.back(), "a run");
  memory.runs.settle(found.back());
  check_point_reads(world, engine, state);
}

template <class Kind, std::size_t kCount>
Kind draw(World& world, const std::pair<Kind, const char*> (&kinds)[kCount], std::string& name) {
  const auto& [kind, kind_name] = kinds[world.random_below(kCount)];
  name = kind_name;
  return kind;
}

constexpr std::pair<WriteLoss, const char*> kWriteLosses[] = {{WriteLoss::kRandom, "writes_lost_at_random"},
                                                              {WriteLoss::kAll, "writes_lost_all"},
                                                              {WriteLoss::kNone, "writes_lost_none"},
                                                              {WriteLoss::kTorn, "writes_torn"}};
constexpr std::pair<EntryLoss, const char*> kEntryLosses[] = {{EntryLoss::kPrefix, "entries_lost_behind_some"},
                                                              {EntryLoss::kAny, "entries_lost_any"},
                                                              {EntryLoss::kAll, "entries_lost_all"}};

void lose_power(World& world) {
  FaultyFileSystem& disk = world.file_system(kMachine);
  std::string writes;
  std::string entries;
  FileFaults faults = disk_faults();
  faults.write_loss = draw(world, kWriteLosses, writes);
  faults.entry_loss = draw(world, kEntryLosses, entries);
  disk.set_faults(faults);
  if (world.chance(0.5)) {
    world.crash(kMachine);
  } else {
    // In the middle of some file operation.
    disk.crash_at(disk.mutations() + 1 + world.random_below(200));
    world.sleep_ns(60 * kSecond);
    if (!world.crashed(kMachine)) world.crash(kMachine);
  }
  world.count("power_losses");
  world.count(writes);
  world.count(entries);
}

/// Everybody works on the engine until it ends as asked.
void live_once(World& world, StorageEngine& engine, Memory& memory, End end) {
  Life life{world, engine, memory.writers, memory.runs, memory.tail};
  std::vector<sim::Thread> threads;
  for (int w = 0; w < kWriters; ++w) threads.push_back(world.spawn(kMachine, "writer", [&life, w] { write(life, w); }));
  for (int s = 0; s < 2; ++s) threads.push_back(world.spawn(kMachine, "snapshot", [&life] { hold_snapshots(life); }));
  threads.push_back(world.spawn(kMachine, "ingest", [&life] { ingest(life); }));
  threads.push_back(world.spawn(kMachine, "house", [&life] { keep_house(life); }));
  threads.push_back(world.spawn(kMachine, "log", [&life] { follow_log(life); }));
  world.sleep_ns(static_cast<std::int64_t>((60 + world.random_below(1800)) * kSecond));
  if (end == End::kPowerLoss) lose_power(world);
  if (end == End::kKilled) world.kill(kMachine);
  if (end != End::kPowerLoss) world.count(end == End::kKilled ? "kills" : "closings");
  life.over = true;
}

void live_and_die(World& world, int lives) {
  FaultyFileSystem& disk = world.file_system(kMachine);
  disk.set_faults(disk_faults());
  disk.set_mappings(world.chance(0.5));
  Memory memory;
  auto engine = open(world, "/data");
  for (int n = 0; n < lives; ++n) {
    const std::uint64_t dice = world.random_below(5);
    const End end = dice == 0 ? End::kClosed : (dice == 1 ? End::kKilled : End::kPowerLoss);
    live_once(world, *engine, memory, end);
    const Status closed = engine->close();
    world.check(closed.is_ok() || end != End::kClosed, "close: " + closed.to_string());
    engine.reset();
    if (end != End::kClosed) world.reboot(kMachine);
    engine = open(world, "/data");
    check_recovered(world, *engine, memory, end);
  }
  world.check(engine->close().is_ok(), "close");
}

/// Names what a run of many lives should have done and did not; empty: nothing.
std::string never_done(const std::map<std::string, std::uint64_t>& totals) {
  std::vector<std::string> wanted{"checkpoints", "closings",     "commits",   "compactions", "flushes",        "ingestions",
                                  "kills",       "power_losses", "snapshots", "writes",      "writes_unsynced"};
  for (const auto& [kind, name] : kWriteLosses) wanted.emplace_back(name);
  for (const auto& [kind, name] : kEntryLosses) wanted.emplace_back(name);
  std::string names;
  for (const std::string& name : wanted) {
    if (!totals.contains(name)) names += (names.empty() ? "" : ", ") + name;
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
  app.add_option("--lives", lives, "of each, between one opening and the next")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
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
  // So many that each kind of loss has surely been drawn.
  constexpr std::uint64_t kManyLives = 40;
  const std::uint64_t all_lives = (seed - first) * static_cast<std::uint64_t>(lives);
  if (const std::string names = never_done(totals); !names.empty() && all_lives >= kManyLives) {
    std::fprintf(stderr, "soak: never happened: %s\n", names.c_str());
    return 1;
  }
  return seed == first ? 1 : 0;
}
