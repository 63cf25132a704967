// The storage engine, its threads included, on a simulated machine that loses power under load.
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/sim.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::sim {
namespace {

constexpr int kWriters = 3;
const NodeId kMachine{"machine"};

EngineOptions small_engine(World& world) {
  EngineOptions options;
  options.file_system = &world.file_system(kMachine);
  options.memtable_bytes = 16 << 10;
  options.log_segment_bytes = 64 << 10;
  options.max_log_bytes = 256 << 10;
  return options;
}

std::unique_ptr<StorageEngine> open_engine(World& world) {
  ldb::Result<std::unique_ptr<StorageEngine>> engine = Status(StatusCode::kInternal, "not opened");
  world.run_on(kMachine, [&] { engine = open_lsm_engine("/data", small_engine(world)); });
  if (!engine) world.fail("open: " + engine.error().to_string());
  return std::move(engine).value();
}

/// What one writer knows: transfers 1..acknowledged are durable; attempted is one more when the last had no answer.
struct Progress {
  int acknowledged = 0;
  int attempted = 0;
};

/// Each write sets two keys of its writer to the same number, padded so that memtables fill.
void write_until_crash(World& world, StorageEngine& engine, int writer, Progress& progress) {
  for (;;) {
    const int n = ++progress.attempted;
    WriteBatch batch;
    const std::string value = std::to_string(n);
    batch.put("left" + std::to_string(writer), value);
    batch.put("right" + std::to_string(writer), value);
    batch.put("pad" + std::to_string(writer) + "/" + std::to_string(n % 20), std::string(world.random_below(600), 'p'));
    if (!engine.throttle() || !engine.write(std::move(batch), SyncPolicy::kSync)) return;
    progress.acknowledged = n;
  }
}

int read_number(World& world, StorageEngine& engine, const std::string& key) {
  const auto value = engine.get(nullptr, key);
  if (!value) world.fail("get " + key + ": " + value.error().to_string());
  return *value ? std::stoi(**value) : 0;
}

void check_after_crash(World& world, StorageEngine& engine, std::vector<Progress>& writers) {
  for (int w = 0; w < kWriters; ++w) {
    const int left = read_number(world, engine, "left" + std::to_string(w));
    const int right = read_number(world, engine, "right" + std::to_string(w));
    Progress& progress = writers[static_cast<std::size_t>(w)];
    world.check(left == right, "a batch is there in part");
    world.check(left >= progress.acknowledged, "an acknowledged write is lost");
    world.check(left <= progress.attempted, "a write was invented");
    progress.acknowledged = progress.attempted = left;
  }
}

void live_and_die(World& world) {
  FaultyFileSystem& disk = world.file_system(kMachine);
  FileFaults faults;
  faults.sync_ns = 1 * rt::kMillisecond;
  faults.slow_sync = 0.01;
  faults.entry_loss = world.chance(0.5) ? EntryLoss::kAny : EntryLoss::kPrefix;
  disk.set_faults(faults);
  std::vector<Progress> writers(kWriters);
  for (int life = 0; life < 4; ++life) {
    auto engine = open_engine(world);
    check_after_crash(world, *engine, writers);
    std::vector<Thread> threads;
    for (int w = 0; w < kWriters; ++w)
      threads.push_back(world.spawn(kMachine, "writer",
                                    [&, w] { write_until_crash(world, *engine, w, writers[static_cast<std::size_t>(w)]); }));
    if (world.chance(0.5)) {
      world.sleep_ns(static_cast<std::int64_t>(world.random_below(500 * rt::kMillisecond)));
      world.crash(kMachine);
    } else {
      disk.crash_at(disk.mutations() + 1 + world.random_below(600));
    }
    threads.clear();
    static_cast<void>(engine->close());
    engine.reset();
    world.reboot(kMachine);
  }
  auto engine = open_engine(world);
  check_after_crash(world, *engine, writers);
  for (const Progress& progress : writers) world.count("writes", static_cast<std::uint64_t>(progress.acknowledged));
  world.check(engine->close().is_ok(), "close");
}

}  // namespace

TEST_CASE("An engine that loses power under load keeps what it acknowledged, whatever the interleaving") {
  std::map<std::string, std::uint64_t, std::less<>> totals;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    Options options;
    options.seed = seed;
    options.max_steps = 20'000'000;
    const Outcome outcome = run(options, live_and_die);
    REQUIRE(outcome.failure == "");
    for (const auto& [name, n] : outcome.counters) totals[name] += n;
    if (seed <= 3) CHECK(run(options, live_and_die).trace_hash == outcome.trace_hash);
  }
  for (const char* name : {"writes", "fault.crash", "fault.file_crash", "fault.file_lost_write", "fault.file_kept_write",
                           "fault.file_torn_write", "fault.file_lost_entry", "fault.file_kept_entry", "fault.file_slow_sync"}) {
    CAPTURE(name);
    CHECK(totals[name] > 0);
  }
}

}  // namespace ldb::sim
