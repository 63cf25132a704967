// Writers, readers, views, change readers, flushes, compactions, ingestions and checkpoints at once. Meant for the thread
// sanitizer, too.
#include <charconv>
#include <map>

#include "base/random.hpp"
#include "base/rt/rt.hpp"
#include "ldb/bulk_load.hpp"
#include "ldb/executor.hpp"
#include "storage/engine_fixture.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

constexpr int kWriters = 3;
constexpr int kWrites = 400;
constexpr int kAccounts = 20;

std::string account(std::uint64_t n) { return "account" + std::to_string(100 + n); }

/// Threads cannot use Catch's macros; they note the first thing that went wrong.
class Complaint {
 public:
  void note(const std::string& text) {
    rt::MutexLock lock(mutex_);
    if (text_.empty()) text_ = text;
  }
  std::string text() {
    rt::MutexLock lock(mutex_);
    return text_;
  }

 private:
  rt::Mutex mutex_;
  std::string text_ LDB_GUARDED_BY(mutex_);
};

/// `text` as a number; anything else is damage, which is noted with where it was seen.
int number(std::string_view text, const std::string& where, Complaint& complaint) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    complaint.note(where + ": no number but \"" + std::string(text.substr(0, 100)) + "\" of " + std::to_string(text.size()) +
                   " bytes");
  }
  return value;
}

/// Every batch leaves the sum over all accounts at zero.
void transfer(StorageEngine& engine, rt::Mutex& order, Random& random, Complaint& complaint, int writer, int i) {
  WriteBatch batch;
  std::unique_ptr<StorageEngine::PendingWrite> pending;
  {
    rt::MutexLock lock(order);
    const std::string from = account(random.below(kAccounts));
    const std::string to = account(random.below(kAccounts));
    if (from == to) return;
    // Reads must see the writes submitted before, so the transfer is done under the lock up to its end.
    const auto a = engine.get(nullptr, from);
    const auto b = engine.get(nullptr, to);
    if (!a || !b) return complaint.note("get failed");
    batch.put(from, std::to_string(number(a->value_or("0"), "got " + from, complaint) - 1));
    batch.put(to, std::to_string(number(b->value_or("0"), "got " + to, complaint) + 1));
    batch.put("writer" + std::to_string(writer), std::to_string(i));
    batch.set_commit(std::to_string(writer) + ":" + std::to_string(i));
    auto submitted = engine.submit(std::move(batch), i % 7 == 0 ? SyncPolicy::kSync : SyncPolicy::kOs);
    if (!submitted) return complaint.note(submitted.error().to_string());
    const auto done = engine.wait(std::move(*submitted));
    if (!done) complaint.note(done.error().to_string());
  }
  // And something that needs no order, so that groups form.
  WriteBatch extra;
  extra.put("extra" + std::to_string(writer) + "/" + std::to_string(i % 50), std::string(random.below(400), 'x'));
  const auto done = engine.write(std::move(extra), SyncPolicy::kOs);
  if (!done) complaint.note(done.error().to_string());
}

void check_sum(StorageEngine& engine, bool backward, Complaint& complaint, const char* who) {
  const auto view = engine.view();
  auto it = engine.iterate(view.get(), {"account", "account~"});
  if (!it) return complaint.note(it.error().to_string());
  int sum = 0;
  std::string last;
  const auto add = [&] {
    const std::string key((*it)->key());
    if (key < "account" || key >= "account~") complaint.note(std::string(who) + " shows " + key + ", out of its range");
    if (!last.empty() && (backward ? key >= last : key <= last))
      complaint.note(std::string(who) + " shows " + key + " after " + last);
    sum += number((*it)->value(), std::string(who) + " at " + key, complaint);
    last = key;
  };
  if (backward) {
    for ((*it)->seek_to_last(); (*it)->valid(); (*it)->prev()) add();
  } else {
    for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) add();
  }
  if (!(*it)->status()) return complaint.note((*it)->status().to_string());
  if (sum != 0) complaint.note(std::string(who) + ": a view shows a batch in part: sum " + std::to_string(sum));
}

