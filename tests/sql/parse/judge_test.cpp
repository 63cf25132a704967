// Compares the parser with PostgreSQL's own grammar over whole corpora. LDB_SLT_DIR names a folder of .slt files to use beside
// the sample.
#ifdef LDB_HAVE_PG_QUERY

#include <catch2/catch.hpp>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include "sql/parse/lexer.hpp"
#include "sql/parse/parser.hpp"
#include "sql/parse/postgres_judge.hpp"
#include "sql/parse/slt_statements.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {
namespace {

struct Tally {
  std::size_t statements = 0, both_accept = 0, both_refuse = 0, unsupported = 0, too_strict = 0, refused_early = 0,
              known_differences = 0, too_lax = 0, trees = 0, tree_differs = 0, message_differs = 0;
  std::map<std::string, std::size_t> unsupported_clauses;
};

bool prints(const ast::Statement& s) {
  switch (s.kind) {
    case ast::StatementKind::kSelect:
    case ast::StatementKind::kInsert:
    case ast::StatementKind::kUpdate:
    case ast::StatementKind::kDelete:
    case ast::StatementKind::kMerge:
      return true;
    default:
      return false;
  }
}

// Errors that PostgreSQL reports too, but after its grammar.
bool refused_later(std::string_view message) {
  for (std::string_view known : {"DEFAULT is not allowed in this context", "conflicting or redundant options",
                                 "number of columns does not match number of values", "is not a valid hexadecimal digit",
                                 "is not a valid binary digit", "there is no parameter $", "misplaced DEFERRABLE clause",
                                 "unrecognized partitioning strategy", "multiple COLLATE clauses not allowed"})
    if (message.find(known) != std::string_view::npos) return true;
  return false;
}

// ANALYZE TABLE t is ldb's own.
bool ldb_only(const ParsedScript& script) {
  for (const ast::Statement* s : script.statements) {
    std::string source(script.source_of(*s).substr(0, 60));
    for (char& c : source) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (s->kind == ast::StatementKind::kAnalyze && source.find("TABLE") != std::string::npos) return true;
  }
  return false;
}

// Where we refuse on purpose, or the judge is not PostgreSQL: an operator word as a label without AS (SELECT a and, b), and
// libpg_query's own $1 in place of a typed literal's string.
bool known_difference(const std::string& sql, const Status& error) {
  if (error.message().find("at or near \"$") != std::string_view::npos) return true;
  std::size_t end = 0;
  for (std::size_t characters = 0; end < sql.size() && characters + 1 < error.position(); ++end)
    characters += end + 1 >= sql.size() || (static_cast<unsigned char>(sql[end + 1]) & 0xC0) != 0x80;
  while (end > 0 && sql[end - 1] == ' ') --end;
  std::size_t begin = end;
  while (begin > 0 && std::isalpha(static_cast<unsigned char>(sql[begin - 1])) != 0) --begin;
  std::string word = sql.substr(begin, end - begin);
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::string_view known : {"and", "or", "is", "in", "like", "ilike", "between", "similar", "collate"})
    if (word == known) return true;
  return false;
}

void compare_tree(const std::string& sql, const ParsedScript& script, Tally& tally, bool verbose) {
  for (const ast::Statement* s : script.statements) {
    if (!prints(*s)) continue;
    ++tally.trees;
    std::string source(script.source_of(*s));
    std::string printed = to_sql(*s);
    auto expected = test::postgres_tree(source);
    auto actual = test::postgres_tree(printed);
    if (expected == actual) continue;
    ++tally.tree_differs;
    if (verbose)
      std::cout << "TREE  " << source << "\n   -> " << printed << "\n" << (actual ? "" : test::judge(printed).error + "\n");
    if (verbose && expected && actual && std::getenv("LDB_JUDGE_TREES") != nullptr)
      std::cout << *expected << "\n" << *actual << "\n";
  }
  static_cast<void>(sql);
}

