#include "replication/apply/random_cluster.hpp"

namespace ldb::apply_test {
TEST_CASE("Members that heard the same commits in any causal order hold the same images, and no write is lost unrecorded") {
  std::map<ConflictKind, std::size_t> seen;
  for (std::uint64_t seed = 1; seed <= 1200; ++seed) {
    CAPTURE(seed);
    const bool greatest_value = seed % 2 == 0;
    RandomCluster cluster(seed, 2 + seed % 3, greatest_value);
    for (int i = 0; i < 150; ++i) cluster.step();
    cluster.settle();
    for (const auto& [kind, count] : cluster.conflicts()) seen[kind] += count;
  }
  for (const ConflictKind kind : {ConflictKind::kCell, ConflictKind::kBirth, ConflictKind::kDeadRow, ConflictKind::kDelete}) {
    INFO("kind " << static_cast<int>(kind));
    CHECK(seen[kind] > 20);
  }
}

}  // namespace ldb::apply_test
