#include <catch2/catch.hpp>
#include <string>

#include "sql/parse/parser.hpp"

namespace ldb::sql {
namespace {

TEST_CASE("A statement ends at its semicolon, not at one inside something") {
  for (std::string_view complete :
       {"SELECT 1;", "SELECT ';';", "SELECT 'it''s;';", "SELECT E'\\';';", "SELECT \";\";", "SELECT \"a\"\";\";", "SELECT $$;$$;",
        "SELECT $a$;$$;$a$;", "SELECT /* ; /* ; */ ; */ 1;", "SELECT 1 -- ;\n;", "CREATE RULE r DO (a; b);",
        "SELECT E'a'\n'\\';';", "SELECT a$b;", "SELECT $1;", ";", "SELECT U&'\\0041;';"}) {
    INFO(complete);
    std::string text = std::string(complete) + " SELECT 2;";
    auto end = find_statement_end(text);
    REQUIRE(end.has_value());
    CHECK(*end == complete.size());
    for (std::size_t length = 0; length < complete.size(); ++length)
      CHECK(!find_statement_end(complete.substr(0, length)).has_value());
  }
}

TEST_CASE("Blank text is told from statements") {
  CHECK(is_blank(""));
  CHECK(is_blank("  \n ; -- x\n /* y */ ;"));
  CHECK(is_blank("-- only a comment"));
  CHECK(!is_blank("/* open"));
  CHECK(!is_blank("SELECT 1"));
}

}  // namespace
}  // namespace ldb::sql
