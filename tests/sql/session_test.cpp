// Sessions: parameters, prepared statements, concurrency, what the shell and applications rely on.
#include <catch2/catch.hpp>

#include "base/rt/rt.hpp"
#include "sql/sql_fixture.hpp"

namespace ldb::test {

TEST_CASE("parameters get their types from where they stand", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(10), price NUMERIC(8,2), day DATE)");
  const std::vector<Value> row{Value(7), Value("seven"), Value("12.5"), Value("2024-02-29")};
  node.ok("INSERT INTO t VALUES ($1, $2, $3, $4)", row);
  CHECK(node.text("SELECT * FROM t WHERE id = $1 AND price > $2", std::vector<Value>{Value("7"), Value(1)}) ==
        "7|seven|12.50|2024-02-29");
  CHECK(node.run("SELECT $1", std::vector<Value>{}).status().sqlstate() == "08P01");
  CHECK(node.run("SELECT 1; SELECT $1", std::vector<Value>{Value(1)}).status().sqlstate() == "42601");
}

TEST_CASE("a prepared statement follows schema changes", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  auto prepared = node.session().prepare("SELECT * FROM t WHERE id = $1");
  REQUIRE(prepared.has_value());
  CHECK((*prepared)->parameter_count() == 1);
  CHECK((*prepared)->parameter_types()[0].id == TypeId::kInteger);
  CHECK((*prepared)->columns().size() == 2);
  const std::vector<Value> two{Value(2)};
  CHECK(to_text((*prepared)->execute(two).value()) == "2|b");
  node.ok("ALTER TABLE t ADD COLUMN w INT DEFAULT 5");
  CHECK(to_text((*prepared)->execute(two).value()) == "2|b|5");
  node.ok("DROP TABLE t");
  CHECK((*prepared)->execute(two).status().sqlstate() == "42P01");
}

TEST_CASE("a key lookup reads one row", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (a INT, b TEXT, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 'x'), (1, 'y'), (2, 'x')");
  CHECK(node.text("EXPLAIN SELECT * FROM t WHERE b = 'y' AND a = 1").find("Key Lookup on t") != std::string::npos);
  CHECK(node.text("EXPLAIN SELECT * FROM t WHERE a = 1").find("Key Scan on t") != std::string::npos);
  CHECK(node.text("EXPLAIN ANALYZE SELECT * FROM t WHERE a = 1").find("actual time=") != std::string::npos);
  CHECK(node.text("SELECT b FROM t WHERE a = 1 AND b > 'x'") == "y");
  CHECK(node.text("SELECT count(*) FROM t WHERE a = NULL") == "0");
}

TEST_CASE("autocommitted statements that meet each other are run again", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 0)");
  constexpr int kThreads = 4;
  constexpr int kRounds = 50;
  std::vector<rt::Thread> threads;
  rt::Atomic<int> failures{0};
  std::vector<std::unique_ptr<SqlSession>> sessions;
  for (int i = 0; i < kThreads; ++i) sessions.push_back(node.new_session());
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back("adder", [&, i] {
      for (int round = 0; round < kRounds;) {
        const Status status =
            sessions[static_cast<std::size_t>(i)]->execute("UPDATE t SET n = n + 1 WHERE id = 1", {}, [](ResultSet) {});
        if (status) {
          ++round;
        } else if (status.code() != StatusCode::kConflict) {
          failures.fetch_add(1);
          return;
        }
      }
    });
  }
  for (rt::Thread& thread : threads) thread.join();
  CHECK(failures.load() == 0);
  CHECK(node.text("SELECT n FROM t") == std::to_string(kThreads * kRounds));
}

TEST_CASE("a transaction is refused when a row it wrote or a table's definition changed", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 0)");
  auto other = node.new_session();
  const auto run = [&](std::string_view sql) { return other->execute(sql, {}, [](ResultSet) {}); };
  REQUIRE(run("BEGIN; UPDATE t SET n = 5 WHERE id = 1").is_ok());
  node.ok("UPDATE t SET n = 1 WHERE id = 1");
  CHECK(run("COMMIT").sqlstate() == "40001");
  REQUIRE(run("BEGIN; INSERT INTO t VALUES (2, NULL)").is_ok());
  node.ok("ALTER TABLE t ALTER COLUMN n SET NOT NULL");
  CHECK(run("COMMIT").sqlstate() == "40001");
  CHECK(node.text("SELECT count(*) FROM t") == "1");
  // Two sessions, one unique value.
  node.ok("CREATE UNIQUE INDEX t_n ON t (n)");
  REQUIRE(run("BEGIN; INSERT INTO t VALUES (10, 77)").is_ok());
  node.ok("INSERT INTO t VALUES (11, 77)");
  CHECK(run("COMMIT").sqlstate() == "23505");
}

