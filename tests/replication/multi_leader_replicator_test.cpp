// Convergence over cuts, restarts and topologies.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "base/rt/rt.hpp"
#include "fixture.hpp"
#include "hooked_engine.hpp"
#include "replication/protocol/protocol.hpp"

using namespace ldb;
using namespace ldb::test;

TEST_CASE("A commit reaches the other node, in both directions") {
  TestCluster cluster(2);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(eventually([&] { return cluster[1].get("x") == "1"; }));
  REQUIRE(cluster[1].put("x", "2").is_ok());
  REQUIRE(eventually([&] { return cluster[0].get("x") == "2"; }));
  CHECK(cluster.converges());
}

TEST_CASE("Commits made without sync reach peers too") {
  TestCluster cluster(2);
  REQUIRE(cluster[0].put("x", "1", 1, SyncPolicy::kNone).is_ok());
  REQUIRE(cluster[0].put("y", "1", 1, SyncPolicy::kOs).is_ok());
  CHECK(cluster.converges());
  CHECK(cluster[1].get("y") == "1");
}

TEST_CASE("Three nodes that write during a cut agree after it") {
  TestCluster cluster(3);
  for (int i = 0; i < 20; ++i) REQUIRE(cluster[0].put("k" + std::to_string(i), "start").is_ok());
  REQUIRE(cluster.converges());
  cluster.network.set_link("a", "c", false);
  cluster.network.set_link("b", "c", false);
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    REQUIRE(cluster[0].put(key, "from a", 1).is_ok());
    REQUIRE(cluster[2].put(key, "from c", 2).is_ok());
    if (i % 4 == 0) REQUIRE(cluster[1].erase(key).is_ok());
  }
  CHECK(cluster[2].get("k1") == "start");
  cluster.network.set_link("a", "c", true);
  cluster.network.set_link("b", "c", true);
  REQUIRE(cluster.converges());
  CHECK(cluster[1].get("k1", 1) == "from a");
  CHECK(cluster[1].get("k1", 2) == "from c");
}

TEST_CASE("A node behind an intermediate one gets everything (a-b-c)") {
  TestNetwork network;
  TestNode a(network, "a"), b(network, "b"), c(network, "c");
  for (TestNode* node : {&a, &b, &c}) REQUIRE(node->start().is_ok());
  REQUIRE(a.add_peer("b").is_ok());
  REQUIRE(b.add_peer("a").is_ok());
  REQUIRE(b.add_peer("c").is_ok());
  REQUIRE(c.add_peer("b").is_ok());
  for (int i = 0; i < 10; ++i) {
    REQUIRE(a.put("a" + std::to_string(i), "1").is_ok());
    REQUIRE(c.put("c" + std::to_string(i), "1").is_ok());
  }
  CHECK(eventually([&] { return converged({&a, &b, &c}); }));
  CHECK(a.rows().size() == 20);
}

TEST_CASE("A node that was down catches up, and so do those it missed") {
  TestCluster cluster(3);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(cluster.converges());
  cluster[2].stop();
  for (int i = 0; i < 50; ++i) REQUIRE(cluster[i % 2].put("k" + std::to_string(i), "v").is_ok());
  cluster.start(2);
  REQUIRE(cluster.converges());
  CHECK(cluster[2].rows().size() == 51);
}

TEST_CASE("A restarted node keeps its origin when its peers confirm it, and draws a new one when they are away") {
  TestCluster cluster(2);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(cluster.converges());
  const OriginId first = cluster[0].status().origin;
  cluster.restart(0);
  REQUIRE(cluster[0].put("x", "2").is_ok());
  CHECK(cluster[0].status().origin == first);
  REQUIRE(cluster.converges());

  cluster[1].stop();
  cluster.restart(0);
  REQUIRE(cluster[0].put("x", "3").is_ok());
  CHECK(cluster[0].status().origin != first);
  cluster.start(1);
  REQUIRE(cluster.converges());
  CHECK(cluster[1].get("x") == "3");
}

TEST_CASE("Nodes that never met write before they do") {
  TestNetwork network;
  TestNode a(network, "a"), b(network, "b");
  REQUIRE(a.start().is_ok());
  REQUIRE(a.add_peer("b").is_ok());  // b is down
  REQUIRE(a.put("x", "1").is_ok());
  REQUIRE(b.start().is_ok());
  REQUIRE(b.put("y", "2").is_ok());
  REQUIRE(b.add_peer("a").is_ok());
  CHECK(eventually([&] { return converged({&a, &b}); }));
  CHECK(a.get("y") == "2");
}

