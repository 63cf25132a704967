// Ingestion, checkpoints, reads of many keys, events, and what tools are told: over every engine.
#include "ldb/bulk_load.hpp"

#include <set>

#include "base/random.hpp"
#include "base/rt/rt.hpp"
#include "ldb/engine_listener.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/forwarding_file_system.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

EngineKind any_engine() {
  const EngineKind kind = GENERATE(from_range(engine_kinds()));
  UNSCOPED_INFO("engine: " << to_string(kind));
  return kind;
}
EngineKind durable_engine() {
  const EngineKind kind = GENERATE(from_range(engine_kinds(true)));
  UNSCOPED_INFO("engine: " << to_string(kind));
  return kind;
}

std::string numbered(int i) { return "key" + std::to_string(10000 + i); }

Pairs run_of(int from, int to, const std::string& value) {
  Pairs pairs;
  for (int i = from; i < to; ++i) pairs.emplace_back(numbered(i), value + std::to_string(i));
  return pairs;
}

std::uint64_t ingest(StorageEngine& engine, const Pairs& pairs) {
  SortedPairs source(pairs);
  const auto sequence = engine.ingest(source);
  INFO(sequence.error().to_string());
  REQUIRE(sequence);
  return *sequence;
}

class FailingSource final : public SortedSource {
 public:
  Result<bool> next(std::string& key, std::string& value) override {
    if (++calls_ > 50) return Status(StatusCode::kUnavailable, "the sender is gone");
    key = numbered(calls_);
    value = "never seen";
    return true;
  }

 private:
  int calls_ = 0;
};

class EventCollector final : public EngineListener {
 public:
  void on_event(const EngineEvent& event) override {
    rt::MutexLock lock(mutex_);
    events_.push_back(event);
  }
  std::vector<EngineEvent> of(EngineEventKind kind) {
    rt::MutexLock lock(mutex_);
    std::vector<EngineEvent> result;
    for (const EngineEvent& event : events_) {
      if (event.kind == kind) result.push_back(event);
    }
    return result;
  }

 private:
  rt::Mutex mutex_;
  std::vector<EngineEvent> events_ LDB_GUARDED_BY(mutex_);
};

}  // namespace

TEST_CASE("An ingested run is there as a whole, newer than what was written before and older than what comes after") {
  TestEngine engine(any_engine());
  put(*engine, numbered(5), "before");
  put(*engine, numbered(500), "untouched");
  erase(*engine, numbered(7));
  erase_range(*engine, numbered(8), numbered(12));
  const bool flushed = GENERATE(false, true);
  if (flushed) REQUIRE(engine->flush());
  put(*engine, numbered(6), "in memory");
  const auto view = engine->view();
  const Pairs before = scan(*engine);
  const Pairs run = run_of(0, 100, "run");
  const std::uint64_t sequence = ingest(*engine, run);
  CHECK(engine->view()->sequence() == sequence);
  CHECK(engine->newest_sequence(numbered(6)).value() == sequence);
  Pairs expected = run;
  expected.emplace_back(numbered(500), "untouched");
  CHECK(scan(*engine) == expected);
  CHECK(scan_back(*engine) == expected);
  CHECK(get(*engine, numbered(9)) == "run9");
  CHECK(scan(*engine, view.get()) == before);
  CHECK(get(*engine, numbered(6), view.get()) == "in memory");
  put(*engine, numbered(3), "after");
  CHECK(engine->newest_sequence(numbered(3)).value() > sequence);
  expected[3].second = "after";
  erase(*engine, numbered(4));
  expected.erase(expected.begin() + 4);
  CHECK(scan(*engine) == expected);
  REQUIRE(engine->flush());
  CHECK(scan(*engine) == expected);
  REQUIRE(engine->compact({}));
  CHECK(scan(*engine) == expected);
  CHECK(scan_back(*engine) == expected);
  CHECK(scan(*engine, view.get()) == before);
}

