// Evaluation over batches: selections, NULLs, what guards what, deep trees, filters, folding.
#include "sql/expr/evaluate.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "sql/expr/mini_binder.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

using testing::MiniColumn;

const FunctionRegistry& functions() {
  static const FunctionRegistry registry;
  return registry;
}

ExpressionPtr bound(std::string_view sql, std::vector<MiniColumn> columns = {}) {
  BuildContext context{&functions(), nullptr};
  const auto parsed = parse_expression(sql);
  REQUIRE(parsed);
  auto e = testing::MiniBinder(context, std::move(columns)).bind(*parsed->expression);
  if (!e) FAIL(e.error().to_string());
  return std::move(*e);
}

ColumnVector integers(std::initializer_list<std::optional<int>> values) {
  ColumnVector v(DataType{TypeId::kInteger}, values.size());
  std::size_t i = 0;
  for (const auto& x : values) v.set_value(i++, x ? Value(*x) : Value(TypeId::kInteger, std::monostate()));
  return v;
}

ColumnVector texts(std::initializer_list<std::optional<const char*>> values) {
  ColumnVector v(DataType{TypeId::kText}, values.size());
  std::size_t i = 0;
  for (const auto& x : values) v.set_value(i++, x ? Value(*x) : Value(TypeId::kText, std::monostate()));
  return v;
}

/// Results of the selected rows, NULL as "-".
std::string show(const ColumnVector& v, RowSet rows) {
  std::string out;
  rows.for_each(
      [&](std::size_t row) { out += (out.empty() ? "" : " ") + (v.is_null(row) ? std::string("-") : v.value(row).to_string()); });
  return out;
}

std::string run(std::string_view sql, const Batch& batch, std::vector<MiniColumn> columns) {
  const ExpressionPtr e = bound(sql, std::move(columns));
  EvalContext context;
  ColumnVector out;
  const Status s = evaluate(*e, batch, context, out);
  return s ? show(out, batch.rows()) : std::string(s.sqlstate());
}

const std::vector<MiniColumn> kColumns = {{"a", {TypeId::kInteger}}, {"b", {TypeId::kInteger}}, {"s", {TypeId::kText}}};

Batch sample() {
  Batch batch;
  batch.row_count = 5;
  batch.columns.push_back(integers({1, 2, std::nullopt, 0, 5}));
  batch.columns.push_back(integers({10, std::nullopt, 30, 0, 50}));
  batch.columns.push_back(texts({"one", "two", "three", std::nullopt, "five"}));
  return batch;
}

}  // namespace

TEST_CASE("Expressions compute every selected row and no other") {
  Batch batch = sample();
  CHECK(run("a + b", batch, kColumns) == "11 - - 0 55");
  CHECK(run("s || a", batch, kColumns) == "one1 two2 - - five5");
  CHECK(run("a is null or b > 20", batch, kColumns) == "f - t f t");
  batch.has_selection = true;
  batch.selection = {0, 4};
  CHECK(run("a * b", batch, kColumns) == "10 250");
  CHECK(run("b / a", batch, kColumns) == "10 10");  // row 3 would divide by zero
  batch.clear_selection();
  CHECK(run("b / a", batch, kColumns) == "22012");
  CHECK(run("upper(substr(s, 2, 2))", batch, kColumns) == "NE WO HR - IV");
}

