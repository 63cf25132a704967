#include "txn/row_image.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace ldb {
namespace {

using Rng = std::mt19937_64;

std::uint64_t below(Rng& rng, std::uint64_t n) { return rng() % n; }

std::vector<CellWrite> random_cells(Rng& rng) {
  std::vector<CellWrite> cells;
  std::uint32_t column = below(rng, 3) == 0 ? 0 : 1;
  const std::uint64_t count = below(rng, 8);
  for (std::uint64_t i = 0; i < count; ++i) {
    CellWrite cell{ColumnId{column}, std::nullopt};
    if (below(rng, 4) != 0) cell.value = std::string(below(rng, 10) == 0 ? below(rng, 300) : below(rng, 20), 'a');
    cells.push_back(cell);
    column += 1 + static_cast<std::uint32_t>(below(rng, 5) == 0 ? below(rng, 100'000) : 0);
  }
  return cells;
}

/// An image with any mixture of ids; values borrow from `cells`.
RowImage random_image(Rng& rng, const std::vector<CellWrite>& cells) {
  const auto origin = [&] { return OriginId{1 + below(rng, below(rng, 10) == 0 ? 40 : 3)}; };
  RowImage image;
  image.birth = {Stamp{1 + below(rng, 1'000'000)}, origin()};
  const auto id = [&]() -> WriteId {
    if (below(rng, 2) == 0) return image.birth;
    return {Stamp{image.birth.stamp.value + 1 + (below(rng, 4) << (below(rng, 2) * 16)) + below(rng, 3)}, origin()};
  };
  image.liveness = id();
  if (below(rng, 3) == 0) {
    while (!image.tombstone || image.tombstone == image.birth) image.tombstone = id();
    image.alive = image.tombstone < image.liveness;
  }
  for (const CellWrite& cell : cells) {
    image.cells.push_back({cell.column, std::nullopt, id()});
    if (cell.value) image.cells.back().value = *cell.value;
  }
  return image;
}

}  // namespace

TEST_CASE("A row image decodes to what was encoded, and re-encodes to the same bytes") {
  const std::uint64_t seed = 1;
  CAPTURE(seed);
  Rng rng(seed);
  for (int i = 0; i < 20'000; ++i) {
    CAPTURE(i);
    const std::vector<CellWrite> cells = random_cells(rng);
    const RowImage image = random_image(rng, cells);
    const std::string bytes = encode_row_image(image);
    const auto decoded = decode_row_image(bytes);
    REQUIRE(decoded.status().to_string() == "ok");
    REQUIRE(*decoded == image);
    REQUIRE(encode_row_image(*decoded) == bytes);
  }
}

TEST_CASE("An insert image is the uniform image, wherever its id is written") {
  const std::uint64_t seed = 2;
  CAPTURE(seed);
  Rng rng(seed);
  for (int i = 0; i < 2'000; ++i) {
    const std::vector<CellWrite> cells = random_cells(rng);
    const WriteId id{Stamp{1 + rng() / 2}, OriginId{rng()}};
    std::string payload = "before";
    append_insert_image(payload, cells, {});
    set_insert_image_id(payload.data() + 6, id);
    const auto decoded = decode_row_image(std::string_view(payload).substr(6));
    REQUIRE(decoded.is_ok());
    REQUIRE(decoded->birth == id);
    REQUIRE(decoded->liveness == id);
    REQUIRE(decoded->alive);
    REQUIRE(decoded->cells.size() == cells.size());
    REQUIRE(encode_row_image(*decoded) == payload.substr(6));
    REQUIRE(is_uniform_image(std::string_view(payload).substr(6)));
  }
}

TEST_CASE("The metadata of rows in common states stays small") {
  const WriteId birth{Stamp::from_ms(1'764'000'000'000, 0), OriginId{0x1234567890abcdef}};
  const WriteId later{Stamp::from_ms(1'764'003'600'000, 2), birth.origin};
  const std::string a = "alpha", b = "beta", c = "gamma";
  RowImage image{birth, birth, {}, true, {{ColumnId{1}, a, birth}, {ColumnId{2}, b, birth}, {ColumnId{3}, c, birth}}};
  const std::size_t values = a.size() + b.size() + c.size() + 3;  // one length byte each
  CHECK(encode_row_image(image).size() - values == 17);
  image.cells[1].id = image.liveness = later;
  CHECK(encode_row_image(image).size() - values <= 26);
}

TEST_CASE("A reader finds columns by id and walks them in order") {
  std::string bytes;
  append_insert_image(bytes, {{ColumnId{2}, "two"}, {ColumnId{5}, std::nullopt}, {ColumnId{9}, std::string(100, 'x')}},
                      {Stamp{5}, OriginId{6}});
  RowImageReader reader;
  REQUIRE(reader.parse(bytes).is_ok());
  RowCell cell;
  CHECK(reader.find(ColumnId{5}, cell));
  CHECK(cell.is_null);
  CHECK(reader.find(ColumnId{2}, cell));
  CHECK(cell.bytes == "two");
  CHECK(reader.seek(ColumnId{9}, cell));
  CHECK(cell.bytes.size() == 100);
  CHECK(reader.id(cell.id_index) == WriteId{Stamp{5}, OriginId{6}});
  CHECK_FALSE(reader.find(ColumnId{4}, cell));
  CHECK_FALSE(reader.find(ColumnId{10}, cell));
  CHECK(reader.status().is_ok());
}

TEST_CASE("A cell behind the last possible column is damage, however the column is written") {
  const std::vector<CellWrite> last{{ColumnId{kMaxColumnId - 1}, "a"}, {ColumnId{kMaxColumnId}, "b"}};
  std::string image;
  append_insert_image(image, last, {Stamp{5}, OriginId{6}});
  std::string cells;
  append_cells(cells, last);
  const std::string next_column("\x04x");      // a value of one byte in the column behind the one before
  const std::string skipping("\x05\x01x", 3);  // one column further
  REQUIRE(decode_row_image(image)->cells.size() == 2);
  for (const std::string& more : {next_column, skipping}) {
    CHECK(decode_row_image(image + more).error().code() == StatusCode::kCorruption);
    const std::string bare = cells + more;
    RowImageReader reader;
    reader.parse_cells(bare);
    RowCell cell;
    int seen = 0;
    while (reader.next(cell)) ++seen;
    CHECK(seen == 2);
    CHECK(reader.status().code() == StatusCode::kCorruption);
  }
}

TEST_CASE("What starts no image neither lives nor is dead") {
  for (const std::string_view bytes : {"", "\x10", "\x11", "\x20\x01", "\x14\x01"}) {
    CAPTURE(bytes);
    CHECK(image_lives(bytes).error().code() == StatusCode::kCorruption);
    CHECK(live_image(std::string(bytes)).error().code() == StatusCode::kCorruption);
  }
  CHECK_FALSE(*live_image(std::nullopt));
}

TEST_CASE("Damaged images are refused or read as something, never out of bounds") {
  const std::uint64_t seed = 3;
  CAPTURE(seed);
  Rng rng(seed);
  std::size_t refused = 0, accepted = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::vector<CellWrite> cells = random_cells(rng);
    std::string bytes = encode_row_image(random_image(rng, cells));
    const std::uint64_t how = below(rng, 4);
    if (how == 0) bytes.resize(below(rng, bytes.size() + 1));
    if (how == 1) bytes[below(rng, bytes.size())] ^= static_cast<char>(1 << below(rng, 8));
    if (how == 2) bytes[below(rng, bytes.size())] = static_cast<char>(rng());
    if (how == 3)
      for (char& c : bytes) c = below(rng, 3) == 0 ? static_cast<char>(rng()) : c;
    const std::vector<char> exact(bytes.begin(), bytes.end());  // no terminator behind it, for the address sanitizer
    const std::string_view view(exact.data(), exact.size());
    const auto decoded = decode_row_image(view);
    const auto lives = image_lives(view);
    REQUIRE((lives || lives.error().code() == StatusCode::kCorruption));
    if (decoded) REQUIRE((lives && *lives == decoded->alive));
    if (!decoded) {
      REQUIRE(decoded.error().code() == StatusCode::kCorruption);
      ++refused;
      continue;
    }
    ++accepted;
    std::uint64_t last = 0;
    for (const RowImage::Cell& cell : decoded->cells) {
      REQUIRE(cell.column.value + 1ULL > last);
      last = cell.column.value + 1ULL;
    }
    const std::string again = encode_row_image(*decoded);
    REQUIRE(*decode_row_image(again) == *decoded);
  }
  CHECK(refused > 1000);
  CHECK(accepted > 1000);
}

TEST_CASE("An image is covered when the vector reaches each of its ids") {
  VersionVector vector;
  vector.set(OriginId{1}, {10, Stamp{100}, 0});
  vector.set(OriginId{2}, {10, Stamp{50}, 0});
  const std::string value = "v";
  RowImage image{{Stamp{10}, OriginId{1}}, {Stamp{50}, OriginId{2}}, {}, true, {{ColumnId{1}, value, {Stamp{50}, OriginId{2}}}}};
  CHECK(*covered_by(encode_row_image(image), vector));
  image.tombstone = {Stamp{51}, OriginId{2}};
  image.alive = false;
  CHECK_FALSE(*covered_by(encode_row_image(image), vector));
  image.tombstone = {Stamp{51}, OriginId{1}};
  CHECK(*covered_by(encode_row_image(image), vector));
  image.cells[0].id = {Stamp{20}, OriginId{3}};
  CHECK_FALSE(*covered_by(encode_row_image(image), vector));
}

}  // namespace ldb