TEST_CASE("Runs on top of runs keep the newest") {
  TestEngine engine(any_engine());
  std::map<std::string, std::string> model;
  for (int round = 0; round < 8; ++round) {
    const Pairs run = run_of(round * 7, 60 + round * 11, "round" + std::to_string(round) + "/");
    ingest(*engine, run);
    for (const auto& [key, value] : run) model[key] = value;
    for (int i = round; i < 120; i += 9) {
      put(*engine, numbered(i), "put" + std::to_string(round));
      model[numbered(i)] = "put" + std::to_string(round);
    }
    if (round % 3 == 1) REQUIRE(engine->flush());
    if (round == 5) REQUIRE(engine->compact({numbered(20), numbered(40)}));
    CHECK(scan(*engine) == Pairs(model.begin(), model.end()));
  }
  if (engine.durable()) engine.reopen();
  CHECK(scan(*engine) == Pairs(model.begin(), model.end()));
  for (const auto& [key, value] : model) CHECK(get(*engine, key) == value);
}

TEST_CASE("A run that is not sorted, breaks the bounds, or whose source fails changes nothing") {
  TestEngine engine(any_engine());
  put(*engine, numbered(1), "kept");
  const auto refused = [&](const Pairs& pairs) {
    SortedPairs source(pairs);
    return engine->ingest(source).error();
  };
  Pairs unsorted = run_of(0, 100, "bad");
  std::swap(unsorted[60], unsorted[61]);
  CHECK(refused(unsorted).code() == StatusCode::kInvalidArgument);
  CHECK(refused(unsorted).message().find("entry 62") != std::string_view::npos);
  CHECK(refused({{"a", "1"}, {"a", "2"}}).code() == StatusCode::kInvalidArgument);
  CHECK(refused({{std::string(2 << 20, 'k'), "1"}}).code() == StatusCode::kInvalidArgument);
  FailingSource failing;
  CHECK(engine->ingest(failing).error().code() == StatusCode::kUnavailable);
  const std::uint64_t sequence = engine->view()->sequence();
  CHECK(ingest(*engine, {}) == sequence);
  CHECK(scan(*engine) == Pairs{{numbered(1), "kept"}});
  put(*engine, numbered(2), "also kept");
  CHECK(scan(*engine) == Pairs{{numbered(1), "kept"}, {numbered(2), "also kept"}});
  if (engine.durable()) {
    engine.reopen();
    CHECK(scan(*engine) == Pairs{{numbered(1), "kept"}, {numbered(2), "also kept"}});
  }
}

TEST_CASE("Writes submitted before an ingestion are older than it, though nobody waited for them yet") {
  TestEngine engine(any_engine());
  WriteBatch batch;
  batch.put(numbered(1), "submitted before");
  batch.put(numbered(999), "submitted before");
  auto pending = engine->submit(batch, SyncPolicy::kNone);
  REQUIRE(pending);
  const std::uint64_t sequence = ingest(*engine, run_of(0, 10, "run"));
  CHECK(get(*engine, numbered(1)) == "run1");
  CHECK(get(*engine, numbered(999)) == "submitted before");
  const auto waited = engine->wait(std::move(*pending));
  REQUIRE(waited);
  CHECK(*waited < sequence);
  CHECK(get(*engine, numbered(1)) == "run1");
}

TEST_CASE("An iterator of one engine fills another") {
  TestEngine from(any_engine());
  for (int i = 0; i < 300; ++i) put(*from, numbered(i * 37 % 300), "value" + std::to_string(i));
  erase_range(*from, numbered(100), numbered(150));
  TestEngine to(any_engine());
  auto iterator = from->iterate(nullptr, {}).value();
  IteratorSource source(*iterator);
  REQUIRE(to->ingest(source));
  CHECK(scan(*to) == scan(*from));
}

