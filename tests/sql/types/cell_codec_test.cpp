#include "sql/types/cell_codec.hpp"

#include <catch2/catch.hpp>

#include "sql/types/codec_fixture.hpp"

namespace ldb::sql {

using testing::kAllTypes;
using testing::random_value;

TEST_CASE("Cells round-trip in every detail, alone and one after the other") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes;
    std::vector<Value> values;
    for (int i = 0; i < 6; ++i) {
      values.push_back(random_value(random, kAllTypes[random() % std::size(kAllTypes)]));
      if (random() % 2 == 0) {
        encode_cell(values.back(), bytes);
      } else {
        encode_cell(ColumnVector::constant(DataType{values.back().type()}, values.back()), 0, bytes);
      }
    }
    std::string_view reading = bytes;
    std::string_view skipping = bytes;
    for (const Value& expected : values) {
      const auto v = decode_cell(reading, expected.type());
      REQUIRE(v);
      CHECK(testing::identical(*v, expected));
      REQUIRE(skip_cell(skipping, expected.type()).is_ok());
      CHECK(skipping.size() == reading.size());
    }
    CHECK(reading.empty());
  }
}

TEST_CASE("Integer columns widen without rewriting cells") {
  std::string bytes;
  encode_cell(Value(std::int16_t{-12345}), bytes);
  std::string_view view = bytes;
  CHECK(decode_cell(view, TypeId::kBigInt)->as<std::int64_t>().value() == -12345);
  bytes.clear();
  encode_cell(Value(std::int64_t{1} << 40), bytes);
  view = bytes;
  CHECK(decode_cell(view, TypeId::kInteger).error().code() == StatusCode::kCorruption);
}

TEST_CASE("Hostile cells are refused without reading out of bounds") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200000; ++i) {
    const TypeId type = kAllTypes[random() % std::size(kAllTypes)];
    std::string bytes;
    if (random() % 2 == 0) {
      encode_cell(random_value(random, type), bytes);
      if (!bytes.empty() && random() % 2 == 0) bytes[random() % bytes.size()] = static_cast<char>(random());
      bytes.resize(random() % (bytes.size() + 1));
    } else {
      bytes.resize(random() % 24);
      for (char& c : bytes) c = static_cast<char>(random());
    }
    bytes.shrink_to_fit();
    std::string_view view = bytes;
    const auto v = decode_cell(view, type);
    if (v) {
      std::string again;
      encode_cell(*v, again);
      std::string_view reread = again;
      CHECK(testing::identical(*decode_cell(reread, type), *v));
    } else {
      CHECK(v.error().code() == StatusCode::kCorruption);
      CHECK(view.size() == bytes.size());
    }
  }
}

TEST_CASE("Batches round-trip through bytes and refuse damage") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    Batch batch;
    std::vector<DataType> types;
    batch.row_count = random() % 50;
    for (const TypeId type : kAllTypes) {
      types.push_back(DataType{type});
      ColumnVector v(types.back(), std::max<std::size_t>(batch.row_count, 1));
      for (std::size_t i = 0; i < batch.row_count; ++i)
        v.set_value(i, random() % 4 == 0 ? Value(type, std::monostate()) : random_value(random, type));
      batch.columns.push_back(v);
    }
    if (random() % 2 == 0) {
      batch.has_selection = true;
      for (std::size_t i = 0; i < batch.row_count; i += 1 + random() % 3)
        batch.selection.push_back(static_cast<std::uint16_t>(i));
    }
    std::string bytes;
    write_batch(batch, bytes);
    std::string_view view = bytes;
    Batch back;
    REQUIRE(read_batch(view, types, back).is_ok());
    CHECK(view.empty());
    REQUIRE(back.row_count == batch.selected_count());
    Batch compacted = batch;
    compacted.compact();
    for (std::size_t i = 0; i < back.row_count; ++i) {
      for (std::size_t c = 0; c < types.size(); ++c) {
        CHECK(testing::identical(back.columns[c].value(i), batch.columns[c].value(batch.rows()[i])));
        CHECK(testing::identical(compacted.columns[c].value(i), back.columns[c].value(i)));
      }
    }
    for (int damage = 0; damage < 20; ++damage) {
      std::string hurt = bytes;
      if (random() % 2 == 0) hurt.resize(random() % (hurt.size() + 1));
      if (!hurt.empty()) hurt[random() % hurt.size()] = static_cast<char>(random());
      hurt.shrink_to_fit();
      std::string_view hurt_view = hurt;
      const Status s = read_batch(hurt_view, types, back);
      CHECK((s.is_ok() || s.code() == StatusCode::kCorruption));
    }
  }
}

TEST_CASE("Elements that compare equal hash equal") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::size_t equal_pairs = 0;
  for (int i = 0; i < 100000; ++i) {
    const TypeId type = kAllTypes[random() % std::size(kAllTypes)];
    const Value a = random_value(random, type);
    const Value b = random_value(random, type);
    if (compare_values(a, b) == 0) {
      ++equal_pairs;
      CHECK(hash_value(a) == hash_value(b));
    }
  }
  CHECK(equal_pairs > 100);
  CHECK(hash_value(Value(std::int16_t{5})) == hash_value(Value(std::int64_t{5})));
  CHECK(hash_value(Value(1.5F)) == hash_value(Value(1.5)));
  CHECK(hash_value(Value(Date{10})) == hash_value(Value(Timestamp{10 * kMicrosPerDay})));
}

}  // namespace ldb::sql
