#include <catch2/catch.hpp>

#include "ldb/ldb.hpp"
#include "support/temp_directory.hpp"

using namespace ldb;

namespace {

std::unique_ptr<LocalCluster> start(LocalTransport transport, const std::string& directory, std::size_t nodes = 3) {
  LocalClusterOptions options;
  options.nodes = nodes;
  options.directory = directory;
  options.transport = transport;
  auto cluster = LocalCluster::start(std::move(options));
  INFO(cluster.error().to_string());
  REQUIRE(cluster.has_value());
  return std::move(cluster).value();
}

ResultSet run(LocalCluster& cluster, std::size_t node, std::string_view sql) {
  auto result = cluster.node(node).execute(sql);
  INFO("node " << node << ": " << sql << ": " << result.error().to_string());
  REQUIRE(result.has_value());
  return std::move(result).value();
}

void converge(LocalCluster& cluster) {
  const Status status = cluster.wait_converged();
  INFO(status.to_string());
  REQUIRE(status.is_ok());
}

}  // namespace

TEST_CASE("What one node commits the others show") {
  const auto transport = GENERATE(LocalTransport::kCapnp, LocalTransport::kInProcess);
  const auto cluster = start(transport, "");
  run(*cluster, 0, "CREATE TABLE t (id INT PRIMARY KEY, v TEXT UNIQUE); CREATE INDEX t_v ON t (v)");
  converge(*cluster);
  for (int i = 0; i < 30; ++i)
    run(*cluster, static_cast<std::size_t>(i % 3),
        "INSERT INTO t VALUES (" + std::to_string(i) + ", 'v" + std::to_string(i) + "')");
  converge(*cluster);
  for (std::size_t node = 0; node < 3; ++node) {
    CHECK(run(*cluster, node, "SELECT count(*) FROM t")[0].get<int>(0) == 30);
    CHECK(run(*cluster, node, "SELECT id FROM t WHERE v = 'v17'")[0].get<int>(0) == 17);
  }
}

TEST_CASE("Writes on both sides of a cut merge per column, and the losers are kept") {
  const auto transport = GENERATE(LocalTransport::kCapnp, LocalTransport::kInProcess);
  const auto cluster = start(transport, "");
  run(*cluster, 0,
      "CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES (1, 'a', 'b'), (2, 'a', 'b'), (3, 'a', 'b')");
  converge(*cluster);
  REQUIRE(cluster->isolate(2).is_ok());
  run(*cluster, 0, "UPDATE t SET a = 'node1' WHERE id = 1");
  run(*cluster, 2, "UPDATE t SET b = 'node3' WHERE id = 1");
  run(*cluster, 2, "UPDATE t SET a = 'node3' WHERE id = 2");
  run(*cluster, 0, "UPDATE t SET a = 'node1' WHERE id = 2");
  run(*cluster, 0, "DELETE FROM t WHERE id = 3");
  run(*cluster, 2, "UPDATE t SET b = 'node3' WHERE id = 3");
  REQUIRE(cluster->rejoin(2).is_ok());
  converge(*cluster);
  // Which of the two writes of row 2 wins is decided by their stamps, which may stand in the same millisecond; all nodes agree on it.
  const std::string winner = run(*cluster, 0, "SELECT a FROM t WHERE id = 2")[0].get<std::string>(0);
  REQUIRE((winner == "node1" || winner == "node3"));
  const std::string loser = winner == "node1" ? "node3" : "node1";
  for (std::size_t node = 0; node < 3; ++node) {
    const ResultSet rows = run(*cluster, node, "SELECT id, a, b FROM t ORDER BY id");
    REQUIRE(rows.size() >= 2);
    CHECK(rows[0].get<std::string>(1) == "node1");
    CHECK(rows[0].get<std::string>(2) == "node3");
    CHECK(rows[1].get<std::string>(1) == winner);
    // Row 3 lives on if its update has the higher stamp, otherwise the update is what was lost.
    const ResultSet third = run(*cluster, node, "SELECT b FROM t WHERE id = 3");
    CHECK((third.empty() || third[0].get<std::string>(0) == "node3"));
    CHECK(run(*cluster, node, "SELECT count(*) FROM ldb.conflicts")[0].get<int>(0) == 2);
    CHECK(run(*cluster, node, "SELECT losing_value FROM ldb.conflicts WHERE column_name = 'a'")[0].get<std::string>(0) == loser);
  }
}

