// NUMERIC against PostgreSQL 15 on random operands (tests/sql/expr/golden/decimals.txt: "operation a b|result"), and laws that
// need no oracle.
#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "sql/types/decimal.hpp"

namespace ldb::sql {
namespace {

Decimal number(const std::string& text) {
  const auto d = Decimal::parse(text);
  REQUIRE(d);
  return *d;
}

Result<Decimal> apply(const std::string& op, const std::string& left, const std::string& right) {
  const Decimal a = number(left);
  if (op == "sqrt") return square_root(a);
  if (op == "exp") return exponential(a);
  if (op == "ln") return natural_logarithm(a);
  if (op == "ceil") return ceiling(a);
  if (op == "floor") return floor(a);
  if (op == "round") return round(a, std::stoi(right));
  if (op == "trunc") return truncate(a, std::stoi(right));
  const Decimal b = number(right);
  if (op == "+") return add(a, b);
  if (op == "-") return subtract(a, b);
  if (op == "*") return multiply(a, b);
  if (op == "/") return divide(a, b);
  if (op == "%") return remainder(a, b);
  if (op == "div") return integer_quotient(a, b);
  if (op == "log") return logarithm(a, b);
  if (op == "power") return power(a, b);
  FAIL("unknown operation " << op);
  return a;
}

Decimal random_decimal(std::mt19937_64& random) {
  const int digits = static_cast<int>(random() % 39);
  int128_t v = 0;
  for (int i = 0; i < digits; ++i) v = v * 10 + static_cast<int>(random() % 10);
  if (random() % 2 == 0) v = -v;
  return {v, static_cast<std::int32_t>(random() % 39)};
}

}  // namespace

TEST_CASE("NUMERIC operations on random operands equal PostgreSQL's") {
  std::ifstream in(std::string(LDB_SOURCE_DIR) + "/tests/sql/expr/golden/decimals.txt");
  REQUIRE(in.good());
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    INFO(line);
    const std::size_t bar = line.find('|');
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    const auto r =
        apply(line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1, bar - second - 1));
    REQUIRE(r);
    CHECK(r->to_string() == line.substr(bar + 1));
  }
  CHECK(count > 1000);
}

TEST_CASE("NUMERIC text round-trips and compares by value") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const Decimal a = random_decimal(random);
    const auto back = Decimal::parse(a.to_string());
    REQUIRE(back);
    CHECK(back->coefficient == a.coefficient);
    CHECK(back->scale == a.scale);
    const Decimal b = random_decimal(random);
    CHECK((compare(a, b) < 0) == (compare(b, a) > 0));
    CHECK((compare(a, a) == 0));
    const auto difference = subtract(a, b);
    if (difference) CHECK((compare(a, b) <=> 0) == (difference->coefficient <=> int128_t{0}));
    if (a.scale < 38) {
      const auto wider = round(a, a.scale + 1);
      if (wider && wider->scale == a.scale + 1) CHECK((compare(a, *wider) == 0));
    }
  }
}

TEST_CASE("NUMERIC results never exceed 38 digits") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const Decimal a = random_decimal(random);
    const Decimal b = random_decimal(random);
    for (const auto& r : {add(a, b), subtract(a, b), multiply(a, b), divide(a, b), remainder(a, b), integer_quotient(a, b),
                          round(a, static_cast<int>(random() % 80) - 40)}) {
      if (r) CHECK(is_valid(*r));
      if (!r) CHECK((r.error().sqlstate() == "22003" || r.error().sqlstate() == "22012"));
    }
    CHECK(is_valid(truncate(a, static_cast<int>(random() % 80) - 40)));
    const auto quotient = b.coefficient == 0 ? Result<Decimal>(Decimal{}) : integer_quotient(a, b);
    if (quotient && b.coefficient != 0) {
      const auto product = multiply(*quotient, b);
      const auto rest = remainder(a, b);
      if (product && rest && product->scale == b.scale) {
        const auto whole = add(*product, *rest);
        if (whole) CHECK((compare(*whole, a) == 0));
      }
    }
  }
}

TEST_CASE("Sums beyond 38 digits are refused and products give up fraction digits only") {
  const Decimal most = number(std::string(38, '9'));
  CHECK(add(most, number("1")).error().sqlstate() == "22003");
  CHECK(add(most, number("0.1")).error().sqlstate() == "22003");
  CHECK(multiply(most, number("2")).error().sqlstate() == "22003");
  const auto third = divide(number("1"), number("3"));
  REQUIRE(third);
  const auto ninth = multiply(*third, *third);
  REQUIRE(ninth);
  CHECK(ninth->to_string() == "0.11111111111111111110888888888888888889");
  CHECK(divide(number("1"), number("0")).error().sqlstate() == "22012");
}

TEST_CASE("Wide integers divide exactly") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto wide = [&random](unsigned bits) {
    BigInteger v;
    for (unsigned i = 0; i < bits; i += 32) {
      // Runs of ones and zeros provoke the corrections of algorithm D.
      const std::uint64_t kind = random() % 4;
      const std::uint64_t word = kind == 0 ? 0 : kind == 1 ? 0xffffffffU : random() & 0xffffffffU;
      v = v.shifted_left(32) + BigInteger(word);
    }
    return v;
  };
  for (int i = 0; i < 20000; ++i) {
    const BigInteger a = wide(32 * (1 + random() % 20));
    const BigInteger b = wide(32 * (1 + random() % 20));
    if (b.is_zero()) continue;
    BigInteger q;
    BigInteger r;
    BigInteger::divide(a, b, q, r);
    CHECK(BigInteger::compare(r, b) < 0);
    CHECK(BigInteger::compare(q * b + r, a) == 0);
    const BigInteger root = BigInteger::square_root(a);
    CHECK(BigInteger::compare(root * root, a) <= 0);
    const BigInteger next = root + BigInteger(1);
    CHECK(BigInteger::compare(next * next, a) > 0);
  }
}

}  // namespace ldb::sql
