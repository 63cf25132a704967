// Who gives the log back beside flushes, under many schedules.
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "base/rt/rt.hpp"
#include "ldb/sim.hpp"
#include "ldb/storage_engine.hpp"
#include "storage/manifest/manifest.hpp"

namespace ldb::sim {
namespace {

const NodeId kMachine{"machine"};

/// Writes and flushes while readers give back what they read, as fast as they can.
void write_and_release(World& world, StorageEngine& engine) {
  bool stop = false;
  auto reader = world.spawn(kMachine, "reader", [&] {
    while (!stop) {
      const LogPosition read = engine.log_end();
      rt::sleep_for(static_cast<std::int64_t>(world.random_below(60)) * rt::kMillisecond);  // reads it, behind some flushes
      engine.release_log(read);
    }
  });
  for (int i = 0; i < 3000; ++i) {
    WriteBatch batch;
    batch.put("key" + std::to_string(i % 100), std::string(100, 'v'));
    batch.set_commit("commit");
    world.check(engine.write(std::move(batch), i % 10 == 0 ? SyncPolicy::kSync : SyncPolicy::kOs).is_ok(), "put");
  }
  stop = true;
  reader.join();
}

}  // namespace

TEST_CASE("The beginning of the log that edits name never moves back") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Options options;
    options.seed = seed;
    LogPosition last;
    int edits = 0;
    int back = 0;
    const auto outcome = run(options, [&](World& world) {
      FaultyFileSystem& fs = world.file_system(kMachine);
      FileFaults faults;
      faults.sync_ns = 5 * rt::kMillisecond;  // while one edit is synced another one waits with what it found before
      fs.set_faults(faults);
      EngineOptions engine_options;
      engine_options.file_system = &fs;
      engine_options.memtable_bytes = 16 << 10;
      engine_options.log_segment_bytes = 16 << 10;
      engine_options.background_threads = 4;
      world.run_on(kMachine, [&] {
        auto engine = open_lsm_engine("/data", engine_options).value();
        write_and_release(world, *engine);
        world.check(engine->close().is_ok(), "close");
      });
      const std::uint64_t number = storage::read_current(fs, "/data").value();
      const auto state = storage::walk_manifest(fs, "/data", number, nullptr, [&](auto, auto, const storage::VersionEdit* edit) {
        if (edit == nullptr || !edit->log_begin) return;
        if (*edit->log_begin < last) ++back;
        last = *edit->log_begin;
        ++edits;
      });
      world.check(state.has_value(), "read the manifest");
    });
    REQUIRE(outcome.failure == "");
    CHECK(back == 0);
    CHECK(edits > 20);
  }
}

}  // namespace ldb::sim
