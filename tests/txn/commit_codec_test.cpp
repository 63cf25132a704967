#include "txn/commit_codec.hpp"

#include <catch2/catch.hpp>

#include <random>

#include "txn/row_image.hpp"

namespace ldb {
namespace {

using Rng = std::mt19937_64;
std::uint64_t below(Rng& rng, std::uint64_t n) { return rng() % n; }

Commit random_commit(Rng& rng) {
  Commit commit;
  commit.dot = {OriginId{1 + below(rng, 5)}, 1 + below(rng, 1000)};
  commit.stamp = Stamp{1000 + below(rng, 1'000'000)};
  commit.previous_hash = rng();
  for (std::uint64_t origin = 1; origin <= 5; ++origin)
    if (below(rng, 2) == 0 && OriginId{origin} != commit.dot.origin)
      commit.dependencies.set(OriginId{origin}, {1 + below(rng, 1000), Stamp{below(rng, 1000)}, 0});
  const std::uint64_t count = below(rng, 6);
  for (std::uint64_t i = 0; i < count; ++i) {
    RowWrite write;
    write.kind = static_cast<RowWrite::Kind>(1 + below(rng, 3));
    write.table = {1000 + below(rng, 2)};
    write.key = std::to_string(i) + std::string(below(rng, 5), '\0');
    if (write.kind != RowWrite::Kind::kInsert) write.birth = {Stamp{1 + below(rng, 900)}, OriginId{1 + below(rng, 5)}};
    if (write.kind != RowWrite::Kind::kDelete) {
      for (std::uint32_t column = static_cast<std::uint32_t>(below(rng, 3)); column < 6; column += 1 + below(rng, 3)) {
        write.cells.push_back({ColumnId{column}, std::nullopt});
        if (below(rng, 3) != 0) write.cells.back().value = std::string(below(rng, 40), 'v');
      }
    }
    commit.writes.push_back(write);
  }
  return commit;
}

void require_equal(const Commit& a, const Commit& b) {
  REQUIRE(a.dot == b.dot);
  REQUIRE(a.stamp == b.stamp);
  REQUIRE(a.dependencies == b.dependencies);
  REQUIRE(a.previous_hash == b.previous_hash);
  REQUIRE(a.writes.size() == b.writes.size());
  for (std::size_t i = 0; i < a.writes.size(); ++i) {
    REQUIRE(a.writes[i].kind == b.writes[i].kind);
    REQUIRE(a.writes[i].table == b.writes[i].table);
    REQUIRE(a.writes[i].key == b.writes[i].key);
    REQUIRE(a.writes[i].birth == b.writes[i].birth);
    REQUIRE(a.writes[i].cells.size() == b.writes[i].cells.size());
    for (std::size_t c = 0; c < a.writes[i].cells.size(); ++c) {
      REQUIRE(a.writes[i].cells[c].column == b.writes[i].cells[c].column);
      REQUIRE(a.writes[i].cells[c].value == b.writes[i].cells[c].value);
    }
  }
}

}  // namespace

TEST_CASE("A commit decodes to what was encoded") {
  const std::uint64_t seed = 11;
  CAPTURE(seed);
  Rng rng(seed);
  for (int i = 0; i < 10'000; ++i) {
    CAPTURE(i);
    const Commit commit = random_commit(rng);
    const std::string payload = encode_commit(commit);
    const auto decoded = decode_commit(payload);
    REQUIRE(decoded.status().to_string() == "ok");
    require_equal(*decoded, commit);
    REQUIRE(encode_commit(*decoded) == payload);
    const auto peeked = peek_commit(payload);
    REQUIRE(peeked.is_ok());
    REQUIRE(peeked->first == commit.dot);
    REQUIRE(peeked->second == commit.stamp);
  }
}

TEST_CASE("An insert's row image is a part of the payload, with the commit's id") {
  Commit commit;
  commit.dot = {OriginId{7}, 3};
  commit.stamp = Stamp{99};
  commit.writes = {{RowWrite::Kind::kInsert, TableId{5}, "k", {}, {{ColumnId{1}, "one"}, {ColumnId{2}, std::nullopt}}},
                   {RowWrite::Kind::kDelete, TableId{5}, "l", {Stamp{3}, OriginId{1}}, {}}};
  const std::string payload = encode_commit(commit);
  const auto view = parse_commit(payload);
  REQUIRE(view.is_ok());
  const auto image = decode_row_image(view->image(view->writes[0]));
  REQUIRE(image.is_ok());
  CHECK(image->birth == commit.id());
  CHECK(image->cells.size() == 2);
  CHECK(*image->cells[0].value == "one");
}

TEST_CASE("The chain hash depends on every byte of the stream but not on where the previous hash is stored") {
  Commit commit;
  commit.dot = {OriginId{7}, 3};
  commit.stamp = Stamp{99};
  const std::string a = encode_commit(commit);
  commit.previous_hash = 12345;
  const std::string b = encode_commit(commit);
  CHECK(chain_hash(a, 1) == chain_hash(b, 1));
  CHECK(chain_hash(a, 1) != chain_hash(a, 2));
  commit.stamp = Stamp{100};
  CHECK(chain_hash(encode_commit(commit), 1) != chain_hash(a, 1));
}

TEST_CASE("Commits that no node can have made are refused") {
  Commit commit;
  commit.dot = {OriginId{7}, 3};
  commit.stamp = Stamp{99};
  const RowWrite insert{RowWrite::Kind::kInsert, TableId{5}, "k", {}, {{ColumnId{1}, "one"}}};
  const auto refused = [](const Commit& c) { return decode_commit(encode_commit(c)).error().code() == StatusCode::kCorruption; };
  commit.writes = {insert};
  CHECK_FALSE(refused(commit));
  SECTION("one row twice") { commit.writes = {insert, insert}; }
  SECTION("an update of a row born later") {
    commit.writes = {{RowWrite::Kind::kUpdate, TableId{5}, "k", {Stamp{99}, OriginId{1}}, {{ColumnId{1}, "x"}}}};
  }
  SECTION("a delete without a birth") { commit.writes = {{RowWrite::Kind::kDelete, TableId{5}, "k", {}, {}}}; }
  SECTION("a dependency on the future") { commit.dependencies.set(OriginId{8}, {1, Stamp{99}, 0}); }
  SECTION("no sequence") { commit.dot.sequence = 0; }
  SECTION("no origin") { commit.dot.origin = {}; }
  SECTION("a stamp beyond every clock") { commit.stamp = Stamp{1ULL << 63}; }
  CHECK(refused(commit));
}

TEST_CASE("Damaged payloads are refused or decode to something well-formed, never read out of bounds") {
  const std::uint64_t seed = 12;
  CAPTURE(seed);
  Rng rng(seed);
  std::size_t refused = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string payload = encode_commit(random_commit(rng));
    const std::uint64_t how = below(rng, 4);
    if (how == 0) payload.resize(below(rng, payload.size()));
    if (how == 1) payload[below(rng, payload.size())] ^= static_cast<char>(1 << below(rng, 8));
    if (how == 2) payload.insert(below(rng, payload.size()), 1 + below(rng, 9), static_cast<char>(rng()));
    if (how == 3)
      for (char& c : payload) c = below(rng, 8) == 0 ? static_cast<char>(rng()) : c;
    const std::vector<char> exact(payload.begin(), payload.end());
    const auto decoded = decode_commit({exact.data(), exact.size()});
    if (!decoded) {
      REQUIRE(decoded.error().code() == StatusCode::kCorruption);
      ++refused;
      continue;
    }
    require_equal(*decode_commit(encode_commit(*decoded)), *decoded);
  }
  CHECK(refused > 10'000);
}

}  // namespace ldb