TEST_CASE("Ingestions are not in the change log, and the log goes on") {
  TestEngine engine(any_engine());
  const auto commit = [&](const std::string& payload) {
    WriteBatch batch;
    batch.put("k", payload);
    batch.set_commit(payload);
    REQUIRE(engine->write(batch, SyncPolicy::kOs));
  };
  commit("first");
  ingest(*engine, run_of(0, 10, "run"));
  CHECK(read_changes(*engine, {}) == std::vector<std::string>{"first"});  // synced by the ingestion
  commit("second");
  REQUIRE(engine->sync());
  CHECK(read_changes(*engine, {}) == std::vector<std::string>{"first", "second"});
}

TEST_CASE("multi_get answers as get does, all of one state") {
  TestEngine engine(any_engine());
  for (int i = 0; i < 100; ++i) put(*engine, numbered(i), "old" + std::to_string(i));
  REQUIRE(engine->flush());
  auto view = engine->view();
  for (int i = 0; i < 100; i += 2) put(*engine, numbered(i), "new" + std::to_string(i));
  erase(*engine, numbered(3));
  std::vector<std::string> names;
  for (int i = 0; i < 120; i += 3) names.push_back(numbered(i));
  names.push_back(numbered(0));  // twice
  const std::vector<std::string_view> keys(names.begin(), names.end());
  for (const ReadView* at : {static_cast<const ReadView*>(nullptr), static_cast<const ReadView*>(view.get())}) {
    const auto values = engine->multi_get(at, keys);
    REQUIRE(values);
    REQUIRE(values->size() == keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) CHECK((*values)[i].value_or("<none>") == get(*engine, keys[i], at));
  }
  CHECK(engine->multi_get(nullptr, {}).value().empty());
  view = nullptr;
  REQUIRE(engine->close());
  CHECK(engine->multi_get(nullptr, keys).error().code() == StatusCode::kAborted);
}

TEST_CASE("multi_get reads a block once for all keys in it, in whatever order they come and however small the cache is") {
  const auto fs = new_memory_file_system();
  EngineOptions options;
  options.file_system = fs.get();
  options.block_cache_bytes = 128 << 10;
  auto engine = open_lsm_engine("db", options).value();
  constexpr int kKeys = 8000;
  Random random(1);
  for (int i = 0; i < kKeys; ++i) {
    std::string value(100, '\0');  // that does not compress
    for (char& c : value) c = static_cast<char>(random.next());
    put(*engine, numbered(i), value);
  }
  REQUIRE(engine->flush());
  std::vector<std::string> names;
  for (int i = 0; i < kKeys; ++i) names.push_back(numbered(i * 1237 % kKeys));
  const auto insertions = [&] {
    for (const EngineProperty& property : engine->properties())
      if (property.name == "block_cache_insertions") return std::stoi(property.value);
    return -1;
  };
  const int before = insertions();
  const auto values = engine->multi_get(nullptr, std::vector<std::string_view>(names.begin(), names.end()));
  REQUIRE(values);
  const int together = insertions() - before;
  CHECK(together > 0);
  CHECK(together < kKeys / 5);
  for (std::size_t i = 0; i < names.size(); ++i) REQUIRE((*values)[i].value_or("<none>") == get(*engine, names[i]));
  CHECK(insertions() - before - together > 4 * together);  // one by one most of them find their block gone
  REQUIRE(engine->close());
}

TEST_CASE("approximate_sizes answers for each range") {
  TestEngine engine(any_engine());
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    std::string value(300, '\0');  // that does not compress
    for (char& c : value) c = static_cast<char>(random.below(256));
    put(*engine, numbered(i), value);
  }
  REQUIRE(engine->flush());
  const std::vector<KeyRange> ranges{{numbered(0), numbered(500)}, {"x", "y"}, {}};
  const auto sizes = engine->approximate_sizes(ranges);
  REQUIRE(sizes.size() == 3);
  CHECK(sizes[0] > 20000);
  CHECK(sizes[1] == 0);
  CHECK(sizes[2] > sizes[0]);
}