TEST_CASE("CASE, COALESCE, AND and OR guard the operands behind them") {
  const Batch batch = sample();
  CHECK(run("case when a <> 0 then b / a else -1 end", batch, kColumns) == "10 - -1 -1 10");
  CHECK(run("case a when 0 then -1 else b / a end", batch, kColumns) == "10 - - -1 10");
  CHECK(run("a = 0 or b / a > 0", batch, kColumns) == "t - - t t");
  CHECK(run("a <> 0 and b / a > 0", batch, kColumns) == "t - - f t");
  CHECK(run("coalesce(b, 1 / a)", batch, kColumns) == "10 0 30 0 50");
  CHECK(run("case when a is not null then case when a > 0 then b / a else 0 end end", batch, kColumns) == "10 - - 0 10");
  CHECK(run("nullif(a, 1)", batch, kColumns) == "- 2 - 0 5");
  CHECK(run("nullif(s, 'two')", batch, kColumns) == "one - three - five");
  CHECK(run("greatest(a, b, 7)", batch, kColumns) == "10 7 30 7 50");
  CHECK(run("case s when 'one' then 1 when 'two' then 2 when null then 3 else 4 end", batch, kColumns) == "1 2 4 4 4");
  CHECK(run("case case a when 1 then 2 else 3 end when 2 then 'x' else 'y' end", batch, kColumns) == "x y y y y");
}

TEST_CASE("IN lists answer the same hashed and one by one") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const bool negated = random() % 2 == 0;
    std::string sql = negated ? "a not in (" : "a in (";
    const int count = 2 + static_cast<int>(random() % 40);
    for (int i = 0; i < count; ++i)
      sql += (i == 0 ? "" : ", ") + (random() % 30 == 0 ? std::string("null") : std::to_string(random() % 50));
    sql += ")";
    Batch batch;
    batch.row_count = 100;
    ColumnVector v(DataType{TypeId::kInteger}, 100);
    for (std::size_t i = 0; i < 100; ++i)
      v.set_value(
          i, random() % 10 == 0 ? Value(TypeId::kInteger, std::monostate()) : Value(static_cast<std::int32_t>(random() % 60)));
    batch.columns.push_back(v);
    ExpressionPtr e = bound(sql, {{"a", {TypeId::kInteger}}});
    REQUIRE(e->as<InList>() != nullptr);
    REQUIRE(e->as<InList>()->set != nullptr);
    EvalContext context;
    ColumnVector hashed;
    ColumnVector plain;
    REQUIRE(evaluate(*e, batch, context, hashed).is_ok());
    e->as<InList>()->set = nullptr;
    REQUIRE(evaluate(*e, batch, context, plain).is_ok());
    INFO(sql);
    CHECK(show(hashed, batch.rows()) == show(plain, batch.rows()));
  }
}

TEST_CASE("LIKE agrees with a plain recursive matcher") {
  struct Reference {
    static bool match(std::string_view t, std::string_view p) {
      if (p.empty()) return t.empty();
      if (p[0] == '%') return match(t, p.substr(1)) || (!t.empty() && match(t.substr(1), p));
      if (t.empty()) return false;
      if (p[0] == '\\') return p.size() > 1 && p[1] == t[0] && match(t.substr(1), p.substr(2));
      return (p[0] == '_' || p[0] == t[0]) && match(t.substr(1), p.substr(1));
    }
  };
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 50000; ++i) {
    std::string text(random() % 9, 'a');
    std::string pattern(random() % 7, 'a');
    for (char& c : text) c = "ab%_"[random() % 4];
    for (char& c : pattern) c = "ab%_\\%"[random() % 6];
    // No pattern may end in an escape that escapes nothing.
    std::size_t escapes = 0;
    while (escapes < pattern.size() && pattern[pattern.size() - 1 - escapes] == '\\') ++escapes;
    if (escapes % 2 != 0) pattern += 'a';
    const auto answer = like(text, pattern);
    INFO(text << " like " << pattern);
    REQUIRE(answer);
    CHECK(*answer == Reference::match(text, pattern));
    Batch batch;
    batch.row_count = 1;
    batch.columns.push_back(texts({text.c_str()}));
    auto e = std::make_unique<LikeExpression>(false, false);
    e->children.push_back(make_column(0, DataType{TypeId::kText}, "t"));
    e->children.push_back(make_typed_constant(DataType{TypeId::kText}, Value(pattern)));
    EvalContext context;
    ColumnVector out;
    REQUIRE(evaluate(*e, batch, context, out).is_ok());
    CHECK(out.at<bool>(0) == *answer);
  }
}

