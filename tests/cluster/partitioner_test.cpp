#include "ldb/partitioner.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace ldb;

namespace {

std::vector<NodeId> nodes(int n) {
  std::vector<NodeId> all;
  for (int i = n; i > 0; --i) all.push_back({"node" + std::to_string(i)});
  return all;
}

std::string key(int i) { return "key" + std::to_string(i); }

}  // namespace

TEST_CASE("Full replication puts every row on every member, first by name preferred") {
  auto partitioner = new_full_replication_partitioner();
  CHECK(partitioner->replicas({1}, "k").empty());
  partitioner->set_members(nodes(3));
  CHECK(partitioner->replicas({1}, "k") == std::vector<NodeId>{{"node1"}, {"node2"}, {"node3"}});
  CHECK(partitioner->replication_factor() == 3);
}

TEST_CASE("A hash ring gives each row its number of distinct members") {
  auto partitioner = new_hash_ring_partitioner(3);
  CHECK(partitioner->replicas({1}, "k").empty());
  partitioner->set_members(nodes(2));
  CHECK(partitioner->replication_factor() == 2);
  partitioner->set_members(nodes(7));
  CHECK(partitioner->replication_factor() == 3);
  for (int i = 0; i < 200; ++i) {
    const auto replicas = partitioner->replicas({1}, key(i));
    CHECK(std::set<NodeId>(replicas.begin(), replicas.end()).size() == 3);
  }
}

TEST_CASE("A hash ring with factor 0 uses all members") {
  auto partitioner = new_hash_ring_partitioner();
  partitioner->set_members(nodes(4));
  CHECK(partitioner->replicas({9}, "k").size() == 4);
}

TEST_CASE("Two nodes with the same members in another order place rows alike") {
  auto a = new_hash_ring_partitioner(2);
  auto b = new_hash_ring_partitioner(2);
  std::vector<NodeId> members = nodes(5);
  a->set_members(members);
  std::reverse(members.begin(), members.end());
  members.push_back(members.front());  // named twice
  b->set_members(members);
  for (int i = 0; i < 200; ++i) CHECK(a->replicas({3}, key(i)) == b->replicas({3}, key(i)));
}

TEST_CASE("A hash ring spreads rows about evenly") {
  auto partitioner = new_hash_ring_partitioner(1, 128);
  partitioner->set_members(nodes(5));
  std::map<NodeId, int> rows;
  for (int i = 0; i < 10'000; ++i) ++rows[partitioner->replicas({1}, key(i)).front()];
  REQUIRE(rows.size() == 5);
  for (const auto& [node, count] : rows) {
    INFO(node.name);
    CHECK(count > 1000);
    CHECK(count < 3500);
  }
}

TEST_CASE("A new member of a hash ring takes rows from others, and moves none between them") {
  auto before = new_hash_ring_partitioner(1);
  auto after = new_hash_ring_partitioner(1);
  before->set_members(nodes(4));
  after->set_members(nodes(5));
  int moved = 0;
  for (int i = 0; i < 2000; ++i) {
    const NodeId old_owner = before->replicas({1}, key(i)).front();
    const NodeId new_owner = after->replicas({1}, key(i)).front();
    if (old_owner == new_owner) continue;
    ++moved;
    CHECK(new_owner.name == "node5");
  }
  CHECK(moved > 0);
  CHECK(moved < 1000);
}

TEST_CASE("The rows of different tables lie at different places of a hash ring") {
  auto partitioner = new_hash_ring_partitioner(1);
  partitioner->set_members(nodes(5));
  int differ = 0;
  for (int i = 0; i < 100; ++i) differ += partitioner->replicas({1}, key(i)) != partitioner->replicas({2}, key(i));
  CHECK(differ > 50);
}
