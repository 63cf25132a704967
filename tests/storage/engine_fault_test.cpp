// Every kind of file operation fails once, at every place; and damage to every byte of every file.
#include <new>

#include "base/rt/rt.hpp"
#include "ldb/engine_listener.hpp"
#include "ldb/log_sink.hpp"
#include "storage/crash_harness.hpp"
#include "storage/file_names.hpp"
#include "storage/forwarding_file_system.hpp"
#include "storage/inspect/inspect.hpp"
#include "storage/manual_executor.hpp"
#include "storage/wal/log_format.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

constexpr FileOperation kOperations[] = {FileOperation::kOpen,   FileOperation::kRead,   FileOperation::kWrite,
                                         FileOperation::kSync,   FileOperation::kRename, FileOperation::kSyncDirectory,
                                         FileOperation::kRemove, FileOperation::kOther};

/// Does every operation so often that a fault that has not struck yet does so here.
void use_up_faults(FileSystem& fs, std::uint64_t n) {
  for (std::uint64_t i = 0; i <= n; ++i) {
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

/// Runs a load in which the n-th such operation fails; then reopens without a crash, crashes, reopens.
void fault_run(FileOperation operation, std::uint64_t n, StatusCode code, std::uint64_t seed, bool mapped) {
  CAPTURE(static_cast<int>(operation), n, seed, mapped);
  CrashHarness run(seed, mapped);
  run.fs().fail_at(operation, n, code);
  Status status = run.open();
  if (status) {
    status = run.write_load(60);
    if (status) {
      use_up_faults(run.fs(), n);
      run.check_live();
    }
    if (!status) {
      INFO(status.to_string());
      CHECK_FALSE(status.message().empty());
      CHECK(status.code() != StatusCode::kCorruption);
      CHECK(status.code() != StatusCode::kInternal);
    }
  }
  run.drop_engine();
  use_up_faults(run.fs(), n);
  const Status reopened = run.open();
  INFO(reopened.to_string());
  REQUIRE(reopened);
  run.check(false);
  run.fs().crash();
  run.drop_engine();
  run.fs().reboot();
  REQUIRE(run.open());
  run.check(true);
  REQUIRE(run.write_load(10));
}

}  // namespace

TEST_CASE("An I/O error at any file operation is reported clearly and loses nothing acknowledged") {
  const bool mapped = GENERATE(false, true);
  for (const FileOperation operation : kOperations) {
    const std::uint64_t places = operation == FileOperation::kWrite ? 80 : 40;
    for (std::uint64_t n = 1; n <= places; ++n) fault_run(operation, n, StatusCode::kIoError, n, mapped);
  }
}

TEST_CASE("A full disk at any write is reported clearly and loses nothing acknowledged") {
  const bool mapped = GENERATE(false, true);
  for (std::uint64_t n = 1; n <= 80; ++n) fault_run(FileOperation::kWrite, n, StatusCode::kNoSpace, n, mapped);
}

TEST_CASE("A failed sync poisons the log until the engine is reopened") {
  CrashHarness run(5, GENERATE(false, true));
  REQUIRE(run.open());
  StorageEngine& engine = *run.engine();
  put(engine, "before", "1", SyncPolicy::kSync);
  run.fs().fail_at(FileOperation::kSync, 1);
  WriteBatch batch;
  batch.put("during", "2");
  const auto failed = engine.write(batch, SyncPolicy::kSync);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == StatusCode::kOutcomeUnknown);
  CHECK(get(engine, "during") == "<none>");
  WriteBatch later;
  later.put("later", "3");
  const auto refused = engine.write(later, SyncPolicy::kOs);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == StatusCode::kIoError);
  CHECK(refused.error().message().find("until the engine is reopened") != std::string::npos);
  CHECK_FALSE(engine.sync());
  CHECK(get(engine, "before") == "1");
  run.drop_engine();
  REQUIRE(run.open());
  CHECK(get(*run.engine(), "before") == "1");
  CHECK(get(*run.engine(), "later") == "<none>");
  const std::string during = get(*run.engine(), "during");
  CHECK((during == "2" || during == "<none>"));
  put(*run.engine(), "later", "3", SyncPolicy::kSync);
}