TEST_CASE("A killed node, a stopped node and a node added later catch up") {
  const auto transport = GENERATE(LocalTransport::kCapnp, LocalTransport::kInProcess);
  const test::TempDirectory directory;
  const auto cluster = start(transport, directory.path());
  run(*cluster, 0, "CREATE TABLE t (id INT PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'one')");
  converge(*cluster);
  REQUIRE(cluster->kill(1).is_ok());
  run(*cluster, 0, "INSERT INTO t VALUES (2, 'while node2 was dead')");
  REQUIRE(cluster->start(1).is_ok());
  REQUIRE(cluster->stop(0).is_ok());
  run(*cluster, 1, "INSERT INTO t VALUES (3, 'from node2 after its death')");
  REQUIRE(cluster->start(0).is_ok());
  converge(*cluster);
  const auto added = cluster->add();
  REQUIRE(added.has_value());
  converge(*cluster);
  run(*cluster, *added, "INSERT INTO t VALUES (4, 'from the new node')");
  converge(*cluster);
  for (std::size_t node = 0; node < cluster->size(); ++node)
    CHECK(run(*cluster, node, "SELECT count(*) FROM t")[0].get<int>(0) == 4);
}

TEST_CASE("The same CREATE TABLE IF NOT EXISTS on two cut-off nodes makes one table") {
  const auto cluster = start(LocalTransport::kInProcess, "");
  REQUIRE(cluster->cut(0, 1).is_ok());
  REQUIRE(cluster->cut(1, 2).is_ok());
  const std::string create = "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, v TEXT)";
  run(*cluster, 0, create);
  run(*cluster, 1, create);
  run(*cluster, 0, "INSERT INTO t VALUES (1, 'one')");
  run(*cluster, 1, "INSERT INTO t VALUES (2, 'two')");
  run(*cluster, 0, "ALTER TABLE t ADD COLUMN x INT DEFAULT 7");
  run(*cluster, 1, "ALTER TABLE t ADD COLUMN y TEXT");
  REQUIRE(cluster->heal(0, 1).is_ok());
  REQUIRE(cluster->heal(1, 2).is_ok());
  converge(*cluster);
  for (std::size_t node = 0; node < 3; ++node) {
    const ResultSet rows = run(*cluster, node, "SELECT id, v, x, y FROM t ORDER BY id");
    REQUIRE(rows.size() == 2);
    CHECK(rows[1].get<std::string>(1) == "two");
    CHECK(rows[1].get<int>(2) == 7);
  }
}

TEST_CASE("Two unique values taken on both sides of a cut are reported") {
  const auto cluster = start(LocalTransport::kInProcess, "");
  run(*cluster, 0, "CREATE TABLE t (id INT PRIMARY KEY, mail TEXT UNIQUE)");
  converge(*cluster);
  REQUIRE(cluster->isolate(2).is_ok());
  run(*cluster, 0, "INSERT INTO t VALUES (1, 'x@example.org')");
  run(*cluster, 2, "INSERT INTO t VALUES (2, 'x@example.org')");
  REQUIRE(cluster->rejoin(2).is_ok());
  converge(*cluster);
  for (std::size_t node = 0; node < 3; ++node) {
    CHECK(run(*cluster, node, "SELECT count(*) FROM t")[0].get<int>(0) == 2);
    CHECK(run(*cluster, node, "SELECT count(*) FROM ldb.conflicts WHERE kind = 'unique'")[0].get<int>(0) == 1);
  }
}
