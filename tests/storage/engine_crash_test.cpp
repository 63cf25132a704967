// Power loss and kill at every file operation, and at random ones.
#include "base/rt/rt.hpp"
#include "storage/crash_harness.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

/// Runs the load, crashing at the n-th mutation (0: never); then recovers, checks, goes on, and checks again. Mutations made.
std::uint64_t crash_run(std::uint64_t seed, std::uint64_t crash_at, int batches, EntryLoss loss, bool mapped) {
  CAPTURE(seed, crash_at, mapped);
  CrashHarness run(seed, mapped);
  FileFaults faults;
  faults.entry_loss = loss;
  run.fs().set_faults(faults);
  run.fs().crash_at(crash_at);
  Status status = run.open();
  if (status) status = run.write_load(batches);
  const std::uint64_t mutations = run.fs().mutations();
  INFO(status.to_string());
  CHECK((status.is_ok() || run.fs().crashed()));
  run.fs().crash();
  run.drop_engine();
  run.fs().reboot();
  run.fs().crash_at(0);
  status = run.open();
  INFO(status.to_string());
  REQUIRE(status);
  run.check(true);
  if (run.random().one_in(3)) {
    // What recovery shows is durable.
    run.fs().crash();
    run.drop_engine();
    run.fs().reboot();
    REQUIRE(run.open());
    run.check(true);
  }
  REQUIRE(run.write_load(20));
  run.check_live();
  run.drop_engine();
  const Status reopened = run.open();
  INFO(reopened.to_string());
  REQUIRE(reopened);
  run.check(false);
  return mutations;
}

/// After a crash or a kill.
void check_reopened(CrashHarness& run, bool power_loss) {
  run.drop_engine();
  run.fs().reboot();
  const Status status = run.open();
  INFO(status.to_string());
  REQUIRE(status);
  run.check(power_loss);
}

}  // namespace

TEST_CASE("No acknowledged write is lost, and none is there in part, after power loss at any file operation") {
  const EntryLoss loss = GENERATE(EntryLoss::kPrefix, EntryLoss::kAny);
  const bool mapped = loss == EntryLoss::kPrefix;  // engine_power_test.cpp has every combination
  constexpr int kBatches = 120;
  const std::uint64_t mutations = crash_run(7, 0, kBatches, loss, mapped);
  CHECK(mutations > 100);
  for (std::uint64_t n = 1; n <= mutations; n += kPlaceStep) crash_run(7, n, kBatches, loss, mapped);
}

TEST_CASE("Random crashes of longer loads lose nothing") {
  const char* seed_text = std::getenv("LDB_CRASH_SEED");
  const char* runs_text = std::getenv("LDB_CRASH_RUNS");
  const std::uint64_t first = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1000;
  const std::uint64_t runs = runs_text != nullptr ? std::strtoull(runs_text, nullptr, 10) : 40;
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    Random random(seed);
    crash_run(seed, 1 + random.below(1500), 400, random.one_in(2) ? EntryLoss::kPrefix : EntryLoss::kAny, seed % 2 == 0);
  }
}

TEST_CASE("Crashes and kills lose nothing of a log that is mapped piece by piece") {
  rt::Atomic<int> given_back{0};
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    CrashHarness run(seed, true);
    run.use_long_segments();
    run.fs().set_observer([&](std::string_view event) {
      if (event == "file_mapping_given_back") given_back.fetch_add(1);
    });
    REQUIRE(run.open());
    for (int round = 0; round < 3; ++round) {
      CAPTURE(round);
      // More than a segment, then into the middle of one.
      REQUIRE(run.write_load(1500 + static_cast<int>(run.random().below(2000)), round == 1));
      const bool power_loss = run.random().one_in(2);
      if (power_loss) {
        run.fs().crash();
      } else {
        run.fs().kill();
      }
      check_reopened(run, power_loss);
    }
  }
  CHECK(given_back.load() > 20);
}

TEST_CASE("kill -9 loses only what was written without a sync policy") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    CrashHarness run(seed);
    REQUIRE(run.open());
    for (int round = 0; round < 4; ++round) {
      REQUIRE(run.write_load(60));
      run.fs().kill();
      check_reopened(run, false);
    }
  }
}

TEST_CASE("Repeated crashes, also during recovery, lose nothing") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    CrashHarness run(seed);
    for (int round = 0; round < 12; ++round) {
      CAPTURE(round);
      run.fs().crash_at(run.fs().mutations() + 1 + run.random().below(round % 2 == 0 ? 150 : 25));
      if (run.open()) {
        run.fs().crash_at(0);
        if (!run.fs().crashed()) {
          run.check(true);
          run.fs().crash_at(run.fs().mutations() + 1 + run.random().below(100));
          (void)run.write_load(100);
        }
      }
      run.fs().crash();
      run.drop_engine();
      run.fs().reboot();
    }
    run.fs().crash_at(0);
    const Status status = run.open();
    INFO(status.to_string());
    REQUIRE(status);
    run.check(true);
  }
}
