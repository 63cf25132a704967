#include <catch2/catch.hpp>

#include "ldb/ldb.hpp"
#include "support/temp_directory.hpp"

using namespace ldb;

namespace {

std::unique_ptr<Node> open_node(const std::string& directory) {
  NodeOptions options;
  options.directory = directory;
  auto node = Node::open(std::move(options));
  INFO(node.error().to_string());
  REQUIRE(node.has_value());
  return std::move(node).value();
}

ResultSet run(Node& node, std::string_view sql) {
  auto result = node.execute(sql);
  INFO(sql << ": " << result.error().to_string());
  REQUIRE(result.has_value());
  return std::move(result).value();
}

}  // namespace

TEST_CASE("A node in memory answers SQL and key-value calls") {
  const auto node = open_node("");
  run(*node, "CREATE TABLE city (id INT PRIMARY KEY, name TEXT NOT NULL, people BIGINT)");
  REQUIRE(node->execute("INSERT INTO city VALUES ($1, $2, $3), (2, 'Porto', NULL)", 1, "Lisboa", 545796).has_value());
  const ResultSet cities = run(*node, "SELECT id, name, people FROM city ORDER BY id");
  REQUIRE(cities.size() == 2);
  CHECK(cities[0].get<std::int64_t>(0) == 1);
  CHECK(cities[0].get<std::string>("name") == "Lisboa");
  CHECK(cities[1].is_null(2));
  std::string names;
  for (auto [id, name, people] : cities.as<int, std::string, std::optional<std::int64_t>>()) {
    names += std::to_string(id) + name + (people ? "+" : "-");
  }
  CHECK(names == "1Lisboa+2Porto-");
  CHECK_FALSE(cities[1].try_get<std::int64_t>(2).has_value());

  REQUIRE(node->kv().put("k", "v").is_ok());
  CHECK(node->kv().get("k").value() == "v");
  REQUIRE(node->kv().erase("k").is_ok());
  CHECK_FALSE(node->kv().get("k").value().has_value());
}

TEST_CASE("What was committed is there after the node is closed and opened again") {
  const test::TempDirectory directory;
  ContentHash before;
  {
    const auto node = open_node(directory.path());
    run(*node, "CREATE TABLE t (id INT PRIMARY KEY, v TEXT); CREATE INDEX t_v ON t (v)");
    for (int i = 0; i < 200; ++i)
      REQUIRE(node->execute("INSERT INTO t VALUES ($1, $2)", i, "value " + std::to_string(i % 10)).has_value());
    REQUIRE(node->kv().put("pair", "kept").is_ok());
    before = node->content_hash().value();
    REQUIRE(node->close().is_ok());
  }
  const auto node = open_node(directory.path());
  CHECK(node->content_hash().value() == before);
  CHECK(run(*node, "SELECT count(*) FROM t WHERE v = 'value 3'")[0].get<std::int64_t>(0) == 20);
  CHECK(node->kv().get("pair").value() == "kept");
}

TEST_CASE("Many pairs are put in one commit, all of them or none") {
  const auto node = open_node("");
  REQUIRE(node->kv().put("b", "old"));
  const std::vector<KeyValueView> pairs{{"a", "1"}, {"b", "2"}, {"c", "first"}, {"c", "3"}};
  const auto commits = [&] {
    const ReplicationStatus status = node->replication_status();
    return status.applied.get(status.origin).sequence;
  };
  const std::uint64_t before = commits();
  REQUIRE(node->kv().put_all(pairs));
  CHECK(commits() == before + 1);
  CHECK(node->kv().get("a").value() == "1");
  CHECK(node->kv().get("b").value() == "2");
  CHECK(node->kv().get("c").value() == "3");
  CHECK(node->kv().put_all({}));
  CHECK(node->kv().scan({}, 0)->empty());
  CHECK(node->kv().scan({}, 2)->size() == 2);
  std::string visited;
  const auto visit = [&](std::string_view key, std::string_view value) {
    visited += std::string(key) + "=" + std::string(value) + " ";
    // What comes meanwhile is not shown.
    REQUIRE(node->kv().put(std::string(key) + "x", "late", SyncPolicy::kNone));
    return visited.size() < 8;
  };
  REQUIRE(node->kv().for_each({"a", "c"}, false, visit));
  CHECK(visited == "a=1 b=2 ");
  visited.clear();
  REQUIRE(node->kv().for_each({std::nullopt, "c\1"}, true, visit));
  CHECK(visited == "c=3 bx=late ");
  visited.clear();
  for (const bool reverse : {false, true}) {
    CHECK(node->kv().for_each({"c", "a"}, reverse, visit));
    CHECK(node->kv().for_each({"b", "b"}, reverse, visit));
  }
  CHECK(visited.empty());
  const std::string too_long((64 << 10) + 1, 'k');
  const std::vector<KeyValueView> bad{{"d", "4"}, {too_long, "5"}};
  CHECK(node->kv().put_all(bad).code() == StatusCode::kInvalidArgument);
  CHECK_FALSE(node->kv().get("d").value().has_value());
}

