#include "sql/parse/parser.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sql/parse/slt_statements.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {
namespace {

using namespace ast;

// A parsed text that must hold one statement of type T.
template <class T>
struct One {
  explicit One(std::string_view sql) : script(must_parse(sql)) {
    REQUIRE(script.statements.size() == 1);
    node = script.statements[0]->as<T>();
    REQUIRE(node != nullptr);
  }
  const T* operator->() const { return node; }
  const T& operator*() const { return *node; }

  static ParsedScript must_parse(std::string_view sql) {
    Result<ParsedScript> result = parse(sql);
    INFO(sql << ": " << result.error().to_string());
    REQUIRE(result.has_value());
    return std::move(result).value();
  }

  ParsedScript script;
  const T* node = nullptr;
};

const SelectBody& select_of(const One<SelectStatement>& s) {
  const auto* body = s->query->body->as<SelectBody>();
  REQUIRE(body != nullptr);
  return *body;
}

struct Refusal {
  std::string sqlstate, message;
  std::size_t position;
};
Refusal refusal(std::string_view sql, const ParseLimits& limits = {}) {
  Result<ParsedScript> result = parse(sql, limits);
  INFO(sql.substr(0, 200));
  REQUIRE(!result.has_value());
  Status status = result.error();
  return {std::string(status.sqlstate()), std::string(status.message()), status.position()};
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

TEST_CASE("A script gives its statements with their own text") {
  auto script = One<SelectStatement>::must_parse("  select 1 ;; -- comment\n insert into t values (2) ;/* x */ commit");
  REQUIRE(script.statements.size() == 3);
  CHECK(script.source_of(*script.statements[0]) == "select 1");
  CHECK(script.source_of(*script.statements[1]) == "insert into t values (2)");
  CHECK(script.source_of(*script.statements[2]) == "commit");
  CHECK(script.statements[0]->position == 3);
  CHECK(One<SelectStatement>::must_parse(" ; -- nothing").statements.empty());
  CHECK(One<SelectStatement>::must_parse("").statements.empty());
}

TEST_CASE("The AST outlives the text it was parsed from and survives a move") {
  std::string text = "SELECT Name, 'it''s' FROM \"Weird\" WHERE a = $2";
  ParsedScript moved;
  {
    ParsedScript script = One<SelectStatement>::must_parse(text);
    text.assign(text.size(), '?');
    moved = std::move(script);
  }
  CHECK(moved.parameter_count == 2);
  CHECK(to_sql(*moved.statements[0]) == "SELECT name, 'it''s' FROM \"Weird\" WHERE a = $2");
}

TEST_CASE("Names are folded, quoted names kept, long names cut at 63 bytes between characters") {
  One<SelectStatement> s("SELECT AbC, \"AbC\", " + repeat("x", 70) + ", \"" + repeat("x", 62) + "\u00e9\" FROM t");
  const auto& items = select_of(s).items;
  CHECK(items[0].expression->as<ColumnRef>()->parts[0] == "abc");
  CHECK(items[1].expression->as<ColumnRef>()->parts[0] == "AbC");
  CHECK(items[2].expression->as<ColumnRef>()->parts[0] == repeat("x", 63));
  CHECK(items[3].expression->as<ColumnRef>()->parts[0] == repeat("x", 62));
}

TEST_CASE("Unreserved words serve as columns, labels and tables") {
  One<SelectStatement> s("SELECT name, type, date, t.select, 1 AS value, 2 AS select FROM data AS key");
  const auto& body = select_of(s);
  CHECK(body.items[3].expression->as<ColumnRef>()->parts[1] == "select");
  CHECK(body.items[4].alias == "value");
  CHECK(body.items[5].alias == "select");
  CHECK(body.from[0]->alias.name == "key");
  One<CreateTable> t("CREATE TABLE t (name text, type int, date date, value int, key int)");
  CHECK(t->columns.size() == 5);
}

TEST_CASE("Numbers keep their kind, and a minus is folded into them") {
  One<SelectStatement> s("SELECT 7, -7, 9223372036854775807, -9223372036854775808, 9223372036854775808, 1.50, -.5, 1e3, - x");
  auto literal = [&](std::size_t i) { return select_of(s).items[i].expression->as<Literal>(); };
  CHECK(literal(0)->integer == 7);
  CHECK(literal(1)->integer == -7);
  CHECK(literal(2)->integer == INT64_MAX);
  CHECK(literal(3)->literal == LiteralKind::kInteger);
  CHECK(literal(3)->integer == INT64_MIN);
  CHECK(literal(4)->literal == LiteralKind::kDecimal);
  CHECK(literal(5)->text == "1.50");
  CHECK(literal(6)->text == "-.5");
  CHECK(literal(7)->literal == LiteralKind::kDecimal);
  CHECK(select_of(s).items[8].expression->as<Unary>() != nullptr);
}

TEST_CASE("Strings of every kind are decoded") {
  One<SelectStatement> s(
      "SELECT 'it''s', E'a\\n\\x41\\101\\u00e9\\\\', U&'d\\0061t\\+01F600', $q$it's $x$ $q$, B'101', X'1f', 'a'\n 'b', U&'!0041' "
      "UESCAPE '!'");
  auto text = [&](std::size_t i) { return select_of(s).items[i].expression->as<Literal>()->text; };
  CHECK(text(0) == "it's");
  CHECK(text(1) == "a\nAA\u00e9\\");
  CHECK(text(2) == "dat\U0001F600");
  CHECK(text(3) == "it's $x$ ");
  CHECK(text(4) == "101");
  CHECK(text(5) == "00011111");
  CHECK(text(6) == "ab");
  CHECK(text(7) == "A");
}

TEST_CASE("Operators bind as PostgreSQL's") {
  struct Case {
    std::string_view sql, with_parentheses;
  };
  for (Case c :
       {Case{"a + b * c ^ d", "a + (b * (c ^ d))"}, Case{"a - b - c", "a - b - c"}, Case{"- a ^ b", "(- a) ^ b"},
        Case{"not a = b and c or d", "((not (a = b)) and c) or d"}, Case{"a || b like c || d", "(a || b) like (c || d)"},
        Case{"a between b and c and d", "(a between b and c) and d"}, Case{"a < b is null", "(a < b) is null"},
        Case{"a + b::int[1]", "a + (b::int[1])"}, Case{"a at time zone b || c", "(a at time zone b) || c"},
        Case{"a in (1) = b", "(a in (1)) = b"}, Case{"a = b in (c)", "a = (b in (c))"}, Case{"a -> b + c", "a -> (b + c)"},
        Case{"- a::int", "- (a::int)"}, Case{"not a is null", "not (a is null)"}, Case{"a collate x < b", "(a collate x) < b"}}) {
    auto plain = parse_expression(c.sql);
    auto explicit_form = parse_expression(c.with_parentheses);
    INFO(c.sql);
    REQUIRE(plain);
    REQUIRE(explicit_form);
    CHECK(to_sql(*plain->expression) == to_sql(*explicit_form->expression));
  }
}

TEST_CASE("Chains of one precedence are one flat node") {
  auto sum = parse_expression("a + b - c + d");
  REQUIRE(sum);
  const auto* binary = sum->expression->as<Binary>();
  REQUIRE(binary != nullptr);
  REQUIRE(binary->links.size() == 3);
  CHECK(binary->links[1].op == Operator::kSubtract);
  CHECK(binary->height == 2);
  auto both = parse_expression("a and b and c or d");
  REQUIRE(both);
  const auto* any = both->expression->as<Logical>();
  REQUIRE(any->is_or);
  CHECK(any->operands[0]->as<Logical>()->operands.size() == 3);
}

TEST_CASE("Ten thousand terms are no depth") {
  constexpr std::size_t kTerms = 10000;
  std::string plus = "SELECT 1" + repeat(" + 1", kTerms);
  std::string all = "SELECT true" + repeat(" AND a = 1", kTerms);
  std::string any = "SELECT true" + repeat(" OR a = 1", kTerms);
  std::string text = "SELECT ''" + repeat(" || 'x'", kTerms);
  std::string unions = "SELECT 1" + repeat(" UNION ALL SELECT 1", kTerms);
  std::string values = "SELECT x IN (0" + repeat(", 1", kTerms) + ")";
  std::string statements = repeat("SELECT 1;", kTerms);
  for (const std::string* sql : {&plus, &all, &any, &text, &unions, &values, &statements}) {
    auto script = parse(*sql);
    INFO(sql->substr(0, 40));
    REQUIRE(script);
    const auto* select = script->statements[0]->as<SelectStatement>();
    CHECK(select->query->height < 10);
    CHECK(!to_sql(*script->statements[0]).empty());
  }
}

TEST_CASE("Deep nesting is refused, whatever nests, and never overflows the stack") {
  constexpr std::size_t kDeep = 100000;
  struct Case {
    std::string open, middle, close;
  };
  for (const Case& c : {Case{"(", "1", ")"},
                        Case{"- ", "1", ""},
                        Case{"NOT ", "a", ""},
                        Case{"@ ", "a", ""},
                        Case{"f(", "1", ")"},
                        Case{"(SELECT ", "1", ")"},
                        Case{"ARRAY[", "1", "]"},
                        Case{"CASE WHEN a THEN ", "1", " END"},
                        Case{"CAST(", "1", " AS int)"},
                        Case{"ROW(", "1", ")"},
                        Case{"COALESCE(", "1", ")"},
                        Case{"", "a", "::int"},
                        Case{"", "a", " IS NULL"},
                        Case{"", "a", "[1]"},
                        Case{"", "(a)", ".b"},
                        Case{"", "a", " COLLATE c"},
                        Case{"", "a", " AT TIME ZONE 'x'"},
                        Case{"a IN (", "1", ")"},
                        Case{"EXISTS (SELECT ", "1", ")"},
                        Case{"a = ANY (", "b", ")"},
                        Case{"EXTRACT(year FROM ", "a", ")"},
                        Case{"SUBSTRING(", "a", " FROM 1)"},
                        Case{"TRIM(", "a", ")"},
                        Case{"OVERLAY(", "a", ", 1)"},
                        Case{"POSITION(", "a", " IN b)"},
                        Case{"a[", "1", "]"},
                        Case{"((SELECT ", "1", "))"},
                        Case{"a BETWEEN 1 AND ", "1", ""},
                        Case{"a LIKE (", "1", ")"},
                        Case{"sum(a) OVER (ORDER BY ", "1", ")"},
                        Case{"U&'' ", "", ""}}) {
    INFO(c.open << c.middle << c.close);
    Refusal r = refusal("SELECT " + repeat(c.open, kDeep) + c.middle + repeat(c.close, kDeep));
    CHECK((r.sqlstate == "54001" || r.sqlstate == "42601"));
    auto shallow = parse("SELECT " + repeat(c.open, 1) + c.middle + repeat(c.close, 1));
    static_cast<void>(shallow);
  }
  for (const Case& c : {Case{"(", "SELECT 1", ")"}, Case{"WITH a AS (", "SELECT 1", ") SELECT 1"},
                        Case{"SELECT * FROM (", "SELECT 1", ") a"}, Case{"SELECT * FROM (", "a JOIN b ON true", ")"},
                        Case{"SELECT * FROM a ", "", "JOIN b "}, Case{"SELECT 1 UNION (", "SELECT 1", ")"},
                        Case{"SELECT 1 FROM a", "", " CROSS JOIN b"}, Case{"SELECT 1 GROUP BY GROUPING SETS (", "1", ")"}}) {
    INFO(c.open << c.middle << c.close);
    bool once = c.middle.empty();
    std::string open = once ? c.open : repeat(c.open, kDeep);
    if (c.open.ends_with("SETS (")) open = "SELECT 1 GROUP BY " + repeat("GROUPING SETS (", kDeep);
    Refusal r = refusal(open + c.middle + repeat(c.close, kDeep));
    CHECK((r.sqlstate == "54001" || r.sqlstate == "42601"));
  }
}

TEST_CASE("Nesting up to the limit is accepted, beyond it refused with 54001") {
  CHECK(parse("SELECT " + repeat("(", 390) + "1" + repeat(")", 390)));
  CHECK(refusal("SELECT " + repeat("(", 401) + "1" + repeat(")", 401)).sqlstate == "54001");
  ParseLimits limits;
  limits.max_depth = 10;
  CHECK(refusal("SELECT ((((((((((1))))))))))", limits).sqlstate == "54001");
  limits.max_text_bytes = 5;
  CHECK(refusal("SELECT 1", limits).sqlstate == "54000");
}

TEST_CASE("Syntax errors name the token and its character position") {
  Refusal r = refusal("SELECT 'h\u00e9llo' FROM FROM t");
  CHECK(r.sqlstate == "42601");
  CHECK(r.message == "syntax error at or near \"FROM\"");
  CHECK(r.position == 21);
  r = refusal("SELECT (1");
  CHECK(r.message == "syntax error at end of input");
  CHECK(r.position == 10);
  CHECK(refusal("SELECT a < b < c").position == 14);
  CHECK(refusal("SELECT 1;\nSELEC 2").message == "syntax error at or near \"SELEC\"");
}

TEST_CASE("An error about a long token shows its beginning only") {
  Refusal r = refusal("SELECT '" + repeat("\u00e9", 100000));
  CHECK(r.message.starts_with("unterminated quoted string at or near \"'"));
  CHECK(r.message.size() < 300);
  CHECK(r.position == 8);
}

TEST_CASE("Text that is not UTF-8 is refused") {
  CHECK(refusal("SELECT '\xff'").sqlstate == "22021");
  CHECK(refusal(std::string_view("SELECT 1\0", 9)).sqlstate == "22021");
  CHECK(refusal("SELECT '\xed\xa0\x80'").sqlstate == "22021");
  CHECK(refusal("SELECT E'\\xff'").sqlstate == "22021");
  CHECK(parse("SELECT '\u00e9\u20ac\U0001F600'"));
}

TEST_CASE("What ldb has no statement for is refused with its name") {
  struct Case {
    std::string_view sql, message;
  };
  for (Case c :
       {Case{"CREATE TYPE t AS ENUM ('a')", "CREATE TYPE is not supported"},
        Case{"GRANT ALL ON t TO u", "GRANT is not supported"},
        Case{"CREATE OR REPLACE FUNCTION f() RETURNS int AS 'x'", "CREATE OR REPLACE FUNCTION is not supported"},
        Case{"DO $$ x $$", "DO is not supported"}, Case{"ALTER TABLE t ENABLE TRIGGER ALL", "ENABLE TRIGGER is not supported"},
        Case{"UPDATE t SET a = 1 WHERE CURRENT OF c", "WHERE CURRENT OF is not supported"},
        Case{"UPDATE t SET a[1] = 2", "assigning to an element of an array column is not supported"}}) {
    Refusal r = refusal(c.sql);
    CHECK(r.sqlstate == "0A000");
    CHECK(r.message == c.message);
    CHECK(r.position > 0);
  }
}

TEST_CASE("Types carry PostgreSQL's internal names") {
  One<CreateTable> t(
      "CREATE TABLE t (a INT, b SMALLINT, c BIGINT, d REAL, e DOUBLE PRECISION, f FLOAT, g FLOAT(10), h DOUBLE, i STRING, j "
      "TEXT, "
      "k VARCHAR(5), l CHAR, m CHAR(3), n NUMERIC(10,2), o DECIMAL, p BOOLEAN, q BYTEA, r DATE, s TIMESTAMP, "
      "u TIMESTAMP WITH TIME ZONE, v TIME(3), w INTERVAL DAY TO SECOND(2), x int[][3], y \"double\", z pg_catalog.int4)");
  std::string names;
  for (const ColumnDefinition& column : t->columns) names += std::string(column.type->name) + " ";
  CHECK(names ==
        "int4 int2 int8 float4 float8 float8 float4 float8 text text varchar bpchar bpchar numeric numeric bool bytea date "
        "timestamp "
        "timestamptz time interval int4 double int4 ");
  CHECK(t->columns[11].type->modifiers.size() == 1);
  CHECK(t->columns[13].type->modifiers.size() == 2);
  CHECK(t->columns[22].type->array_bounds.size() == 2);
  CHECK(t->columns[22].type->array_bounds[1] == 3);
  CHECK(t->columns[21].type->interval_fields == (kIntervalDay | kIntervalHour | kIntervalMinute | kIntervalSecond));
  CHECK(t->columns[24].type->schema == "pg_catalog");
}

TEST_CASE("CREATE TABLE keeps every constraint") {
  One<CreateTable> t(
      "CREATE TABLE IF NOT EXISTS s.t (id int PRIMARY KEY, a text DEFAULT 'x' || 'y' NOT NULL UNIQUE, b int CONSTRAINT fk "
      "REFERENCES u (x) "
      "ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED, CONSTRAINT k UNIQUE (a, b), CHECK ( a > 'm' ), "
      "FOREIGN KEY (a, b) REFERENCES v MATCH FULL) WITH (fillfactor = 70, scope = 'global')");
  CHECK(t->if_not_exists);
  CHECK(t->name.schema == "s");
  REQUIRE(t->columns.size() == 3);
  CHECK(t->columns[0].constraints[0].kind == ConstraintKind::kPrimaryKey);
  REQUIRE(t->columns[1].constraints.size() == 3);
  CHECK(t->columns[1].constraints[0].expression_text == "'x' || 'y'");
  const Constraint& fk = t->columns[2].constraints[0];
  CHECK(fk.name == "fk");
  CHECK(fk.references.name == "u");
  CHECK(fk.on_delete == ReferenceAction::kCascade);
  CHECK(fk.on_update == ReferenceAction::kSetNull);
  CHECK(fk.initially_deferred);
  REQUIRE(t->constraints.size() == 3);
  CHECK(t->constraints[0].columns[1].text == "b");
  CHECK(t->constraints[1].expression_text == "a > 'm'");
  CHECK(t->constraints[2].match == ReferenceMatch::kFull);
  REQUIRE(t->options.size() == 2);
  CHECK(t->options[0].value.integer == 70);
  CHECK(t->options[1].value.text == "global");
}

TEST_CASE("ALTER TABLE keeps every command") {
  One<AlterTable> a(
      "ALTER TABLE ONLY t ADD COLUMN IF NOT EXISTS a int DEFAULT 5, ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u, DROP COLUMN "
      "IF EXISTS b CASCADE, "
      "ALTER c TYPE bigint USING c::bigint, ALTER d SET DEFAULT 1 + 1, ALTER e SET NOT NULL, OWNER TO joe");
  CHECK(a->only);
  REQUIRE(a->commands.size() == 7);
  CHECK(a->commands[0].kind == AlterKind::kAddColumn);
  CHECK(a->commands[0].if_not_exists);
  CHECK(a->commands[1].constraint->name == "c");
  CHECK(a->commands[2].if_exists);
  CHECK(a->commands[2].cascade);
  CHECK(a->commands[3].expression_text == "c::bigint");
  CHECK(a->commands[4].expression_text == "1 + 1");
  CHECK(a->commands[6].name == "joe");
  One<Rename> r("ALTER TABLE t RENAME COLUMN a TO b");
  CHECK(r->part == ObjectKind::kColumn);
  CHECK(r->old_name == "a");
  CHECK(r->new_name == "b");
}

TEST_CASE("INSERT, UPDATE and DELETE keep their clauses") {
  One<Insert> i(
      "INSERT INTO t AS x (a, b) VALUES (1, DEFAULT), (2, 3) ON CONFLICT (a) WHERE a > 0 DO UPDATE SET b = excluded.b RETURNING "
      "a AS z");
  CHECK(i->table.alias == "x");
  const auto* values = i->source->body->as<ValuesBody>();
  REQUIRE(values->rows.size() == 2);
  CHECK(values->rows[0][1]->kind == ExpressionKind::kDefault);
  CHECK(i->on_conflict->do_update);
  CHECK(i->on_conflict->target[0].column == "a");
  CHECK(i->returning[0].alias == "z");
  One<Update> u("UPDATE t SET (a, b) = (1, DEFAULT), c = DEFAULT FROM v WHERE t.x = v.x");
  CHECK(u->assignments[0].value->as<Row>()->values[1]->kind == ExpressionKind::kDefault);
  CHECK(u->from.size() == 1);
  One<Delete> d("DELETE FROM t USING v WHERE t.a = v.a RETURNING *");
  CHECK(d->using_tables.size() == 1);
  CHECK(refusal("SELECT * FROM (VALUES (DEFAULT)) x").sqlstate == "42601");
  CHECK(refusal("UPDATE t SET a = 1 + DEFAULT").sqlstate == "42601");
}

TEST_CASE("Transactions, settings and maintenance") {
  CHECK(One<Transaction>("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")->modes.isolation == IsolationLevel::kRepeatableRead);
  CHECK(One<Transaction>("ROLLBACK TO SAVEPOINT s")->transaction == TransactionKind::kRollbackTo);
  CHECK(One<SetVariable>("SET LOCAL a.b TO on, 'x'")->values.size() == 2);
  CHECK(One<SetVariable>("SET TIME ZONE 'UTC'")->name == "timezone");
  CHECK(One<Show>("SHOW TRANSACTION ISOLATION LEVEL")->name == "transaction_isolation");
  CHECK(One<Analyze>("ANALYZE TABLE t")->tables[0].name.name == "t");
  CHECK(One<Analyze>("ANALYZE t (a, b), u")->tables.size() == 2);
  One<Explain> e("EXPLAIN (ANALYZE, FORMAT json) SELECT 1");
  CHECK(e->options[1].value.text == "json");
  CHECK(One<Explain>("EXPLAIN ANALYZE SELECT 1")->options[0].name == "analyze");
  CHECK(One<Truncate>("TRUNCATE a, b RESTART IDENTITY CASCADE")->restart_identity);
  CHECK(One<Copy>("COPY t (a) FROM STDIN WITH (FORMAT csv, HEADER)")->options.size() == 2);
}

TEST_CASE("Joins nest as written") {
  One<SelectStatement> s("SELECT * FROM a JOIN b JOIN c ON p ON q LEFT JOIN d USING (x) NATURAL JOIN e");
  const auto* natural = select_of(s).from[0]->as<Join>();
  REQUIRE(natural->natural);
  const auto* left = natural->left->as<Join>();
  CHECK(left->join == JoinKind::kLeft);
  const auto* outer = left->left->as<Join>();
  CHECK(outer->left->kind == TableRefKind::kTable);
  CHECK(outer->right->as<Join>() != nullptr);
}

TEST_CASE("The sample corpus parses, and what it prints parses to the same") {
  std::size_t statements = 0;
  for (const std::string& file : test::find_slt_files(LDB_SOURCE_DIR "/tests/sql/parse/corpus")) {
    for (const std::string& sql : test::read_slt_statements(file)) {
      auto script = parse(sql);
      if (!script) continue;
      for (const Statement* s : script->statements) {
        std::string printed = to_sql(*s);
        if (printed.empty()) continue;
        ++statements;
        INFO(printed);
        auto again = parse(printed);
        REQUIRE(again);
        CHECK(to_sql(*again->statements[0]) == printed);
      }
    }
  }
  CHECK(statements > 700);
}

TEST_CASE("The music store's script parses") {
  const std::string path = LDB_SOURCE_DIR "/examples/data/chinook/Chinook_PostgreSql.sql";
  REQUIRE(std::filesystem::exists(path));
  std::ifstream file(path);
  std::string line, sql;
  while (std::getline(file, line))
    if (!line.starts_with('\\')) sql += line + "\n";
  auto script = parse(sql);
  INFO(script.error().to_string());
  REQUIRE(script);
  CHECK(script->statements.size() == 59);
}

}  // namespace
}  // namespace ldb::sql
