// Aggregates against PostgreSQL 15 (golden/aggregates.tsv: aggregate, argument type, values, expected), fed in batches, merged
// from parts, and saved and read back.
#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "sql/expr/aggregate.hpp"
#include "sql/expr/mini_binder.hpp"

namespace ldb::sql {
namespace {

struct AggregateCase {
  std::string name;
  DataType type;
  std::vector<Value> values;
  std::string expected;
};

std::vector<std::string> split(const std::string& s, char mark) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (;;) {
    const std::size_t at = s.find(mark, from);
    parts.push_back(s.substr(from, at - from));
    if (at == std::string::npos) return parts;
    from = at + 1;
  }
}

AggregateCase parse_case(const std::string& line) {
  const auto fields = split(line, '\t');
  REQUIRE(fields.size() == 4);
  AggregateCase c;
  c.name = fields[0];
  c.type = fields[1] == "character(3)" ? DataType{TypeId::kChar, 3} : DataType{*type_by_name(fields[1])};
  c.expected = fields[3];
  if (!fields[2].empty() || c.type.id == TypeId::kText) {
    for (const std::string& text : split(fields[2], '|')) {
      if (text == "NULL") {
        c.values.push_back(Value(c.type.id, std::monostate()));
      } else {
        c.values.push_back(*parse_value(text, c.type));
      }
    }
  }
  if (fields[2].empty()) c.values.clear();
  return c;
}

/// The values as one column of the aggregate's argument type.
ColumnVector column_of(const AggregateCase& c, TypeId argument, std::size_t from, std::size_t to) {
  ColumnVector v(argument == TypeId::kNull ? c.type : DataType{argument}, std::max<std::size_t>(to - from, 1));
  for (std::size_t i = from; i < to; ++i)
    v.set_value(i - from, c.values[i].is_null() ? c.values[i] : *cast_value(c.values[i], v.type(), CastContext::kImplicit));
  return v;
}

std::string outcome(const Status& updated, const AggregateStates& states, std::size_t group, DataType type) {
  if (!updated) return testing::describe(updated, type);
  ColumnVector out;
  const Status finished = states.finalize(group, 1, out);
  if (!finished) return testing::describe(finished, type);
  return testing::describe(out.value(0), type);
}

bool is_floating(const AggregateCase& c) { return c.type.id == TypeId::kReal || c.type.id == TypeId::kDouble; }

}  // namespace

TEST_CASE("Aggregates answer as PostgreSQL's, whole, in parts and through saved states") {
  std::ifstream in(std::string(LDB_SOURCE_DIR) + "/tests/sql/expr/golden/aggregates.tsv");
  REQUIRE(in.good());
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    INFO(line);
    const AggregateCase c = parse_case(line);
    const DataType types[] = {c.type};
    const auto resolved = resolve_aggregate(c.name, types, false);
    if (!resolved) {
      CHECK(testing::describe(resolved.error(), {}) == c.expected);
      continue;
    }
    const TypeId argument = resolved->argument_types[0];
    const auto make = [&] { return resolved->function->make_states(argument); };
    const std::size_t n = c.values.size();
    {
      auto states = make();
      states->resize(3);
      const ColumnVector v = column_of(c, argument, 0, n);
      const std::vector<std::uint32_t> groups(n, 1);
      const ColumnVector* const arguments[] = {&v};
      const Status updated = states->update(arguments, RowSet::first(n), groups.data());
      CHECK(outcome(updated, *states, 1, resolved->result) == c.expected);
      if (!updated) continue;
      std::string saved;
      states->save(1, saved);
      auto restored = make();
      restored->resize(1);
      std::string_view bytes = saved;
      const Status absorbed = restored->absorb(bytes, 0);
      CHECK(bytes.empty());
      CHECK(outcome(absorbed, *restored, 0, resolved->result) == c.expected);
      for (std::size_t cut = 0; cut < saved.size(); ++cut) {
        std::string_view shorter = std::string_view(saved).substr(0, cut);
        auto hurt = make();
        hurt->resize(1);
        CHECK_FALSE(hurt->absorb(shorter, 0).is_ok());
      }
    }
    if (is_floating(c)) continue;  // floating-point sums depend on the order of additions
    for (std::size_t middle = 0; middle <= n; ++middle) {
      auto left = make();
      auto right = make();
      left->resize(1);
      right->resize(1);
      const ColumnVector a = column_of(c, argument, 0, middle);
      const ColumnVector b = column_of(c, argument, middle, n);
      const ColumnVector* const first[] = {&a};
      const ColumnVector* const second[] = {&b};
      REQUIRE(left->update(first, RowSet::first(middle), nullptr).is_ok());
      REQUIRE(right->update(second, RowSet::first(n - middle), nullptr).is_ok());
      const std::uint32_t map[] = {0};
      const Status merged = left->merge(*right, map);
      CHECK(outcome(merged, *left, 0, resolved->result) == c.expected);
    }
  }
  CHECK(count > 500);
}

