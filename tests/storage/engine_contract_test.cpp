// What every StorageEngine promises.
#include "base/random.hpp"
#include "storage/engine_fixture.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

EngineKind any_engine() {
  const EngineKind kind = GENERATE(from_range(engine_kinds()));
  UNSCOPED_INFO("engine: " << to_string(kind));
  return kind;
}

class EvenValuesAreGarbage final : public CollectionPolicy {
 public:
  bool collectible(std::string_view, std::string_view value) const override { return value == "garbage"; }
};

}  // namespace

TEST_CASE("StorageEngine returns what was put and nothing that was not") {
  TestEngine engine(any_engine());
  CHECK(get(*engine, "a") == "<none>");
  put(*engine, "a", "1");
  put(*engine, "b", "");
  put(*engine, "", "empty key");
  CHECK(get(*engine, "a") == "1");
  CHECK(get(*engine, "b").empty());
  CHECK(get(*engine, "") == "empty key");
  CHECK(get(*engine, "aa") == "<none>");
  put(*engine, "a", "2");
  CHECK(get(*engine, "a") == "2");
  erase(*engine, "a");
  CHECK(get(*engine, "a") == "<none>");
  CHECK(scan(*engine) == Pairs{{"", "empty key"}, {"b", ""}});
}

TEST_CASE("StorageEngine keeps binary keys and large values apart") {
  TestEngine engine(any_engine());
  const std::string zero("a\0b", 3);
  const std::string high("a\xff\xff", 3);
  const std::string large(300000, 'x');
  put(*engine, zero, "zero");
  put(*engine, high, large);
  put(*engine, "a", "plain");
  REQUIRE(engine->flush());
  CHECK(get(*engine, zero) == "zero");
  CHECK(get(*engine, high) == large);
  CHECK(scan(*engine) == Pairs{{"a", "plain"}, {zero, "zero"}, {high, large}});
  CHECK(scan_back(*engine) == scan(*engine));
}

TEST_CASE("A batch applies its operations in order and as a whole") {
  TestEngine engine(any_engine());
  put(*engine, "r3", "old");
  WriteBatch batch;
  batch.put("a", "1");
  batch.put("a", "2");
  batch.put("r1", "gone");
  batch.erase_range("r", "s");
  batch.put("r2", "stays");
  batch.erase("missing");
  const auto sequence = engine->write(batch, SyncPolicy::kSync);
  REQUIRE(sequence);
  CHECK(scan(*engine) == Pairs{{"a", "2"}, {"r2", "stays"}});
  CHECK(get(*engine, "r1") == "<none>");
  CHECK(get(*engine, "r3") == "<none>");
  CHECK(engine->view()->sequence() == *sequence);
}

TEST_CASE("Sequences grow, and wait returns the batch's last one") {
  TestEngine engine(any_engine());
  std::uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    WriteBatch batch;
    for (int k = 0; k <= i % 3; ++k) batch.put("k" + std::to_string(k), "v");
    const auto sequence = engine->write(batch, SyncPolicy::kNone);
    REQUIRE(sequence);
    CHECK(*sequence > last);
    last = *sequence;
    CHECK(engine->newest_sequence("k0").value() <= last);
    CHECK(engine->newest_sequence("k0").value() + 3 > last);
  }
  CHECK(engine->newest_sequence("never").value() == 0);
}

TEST_CASE("submit fixes the order, and a later wait makes the earlier write visible") {
  TestEngine engine(any_engine());
  WriteBatch first;
  first.put("k", "first");
  WriteBatch second;
  second.put("k", "second");
  auto a = engine->submit(first, SyncPolicy::kOs);
  auto b = engine->submit(second, SyncPolicy::kOs);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(get(*engine, "k") == "<none>");
  const auto sb = engine->wait(std::move(*b));
  REQUIRE(sb);
  CHECK(get(*engine, "k") == "second");
  const auto sa = engine->wait(std::move(*a));
  REQUIRE(sa);
  CHECK(*sa < *sb);
  CHECK(get(*engine, "k") == "second");
}

