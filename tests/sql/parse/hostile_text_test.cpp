// Bytes that nobody meant as SQL: the parser answers with a result or an error, never anything else. Worth most under sanitizers.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "sql/parse/parser.hpp"
#include "sql/parse/slt_statements.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {
namespace {

void feed(const std::string& text) {
  auto script = parse(text);
  if (script) {
    for (const ast::Statement* s : script->statements) {
      CHECK(s->source_offset + s->source_length <= text.size());
      static_cast<void>(to_sql(*s));
    }
  } else {
    CHECK(!script.error().message().empty());
    CHECK(script.error().sqlstate().size() == 5);
    CHECK(script.error().position() <= text.size() + 1);
  }
  static_cast<void>(parse_expression(text));
  static_cast<void>(find_statement_end(text));
  static_cast<void>(is_blank(text));
}

TEST_CASE("Random bytes never crash the parser") {
  std::uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 20000; ++i) {
    std::string text(random() % 80, ' ');
    for (char& c : text) c = static_cast<char>(i % 2 == 0 ? random() : 32 + random() % 95);
    feed(text);
  }
}

TEST_CASE("Words of SQL in random order never crash the parser") {
  static const char* const kWords[] = {
#define LDB_KEYWORD(spelling, enumerator, category, bare_label) spelling,
#include "sql/parse/keywords.inc"
#undef LDB_KEYWORD
      "(",  ")", "(",   ")",    "[",  "]",  ",", ",",   ".", "*",     ";",   "=",  "<",   "::",
      "||", "-", "'x'", "E'\\", "$1", "$$", "1", "1.5", "a", "\"q\"", "U&'", "/*", "--\n"};
  std::uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 30000; ++i) {
    std::string text = i % 3 == 0 ? "SELECT " : i % 3 == 1 ? "CREATE " : "ALTER TABLE t ";
    for (std::size_t n = random() % 25; n > 0; --n) text += std::string(kWords[random() % std::size(kWords)]) + " ";
    feed(text);
  }
}

TEST_CASE("Statements with bytes changed never crash the parser") {
  std::vector<std::string> statements;
  for (const std::string& file : test::find_slt_files(LDB_SOURCE_DIR "/tests/sql/parse/corpus"))
    for (std::string& sql : test::read_slt_statements(file)) statements.push_back(std::move(sql));
  REQUIRE(!statements.empty());
  std::uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 40000; ++i) {
    std::string text = statements[random() % statements.size()];
    for (std::size_t n = 1 + random() % 4; n > 0 && !text.empty(); --n) {
      std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 5);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
          break;
        default:
          text.resize(at);
          break;
      }
    }
    feed(text);
  }
}

}  // namespace
}  // namespace ldb::sql
