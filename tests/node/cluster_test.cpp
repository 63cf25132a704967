#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <thread>

#include "ldb/ldb.hpp"
#include "support/temp_directory.hpp"
#include "txn/keys.hpp"

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

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
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
  // Which of the two writes of row 2 wins is decided by their stamps, which may stand in the same millisecond; all nodes agree on
  // it.
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

TEST_CASE("A child whose parent was deleted on the other side of a cut is reported, until that is mended") {
  const auto cluster = start(LocalTransport::kInProcess, "");
  // The foreign key of `pet` finds its children by an index of its own, that of `toy` by a longer one, and refers to a UNIQUE
  // column.
  run(*cluster, 0,
      "CREATE TABLE owner (id INT PRIMARY KEY, mail TEXT UNIQUE);"
      "CREATE TABLE pet (id INT PRIMARY KEY, owner INT REFERENCES owner (id) ON DELETE CASCADE, name TEXT);"
      "CREATE TABLE toy (mail TEXT, n BIGINT, PRIMARY KEY (n), CONSTRAINT toy_owner FOREIGN KEY (mail) REFERENCES owner (mail));"
      "CREATE INDEX toy_mail ON toy (mail, n);"
      "INSERT INTO owner VALUES (1, 'a@x'), (2, 'b@x'), (3, 'c@x')");
  converge(*cluster);
  REQUIRE(cluster->isolate(2).is_ok());
  run(*cluster, 0, "DELETE FROM owner WHERE id = 1; UPDATE owner SET mail = 'other' WHERE id = 2");
  run(*cluster, 2, "INSERT INTO pet VALUES (10, 1, 'cat'), (11, 1, 'dog'), (12, 3, 'cow'); INSERT INTO toy VALUES ('b@x', 20)");
  REQUIRE(cluster->rejoin(2).is_ok());
  converge(*cluster);
  const std::string records =
      "SELECT table_name, key, index_name, winning_value FROM ldb.conflicts WHERE kind = 'foreign key' ORDER BY 1, 2";
  for (std::size_t node = 0; node < 3; ++node) {
    CAPTURE(node);
    CHECK(run(*cluster, node, "SELECT count(*) FROM pet")[0].get<int>(0) == 3);  // a merge does not cascade
    const ResultSet rows = run(*cluster, node, records);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].get<std::string>(0) == "public.pet");
    CHECK(rows[0].get<std::string>(1) == "10");
    CHECK(rows[0].get<std::string>(2) == "pet_owner_fkey");
    CHECK(rows[0].get<std::string>(3) == "1");
    CHECK(rows[1].get<std::string>(1) == "11");
    CHECK(rows[2].get<std::string>(0) == "public.toy");
    CHECK(rows[2].get<std::string>(1) == "20");
    CHECK(rows[2].get<std::string>(2) == "toy_owner");
  }
  const auto left = [&](std::size_t count) {
    converge(*cluster);
    for (std::size_t node = 0; node < 3; ++node) {
      CAPTURE(node);
      CHECK(run(*cluster, node, records).size() == count);
    }
  };
  run(*cluster, 1, "UPDATE pet SET name = 'hound' WHERE id = 11");  // nothing mended
  left(3);
  run(*cluster, 1, "UPDATE pet SET owner = 3 WHERE id = 11");
  left(2);
  run(*cluster, 2, "DELETE FROM toy WHERE n = 20");
  left(1);
  run(*cluster, 0, "INSERT INTO owner VALUES (1, 'again@x')");
  left(0);
}

TEST_CASE("Dangling children are found as well by a new node, and when the constraint arrives after them") {
  const auto cluster = start(LocalTransport::kInProcess, "", 2);
  run(*cluster, 0,
      "CREATE TABLE owner (id INT PRIMARY KEY); CREATE TABLE pet (id INT PRIMARY KEY, owner INT);"
      "INSERT INTO owner VALUES (1); INSERT INTO pet VALUES (1, 1)");
  converge(*cluster);
  REQUIRE(cluster->isolate(1).is_ok());
  run(*cluster, 0, "ALTER TABLE pet ADD CONSTRAINT whose FOREIGN KEY (owner) REFERENCES owner (id)");
  run(*cluster, 1, "INSERT INTO pet VALUES (2, 77)");
  REQUIRE(cluster->rejoin(1).is_ok());
  converge(*cluster);
  const auto added = cluster->add();
  REQUIRE(added.has_value());
  converge(*cluster);
  const auto reported = [&](std::size_t node) {
    const ResultSet rows = run(*cluster, node, "SELECT key FROM ldb.conflicts WHERE kind = 'foreign key'");
    return rows.size() == 1 && rows[0].get<std::string>(0) == "2";
  };
  // Nodes look through the table once they know the constraint, in the background.
  for (std::size_t node = 0; node < cluster->size(); ++node) {
    CAPTURE(node);
    CHECK(eventually([&] { return reported(node); }));
  }
  run(*cluster, 0, "ALTER TABLE pet DROP CONSTRAINT whose");
  converge(*cluster);
  for (std::size_t node = 0; node < cluster->size(); ++node) {
    CAPTURE(node);
    CHECK(eventually([&] { return run(*cluster, node, "SELECT key FROM ldb.conflicts WHERE kind = 'foreign key'").empty(); }));
  }
}