TEST_CASE("rows written under an older definition of a table are refused, whatever the transaction did since", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 5)");
  auto other = node.new_session();
  const auto run = [&](std::string_view sql) { return other->execute(sql, {}, [](ResultSet) {}).to_string(); };
  const auto commit = [&] { return std::string(other->execute("COMMIT", {}, [](ResultSet) {}).sqlstate()); };
  // Every statement sees the newest definition, and the rows were written under an older one.
  REQUIRE(run("BEGIN ISOLATION LEVEL READ COMMITTED; INSERT INTO t VALUES (2, 5)") == "ok");
  node.ok("CREATE UNIQUE INDEX t_v ON t (v)");
  REQUIRE(run("SELECT 1") == "ok");
  CHECK(commit() == "40001");
  node.ok("DROP INDEX t_v");
  // A schema change of its own, of something else and of the table itself.
  for (const char* own : {"CREATE TABLE z (a INT)", "ALTER TABLE t ADD COLUMN w INT"}) {
    CAPTURE(own);
    REQUIRE(run("BEGIN; INSERT INTO t VALUES (3, NULL)") == "ok");
    REQUIRE(run(own) == "ok");
    node.ok("ALTER TABLE t ALTER COLUMN v SET NOT NULL");
    CHECK(commit() == "40001");
    REQUIRE(run("BEGIN") == "ok");
    REQUIRE(run(own) == "ok");
    REQUIRE(run("INSERT INTO t VALUES (3, 6)") == "ok");
    node.ok("ALTER TABLE t ALTER COLUMN v DROP NOT NULL");
    CHECK(commit() == "40001");
  }
  CHECK(node.text("SELECT * FROM t") == "1|5");
  // What only the transaction itself changed is no reason.
  REQUIRE(run("BEGIN; INSERT INTO t VALUES (2, 5); ALTER TABLE t ADD COLUMN w INT DEFAULT 7; INSERT INTO t VALUES (3, 6, 8);"
              "CREATE TABLE z (a INT); INSERT INTO z VALUES (1)") == "ok");
  node.ok("CREATE TABLE y (a INT)");
  CHECK(commit() == "00000");
  CHECK(node.text("SELECT * FROM t, z ORDER BY id") == "1|5|7|1\n2|5|7|1\n3|6|8|1");
}

TEST_CASE("an index answers only in a view that shows all of its entries", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t SELECT g, g FROM generate_series(1, 200) AS g");
  node.ok("CREATE INDEX t_v ON t (v)");
  const auto id = [&](const char* column) {
    return std::stoull(node.text(std::string("SELECT ") + column + " FROM ldb.indexes WHERE name = 't_v'"));
  };
  const TableId table{id("table_id")};
  const IndexId index{id("id")};
  auto other = node.new_session();
  std::string count;
  const auto run = [&](std::string_view sql) {
    return other->execute(sql, {}, [&](ResultSet result) { count = to_text(result); });
  };
  // A DROP INDEX that comes between a statement's catalog and its view.
  REQUIRE(node.rows().drop_index_data(index).is_ok());
  const Status refused = run("SELECT count(*) FROM t WHERE v = 7");
  CHECK(refused.code() == StatusCode::kConflict);
  CHECK(refused.sqlstate() == "40001");
  // One that is built while a transaction is open.
  REQUIRE(run("BEGIN").is_ok());
  REQUIRE(node.rows().build_index(table, index).is_ok());
  CHECK(node.text("SELECT count(*) FROM t WHERE v = 7") == "1");
  REQUIRE(run("CREATE TABLE z (a INT)").is_ok());
  REQUIRE(run("SELECT count(*) FROM t WHERE v = 7").is_ok());
  CHECK(count == "1");
  // One that the transaction makes itself, on a table of its own.
  REQUIRE(run("CREATE TABLE y (a INT, b INT UNIQUE); INSERT INTO y VALUES (1, 2), (3, 4)").is_ok());
  REQUIRE(run("EXPLAIN SELECT a FROM y WHERE b = 4").is_ok());
  CHECK(count.find("Index Scan") != std::string::npos);
  REQUIRE(run("SELECT a FROM y WHERE b = 4").is_ok());
  CHECK(count == "3");
  REQUIRE(run("COMMIT").is_ok());
}