TEST_CASE("Writes that nobody waits for are refused when there are too many, and the others are there all the same") {
  TestEngine engine(any_engine());
  std::vector<std::unique_ptr<StorageEngine::PendingWrite>> pending;
  Status refused;
  while (refused && pending.size() < 100'000) {
    WriteBatch batch;
    batch.put("key" + std::to_string(pending.size()), "v");
    auto submitted = engine->submit(std::move(batch), SyncPolicy::kNone);
    refused = submitted.error();
    if (submitted) pending.push_back(std::move(*submitted));
  }
  CHECK(refused.code() == StatusCode::kResourceExhausted);
  CHECK(pending.size() == 65'536);
  REQUIRE(engine->wait(std::move(pending.back())));
  pending.pop_back();
  CHECK(get(*engine, "key0") == "v");
  CHECK(get(*engine, "key65535") == "v");
  CHECK(get(*engine, "key65536") == "<none>");
  put(*engine, "key65536", "v");
  for (auto& write : pending) REQUIRE(engine->wait(std::move(write)));
}

TEST_CASE("A write whose owner forgot to wait is applied in its place all the same") {
  TestEngine engine(any_engine());
  {
    WriteBatch batch;
    batch.put("forgotten", "1");
    auto pending = engine->submit(batch, SyncPolicy::kOs);
    REQUIRE(pending);
  }
  put(*engine, "later", "2");
  CHECK(scan(*engine) == Pairs{{"forgotten", "1"}, {"later", "2"}});
}

TEST_CASE("A view never changes while it is open") {
  TestEngine engine(any_engine());
  for (int i = 0; i < 50; ++i) put(*engine, "k" + std::to_string(100 + i), "old");
  const auto view = engine->view();
  const Pairs before = scan(*engine, view.get());
  auto it = engine->iterate(view.get(), {});
  REQUIRE(it);
  (*it)->seek_to_first();
  for (int i = 0; i < 50; i += 2) put(*engine, "k" + std::to_string(100 + i), "new");
  erase_range(*engine, "k110", "k120");
  erase(*engine, "k149");
  put(*engine, "k200", "new");
  REQUIRE(engine->flush());
  REQUIRE(engine->compact({}));
  CHECK(scan(*engine, view.get()) == before);
  CHECK(scan_back(*engine, view.get()) == before);
  CHECK(get(*engine, "k111", view.get()) == "old");
  CHECK(get(*engine, "k200", view.get()) == "<none>");
  Pairs through_iterator;
  for (; (*it)->valid(); (*it)->next()) through_iterator.emplace_back((*it)->key(), (*it)->value());
  CHECK(through_iterator == before);
  CHECK(get(*engine, "k111") == "<none>");
}

TEST_CASE("Iterators seek in both directions and respect their bounds") {
  TestEngine engine(any_engine());
  for (const char* key : {"b", "d", "f", "h"}) put(*engine, key, key);
  erase(*engine, "f");
  put(*engine, "g", "g");
  erase(*engine, "g");
  const auto at = [](const Iterator& it) { return it.valid() ? std::string(it.key()) : std::string("<end>"); };
  const bool flushed = GENERATE(false, true);
  if (flushed) REQUIRE(engine->flush());
  {
    auto made = engine->iterate(nullptr, {});
    REQUIRE(made);
    Iterator& it = **made;
    it.seek("c");
    CHECK(at(it) == "d");
    it.seek("d");
    CHECK(at(it) == "d");
    it.seek("e");
    CHECK(at(it) == "h");
    it.seek("i");
    CHECK(at(it) == "<end>");
    it.seek_for_prev("c");
    CHECK(at(it) == "b");
    it.seek_for_prev("b");
    CHECK(at(it) == "b");
    it.seek_for_prev("g");
    CHECK(at(it) == "d");
    it.seek_for_prev("a");
    CHECK(at(it) == "<end>");
    it.seek_to_first();
    it.next();
    CHECK(at(it) == "d");
    it.prev();
    CHECK(at(it) == "b");
    it.next();
    it.next();
    CHECK(at(it) == "h");
    it.prev();
    CHECK(at(it) == "d");
    it.prev();
    it.prev();
    CHECK(at(it) == "<end>");
  }
  {
    auto made = engine->iterate(nullptr, {"c", "h"});
    REQUIRE(made);
    Iterator& it = **made;
    it.seek_to_first();
    CHECK(at(it) == "d");
    it.next();
    CHECK(at(it) == "<end>");
    it.seek("a");
    CHECK(at(it) == "d");
    it.seek_to_last();
    CHECK(at(it) == "d");
    it.seek_for_prev("z");
    CHECK(at(it) == "d");
    it.prev();
    CHECK(at(it) == "<end>");
    it.seek("h");
    CHECK(at(it) == "<end>");
    it.seek_for_prev("b");
    CHECK(at(it) == "<end>");
  }
}

TEST_CASE("An iterator may go to the key that it shows") {
  TestEngine engine(any_engine());
  for (int i = 0; i < 300; ++i) {
    put(*engine, "key, longer than a small string may be, " + std::to_string(100 + i), std::string(100, 'v'));
    if (i == 150) REQUIRE(engine->flush());
  }
  put(*engine, "key, longer than a small string may be, 120", "new");  // in the memtable, too
  const auto it = engine->iterate(nullptr, {});
  REQUIRE(it);
  int seen = 0;
  for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) {
    const std::string key((*it)->key());
    (*it)->seek((*it)->key());
    REQUIRE((*it)->valid());
    REQUIRE((*it)->key() == key);
    (*it)->seek_for_prev((*it)->key());
    REQUIRE((*it)->valid());
    REQUIRE((*it)->key() == key);
    ++seen;
  }
  CHECK(seen == 300);
}