TEST_CASE("Writes to a table that was dropped on the other side of a cut are kept in ldb.conflicts, and no row stays behind") {
  const auto cluster = start(LocalTransport::kInProcess, "");
  run(*cluster, 0,
      "CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES (1, 'a', 'b'), (2, 'a', 'b'), (3, 'a', 'b')");
  converge(*cluster);
  const auto user_rows = [&](std::size_t node) {
    std::size_t count = 0;
    StorageEngine& engine = cluster->node(node).storage();
    const auto rows = engine.iterate(nullptr, keys::all_rows()).value();
    for (rows->seek_to_first(); rows->valid(); rows->next())
      count += keys::table_of(rows->key()).value >= keys::kFirstUserTable ? 1 : 0;
    return count;
  };
  for (std::size_t node = 0; node < 3; ++node) REQUIRE(user_rows(node) == 3);
  REQUIRE(cluster->isolate(2).is_ok());
  run(*cluster, 2, "INSERT INTO t VALUES (4, 'new', 'row'); UPDATE t SET b = 'changed' WHERE id = 1; DELETE FROM t WHERE id = 2");
  std::size_t recorded = 2;
  SECTION("by one member") { run(*cluster, 0, "DROP TABLE t"); }
  SECTION("by two members, one of which knows of the writes") {
    run(*cluster, 0, "DROP TABLE t");
    run(*cluster, 2, "DROP TABLE t");
    recorded = 0;
  }
  SECTION("which has created another one of that name") {
    run(*cluster, 0, "DROP TABLE t; CREATE TABLE t (id INT PRIMARY KEY, c TEXT)");
  }
  REQUIRE(cluster->rejoin(2).is_ok());
  converge(*cluster);
  for (std::size_t node = 0; node < 3; ++node) {
    CAPTURE(node);
    CHECK(eventually([&] { return user_rows(node) == 0; }));
    const std::string records =
        "SELECT column_name FROM ldb.conflicts WHERE kind = 'write to dropped table' ORDER BY column_name IS NULL";
    CHECK(eventually([&] { return run(*cluster, node, records).size() == recorded; }));
  }
  // A node that joins holds the same.
  const auto added = cluster->add();
  REQUIRE(added.has_value());
  converge(*cluster);
  CHECK(eventually([&] { return user_rows(*added) == 0; }));
}

TEST_CASE("A table that one node drops while another makes the very same one is gone everywhere, and its name is free") {
  const auto cluster = start(LocalTransport::kInProcess, "");
  REQUIRE(cluster->isolate(2).is_ok());
  const std::string create = "CREATE TABLE t (id INT PRIMARY KEY, v TEXT)";
  run(*cluster, 0, create + "; INSERT INTO t VALUES (1, 'one'); DROP TABLE t");
  run(*cluster, 2, create + "; INSERT INTO t VALUES (2, 'two')");
  REQUIRE(cluster->rejoin(2).is_ok());
  converge(*cluster);
  for (std::size_t node = 0; node < 3; ++node) {
    CAPTURE(node);
    CHECK(cluster->node(node).execute("SELECT * FROM t").error().sqlstate() == "42P01");
    const std::string lost = "SELECT key FROM ldb.conflicts WHERE kind = 'write to dropped table'";
    CHECK(eventually([&] { return run(*cluster, node, lost).size() == 1; }));
  }
  run(*cluster, 1, create + "; INSERT INTO t VALUES (3, 'three')");
  converge(*cluster);
  for (std::size_t node = 0; node < 3; ++node) {
    CAPTURE(node);
    const ResultSet rows = run(*cluster, node, "SELECT id FROM t");
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].get<int>(0) == 3);
  }
}
