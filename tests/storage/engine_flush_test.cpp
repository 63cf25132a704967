// A flush in pieces: a memtable cut by keys, its parts written side by side.
#include "base/random.hpp"
#include "base/rt/rt.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/manual_executor.hpp"
#include "support/compaction_watch.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

/// An engine whose memtable is full; what it wants to do about it waits in the executor.
class FullMemtable {
 public:
  FullMemtable() : engine_(open()) {}
  ~FullMemtable() {
    run_all();
    if (engine_) (void)engine_->close();
  }

  FaultyFileSystem& fs() { return fs_; }
  StorageEngine& engine() { return *engine_; }
  ManualExecutor& executor() { return executor_; }

  /// Writes each of the keys once at least.
  void fill(int first = 0, int end = 40) {
    for (int n = first; executor_.waiting() == 0 || n < end; ++n) {
      REQUIRE(n < 100'000);
      std::string value = std::to_string(++written_);
      while (value.size() < 100) value += static_cast<char>(random_.below(256));  // does not compress
      const std::string key = key_of(first + (n - first) % (end - first));
      put(*engine_, key, value, SyncPolicy::kOs);
      contents_[key] = value;
    }
  }
  void run_all() {
    while (executor_.waiting() > 0) executor_.run(0);
  }
  std::size_t tables_on_disk() { return files(".sst"); }
  std::size_t files(std::string_view part) {
    std::size_t count = 0;
    const std::vector<std::string> names = fs_.list("db").value();
    for (const std::string& name : names) count += name.find(part) != std::string::npos ? 1 : 0;
    return count;
  }
  std::uint64_t bytes_on_disk() {
    std::uint64_t bytes = 0;
    const std::vector<std::string> names = fs_.list("db").value();
    for (const std::string& name : names) bytes += fs_.file_size("db/" + name).value();
    return bytes;
  }
  void close() {
    (void)engine_->close();  // after a failure of the log it says so again
    engine_ = nullptr;
  }
  void reopen() {
    run_all();
    close();
    engine_ = open();
  }
  /// flush(), with a thread for its tasks.
  Status flush() {
    Status status;
    rt::Atomic<bool> done{false};
    rt::Thread caller("flush", [&] {
      status = engine_->flush();
      done.store(true);
    });
    for (; !done.load(); rt::sleep_for(rt::kMillisecond / 10)) run_all();
    caller.join();
    return status;
  }
  void crash() {
    fs_.crash();
    run_all();
    engine_ = nullptr;
    fs_.reboot();
    engine_ = open();
  }
  void delete_range(int first, int end) {
    WriteBatch batch;
    batch.erase_range(key_of(first), key_of(end));
    REQUIRE(engine_->write(std::move(batch), SyncPolicy::kOs));
    contents_.erase(contents_.lower_bound(key_of(first)), contents_.lower_bound(key_of(end)));
  }
  /// Keys were overwritten again and again: a table in the wrong order would show an older value.
  void check_contents() {
    for (int n = 0; n < 100; ++n) {
      CAPTURE(n);
      const auto found = contents_.find(key_of(n));
      CHECK(get(*engine_, key_of(n)) == (found == contents_.end() ? "<none>" : found->second));
    }
  }
  /// Those of one flush, or of some that were merged, in order of their keys.
  void check_disjoint() {
    std::vector<EngineTable> tables = engine_->tables();
    std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) { return a.smallest < b.smallest; });
    for (std::size_t i = 1; i < tables.size(); ++i) {
      CHECK(tables[i - 1].level == tables[i].level);
      CHECK(tables[i - 1].largest <= tables[i].smallest);  // equal where a range tombstone ends
    }
  }

 private:
  static std::string key_of(int n) { return "key" + std::to_string(1000 + n); }

  std::unique_ptr<StorageEngine> open() {
    EngineOptions options = small_options(fs_);
    options.log_segment_bytes = 4 << 20;  // no upkeep of the log
    options.executor = &executor_;
    return open_lsm_engine("db", options).value();
  }

  FaultyFileSystem fs_{1};
  ManualExecutor executor_;
  Random random_{7};
  int written_ = 0;
  std::map<std::string, std::string> contents_;
  std::unique_ptr<StorageEngine> engine_;
};

}  // namespace