TEST_CASE("A node added later gets what is there by stream") {
  TestCluster cluster(2);
  for (int i = 0; i < 100; ++i) REQUIRE(cluster[0].put("k" + std::to_string(i), "v").is_ok());
  REQUIRE(cluster.converges());
  TestNode c(cluster.network, "c");
  REQUIRE(c.start().is_ok());
  for (TestNode* node : cluster.all()) {
    REQUIRE(node->add_peer("c").is_ok());
    REQUIRE(c.add_peer(node->name()).is_ok());
  }
  CHECK(eventually([&] { return converged({&cluster[0], &cluster[1], &c}); }));
  CHECK(c.rows().size() == 100);
  CHECK(c.status().snapshots_installed == 0);
}

TEST_CASE("Lost and repeated messages do no harm") {
  const std::uint64_t seed = GENERATE(1, 2, 3);
  CAPTURE(seed);
  TestCluster cluster(3);
  cluster.network.set_faults(15, 15, seed);
  Random random(seed);
  for (int i = 0; i < 150; ++i) {
    TestNode& node = cluster[random.below(3)];
    const std::string key = "k" + std::to_string(random.below(20));
    if (random.one_in(4)) {
      [[maybe_unused]] const Status maybe_absent = node.erase(key);
    } else {
      REQUIRE(node.put(key, std::to_string(i), static_cast<std::uint32_t>(1 + random.below(3))).is_ok());
    }
  }
  CHECK(cluster.converges());
}

TEST_CASE("Concurrent writers on all nodes agree in the end") {
  TestCluster cluster(3);
  std::vector<rt::Thread> writers;
  for (std::size_t i = 0; i < 3; ++i) {
    writers.emplace_back("writer", [&, i] {
      Random random(i + 7);
      for (int n = 0; n < 200; ++n) {
        const std::string key = "k" + std::to_string(random.below(30));
        const Status status =
            random.one_in(5) ? cluster[i].erase(key) : cluster[i].put(key, std::to_string(n), 1, SyncPolicy::kNone);
        if (!status && status.code() != StatusCode::kNotFound) std::abort();
      }
    });
  }
  for (rt::Thread& writer : writers) writer.join();
  CHECK(cluster.converges());
}

TEST_CASE("A peer can be removed and added again while everything runs") {
  TestCluster cluster(2);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(cluster.converges());
  CHECK(cluster[0].add_peer("b").code() == StatusCode::kAlreadyExists);
  CHECK(cluster[0].add_peer("a").code() == StatusCode::kInvalidArgument);
  REQUIRE(cluster[0].replicator().remove_peer(NodeId{"b"}).is_ok());
  CHECK(cluster[0].replicator().remove_peer(NodeId{"b"}).code() == StatusCode::kNotFound);
  REQUIRE(cluster[0].put("x", "2").is_ok());
  REQUIRE(eventually([&] {
    const auto peers = cluster[1].status().peers;
    return peers[0].problem.find("not a member") != std::string::npos;
  }));
  CHECK(cluster[1].get("x") == "1");
  REQUIRE(cluster[0].add_peer("b").is_ok());
  CHECK(cluster.converges());
  CHECK(cluster[1].get("x") == "2");
}

TEST_CASE("A removed peer gets nothing that is committed afterwards, whatever it asked for before") {
  TestNetwork network;
  TestNode a(network, "a");
  auto hooked = std::make_unique<HookedEngine>();
  HookedEngine& engine = *hooked;
  a.lose_directory(std::move(hooked));
  const auto remove_and_commit = [&] {
    CHECK(a.replicator().remove_peer(NodeId{"b"}).is_ok());
    CHECK(a.put("x", "2").is_ok());
  };
  const replication::Identity b{NodeId{"b"}, 99, {12345}};
  Request request;
  SECTION("commits") {
    replication::FetchRequest fetch;
    fetch.from = b;
    fetch.max_bytes = 1 << 20;
    request = {RequestKind::kFetch, encode(fetch)};
    engine.before_changes = remove_and_commit;
  }
  SECTION("a copy of the whole state") {
    replication::SnapshotRequest snapshot;
    snapshot.from = b;
    snapshot.max_bytes = 1 << 20;
    request = {RequestKind::kSnapshot, encode(snapshot)};
  }
  REQUIRE(a.start().is_ok());
  REQUIRE(a.add_peer("b").is_ok());
  if (request.kind == RequestKind::kSnapshot) engine.before_view = remove_and_commit;
  const auto answer = network.inject("b", "a", request);
  REQUIRE(a.get("x") == "2");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().to_string().find("the peer was removed") != std::string::npos);
}

