// A node that owes: it has lost what members know of it, and catches up before it serves.
#include <catch2/catch.hpp>

#include "base/rt/rt.hpp"
#include "fixture.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

/// Commits of a are everywhere, and missing in the backup of it that is returned.
std::unique_ptr<StorageEngine> backup_before(TestCluster& cluster, const std::string& prefix) {
  auto backup = cluster[0].backup();
  fill(cluster[0], prefix, 5);
  REQUIRE(cluster.converges());
  return backup;
}

/// a is restored; it learns what it has lost, and gets none of it.
void restore_without_data(TestCluster& cluster, std::unique_ptr<StorageEngine> backup) {
  cluster[0].stop();
  cluster[0].lose_directory(std::move(backup));
  cluster.network.set_hook([](const std::string& from, const std::string&, const Request& request) {
    return from != "a" || request.kind == RequestKind::kHello;
  });
  cluster.start(0);
  REQUIRE(eventually([&] { return cluster[0].status().bootstrapping; }));
}

}  // namespace

TEST_CASE("While it catches up a restored node refuses reads and writes, also after a restart") {
  TestCluster cluster(2);
  fill(cluster[0], "early", 5);
  REQUIRE(cluster.converges());
  restore_without_data(cluster, backup_before(cluster, "late"));
  CHECK(cluster[0].replicator().readable().code() == StatusCode::kUnavailable);
  CHECK(cluster[0].put("x", "1").code() == StatusCode::kUnavailable);
  cluster[0].stop();
  cluster.start(0);
  CHECK(cluster[0].replicator().readable().code() == StatusCode::kUnavailable);
  cluster.network.set_hook(nullptr);
  CHECK(cluster.converges());
  CHECK(cluster[0].put("x", "1").is_ok());
}

TEST_CASE("A restored node whose only witness is removed serves again") {
  TestCluster cluster(2);
  fill(cluster[0], "early", 5);
  REQUIRE(cluster.converges());
  restore_without_data(cluster, backup_before(cluster, "late"));
  REQUIRE(cluster[0].replicator().remove_peer(NodeId{"b"}).is_ok());
  CHECK(cluster[0].replicator().readable().is_ok());
}

TEST_CASE("What no member has any more is not waited for") {
  TestCluster cluster(3);
  fill(cluster[1], "b", 5);
  restore_without_data(cluster, backup_before(cluster, "a"));
  // Before it gets anything, the others lose theirs, too.
  for (const std::size_t i : {1, 2}) {
    cluster[i].stop();
    cluster[i].lose_directory();
  }
  cluster.network.set_hook(nullptr);
  cluster.start(1);
  // The third may still have it, for all the first two know.
  rt::sleep_for(300 * rt::kMillisecond);
  CHECK(cluster[0].replicator().readable().code() == StatusCode::kUnavailable);
  cluster.start(2);
  REQUIRE(eventually([&] { return cluster[0].replicator().readable().is_ok(); }));
  REQUIRE(eventually([&] { return cluster[0].put("new", "1").is_ok(); }));
  REQUIRE(cluster.converges());
  CHECK_FALSE(cluster[2].get("a4"));
}

TEST_CASE("What another member has is waited for, when the one that told of it has lost it") {
  TestCluster cluster(3);
  auto backup = backup_before(cluster, "a");
  cluster[2].stop();
  restore_without_data(cluster, std::move(backup));
  cluster[1].stop();
  cluster[1].lose_directory();
  cluster.network.set_hook(nullptr);
  cluster.start(1);
  rt::sleep_for(300 * rt::kMillisecond);
  CHECK(cluster[0].replicator().readable().code() == StatusCode::kUnavailable);
  cluster.start(2);
  REQUIRE(cluster.converges());
  CHECK(cluster[0].replicator().readable().is_ok());
  CHECK(cluster[0].rows().size() == 5);
}