constexpr int kRunKeys = 40;

/// Runs over the same keys, each with one value; in between single puts that a later run hides.
void ingest_runs(StorageEngine& engine, rt::Atomic<bool>& stop, Complaint& complaint) {
  for (int round = 0; !stop.load(); ++round) {
    SortedPairs::Pairs pairs;
    for (int i = 0; i < kRunKeys; ++i) pairs.emplace_back("run" + std::to_string(100 + i), std::to_string(round));
    SortedPairs source(pairs);
    const auto sequence = engine.ingest(source);
    if (!sequence) return complaint.note(sequence.error().to_string());
    const auto newest = engine.newest_sequence("run100");
    // A compaction in between may have forgotten the sequence: no view is older.
    if (!newest || (*newest != *sequence && *newest != 0)) return complaint.note("an ingested key is not the newest");
    rt::yield();
  }
}

void check_run(StorageEngine& engine, Complaint& complaint) {
  std::vector<std::string> names;
  for (int i = 0; i < kRunKeys; ++i) names.push_back("run" + std::to_string(100 + i));
  const auto values = engine.multi_get(nullptr, std::vector<std::string_view>(names.begin(), names.end()));
  if (!values) return complaint.note(values.error().to_string());
  for (const auto& value : *values) {
    if (value != values->front()) return complaint.note("a view shows a run in part");
  }
  const auto view = engine.view();
  auto it = engine.iterate(view.get(), {"run", "run~"});
  if (!it) return complaint.note(it.error().to_string());
  int seen = 0;
  std::string first;
  for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) {
    if (seen++ == 0) first = (*it)->value();
    if ((*it)->value() != first) return complaint.note("an iterator shows a run in part");
  }
  if (seen != 0 && seen != kRunKeys) complaint.note("a run has " + std::to_string(seen) + " keys");
}

void make_checkpoints(TestEngine& engine, rt::Atomic<bool>& stop, Complaint& complaint) {
  for (int i = 0; !stop.load() && engine.durable(); ++i) {
    const std::string copy = engine.beside("copy" + std::to_string(i));
    Status status = engine->checkpoint(copy);
    if (!status) return complaint.note(status.to_string());
    auto opened = engine.open_other(copy);
    if (!opened) return complaint.note("checkpoint: " + opened.error().to_string());
    check_sum(**opened, i % 2 == 0, complaint, "checkpoint");
    opened = Status(StatusCode::kAborted, "closed");
    status = engine.fs().remove_directory(copy);
    if (!status) return complaint.note(status.to_string());
    for (int pause = 0; pause < 50 && !stop.load(); ++pause) rt::sleep_for(rt::kMillisecond);
  }
}

/// Gives the log back as far as it has read; nobody else reads it.
void tail_changes(StorageEngine& engine, rt::Atomic<bool>& stop, std::vector<int>& seen, Complaint& complaint) {
  auto reader = engine.changes({});
  if (!reader) return complaint.note(reader.error().to_string());
  for (;;) {
    const bool last = stop.load();
    for (;;) {
      auto change = (*reader)->next();
      if (!change) return complaint.note(change.error().to_string());
      if (!*change) break;
      const std::size_t colon = (*change)->commit.find(':');
      const auto writer = static_cast<std::size_t>(number((*change)->commit.substr(0, colon), "change", complaint));
      const int count = number((*change)->commit.substr(colon + 1), "change", complaint);
      if (writer >= seen.size() || count <= seen[writer]) return complaint.note("changes of one writer out of order");
      seen[writer] = count;
      if (count % 25 == 0) engine.release_log((*change)->next);
    }
    if (last) return;
    rt::yield();
  }
}

}  // namespace

