#include "sql/parse/to_sql.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "sql/parse/parser.hpp"

namespace ldb::sql {
namespace {

std::string printed(std::string_view sql) {
  auto parsed = parse_expression(sql);
  INFO(sql << ": " << parsed.error().to_string());
  REQUIRE(parsed);
  return to_sql(*parsed->expression);
}

TEST_CASE("Names are quoted only where they must be") {
  CHECK(quote_identifier("abc_1") == "abc_1");
  CHECK(quote_identifier("Abc") == "\"Abc\"");
  CHECK(quote_identifier("a b") == "\"a b\"");
  CHECK(quote_identifier("a\"b") == "\"a\"\"b\"");
  CHECK(quote_identifier("select") == "\"select\"");
  CHECK(quote_identifier("name") == "name");
  CHECK(quote_identifier("1a") == "\"1a\"");
  CHECK(quote_identifier("") == "\"\"");
  CHECK(quote_literal("it's") == "'it''s'");
  CHECK(quote_literal("a\\b") == "E'a\\\\b'");
}

TEST_CASE("Expressions print canonically") {
  CHECK(printed("( A+b )*C") == "(a + b) * c");
  CHECK(printed("((a))+(b*c)") == "a + b * c");
  CHECK(printed("a != b") == "a <> b");
  CHECK(printed("cast(x as int)") == "x::integer");
  CHECK(printed("date '2020-01-01'") == "'2020-01-01'::date");
  CHECK(printed("-1") == "-1");
  CHECK(printed("(-1)::int") == "(-1)::integer");
  CHECK(printed("-1::int") == "-1::integer");
  CHECK(printed("- - a") == "- -a");
  CHECK(printed("2 - -1") == "2 - -1");
  CHECK(printed("x is not null and not (y or z)") == "x IS NOT NULL AND NOT (y OR z)");
  CHECK(printed("count ( distinct a ) filter (where b)") == "count(DISTINCT a) FILTER (WHERE b)");
  CHECK(printed("x between 1 and 2 and y") == "x BETWEEN 1 AND 2 AND y");
  CHECK(printed("interval '1' day") == "'1'::interval day");
  CHECK(printed("extract(year from d)") == "EXTRACT(year FROM d)");
  CHECK(printed("(a).b[1]") == "(a).b[1]");
  CHECK(printed("exists(select 1 from t where a=1)") == "EXISTS (SELECT 1 FROM t WHERE a = 1)");
}

TEST_CASE("Equal expressions are equal whatever their spelling") {
  auto a = parse_expression("CAST( A AS integer ) + ((1))");
  auto b = parse_expression("a::int + 1");
  auto c = parse_expression("a::int + 2");
  REQUIRE(a);
  REQUIRE(b);
  REQUIRE(c);
  CHECK(equal(*a->expression, *b->expression));
  CHECK(!equal(*a->expression, *c->expression));
}

// Random expressions as text, every operator and many forms.
class ExpressionMaker {
 public:
  explicit ExpressionMaker(std::uint32_t seed) : random_(seed) {}