TEST_CASE("A checkpoint opens as an engine of its own and holds what was acknowledged") {
  TestEngine engine(durable_engine());
  std::vector<std::string> commits;
  for (int i = 0; i < 400; ++i) {
    WriteBatch batch;
    batch.put(numbered(i * 7 % 300), std::string(100, static_cast<char>('a' + i % 26)));
    batch.set_commit("commit " + std::to_string(i));
    commits.push_back(batch.commit());
    REQUIRE(engine->write(batch, i % 90 == 0 ? SyncPolicy::kSync : SyncPolicy::kNone));
    if (i == 200) ingest(*engine, run_of(250, 280, "run"));
    if (i == 150) erase_range(*engine, numbered(30), numbered(60));
  }
  const Pairs content = scan(*engine);
  const std::uint64_t sequence = engine->view()->sequence();
  const std::string copy = engine.beside("copy");
  const Status made = engine->checkpoint(copy);
  INFO(made.to_string());
  REQUIRE(made);
  // Both go their own ways.
  for (int i = 0; i < 300; ++i) put(*engine, numbered(i), "later");
  REQUIRE(engine->compact({}));
  {
    auto opened = engine.open_other(copy);
    INFO(opened.error().to_string());
    REQUIRE(opened);
    StorageEngine& other = **opened;
    CHECK(scan(other) == content);
    CHECK(scan_back(other) == content);
    CHECK(other.view()->sequence() == sequence);
    CHECK(read_changes(other, {}) == commits);
    put(other, "only here", "1", SyncPolicy::kSync);
    REQUIRE(other.compact({}));
    REQUIRE(other.close());
  }
  CHECK(get(*engine, "only here") == "<none>");
  CHECK(get(*engine, numbered(5)) == "later");
  engine.reopen();
  CHECK(get(*engine, numbered(5)) == "later");
  auto again = engine.open_other(copy);
  REQUIRE(again);
  CHECK(get(**again, "only here") == "1");
}

TEST_CASE("A checkpoint beside a writer is one moment between its start and its end") {
  TestEngine engine(durable_engine());
  rt::Atomic<bool> stop{false};
  rt::Atomic<int> written{-1};
  rt::Thread writer("writer", [&] {
    for (int i = 0; !stop.load(); ++i) {
      WriteBatch batch;
      batch.put("a", std::to_string(i));
      batch.put("b" + std::to_string(i % 50), std::string(200, 'b'));
      batch.put("c", std::to_string(i));
      batch.set_commit(std::to_string(i));
      if (!engine->write(batch, SyncPolicy::kOs)) return;
      written.store(i);
    }
  });
  int last = -1;
  for (int round = 0; round < 5; ++round) {
    while (written.load() < last + 100) rt::yield();
    const int before = written.load();
    const std::string copy = engine.beside("copy" + std::to_string(round));
    const Status made = engine->checkpoint(copy);
    CHECK(made);
    if (!made) break;
    auto opened = engine.open_other(copy);
    CHECK(opened);
    if (!opened) break;
    const int a = std::stoi(get(**opened, "a"));
    CHECK(std::to_string(a) == get(**opened, "c"));
    CHECK(a >= before);
    const auto changes = read_changes(**opened, (*opened)->log_begin());
    CHECK((!changes.empty() && changes.back() == std::to_string(a)));
    last = written.load();
  }
  stop.store(true);
  writer.join();
}

TEST_CASE("A run that is ingested while a checkpoint is made is in the copy if what was written after it is") {
  // The moment in which the first table is linked: the state was taken, the log not copied yet.
  struct Hooked final : ForwardingFileSystem {
    Hooked() : ForwardingFileSystem(std::make_unique<FaultyFileSystem>(1)) {}
    Status hard_link(const std::string& from, const std::string& to) override {
      if (const auto run = std::exchange(on_link, nullptr)) run();
      return ForwardingFileSystem::hard_link(from, to);
    }
    std::function<void()> on_link;
  } fs;
  EngineOptions options;
  options.file_system = &fs;
  auto engine = open_lsm_engine("db", options).value();
  put(*engine, "old", "1");
  REQUIRE(engine->flush());
  fs.on_link = [&] {
    ingest(*engine, run_of(0, 10, "run"));
    put(*engine, "after the run", "1", SyncPolicy::kSync);
  };
  REQUIRE(engine->checkpoint("copy"));
  REQUIRE(fs.on_link == nullptr);
  auto copy = open_lsm_engine("copy", options).value();
  CHECK(get(*copy, "old") == "1");
  if (get(*copy, "after the run") != "<none>") CHECK(get(*copy, numbered(3)) == "run3");
  CHECK(get(*engine, numbered(3)) == "run3");
}

