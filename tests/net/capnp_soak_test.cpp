// Everything at once: callers on many threads, links cut and healed, transports stopped and started.
#include <catch2/catch.hpp>
#include <random>

#include "net/net_fixture.hpp"
#include "support/process.hpp"

using namespace ldb;
using namespace ldb::testing;

namespace {

struct Cluster {
  explicit Cluster(unsigned threads) {
    net::rpc::CapnpOptions options;
    options.threads = threads;
    options.limits.heartbeat_interval_ms = 100;
    options.limits.heartbeat_timeout_ms = 2'000;
    for (const char* name : {"a", "b", "c"}) {
      nodes.push_back(std::make_unique<TestNode>(name, options));
      addresses.push_back(nodes.back()->address());
    }
  }
  std::vector<std::unique_ptr<TestNode>> nodes;
  std::vector<PeerAddress> addresses;  // fixed: a restart takes the same port
};

struct Tally {
  rt::Atomic<long> started{0};
  rt::Atomic<long> good{0};
  rt::Atomic<long> failed{0};
  rt::Atomic<long> wrong{0};
};

void call_at_random(Cluster& cluster, std::uint64_t seed, const rt::Atomic<bool>& go_on, Tally& tally) {
  std::mt19937_64 random(seed);
  while (go_on.load()) {
    TestNode& from = *cluster.nodes[random() % 3];
    const PeerAddress& to = cluster.addresses[random() % 3];
    const std::string body =
        random() % 8 == 0 ? "hold" : std::to_string(random()) + std::string(random() % 40'000 / (1 + random() % 20), 'x');
    const auto timeout_ms = static_cast<std::int64_t>(random() % 200);
    tally.started.fetch_add(1);
    from.transport->call(to, Request{RequestKind::kStatus, body}, timeout_ms, [&tally, body](Result<std::string> answer) {
      if (!answer) {
        tally.failed.fetch_add(1);
      } else {
        (*answer == body || body == "hold" ? tally.good : tally.wrong).fetch_add(1);
      }
    });
    if (tally.started.load() - tally.good.load() - tally.failed.load() > 2'000) rt::sleep_for(rt::kMillisecond);
  }
}

void disturb(Cluster& cluster, std::mt19937_64& random) {
  const std::size_t who = random() % 3;
  TestNode& node = *cluster.nodes[who];
  switch (random() % 6) {
    case 0:
      (void)node.transport->set_peer_blocked(cluster.nodes[random() % 3]->id, true);
      break;
    case 1:
    case 2:
      for (const auto& peer : cluster.nodes) (void)node.transport->set_peer_blocked(peer->id, false);
      break;
    case 3:
    case 4:
      node.handler.release_held(std::string("released"));
      break;
    default:
      node.transport->stop();
      CHECK(node.transport->start(node.id, cluster.addresses[who].address, node.handler));
      break;
  }
}

}  // namespace

TEST_CASE("Under cuts, restarts and timeouts every call is answered once, and rightly") {
  const std::uint64_t seed = 20260103;
  CAPTURE(seed);
  const std::size_t files_before = test::open_file_descriptors();
  const std::size_t threads_before = test::threads_at_rest();
  Tally tally;
  {
    Cluster cluster(GENERATE(1U, 2U));
    rt::Atomic<bool> go_on{true};
    std::vector<rt::Thread> callers;
    for (std::uint64_t i = 0; i < 3; ++i) {
      callers.emplace_back("caller", [&, i] { call_at_random(cluster, seed + 1 + i, go_on, tally); });
    }
    std::mt19937_64 random(seed);
    const std::int64_t begin_ns = rt::monotonic_ns();
    // On a loaded machine it takes longer until enough has happened.
    const auto enough = [&] {
      const std::int64_t passed_ns = rt::monotonic_ns() - begin_ns;
      if (passed_ns > 60 * rt::kSecond) return true;
      return passed_ns > 1'500 * rt::kMillisecond && tally.good.load() > 50 && tally.failed.load() > 50;
    };
    while (!enough()) {
      disturb(cluster, random);
      rt::sleep_for(static_cast<std::int64_t>(random() % 30) * rt::kMillisecond);  // the pace of the faults
    }
    go_on.store(false);
    for (rt::Thread& caller : callers) caller.join();
    for (const auto& node : cluster.nodes) {
      for (const auto& peer : cluster.nodes) REQUIRE(node->transport->set_peer_blocked(peer->id, false));
      node->handler.release_held(std::string());
    }
    for (const auto& node : cluster.nodes) {
      for (const PeerAddress& peer : cluster.addresses) CHECK(node->reaches(peer));
    }
  }
  CHECK(tally.good.load() > 50);
  CHECK(tally.failed.load() > 50);
  CHECK(tally.wrong.load() == 0);
  CHECK(tally.good.load() + tally.failed.load() == tally.started.load());
  CHECK(test::open_file_descriptors() == files_before);
  CHECK(test::threads_come_down_to(threads_before));
}