TEST_CASE("A directory belongs to one node at a time") {
  const test::TempDirectory directory;
  const auto first = open_node(directory.path());
  NodeOptions options;
  options.directory = directory.path();
  const auto second = Node::open(std::move(options));
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code() == StatusCode::kUnavailable);
}

TEST_CASE("A transaction spans SQL and key-value calls, and is all or nothing") {
  const auto node = open_node("");
  run(*node, "CREATE TABLE t (id INT PRIMARY KEY)");
  {
    auto transaction = node->begin().value();
    REQUIRE(transaction.execute("INSERT INTO t VALUES (1)").has_value());
    REQUIRE(transaction.put("k", "v").is_ok());
    CHECK(transaction.get("k").value() == "v");
    CHECK(transaction.execute("SELECT count(*) FROM t").value()[0].get<int>(0) == 1);
    CHECK_FALSE(node->kv().get("k").value().has_value());
    transaction.rollback();
  }
  CHECK(run(*node, "SELECT count(*) FROM t")[0].get<int>(0) == 0);
  {
    auto transaction = node->begin().value();
    REQUIRE(transaction.execute("INSERT INTO t VALUES (2)").has_value());
    REQUIRE(transaction.put("k", "v").is_ok());
    REQUIRE(transaction.commit().has_value());
  }
  CHECK(run(*node, "SELECT count(*) FROM t")[0].get<int>(0) == 1);
  CHECK(node->kv().get("k").value() == "v");
}

TEST_CASE("Of two transactions that write one row the second to commit is refused") {
  const auto node = open_node("");
  run(*node, "CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 0)");
  auto first = node->begin().value();
  auto second = node->begin().value();
  REQUIRE(first.execute("UPDATE t SET v = v + 1 WHERE id = 1").has_value());
  REQUIRE(second.execute("UPDATE t SET v = v + 1 WHERE id = 1").has_value());
  REQUIRE(first.commit().has_value());
  CHECK(second.commit().error().code() == StatusCode::kConflict);
  CHECK(run(*node, "SELECT v FROM t")[0].get<int>(0) == 1);
}

TEST_CASE("A transaction is refused when a table it wrote was redefined since") {
  const auto node = open_node("");
  run(*node, "CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 5)");
  for (const IsolationLevel isolation : {IsolationLevel::kReadCommitted, IsolationLevel::kSnapshot}) {
    TransactionOptions options;
    options.isolation = isolation;
    auto nulls = node->begin(options).value();
    REQUIRE(nulls.execute("INSERT INTO t VALUES (2, NULL)").has_value());
    run(*node, "ALTER TABLE t ALTER COLUMN v SET NOT NULL");
    REQUIRE(nulls.execute("SELECT count(*) FROM t").has_value());
    CHECK(nulls.commit().error().sqlstate() == "40001");
    auto twice = node->begin(options).value();
    REQUIRE(twice.execute("INSERT INTO t VALUES (2, 5)").has_value());
    run(*node, "CREATE UNIQUE INDEX t_v ON t (v)");
    const auto outcome = twice.commit();
    CHECK(outcome.error().code() == StatusCode::kConflict);
    CHECK(outcome.error().sqlstate() == "40001");
    // What it did not write, or wrote and took back, may change.
    auto others = node->begin(options).value();
    REQUIRE(others.execute("SELECT * FROM t").has_value());
    CHECK_FALSE(others.execute("INSERT INTO t VALUES (3, 7), (1, 8)").has_value());
    REQUIRE(others.put("k", "v").is_ok());
    run(*node, "DROP INDEX t_v; ALTER TABLE t ALTER COLUMN v DROP NOT NULL");
    CHECK(others.commit().has_value());
    CHECK(run(*node, "SELECT count(*) FROM t")[0].get<int>(0) == 1);
  }
}