TEST_CASE("Stopping is prompt while peers hang") {
  replication::ReplicatorOptions options = quick();
  options.poll_ms = 60'000;
  options.answer_slack_ms = 60'000;
  TestCluster cluster(2, options);
  REQUIRE(cluster.converges());
  cluster.network.set_hook([](const std::string&, const std::string&, const Request&) { return false; });
  cluster[1].stop();
  const std::int64_t before_ns = rt::monotonic_ns();
  cluster[0].stop();
  CHECK(rt::monotonic_ns() - before_ns < 5 * rt::kSecond);
}

TEST_CASE("After stop commits fail with kAborted") {
  TestCluster cluster(2);
  cluster[0].replicator().stop();
  CHECK(cluster[0].put("x", "1").code() == StatusCode::kAborted);
}

TEST_CASE("A commit too large for a message is refused when it is made") {
  TestCluster cluster(2);
  CHECK(cluster[0].put("x", std::string(13 << 20, 'x')).code() == StatusCode::kResourceExhausted);
  REQUIRE(cluster[0].put("x", std::string(11 << 20, 'x')).is_ok());
  REQUIRE(cluster.converges());
  CHECK(cluster[1].get("x")->size() == 11 << 20);
}

TEST_CASE("Commits that take longer than the first timeouts arrive") {
  replication::ReplicatorOptions options = quick();
  options.poll_ms = 20;
  options.answer_slack_ms = 20;
  TestCluster cluster(2, options);
  REQUIRE(cluster.converges());
  cluster.network.set_answer_latency_ms(300);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(cluster.converges());
  CHECK(cluster[1].get("x") == "1");
}

TEST_CASE("A fetch in vain is followed by a hello: a peer that went away is not waited for ever longer") {
  replication::ReplicatorOptions options = quick();
  options.poll_ms = 20;
  options.answer_slack_ms = 20;
  TestCluster cluster(2, options);
  REQUIRE(cluster.converges());
  // Fetches of b vanish, and its hellos after the first two.
  struct Asked {
    rt::Mutex mutex;
    std::string kinds LDB_GUARDED_BY(mutex);
    int hellos LDB_GUARDED_BY(mutex) = 0;
  };
  const auto asked = std::make_shared<Asked>();
  cluster.network.set_hook([asked](const std::string& from, const std::string&, const Request& request) {
    if (from != "b" || (request.kind != RequestKind::kFetch && request.kind != RequestKind::kHello)) return true;
    const bool hello = request.kind == RequestKind::kHello;
    rt::MutexLock lock(asked->mutex);
    asked->kinds.push_back(hello ? 'h' : 'f');
    return hello && ++asked->hellos <= 2;
  });
  REQUIRE(eventually([&] {
    rt::MutexLock lock(asked->mutex);
    return asked->hellos >= 4;
  }));
  cluster.network.set_hook(nullptr);
  const std::string kinds = [&] {
    rt::MutexLock lock(asked->mutex);
    return asked->kinds;
  }();
  CAPTURE(kinds);
  CHECK(kinds.find("ff") == std::string::npos);
  // Once hellos are not answered there are no more fetches.
  const std::size_t third = kinds.find('h', kinds.find('h', kinds.find('h') + 1) + 1);
  CHECK(kinds.find('f', third) == std::string::npos);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(cluster.converges());
}

TEST_CASE("Status shows peers, what they acknowledged, and when they cannot be reached") {
  TestCluster cluster(2);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(cluster.converges());
  REQUIRE(eventually([&] {
    const ReplicationStatus status = cluster[0].status();
    return status.peers.size() == 1 && status.peers[0].reachable && status.peers[0].acknowledged.covers(status.applied) &&
           status.peers[0].origin == cluster[1].status().origin && status.peers[0].last_contact_us > 0;
  }));
  CHECK(cluster[1].status().peers[0].commits_received == 1);
  cluster[1].stop();
  CHECK(eventually([&] {
    const ReplicationStatus status = cluster[0].status();
    return !status.peers[0].reachable && !status.peers[0].problem.empty();
  }));
}