TEST_CASE("Chains of ten thousand operators neither overflow the stack nor take long") {
  BuildContext context{&functions(), nullptr};
  ExpressionPtr sum = make_column(0, DataType{TypeId::kBigInt}, "x");
  ExpressionPtr text = make_column(1, DataType{TypeId::kText}, "s");
  std::vector<ExpressionPtr> conjuncts;
  for (int i = 0; i < 10000; ++i) {
    sum = std::move(*make_operator(context, "+", std::move(sum), make_constant(Value(1))));
    text = std::move(*make_operator(context, "||", std::move(text), make_unknown(Value("x"))));
    conjuncts.push_back(std::move(*make_comparison(context, CompareOp::kGreater, make_column(0, DataType{TypeId::kBigInt}, "x"),
                                                   make_constant(Value(-i)))));
  }
  const ExpressionPtr all = std::move(*make_logical(context, false, std::move(conjuncts)));
  Batch batch;
  batch.row_count = 1;
  ColumnVector x(DataType{TypeId::kBigInt}, 1);
  x.set_value(0, Value(std::int64_t{5}));
  batch.columns = {x, texts({""})};
  EvalContext eval;
  ColumnVector out;
  REQUIRE(evaluate(*sum, batch, eval, out).is_ok());
  CHECK(out.at<std::int64_t>(0) == 10005);
  REQUIRE(evaluate(*text, batch, eval, out).is_ok());
  CHECK(out.at<std::string_view>(0).size() == 10000);
  REQUIRE(evaluate(*all, batch, eval, out).is_ok());
  CHECK(out.at<bool>(0));
  const ExpressionPtr copy = clone(*sum);
  CHECK(equal(*copy, *sum));
  CHECK(hash(*copy) == hash(*sum));
  CHECK(to_string(*copy).size() > 10000);
  const ExpressionPtr folded = fold_constants(clone(*text));
  CHECK(equal(*folded, *text));
}

TEST_CASE("Nesting that loops cannot flatten is refused with 54001") {
  BuildContext context{&functions(), nullptr};
  ExpressionPtr e = make_column(0, DataType{TypeId::kInteger}, "x");
  for (int i = 0; i < 100000; ++i) e = std::move(*make_operator(context, "+", make_constant(Value(1)), std::move(e)));
  Batch batch;
  batch.row_count = 1;
  batch.columns.push_back(integers({1}));
  EvalContext eval;
  ColumnVector out;
  CHECK(evaluate(*e, batch, eval, out).sqlstate() == "54001");
  CHECK(eval.depth == 0);
}

TEST_CASE("Filters narrow the selection conjunct by conjunct") {
  Batch batch = sample();
  EvalContext context;
  const ExpressionPtr guarded = bound("a <> 0 and b / a >= 10", kColumns);
  REQUIRE(filter(*guarded, context, batch).is_ok());
  CHECK(batch.selection == std::vector<std::uint16_t>{0, 4});
  const ExpressionPtr never = bound("null::boolean", kColumns);
  REQUIRE(filter(*never, context, batch).is_ok());
  CHECK(batch.selected_count() == 0);
  Batch all = sample();
  const ExpressionPtr always = bound("true and 1 < 2", kColumns);
  REQUIRE(filter(*always, context, all).is_ok());
  CHECK(all.selected_count() == 5);
}

