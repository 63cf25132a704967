#include "sql/types/key_codec.hpp"

#include <catch2/catch.hpp>

#include "sql/types/codec_fixture.hpp"

namespace ldb::sql {
namespace {

using testing::kAllTypes;
using testing::random_value;

using Tuple = std::vector<Value>;

std::vector<KeyColumn> random_columns(std::mt19937_64& random) {
  std::vector<KeyColumn> columns(1 + random() % 3);
  for (KeyColumn& c : columns) c = {kAllTypes[random() % std::size(kAllTypes)], random() % 2 == 0, random() % 2 == 0};
  return columns;
}

Tuple random_tuple(std::mt19937_64& random, const std::vector<KeyColumn>& columns) {
  Tuple t;
  for (const KeyColumn& c : columns)
    t.push_back(random() % 6 == 0 ? Value(c.type, std::monostate()) : random_value(random, c.type));
  return t;
}

std::string encode(const Tuple& t, const std::vector<KeyColumn>& columns) {
  std::string key;
  for (std::size_t i = 0; i < t.size(); ++i) encode_key(t[i], columns[i], key);
  return key;
}

int compare_tuples(const Tuple& a, const Tuple& b, const std::vector<KeyColumn>& columns) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = ColumnVector::constant(DataType{columns[i].type}, a[i]);
    const auto y = ColumnVector::constant(DataType{columns[i].type}, b[i]);
    const int order = compare_elements(x, 0, y, 0, columns[i].descending, columns[i].nulls_first);
    if (order != 0) return order;
  }
  return 0;
}

int sign(int v) { return v < 0 ? -1 : v > 0 ? 1 : 0; }

}  // namespace

TEST_CASE("Keys order as tuples do, and no two different tuples collide") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 4000; ++round) {
    const auto columns = random_columns(random);
    Tuple previous = random_tuple(random, columns);
    for (int i = 0; i < 20; ++i) {
      Tuple next = random_tuple(random, columns);
      if (random() % 2 == 0) next[0] = previous[0];  // ties in front
      const std::string a = encode(previous, columns);
      const std::string b = encode(next, columns);
      if (sign(a.compare(b)) != compare_tuples(previous, next, columns)) {
        for (std::size_t c = 0; c < columns.size(); ++c) {
          UNSCOPED_INFO(DataType{columns[c].type}.to_string() << ": " << previous[c].to_string() << " / " << next[c].to_string());
        }
        REQUIRE(sign(a.compare(b)) == compare_tuples(previous, next, columns));
      }
      previous = std::move(next);
    }
  }
}

TEST_CASE("No key component is a prefix of another") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const KeyColumn column{kAllTypes[random() % std::size(kAllTypes)], random() % 2 == 0, random() % 2 == 0};
    const std::string a = encode(random_tuple(random, {column}), {column});
    const std::string b = encode(random_tuple(random, {column}), {column});
    if (a != b) CHECK_FALSE(b.starts_with(a));
  }
}

TEST_CASE("Keys decode to equal values, and can be skipped component by component") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const auto columns = random_columns(random);
    const Tuple t = random_tuple(random, columns);
    const std::string key = encode(t, columns) + "rest";
    std::string_view reading = key;
    std::string_view skipping = key;
    std::string from_vectors;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto v = decode_key(reading, columns[c]);
      REQUIRE(v);
      REQUIRE(v->is_null() == t[c].is_null());
      if (!v->is_null()) {
        CHECK(compare_values(*v, t[c]) == 0);
        if (key_is_exact(columns[c].type)) CHECK(testing::identical(*v, t[c]));
      }
      REQUIRE(skip_key(skipping, columns[c]).is_ok());
      CHECK(skipping.size() == reading.size());
      encode_key(ColumnVector::constant(DataType{columns[c].type}, t[c]), 7, columns[c], from_vectors);
    }
    CHECK(reading == "rest");
    CHECK(from_vectors + "rest" == key);
    const auto size = key_prefix_size(key, columns);
    REQUIRE(size);
    CHECK(*size == key.size() - 4);
  }
}

TEST_CASE("Integers of any width have the same key, and equal decimals one key") {
  std::string a;
  std::string b;
  std::string c;
  encode_key(Value(std::int16_t{-300}), {TypeId::kSmallInt}, a);
  encode_key(Value(std::int32_t{-300}), {TypeId::kInteger}, b);
  encode_key(Value(std::int64_t{-300}), {TypeId::kBigInt}, c);
  CHECK(a == b);
  CHECK(b == c);
  std::string one;
  std::string hundredths;
  encode_key(Value(Decimal{1, 0}), {TypeId::kNumeric}, one);
  encode_key(Value(Decimal{100, 2}), {TypeId::kNumeric}, hundredths);
  CHECK(one == hundredths);
  std::string zero;
  std::string minus_zero;
  encode_key(Value(0.0), {TypeId::kDouble}, zero);
  encode_key(Value(-0.0), {TypeId::kDouble}, minus_zero);
  CHECK(zero == minus_zero);
}

TEST_CASE("Hostile keys are refused without reading out of bounds") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200000; ++i) {
    const KeyColumn column{kAllTypes[random() % std::size(kAllTypes)], random() % 2 == 0, random() % 2 == 0};
    std::string bytes;
    if (random() % 2 == 0) {
      bytes = encode(random_tuple(random, {column}), {column});
      if (!bytes.empty() && random() % 2 == 0) bytes[random() % bytes.size()] = static_cast<char>(random());
      bytes.resize(random() % (bytes.size() + 1));
    } else {
      bytes.resize(random() % 24);
      for (char& c : bytes) c = static_cast<char>(random());
    }
    bytes.shrink_to_fit();
    std::string_view view = bytes;
    const auto v = decode_key(view, column);
    if (v) {
      // What decodes must encode again to what was read, where the encoding has one form only.
      std::string again;
      encode_key(*v, column, again);
      CHECK(view.size() <= bytes.size());
      if (key_is_exact(column.type)) CHECK(again == bytes.substr(0, bytes.size() - view.size()));
    } else {
      CHECK(v.error().code() == StatusCode::kCorruption);
    }
    std::string_view skipping = bytes;
    CHECK((skip_key(skipping, column).is_ok() || skipping.size() == bytes.size()));
  }
}

TEST_CASE("Prefixes of text keys bound LIKE ranges") {
  std::string low;
  encode_text_key_prefix("ab", low);
  const std::string high = key_successor(low);
  for (const auto& [text, inside] : std::initializer_list<std::pair<const char*, bool>>{
           {"ab", true}, {"abz", true}, {"ab\xff\xff", true}, {"aa", false}, {"ac", false}, {"a", false}}) {
    std::string key;
    encode_key(Value(text), {TypeId::kText}, key);
    INFO(text);
    CHECK((key >= low && key < high) == inside);
  }
  CHECK(key_successor("\xff\xff").empty());
  CHECK(key_successor("a\xff") == "b");
}

}  // namespace ldb::sql