  std::string make(int depth) {
    if (depth <= 0) return leaf();
    auto sub = [&] { return make(depth - 1 - static_cast<int>(random_() % 2)); };
    auto inner = [&] { return "(" + sub() + ")"; };
    switch (random_() % 24) {
      case 0:
        return inner() + pick({" + ", " - ", " * ", " / ", " % ", " ^ ", " || ", " -> ", " & ", " << "}) + inner();
      case 1:
        return sub() + pick({" + ", " - ", " * ", " ^ ", " || "}) + leaf();
      case 2:
        return inner() + pick({" = ", " <> ", " < ", " >= "}) + inner();
      case 3:
        return inner() + pick({" AND ", " OR "}) + inner() + " AND " + inner();
      case 4:
        return "NOT " + inner();
      case 5:
        return pick({"- ", "+ ", "~ ", "@ "}) + inner();
      case 6:
        return inner() + pick({" IS NULL", " IS NOT TRUE", " ISNULL", " IS NOT UNKNOWN"});
      case 7:
        return inner() + pick({" IN (", " NOT IN ("}) + sub() + ", " + sub() + ")";
      case 8:
        return inner() + pick({" BETWEEN ", " NOT BETWEEN SYMMETRIC "}) + inner() + " AND " + inner();
      case 9:
        return inner() + pick({" LIKE ", " NOT ILIKE ", " SIMILAR TO "}) + inner() + pick({"", " ESCAPE '!'"});
      case 10:
        return inner() + pick({"::int", "::numeric(5, 2)", "::text[]", "::timestamp(3) with time zone"});
      case 11:
        return "CASE " + pick({"", "a "}) + "WHEN " + sub() + " THEN " + sub() + pick({"", " ELSE 1"}) + " END";
      case 12:
        return pick({"f", "s.g", "\"Odd\"", "count"}) + "(" + sub() + pick({"", ", b => 1"}) + ")";
      case 13:
        return "sum(" + sub() + ") OVER (PARTITION BY " + sub() + " ORDER BY a DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)";
      case 14:
        return pick({"COALESCE", "GREATEST", "LEAST"}) + "(" + sub() + ", " + sub() + ")";
      case 15:
        return "ARRAY[" + sub() + ", " + sub() + "]";
      case 16:
        return pick({"ROW", ""}) + "(" + sub() + ", " + sub() + ")";
      case 17:
        return "(SELECT " + sub() + " FROM t WHERE " + sub() + ")";
      case 18:
        return inner() + pick({" = ANY (", " <> ALL ("}) + pick({"SELECT 1", "b", "ARRAY[1]"}) + ")";
      case 19:
        return "(" + sub() + ")[" + sub() + "]" + pick({"", "[1:2]", ".f"});
      case 20:
        return inner() + pick({" COLLATE \"C\"", " AT TIME ZONE 'UTC'"});
      case 21:
        return inner() + pick({" IS DISTINCT FROM ", " IS NOT DISTINCT FROM "}) + inner();
      case 22:
        return pick({"EXTRACT(year FROM ", "TRIM(LEADING 'x' FROM ", "SUBSTRING('x' FROM ", "POSITION('a' IN "}) + inner() + ")";
      default:
        return inner() + pick({" IN (SELECT ", " NOT IN (SELECT "}) + sub() + ")";
    }
  }

 private:
  std::string leaf() {
    return pick({"a",
                 "t.b",
                 "\"Q\"",
                 "1",
                 "-2",
                 "3.5",
                 "-4e3",
                 "'s'",
                 "'it''s'",
                 "E'\\n'",
                 "$1",
                 "NULL",
                 "TRUE",
                 "DATE '2020-01-01'",
                 "CURRENT_DATE",
                 "B'01'",
                 "name",
                 "INTERVAL '1' DAY",
                 "9223372036854775808",
                 "\"select\""});
  }
  std::string pick(std::initializer_list<const char*> choices) { return *(choices.begin() + random_() % choices.size()); }

  std::mt19937 random_;
};

TEST_CASE("A printed expression parses to an equal one") {
  std::uint32_t seed = 20261123;
  CAPTURE(seed);
  ExpressionMaker maker(seed);
  for (int i = 0; i < 20000; ++i) {
    std::string sql = maker.make(1 + i % 5);
    auto first = parse_expression(sql);
    INFO(sql << ": " << first.error().to_string());
    REQUIRE(first);
    std::string text = to_sql(*first->expression);
    auto second = parse_expression(text);
    INFO(text << ": " << second.error().to_string());
    REQUIRE(second);
    REQUIRE(first->expression->height == second->expression->height);
    REQUIRE(to_sql(*second->expression) == text);
  }
}

}  // namespace
}  // namespace ldb::sql
