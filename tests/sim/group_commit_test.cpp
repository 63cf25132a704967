// How many commits a sync serves, in simulated time.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/sim.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::sim {
namespace {

const NodeId kMachine{"machine"};
constexpr std::int64_t kSyncNs = 5 * rt::kMillisecond;  // long beside what threads do in between
constexpr int kPuts = 200;

struct Synced {
  double puts_per_sync = 0;
  double syncs_long = 0;  ///< how long all took, in syncs
};

double log_syncs(StorageEngine& engine) {
  for (const EngineProperty& property : engine.properties())
    if (property.name == "log_syncs") return std::stod(property.value);
  return 0;
}

/// `writers` threads that put synced, one after the other, with a pause of `think_ns` in between.
Synced put_synced(World& world, StorageEngine& engine, int writers, std::int64_t think_ns = 0) {
  const double syncs = log_syncs(engine);
  const std::int64_t start = rt::monotonic_ns();
  std::vector<Thread> threads;
  for (int w = 0; w < writers; ++w) {
    threads.push_back(world.spawn(kMachine, "writer", [&, w] {
      for (int n = 0; n < kPuts; ++n) {
        WriteBatch batch;
        batch.put("key" + std::to_string(w), std::to_string(n));
        world.check(engine.write(std::move(batch), SyncPolicy::kSync).is_ok(), "put");
        if (think_ns > 0) rt::sleep_for(think_ns);
      }
    }));
  }
  threads.clear();
  const auto puts = static_cast<double>(writers * kPuts);
  return {puts / (log_syncs(engine) - syncs), static_cast<double>(rt::monotonic_ns() - start) / kSyncNs};
}

}  // namespace

TEST_CASE("A sync serves all who write, and nobody waits long for writers who do not come") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    Options options;
    options.seed = seed;
    Synced eight, two, one, thinking;
    const auto outcome = run(options, [&](World& world) {
      FileFaults faults;
      faults.sync_ns = kSyncNs;
      world.file_system(kMachine).set_faults(faults);
      EngineOptions engine_options;
      engine_options.file_system = &world.file_system(kMachine);
      std::unique_ptr<StorageEngine> engine;
      world.run_on(kMachine, [&] { engine = open_lsm_engine("/data", engine_options).value(); });
      eight = put_synced(world, *engine, 8);
      two = put_synced(world, *engine, 2);
      one = put_synced(world, *engine, 1);
      thinking = put_synced(world, *engine, 4, 10 * kSyncNs);
      world.check(engine->close().is_ok(), "close");
    });
    REQUIRE(outcome.failure == "");
    CHECK(eight.puts_per_sync > 6);
    CHECK(two.puts_per_sync > 1.5);
    CHECK(one.syncs_long < 1.05 * kPuts);
    CHECK(thinking.syncs_long < 1.05 * 11 * kPuts);
  }
}

}  // namespace ldb::sim
