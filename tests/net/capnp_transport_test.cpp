// Calls that work, errors that arrive as they were sent, bounds, and the life of a transport.
#include <catch2/catch.hpp>

#include "net/net_fixture.hpp"
#include "net/relay.hpp"

using namespace ldb;
using namespace ldb::testing;

TEST_CASE("A call returns what the peer's handler answered") {
  TestNode a("a");
  TestNode b("b");
  CHECK(a.ask(b, "hello").value() == "hello");
  CHECK(a.ask(b, "").value().empty());
  CHECK(a.ask(b, "later:from another thread").value() == "from another thread");
  CHECK(a.ask(b, std::string("zero\0byte", 9)).value() == std::string("zero\0byte", 9));
  CHECK(b.ask(a, "the other way").value() == "the other way");
  CHECK(a.ask(a, "myself").value() == "myself");
}

TEST_CASE("The handler learns the caller's name") {
  TestNode a("edge-17");
  TestNode b("b");
  CHECK(a.ask(b, "who").value() == "edge-17");
}

TEST_CASE("Bodies of every size around the limits of buffers arrive intact") {
  TestNode a("a");
  TestNode b("b");
  for (const std::size_t size : {1, 7, 8, 4095, 8191, 16383, 16384, 32768, 65536, 131072, 1000003, (16 << 20) - 1, 16 << 20}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 + size);
    CAPTURE(size);
    const auto answer = a.ask(b, body);
    REQUIRE(answer);
    CHECK((*answer == body));
  }
}

TEST_CASE("A status crosses the wire with all its fields") {
  TestNode a("a");
  TestNode b("b");
  const Status status = a.ask(b, "fail").error();
  CHECK(status.code() == StatusCode::kConstraint);
  CHECK(status.message() == "duplicate key");
  CHECK(status.sqlstate() == "23505");
  CHECK(status.detail() == "key (1) exists");
  CHECK(status.position() == 17);
}

TEST_CASE("A request that the handler drops, or throws on, is answered aborted") {
  TestNode a("a");
  TestNode b("b");
  CHECK(a.ask(b, "drop").error().code() == StatusCode::kAborted);
  CHECK(a.ask(b, "throw").error().code() == StatusCode::kAborted);
  CHECK(a.ask(b, "still there").is_ok());
}

TEST_CASE("Many threads call many nodes at once") {
  net::rpc::CapnpOptions options;
  options.threads = GENERATE(1U, 3U);
  TestNode a("a", options);
  TestNode b("b", options);
  TestNode c("c", options);
  rt::Atomic<int> good{0};
  std::vector<rt::Thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back("caller", [&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string body = std::to_string(t) + ":" + std::string(static_cast<std::size_t>(i * i % 3000), 'x');
        const auto answer = a.ask(t % 2 == 0 ? b : c, body);
        if (answer && *answer == body) good.fetch_add(1);
      }
    });
  }
  for (rt::Thread& thread : threads) thread.join();
  CHECK(good.load() == 6 * 200);
}

TEST_CASE("Calls without an answer do not hold up others") {
  TestNode a("a");
  TestNode b("b");
  rt::Atomic<int> answered{0};
  for (int i = 0; i < 100; ++i) {
    a.transport->call(b.address(), Request{RequestKind::kFetch, "hold"}, kPatienceMs, [&](Result<std::string> answer) {
      if (answer && *answer == "released") answered.fetch_add(1);
    });
  }
  CHECK(eventually([&] { return b.handler.held() == 100; }));
  CHECK(a.ask(b, "quick").is_ok());
  b.handler.release_held(std::string("released"));
  CHECK(eventually([&] { return answered.load() == 100; }));
}

TEST_CASE("A call times out when its deadline passes, and the late answer is dropped") {
  TestNode a("a");
  TestNode b("b");
  CHECK(a.ask(b, "hold", 30).error().code() == StatusCode::kTimeout);
  CHECK(a.ask(b, "hold", 0).error().code() == StatusCode::kTimeout);
  b.handler.release_held(std::string("too late"));
  CHECK(a.ask(b, "next").value() == "next");
}

