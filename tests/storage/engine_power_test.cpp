// One script that does everything an engine does, with a power loss, an I/O error or a full disk at every single file operation.
#include <cstdio>

#include "base/rt/rt.hpp"
#include "storage/crash_harness.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

struct Loss {
  WriteLoss writes;
  EntryLoss entries;
};
constexpr Loss kLosses[] = {
    {WriteLoss::kAll, EntryLoss::kAll},      // the disk did nothing that it did not have to
    {WriteLoss::kNone, EntryLoss::kAll},     // contents without names
    {WriteLoss::kAll, EntryLoss::kAny},      // names without contents
    {WriteLoss::kTorn, EntryLoss::kPrefix},  // sectors in any order
    {WriteLoss::kRandom, EntryLoss::kAny},
};

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// How a life ends that is not closed: power is lost at a mutation of the script (0: at its end), or the process is killed after
/// some batches, and what it had not synced is still in the page cache.
struct Ending {
  bool killed;
  std::uint64_t at;
};

void live(CrashHarness& run, const Ending& ending) {
  run.fs().crash_at(ending.killed ? 0 : ending.at);
  Status status = run.open();
  if (status) status = ending.killed ? run.write_load(static_cast<int>(ending.at)) : run.run_script();
  INFO(status.to_string());
  CHECK((status.is_ok() || run.fs().crashed()));
  if (ending.killed)
    run.fs().kill();
  else
    run.fs().crash();
  run.drop_engine();
  run.fs().reboot();
  run.fs().crash_at(0);
}

/// What is there after a recovery, and after more losses of power: what was shown once, and what is written
/// behind the end that was found.
void check_recovered(CrashHarness& run, bool power_loss) {
  const Status status = run.open();
  INFO(status.to_string());
  REQUIRE(status);
  run.check(power_loss);
  for (int life = 0; life < 2; ++life) {
    run.fs().crash();
    run.drop_engine();
    run.fs().reboot();
    REQUIRE(run.open());
    run.check(true);
    REQUIRE(run.write_load(10));
    run.check_live();
  }
}

/// Crashes at the n-th mutation of the script (0: at its end), recovers, checks, goes on. Mutations made before the crash.
std::uint64_t power_run(std::uint64_t seed, std::uint64_t crash_at, const Loss& loss, bool mapped) {
  CAPTURE(seed, crash_at, static_cast<int>(loss.writes), static_cast<int>(loss.entries), mapped);
  CrashHarness run(seed, mapped);
  FileFaults faults;
  faults.write_loss = loss.writes;
  faults.entry_loss = loss.entries;
  run.fs().set_faults(faults);
  live(run, {false, crash_at});
  const std::uint64_t mutations = run.fs().mutations();
  check_recovered(run, true);
  return mutations;
}

/// Does every operation so often that a fault that has not struck yet does so here.
void use_up_fault(FaultyFileSystem& fs, const rt::Atomic<bool>& struck) {
  for (int i = 0; i < 5000 && !struck.load(); ++i) {
    (void)fs.create_directory("scratch");
    (void)fs.list("scratch");
    if (auto file = fs.open_writable("scratch/a", OpenMode::kTruncate)) {
      (void)(*file)->append("x");
      (void)(*file)->sync();
    }
    char byte = 0;
    if (auto file = fs.open_readable("scratch/a")) (void)(*file)->read(0, 1, &byte);
    (void)fs.rename("scratch/a", "scratch/b");
    (void)fs.sync_directory("scratch");
    (void)fs.remove("scratch/b");
  }
}

bool asks_to_be_reopened(const Status& status) { return status.message().find("reopened") != std::string_view::npos; }

/// Runs the script in which the n-th such operation fails. False when the script has no n-th one.
bool fault_run(FileOperation operation, std::uint64_t n, StatusCode code, bool mapped) {
  CAPTURE(static_cast<int>(operation), n, static_cast<int>(code), mapped);
  rt::Atomic<bool> struck{false};  // set by any thread of the engine
  CrashHarness run(11, mapped);
  run.fs().set_observer([&](std::string_view event) {
    if (event.ends_with("_error") || event == "file_no_space") struck.store(true);
  });
  run.fs().fail_at(operation, n, code);
  Status status = run.open();
  if (status) status = run.run_script();
  const bool in_script = struck.load();
  INFO(status.to_string());
  if (!status) {
    CHECK(struck.load());
    CHECK_FALSE(status.message().empty());
    CHECK((status.code() == code || status.code() == StatusCode::kOutcomeUnknown || status.code() == StatusCode::kIoError));
  } else {
    use_up_fault(run.fs(), struck);
    run.check_live();
  }
  // The engine goes on, or says that it must be reopened.
  if (run.engine() != nullptr && struck.load()) {
    // Work in the background is tried again after a moment, and writers are told of its failure until then.
    const std::int64_t deadline = rt::monotonic_ns() + 10 * rt::kSecond;
    Status more = run.write_load(5, false);
    while (!more && !asks_to_be_reopened(more) && rt::monotonic_ns() < deadline) {
      rt::sleep_for(5 * rt::kMillisecond);
      more = run.write_load(5, false);
    }
    INFO(more.to_string());
    CHECK((more || asks_to_be_reopened(more)));
  }
  run.drop_engine();
  use_up_fault(run.fs(), struck);
  const Status reopened = run.open();
  INFO(reopened.to_string());
  REQUIRE(reopened);
  run.check(false);
  run.fs().crash();
  run.drop_engine();
  run.fs().reboot();
  REQUIRE(run.open());
  run.check(true);
  REQUIRE(run.write_load(5));
  run.check_live();
  return in_script;
}