TEST_CASE("Views stay whole and the change log in order while everything runs at once") {
  const EngineKind kind = GENERATE(from_range(engine_kinds()));
  CAPTURE(to_string(kind));
  TestEngine engine(kind);
  Complaint complaint;
  rt::Mutex order;
  rt::Atomic<bool> stop{false};
  std::vector<int> seen(kWriters, -1);
  const LogPosition log_begin = engine->log_begin();
  std::vector<rt::Thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back("writer", [&, w] {
      Random random(static_cast<std::uint64_t>(w) + 1);
      for (int i = 0; i < kWrites; ++i) transfer(*engine, order, random, complaint, w, i);
    });
  }
  std::vector<rt::Thread> others;
  for (int r = 0; r < 2; ++r) {
    others.emplace_back("reader", [&, r] {
      while (!stop.load()) check_sum(*engine, r == 1, complaint, r == 1 ? "backward" : "forward");
    });
  }
  others.emplace_back("point reader", [&] {
    Random random(77);
    while (!stop.load()) {
      const auto view = engine->view();
      const auto value = engine->get(view.get(), account(random.below(kAccounts)));
      const auto newest = engine->newest_sequence("writer0");
      if (!value || !newest) complaint.note("read failed");
    }
  });
  others.emplace_back("changes", [&] { tail_changes(*engine, stop, seen, complaint); });
  others.emplace_back("ingester", [&] { ingest_runs(*engine, stop, complaint); });
  others.emplace_back("run reader", [&] {
    while (!stop.load()) check_run(*engine, complaint);
  });
  others.emplace_back("checkpoints", [&] { make_checkpoints(engine, stop, complaint); });
  others.emplace_back("upkeep", [&] {
    for (int i = 0; !stop.load(); ++i) {
      const Status status = i % 3 == 0 ? engine->compact({}) : engine->flush();
      if (!status) complaint.note(status.to_string());
      rt::yield();
    }
  });
  for (rt::Thread& thread : writers) thread.join();
  const Status synced = engine->sync();
  stop.store(true);
  for (rt::Thread& thread : others) thread.join();
  CHECK(synced);
  CHECK(engine->log_begin() > log_begin);
  CHECK(complaint.text().empty());
  if (!complaint.text().empty()) FAIL(complaint.text());
  for (int w = 0; w < kWriters; ++w) {
    const std::string last = get(*engine, "writer" + std::to_string(w));
    CHECK(std::to_string(seen[static_cast<std::size_t>(w)]) == last);
  }
  check_sum(*engine, false, complaint, "end");
  CHECK(complaint.text().empty());
  if (engine.durable()) {
    engine.reopen();
    check_sum(*engine, true, complaint, "reopened");
    CHECK(complaint.text().empty());
  }
}

TEST_CASE("Concurrent synced writes share syncs") {
  TestEngine engine(EngineKind::kLsm);
  Complaint complaint;
  std::vector<rt::Thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back("sync writer", [&, t] {
      for (int i = 0; i < 100; ++i) {
        WriteBatch batch;
        batch.put(std::to_string(t) + "/" + std::to_string(i), "v");
        if (!engine->write(std::move(batch), SyncPolicy::kSync)) complaint.note("write failed");
      }
    });
  }
  for (rt::Thread& thread : threads) thread.join();
  CHECK(complaint.text().empty());
  CHECK(scan(*engine).size() == 400);
}

