// Regular expressions: what matches, what is refused, and that no pattern takes exponential time or unbounded memory.
#include <catch2/catch.hpp>

#include "sql/expr/regex.hpp"

namespace ldb::sql {
namespace {

bool matches(std::string_view text, std::string_view pattern, std::string_view letters = "") {
  RegexOptions options;
  REQUIRE(read_regex_options(letters, options));
  auto regex = Regex::compile(pattern, options);
  INFO(pattern << ": " << regex.status().to_string());
  REQUIRE(regex.has_value());
  return regex->matches(text);
}

std::string refusal(std::string_view pattern) { return std::string(Regex::compile(pattern, {}).status().sqlstate()); }

}  // namespace

TEST_CASE("Regex matches what PostgreSQL's advanced regular expressions match", "[sql]") {
  struct Case {
    const char* text;
    const char* pattern;
    bool matches;
  };
  const Case cases[] = {
      {"abc", "b", true},
      {"abc", "", true},
      {"", "", true},
      {"", "a*", true},
      {"abc", "^b", false},
      {"abc", "^a", true},
      {"abc", "c$", true},
      {"abc", "b$", false},
      {"abc", "^abc$", true},
      {"ac", "ab?c", true},
      {"abbbc", "ab+c", true},
      {"ac", "ab+c", false},
      {"abbc", "ab{2}c", true},
      {"abc", "ab{2}c", false},
      {"abbbc", "ab{1,2}c", false},
      {"abbbc", "ab{2,}c", true},
      {"ac", "ab{0}c", true},
      {"a{c", "a{c", true},
      {"abc", "x|b", true},
      {"abc", "^(x|b)", false},
      {"abab", "^(?:ab)*$", true},
      {"aba", "^(ab)*$", false},
      {"abc", "a.c", true},
      {"a\nc", "a.c", true},
      {"a]c", "[]]", true},
      {"abc", "[^abc]", false},
      {"abcd", "[^a-c]", true},
      {"a-c", "[a-]-", true},
      {"x7", "\\d", true},
      {"xy", "\\d", false},
      {"xy", "\\D", true},
      {"a b", "\\s", true},
      {"a_b", "^\\w+$", true},
      {"a-b", "^\\w+$", false},
      {"a.b", "a\\.b", true},
      {"axb", "a\\.b", false},
      {"tab\t", "\\t", true},
      {"A", "\\x41", true},
      {"A", "\\u0041", true},
      {"a1", "[[:alpha:]]1", true},
      {"11", "[[:alpha:]]1", false},
      {"foo bar", "\\mbar\\M", true},
      {"foobar", "\\mbar", false},
      {"foobar", "\\yfoo\\y", false},
      {"foo bar", "\\yfoo\\y", true},
      {"foobar", "oo\\Yb", true},
      {"b\na", "^a", false},
      {"b\na", "\\Aa", false},
      {"a*", "a\\*", true},
      {"\\", "\\\\", true},
      {"aXb", "(?i)axb", true},
      {"a+b", "***=a+b", true},
      {"aab", "***=a+b", false},
      {"aab", "***:a+b", true},
      {"xaby", "a(b|)y", true},
      {"aaa", "^a{3}?$", true},
      {"ab", "(a)(b)", true},
      {"a|b", "a[|]b", true},
      {"x", "[\\w]", true},
      {"-", "[\\w-]", true},
  };
  for (const Case& each : cases) {
    INFO(each.text << " ~ " << each.pattern);
    CHECK(matches(each.text, each.pattern) == each.matches);
  }
  CHECK(matches("a-b", "a[\\W]b"));
  CHECK_FALSE(matches("axb", "a[\\W\\d]b"));
  CHECK(matches("a7b", "a[\\W\\d]b"));
  CHECK_FALSE(matches("a-b", "a[^\\W]b"));
  CHECK(matches("Käse", "K.se$"));
  CHECK(matches("日本", "^..$"));
  CHECK(matches("日本", "[ぁ-龠]{2}"));
}

TEST_CASE("Regex options change case and newlines", "[sql]") {
  CHECK(matches("ABC", "abc", "i"));
  CHECK(matches("abc", "[A-B]BC", "i"));
  CHECK_FALSE(matches("ABC", "abc", "ic"));
  CHECK_FALSE(matches("abc", "[^A]bc", "i"));
  CHECK(matches("x\na", "^a", "n"));
  CHECK(matches("a\nx", "a$", "m"));
  CHECK_FALSE(matches("a\nc", "a.c", "n"));
  CHECK_FALSE(matches("a\nc", "a[^x]c", "p"));
  CHECK_FALSE(matches("x\na", "^a", "p"));
  CHECK(matches("x\na", "^a", "w"));
  CHECK(matches("a\nc", "a.c", "w"));
  CHECK(matches("a.c", "a.c", "q"));
  CHECK_FALSE(matches("abc", "a.c", "q"));
  RegexOptions options;
  CHECK(read_regex_options("z", options).sqlstate() == "22023");
  CHECK(read_regex_options("x", options).sqlstate() == "0A000");
}

TEST_CASE("Regex refuses what is no expression, and what it cannot do", "[sql]") {
  for (const char* pattern :
       {"*a", "+",  "a|*",   "(*a)",          "a**", "a{1}{2}", "a{2,1}", "a{256}", "a{1",   "a{1,x}", "(a",  "a)",
        "[a", "[]", "[b-a]", "[[:nothing:]]", "\\",  "[\\",     "^*",     "\\xg",   "\\u12", "***a",   "(?a", "(?z:a)"}) {
    INFO(pattern);
    const std::string state = refusal(pattern);
    CHECK(state == "2201B");
  }
  for (const char* pattern : {"(a)\\1", "a(?=b)", "a(?!b)", "(?<=a)b", "[[.a.]]", "[[=a=]]"}) CHECK(refusal(pattern) == "0A000");
}

TEST_CASE("Regex is bounded whatever the pattern", "[sql]") {
  CHECK(refusal("((((a{255}){255}){255}){255})") == "2201B");
  CHECK(refusal(std::string(100'000, '(')) == "2201B");
  CHECK(refusal("(((((((((a{0,9}){0,9}){0,9}){0,9}){0,9}){0,9}){0,9}){0,9}){0,9})") == "2201B");
  // Backtracking would take 2^30 steps.
  std::string nested;
  for (int i = 0; i < 30; ++i) nested += "a?";
  CHECK(matches(std::string(30, 'a'), "^" + nested + std::string(30, 'a') + "$"));
  CHECK_FALSE(matches(std::string(5'000, 'a') + "b", "^(a*)*$"));
  CHECK_FALSE(matches(std::string(5'000, 'a') + "b", "^(a|a)*$"));
  CHECK(matches(std::string("\xff\xfe") + "a", "a$"));  // not UTF-8: bytes stand for themselves
}

TEST_CASE("SIMILAR TO patterns become regular expressions", "[sql]") {
  CHECK(similar_to_regex("a%_b", "\\").value() == "^(?:a.*.b)$");
  CHECK(similar_to_regex("a.b^c$", "\\").value() == "^(?:a\\.b\\^c\\$)$");
  CHECK(similar_to_regex("(a|b)*", "\\").value() == "^(?:(?:a|b)*)$");
  CHECK(similar_to_regex("100#%", "#").value() == "^(?:100\\%)$");
  CHECK(similar_to_regex("[_%.]", "\\").value() == "^(?:[_%.])$");
  CHECK(similar_to_regex("[^]a]b", "\\").value() == "^(?:[^]a]b)$");
  CHECK(similar_to_regex("a\\b", "").value() == "^(?:a\\\\b)$");
  CHECK(similar_to_regex("a", "xy").status().sqlstate() == "22025");
  CHECK(similar_to_regex("a\\", "\\").value() == "^(?:a)$");
}

}  // namespace ldb::sql
