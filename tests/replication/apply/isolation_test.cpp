// What concurrent transactions see of each other, under each isolation level.
#include <catch2/catch.hpp>

#include "ldb/faulty_file_system.hpp"
#include "replication/apply/one_table.hpp"

namespace ldb::apply_test {

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

namespace {

/// Its compactions forget when a row was changed, once no view is older.
struct LsmNode {
  static std::unique_ptr<StorageEngine> open(FileSystem& fs) {
    EngineOptions options;
    options.file_system = &fs;
    return open_lsm_engine("db", options).value();
  }
  FaultyFileSystem fs{1};
  LocalNode node{open(fs)};
};

}  // namespace

TEST_CASE("An update under read committed is not lost because a compaction forgot when the row was changed") {
  LsmNode lsm;
  LocalNode& node = lsm.node;
  put(node, "a", "1");
  const auto t = node.begin(IsolationLevel::kReadCommitted);
  REQUIRE(t->update(kTable, "a", text("t")).is_ok());
  const bool erased = GENERATE(false, true);
  CAPTURE(erased);
  {
    const auto other = node.begin();
    REQUIRE((erased ? other->erase(kTable, "a") : other->update(kTable, "a", text("2"))).is_ok());
    REQUIRE(other->commit().is_ok());
  }
  t->begin_statement();
  REQUIRE(node.engine->compact({}).is_ok());
  CHECK(t->commit().error().code() == StatusCode::kConflict);
  CHECK(node.begin()->get(kTable, "a").value().has_value() != erased);
}

TEST_CASE("A write that a savepoint brings back is checked since the view it was made under") {
  LsmNode lsm;
  LocalNode& node = lsm.node;
  const auto t = node.begin(IsolationLevel::kReadCommitted);
  REQUIRE(t->insert(kTable, "a", text("t")).is_ok());
  const std::size_t savepoint = t->savepoint();
  REQUIRE(t->erase(kTable, "a").is_ok());
  CHECK_FALSE(t->has_writes());
  put(node, "a", "other");
  t->begin_statement();
  REQUIRE(t->rollback_to(savepoint).is_ok());
  REQUIRE(node.engine->compact({}).is_ok());
  CHECK(t->commit().error().code() == StatusCode::kConflict);
  CHECK(read(node, "a") == "other");
}

TEST_CASE("No view shows a part of a whole-state copy") {
  LocalNode sender, node;
  put(sender, "a", "1");
  put(sender, "b", "1");
  put(node, "own", "1");
  const VersionVector theirs = sender.applier.applied(nullptr).value();
  const auto copy = [&](const std::string& key, const KeyRange& range) {
    const std::string row_key = keys::row(kTable, key);
    const auto image = sender.engine->get(nullptr, row_key).value();
    REQUIRE(node.applier.copy_rows(range, {{row_key, *image}}, theirs).to_string() == "ok");
  };
  const KeyRange all = keys::all_rows();
  const std::string middle = keys::row(kTable, "b");
  const auto begin_install = [&] {
    node.replicator.readable_now = Status(StatusCode::kUnavailable, "installing");
    ++node.replicator.installs;
    copy("a", {all.lower, middle});
  };
  const auto refused = [](const Status& status) { return status.code() == StatusCode::kUnavailable; };
  const auto t = node.begin(IsolationLevel::kReadCommitted);
  const auto snapshot = node.begin();
  REQUIRE(t->update(kTable, "own", text("2")).is_ok());
  SECTION("of a transaction that begins, or of a single read") {
    node.replicator.after_readable = begin_install;
    const bool single = GENERATE(false, true);
    CHECK(refused(single ? node.store->get(kTable, "a").error() : node.store->begin({}).error()));
  }
  SECTION("of a statement") {
    if (GENERATE(false, true)) {
      begin_install();
    } else {
      node.replicator.after_readable = begin_install;
    }
    const std::size_t savepoint = t->savepoint();
    t->begin_statement();
    CHECK(refused(t->get(kTable, "a").error()));
    CHECK(refused(t->scan(kTable, {}).error()));
    CHECK(refused(t->insert(kTable, "c", text("1"))));
    CHECK(t->rollback_to(savepoint).is_ok());
    CHECK(scan(*snapshot) == std::vector<std::pair<std::string, std::string>>{{"own", "1"}});
    const bool later = GENERATE(false, true);
    CAPTURE(later);
    if (later) {
      copy("b", {middle, all.upper});
      REQUIRE(node.applier.finish_copy(theirs, {}).is_ok());
      node.replicator.readable_now = {};
      t->begin_statement();
      CHECK(scan(*t) == std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "1"}, {"own", "2"}});
      CHECK(t->commit().is_ok());
    } else {
      CHECK(refused(t->commit().error()));
    }
  }
}

