// Peers that die, refuse, hang, come back; links that are cut and healed.
#include <catch2/catch.hpp>

#include "net/net_fixture.hpp"
#include "net/relay.hpp"

using namespace ldb;
using namespace ldb::testing;

namespace {

net::rpc::CapnpOptions fast_heartbeats() {
  net::rpc::CapnpOptions options;
  options.limits.heartbeat_interval_ms = 50;
  options.limits.heartbeat_timeout_ms = 300;
  options.limits.handshake_timeout_ms = 300;
  return options;
}

bool mentions(const Status& status, std::string_view text) { return status.message().find(text) != std::string_view::npos; }

}  // namespace

TEST_CASE("A peer that nobody listens for is unavailable at once, again and again") {
  TestNode a("a");
  const PeerAddress nobody{NodeId{"b"}, "127.0.0.1:" + std::to_string(unused_port())};
  const std::int64_t begin_ns = rt::monotonic_ns();
  for (int i = 0; i < 500; ++i) CHECK(a.ask(nobody, "x").error().code() == StatusCode::kUnavailable);
  CHECK(rt::monotonic_ns() - begin_ns < 5 * rt::kSecond);
}

TEST_CASE("A malformed or unknown address is an error of the call") {
  TestNode a("a");
  CHECK(a.ask({NodeId{"b"}, "no port here"}, "x").error().code() == StatusCode::kInvalidArgument);
  CHECK(a.ask({NodeId{"b"}, ""}, "x").error().code() == StatusCode::kInvalidArgument);
  CHECK(a.ask({NodeId{"b"}, "no-such-host.invalid:1"}, "x").error().code() == StatusCode::kUnavailable);
}

TEST_CASE("A node of another cluster is refused, and both sides say so") {
  net::rpc::CapnpOptions other;
  other.cluster = "blue";
  TestNode a("a");
  TestNode b("b", other);
  for (int i = 0; i < 3; ++i) {
    const Status status = a.ask(b, "x").error();
    CHECK(status.code() == StatusCode::kInvalidArgument);
    CHECK(mentions(status, "'blue'"));
    CHECK(mentions(status, "'ldb'"));
  }
  CHECK(b.log.contains("refused 'a'"));
  CHECK(b.handler.handled() == 0);
}

TEST_CASE("Nodes without a common protocol version refuse each other, and both sides say so") {
  net::rpc::CapnpOptions future;
  future.versions = {7, 9};
  TestNode a("a");
  TestNode b("b", future);
  const Status status = a.ask(b, "x").error();
  CHECK(status.code() == StatusCode::kUnavailable);
  CHECK(mentions(status, "7 to 9"));
  CHECK(b.log.contains("no common protocol version"));
  CHECK(b.ask(a, "x").error().code() == StatusCode::kUnavailable);
}

TEST_CASE("Versions that overlap talk to each other") {
  net::rpc::CapnpOptions newer;
  newer.versions = {1, 9};
  TestNode a("a");
  TestNode b("b", newer);
  CHECK(a.ask(b, "x").is_ok());
  CHECK(b.ask(a, "x").is_ok());
}

TEST_CASE("A peer with another name than expected is unavailable; an empty name takes anybody") {
  TestNode a("a");
  TestNode b("b");
  const Status status = a.ask({NodeId{"c"}, b.transport->address()}, "x").error();
  CHECK(status.code() == StatusCode::kUnavailable);
  CHECK(mentions(status, "'b'"));
  CHECK(a.ask({NodeId{""}, b.transport->address()}, "x").is_ok());
}

TEST_CASE("Calls in flight fail when the peer dies, and work again when it is back") {
  TestNode a("a");
  auto b = std::make_unique<TestNode>("b");
  const PeerAddress where = b->address();
  for (int round = 0; round < 3; ++round) {
    REQUIRE(a.reaches(where));
    rt::Atomic<int> unavailable{0};
    for (int i = 0; i < 20; ++i) {
      a.transport->call(where, Request{RequestKind::kFetch, "hold"}, kPatienceMs, [&](Result<std::string> answer) {
        if (answer.error().code() == StatusCode::kUnavailable) unavailable.fetch_add(1);
      });
    }
    REQUIRE(eventually([&] { return b->handler.held() == 20; }));
    b.reset();
    CHECK(eventually([&] { return unavailable.load() == 20; }));
    CHECK(a.ask(where, "x").error().code() == StatusCode::kUnavailable);
    b = std::make_unique<TestNode>("b", net::rpc::CapnpOptions{}, where.address);
  }
  CHECK(a.reaches(where));
}

TEST_CASE("A peer that accepts but never answers the hello is unavailable after the handshake's deadline") {
  TestNode a("a", fast_heartbeats());
  const MuteListener mute;
  const std::int64_t begin_ns = rt::monotonic_ns();
  const Status status = a.ask({NodeId{"b"}, mute.address()}, "x").error();
  INFO(status.to_string());
  CHECK(status.code() == StatusCode::kUnavailable);
  CHECK(rt::monotonic_ns() - begin_ns >= 250 * rt::kMillisecond);
  CHECK(a.ask({NodeId{"b"}, mute.address()}, "x", 10).error().code() != StatusCode::kOk);
}