namespace {

/// The engine must go on by itself, unless it said that nobody knows what became of a write.
void check_full_disk(std::uint64_t seed, std::uint64_t capacity_bytes, bool upkeep) {
  CAPTURE(seed, capacity_bytes, upkeep);
  CrashHarness run(seed);
  REQUIRE(run.open());
  FileFaults faults;
  faults.capacity_bytes = capacity_bytes;
  run.fs().set_faults(faults);
  const Status status = run.write_load(10000, upkeep);
  REQUIRE_FALSE(status);
  INFO(status.to_string());
  run.fs().set_faults({});
  if (status.code() == StatusCode::kOutcomeUnknown) {
    const Status refused = run.write_load(1);
    INFO(refused.to_string());
    CHECK(refused.code() == StatusCode::kNoSpace);
    CHECK(refused.message().find("until the engine is reopened") != std::string::npos);
  } else {
    CHECK(status.code() == StatusCode::kNoSpace);
    const std::int64_t deadline = rt::monotonic_ns() + 30 * rt::kSecond;
    Status room = run.engine()->throttle();
    for (; !room && rt::monotonic_ns() < deadline; room = run.engine()->throttle()) rt::sleep_for(rt::kMillisecond);
    INFO(room.to_string());
    REQUIRE(room);
    // What began while the disk was full may fail only now, and writers would hear of it. Whoever asks for a flush or a
    // compaction does not: it is tried again behind that.
    const Status flushed = run.engine()->flush();
    INFO("flush: " << flushed.to_string());
    REQUIRE(flushed);
    const Status compacted = run.engine()->compact({});
    INFO("compact: " << compacted.to_string());
    REQUIRE(compacted);
    const Status after = run.write_load(50);
    INFO("with space again: " << after.to_string());
    REQUIRE(after);
    run.check_live();
  }
  run.drop_engine();
  REQUIRE(run.open());
  run.check(false);
  REQUIRE(run.write_load(200));
  run.check_live();
}

}  // namespace

TEST_CASE("After a full disk has space again the engine goes on, or asks to be reopened when it cannot know what was written") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    check_full_disk(seed, (110 + 13 * seed) << 10, true);
    check_full_disk(seed, (110 + 13 * seed) << 10, false);
  }
}

TEST_CASE("A flush on a full disk fails, and the engine goes on in its log once there is space") {
  FaultyFileSystem fs(7);
  EngineOptions options = small_options(fs);
  options.log_segment_bytes = 64 << 10;
  options.memtable_bytes = 1 << 20;
  options.compression_level = 0;
  auto engine = open_lsm_engine("db", options).value();
  // Enough for a flush to want a log segment of its own behind it, not enough for one to be prepared in advance.
  for (int i = 0; i < 20; ++i) put(*engine, "key" + std::to_string(i), std::string(400, 'v'), SyncPolicy::kOs);
  FileFaults faults;
  faults.capacity_bytes = 66 << 10;
  fs.set_faults(faults);
  const Status full = engine->flush();
  REQUIRE_FALSE(full);
  CHECK(full.code() == StatusCode::kNoSpace);
  put(*engine, "while full", "1", SyncPolicy::kOs);  // the log has its space
  fs.set_faults({});
  CHECK(engine->flush());
  put(*engine, "afterwards", "2", SyncPolicy::kSync);
  engine = nullptr;
  engine = open_lsm_engine("db", options).value();
  CHECK(get(*engine, "while full") == "1");
  CHECK(get(*engine, "afterwards") == "2");
  for (int i = 0; i < 20; ++i) CHECK(get(*engine, "key" + std::to_string(i)) == std::string(400, 'v'));
}

namespace {

/// Asks whether writers may go on, when it hears of an error.
class RefusalListener final : public EngineListener {
 public:
  void on_event(const EngineEvent& event) override {
    if (event.kind != EngineEventKind::kBackgroundError) return;
    ++errors;
    if (engine != nullptr) refusal = engine->throttle();
  }
  StorageEngine* engine = nullptr;
  int errors = 0;
  Status refusal;
};

}  // namespace