TEST_CASE("Closing beside writers gives each of them a clear answer") {
  const EngineKind kind = GENERATE(from_range(engine_kinds(true)));
  CAPTURE(to_string(kind));
  for (int round = 0; round < 10; ++round) {
    TestEngine engine(kind);
    Complaint complaint;
    std::vector<rt::Thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back("writer", [&, t] {
        for (int i = 0;; ++i) {
          WriteBatch batch;
          batch.put(std::to_string(t) + "/" + std::to_string(i), std::string(100, 'v'));
          const auto done = engine->write(std::move(batch), SyncPolicy::kOs);
          if (done) continue;
          if (done.error().code() != StatusCode::kAborted) complaint.note(done.error().to_string());
          return;
        }
      });
    }
    const auto until_closed = [&](auto call) {
      threads.emplace_back("other", [&, call] {
        for (int i = 0;; ++i) {
          const Status status = call(i);
          if (status) continue;
          if (status.code() != StatusCode::kAborted) complaint.note(status.to_string());
          return;
        }
      });
    };
    until_closed([&](int i) {
      const SortedPairs::Pairs pairs{{"run/a", std::to_string(i)}, {"run/b", std::to_string(i)}};
      SortedPairs source(pairs);
      return engine->ingest(source).error();
    });
    until_closed([&](int i) { return i % 2 == 0 ? engine->flush() : engine->compact({}); });
    until_closed([&](int) { return engine->get(nullptr, "1/7").error(); });
    until_closed([&](int i) { return engine->checkpoint(engine.beside("copy" + std::to_string(i))); });
    while (engine->view()->sequence() < 200) rt::yield();
    CHECK(engine->close());
    for (rt::Thread& thread : threads) thread.join();
    CHECK(complaint.text().empty());
  }
}

namespace {

/// Refuses most tasks, as an application's busy pool may.
class ReluctantExecutor final : public Executor {
 public:
  explicit ReluctantExecutor(Executor& inner) : inner_(inner) {}
  bool submit(TaskPriority priority, std::function<void()> task) override {
    return calls_.fetch_add(1) % 3 == 2 && inner_.submit(priority, std::move(task));
  }
  std::uint64_t calls() const { return calls_.load(); }

 private:
  Executor& inner_;
  rt::Atomic<std::uint64_t> calls_{0};
};

}  // namespace

TEST_CASE("The engine works on an executor that is lent to it, also a reluctant one") {
  const auto fs = new_memory_file_system();
  const auto pool = new_thread_pool(1);
  ReluctantExecutor executor(*pool);
  EngineOptions options = small_options(*fs);
  options.executor = &executor;
  auto engine = open_lsm_engine("db", options).value();
  for (int i = 0; i < 1000; ++i) put(*engine, "key" + std::to_string(i % 300), std::string(200, 'v'));
  REQUIRE(engine->flush());
  REQUIRE(engine->compact({}));
  CHECK(scan(*engine).size() == 300);
  CHECK(executor.calls() > 0);
  REQUIRE(engine->close());
}

TEST_CASE("What is read without a view is of one state, also beside ingestions") {
  const EngineKind kind = GENERATE(EngineKind::kMemory, EngineKind::kLsm, EngineKind::kSmallLsm);
  CAPTURE(to_string(kind));
  TestEngine engine(kind);
  Complaint complaint;
  rt::Atomic<bool> stop{false};
  // Each round is ingested as "run" before it is written as "written".
  const auto check = [&](std::string_view run, std::string_view written) {
    if (number(run, "run", complaint) < number(written, "written", complaint)) {
      complaint.note("run " + std::string(run) + ", but written " + std::string(written));
    }
  };
  std::vector<rt::Thread> readers;
  readers.emplace_back("keys", [&] {
    const std::string_view keys[] = {"run", "written"};
    while (!stop.load()) {
      const auto values = engine->multi_get(nullptr, keys);
      if (!values) return complaint.note(values.error().to_string());
      check((*values)[0].value_or("0"), (*values)[1].value_or("0"));
    }
  });
  readers.emplace_back("iterators", [&] {
    while (!stop.load()) {
      const auto it = engine->iterate(nullptr, {});
      if (!it) return complaint.note(it.error().to_string());
      std::map<std::string, std::string> seen{{"run", "0"}, {"written", "0"}};
      for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) seen[std::string((*it)->key())] = (*it)->value();
      check(seen["run"], seen["written"]);
    }
  });
  for (int round = 1; round <= 300; ++round) {
    SortedPairs::Pairs pairs{{"run", std::to_string(round)}};
    SortedPairs source(pairs);
    REQUIRE(engine->ingest(source));
    put(*engine, "written", std::to_string(round));
  }
  stop.store(true);
  for (rt::Thread& reader : readers) reader.join();
  CHECK(complaint.text().empty());
  if (!complaint.text().empty()) FAIL(complaint.text());
}
