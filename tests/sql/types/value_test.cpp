// ldb::Value, ldb::DataType and the limits of types.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "ldb/value.hpp"
#include "sql/types/cast.hpp"
#include "sql/types/text_io.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {

TEST_CASE("Values read as the C++ types that hold them, and refuse the others") {
  CHECK(Value(5).as<std::int64_t>().value() == 5);
  CHECK(Value(5).as<double>().value() == 5.0);
  CHECK(Value(std::int64_t{1} << 40).as<std::int32_t>().error().code() == StatusCode::kInvalidArgument);
  CHECK(Value(Decimal{500, 2}).as<std::int32_t>().value() == 5);
  CHECK(Value(Decimal{501, 2}).as<std::int32_t>().error().code() == StatusCode::kInvalidArgument);
  CHECK(Value(Decimal{250, 2}).as<double>().value() == 2.5);
  CHECK(Value("x").as<std::int32_t>().error().code() == StatusCode::kInvalidArgument);
  CHECK(Value(true).as<bool>().value());
  CHECK(Value(1).as<bool>().error().code() == StatusCode::kInvalidArgument);
  CHECK(Value().as<std::string>().error().code() == StatusCode::kInvalidArgument);
  CHECK(Value(Date{0}).as<std::string>().value() == "1970-01-01");
  CHECK(Value(1e300).as<float>().error().code() == StatusCode::kInvalidArgument);
  CHECK(Value(Bytes{"\xff"}).as<Bytes>().value().data == "\xff");
}

TEST_CASE("Values print as PostgreSQL prints them") {
  CHECK(Value(true).to_string() == "t");
  CHECK(Value().to_string().empty());
  CHECK(Value(0.1F).to_string() == "0.1");
  CHECK(Value(1e23).to_string() == "9.999999999999999e+22");
  CHECK(Value(Bytes{std::string("\x00\xff", 2)}).to_string() == "\\x00ff");
  CHECK(Value(Decimal{-5, 2}).to_string() == "-0.05");
  CHECK(DataType{TypeId::kNumeric, 10, 2}.to_string() == "numeric(10,2)");
  CHECK(DataType{TypeId::kVarchar, 40}.to_string() == "character varying(40)");
  CHECK(DataType{TypeId::kTimestamp, 3}.to_string() == "timestamp(3) without time zone");
}

TEST_CASE("Assignment refuses what an explicit cast cuts") {
  const DataType five{TypeId::kVarchar, 5};
  CHECK(cast_value(Value("abcdef"), five, CastContext::kAssignment).error().sqlstate() == "22001");
  CHECK(cast_value(Value("abcdef"), five, CastContext::kAssignment).error().message() ==
        "value too long for type character varying(5)");
  CHECK(cast_value(Value("abcde   "), five, CastContext::kAssignment)->to_string() == "abcde");
  CHECK(cast_value(Value("abcdef"), five, CastContext::kExplicit)->to_string() == "abcde");
  CHECK(cast_value(Value("ab"), {TypeId::kChar, 4}, CastContext::kAssignment)->to_string() == "ab  ");
  CHECK(cast_value(Value("日本語"), {TypeId::kVarchar, 3}, CastContext::kAssignment)->to_string() == "日本語");
  const auto overflow = cast_value(Value(Decimal{12345, 1}), {TypeId::kNumeric, 4, 1}, CastContext::kAssignment);
  CHECK(overflow.error().sqlstate() == "22003");
  CHECK(overflow.error().detail() == "A field with precision 4, scale 1 must round to an absolute value less than 10^3.");
  CHECK(cast_value(Value(TypeId::kInteger, std::monostate()), five, CastContext::kImplicit)->is_null());
}

TEST_CASE("Type modifiers have bounds") {
  const std::int32_t precision_39[] = {39};
  CHECK(with_modifiers(TypeId::kNumeric, precision_39).error().sqlstate() == "0A000");
  const std::int32_t precision_1001[] = {1001};
  CHECK(with_modifiers(TypeId::kNumeric, precision_1001).error().sqlstate() == "22023");
  const std::int32_t zero[] = {0};
  CHECK(with_modifiers(TypeId::kVarchar, zero).error().sqlstate() == "22023");
  CHECK(with_modifiers(TypeId::kInteger, zero).error().sqlstate() == "42601");
  const std::int32_t ten_two[] = {10, 2};
  CHECK(*with_modifiers(TypeId::kNumeric, ten_two) == DataType{TypeId::kNumeric, 10, 2});
  CHECK(type_by_name("int8") == TypeId::kBigInt);
  CHECK_FALSE(type_by_name("json").has_value());
}

TEST_CASE("Common types follow PostgreSQL's UNION rules") {
  const auto common = [](std::initializer_list<DataType> types) { return common_type(std::vector<DataType>(types), "UNION"); };
  CHECK(common({{TypeId::kInteger}, {TypeId::kNumeric}})->id == TypeId::kNumeric);
  CHECK(common({{TypeId::kNumeric}, {TypeId::kReal}})->id == TypeId::kReal);
  CHECK(common({{TypeId::kNull}, {TypeId::kNull}})->id == TypeId::kText);
  CHECK(common({{TypeId::kNull}, {TypeId::kDate}})->id == TypeId::kDate);
  CHECK(common({{TypeId::kDate}, {TypeId::kTimestamp}})->id == TypeId::kTimestamp);
  CHECK(common({{TypeId::kVarchar, 5}, {TypeId::kVarchar, 5}})->length == 5);
  CHECK(common({{TypeId::kVarchar, 5}, {TypeId::kVarchar, 6}})->length == -1);
  CHECK(common({{TypeId::kVarchar, 5}, {TypeId::kText}})->id == TypeId::kVarchar);  // both casts are implicit: the first wins
  CHECK(common({{TypeId::kInteger}, {TypeId::kText}}).error().message() == "UNION types integer and text cannot be matched");
  CHECK(common({{TypeId::kInteger}, {TypeId::kText}}).error().sqlstate() == "42804");
}

TEST_CASE("Doubles print the fewest digits that read back") {
  std::uint64_t x = 88172645463325252U;
  for (int i = 0; i < 100000; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    const auto d = std::bit_cast<double>(x);
    const auto f = std::bit_cast<float>(static_cast<std::uint32_t>(x));
    if (std::isfinite(d)) CHECK(parse_double(format(d)).value() == d);
    if (std::isfinite(f)) CHECK(parse_float(format(f)).value() == f);
  }
}

TEST_CASE("Text must be UTF-8 without NUL, and malformed bytes count as characters") {
  CHECK(is_valid_text("héllo 日本"));
  CHECK_FALSE(is_valid_text(std::string_view("a\0b", 3)));
  CHECK_FALSE(is_valid_text("\xc0\x80"));
  CHECK_FALSE(is_valid_text("\xed\xa0\x80"));
  CHECK_FALSE(is_valid_text("\xf4\x90\x80\x80"));
  CHECK_FALSE(is_valid_text("\xe6\x97"));
  CHECK(utf8_length("\xe6\x97") == 2);
  CHECK(utf8_length("日本") == 2);
  CHECK(to_upper("straße é я") == "STRAßE É Я");
  CHECK(to_lower("ÀÉЯ") == "àéя");
}

}  // namespace ldb::sql