TEST_CASE("A writer that finds no memory while it writes for all ends in an error, and nobody waits for it") {
  struct Throwing final : ForwardingFileSystem {
    Throwing() : ForwardingFileSystem(std::make_unique<FaultyFileSystem>(1)) {}
    Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) override {
      if (throws.load()) throw std::bad_alloc();
      return ForwardingFileSystem::open_writable(path, mode);
    }
    rt::Atomic<bool> throws{false};
  } fs;
  ManualExecutor executor;  // does nothing, so that the writer makes the log's next segment itself
  EngineOptions options = small_options(fs);
  options.executor = &executor;
  auto engine = open_lsm_engine("db", options).value();
  const auto write = [&](int i) {
    WriteBatch batch;
    batch.put("key" + std::to_string(i), std::string(500, 'v'));
    return engine->wait(engine->submit(std::move(batch), SyncPolicy::kSync).value()).error();
  };
  fs.throws.store(true);
  int written = 0;
  Status status;
  while (status = write(written), status) REQUIRE(++written < 1000);
  CHECK(written > 10);
  CHECK(status.code() == StatusCode::kOutcomeUnknown);
  fs.throws.store(false);
  WriteBatch next;
  next.put("next", "1");
  CHECK(engine->submit(std::move(next), SyncPolicy::kOs).error().code() == StatusCode::kResourceExhausted);
  CHECK(get(*engine, "key" + std::to_string(written)) == "<none>");
  while (executor.waiting() > 0) executor.run(0);
  CHECK(engine->close().code() == StatusCode::kResourceExhausted);
  engine = nullptr;
  options.executor = nullptr;
  engine = open_lsm_engine("db", options).value();
  for (int i = 0; i < written; ++i) CHECK(get(*engine, "key" + std::to_string(i)) == std::string(500, 'v'));
}

TEST_CASE("A flush that cannot make the log's next segment has writers refused at once, not when the log is full") {
  FaultyFileSystem fs(8);
  ManualExecutor executor;
  RefusalListener listener;
  EngineOptions options = small_options(fs);
  options.executor = &executor;
  options.listener = &listener;
  options.log_segment_bytes = 256 << 10;
  options.memtable_bytes = 256 << 10;
  auto engine = open_lsm_engine("db", options).value();
  listener.engine = engine.get();
  int written = 0;
  while (executor.waiting() < 2) put(*engine, "key" + std::to_string(10000 + written++), "v", SyncPolicy::kOs);
  REQUIRE(written > 1024);  // enough for the flush to look at the log on its way
  // The upkeep of the log waits for a thread; the flush has one. There is space for its table, not for a segment.
  FileFaults faults;
  faults.capacity_bytes = 400 << 10;
  fs.set_faults(faults);
  executor.run(1);
  CHECK(listener.errors == 1);  // told once, though it would have met the full disk again and again
  CHECK(listener.refusal.code() == StatusCode::kNoSpace);
  CHECK(engine->throttle().code() == StatusCode::kNoSpace);
  listener.engine = nullptr;
  fs.set_faults({});
  const std::int64_t deadline = rt::monotonic_ns() + 30 * rt::kSecond;
  while (!engine->throttle() && rt::monotonic_ns() < deadline) {
    while (executor.waiting() > 0) executor.run(0);
    rt::sleep_for(rt::kMillisecond);
  }
  CHECK(engine->throttle());
  put(*engine, "afterwards", "2", SyncPolicy::kSync);
  while (executor.waiting() > 0) executor.run(0);
  REQUIRE(engine->close());
  engine = nullptr;
  options.executor = nullptr;
  engine = open_lsm_engine("db", options).value();
  for (int i = 0; i < written; ++i) CHECK(get(*engine, "key" + std::to_string(10000 + i)) == "v");
  CHECK(get(*engine, "afterwards") == "2");
}

namespace {

/// A small engine with every kind of file, closed cleanly or not, and what it holds.
struct Specimen {
  FaultyFileSystem::DirectoryImage image;
  Pairs content;
  std::vector<Pairs> prefixes;                    // contents after each batch: what a cut of the unvouched tail may leave
  std::vector<std::vector<std::string>> commits;  // of the batches up to each of those
  std::size_t unvouched = 0;                      // batches at the end that no later record says were synced
};

/// Does any line say where the log was cut?
class CutLines final : public LogSink {
 public:
  void log(LogLevel, std::string_view, std::string_view message) override {
    if (message.find("cut at offset") != std::string_view::npos) seen_.store(true);
  }
  bool seen() const { return seen_.load(); }