TEST_CASE("Closing waits for an ingestion, which gives up") {
  FaultyFileSystem fs(1);
  EngineOptions options = small_options(fs);
  auto engine = open_lsm_engine("db", options).value();
  // Has no end, and sees to it that the engine is closed beside it.
  struct Endless final : SortedSource {
    explicit Endless(StorageEngine& engine_in) : engine(engine_in) {}
    Result<bool> next(std::string& key, std::string& value) override {
      if (count++ == 10) {
        closer = rt::Thread("closer", [this] { close(); });
        while (engine.get(nullptr, "k")) rt::yield();                    // until closing has begun
        for (int i = 0; i < 10'000 && !closed.load(); ++i) rt::yield();  // enough for it to end, if it did not wait
      }
      asked_after_close |= closed.load();
      key = std::to_string(1'000'000'000 + count);
      value = "v";
      return true;
    }
    void close() {
      closed_ok = engine.close().is_ok();
      closed.store(true);
    }
    StorageEngine& engine;
    rt::Thread closer;
    int count = 0;
    bool closed_ok = false;
    rt::Atomic<bool> closed{false};
    bool asked_after_close = false;
  } source(*engine);
  const auto result = engine->ingest(source);
  source.closer.join();
  REQUIRE_FALSE(result);
  CHECK(result.error().code() == StatusCode::kAborted);
  CHECK(source.closed_ok);
  CHECK_FALSE(source.asked_after_close);
  engine = open_lsm_engine("db", options).value();
  CHECK(scan(*engine).empty());
}

TEST_CASE("An ingestion whose source throws is over, and the engine closes") {
  struct Throwing final : SortedSource {
    Result<bool> next(std::string&, std::string&) override { throw std::runtime_error("no more"); }
  } source;
  TestEngine engine(EngineKind::kLsm);
  CHECK_THROWS_AS(engine->ingest(source), std::runtime_error);
  put(*engine, "a", "1");
  CHECK(engine->close());
}

TEST_CASE("A checkpoint into a directory that holds something is refused, and memory has none to make") {
  TestEngine engine(any_engine());
  put(*engine, "k", "v");
  if (!engine.durable()) {
    CHECK(engine->checkpoint("copy").code() == StatusCode::kUnsupported);
    return;
  }
  const std::string copy = engine.beside("copy");
  REQUIRE(engine.fs().create_directory(copy));
  REQUIRE(engine->checkpoint(copy));
  CHECK(engine->checkpoint(copy).code() == StatusCode::kAlreadyExists);
  CHECK(engine->checkpoint(engine.beside("db")).code() == StatusCode::kAlreadyExists);
  REQUIRE(engine->close());
  CHECK(engine->checkpoint(engine.beside("late")).code() == StatusCode::kAborted);
}

TEST_CASE("A listener hears of flushes, compactions, ingestions and checkpoints") {
  EventCollector events;
  TestEngine engine(durable_engine(), &events);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 200; ++i) put(*engine, numbered(i), std::string(100, static_cast<char>('a' + round)));
    REQUIRE(engine->flush());
  }
  REQUIRE(engine->compact({}));
  ingest(*engine, run_of(0, 10, "run"));
  REQUIRE(engine->checkpoint(engine.beside("copy")));
  // RocksDB tells of the end of a compaction a little after its effect, and not at all when it is being closed.
  const std::int64_t deadline = rt::monotonic_ns() + 30 * rt::kSecond;
  const auto count = [&](EngineEventKind kind) { return events.of(kind).size(); };
  while (count(EngineEventKind::kCompactionFinished) < count(EngineEventKind::kCompactionBegun) &&
         rt::monotonic_ns() < deadline) {
    rt::sleep_for(rt::kMillisecond);
  }
  REQUIRE(engine->close());
  const auto flushed = events.of(EngineEventKind::kFlushFinished);
  REQUIRE(flushed.size() >= 3);
  CHECK(events.of(EngineEventKind::kFlushBegun).size() == flushed.size());
  std::uint64_t bytes = 0;
  for (const EngineEvent& event : flushed) {
    CHECK(event.status);
    bytes += event.bytes_out;
  }
  CHECK(bytes > 0);
  const auto compacted = events.of(EngineEventKind::kCompactionFinished);
  REQUIRE_FALSE(compacted.empty());
  CHECK(events.of(EngineEventKind::kCompactionBegun).size() == compacted.size());
  CHECK(compacted.front().bytes_in > 0);
  CHECK(events.of(EngineEventKind::kIngested).size() == 1);
  CHECK(events.of(EngineEventKind::kCheckpointed).size() == 1);
  CHECK(events.of(EngineEventKind::kBackgroundError).empty());
}