TEST_CASE("A connection that falls silent is found dead by both sides") {
  TestNode a("a", fast_heartbeats());
  TestNode b("b", fast_heartbeats());
  Relay relay(b.port());
  const PeerAddress through{b.id, relay.address()};
  REQUIRE(a.reaches(through));
  rt::Atomic<int> unavailable{0};
  a.transport->call(through, Request{RequestKind::kFetch, "hold"}, kPatienceMs, [&](Result<std::string> answer) {
    if (answer.error().code() == StatusCode::kUnavailable) unavailable.fetch_add(1);
  });
  REQUIRE(eventually([&] { return b.handler.held() == 1; }));
  relay.pause(true);  // bytes stop, sockets stay open
  CHECK(eventually([&] { return unavailable.load() == 1; }));
  relay.pause(false);
  CHECK(a.reaches(through));
}

TEST_CASE("Heartbeats keep a connection with a long call alive") {
  net::rpc::CapnpOptions options = fast_heartbeats();
  options.limits.heartbeat_timeout_ms = 1'000;  // a loaded machine may leave a thread waiting for a while
  options.limits.handshake_timeout_ms = kPatienceMs;
  TestNode a("a", options);
  TestNode b("b", options);
  rt::Atomic<int> good{0};
  a.transport->call(b.address(), Request{RequestKind::kFetch, "hold"}, kPatienceMs, [&](Result<std::string> answer) {
    if (answer) good.fetch_add(1);
  });
  REQUIRE(eventually([&] { return b.handler.held() == 1; }));
  const std::int64_t until_ns = rt::monotonic_ns() + 2'500 * rt::kMillisecond;  // more than two timeouts long
  CHECK(eventually([&] { return rt::monotonic_ns() > until_ns; }));
  b.handler.release_held(std::string("at last"));
  CHECK(eventually([&] { return good.load() == 1; }));
}

TEST_CASE("A blocked peer is cut off in both directions until it is healed") {
  TestNode a("a");
  TestNode b("b");
  TestNode c("c");
  REQUIRE(a.reaches(b.address()));
  REQUIRE(b.reaches(a.address()));
  rt::Atomic<int> unavailable{0};
  a.transport->call(b.address(), Request{RequestKind::kFetch, "hold"}, kPatienceMs, [&](Result<std::string> answer) {
    if (answer.error().code() == StatusCode::kUnavailable) unavailable.fetch_add(1);
  });
  REQUIRE(eventually([&] { return b.handler.held() == 1; }));
  REQUIRE(a.transport->set_peer_blocked(b.id, true));
  CHECK(eventually([&] { return unavailable.load() == 1; }));
  const std::size_t before = a.handler.handled();
  for (int i = 0; i < 20; ++i) {
    CHECK(a.ask(b, "x").error().code() == StatusCode::kUnavailable);
    CHECK(b.ask(a, "x").error().code() == StatusCode::kUnavailable);  // refused by a, though b does not block
  }
  CHECK(a.handler.handled() == before);
  CHECK(a.ask(c, "x").is_ok());
  REQUIRE(a.transport->set_peer_blocked(b.id, false));
  CHECK(a.ask(b, "x").is_ok());
  CHECK(b.reaches(a.address()));
  a.transport->stop();
  CHECK(a.transport->set_peer_blocked(b.id, true).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("The limit on connections holds, and strangers make room for newcomers") {
  net::rpc::CapnpOptions few;
  few.limits.max_connections = 4;
  TestNode b("b", few);
  std::vector<std::unique_ptr<RawSocket>> strangers;
  for (int i = 0; i < 10; ++i) {
    strangers.push_back(std::make_unique<RawSocket>(b.port()));
    REQUIRE(strangers.back()->connected());
  }
  for (int i = 0; i < 6; ++i) CHECK(strangers[static_cast<std::size_t>(i)]->closed_within(2'000));
  std::vector<std::unique_ptr<TestNode>> good;
  for (int i = 0; i < 4; ++i) {
    good.push_back(std::make_unique<TestNode>("n" + std::to_string(i)));
    CHECK(good.back()->ask(b, "x").is_ok());
  }
  TestNode late("late");
  CHECK(late.ask(b, "x").error().code() == StatusCode::kUnavailable);
  for (const auto& node : good) CHECK(node->ask(b, "x").is_ok());
  good.pop_back();
  CHECK(late.reaches(b.address()));
}

TEST_CASE("A connection that never says hello is closed at the deadline") {
  TestNode b("b", fast_heartbeats());
  RawSocket quiet(b.port());
  CHECK(quiet.closed_within(3'000));
}