 private:
  rt::Atomic<bool> seen_{false};
};

EngineOptions specimen_options(FileSystem& fs) {
  EngineOptions options = small_options(fs);
  options.background_threads = 1;
  return options;
}

enum class Ending : std::uint8_t { kClosed, kKilled, kKilledAfterSync };

Specimen make_specimen(Ending ending) {
  FaultyFileSystem fs(1);
  auto engine = open_lsm_engine("db", specimen_options(fs)).value();
  Specimen specimen;
  std::map<std::string, std::string> model;
  std::vector<std::string> commits;
  const auto note_batch = [&] {
    specimen.prefixes.emplace_back(model.begin(), model.end());
    specimen.commits.push_back(commits);
  };
  note_batch();
  const auto write = [&](const std::string& key, const std::string& value, SyncPolicy sync) {
    WriteBatch batch;
    batch.put(key, value);
    commits.push_back("commit of " + key);
    batch.set_commit(commits.back());
    REQUIRE(engine->write(batch, sync));
    model[key] = value;
    note_batch();
  };
  for (int i = 0; i < 12; ++i) write("key" + std::to_string(i), std::string(40, static_cast<char>('a' + i)), SyncPolicy::kOs);
  REQUIRE(engine->flush());
  REQUIRE(engine->compact({}));
  erase_range(*engine, "key3", "key5");
  model.erase("key3");
  model.erase("key4");
  note_batch();
  for (int i = 0; i < 4; ++i) write("late" + std::to_string(i), "late value", SyncPolicy::kSync);
  REQUIRE(engine->flush());
  for (int i = 0; i < 6; ++i)
    write("tail" + std::to_string(i), "tail value",
          i < 4 || ending == Ending::kKilledAfterSync ? SyncPolicy::kSync : SyncPolicy::kOs);
  specimen.content = Pairs(model.begin(), model.end());
  if (ending != Ending::kClosed) {
    fs.kill();
    specimen.unvouched = ending == Ending::kKilled ? 2 : 1;
  }
  engine = nullptr;
  specimen.image = fs.copy_directory("db");
  return specimen;
}

void check_names_place(const Status& status, const std::string& file) {
  INFO(status.to_string());
  CHECK((status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported));
  CHECK(status.message().find(file) != std::string::npos);
  CHECK((file == "CURRENT" || status.message().find("offset") != std::string::npos));
}

/// The commits of the first `batches` batches, up to where the log itself is damaged.
void check_commits(StorageEngine& engine, const Specimen& specimen, std::size_t batches, const std::string& file) {
  const std::vector<std::string>& expected = specimen.commits[batches];
  auto reader = engine.changes({}).value();
  std::vector<std::string> commits;
  for (;;) {
    auto change = reader->next();
    if (!change) {
      CHECK(file.ends_with(".wal"));
      check_names_place(change.error(), file);
      REQUIRE(commits.size() <= expected.size());
      CHECK((commits ==
             std::vector<std::string>(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(commits.size()))));
      return;
    }
    if (!*change) break;
    commits.push_back((*change)->commit);
  }
  CHECK((commits == expected));
}

struct Findings {
  int flips = 0;
  int detected = 0;
  int cut = 0;  // opened, without the end of the log
};

/// Opens the damaged directory; whatever it shows must be right.
void judge_damaged(const Specimen& specimen, const std::string& file, std::uint64_t byte, char mask, Findings& findings) {
  CAPTURE(file, byte);
  ++findings.flips;
  FaultyFileSystem fs(1);
  auto image = specimen.image;
  image[file][byte] = static_cast<char>(image[file][byte] ^ mask);
  fs.restore_directory("db", image);
  CutLines lines;
  EngineOptions options = specimen_options(fs);
  options.log_sink = &lines;
  auto engine = open_lsm_engine("db", options);
  if (!engine) {
    ++findings.detected;
    check_names_place(engine.error(), file);
    return;
  }
  auto it = (*engine)->iterate(nullptr, {});
  Status status = it.error();
  Pairs shown;
  if (it) {
    for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) shown.emplace_back((*it)->key(), (*it)->value());
    status = (*it)->status();
  }
  if (!status) {
    ++findings.detected;
    check_names_place(status, file);
    for (const auto& pair : shown) {
      CHECK(std::find(specimen.content.begin(), specimen.content.end(), pair) != specimen.content.end());
    }
    check_commits(**engine, specimen, specimen.prefixes.size() - 1, file);
    return;
  }
  const auto found = std::find(specimen.prefixes.begin(), specimen.prefixes.end(), shown);
  REQUIRE(found != specimen.prefixes.end());
  const auto lost = static_cast<std::size_t>(specimen.prefixes.end() - found) - 1;
  CAPTURE(lost);
  if (lost > 0) {
    // Only what nobody vouches for may be cut, and not in silence.
    CHECK(file.ends_with(".wal"));
    CHECK(lost <= specimen.unvouched);
    ++findings.cut;
    CHECK(lines.seen());
  }
  check_commits(**engine, specimen, specimen.prefixes.size() - 1 - lost, file);
  for (const auto& [key, value] : shown) CHECK(get(**engine, key) == value);
  for (const char* never : {"", "a", "key", "key00", "key99", "late", "late00", "tail9", "zzz"})
    CHECK(get(**engine, never) == "<none>");
  for (const char* deleted : {"key3", "key4"}) CHECK(get(**engine, deleted) == "<none>");
}

}  // namespace