TEST_CASE("Serializable transactions refuse write skew and phantoms, snapshot ones do not") {
  for (const IsolationLevel isolation : {IsolationLevel::kSnapshot, IsolationLevel::kSerializable}) {
    LocalNode node;
    ColumnIndexer indexer(kTable, kIndex, false);
    node.set_indexer(&indexer);
    make_index(node);
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

TEST_CASE("Under serializable a write that tells whether its row exists has read that") {
  for (const IsolationLevel isolation : {IsolationLevel::kSnapshot, IsolationLevel::kSerializable}) {
    LocalNode node;
    put(node, "there", "1");
    // What a commit gives when another one changed meanwhile what the write had told.
    const auto outcome_after = [&](const auto& write, StatusCode told) {
      const auto t = node.begin(isolation), other = node.begin(isolation);
      CHECK(write(*t).code() == told);
      const bool there = read(*other, "there") != "-";
      REQUIRE((there ? other->erase(kTable, "there") : other->insert(kTable, "there", text("2"))).is_ok());
      REQUIRE(other->commit().is_ok());
      REQUIRE(t->upsert(kTable, "acts on it", text("x")).is_ok());
      return t->commit().status().code();
    };
    const auto insert = [](RowTransaction& t) { return t.insert(kTable, "there", text("x")); };
    const auto update = [](RowTransaction& t) { return t.update(kTable, "there", text("x")); };
    const auto erase = [](RowTransaction& t) { return t.erase(kTable, "there"); };
    const auto undone = [&](RowTransaction& t) {
      const std::size_t savepoint = t.savepoint();
      REQUIRE(update(t).is_ok());
      return t.rollback_to(savepoint);
    };
    const StatusCode expected = isolation == IsolationLevel::kSerializable ? StatusCode::kConflict : StatusCode::kOk;
    CHECK(outcome_after(insert, StatusCode::kAlreadyExists) == expected);
    CHECK(outcome_after(update, StatusCode::kNotFound) == expected);
    CHECK(outcome_after(undone, StatusCode::kOk) == expected);
    CHECK(outcome_after(erase, StatusCode::kNotFound) == expected);
  }
}

TEST_CASE("A serializable transaction that began before a whole-state copy was installed is refused") {
  LocalNode sender, node;
  put(sender, "copied", "1");
  const auto write = [](RowTransaction& t, std::string_view key) {
    CHECK(read(t, "copied") == (key == "after" ? "1" : "-"));
    REQUIRE(t.insert(kTable, key, text("x")).is_ok());
    return t.commit().status().code();
  };
  CHECK(write(*node.begin(IsolationLevel::kSerializable), "before") == StatusCode::kOk);
  const auto t = node.begin(IsolationLevel::kSerializable), snapshot = node.begin();
  const VersionVector theirs = sender.applier.applied(nullptr).value();
  const std::string row_key = keys::row(kTable, "copied");
  const std::string image = *sender.engine->get(nullptr, row_key).value();
  REQUIRE(node.applier.copy_rows(keys::all_rows(), {{row_key, image}}, theirs).to_string() == "ok");
  REQUIRE(node.applier.finish_copy(theirs, {}).to_string() == "ok");
  CHECK(write(*t, "meanwhile") == StatusCode::kConflict);
  CHECK(write(*snapshot, "snapshot") == StatusCode::kOk);
  CHECK(write(*node.begin(IsolationLevel::kSerializable), "after") == StatusCode::kOk);
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
