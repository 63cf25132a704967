// Flushes side by side.
#include "base/rt/rt.hpp"
#include "ldb/engine_listener.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/manual_executor.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

/// Holds the first flush up until it is let go; remembers how flushes ended.
class Gate final : public EngineListener {
 public:
  void on_event(const EngineEvent& event) override {
    rt::MutexLock lock(mutex_);
    if (event.kind == EngineEventKind::kFlushFinished) ended_.push_back(event.status);
    if (event.kind == EngineEventKind::kBackgroundError) ++errors_;
    if (event.kind != EngineEventKind::kFlushBegun || ++begun_ > 1) return;
    while (!open_) changed_.wait(mutex_);
  }
  void open() {
    rt::MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int begun() const {
    rt::MutexLock lock(mutex_);
    return begun_;
  }
  int errors() const {
    rt::MutexLock lock(mutex_);
    return errors_;
  }
  std::vector<Status> ended() const {
    rt::MutexLock lock(mutex_);
    return ended_;
  }

 private:
  mutable rt::Mutex mutex_;
  rt::CondVar changed_;
  int begun_ LDB_GUARDED_BY(mutex_) = 0;
  int errors_ LDB_GUARDED_BY(mutex_) = 0;
  bool open_ LDB_GUARDED_BY(mutex_) = false;
  std::vector<Status> ended_ LDB_GUARDED_BY(mutex_);
};

/// An engine with one flush held up at its beginning, and a younger one that has written its table and waits for it.
class TwoFlushes {
 public:
  TwoFlushes() : engine_(open()) {
    write_until_a_task_waits();
    first_ = std::make_unique<rt::Thread>("first", executor_.take(0));
    while (gate_.begun() < 1) rt::sleep_for(rt::kMillisecond);
    write_until_a_task_waits();
    second_ = std::make_unique<rt::Thread>("second", executor_.take(0));
    while (tables_on_disk() == 0) rt::sleep_for(rt::kMillisecond);
    for (std::uint64_t before = 0; before != fs_.mutations(); rt::sleep_for(300 * rt::kMillisecond)) before = fs_.mutations();
  }
  ~TwoFlushes() {
    if (first_) let_go();
    run_tasks_until([] { return true; });
    (void)engine_->close();
  }

  FaultyFileSystem& fs() { return fs_; }
  Gate& gate() { return gate_; }
  StorageEngine& engine() { return *engine_; }
  void let_go() {
    gate_.open();
    first_->join();
    second_->join();
    first_ = nullptr;
    second_ = nullptr;
  }
  /// flush(), with a thread for its tasks.
  Status flush() {
    Status status;
    rt::Atomic<bool> done{false};
    rt::Thread caller("flush", [&] {
      status = engine_->flush();
      done.store(true);
    });
    run_tasks_until([&] { return done.load(); });
    caller.join();
    return status;
  }
  std::size_t tables_on_disk() {
    std::size_t tables = 0;
    const std::vector<std::string> names = fs_.list("db").value();
    for (const std::string& name : names) tables += name.ends_with(".sst") ? 1 : 0;
    return tables;
  }
  void reopen() {
    run_tasks_until([] { return true; });
    REQUIRE(engine_->close());
    engine_ = nullptr;
    engine_ = open();
  }
  void crash() {
    fs_.kill();
    let_go();
    run_tasks_until([] { return true; });
    (void)engine_->close();
    engine_ = nullptr;
    fs_.reboot();
    engine_ = open();
  }
  void check_contents() {
    for (int i = 0; i < kKeys; ++i) {
      CAPTURE(i);
      // Overwritten again and again: a table in the wrong order would show an older value.
      const int last = written_ - 1 - (written_ - 1 - i) % kKeys;
      CHECK(get(*engine_, "key" + std::to_string(i)) == value(last));
    }
  }

 private:
  static constexpr int kKeys = 10;
  static std::string value(int n) { return std::to_string(n) + std::string(200, 'v'); }

  std::unique_ptr<StorageEngine> open() {
    EngineOptions options = small_options(fs_);
    options.log_segment_bytes = 4 << 20;  // no upkeep of the log
    options.executor = &executor_;
    options.listener = &gate_;
    return open_lsm_engine("db", options).value();
  }
  void write_until_a_task_waits() {
    for (; executor_.waiting() == 0; ++written_) {
      REQUIRE(written_ < 100'000);
      put(*engine_, "key" + std::to_string(written_ % kKeys), value(written_), SyncPolicy::kOs);
    }
  }
  template <class Done>
  void run_tasks_until(const Done& done) {
    do {
      while (executor_.waiting() > 0) executor_.run(0);
      rt::sleep_for(rt::kMillisecond);
    } while (!done() || executor_.waiting() > 0);
  }

  FaultyFileSystem fs_{1};
  ManualExecutor executor_;
  Gate gate_;
  int written_ = 0;
  std::unique_ptr<StorageEngine> engine_;
  std::unique_ptr<rt::Thread> first_;
  std::unique_ptr<rt::Thread> second_;
};

}  // namespace

TEST_CASE("A younger flush may be ready sooner, but becomes part of the tree after the older one") {
  TwoFlushes two;
  CHECK(two.gate().begun() == 2);
  CHECK(two.gate().ended().empty());
  CHECK(two.engine().tables().empty());
  two.check_contents();
  two.let_go();
  REQUIRE(two.gate().ended().size() == 2);
  for (const Status& status : two.gate().ended()) CHECK(status.to_string() == "ok");
  CHECK(two.engine().tables().size() == 2);
  two.check_contents();
  two.reopen();
  two.check_contents();
}

TEST_CASE("When the older flush fails, the younger one is not installed; both are tried again") {
  TwoFlushes two;
  FileFaults faults;
  faults.io_error_of(FileOperation::kWrite) = 1;
  two.fs().set_faults(faults);
  two.let_go();
  const std::vector<Status> ended = two.gate().ended();
  REQUIRE(ended.size() == 2);
  CHECK(ended[0].code() == StatusCode::kIoError);
  CHECK(ended[1].code() == StatusCode::kAborted);
  CHECK(two.gate().errors() == 1);
  CHECK(two.engine().tables().empty());
  CHECK(two.tables_on_disk() == 0);
  two.check_contents();
  two.fs().set_faults({});
  CHECK(two.flush().to_string() == "ok");
  CHECK(two.tables_on_disk() == two.engine().tables().size());
  CHECK_FALSE(two.engine().tables().empty());
  two.check_contents();
  two.reopen();
  two.check_contents();
}

TEST_CASE("A crash while the younger flush waits for the older one loses nothing") {
  TwoFlushes two;
  two.crash();
  two.check_contents();
}