TEST_CASE("A range deletion hides what is older and nothing that is newer") {
  TestEngine engine(any_engine());
  for (int i = 0; i < 30; ++i) put(*engine, "k" + std::to_string(10 + i), "old");
  const int flushes = GENERATE(0, 1, 2);
  if (flushes >= 1) REQUIRE(engine->flush());
  erase_range(*engine, "k15", "k25");
  erase_range(*engine, "k20", "k30");
  erase_range(*engine, "x", "a");  // empty
  if (flushes >= 2) REQUIRE(engine->flush());
  put(*engine, "k17", "new");
  Pairs expected;
  for (int i = 10; i < 40; ++i) {
    if (i >= 15 && i < 30 && i != 17) continue;
    expected.emplace_back("k" + std::to_string(i), i == 17 ? "new" : "old");
  }
  CHECK(scan(*engine) == expected);
  CHECK(scan_back(*engine) == expected);
  CHECK(get(*engine, "k15") == "<none>");
  CHECK(get(*engine, "k25") == "<none>");
  CHECK(get(*engine, "k30") == "old");
  CHECK(get(*engine, "k17") == "new");
  REQUIRE(engine->compact({}));
  CHECK(scan(*engine) == expected);
  CHECK(scan_back(*engine) == expected);
  if (engine.durable()) {
    engine.reopen();
    CHECK(scan(*engine) == expected);
  }
}