TEST_CASE("string_agg joins with the delimiter of each value and skips NULLs") {
  const DataType types[] = {{TypeId::kText}, {TypeId::kNull}};
  const auto resolved = resolve_aggregate("string_agg", types, false);
  REQUIRE(resolved);
  CHECK(resolved->function->order_sensitive);
  auto states = resolved->function->make_states(TypeId::kText);
  states->resize(2);
  ColumnVector v(DataType{TypeId::kText}, 4);
  v.set_string(0, "a");
  v.set_null(1);
  v.set_string(2, "b");
  v.set_string(3, "c");
  ColumnVector d(DataType{TypeId::kText}, 4);
  d.set_string(0, "-");
  d.set_string(1, "-");
  d.set_string(2, "; ");
  d.set_null(3);
  const ColumnVector* const arguments[] = {&v, &d};
  const std::uint32_t groups[] = {0, 0, 0, 0};
  REQUIRE(states->update(arguments, RowSet::first(4), groups).is_ok());
  ColumnVector out;
  REQUIRE(states->finalize(0, 2, out).is_ok());
  CHECK(out.value(0).to_string() == "a; bc");
  CHECK(out.is_null(1));
}

TEST_CASE("min and max of texts keep memory bounded while the best value changes") {
  const DataType types[] = {{TypeId::kText}};
  auto states = resolve_aggregate("max", types, false)->function->make_states(TypeId::kText);
  states->resize(1);
  ColumnVector v(DataType{TypeId::kText}, 1);
  const ColumnVector* const arguments[] = {&v};
  for (int i = 0; i < 20000; ++i) {
    v.reset(DataType{TypeId::kText}, 1);
    v.set_string(0, std::string(100, static_cast<char>('a' + i * 25 / 20000)) + std::to_string(100000 + i));
    REQUIRE(states->update(arguments, RowSet::first(1), nullptr).is_ok());
  }
  ColumnVector out;
  REQUIRE(states->finalize(0, 1, out).is_ok());
  CHECK(out.value(0).to_string().ends_with("119999"));
  CHECK(states->memory_bytes() < 1'000'000);
}

TEST_CASE("Aggregate names and star calls are told apart") {
  CHECK(is_aggregate("sum"));
  CHECK(is_aggregate("string_agg"));
  CHECK_FALSE(is_aggregate("length"));
  CHECK(resolve_aggregate("count", {}, true));
  CHECK(resolve_aggregate("count", {}, false).error().sqlstate() == "42809");
  CHECK(resolve_aggregate("sum", {}, true).error().sqlstate() == "42883");
  const DataType text[] = {{TypeId::kText}};
  CHECK(resolve_aggregate("sum", text, false).error().message() == "function sum(text) does not exist");
  const DataType boolean[] = {{TypeId::kBoolean}};
  CHECK(resolve_aggregate("max", boolean, false).error().sqlstate() == "42883");
  const DataType varchar[] = {{TypeId::kVarchar, 5}};
  CHECK(resolve_aggregate("min", varchar, false)->result == DataType{TypeId::kText});
}

}  // namespace ldb::sql