TEST_CASE("a parent cannot vanish under a child that is being committed", "[sql]") {
  SqlNode node;
  node.ok(
      "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE c (id INT PRIMARY KEY, p INT REFERENCES p); INSERT INTO p VALUES (1), "
      "(2)");
  auto other = node.new_session();
  const auto run = [&](std::string_view sql) { return other->execute(sql, {}, [](ResultSet) {}); };
  REQUIRE(run("BEGIN; INSERT INTO c VALUES (1, 1)").is_ok());
  node.ok("DELETE FROM p WHERE id = 1");
  CHECK(run("COMMIT").sqlstate() == "23503");
  REQUIRE(run("BEGIN; DELETE FROM p WHERE id = 2").is_ok());
  node.ok("INSERT INTO c VALUES (2, 2)");
  CHECK(run("COMMIT").sqlstate() == "23503");
  CHECK(node.text("SELECT count(*) FROM c JOIN p ON c.p = p.id") == "1");
}

TEST_CASE("statements inside a transaction of the application are atomic each", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY)");
  auto transaction = node.rows().begin({});
  REQUIRE(transaction.has_value());
  node.session().attach(transaction->get());
  node.ok("INSERT INTO t VALUES (1)");
  CHECK(node.error("INSERT INTO t VALUES (2), (1)") == "23505");
  CHECK(node.error("COMMIT") == "25001");
  CHECK(node.error("CREATE TABLE u (a INT)") == "25001");
  CHECK(node.text("SELECT count(*) FROM t") == "1");
  node.session().attach(nullptr);
  CHECK(node.text("SELECT count(*) FROM t") == "0");
  CHECK((*transaction)->commit().has_value());
  CHECK(node.text("SELECT id FROM t") == "1");
}

TEST_CASE("errors carry a SQLSTATE and the place in the statement", "[sql]") {
  SqlNode node;
  const Status status = node.run("SELECT 1 + missing FROM nowhere").status();
  CHECK(status.sqlstate() == "42P01");
  CHECK(status.position() == 25);
  CHECK(node.run("SELEC 1").status().sqlstate() == "42601");
  CHECK(node.run("CREATE TEMP TABLE t (a INT)").status().sqlstate() == "0A000");
  CHECK(node.run("CREATE TABLE t (a INT) WITH (fillfactor = 70)").status().sqlstate() == "22023");
  node.ok("CREATE TABLE t (a INT) WITH (merge = 'row')");
}

TEST_CASE("sequences never give a value twice, not even after a restart", "[sql]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id SERIAL PRIMARY KEY, v TEXT)");
  node.ok("INSERT INTO t (v) VALUES ('a'), ('b')");
  CHECK(node.text("SELECT id, v FROM t ORDER BY id") == "1|a\n2|b");
  node.restart();
  node.ok("INSERT INTO t (v) VALUES ('c')");
  CHECK(node.text("SELECT count(DISTINCT id) FROM t") == "3");
}

TEST_CASE("the key-value front end speaks GET, PUT, DELETE and SCAN", "[sql]") {
  SqlNode node;
  auto frontend = new_key_value_frontend();
  SqlServices services;
  services.rows = &node.rows();
  REQUIRE(frontend->start(services).is_ok());
  auto session = frontend->open_session({}).value();
  std::vector<std::string> answers;
  const auto run = [&](std::string_view text, std::span<const Value> parameters = {}) {
    answers.clear();
    return session->execute(text, parameters,
                            [&](ResultSet result) { answers.push_back(result.command_tag() + ":" + to_text(result)); });
  };
  REQUIRE(run("PUT a 'one two'; PUT b x; GET a").is_ok());
  CHECK(answers.back() == "GET 1:\\x6f6e652074776f");
  REQUIRE(run("DELETE a; SCAN").is_ok());
  CHECK(answers.back() == "SCAN 1:\\x62|\\x78");
  const std::vector<Value> key{Value(Bytes{"b"})};
  REQUIRE(run("GET $1", key).is_ok());
  CHECK(answers.back() == "GET 1:\\x78");
  CHECK(run("SELECT 1").sqlstate() == "42601");
  auto prepared = session->prepare("PUT $1 $2");
  REQUIRE(prepared.has_value());
  CHECK((*prepared)->parameter_count() == 2);
}

}  // namespace ldb::test