TEST_CASE("A queue trimmed from its front again and again is the same to every view, in memory and on disk") {
  constexpr int kTrims = 500;
  constexpr int kLength = 5;
  TestEngine engine(any_engine());
  const auto key = [](int n) { return "queue/" + std::to_string(10'000 + n); };
  struct Seen {
    std::unique_ptr<ReadView> view;  // null: now
    int front = 0;
  };
  std::vector<Seen> all;
  const auto check = [&] {
    for (const Seen& seen : all) {
      CAPTURE(seen.front);
      Pairs left;
      for (int n = seen.front; n < seen.front + kLength; ++n) left.emplace_back(key(n), std::to_string(n));
      CHECK(scan(*engine, seen.view.get()) == left);
      CHECK(scan_back(*engine, seen.view.get()) == left);
      for (const int n : {0, seen.front / 2, seen.front - 1}) CHECK(get(*engine, key(n), seen.view.get()) == "<none>");
      CHECK(get(*engine, key(seen.front), seen.view.get()) == std::to_string(seen.front));
    }
  };
  for (int i = 0; i < kLength; ++i) put(*engine, key(i), std::to_string(i));
  for (int i = 1; i <= kTrims; ++i) {
    erase_range(*engine, "", key(i));
    put(*engine, key(i + kLength - 1), std::to_string(i + kLength - 1));
    REQUIRE(get(*engine, key(i - 1)) == "<none>");
    REQUIRE(get(*engine, key(i)) == std::to_string(i));
    if (i % 120 == 0) all.push_back({engine->view(), i});
  }
  all.push_back({nullptr, kTrims});
  check();
  REQUIRE(engine->flush());
  check();
  REQUIRE(engine->compact({}));
  check();
  all.erase(all.begin(), all.end() - 1);
  REQUIRE(engine->compact({}));
  check();
  if (!engine.durable()) return;
  engine.reopen();
  check();
}

TEST_CASE("A flush writes of deleted ranges what the open views can tell apart") {
  TestEngine engine(EngineKind::kLsm);
  const auto trim = [&](int n) { erase_range(*engine, "", "queue/" + std::to_string(10'000 + n)); };
  const auto range_deletions = [&] {
    std::uint64_t count = 0;
    for (const EngineTable& table : engine->tables()) count += table.range_deletions;
    return count;
  };
  for (int i = 1; i <= 300; ++i) trim(i);
  REQUIRE(engine->flush());
  CHECK(range_deletions() == 1);
  for (int i = 301; i <= 350; ++i) trim(i);
  const auto view = engine->view();
  for (int i = 351; i <= 400; ++i) trim(i);
  REQUIRE(engine->flush());
  CHECK(range_deletions() == 1 + 3);  // two where the view's reach, one behind that
}

TEST_CASE("newest_sequence sees every write newer than the oldest view, deletions included") {
  TestEngine engine(any_engine());
  put(*engine, "k", "1");
  const auto view = engine->view();
  WriteBatch batch;
  batch.put("k", "2");
  const std::uint64_t second = engine->write(batch, SyncPolicy::kOs).value();
  CHECK(engine->newest_sequence("k").value() == second);
  REQUIRE(engine->flush());
  CHECK(engine->newest_sequence("k").value() == second);
  WriteBatch removal;
  removal.erase("k");
  const std::uint64_t third = engine->write(removal, SyncPolicy::kOs).value();
  CHECK(engine->newest_sequence("k").value() == third);
  REQUIRE(engine->compact({}));
  CHECK(engine->newest_sequence("k").value() == third);
  put(*engine, "other", "1");
  put(*engine, "k", "3");
  WriteBatch range;
  range.erase_range("a", "z");
  const std::uint64_t fourth = engine->write(range, SyncPolicy::kOs).value();
  CHECK(engine->newest_sequence("k").value() == fourth);
}

TEST_CASE("Commits come out of the change log in order, whole, and only they") {
  TestEngine engine(any_engine());
  const LogPosition start = engine->log_begin();
  put(*engine, "local", "not streamed");
  std::vector<std::string> expected;
  std::uint64_t last_sequence = 0;
  for (int i = 0; i < 40; ++i) {
    WriteBatch batch;
    const std::string payload = "commit " + std::to_string(10 + i) + std::string(static_cast<std::size_t>(i) * 10, 'p');
    batch.put_from_commit("k" + std::to_string(i), 7, 2);
    batch.put("derived" + std::to_string(i), "x");
    batch.set_commit(payload);
    expected.push_back(payload);
    last_sequence = engine->write(batch, SyncPolicy::kSync).value();
  }
  CHECK(get(*engine, "k12") == "22");
  CHECK(get(*engine, "derived3") == "x");
  CHECK(read_changes(*engine, start) == expected);
  CHECK(read_changes(*engine, {}) == expected);

  auto reader = engine->changes(start).value();
  std::vector<LogPosition> positions;
  std::uint64_t sequence = 0;
  while (auto change = reader->next().value()) {
    CHECK(change->position < change->next);
    positions.push_back(change->position);
    sequence = change->sequence;
  }
  CHECK(sequence == last_sequence);
  REQUIRE(positions.size() == 40);
  CHECK(read_changes(*engine, positions[30]) == std::vector<std::string>(expected.begin() + 30, expected.end()));
  CHECK(read_changes(*engine, engine->log_end()).empty());

  // The reader goes on where it stopped.
  WriteBatch bare;
  bare.set_commit("bare commit");
  REQUIRE(engine->write(bare, SyncPolicy::kSync));
  const auto change = reader->next().value();
  REQUIRE(change);
  CHECK(change->commit == "bare commit");
  CHECK_FALSE(reader->next().value());
}

TEST_CASE("The change log shows only what is synced, and tells its listener when there is more") {
  TestEngine engine(any_engine());
  int calls = 0;
  engine->set_log_listener([&] { ++calls; });
  auto reader = engine->changes(engine->log_end()).value();
  WriteBatch batch;
  batch.put("k", "v");
  batch.set_commit("c");
  REQUIRE(engine->write(batch, SyncPolicy::kOs));
  if (engine.durable()) {
    CHECK_FALSE(reader->next().value());
    CHECK(calls == 0);
  }
  REQUIRE(engine->sync());
  CHECK(calls == 1);
  const auto change = reader->next().value();
  REQUIRE(change);
  CHECK(change->commit == "c");
  CHECK(change->next <= engine->log_end());
  engine->set_log_listener(nullptr);
}

TEST_CASE("Released changes are gone and the rest stays readable") {
  TestEngine engine(any_engine());
  for (int i = 0; i < 200; ++i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i), std::string(300, 'v'));
    batch.set_commit("commit " + std::to_string(i));
    REQUIRE(engine->write(batch, SyncPolicy::kOs));
  }
  REQUIRE(engine->sync());
  auto reader = engine->changes(engine->log_begin()).value();
  LogPosition middle;
  for (int i = 0; i < 100; ++i) middle = reader->next().value()->next;
  auto stale = engine->changes(engine->log_begin()).value();
  engine->release_log(middle);
  CHECK(engine->log_begin() >= middle);
  REQUIRE(engine->flush());
  const auto failed = stale->next();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == StatusCode::kNotFound);
  const auto rest = read_changes(*engine, middle);
  REQUIRE(rest.size() == 100);
  CHECK(rest[0] == "commit 100");
  const auto change = reader->next();
  REQUIRE(change);
  CHECK((*change)->commit == "commit 100");
}

TEST_CASE("Collectible values vanish in a compaction once no view needs them") {
  TestEngine engine(any_engine());
  const EvenValuesAreGarbage policy;
  engine->set_collection_policy(&policy);
  put(*engine, "a", "keep");
  put(*engine, "b", "old");
  put(*engine, "b", "garbage");
  put(*engine, "c", "old");
  const auto view = engine->view();
  put(*engine, "c", "garbage");
  REQUIRE(engine->flush());
  REQUIRE(engine->compact({}));
  CHECK(get(*engine, "a") == "keep");
  CHECK(get(*engine, "b") == "<none>");
  CHECK(get(*engine, "c") == "garbage");
  CHECK(get(*engine, "c", view.get()) == "old");
  CHECK(get(*engine, "b", view.get()) == "<none>");
  engine->set_collection_policy(nullptr);
}

TEST_CASE("Batches that break the bounds are refused and change nothing") {
  TestEngine engine(any_engine());
  WriteBatch batch;
  batch.put("fine", "1");
  batch.put_from_commit("k", 3, 10);
  batch.set_commit("short");
  const auto result = engine->write(batch, SyncPolicy::kOs);
  REQUIRE_FALSE(result);
  CHECK(result.error().code() == StatusCode::kInvalidArgument);
  WriteBatch long_key;
  long_key.put(std::string(2 << 20, 'k'), "v");
  CHECK(engine->write(long_key, SyncPolicy::kOs).error().code() == StatusCode::kInvalidArgument);
  CHECK(scan(*engine).empty());
  put(*engine, "after", "1");
  CHECK(scan(*engine) == Pairs{{"after", "1"}});
}

TEST_CASE("A closed engine refuses every call") {
  TestEngine engine(any_engine());
  put(*engine, "k", "v");
  REQUIRE(engine->close());
  REQUIRE(engine->close());
  WriteBatch batch;
  batch.put("k", "v");
  CHECK(engine->write(batch, SyncPolicy::kOs).error().code() == StatusCode::kAborted);
  CHECK(engine->get(nullptr, "k").error().code() == StatusCode::kAborted);
  CHECK(engine->iterate(nullptr, {}).error().code() == StatusCode::kAborted);
  CHECK(engine->changes({}).error().code() == StatusCode::kAborted);
  CHECK(engine->flush().code() == StatusCode::kAborted);
  CHECK(engine->compact({}).code() == StatusCode::kAborted);
  CHECK(engine->sync().code() == StatusCode::kAborted);
}

TEST_CASE("Everything survives reopening, and change positions stay valid") {
  const EngineKind kind = GENERATE(from_range(engine_kinds(true)));
  TestEngine engine(kind);
  const LogPosition begin = engine->log_begin();
  std::vector<std::string> commits;
  std::map<std::string, std::string> expected;
  LogPosition middle;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 150; ++i) {
      WriteBatch batch;
      const std::string key = "key" + std::to_string(i * 7 % 150);
      const std::string value = "value " + std::to_string(round) + std::string(60, 'v');
      batch.put(key, value);
      expected[key] = value;
      if (i % 10 == 0) {
        commits.push_back("commit " + std::to_string(round) + "/" + std::to_string(i));
        batch.set_commit(commits.back());
      }
      REQUIRE(engine->write(batch, i % 50 == 0 ? SyncPolicy::kSync : SyncPolicy::kNone));
    }
    const std::uint64_t sequence = engine->view()->sequence();
    if (round == 2) {
      REQUIRE(engine->sync());
      middle = engine->log_end();
    }
    engine.reopen();
    CHECK(engine->view()->sequence() == sequence);
    CHECK(scan(*engine) == Pairs(expected.begin(), expected.end()));
    CHECK(read_changes(*engine, begin) == commits);
  }
  CHECK(read_changes(*engine, middle) == std::vector<std::string>(commits.end() - 15, commits.end()));
}