TEST_CASE("Folding computes what is constant and leaves errors for run time") {
  CHECK(to_string(*fold_constants(bound("1 + 2 * 3"))) == "7");
  CHECK(to_string(*fold_constants(bound("a + (2 * 3)", kColumns))) == "(a + 6)");
  CHECK(to_string(*fold_constants(bound("a > 1 and true", kColumns))) == "(a > 1)");
  CHECK(to_string(*fold_constants(bound("a > 1 and 1 > 2", kColumns))) == "false");
  CHECK(to_string(*fold_constants(bound("a > 1 or 2 > 1", kColumns))) == "true");
  CHECK(to_string(*fold_constants(bound("case when 1 > 2 then 1/0 else a end", kColumns))) == "a");
  CHECK(to_string(*fold_constants(bound("case when a > 1 then 1/0 else a end", kColumns))).find("/") != std::string::npos);
  CHECK(to_string(*fold_constants(bound("now() > timestamp '2020-01-01'"))).starts_with("(now() > "));
  CHECK(to_string(*fold_constants(bound("random() < 2"))).find("random()") != std::string::npos);
  CHECK(to_string(*fold_constants(bound("a in (1, 1 + 1)", kColumns))) == "(a IN (1, 2))");
  CHECK(is_volatile(*bound("random() + a", kColumns)));
  CHECK_FALSE(is_constant(*bound("a + 1", kColumns)));
}

TEST_CASE("random() differs from row to row") {
  Batch batch = sample();
  const ExpressionPtr e = bound("random()");
  EvalContext context;
  ColumnVector out;
  REQUIRE(evaluate(*e, batch, context, out).is_ok());
  CHECK(out.at<double>(0) != out.at<double>(1));
  for (std::size_t i = 0; i < 5; ++i) CHECK((out.at<double>(i) >= 0 && out.at<double>(i) < 1));
}

TEST_CASE("Parameters take the type of their first use and keep it") {
  std::vector<DataType> types;
  BuildContext context{&functions(), &types};
  const auto bind_here = [&](std::string_view sql) {
    const auto parsed = parse_expression(sql);
    REQUIRE(parsed);
    return testing::MiniBinder(context, kColumns).bind(*parsed->expression);
  };
  const auto e = bind_here("a = $1 and s like $2 and $3 + 1.5 > 2 and $1 > 0");
  REQUIRE(e);
  REQUIRE(types.size() == 3);
  CHECK(types[0].id == TypeId::kInteger);
  CHECK(types[1].id == TypeId::kText);
  CHECK(types[2].id == TypeId::kNumeric);
  const Value values[] = {Value(5), Value("f%"), Value(Decimal{10, 1})};
  EvalContext eval;
  eval.parameters = values;
  Batch batch = sample();
  REQUIRE(filter(**e, eval, batch).is_ok());
  CHECK(batch.selection == std::vector<std::uint16_t>{4});
  types.clear();
  CHECK(bind_here("$1 + 1 > 0 and $1 like 'x'").error().sqlstate() == "42883");
  EvalContext empty;
  CHECK(evaluate_scalar(**bind_here("$1::int + 1"), empty).error().sqlstate() == "42P02");
}

TEST_CASE("Results stay valid when their inputs are reused") {
  Batch batch = sample();
  const ExpressionPtr e = bound("substr(s, 1, 2)", kColumns);
  EvalContext context;
  ColumnVector out;
  REQUIRE(evaluate(*e, batch, context, out).is_ok());
  ColumnVector& s = batch.columns[2];
  s.reset(DataType{TypeId::kText}, 5);
  for (std::size_t i = 0; i < 5; ++i) s.set_string(i, "XXXXXXXXXXXXXXXX");
  CHECK(show(out, RowSet::first(5)) == "on tw th - fi");
}

TEST_CASE("Casts of vectors apply modifiers row by row") {
  const Batch batch = sample();
  CHECK(run("s::varchar(3)", batch, kColumns) == "one two thr - fiv");
  CHECK(run("s::char(4) || '|'", batch, kColumns) == "one| two| thre| - five|");
  CHECK(run("a::numeric(5,2)", batch, kColumns) == "1.00 2.00 - 0.00 5.00");
  CHECK(run("(b * 1000)::smallint", batch, kColumns) == "22003");
  CHECK(run("s::int", batch, kColumns) == "22P02");
}

}  // namespace ldb::sql