void compare(const std::string& sql, Tally& tally, bool verbose) {
  ++tally.statements;
  test::Judgement judgement = test::judge(sql);
  Result<ParsedScript> ours = parse(sql);
  bool unsupported = !ours && ours.error().sqlstate() == "0A000";
  if (judgement.accepted && ours) {
    ++tally.both_accept;
    compare_tree(sql, *ours, tally, verbose);
  } else if (judgement.accepted && unsupported) {
    ++tally.unsupported;
    ++tally.unsupported_clauses[std::string(ours.error().message())];
  } else if (judgement.accepted) {
    if (refused_later(ours.error().message())) {
      ++tally.refused_early;
      return;
    }
    if (known_difference(sql, ours.error())) {
      ++tally.known_differences;
      return;
    }
    ++tally.too_strict;
    if (verbose) std::cout << "STRICT " << ours.error().to_string() << " @" << ours.error().position() << "\n   " << sql << "\n";
  } else if (ours) {
    if (ldb_only(*ours)) {
      ++tally.known_differences;
      return;
    }
    ++tally.too_lax;
    if (verbose) std::cout << "LAX   " << judgement.error << "\n   " << sql << "\n";
  } else {
    ++tally.both_refuse;
    if (unsupported) return;
    bool same =
        ours.error().message() == judgement.error && ours.error().position() == static_cast<std::size_t>(judgement.position);
    if (same) return;
    ++tally.message_differs;
    if (verbose && std::getenv("LDB_JUDGE_MESSAGES") != nullptr)
      std::cout << "MESSAGE " << ours.error().message() << " @" << ours.error().position() << " / " << judgement.error << " @"
                << judgement.position << "\n   " << sql << "\n";
  }
}

Tally compare_folder(const std::string& folder, bool verbose) {
  Tally tally;
  for (const std::string& file : test::find_slt_files(folder))
    for (const std::string& sql : test::read_slt_statements(file)) compare(sql, tally, verbose);
  return tally;
}

void print(const Tally& t) {
  std::cout << t.statements << " statements: both accept " << t.both_accept << ", both refuse " << t.both_refuse
            << ", refused as unsupported " << t.unsupported << ", refused earlier " << t.refused_early << ", known differences "
            << t.known_differences << ", too strict " << t.too_strict << ", too lax " << t.too_lax << "; trees compared "
            << t.trees << ", different " << t.tree_differs << "; other message or position " << t.message_differs << "\n";
  for (const auto& [clause, count] : t.unsupported_clauses) std::cout << "  " << count << "  " << clause << "\n";
}

TEST_CASE("PostgreSQL's grammar and ours agree on the sample corpus") {
  Tally tally = compare_folder(LDB_SOURCE_DIR "/tests/sql/parse/corpus", true);
  CHECK(tally.statements > 500);
  CHECK(tally.too_strict == 0);
  CHECK(tally.too_lax == 0);
  CHECK(tally.tree_differs == 0);
}

TEST_CASE("What only PostgreSQL has is refused with 0A000") {
  std::vector<std::string> statements = test::read_slt_statements(LDB_SOURCE_DIR "/tests/sql/parse/corpus/unsupported.slt");
  CHECK(statements.size() > 90);
  for (const std::string& sql : statements) {
    INFO(sql);
    test::Judgement judgement = test::judge(sql);
    INFO(judgement.error);
    CHECK(judgement.accepted);
    auto ours = parse(sql);
    REQUIRE_FALSE(ours);
    INFO(ours.error().to_string());
    CHECK(ours.error().sqlstate() == "0A000");
    CHECK(ours.error().position() > 0);
  }
}

TEST_CASE("PostgreSQL's grammar and ours agree on a whole corpus", "[.corpus]") {
  const char* folder = std::getenv("LDB_SLT_DIR");
  REQUIRE(folder != nullptr);
  Tally tally = compare_folder(folder, true);
  print(tally);
  CHECK(tally.too_strict == 0);
  CHECK(tally.too_lax == 0);
  CHECK(tally.tree_differs == 0);
}

// Swaps, drops, doubles and exchanges tokens of real statements, so that most results are almost SQL.
class Mutator {
 public:
  Mutator(std::vector<std::string> statements, std::uint32_t seed) : statements_(std::move(statements)), random_(seed) {
    for (const std::string& sql : statements_)
      if (!sql.starts_with("SELECT") && !sql.starts_with("select") && !sql.starts_with("INSERT")) rare_.push_back(sql);
  }