TEST_CASE("A listener of the LSM engine hears of log segments and of stalls that begin and end") {
  EventCollector events;
  TestEngine engine(EngineKind::kSmallLsm, &events);
  // Small flushes pile up in level 0 faster than they are compacted, sooner or later.
  const std::int64_t deadline = rt::monotonic_ns() + 30 * rt::kSecond;
  for (int i = 0; rt::monotonic_ns() < deadline; ++i) {
    put(*engine, numbered(i % 3000), std::string(900, 'v'), SyncPolicy::kNone);
    if (i % 20 == 0 && !events.of(EngineEventKind::kStallEnded).empty() &&
        events.of(EngineEventKind::kLogSegmentSwitched).size() > 2)
      break;
  }
  const auto switched = events.of(EngineEventKind::kLogSegmentSwitched);
  REQUIRE(switched.size() > 2);
  for (std::size_t i = 1; i < switched.size(); ++i) CHECK(switched[i].segment > switched[i - 1].segment);
  const auto ended = events.of(EngineEventKind::kStallEnded);
  REQUIRE_FALSE(ended.empty());
  CHECK(ended.front().duration_ns > 0);
  CHECK(events.of(EngineEventKind::kStallBegun).size() >= ended.size());
}

TEST_CASE("Tables are listed with level, range and size") {
  TestEngine engine(any_engine());
  for (int i = 0; i < 2000; ++i) put(*engine, numbered(i), std::string(100, 'v'));
  REQUIRE(engine->flush());
  REQUIRE(engine->compact({}));
  const auto tables = engine->tables();
  if (!engine.durable()) {
    CHECK(tables.empty());
    return;
  }
  REQUIRE_FALSE(tables.empty());
  std::uint64_t entries = 0;
  std::set<std::uint64_t> numbers;
  for (const EngineTable& table : tables) {
    CHECK(table.smallest <= table.largest);
    CHECK(table.size_bytes > 0);
    CHECK(table.level >= 0);
    entries += table.entries;
    numbers.insert(table.number);
  }
  CHECK(entries == 2000);
  CHECK(numbers.size() == tables.size());
}

TEST_CASE("Amplification and stall time are among the properties of the LSM engine") {
  TestEngine engine(EngineKind::kSmallLsm);
  for (int i = 0; i < 2000; ++i) put(*engine, numbered(i % 200), std::string(200, 'v'));
  REQUIRE(engine->compact({}));
  std::map<std::string, std::string> properties;
  for (const auto& property : engine->properties()) properties[property.name] = property.value;
  CHECK(std::stod(properties["write_amplification"]) > 1.0);
  CHECK(std::stod(properties["space_amplification"]) >= 1.0);
  CHECK(properties.contains("stall_ns"));
  CHECK(properties.contains("ingested_bytes"));
}