TEST_CASE("A transaction sees its rows also through an index that is younger than it") {
  const auto node = open_node("");
  run(*node, "CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t SELECT g, g FROM generate_series(1, 200) AS g");
  for (const IsolationLevel isolation :
       {IsolationLevel::kReadCommitted, IsolationLevel::kSnapshot, IsolationLevel::kSerializable}) {
    TransactionOptions options;
    options.isolation = isolation;
    auto early = node->begin(options).value();
    auto late = node->begin(options).value();
    CHECK(early.execute("SELECT count(*) FROM t WHERE v = 7").value()[0].get<int>(0) == 1);
    run(*node, "CREATE INDEX t_v ON t (v)");
    for (Transaction* const transaction : {&early, &late}) {
      CHECK(transaction->execute("SELECT count(*) FROM t WHERE v = 7").value()[0].get<int>(0) == 1);
      CHECK(transaction->execute("UPDATE t SET v = v WHERE v = 7").value().affected_rows() == 1);
    }
    run(*node, "DROP INDEX t_v");
  }
}

TEST_CASE("A prepared statement runs many times") {
  const auto node = open_node("");
  run(*node, "CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
  auto session = node->session().value();
  auto insert = session.prepare("INSERT INTO t VALUES ($1, $2)").value();
  CHECK(insert.parameter_count() == 2);
  for (int i = 0; i < 50; ++i) REQUIRE(insert.execute(i, "v" + std::to_string(i)).has_value());
  auto select = session.prepare("SELECT v FROM t WHERE id = $1").value();
  CHECK(select.execute(31).value()[0].get<std::string>(0) == "v31");
  CHECK(select.execute(50).value().empty());
  CHECK_FALSE(session.prepare("SELECT nothing FROM nowhere").has_value());
}

TEST_CASE("A node sorts through its directory what does not fit in memory, and bounds the memory of its statements") {
  const test::TempDirectory directory;
  NodeOptions options;
  options.directory = directory.path();
  options.sql_memory_bytes = std::uint64_t{8} << 20;
  const auto node = Node::open(std::move(options)).value();
  auto session = node->session().value();
  REQUIRE(session.execute("SET work_mem = '128kB'").has_value());
  const auto sorted =
      session.execute("SELECT count(*), max(g) FROM (SELECT g FROM generate_series(1, 500000) g ORDER BY g % 17, -g) t");
  INFO(sorted.status().to_string());
  REQUIRE(sorted.has_value());
  CHECK((*sorted)[0].get<std::int64_t>(0) == 500000);
  CHECK(posix_file_system().list(directory.path() + "/spill").value().empty());
  const Status status = session.execute("SELECT DISTINCT g FROM generate_series(1, 2000000) g").status();
  CHECK(status.code() == StatusCode::kResourceExhausted);
  CHECK(status.sqlstate() == "53200");
  CHECK(session.execute("SELECT 1").has_value());
  CHECK(session.cancel().is_ok());
}

TEST_CASE("A schema change that has much to write ends on a node with one background thread") {
  const auto files = new_memory_file_system();
  NodeOptions options;
  options.directory = "db";
  options.file_system = files.get();
  options.engine.background_threads = 1;
  options.engine.memtable_bytes = 64 << 10;
  const auto node = Node::open(std::move(options)).value();
  run(*node, "CREATE TABLE t (id INT PRIMARY KEY, name TEXT)");
  run(*node, "INSERT INTO t SELECT i, 'a name of some length, ' || (i * 7919 % 20000) FROM generate_series(1, 20000) AS g(i)");
  run(*node, "CREATE INDEX t_name ON t (name)");
  run(*node, "INSERT INTO t VALUES (0, 'x')");
  CHECK(run(*node, "SELECT id FROM t WHERE name = 'x'")[0].get<int>(0) == 0);
}

TEST_CASE("A node without a network refuses peers, with the reason") {
  const auto node = open_node("");
  const Status status = node->add_peer({NodeId{"other"}, "127.0.0.1:1"});
  CHECK(status.code() == StatusCode::kInvalidArgument);
  CHECK(status.message().find("listen") != std::string_view::npos);
}

TEST_CASE("The version linked is the version of the headers") { CHECK(std::string(version()) == "0.1.0"); }