/// Loses power at the n-th mutation of the recovery. False when that was over before.
bool recovery_power_run(const Ending& ending, std::uint64_t n, const Loss& loss, bool mapped) {
  CAPTURE(ending.killed, ending.at, n, static_cast<int>(loss.writes), static_cast<int>(loss.entries), mapped);
  CrashHarness run(7, mapped);
  FileFaults faults;
  faults.write_loss = loss.writes;
  faults.entry_loss = loss.entries;
  run.fs().set_faults(faults);
  live(run, ending);
  run.fs().crash_at(run.fs().mutations() + n);
  const Status status = run.open();
  run.fs().crash_at(0);  // else the background might go on to it
  const bool struck = run.fs().crashed();
  INFO(status.to_string());
  CHECK((status.is_ok() || struck));
  if (!struck) run.check(!ending.killed);  // and what it shows must last
  run.fs().crash();
  run.drop_engine();
  run.fs().reboot();
  check_recovered(run, true);
  return struck;
}

/// The n-th such operation of the recovery fails. False when it has no n-th one.
bool recovery_fault_run(const Ending& ending, FileOperation operation, std::uint64_t n, StatusCode code, bool mapped) {
  CAPTURE(ending.killed, ending.at, static_cast<int>(operation), n, static_cast<int>(code), mapped);
  rt::Atomic<bool> struck{false};
  CrashHarness run(7, mapped);
  FileFaults faults;
  faults.write_loss = WriteLoss::kRandom;
  faults.entry_loss = EntryLoss::kAny;
  run.fs().set_faults(faults);
  live(run, ending);
  run.fs().set_observer([&](std::string_view event) {
    if (event.ends_with("_error") || event == "file_no_space") struck.store(true);
  });
  run.fs().fail_at(operation, n, code);
  const Status status = run.open();
  const bool in_recovery = struck.load();
  INFO(status.to_string());
  if (!status) {
    CHECK(in_recovery);
    CHECK_FALSE(status.message().empty());
    CHECK((status.code() == code || status.code() == StatusCode::kIoError));
  }
  run.drop_engine();
  use_up_fault(run.fs(), struck);
  check_recovered(run, !ending.killed);
  return in_recovery;
}

/// What the script makes when nothing goes wrong.
std::uint64_t mutations_of_script(std::uint64_t seed, bool mapped) {
  CrashHarness run(seed, mapped);
  REQUIRE(run.open());
  REQUIRE(run.run_script());
  return run.fs().mutations();
}

/// How lives end before such recoveries: with few segments of the log, with many, and after some were used again.
std::vector<Ending> unclean_endings(bool mapped) {
  return {{false, mutations_of_script(7, mapped) * 3 / 5}, {true, 25}, {true, 140}};
}

/// Calls `run(n)` for n = 1 and on until it found nothing at three places running: their number varies a little from run to run.
template <class Run>
std::uint64_t at_every_place(const Run& run) {
  std::uint64_t n = 1;
  for (int misses = 0; misses < 3; n += kPlaceStep) misses = run(n) ? 0 : misses + 1;
  return n - 3 * kPlaceStep;
}

std::uint64_t fault_everywhere(FileOperation operation, StatusCode code, bool mapped) {
  return at_every_place([&](std::uint64_t n) { return fault_run(operation, n, code, mapped); });
}

}  // namespace

TEST_CASE(
    "Power loss at every file operation of the script loses nothing acknowledged, invents nothing, and cuts no batch in two") {
  const std::uint64_t seed = number_from("LDB_POWER_SEED", 7);
  for (const Loss& loss : kLosses) {
    std::uint64_t calls[2] = {};
    for (const bool mapped : {false, true}) {
      const std::uint64_t mutations = power_run(seed, 0, loss, mapped);
      calls[mapped ? 1 : 0] = mutations;
      CHECK(mutations > 200);
      for (std::uint64_t n = 1; n <= mutations; n += kPlaceStep) power_run(seed, n, loss, mapped);
    }
    CHECK(calls[1] + 50 < calls[0]);  // stores are no calls
  }
}