  std::string next() {
    std::vector<std::string> words = tokens(pick(random_() % 2 == 0 || rare_.empty() ? statements_ : rare_));
    std::size_t changes = 1 + random_() % 3;
    for (std::size_t i = 0; i < changes && !words.empty(); ++i) change(words);
    std::string sql;
    for (const std::string& word : words) sql += (sql.empty() ? "" : " ") + word;
    return sql;
  }

 private:
  const std::string& pick(const std::vector<std::string>& from) { return from[random_() % from.size()]; }

  void change(std::vector<std::string>& words) {
    std::size_t at = random_() % words.size();
    std::size_t other = random_() % words.size();
    auto place = words.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random_() % 6) {
      case 0:
        words.erase(place);
        break;
      case 1:
        words.insert(place, words[other]);
        break;
      case 2:
        std::swap(words[at], words[other]);
        break;
      case 3:
        words[at] = foreign_word();
        break;
      case 4:
        words.insert(place, foreign_word());
        break;
      default: {
        std::vector<std::string> guest = tokens(pick(statements_));
        if (guest.empty()) break;
        std::size_t begin = random_() % guest.size();
        std::size_t end = std::min(guest.size(), begin + 1 + random_() % 6);
        words.insert(place, guest.begin() + static_cast<std::ptrdiff_t>(begin), guest.begin() + static_cast<std::ptrdiff_t>(end));
      }
    }
  }

  std::string foreign_word() {
    static const std::vector<std::string> kWords = {
#define LDB_KEYWORD(spelling, enumerator, category, bare_label) spelling,
#include "sql/parse/keywords.inc"
#undef LDB_KEYWORD
        "(",  ")",  "()",         "[",   "]",       ",",   ".",  "*",      "+",   "-",     "=", "<",
        "<>", "||", "::",         "1",   "1.5",     "'x'", "$1", "a",      "a.b", "\"Q\"", "a", "(",
        ")",  ",",  "(select 1)", "NOT", "IS NULL", "AND", "OR", "IN (1)", "AS",  "x y"};
    return pick(kWords);
  }

  static std::vector<std::string> tokens(const std::string& sql) {
    std::vector<std::string> words;
    Arena arena;
    try {
      Lexer lexer(sql, arena);
      Token token;
      for (lexer.next(token); token.kind != TokenKind::kEnd; lexer.next(token))
        words.push_back(sql.substr(token.begin, token.end - token.begin));
    } catch (const ParseFailure&) {
      words.clear();
    }
    return words;
  }

  std::vector<std::string> statements_;
  std::vector<std::string> rare_;  // neither SELECT nor INSERT, which would drown the rest
  std::mt19937 random_;
};

TEST_CASE("PostgreSQL's grammar and ours agree on mutated statements", "[.mutations]") {
  const char* folder = std::getenv("LDB_SLT_DIR");
  const char* seed_text = std::getenv("LDB_SEED");
  const char* count_text = std::getenv("LDB_COUNT");
  std::vector<std::string> statements;
  for (const std::string& file : test::find_slt_files(folder != nullptr ? folder : LDB_SOURCE_DIR "/tests/sql/parse/corpus"))
    for (std::string& sql : test::read_slt_statements(file))
      if (sql.size() < 400) statements.push_back(std::move(sql));
  REQUIRE(!statements.empty());
  std::uint32_t seed = seed_text != nullptr ? static_cast<std::uint32_t>(std::atoi(seed_text)) : std::random_device()();
  INFO("seed " << seed);
  Mutator mutator(std::move(statements), seed);
  Tally tally;
  for (int left = count_text != nullptr ? std::atoi(count_text) : 20000; left > 0; --left) compare(mutator.next(), tally, true);
  print(tally);
  CHECK(tally.too_strict == 0);
  CHECK(tally.too_lax == 0);
  CHECK(tally.tree_differs == 0);
}

}  // namespace
}  // namespace ldb::sql

#endif
