// The catalog across nodes: equal statements make equal rows, concurrent schema changes merge, conflicts get names.
#include <catch2/catch.hpp>

#include "sql/catalog/row_codec.hpp"
#include "sql/catalog/system_tables.hpp"
#include "sql/sql_fixture.hpp"

namespace ldb::test {
namespace {

/// Rows of the catalog that `to` lacks, as replication would bring them.
void copy_catalog(SqlNode& from, SqlNode& to) {
  auto source = from.rows().begin({});
  auto target = to.rows().begin({});
  REQUIRE(source.has_value());
  REQUIRE(target.has_value());
  for (const auto& table : sql::system_tables()) {
    auto cursor = (*source)->scan(table->id, KeyRange{});
    REQUIRE(cursor.has_value());
    for (; (*cursor)->valid(); (*cursor)->next()) {
      const std::string key((*cursor)->key());
      if ((*target)->get(table->id, key).value()) continue;
      auto row = sql::decode_row(*table, (*cursor)->image());
      REQUIRE(row.has_value());
      REQUIRE((*target)->insert(table->id, key, sql::encode_row_cells(*table, *row)).is_ok());
    }
  }
  REQUIRE((*target)->commit().has_value());
}

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, v TEXT UNIQUE, n INT DEFAULT 3 CHECK (n > 0), up INT REFERENCES t)";
constexpr const char* kCatalogRows =
    "SELECT 'r', id, name FROM ldb.relations UNION ALL SELECT 'i', id, name FROM ldb.indexes UNION ALL "
    "SELECT 'c', id, name FROM ldb.columns ORDER BY 1, 2";

}  // namespace

TEST_CASE("the same CREATE TABLE on two nodes makes one table", "[sql]") {
  SqlNode a;
  SqlNode b;
  a.ok(kTable);
  b.ok(kTable);
  CHECK(a.text(kCatalogRows) == b.text(kCatalogRows));
  copy_catalog(b, a);
  CHECK(a.text("SELECT count(*) FROM ldb.relations") == "1");
  CHECK(a.text("SELECT count(*) FROM ldb.schema_conflicts") == "0");
  // Dropped and made again it is another table, on both alike.
  const std::string first = a.text("SELECT id FROM ldb.relations");
  a.ok("DROP TABLE t");
  b.ok("DROP TABLE t");
  a.ok(kTable);
  b.ok(kTable);
  CHECK(a.text(kCatalogRows) == b.text(kCatalogRows));
  CHECK(a.text("SELECT id FROM ldb.relations") != first);
}

TEST_CASE("columns added on two nodes at the same time both survive", "[sql]") {
  SqlNode a;
  SqlNode b;
  for (SqlNode* node : {&a, &b}) {
    node->ok("CREATE TABLE t (id INT PRIMARY KEY)");
    node->ok("INSERT INTO t VALUES (1)");
  }
  a.ok("ALTER TABLE t ADD COLUMN x INT DEFAULT 1, ADD COLUMN same TEXT");
  b.ok("ALTER TABLE t ADD COLUMN y INT DEFAULT 2, ADD COLUMN same TEXT");
  copy_catalog(b, a);
  CHECK(a.text("SELECT id, x, y, same FROM t") == "1|1|2|NULL");
  CHECK(a.text("SELECT count(*) FROM ldb.schema_conflicts") == "0");
}

TEST_CASE("two tables with one name: the earlier keeps it, the later is renamed and reported", "[sql]") {
  SqlNode a;
  SqlNode b;
  a.ok("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");
  b.ok("CREATE TABLE t (name TEXT PRIMARY KEY)");
  copy_catalog(b, a);
  CHECK(a.text("SELECT id FROM t") == "1");
  const std::string renamed = a.text("SELECT renamed_to FROM ldb.schema_conflicts WHERE kind = 'relation'");
  REQUIRE(renamed.size() == 10);
  CHECK(renamed.substr(0, 2) == "t_");
  a.ok("INSERT INTO " + renamed + " VALUES ('x')");
  CHECK(a.text("SELECT name FROM " + renamed) == "x");
}

TEST_CASE("two columns of one name with different types: the later is renamed", "[sql]") {
  SqlNode a;
  SqlNode b;
  a.ok("CREATE TABLE t (id INT PRIMARY KEY); ALTER TABLE t ADD COLUMN c INT");
  b.ok("CREATE TABLE t (id INT PRIMARY KEY); ALTER TABLE t ADD COLUMN c TEXT");
  copy_catalog(b, a);
  CHECK(a.text("SELECT count(*) FROM ldb.schema_conflicts WHERE kind = 'column'") == "1");
  a.ok("INSERT INTO t (id, c) VALUES (1, 2)");
  CHECK(a.ok("SELECT * FROM t").columns().size() == 3);
}

TEST_CASE("an index made elsewhere is built here and then used", "[sql]") {
  SqlNode a;
  SqlNode b;
  for (SqlNode* node : {&a, &b}) node->ok("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
  a.ok("INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 500) g(i)");
  b.ok("CREATE INDEX t_v ON t (v)");
  copy_catalog(b, a);
  a.restart();  // what was not built yet is built at start
  CHECK(a.text("SELECT ready FROM ldb.table_indexes WHERE index_name = 't_v'") == "t");
  CHECK(a.text("EXPLAIN SELECT id FROM t WHERE v = 'v77'").find("Index Scan using t_v") != std::string::npos);
  CHECK(a.text("SELECT id FROM t WHERE v = 'v77'") == "77");
}

TEST_CASE("the data of a dropped table is removed from the node", "[sql]") {
  SqlNode a;
  const std::string empty = a.text("SELECT ldb.content_hash()");
  a.ok("CREATE TABLE t (id INT PRIMARY KEY, v TEXT UNIQUE); INSERT INTO t SELECT i, i::text FROM generate_series(1, 100) g(i)");
  const TableId id{static_cast<std::uint64_t>(a.ok("SELECT id FROM ldb.relations")[0].get<std::int64_t>(0))};
  a.ok("DROP TABLE t");
  auto transaction = a.rows().begin({});
  auto cursor = (*transaction)->scan(id, KeyRange{});
  REQUIRE(cursor.has_value());
  CHECK_FALSE((*cursor)->valid());
  CHECK(empty.size() == 32);
}

}  // namespace ldb::test