TEST_CASE("A full memtable becomes two tables that do not overlap, whether or not a second thread comes to help") {
  FullMemtable db;
  db.fill();
  REQUIRE(db.executor().waiting() == 1);
  SECTION("nobody is free: the flush does not wait") {
    db.executor().run(0);
    CHECK(db.engine().tables().size() == 2);
    CHECK(db.executor().waiting() == 1);  // who comes late finds nothing left
    db.run_all();
  }
  SECTION("side by side") {
    rt::Thread flush("flush", db.executor().take(0));
    while (db.executor().waiting() == 0) rt::sleep_for(rt::kMillisecond / 10);
    db.executor().run(0);
    flush.join();
  }
  REQUIRE(db.engine().tables().size() == 2);
  CHECK(db.tables_on_disk() == 2);
  db.check_disjoint();
  db.check_contents();
  db.reopen();
  db.check_contents();
}

TEST_CASE("A late helper of a flush may run after the engine has begun to close") {
  FullMemtable db;
  db.fill();
  db.executor().run(0);
  REQUIRE(db.executor().waiting() == 1);
  rt::Atomic<bool> closed{false};
  rt::Thread closer("closer", [&] {
    db.close();
    closed.store(true);
  });
  rt::sleep_for(20 * rt::kMillisecond);
  CHECK_FALSE(closed.load());  // the task refers to the engine
  db.run_all();
  closer.join();
  CHECK(closed.load());
}

TEST_CASE("When a piece fails the flush leaves no table, and is tried again") {
  const FileOperation operation = GENERATE(FileOperation::kOpen, FileOperation::kWrite, FileOperation::kSync);
  const std::uint64_t piece = GENERATE(1, 2);
  CAPTURE(static_cast<int>(operation), piece);
  FullMemtable db;
  db.fill();
  db.fs().fail_at(operation, piece);
  db.run_all();
  CHECK(db.engine().tables().empty());
  CHECK(db.tables_on_disk() == 0);
  db.check_contents();
  REQUIRE(db.flush().to_string() == "ok");
  CHECK_FALSE(db.engine().tables().empty());
  CHECK(db.tables_on_disk() == db.engine().tables().size());
  db.check_contents();
  db.reopen();
  db.check_contents();
}

TEST_CASE("A flush that fails anywhere leaves no file behind once another one succeeds") {
  const FileOperation operation = GENERATE(FileOperation::kOpen, FileOperation::kWrite, FileOperation::kSync,
                                           FileOperation::kRename, FileOperation::kSyncDirectory);
  const std::uint64_t n = GENERATE(range(1, 10));
  CAPTURE(static_cast<int>(operation), n);
  FullMemtable db;
  db.fill();
  db.run_all();  // so that there is a manifest to fail
  db.fill();
  db.fs().fail_at(operation, n);
  db.run_all();
  Status status = db.flush();
  for (int tries = 0; !status && tries < 3; ++tries) status = db.flush();
  db.fs().fail_at(operation, 0);  // should it not have come to that
  if (!status) {
    CHECK(status.to_string().find("the log failed") != std::string::npos);
    db.reopen();
    REQUIRE(db.flush().to_string() == "ok");
  }
  CHECK_FALSE(db.engine().tables().empty());
  CHECK(db.tables_on_disk() == db.engine().tables().size());
  CHECK(db.files("MANIFEST") == 1);
  db.check_contents();
  db.reopen();
  db.check_contents();
}

TEST_CASE("On a full disk a flush that failed does not stand in the way of the next one") {
  int cases = 0;
  for (std::uint64_t write = 1; write < 10; ++write) {
    CAPTURE(write);
    FullMemtable db;
    db.fill();
    db.run_all();  // so that there is a manifest to fail
    db.fill();
    db.fs().fail_at(FileOperation::kWrite, write, StatusCode::kNoSpace);
    db.run_all();
    db.fs().fail_at(FileOperation::kWrite, 0);
    if (db.tables_on_disk() == db.engine().tables().size()) continue;
    ++cases;  // two tables that a torn manifest may name
    // There is room for a manifest, but not for the tables once more beside those that are left.
    FileFaults faults;
    faults.capacity_bytes = db.bytes_on_disk() + (2 << 10);
    db.fs().set_faults(faults);
    CHECK(db.flush().to_string() == "ok");
    CHECK(db.tables_on_disk() == db.engine().tables().size());
    db.check_contents();
  }
  CHECK(cases > 0);
}

