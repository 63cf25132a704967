// Transactions (src/txn) over a real applier.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "replication/apply/local_node.hpp"

namespace ldb::apply_test {
namespace {

const TableId kTable{2000};
const IndexId kIndex{3000};

std::string read(RowTransaction& t, std::string_view key) {
  const auto image = t.get(kTable, key);
  REQUIRE(image.status().to_string() == "ok");
  return *image ? text_of(**image) : "-";
}
std::string read(LocalNode& node, std::string_view key) { return read(*node.begin(), key); }

void put(LocalNode& node, std::string_view key, std::string value) {
  const auto t = node.begin();
  const bool exists = t->get(kTable, key).value().has_value();
  REQUIRE((exists ? t->update(kTable, key, text(std::move(value))) : t->insert(kTable, key, text(std::move(value)))).is_ok());
  REQUIRE(t->commit().status().to_string() == "ok");
}

std::vector<std::pair<std::string, std::string>> scan(RowTransaction& t, const KeyRange& range = {}, bool reverse = false) {
  auto cursor = t.scan(kTable, range, reverse);
  REQUIRE(cursor.is_ok());
  std::vector<std::pair<std::string, std::string>> out;
  for (; (*cursor)->valid(); (*cursor)->next()) out.emplace_back((*cursor)->key(), text_of((*cursor)->image()));
  REQUIRE((*cursor)->status().is_ok());
  return out;
}
std::vector<std::string> scan_index(RowTransaction& t, const KeyRange& range = {}, bool reverse = false) {
  auto cursor = t.scan_index(kIndex, range, reverse);
  REQUIRE(cursor.is_ok());
  std::vector<std::string> out;
  for (; (*cursor)->valid(); (*cursor)->next()) out.emplace_back((*cursor)->key());
  REQUIRE((*cursor)->status().is_ok());
  return out;
}

}  // namespace

TEST_CASE("A transaction sees its own writes and nobody else does before it commits") {
  LocalNode node;
  put(node, "a", "1");
  const auto t = node.begin();
  REQUIRE(t->insert(kTable, "b", text("2")).is_ok());
  REQUIRE(t->update(kTable, "a", text("3")).is_ok());
  CHECK(read(*t, "a") == "3");
  CHECK(read(*t, "b") == "2");
  CHECK(read(node, "a") == "1");
  CHECK(read(node, "b") == "-");
  CHECK(t->has_writes());
  const auto outcome = t->commit();
  REQUIRE(outcome.is_ok());
  CHECK(outcome->dot.sequence == 2);
  CHECK(node.begin()->view_sequence() >= outcome->sequence);
  CHECK(read(node, "a") == "3");
  CHECK(read(node, "b") == "2");
  CHECK(t->get(kTable, "a").error().code() == StatusCode::kAborted);
  CHECK(t->commit().error().code() == StatusCode::kAborted);
}

TEST_CASE("Rows must exist to be updated or deleted, and must not to be inserted") {
  LocalNode node;
  put(node, "a", "1");
  const auto t = node.begin();
  CHECK(t->insert(kTable, "a", text("2")).code() == StatusCode::kAlreadyExists);
  CHECK(t->update(kTable, "b", text("2")).code() == StatusCode::kNotFound);
  CHECK(t->erase(kTable, "b").code() == StatusCode::kNotFound);
  REQUIRE(t->erase(kTable, "a").is_ok());
  CHECK(t->erase(kTable, "a").code() == StatusCode::kNotFound);
  CHECK(t->update(kTable, "a", text("2")).code() == StatusCode::kNotFound);
  REQUIRE(t->insert(kTable, "a", text("2")).is_ok());
  CHECK(t->insert(kTable, "a", text("2")).code() == StatusCode::kAlreadyExists);
  CHECK(t->insert(kTable, "c", {{ColumnId{2}, "x"}, {ColumnId{1}, "y"}}).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("Several writes of one row in one transaction become one") {
  LocalNode node;
  put(node, "a", "1");
  std::string base_bytes = *node.engine->get(nullptr, keys::row(kTable, "a")).value();
  const WriteId first_birth = decode_row_image(base_bytes)->birth;
  const auto stored = [&](std::string_view key) {
    static std::string bytes;
    bytes = *node.engine->get(nullptr, keys::row(kTable, key)).value();
    return decode_row_image(bytes).value();
  };
  SECTION("insert and update is an insert") {
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", {{ColumnId{1}, "x"}, {ColumnId{2}, "y"}}).is_ok());
    REQUIRE(t->update(kTable, "b", {{ColumnId{2}, "z"}, {ColumnId{3}, "w"}}).is_ok());
    REQUIRE(t->commit().is_ok());
    const RowImage image = stored("b");
    CHECK(image.liveness == image.birth);
    REQUIRE(image.cells.size() == 3);
    CHECK(*image.cells[1].value == "z");
    CHECK(image.cells[2].id == image.birth);
  }
  SECTION("insert and delete is nothing") {
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", text("x")).is_ok());
    REQUIRE(t->erase(kTable, "b").is_ok());
    CHECK_FALSE(t->has_writes());
    CHECK_FALSE(t->commit()->dot.origin);
    CHECK_FALSE(node.engine->get(nullptr, keys::row(kTable, "b")).value());
  }
  SECTION("delete and insert is a new birth") {
    const auto t = node.begin();
    REQUIRE(t->erase(kTable, "a").is_ok());
    REQUIRE(t->insert(kTable, "a", text("2")).is_ok());
    REQUIRE(t->commit().is_ok());
    CHECK(stored("a").birth > first_birth);
    CHECK(read(node, "a") == "2");
  }
  SECTION("delete, insert and delete is a delete") {
    const auto t = node.begin();
    REQUIRE(t->erase(kTable, "a").is_ok());
    REQUIRE(t->insert(kTable, "a", text("2")).is_ok());
    REQUIRE(t->erase(kTable, "a").is_ok());
    REQUIRE(t->commit().is_ok());
    CHECK_FALSE(stored("a").alive);
    CHECK(stored("a").birth == first_birth);
  }
  SECTION("update and delete is a delete") {
    const auto t = node.begin();
    REQUIRE(t->update(kTable, "a", text("2")).is_ok());
    REQUIRE(t->erase(kTable, "a").is_ok());
    REQUIRE(t->commit().is_ok());
    CHECK_FALSE(stored("a").alive);
    CHECK(*stored("a").cells[0].value == "1");
  }
  SECTION("an update that changes nothing still refreshes the row") {
    const auto t = node.begin();
    REQUIRE(t->update(kTable, "a", {}).is_ok());
    REQUIRE(t->commit().is_ok());
    CHECK(stored("a").liveness > first_birth);
    CHECK(stored("a").cells[0].id == first_birth);
  }
}

TEST_CASE("The first committer wins") {
  LocalNode node;
  put(node, "a", "1");
  for (const IsolationLevel isolation : {IsolationLevel::kSnapshot, IsolationLevel::kReadCommitted}) {
    const auto t = node.begin(isolation);
    const auto u = node.begin(isolation);
    REQUIRE(t->update(kTable, "a", text("t")).is_ok());
    REQUIRE(u->erase(kTable, "a").is_ok());
    REQUIRE(t->commit().is_ok());
    CHECK(u->commit().error().code() == StatusCode::kConflict);
    const auto v = node.begin(isolation);
    const auto w = node.begin(isolation);
    const std::string fresh = isolation == IsolationLevel::kSnapshot ? "s" : "r";
    REQUIRE(v->insert(kTable, fresh, text("v")).is_ok());
    REQUIRE(w->insert(kTable, fresh, text("w")).is_ok());
    REQUIRE(v->commit().is_ok());
    CHECK(w->commit().error().code() == StatusCode::kConflict);
  }
  CHECK(node.applier.counters().write_conflicts >= 3);
}

TEST_CASE("Under read committed each statement sees the latest commits, but no update is lost") {
  LocalNode node;
  put(node, "a", "1");
  put(node, "b", "1");
  const auto t = node.begin(IsolationLevel::kReadCommitted);
  const auto snapshot = node.begin();
  CHECK(read(*t, "a") == "1");
  REQUIRE(t->update(kTable, "b", text("t")).is_ok());
  put(node, "a", "2");
  CHECK(read(*t, "a") == "1");
  t->begin_statement();
  snapshot->begin_statement();
  CHECK(read(*t, "a") == "2");
  CHECK(read(*snapshot, "a") == "1");
  SECTION("a row written under an older view and changed since refuses the commit") {
    put(node, "b", "2");
    t->begin_statement();
    CHECK(t->commit().error().code() == StatusCode::kConflict);
    CHECK(read(node, "b") == "2");
  }
  SECTION("else it commits") {
    REQUIRE(t->update(kTable, "a", text("3")).is_ok());
    REQUIRE(t->commit().is_ok());
    CHECK(read(node, "a") == "3");
    CHECK(read(node, "b") == "t");
  }
}

TEST_CASE("Cursors outlive the statement they began in") {
  LocalNode node;
  put(node, "a", "1");
  put(node, "b", "1");
  const auto t = node.begin(IsolationLevel::kReadCommitted);
  auto cursor = t->scan(kTable, {}, false).value();
  put(node, "c", "1");
  t->begin_statement();
  REQUIRE(t->erase(kTable, "b").is_ok());
  std::string keys;
  for (; cursor->valid(); cursor->next()) keys += cursor->key();
  CHECK(keys == "ab");
}

TEST_CASE("Read-only transactions refuse writes, and nothing begins while the node cannot serve") {
  LocalNode node;
  const auto t = node.begin(IsolationLevel::kSnapshot, true);
  CHECK(t->insert(kTable, "a", text("1")).sqlstate() == "25006");
  CHECK(t->update(kTable, "a", text("1")).sqlstate() == "25006");
  CHECK(t->erase(kTable, "a").sqlstate() == "25006");
  CHECK(t->commit().is_ok());
  node.replicator.readable_now = Status(StatusCode::kUnavailable, "bootstrapping");
  CHECK(node.store->begin({}).error().code() == StatusCode::kUnavailable);
}

TEST_CASE("Savepoints nest, and rolling back keeps the one rolled back to") {
  LocalNode node;
  ColumnIndexer indexer(kTable, kIndex, false);
  node.set_indexer(&indexer);
  put(node, "a", "1");
  const auto t = node.begin();
  const std::size_t first = t->savepoint();
  REQUIRE(t->update(kTable, "a", text("2")).is_ok());
  const std::size_t second = t->savepoint();
  REQUIRE(t->erase(kTable, "a").is_ok());
  REQUIRE(t->insert(kTable, "b", text("3")).is_ok());
  CommitRequirement impossible;
  impossible.table = kTable;
  impossible.key = "nobody";
  t->require(impossible);
  CHECK(scan_index(*t) == std::vector<std::string>{ColumnIndexer::prefix("3") + "b"});
  REQUIRE(t->rollback_to(second).is_ok());
  CHECK(scan_index(*t) == std::vector<std::string>{ColumnIndexer::prefix("2") + "a"});
  CHECK(read(*t, "a") == "2");
  REQUIRE(t->insert(kTable, "b", text("4")).is_ok());
  REQUIRE(t->rollback_to(second).is_ok());
  CHECK(read(*t, "b") == "-");
  REQUIRE(t->rollback_to(first).is_ok());
  CHECK(read(*t, "a") == "1");
  CHECK(t->rollback_to(second).code() == StatusCode::kInvalidArgument);
  CHECK_FALSE(t->has_writes());
  REQUIRE(t->insert(kTable, "c", text("5")).is_ok());
  REQUIRE(t->commit().status().to_string() == "ok");
}

TEST_CASE("Requirements are checked on the newest state at commit") {
  LocalNode node;
  ColumnIndexer indexer(kTable, kIndex, true);
  node.set_indexer(&indexer);
  put(node, "a", "one");
  const Status violation = Status::sql(StatusCode::kConstraint, "23505", "duplicate key");
  const auto unique = [&](const std::string& value, const std::string& key) {
    return CommitRequirement{CommitRequirement::Kind::kUnique, kTable, key, kIndex, ColumnIndexer::prefix(value), violation};
  };
  SECTION("unique: another row has the value") {
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", text("one")).is_ok());
    t->require(unique("one", "b"));
    CHECK(t->commit().error().sqlstate() == "23505");
    CHECK(read(node, "b") == "-");
  }
  SECTION("unique: the other row gives the value up in the same commit") {
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", text("one")).is_ok());
    REQUIRE(t->update(kTable, "a", text("two")).is_ok());
    t->require(unique("one", "b"));
    t->require(unique("two", "a"));
    CHECK(t->commit().status().to_string() == "ok");
  }
  SECTION("unique: two rows of one commit share the value") {
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", text("x")).is_ok());
    REQUIRE(t->insert(kTable, "c", text("x")).is_ok());
    t->require(unique("x", "b"));
    t->require(unique("x", "c"));
    CHECK(t->commit().error().sqlstate() == "23505");
  }
  SECTION("unique: the value came after the view was taken") {
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", text("late")).is_ok());
    t->require(unique("late", "b"));
    put(node, "c", "late");
    CHECK(t->commit().error().sqlstate() == "23505");
  }
  SECTION("a parent must be alive, and may be written by the same commit") {
    const auto parent = [&](const std::string& key) {
      return CommitRequirement{CommitRequirement::Kind::kRowAlive, kTable, key, {}, {}, violation};
    };
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", text("x")).is_ok());
    t->require(parent("a"));
    t->require(parent("b"));
    CHECK(t->commit().is_ok());
    const auto u = node.begin();
    REQUIRE(u->insert(kTable, "c", text("y")).is_ok());
    u->require(parent("a"));
    const auto v = node.begin();
    REQUIRE(v->erase(kTable, "a").is_ok());
    REQUIRE(v->commit().is_ok());
    CHECK(u->commit().error().sqlstate() == "23505");
    const auto w = node.begin();
    REQUIRE(w->erase(kTable, "b").is_ok());
    w->require(parent("b"));
    CHECK(w->commit().error().sqlstate() == "23505");
  }
  SECTION("no entries may be left behind, those that the commit removes aside") {
    const CommitRequirement none{CommitRequirement::Kind::kNoEntries, kTable,   "parent", kIndex,
                                 ColumnIndexer::prefix("one"),        violation};
    const auto t = node.begin();
    REQUIRE(t->insert(kTable, "b", text("x")).is_ok());
    t->require(none);
    CHECK(t->commit().error().sqlstate() == "23505");
    const auto u = node.begin();
    REQUIRE(u->erase(kTable, "a").is_ok());
    u->require(none);
    CHECK(u->commit().is_ok());
  }
}

TEST_CASE("Scans show own writes in their places, forward and backward, over rows and indexes") {
  const std::uint64_t seed = 21;
  CAPTURE(seed);
  std::mt19937_64 rng(seed);
  for (int round = 0; round < 150; ++round) {
    CAPTURE(round);
    LocalNode node;
    ColumnIndexer indexer(kTable, kIndex, false);
    node.set_indexer(&indexer);
    std::map<std::string, std::string> model;
    std::vector<std::map<std::string, std::string>> saved;
    std::unique_ptr<RowTransaction> t = node.begin();
    for (int i = 0; i < 60; ++i) {
      const std::string key(1, static_cast<char>('a' + rng() % 12));
      const std::string value = std::to_string(rng() % 20);
      switch (rng() % 10) {
        case 0:
          if (rng() % 2 == 0) {
            REQUIRE(t->commit().status().to_string() == "ok");
            t = node.begin();
            saved.clear();
          }
          break;
        case 1:
          REQUIRE(t->savepoint() == saved.size());
          saved.push_back(model);
          break;
        case 2:
          if (!saved.empty()) {
            const std::size_t n = rng() % saved.size();
            REQUIRE(t->rollback_to(n).is_ok());
            model = saved[n];
            saved.resize(n + 1);
          }
          break;
        case 3:
        case 4:
          REQUIRE(t->erase(kTable, key).is_ok() == (model.erase(key) == 1));
          break;
        default:
          if (model.count(key) == 1)
            REQUIRE(t->update(kTable, key, text(value)).is_ok());
          else
            REQUIRE(t->insert(kTable, key, text(value)).is_ok());
          model[key] = value;
      }
      if (i % 5 != 0) continue;
      KeyRange range;
      if (rng() % 2 == 0) range.lower = std::string(1, static_cast<char>('a' + rng() % 12));
      if (rng() % 2 == 0) range.upper = std::string(1, static_cast<char>('a' + rng() % 12));
      std::vector<std::pair<std::string, std::string>> rows;
      std::vector<std::string> entries;
      for (const auto& [k, v] : model) {
        if ((!range.lower || k >= *range.lower) && (!range.upper || k < *range.upper)) rows.emplace_back(k, v);
        const std::string entry = ColumnIndexer::prefix(v) + k;
        if ((!range.lower || entry >= *range.lower) && (!range.upper || entry < *range.upper)) entries.push_back(entry);
      }
      std::sort(entries.begin(), entries.end());
      REQUIRE(scan(*t, range) == rows);
      REQUIRE(scan_index(*t, range) == entries);
      std::reverse(rows.begin(), rows.end());
      std::reverse(entries.begin(), entries.end());
      REQUIRE(scan(*t, range, true) == rows);
      REQUIRE(scan_index(*t, range, true) == entries);
      for (const auto& [k, v] : model) REQUIRE(read(*t, k) == v);
    }
    REQUIRE(t->commit().status().to_string() == "ok");
    // The stored entries are exactly those of the stored rows.
    std::vector<std::string> entries;
    for (const auto& [k, v] : model) entries.push_back(ColumnIndexer::prefix(v) + k);
    std::sort(entries.begin(), entries.end());
    REQUIRE(scan_index(*node.begin()) == entries);
  }
}

TEST_CASE("Serializable transactions refuse write skew and phantoms, snapshot ones do not") {
  for (const IsolationLevel isolation : {IsolationLevel::kSnapshot, IsolationLevel::kSerializable}) {
    LocalNode node;
    ColumnIndexer indexer(kTable, kIndex, false);
    node.set_indexer(&indexer);
    put(node, "a", "on");
    put(node, "b", "on");
    const bool serializable = isolation == IsolationLevel::kSerializable;
    const auto refused = [&](RowTransaction& t) {
      const auto outcome = t.commit();
      if (!outcome) REQUIRE(outcome.error().code() == StatusCode::kConflict);
      return !outcome.is_ok();
    };
    {  // alone, also the first one commits
      const auto t = node.begin(isolation);
      CHECK(read(*t, "a") == "on");
      REQUIRE(t->insert(kTable, "first", text("x")).is_ok());
      CHECK_FALSE(refused(*t));
    }
    {  // write skew over points
      const auto t = node.begin(isolation), u = node.begin(isolation);
      for (RowTransaction* x : {t.get(), u.get()}) CHECK((read(*x, "a") == "on" && read(*x, "b") == "on"));
      REQUIRE(t->update(kTable, "a", text("off")).is_ok());
      REQUIRE(u->update(kTable, "b", text("off")).is_ok());
      CHECK_FALSE(refused(*t));
      CHECK(refused(*u) == serializable);
    }
    {  // a phantom in a scan
      const auto t = node.begin(isolation);
      scan(*t, {"p", "q"});
      REQUIRE(t->insert(kTable, "count", text("0")).is_ok());
      put(node, "pp", "new");
      CHECK(refused(*t) == serializable);
    }
    {  // a phantom in an index scan
      const auto t = node.begin(isolation);
      scan_index(*t, {"wanted", "wantee"});
      REQUIRE(t->insert(kTable, "found", text("0")).is_ok());
      put(node, "pp", "wanted");
      CHECK(refused(*t) == serializable);
    }
    {  // what was not read does not matter, nor does anything to a transaction that writes nothing
      const auto t = node.begin(isolation), u = node.begin(isolation);
      CHECK(read(*t, "a") == "off");
      scan(*u);
      REQUIRE(t->insert(kTable, "z", text("0")).is_ok());
      put(node, "b", "later");
      CHECK_FALSE(refused(*t));
      CHECK_FALSE(refused(*u));
    }
  }
}

TEST_CASE("Serializable transfers under many threads keep the sum and see it") {
  LocalNode node;
  constexpr int kAccounts = 6, kThreads = 4, kEach = 60;
  for (int i = 0; i < kAccounts; ++i) put(node, "acc" + std::to_string(i), "10");
  rt::Atomic<int> bad{0}, committed{0};
  std::vector<rt::Thread> threads;
  for (int n = 0; n < kThreads; ++n) {
    threads.emplace_back("mover", [&, n] {
      std::mt19937_64 rng(static_cast<std::uint64_t>(n) + 77);
      for (int done = 0; done < kEach;) {
        auto begun = node.store->begin({IsolationLevel::kSerializable, false, SyncPolicy::kNone});
        RowTransaction& t = **begun;
        std::vector<int> balance;
        auto cursor = t.scan(kTable, {}, false);
        for (; (*cursor)->valid(); (*cursor)->next()) {
          RowImageReader reader;
          RowCell cell;
          if (!reader.parse((*cursor)->image()) || !reader.find(ColumnId{1}, cell)) return void(bad.fetch_add(1));
          balance.push_back(std::stoi(std::string(cell.bytes)));
        }
        int sum = 0;
        for (const int b : balance) sum += b;
        if (sum != 10 * kAccounts) bad.fetch_add(1);
        // Only a balance that depends on all others is written: snapshot isolation would lose the sum.
        const std::size_t to = rng() % kAccounts;
        const std::size_t from = (to + 1 + rng() % (kAccounts - 1)) % kAccounts;
        const auto set = [&](std::size_t i, int v) {
          return t.update(kTable, "acc" + std::to_string(i), text(std::to_string(v)));
        };
        if (!set(to, balance[to] + 1) || !set(from, 10 * kAccounts - (sum - balance[from]) - 1)) return void(bad.fetch_add(1));
        const auto outcome = t.commit();
        if (outcome) {
          ++done;
          committed.fetch_add(1);
        } else if (outcome.error().code() != StatusCode::kConflict) {
          return void(bad.fetch_add(1));
        }
      }
    });
  }
  for (rt::Thread& thread : threads) thread.join();
  CHECK(bad.load() == 0);
  CHECK(committed.load() == kThreads * kEach);
}

TEST_CASE("Concurrent increments with retry lose no update, and their syncs overlap") {
  LocalNode node;
  put(node, "n", "0");
  put(node, "m", "0");
  constexpr int kThreads = 4, kEach = 200;
  rt::Atomic<int> failures{0};
  std::vector<rt::Thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back("writer", [&, i] {
      for (int done = 0; done < kEach;) {
        auto begun = node.store->begin({IsolationLevel::kSnapshot, false, SyncPolicy::kSync});
        if (!begun) return void(failures.fetch_add(1));
        RowTransaction& t = **begun;
        const std::string_view key = (i + done) % 2 == 0 ? "n" : "m";
        const auto image = t.get(kTable, key);
        RowImageReader reader;
        RowCell cell;
        if (!image || !*image || !reader.parse(**image) || !reader.find(ColumnId{1}, cell)) return void(failures.fetch_add(1));
        if (!t.update(kTable, key, text(std::to_string(std::stoi(std::string(cell.bytes)) + 1))))
          return void(failures.fetch_add(1));
        const auto outcome = t.commit();
        if (outcome)
          ++done;
        else if (outcome.error().code() != StatusCode::kConflict)
          return void(failures.fetch_add(1));
      }
    });
  }
  for (rt::Thread& thread : threads) thread.join();
  CHECK(failures.load() == 0);
  CHECK(std::stoi(read(node, "n")) + std::stoi(read(node, "m")) == kThreads * kEach);
  CHECK(node.applier.submitted().get(node.applier.origin()).sequence == kThreads * kEach + 2);
}

}  // namespace ldb::apply_test