TEST_CASE("properties and sizes answer") {
  const EngineKind kind = any_engine();
  TestEngine engine(kind);
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    std::string value(200, '\0');  // does not compress, so that it counts as much in a table as in a memtable
    for (char& c : value) c = static_cast<char>(random.below(256));
    put(*engine, "k" + std::to_string(i), value);
  }
  // RocksDB guesses what is in a memtable by the random heights in its skip list, at times a quarter of it.
  if (kind != EngineKind::kRocksDb) CHECK(engine->approximate_size({}) >= 20000);
  REQUIRE(engine->flush());
  CHECK(engine->approximate_size({}) >= 20000);
  CHECK(engine->approximate_size({"x", "y"}) == 0);
  CHECK(engine->memory_usage() > 0);
  CHECK_FALSE(engine->properties().empty());
  CHECK_FALSE(engine->name().empty());
}

TEST_CASE("A compaction rewrites old tables of the deepest level beside new ones") {
  const auto fs = new_memory_file_system();
  auto engine = open_lsm_engine("db", small_options(*fs)).value();
  const auto fill = [&](char first, char last) {
    for (char c = first; c <= last; ++c) {
      for (int i = 0; i < 40; ++i) put(*engine, std::string(1, c) + std::to_string(100 + i), std::string(800, c));
    }
  };
  for (const auto& [first, last] : {std::pair('a', 'f'), std::pair('p', 'z')}) {
    fill(first, last);
    REQUIRE(engine->compact({}));
  }
  // In the middle of what is there; the tables on both sides are rewritten, but not across the new one.
  fill('i', 'k');
  REQUIRE(engine->compact({}));
  fill('b', 'c');
  erase_range(*engine, "q", "r");
  REQUIRE(engine->compact({}));
  const auto it = engine->iterate(nullptr, {}).value();
  std::size_t entries = 0;
  for (it->seek_to_first(); it->valid(); it->next()) ++entries;
  REQUIRE(it->status());
  CHECK(entries == 40 * (6 + 3 + 11 - 1));
  CHECK(engine->get(nullptr, "j110").value() == std::string(800, 'j'));
  CHECK_FALSE(engine->get(nullptr, "q110").value());
  CHECK(engine->close());
}