TEST_CASE("A range tombstone that spans the cut hides what it hid on both sides of it") {
  FullMemtable db;
  db.fill();
  db.run_all();
  const std::size_t before = db.engine().tables().size();
  db.delete_range(5, 70);
  db.fill(40, 80);
  db.run_all();
  REQUIRE(db.engine().tables().size() == before + 2);
  std::uint64_t holders = 0;
  for (const EngineTable& table : db.engine().tables()) holders += table.range_deletions > 0 ? 1 : 0;
  CHECK(holders == 2);
  db.check_contents();
  db.reopen();
  db.check_contents();
}

TEST_CASE("A crash at any moment of a flush in pieces loses nothing") {
  std::uint64_t moment = 1;
  for (;; ++moment) {
    CAPTURE(moment);
    FullMemtable db;
    db.fill();
    REQUIRE(db.engine().sync());
    db.fs().crash_at(db.fs().mutations() + moment);
    db.run_all();
    if (!db.fs().crashed()) break;
    db.crash();
    db.check_contents();
  }
  CHECK(moment > 10);  // two tables, their names, an edit of the manifest
}

TEST_CASE("A change reader that begins at the synced end goes on, also when that is the end of a segment") {
  FaultyFileSystem fs(1);
  ManualExecutor executor;
  EngineOptions options = small_options(fs);
  options.executor = &executor;
  auto engine = open_lsm_engine("db", options).value();
  // What a flush needs synced ends in a segment that was sealed meanwhile, and nothing else is synced.
  int written = 0;
  const auto write = [&](SyncPolicy sync) {
    WriteBatch batch;
    batch.put("key" + std::to_string(written), std::string(500, 'v'));
    batch.set_commit(std::to_string(written++));
    REQUIRE(engine->wait(engine->submit(std::move(batch), sync).value()));
  };
  const auto segments = [&] {
    for (const EngineProperty& property : engine->properties()) {
      if (property.name == "log_segments") return std::stoi(property.value);
    }
    return 0;
  };
  while (executor.waiting() == 0) write(SyncPolicy::kOs);
  for (const int before = segments(); segments() == before;) write(SyncPolicy::kOs);
  while (executor.waiting() > 0) executor.run(0);
  const LogPosition end = engine->log_end();
  CHECK(end > LogPosition{1, 64});
  write(SyncPolicy::kSync);
  const std::vector<std::string> seen = read_changes(*engine, end);
  REQUIRE(!seen.empty());
  CHECK(seen.back() == std::to_string(written - 1));
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == std::to_string(written - static_cast<int>(seen.size() - i)));
  while (executor.waiting() > 0) executor.run(0);
  REQUIRE(engine->close());
  engine = nullptr;
  options.executor = nullptr;
  engine = open_lsm_engine("db", options).value();
  CHECK(read_changes(*engine, end) == seen);
}

TEST_CASE("A flush comes to its end while a compaction holds the only thread") {
  CompactionWatch compactions;
  FaultyFileSystem fs(1);
  EngineOptions options;
  options.file_system = &fs;
  options.listener = &compactions;
  options.background_threads = 1;
  options.memtable_bytes = 4 << 20;
  auto engine = open_lsm_engine("db", options).value();
  Random random(1);
  bool seen = false;
  for (int attempt = 0; attempt < 20 && !seen; ++attempt) {
    // Enough for a compaction that takes many times as long as the flush of one key.
    const int before = compactions.begun.load();
    while (compactions.begun.load() == before) {
      std::string value(1000, ' ');
      for (char& c : value) c = static_cast<char>(random.below(256));
      put(*engine, "key" + std::to_string(random.below(1'000'000)), value, SyncPolicy::kOs);
    }
    const int finished = compactions.finished.load();
    put(*engine, "one more", "v", SyncPolicy::kOs);
    REQUIRE(engine->flush());
    seen = compactions.begun.load() == finished + 1 && compactions.finished.load() == finished;
  }
  CHECK(seen);
  REQUIRE(engine->close());
}
