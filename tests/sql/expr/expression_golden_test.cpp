// Expressions against the answers of PostgreSQL 15 (golden/*.tsv: expression, tab, "value :: type" or "ERROR sqlstate message"),
// each evaluated three ways: as constants, as columns of a batch, and after constant folding.
#include <catch2/catch.hpp>
#include <fstream>

#include "sql/expr/mini_binder.hpp"

namespace ldb::sql {
namespace {

using testing::describe;

struct GoldenLine {
  std::string expression;
  std::string expected;
};

std::vector<GoldenLine> read_golden(const std::string& name) {
  std::ifstream in(std::string(LDB_SOURCE_DIR) + "/tests/sql/expr/golden/" + name + ".tsv");
  REQUIRE(in.good());
  std::vector<GoldenLine> lines;
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    REQUIRE(tab != std::string::npos);
    lines.push_back({line.substr(0, tab), line.substr(tab + 1)});
  }
  REQUIRE(lines.size() > 100);
  return lines;
}

void check_golden(const std::string& name) {
  const FunctionRegistry functions;
  for (const GoldenLine& line : read_golden(name)) {
    INFO(line.expression);
    std::vector<DataType> parameters;
    BuildContext context{&functions, &parameters};
    EvalContext eval;
    const auto parsed = parse_expression(line.expression);
    if (!parsed) {
      CHECK(describe(parsed.error(), {}) == line.expected);
      continue;
    }
    auto bound = testing::MiniBinder(context).bind(*parsed->expression);
    if (bound) bound = coerce_unknown_to_text(context, std::move(*bound));
    if (!bound) {
      CHECK(describe(bound.error(), {}) == line.expected);
      continue;
    }
    const DataType type = (*bound)->type;
    CHECK(describe(evaluate_scalar(**bound, eval), type) == line.expected);
    CHECK(describe(testing::evaluate_as_columns(**bound, eval), type) == line.expected);
    const ExpressionPtr folded = fold_constants(clone(**bound));
    CHECK(describe(evaluate_scalar(*folded, eval), type) == line.expected);
    CHECK(eval.depth == 0);
    CHECK(eval.case_operands.empty());
  }
}

}  // namespace

TEST_CASE("Arithmetic and mathematical functions answer as PostgreSQL's") { check_golden("arithmetic"); }
TEST_CASE("Text functions answer as PostgreSQL's") { check_golden("text"); }
TEST_CASE("Logic, comparisons and overload choice answer as PostgreSQL's") { check_golden("logic"); }
TEST_CASE("Casts and text input answer as PostgreSQL's") { check_golden("casts"); }
TEST_CASE("Date and time functions answer as PostgreSQL's") { check_golden("datetime"); }
TEST_CASE("to_char answers as PostgreSQL's") { check_golden("format"); }

}  // namespace ldb::sql
