// Transactions (src/txn) over a real applier.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "replication/apply/one_table.hpp"

namespace ldb::apply_test {

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
  make_index(node);
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

TEST_CASE("An index is read only in a view that shows all of its entries") {
  LocalNode node;
  ColumnIndexer indexer(kTable, kIndex, false);
  put(node, "a", "1");
  node.set_indexer(&indexer);
  const auto refused = [](RowTransaction& t) {
    const Status status = t.scan_index(kIndex, {}).status();
    return status.code() == StatusCode::kConflict && status.sqlstate() == "40001";
  };
  const std::vector<std::string> entries{ColumnIndexer::prefix("1") + "a"};
  const auto older = node.begin();
  const auto statements = node.begin(IsolationLevel::kReadCommitted);
  make_index(node);
  const auto t = node.begin();
  CHECK(refused(*older));
  CHECK(refused(*statements));
  statements->begin_statement();
  CHECK(scan_index(*statements) == entries);
  REQUIRE(node.store->drop_index_data(kIndex).is_ok());
  statements->begin_statement();
  CHECK(refused(*statements));
  CHECK(refused(*node.begin()));
  CHECK(scan_index(*t) == entries);
  // On a table of its own it knows better.
  const auto own = node.begin();
  own->own_index(kIndex);
  REQUIRE(own->insert(kTable, "b", text("2")).is_ok());
  CHECK(scan_index(*own) == std::vector<std::string>{ColumnIndexer::prefix("2") + "b"});
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
    make_index(node);
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

}  // namespace ldb::apply_test
