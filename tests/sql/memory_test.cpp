// Statements are bounded in memory and time: every operator that holds rows, at a small bound, then the session goes on.
#include <catch2/catch.hpp>

#include <thread>

#include "sql/expr/memory_budget.hpp"
#include "sql/sql_fixture.hpp"

namespace ldb::test {
namespace {

using sql::MemoryBudget;
using sql::MemoryPool;
using sql::MemoryUse;

/// What must end with 53200 at 4 MB, and a smaller one of the same kind that must not.
struct Case {
  const char* holder;  ///< named by the error
  const char* too_much;
  const char* enough;
  const char* result;
};

const Case kCases[] = {
    {"a sort", "SELECT count(*) FROM (SELECT g FROM generate_series(1, 2000000) g ORDER BY g % 7) t",
     "SELECT g FROM generate_series(1, 20000) g ORDER BY -g LIMIT 1", "20000"},
    {"a join", "SELECT count(*) FROM generate_series(1, 3) a JOIN generate_series(1, 2000000) b ON a < b",
     "SELECT count(*) FROM generate_series(1, 3) a JOIN generate_series(1, 1000) b ON a < b", "2994"},
    {"join", "SELECT count(*) FROM generate_series(1, 2000000) a JOIN generate_series(1, 2000000) b ON a = b",
     "SELECT count(*) FROM generate_series(1, 20000) a JOIN generate_series(1, 20000) b ON a = b", "20000"},
    {"an aggregate", "SELECT count(*) FROM (SELECT g, count(*) FROM generate_series(1, 2000000) g GROUP BY g) t",
     "SELECT count(*) FROM (SELECT g, count(*) FROM generate_series(1, 20000) g GROUP BY g) t", "20000"},
    {"an aggregate", "SELECT length(string_agg(repeat('x', 1000), ',')) FROM generate_series(1, 20000)",
     "SELECT length(string_agg(repeat('x', 1000), ',')) FROM generate_series(1, 200)", "200199"},
    {"an aggregate with DISTINCT", "SELECT count(DISTINCT g) FROM generate_series(1, 2000000) g",
     "SELECT count(DISTINCT g) FROM generate_series(1, 20000) g", "20000"},
    {"an aggregate with ORDER BY", "SELECT length(string_agg(g::text, '' ORDER BY -g)) FROM generate_series(1, 2000000) g",
     "SELECT length(string_agg(g::text, '' ORDER BY -g)) FROM generate_series(1, 9999) g", "38889"},
    {"DISTINCT", "SELECT count(*) FROM (SELECT DISTINCT g FROM generate_series(1, 2000000) g) t",
     "SELECT count(*) FROM (SELECT DISTINCT g FROM generate_series(1, 20000) g) t", "20000"},
    {"INTERSECT or EXCEPT", "SELECT count(*) FROM (SELECT generate_series(1, 3) EXCEPT SELECT generate_series(3, 2000000)) t",
     "SELECT count(*) FROM (SELECT generate_series(1, 3) EXCEPT SELECT generate_series(3, 20000)) t", "2"},
    {"a window function", "SELECT count(*) FROM (SELECT sum(g) OVER (ORDER BY g) FROM generate_series(1, 2000000) g) t",
     "SELECT count(*) FROM (SELECT sum(g) OVER (ORDER BY g) FROM generate_series(1, 2000) g) t", "2000"},
    {"a window function",
     "SELECT count(*) FROM (SELECT string_agg(g::text, ',') OVER (ORDER BY g) FROM generate_series(1, 5000) g) t",
     "SELECT count(*) FROM (SELECT string_agg(g::text, ',') OVER (ORDER BY g) FROM generate_series(1, 500) g) t", "500"},
    {"a WITH query", "WITH t AS (SELECT g FROM generate_series(1, 2000000) g) SELECT count(*) FROM t a, t b WHERE a.g = -1",
     "WITH t AS (SELECT g FROM generate_series(1, 20000) g) SELECT count(*) FROM t", "20000"},
    {"a WITH query", "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
     "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 2000) SELECT count(*) FROM t", "2000"},
    {"query", "WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT n + 1 FROM t) SELECT count(*) FROM t",
     "WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT m FROM t, generate_series(1, 20) m) SELECT count(*) FROM t", "20"},
    {"a subquery", "SELECT count(*) FROM generate_series(1, 3) a WHERE a < ALL (SELECT g FROM generate_series(1, 2000000) g)",
     "SELECT count(*) FROM generate_series(1, 3) a WHERE a < ALL (SELECT g FROM generate_series(3, 20000) g)", "2"},
    {"a text function", "SELECT length(repeat('x', 100000000))", "SELECT length(repeat('x', 100000))", "100000"},
    {"a text function", "SELECT max(length(lpad(g::text, 100000))) FROM generate_series(1, 2000) g",
     "SELECT max(length(lpad(g::text, 1000))) FROM generate_series(1, 200) g", "1000"},
    {"a text function", "SELECT length(replace(repeat('x', 100000), 'x', repeat('y', 1000)))",
     "SELECT length(replace(repeat('x', 100), 'x', repeat('y', 100)))", "10000"},
    {"a text function",
     "SELECT length(concat_ws(',', repeat(v, 1000000), repeat(v, 2000000), repeat(v, 3000000))) FROM (VALUES ('x')) t(v)",
     "SELECT length(concat_ws(',', repeat(v, 100), repeat(v, 200))) FROM (VALUES ('x')) t(v)", "301"},
    {"a text function", "SELECT length(format('%100000000s', 'x'))", "SELECT length(format('%1000s', 'x'))", "1000"},
    {"a text function", "SELECT max(length(('x' || g)::char(1000000))) FROM generate_series(1, 50) g",
     "SELECT max(length(('x' || g)::char(1000))) FROM generate_series(1, 50) g", "3"},
    {"the result", "SELECT g FROM generate_series(1, 2000000) g", "SELECT sum(1) FROM generate_series(1, 2000000) g", "2000000"},
    {"the rows to change", "INSERT INTO t SELECT g, '' FROM generate_series(1, 2000000) g RETURNING 1",
     "INSERT INTO t SELECT 1, '' RETURNING id", "1"},
    {"the rows written", "INSERT INTO t SELECT g + 1, 'x' FROM generate_series(1, 30000) g",
     "UPDATE t SET v = 'two' WHERE id = 1 RETURNING v", "two"},
};

}  // namespace

TEST_CASE("every operator that holds rows ends with 53200 at the statement's bound, and the session goes on", "[sql][memory]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
  node.ok("SET max_statement_memory = '4MB'");
  for (const Case& each : kCases) {
    INFO(each.too_much);
    const Status status = node.run(each.too_much).status();
    CHECK(status.sqlstate() == "53200");
    CHECK(status.code() == StatusCode::kResourceExhausted);
    INFO(status.to_string());
    CHECK(status.message().find(each.holder) != std::string_view::npos);
    CHECK(status.message().find("4 MB") != std::string_view::npos);
    CHECK(status.detail().find("max_statement_memory") != std::string_view::npos);
    CHECK(node.text(each.enough) == each.result);
  }
  // Nothing of the refused INSERTs is there.
  CHECK(node.text("SELECT count(*) FROM t") == "1");
}

TEST_CASE("the statements of a node share a bound, and give it back", "[sql][memory]") {
  SqlNode node(new_memory_engine(), std::uint64_t{6} << 20);
  node.ok("SET max_statement_memory = '1GB'");
  for (int round = 0; round < 3; ++round) {
    const Status status = node.run("SELECT g FROM generate_series(1, 2000000) g ORDER BY -g").status();
    CHECK(status.sqlstate() == "53200");
    INFO(status.to_string());
    CHECK(status.message().find("the statements of this node") != std::string_view::npos);
    CHECK(status.message().find("6 MB") != std::string_view::npos);
    CHECK(status.detail().find("sql_memory_bytes") != std::string_view::npos);
    // About five of the six: it fits only if the failed one gave everything back.
    CHECK(node.text("SELECT count(*) FROM (SELECT g FROM generate_series(1, 250000) g ORDER BY -g) t") == "250000");
  }
}

TEST_CASE("a failure over the bound undoes its statement, and a transaction block with it", "[sql][memory]") {
  SqlNode node;
  node.ok("CREATE TABLE t (id INT PRIMARY KEY)");
  node.ok("SET max_statement_memory = '2MB'");
  node.ok("BEGIN");
  node.ok("INSERT INTO t VALUES (1)");
  CHECK(node.error("SELECT g FROM generate_series(1, 1000000) g") == "53200");
  CHECK(node.error("SELECT 1") == "25P02");
  node.ok("ROLLBACK");
  CHECK(node.text("SELECT count(*) FROM t") == "0");
}

TEST_CASE("rows are fetched as far as they are asked for", "[sql][memory]") {
  SqlNode node;
  node.ok("SET max_statement_memory = '1MB'");
  CHECK(node.text("SELECT g FROM generate_series(1, 9000000000) g LIMIT 2") == "1\n2");
  CHECK(node.text("SELECT generate_series(1, 9000000000), 'x' LIMIT 2") == "1|x\n2|x");
  CHECK(node.text("SELECT g FROM generate_series(0.5, 9000000000) g LIMIT 2") == "0.5\n1.5");
  CHECK(node.text("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n * 2 FROM t) SELECT n FROM t LIMIT 3") == "1\n2\n4");
  CHECK(node.text(
            "WITH t AS (SELECT generate_series(1, 9000000000) g) SELECT a.g, b.g FROM t a, LATERAL (SELECT g FROM t LIMIT 2) b "
            "LIMIT 3") == "1|1\n1|2\n2|1");
}

TEST_CASE("values beyond a gigabyte are refused with 54000 however much memory there is", "[sql][memory]") {
  SqlNode node;
  CHECK(node.error("SELECT repeat('x', 2000000000)") == "54000");
  CHECK(node.error("SELECT lpad('x', 2000000000)") == "54000");
}

TEST_CASE("statement_timeout ends statements that run too long", "[sql][memory]") {
  SqlNode node;
  node.ok("SET statement_timeout = 30");
  for (const char* endless : {"SELECT count(*) FROM generate_series(1, 9000000000000)",
                              "SELECT count(*) FROM generate_series(1, 3000000) a, generate_series(1, 30000) b WHERE a + b < 0",
                              "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT sum(1) FROM (SELECT 1 FROM t) u",
                              "SELECT count(*) FROM generate_series(1, 9000000000000) a WHERE EXISTS "
                              "(SELECT 1 FROM generate_series(1, 1000) b WHERE a + b < 0)"}) {
    INFO(endless);
    CHECK(node.error(endless) == "57014");
  }
  node.ok("SET statement_timeout = 0");
  CHECK(node.text("SELECT count(*) FROM generate_series(1, 1000000)") == "1000000");
}

TEST_CASE("another thread cancels the running statement, and only that one", "[sql][memory]") {
  SqlNode node;
  REQUIRE(node.session().cancel());  // nothing runs: no effect later
  CHECK(node.text("SELECT 1") == "1");
  std::atomic<bool> ended{false};
  std::thread other([&] {
    while (!ended) {
      (void)node.session().cancel();
      std::this_thread::yield();
    }
  });
  const std::string state = node.error("SELECT count(*) FROM generate_series(1, 9000000000000)");
  ended = true;
  other.join();
  CHECK(state == "57014");
  CHECK(node.text("SELECT 2") == "2");
}

TEST_CASE("quantities of settings are read and shown as PostgreSQL does", "[sql][memory]") {
  SqlNode node;
  const auto shown = [&](const std::string& name, const std::string& value) {
    node.ok("SET " + name + " = " + value);
    return node.text("SHOW " + name);
  };
  CHECK(shown("max_statement_memory", "65536") == "64MB");
  CHECK(shown("max_statement_memory", "'100 kB'") == "100kB");
  CHECK(shown("max_statement_memory", "'2GB'") == "2GB");
  CHECK(shown("statement_timeout", "1500") == "1500ms");
  CHECK(shown("statement_timeout", "'2min'") == "2min");
  CHECK(shown("statement_timeout", "120000") == "2min");
  for (const char* wrong : {"'63kB'", "'x'", "'1XB'", "-1", "'99999999999TB'", "''"}) {
    INFO(wrong);
    CHECK(node.error(std::string("SET max_statement_memory = ") + wrong) == "22023");
  }
  CHECK(node.error("SET statement_timeout = '300d'") == "22023");
  CHECK(node.text("SHOW max_statement_memory") == "2GB");
  node.ok("RESET max_statement_memory");
  CHECK(node.text("SHOW max_statement_memory") == "1GB");
}

TEST_CASE("MemoryBudget draws on its pool in steps and gives back what it drew", "[sql][memory]") {
  MemoryPool pool(std::size_t{8} << 20);
  {
    const auto budget = std::make_shared<MemoryBudget>(std::size_t{100} << 20, &pool);
    MemoryUse small(budget, "small");
    REQUIRE(small.set(MemoryBudget::kOwnBytes));
    CHECK(pool.used_bytes() == 0);
    MemoryUse large(budget, "large");
    REQUIRE(large.set(std::size_t{5} << 20));
    CHECK(pool.used_bytes() == std::size_t{5} << 20);
    CHECK(large.set(std::size_t{9} << 20).sqlstate() == "53200");
    CHECK(large.held_bytes() == std::size_t{5} << 20);
    CHECK(budget->used_bytes() == MemoryBudget::kOwnBytes + (std::size_t{5} << 20));
    MemoryUse moved = std::move(large);
    CHECK(moved.held_bytes() == std::size_t{5} << 20);
    moved.clear();
    CHECK(pool.used_bytes() < std::size_t{2} << 20);
    const auto second = std::make_shared<MemoryBudget>(std::size_t{3} << 20, &pool);
    MemoryUse other(second, "other");
    CHECK(other.set(std::size_t{4} << 20).message().find("3 MB") != std::string_view::npos);
    REQUIRE(other.set(std::size_t{3} << 20));
    CHECK(second->available_bytes() == 0);
  }
  CHECK(pool.used_bytes() == 0);
}

}  // namespace ldb::test
