// The music-store data set: it loads unmodified, and the questions of examples/three_nodes.cpp have PostgreSQL's answers.
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "sql/parse/parser.hpp"
#include "sql/sql_fixture.hpp"

namespace ldb::test {
namespace {

std::string read_script() {
  for (const char* path : {"/examples/data/Chinook_PostgreSql.sql", "/../shared/data/chinook/Chinook_PostgreSql.sql"}) {
    std::ifstream in(std::string(LDB_SOURCE_DIR) + path);
    if (!in) continue;
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  return {};
}

/// As a shell does: statement by statement, \c opens a new session.
void load(SqlNode& node, std::string_view script) {
  while (!script.empty()) {
    const std::size_t start = script.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return;
    script.remove_prefix(start);
    if (script[0] == '\\') {
      const std::size_t end = std::min(script.find('\n'), script.size());
      std::istringstream words{std::string(script.substr(0, end))};
      std::string command, database;
      words >> command >> database;
      REQUIRE(command == "\\c");
      if (database.back() == ';') database.pop_back();
      node.connect(database);
      script.remove_prefix(end);
      continue;
    }
    const auto end = sql::find_statement_end(script);
    const std::string_view statement = script.substr(0, end.value_or(script.size()));
    if (!sql::is_blank(statement)) node.ok(statement);
    script.remove_prefix(statement.size());
  }
}

}  // namespace

TEST_CASE("the music store loads unmodified and answers as PostgreSQL does", "[sql]") {
  const std::string script = read_script();
  if (script.empty()) {
    WARN("the data set is not there");
    return;
  }
  SqlNode node;
  load(node, script);
  CHECK(node.session().database() == "chinook");
  CHECK(node.text("SELECT count(*) FROM track") == "3503");
  CHECK(node.text("SELECT count(*) FROM playlist_track") == "8715");
  CHECK(node.text("SELECT count(*) FROM invoice_line") == "2240");

  CHECK(
      node.text(
          "SELECT ar.name, sum(il.unit_price * il.quantity) AS sales FROM artist ar JOIN album al ON al.artist_id = ar.artist_id "
          "JOIN track t ON t.album_id = al.album_id JOIN invoice_line il ON il.track_id = t.track_id GROUP BY ar.artist_id, "
          "ar.name "
          "ORDER BY sales DESC, ar.name LIMIT 3") == "Iron Maiden|138.60\nU2|105.93\nMetallica|90.09");
  CHECK(
      node.text("SELECT count(*) FROM track t WHERE NOT EXISTS (SELECT 1 FROM invoice_line il WHERE il.track_id = t.track_id)") ==
      "1519");
  CHECK(node.text("SELECT count(*) FROM track WHERE track_id NOT IN (SELECT track_id FROM invoice_line)") == "1519");
  CHECK(node.text(
            "SELECT e.first_name, count(DISTINCT c.customer_id), sum(i.total) FROM employee e JOIN customer c ON "
            "c.support_rep_id = "
            "e.employee_id JOIN invoice i ON i.customer_id = c.customer_id GROUP BY e.employee_id, e.first_name ORDER BY 1") ==
        "Jane|21|833.04\nMargaret|20|775.40\nSteve|18|720.16");
  CHECK(node.text("SELECT count(*) FROM invoice i WHERE i.total <> (SELECT sum(unit_price * quantity) FROM invoice_line il WHERE "
                  "il.invoice_id = i.invoice_id)") == "0");
  node.ok("UPDATE invoice SET total = total + 1 WHERE invoice_id = 17");
  CHECK(node.text("SELECT i.invoice_id, i.total, sum(il.unit_price * il.quantity) FROM invoice i JOIN invoice_line il ON "
                  "il.invoice_id = "
                  "i.invoice_id GROUP BY i.invoice_id, i.total HAVING i.total <> sum(il.unit_price * il.quantity)")
            .substr(0, 3) == "17|");
  CHECK(node.error("DELETE FROM artist WHERE artist_id = 1") == "23503");
  CHECK(node.error("INSERT INTO album VALUES (1000, 'x', 100000)") == "23503");
}

}  // namespace ldb::test