TEST_CASE("A body over the limit is refused without harm to the connection") {
  net::rpc::CapnpOptions small;
  small.limits.max_message_bytes = 10'000;
  TestNode a("a");
  TestNode b("b", small);
  CHECK(a.ask(b, std::string(10'000, 'x')).is_ok());
  CHECK(a.ask(b, std::string(10'001, 'x')).error().code() == StatusCode::kResourceExhausted);  // the peer's limit
  CHECK(b.ask(a, std::string(10'001, 'x')).error().code() == StatusCode::kResourceExhausted);  // its own
  CHECK(b.ask(a, "grow:10000").value().size() == 10'000);
  CHECK(b.ask(a, "grow:10001").error().code() == StatusCode::kResourceExhausted);  // the asking side's
  CHECK(a.ask(b, "grow:10001").error().code() == StatusCode::kResourceExhausted);  // the answering side's
  CHECK(a.ask(b, "fine").is_ok());
}

TEST_CASE("Unanswered requests beyond the bound are refused at once") {
  net::rpc::CapnpOptions small;
  small.limits.max_inflight_bytes_per_connection = 20 << 10;
  TestNode a("a", small);
  TestNode b("b");
  rt::Atomic<int> refused{0};
  rt::Atomic<int> answered{0};
  for (int i = 0; i < 30; ++i) {
    a.transport->call(b.address(), Request{RequestKind::kFetch, "hold"}, kPatienceMs, [&](Result<std::string> answer) {
      if (answer) answered.fetch_add(1);
      if (answer.error().code() == StatusCode::kResourceExhausted) refused.fetch_add(1);
    });
  }
  CHECK(eventually([&] { return refused.load() > 0 && b.handler.held() + static_cast<std::size_t>(refused.load()) == 30; }));
  CHECK(b.handler.held() == 19);
  b.handler.release_held(std::string());
  CHECK(eventually([&] { return answered.load() == 19; }));
  CHECK(a.ask(b, "room again").is_ok());
}

TEST_CASE("A server refuses what exceeds its own bound, though the caller's allows it") {
  net::rpc::CapnpOptions small;
  small.limits.max_inflight_bytes_per_connection = 20 << 10;
  TestNode a("a");
  TestNode b("b", small);
  for (int i = 0; i < 40; ++i)
    CHECK(a.ask(b, "hold", 5).error().code() != StatusCode::kOk);  // given up, but still with the handler
  CHECK(a.ask(b, "more").error().code() == StatusCode::kResourceExhausted);
  b.handler.release_held(std::string());
  CHECK(eventually([&] { return a.ask(b, "more").is_ok(); }));
}

TEST_CASE("stop() answers outstanding calls, and nothing runs after it") {
  rt::Atomic<int> aborted{0};
  rt::Atomic<int> others{0};
  TestNode b("b");
  {
    TestNode a("a");
    for (int i = 0; i < 50; ++i) {
      a.transport->call(b.address(), Request{RequestKind::kFetch, "hold"}, kPatienceMs, [&](Result<std::string> answer) {
        (answer.error().code() == StatusCode::kAborted ? aborted : others).fetch_add(1);
      });
    }
    if (GENERATE(true, false)) CHECK(eventually([&] { return b.handler.held() == 50; }));
    a.transport->stop();
    CHECK(aborted.load() == 50);
    a.transport->stop();
    CHECK(a.transport->address().empty());
    CHECK(a.ask(b, "too late").error().code() == StatusCode::kAborted);
  }
  CHECK(others.load() == 0);
}

TEST_CASE("stop() is safe while other threads call, and callbacks that call again do not hold it up") {
  TestNode b("b");
  auto a = std::make_unique<TestNode>("a");
  rt::Atomic<bool> go_on{true};
  rt::Atomic<int> started{0};
  rt::Atomic<int> finished{0};
  std::vector<rt::Thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back("caller", [&] {
      while (go_on.load()) {
        started.fetch_add(1);
        a->transport->call(b.address(), Request{RequestKind::kStatus, "x"}, kPatienceMs, [&](Result<std::string>) {
          started.fetch_add(1);
          a->transport->call(b.address(), Request{RequestKind::kStatus, "y"}, kPatienceMs,
                             [&](Result<std::string>) { finished.fetch_add(1); });
          finished.fetch_add(1);
        });
      }
    });
  }
  CHECK(eventually([&] { return finished.load() > 1000; }));
  a->transport->stop();
  go_on.store(false);
  for (rt::Thread& thread : threads) thread.join();
  CHECK(started.load() == finished.load());
}

TEST_CASE("A connection with tens of thousands of unsent messages can be closed, on either side") {
  net::rpc::CapnpOptions options;
  options.limits.heartbeat_timeout_ms = 60'000;  // the point is not to be found dead
  TestNode b("b", options);
  TestNode a("a", options);
  Relay relay(b.port());
  const PeerAddress through{b.id, relay.address()};
  REQUIRE(a.reaches(through));
  constexpr int kCalls = 25'000;
  rt::Atomic<int> finished{0};
  const auto call_all = [&] {
    for (int i = 0; i < kCalls; ++i) {
      a.transport->call(through, Request{RequestKind::kFetch, "hold"}, 6 * kPatienceMs,
                        [&](Result<std::string>) { finished.fetch_add(1); });
    }
  };
  SECTION("requests wait at the caller") {
    relay.pause(true);
    call_all();
  }
  SECTION("answers wait at the acceptor") {
    call_all();
    REQUIRE(eventually([&] { return b.handler.held() == kCalls; }));
    relay.pause(true);
    b.handler.release_held(std::string(1'000, 'x'));
    b.transport->stop();
  }
  a.transport->stop();
  CHECK(finished.load() == kCalls);
}

TEST_CASE("Responders may outlive the transport that gave them out") {
  std::vector<Responder> held;
  {
    TestNode a("a");
    TestNode b("b");
    CHECK(a.ask(b, "hold", 20).error().code() == StatusCode::kTimeout);
    b.transport->stop();
    held = b.handler.take_held();
  }
  REQUIRE(held.size() == 1);
  held.front()(std::string("nobody listens"));
}

TEST_CASE("A transport can be started again, and on the same port") {
  TestNode a("a");
  TestNode b("b");
  const PeerAddress where = b.address();
  CHECK(b.transport->start(b.id, "127.0.0.1:0", b.handler).code() == StatusCode::kInvalidArgument);
  for (int i = 0; i < 5; ++i) {
    CHECK(a.reaches(where));
    b.transport->stop();
    REQUIRE(b.transport->start(b.id, where.address, b.handler));
    CHECK(b.transport->address() == where.address);
  }
  CHECK(a.reaches(where));
}

TEST_CASE("It listens on IPv4, IPv6 and host names, and reports the port chosen") {
  TestNode a("a");
  for (const std::string listen : {"127.0.0.1:0", "[::1]:0", "localhost:0"}) {
    CAPTURE(listen);
    TestNode b("b", {}, listen);
    CHECK(b.transport->address().starts_with(listen.substr(0, listen.size() - 1)));
    CHECK(b.port() != 0);
    CHECK(a.ask(b, "hi").value() == "hi");
  }
}

TEST_CASE("start() says what is wrong with its arguments") {
  ObedientHandler handler;
  const auto transport = new_capnp_transport();
  for (const char* listen : {"", "localhost", "127.0.0.1:", ":80", "127.0.0.1:70000", "::1:80", "[::1:80", "host:8o"}) {
    CAPTURE(listen);
    CHECK(transport->start(NodeId{"a"}, listen, handler).code() == StatusCode::kInvalidArgument);
  }
  CHECK(transport->start(NodeId{""}, "127.0.0.1:0", handler).code() == StatusCode::kInvalidArgument);
  TestNode b("b");
  const Status taken = transport->start(NodeId{"a"}, b.transport->address(), handler);
  CHECK(taken.code() == StatusCode::kIoError);
  CHECK(std::string(taken.message()).find(b.transport->address()) != std::string::npos);
  CHECK(transport->start(NodeId{"a"}, "192.0.2.1:0", handler).code() == StatusCode::kIoError);
  CHECK(transport->address().empty());
  REQUIRE(transport->start(NodeId{"a"}, "127.0.0.1:0", handler));
  transport->stop();
}