TEST_CASE("Every flipped byte of every file is detected or harmless, and never gives wrong data") {
  const Ending ending = GENERATE(Ending::kClosed, Ending::kKilled, Ending::kKilledAfterSync);
  const Specimen specimen = make_specimen(ending);
  Random random(99);
  Findings findings;
  for (const auto& [name, contents] : specimen.image) {
    if (name == "LOCK") continue;
    // Preallocated space behind the records is the same everywhere; a sample is enough.
    const std::size_t used = contents.find_last_not_of('\0') + 1;
    for (std::size_t byte = 0; byte < contents.size(); byte += byte < used + 64 ? 1 : 509) {
      // Every byte once, and of a sample every bit.
      const bool all_bits = byte % 16 == 5;
      for (unsigned bit = 0; bit < 8; ++bit) {
        if (!all_bits && bit > 0) break;
        judge_damaged(specimen, name, byte, static_cast<char>(1U << (all_bits ? bit : random.below(8))), findings);
      }
    }
  }
  CAPTURE(static_cast<int>(ending), findings.flips, findings.detected, findings.cut);
  CHECK(findings.flips > 2000);
  CHECK(findings.detected > 1000);
  CHECK((findings.cut > 0) == (ending != Ending::kClosed));
}

TEST_CASE("A file cut off anywhere is detected or only loses its unsynced end") {
  const Specimen specimen = make_specimen(Ending::kClosed);
  for (const auto& [name, contents] : specimen.image) {
    if (name == "LOCK") continue;
    for (std::size_t size = 0; size < contents.size(); size += 7) {
      CAPTURE(name, size);
      FaultyFileSystem fs(1);
      auto image = specimen.image;
      image[name].resize(size);
      fs.restore_directory("db", image);
      auto engine = open_lsm_engine("db", specimen_options(fs));
      if (!engine) {
        // Or the file that an older state, seen through the cut, still needs.
        CHECK(engine.error().code() == StatusCode::kCorruption);
        continue;
      }
      // Without a later group that vouches, an end that is missing cannot be told from one that was never written.
      const Pairs shown = scan(**engine);
      CHECK(std::find(specimen.prefixes.begin(), specimen.prefixes.end(), shown) != specimen.prefixes.end());
    }
  }
}

TEST_CASE("A missing file is named") {
  const Specimen specimen = make_specimen(Ending::kClosed);
  for (const auto& [name, contents] : specimen.image) {
    if (name == "LOCK") continue;
    CAPTURE(name);
    FaultyFileSystem fs(1);
    auto image = specimen.image;
    image.erase(name);
    fs.restore_directory("db", image);
    auto engine = open_lsm_engine("db", specimen_options(fs));
    REQUIRE_FALSE(engine);
    INFO(engine.error().to_string());
    CHECK(engine.error().code() == StatusCode::kCorruption);
    CHECK(engine.error().message().find(name) != std::string::npos);
  }
}

