#include "storage/compaction/compaction_cuts.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace ldb::storage {
namespace {

std::string key_at(std::uint64_t i) { return std::to_string(1'000'000 + i); }

/// `anchors` of `bytes` each, at equal distances in [from, to).
void add_table(std::vector<KeyAnchor>& all, std::uint64_t from, std::uint64_t to, std::uint64_t anchors, std::uint64_t bytes) {
  for (std::uint64_t i = 1; i <= anchors; ++i) all.push_back({key_at(from + (to - from) * i / anchors), bytes});
}

std::vector<std::uint64_t> piece_bytes(const std::vector<KeyAnchor>& anchors, const std::vector<std::string>& cuts) {
  std::vector<std::uint64_t> bytes(cuts.size() + 1);
  for (const KeyAnchor& anchor : anchors) {
    const auto piece = std::lower_bound(cuts.begin(), cuts.end(), anchor.key) - cuts.begin();
    bytes[static_cast<std::size_t>(piece)] += anchor.bytes;
  }
  return bytes;
}

}  // namespace

TEST_CASE("Pieces of a compaction are about equal, however its tables lie") {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    std::vector<KeyAnchor> anchors;
    // Two halves of several flushes, and one table below all of them.
    for (std::uint64_t i = 0; i < 4 + random.below(8); ++i) {
      add_table(anchors, random.below(20), 5000 + random.below(50), 8, 1 << 20);
      add_table(anchors, 5000 + random.below(50), 9'990 + random.below(10), 8, 1 << 20);
    }
    const std::uint64_t to = round % 2 == 0 ? 10'000 : 1 + random.below(10'000);
    add_table(anchors, 0, to, 1 + random.below(60), 1 << 20);
    for (std::size_t i = anchors.size(); i > 1; --i) std::swap(anchors[i - 1], anchors[random.below(i)]);
    const unsigned most = 2 + static_cast<unsigned>(random.below(3));
    const auto cuts = find_cuts(anchors, 8 << 20, most);
    REQUIRE(cuts.size() + 1 == most);
    CHECK(std::is_sorted(cuts.begin(), cuts.end()));
    const std::uint64_t fair = anchors.size() * (1 << 20) / most;
    for (const std::uint64_t bytes : piece_bytes(anchors, cuts)) {
      CHECK(bytes > fair * 6 / 10);
      CHECK(bytes < fair * 14 / 10);
    }
  }
}

TEST_CASE("A small compaction, or one of a single key, stays in one piece") {
  std::vector<KeyAnchor> anchors;
  add_table(anchors, 0, 100, 10, 1 << 20);
  CHECK(find_cuts(anchors, 6 << 20, 4).empty());
  CHECK(find_cuts(anchors, 5 << 20, 4).size() == 1);
  CHECK(find_cuts(anchors, 5 << 20, 1).empty());
  CHECK(find_cuts({}, 1, 4).empty());
  CHECK(find_cuts({{"k", 100}, {"k", 100}, {"k", 100}}, 1, 4).empty());
  CHECK(find_cuts({{"k", 100}, {"k", 100}, {"l", 100}}, 1, 4) == std::vector<std::string>{"k"});
}

}  // namespace ldb::storage