TEST_CASE("Power loss at every file operation of a recovery from power loss loses nothing acknowledged") {
  for (const bool mapped : {false, true}) {
    std::uint64_t places = 0;
    for (const Ending& ending : unclean_endings(mapped)) {
      for (const Loss& loss : kLosses)
        places += at_every_place([&](std::uint64_t n) { return recovery_power_run(ending, n, loss, mapped); });
    }
    CHECK(places > 150);
  }
}

TEST_CASE("Power loss while a recovery drops several segments of the log leaves one without a hole") {
  std::uint64_t places = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    bool struck = true;
    for (std::uint64_t n = 1; struck; n += kPlaceStep) {
      CAPTURE(seed, n);
      FaultyFileSystem fs(seed);
      fs.set_mappings(false);
      FileFaults faults;
      faults.write_loss = WriteLoss::kRandom;
      faults.entry_loss = EntryLoss::kAny;
      fs.set_faults(faults);
      EngineOptions options = small_options(fs);
      options.log_segment_bytes = 16 << 10;
      options.memtable_bytes = 1 << 20;  // so that much of the log is not synced
      auto engine = open_lsm_engine("db", options);
      REQUIRE(engine);
      for (int i = 0; i < 150; ++i) {
        WriteBatch batch;
        batch.put("key" + std::to_string(i), std::string(1000, 'v'));
        REQUIRE((*engine)->write(std::move(batch), i == 0 ? SyncPolicy::kSync : SyncPolicy::kOs));
      }
      fs.crash();
      engine.value() = nullptr;
      fs.reboot();
      fs.crash_at(fs.mutations() + n);
      engine = open_lsm_engine("db", options);
      fs.crash_at(0);
      struck = fs.crashed();
      places += struck ? 1 : 0;
      fs.crash();
      if (engine) engine.value() = nullptr;
      fs.reboot();
      engine = open_lsm_engine("db", options);
      INFO(engine.error().to_string());
      REQUIRE(engine);
      CHECK((*engine)->get(nullptr, "key0").value() == std::string(1000, 'v'));
    }
  }
  CHECK(places * kPlaceStep > 12 * 15);
}

TEST_CASE("An I/O error or a full disk at every file operation of a recovery from power loss is reported and loses nothing") {
  constexpr FileOperation kOperations[] = {FileOperation::kOpen,          FileOperation::kRead,   FileOperation::kWrite,
                                           FileOperation::kSync,          FileOperation::kRename, FileOperation::kRemove,
                                           FileOperation::kSyncDirectory, FileOperation::kOther};
  for (const bool mapped : {false, true}) {
    std::uint64_t places = 0;
    for (const Ending& ending : unclean_endings(mapped)) {
      for (const FileOperation operation : kOperations) {
        for (const StatusCode code : {StatusCode::kIoError, StatusCode::kNoSpace}) {
          if (code == StatusCode::kNoSpace && (operation == FileOperation::kRead || operation == FileOperation::kRemove))
            continue;
          places += at_every_place([&](std::uint64_t n) { return recovery_fault_run(ending, operation, n, code, mapped); });
        }
      }
    }
    CHECK(places > 150);
  }
}

TEST_CASE("Power loss at random operations of scripts by seed", "[.power]") {
  const std::uint64_t first = number_from("LDB_POWER_SEED", 1000);
  const std::uint64_t runs = number_from("LDB_POWER_RUNS", 1000);
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    Random random(seed);
    const bool mapped = seed % 2 == 0;
    const std::uint64_t crash_at = 1 + random.below(mutations_of_script(seed, mapped));
    power_run(seed, crash_at, kLosses[random.below(std::size(kLosses))], mapped);
  }
  std::printf("%llu power losses, seeds from %llu\n", static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(first));
}

TEST_CASE(
    "An I/O error at every file operation of the script is reported, loses nothing, and the engine goes on or must be reopened") {
  constexpr FileOperation kOperations[] = {FileOperation::kOpen,          FileOperation::kRead,   FileOperation::kWrite,
                                           FileOperation::kSync,          FileOperation::kRename, FileOperation::kRemove,
                                           FileOperation::kSyncDirectory, FileOperation::kOther};
  for (const bool mapped : {false, true}) {
    std::uint64_t places = 0;
    for (const FileOperation operation : kOperations) places += fault_everywhere(operation, StatusCode::kIoError, mapped);
    CHECK(places > 300);
  }
}

TEST_CASE(
    "A full disk at every operation that may need space is reported, loses nothing, and the engine goes on or must be reopened") {
  constexpr FileOperation kOperations[] = {FileOperation::kOpen, FileOperation::kSync, FileOperation::kRename,
                                           FileOperation::kSyncDirectory, FileOperation::kOther};
  for (const bool mapped : {false, true}) {
    CHECK(fault_everywhere(FileOperation::kWrite, StatusCode::kNoSpace, mapped) > 100);
    std::uint64_t places = 0;
    for (const FileOperation operation : kOperations) places += fault_everywhere(operation, StatusCode::kNoSpace, mapped);
    CHECK(places > 150);
  }
}