TEST_CASE("Before anything was flushed the log is all there is, and missed") {
  const bool reopened = GENERATE(false, true);
  FaultyFileSystem fs(1);
  {
    auto engine = open_lsm_engine("db", specimen_options(fs)).value();
    put(*engine, "k", "v", SyncPolicy::kSync);
    if (reopened) {
      REQUIRE(engine->close());
      engine = open_lsm_engine("db", specimen_options(fs)).value();
    }
    REQUIRE(engine->close());
  }
  REQUIRE(fs.remove("db/000001.wal"));
  const auto engine = open_lsm_engine("db", specimen_options(fs));
  REQUIRE_FALSE(engine);
  INFO(engine.error().to_string());
  CHECK(engine.error().code() == StatusCode::kCorruption);
  CHECK(engine.error().message().find("000001.wal") != std::string::npos);
  CHECK_FALSE(storage::check_log(fs, "db", {1, storage::kSegmentHeaderBytes}, {}, [](const std::string&) {}).empty());
}

TEST_CASE("A write that is logged together with a flush is not shown when the log fails") {
  FaultyFileSystem fs(1);
  auto engine = open_lsm_engine("db", specimen_options(fs)).value();
  put(*engine, "before", "1", SyncPolicy::kSync);
  WriteBatch batch;
  batch.put("k", "v");
  auto pending = engine->submit(std::move(batch), SyncPolicy::kNone);
  REQUIRE(pending);
  fs.fail_at(FileOperation::kWrite, 1);
  CHECK_FALSE(engine->flush());  // takes the write along
  const auto written = engine->wait(std::move(*pending));
  REQUIRE_FALSE(written);
  CHECK(written.error().code() == StatusCode::kOutcomeUnknown);
  CHECK(get(*engine, "k") == "<none>");
  CHECK(get(*engine, "before") == "1");
}

TEST_CASE("What a recovery found is vouched for, though nothing was written after it") {
  const bool closed = GENERATE(false, true);
  FaultyFileSystem fs(1);
  auto engine = open_lsm_engine("db", specimen_options(fs)).value();
  for (int i = 0; i < 20; ++i) put(*engine, "key" + std::to_string(i), "value", SyncPolicy::kOs);
  fs.kill();
  engine = nullptr;
  fs.reboot();
  engine = open_lsm_engine("db", specimen_options(fs)).value();
  const Pairs shown = scan(*engine);
  CHECK(shown.size() == 20);
  if (closed) {
    REQUIRE(engine->close());
  } else {
    fs.kill();
  }
  engine = nullptr;
  fs.reboot();
  const auto image = fs.copy_directory("db");
  const std::size_t size = image.at("000001.wal").find("key19");
  for (std::size_t byte = storage::kSegmentHeaderBytes; byte < size; byte += 7) {
    CAPTURE(byte);
    fs.restore_directory("db", image);
    REQUIRE(fs.flip_bit("db/000001.wal", byte * 8));
    const auto again = open_lsm_engine("db", specimen_options(fs));
    if (again) {
      CHECK(scan(**again) == shown);  // padding
    } else {
      check_names_place(again.error(), "000001.wal");
    }
  }
  // And opening and closing again and again adds nothing.
  fs.restore_directory("db", image);
  for (int i = 0; i < 3; ++i) REQUIRE(open_lsm_engine("db", specimen_options(fs)).value()->close());
  const std::size_t once = fs.copy_directory("db").at("000001.wal").size();
  for (int i = 0; i < 3; ++i) REQUIRE(open_lsm_engine("db", specimen_options(fs)).value()->close());
  CHECK(fs.copy_directory("db").at("000001.wal").size() == once);
}

TEST_CASE("A directory is held by one engine at a time") {
  FaultyFileSystem fs(1);
  auto engine = open_lsm_engine("db", specimen_options(fs)).value();
  const auto second = open_lsm_engine("db", specimen_options(fs));
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == StatusCode::kUnavailable);
  REQUIRE(engine->close());
  CHECK(open_lsm_engine("db", specimen_options(fs)));
}

TEST_CASE("A directory without a database is created only when that is wanted") {
  FaultyFileSystem fs(1);
  EngineOptions options = specimen_options(fs);
  options.create_if_missing = false;
  CHECK(open_lsm_engine("db", options).error().code() == StatusCode::kNotFound);
  options.memtable_bytes = 1;
  CHECK(open_lsm_engine("db", options).error().code() == StatusCode::kInvalidArgument);
}
