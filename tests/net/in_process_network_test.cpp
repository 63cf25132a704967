#include <catch2/catch.hpp>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/transport.hpp"
#include "net/message_codec.hpp"

namespace ldb {
namespace {

class Echo final : public RequestHandler {
 public:
  void handle(const NodeId& from, Request request, Responder respond) override { respond(from.name + ":" + request.body); }
};

/// Keeps requests unanswered until told.
class Silent final : public RequestHandler {
 public:
  void handle(const NodeId&, Request, Responder respond) override {
    rt::MutexLock lock(mutex_);
    kept_.push_back(std::move(respond));
    changed_.notify_all();
  }
  void await_one() {
    rt::MutexLock lock(mutex_);
    while (kept_.empty()) changed_.wait(mutex_);
  }
  void drop_all() {
    std::vector<Responder> dropped;
    rt::MutexLock lock(mutex_);
    dropped.swap(kept_);
  }

 private:
  rt::Mutex mutex_;
  rt::CondVar changed_;
  std::vector<Responder> kept_ LDB_GUARDED_BY(mutex_);
};

const PeerAddress kToB{{"b"}, "b"};

}  // namespace

TEST_CASE("Nodes of one process ask and answer each other") {
  InProcessNetwork network;
  Echo echo;
  const auto a = network.new_transport();
  const auto b = network.new_transport();
  CHECK(a->address().empty());
  REQUIRE(a->start({"a"}, "a", echo).is_ok());
  REQUIRE(b->start({"b"}, "b", echo).is_ok());
  CHECK(a->address() == "a");
  CHECK(a->start({"a"}, "a", echo).code() == StatusCode::kInvalidArgument);
  CHECK(network.new_transport()->start({"x"}, "b", echo).code() == StatusCode::kAlreadyExists);
  CHECK(a->call_and_wait(kToB, {RequestKind::kHello, "hi"}, 10'000).value() == "a:hi");
  CHECK(b->call_and_wait({{"a"}, "a"}, {RequestKind::kHello, "ho"}, 10'000).value() == "b:ho");
  CHECK(a->call_and_wait({{"c"}, "c"}, {}, 10'000).error().code() == StatusCode::kUnavailable);
  CHECK(a->call_and_wait({{"c"}, "b"}, {}, 10'000).error().code() == StatusCode::kUnavailable);  // another node lives there
  a->stop();
  a->stop();
  CHECK(a->call_and_wait(kToB, {}, 10'000).error().code() == StatusCode::kAborted);
  REQUIRE(a->start({"a"}, "a", echo).is_ok());
  CHECK(a->call_and_wait(kToB, {RequestKind::kHello, "again"}, 10'000).value() == "a:again");
}

TEST_CASE("A cut link fails calls at once, also those under way, and heals") {
  InProcessNetwork network;
  Silent silent;
  Echo echo;
  const auto a = network.new_transport();
  const auto b = network.new_transport();
  REQUIRE(a->start({"a"}, "a", echo).is_ok());
  REQUIRE(b->start({"b"}, "b", silent).is_ok());
  StatusCode code = StatusCode::kOk;
  rt::Thread caller("caller", [&] { code = a->call_and_wait(kToB, {}, 600'000).error().code(); });
  silent.await_one();
  network.set_link({"b"}, {"a"}, false);
  caller.join();
  CHECK(code == StatusCode::kUnavailable);
  CHECK(a->call_and_wait(kToB, {}, 600'000).error().code() == StatusCode::kUnavailable);
  network.set_link({"a"}, {"b"}, true);
  CHECK(b->call_and_wait({{"a"}, "a"}, {RequestKind::kHello, "x"}, 10'000).value() == "b:x");
}

TEST_CASE("Calls end by timeout, by a dropped request, and when either side stops") {
  InProcessNetwork network;
  Silent silent;
  const auto a = network.new_transport();
  const auto b = network.new_transport();
  REQUIRE(a->start({"a"}, "a", silent).is_ok());
  REQUIRE(b->start({"b"}, "b", silent).is_ok());
  CHECK(a->call_and_wait(kToB, {}, 10).error().code() == StatusCode::kTimeout);
  silent.drop_all();

  StatusCode code = StatusCode::kOk;
  const auto call = [&](Transport& transport, const PeerAddress& peer) {
    return rt::Thread("caller", [&transport, &code, peer] { code = transport.call_and_wait(peer, {}, 600'000).error().code(); });
  };
  rt::Thread caller = call(*a, kToB);
  silent.await_one();
  silent.drop_all();
  caller.join();
  CHECK(code == StatusCode::kAborted);

  caller = call(*a, kToB);
  silent.await_one();
  b->stop();
  caller.join();
  CHECK(code == StatusCode::kUnavailable);
  silent.drop_all();

  REQUIRE(b->start({"b"}, "b", silent).is_ok());
  caller = call(*a, kToB);
  silent.await_one();
  a->stop();
  caller.join();
  CHECK(code == StatusCode::kAborted);
  silent.drop_all();
}

TEST_CASE("A blocked peer is neither heard nor asked") {
  InProcessNetwork network;
  Echo echo;
  const auto a = network.new_transport();
  const auto b = network.new_transport();
  CHECK(a->set_peer_blocked({"b"}, true).code() == StatusCode::kInvalidArgument);
  REQUIRE(a->start({"a"}, "a", echo).is_ok());
  REQUIRE(b->start({"b"}, "b", echo).is_ok());
  REQUIRE(a->set_peer_blocked({"b"}, true).is_ok());
  CHECK(a->call_and_wait(kToB, {}, 600'000).error().code() == StatusCode::kUnavailable);
  CHECK(b->call_and_wait({{"a"}, "a"}, {}, 600'000).error().code() == StatusCode::kUnavailable);
  REQUIRE(a->set_peer_blocked({"b"}, false).is_ok());
  CHECK(a->call_and_wait(kToB, {}, 10'000).is_ok());
}

TEST_CASE("The in-process message codec keeps requests, answers and failures, and refuses anything else") {
  const Request request{RequestKind::kFetch, std::string("a\0b", 3)};
  const std::string bytes = net::encode_request(request);
  const auto decoded = net::decode_request(bytes);
  REQUIRE(decoded.is_ok());
  CHECK(decoded.value().kind == request.kind);
  CHECK(decoded.value().body == request.body);
  CHECK(net::decode_answer(net::encode_answer(std::string("body"))).value() == "body");
  const Status failure = Status::sql(StatusCode::kConflict, "40001", "retry", 7).with_detail("why");
  const Status read = net::decode_answer(net::encode_answer(failure)).error();
  CHECK(read.to_string() == failure.to_string());
  CHECK(read.sqlstate() == "40001");
  CHECK(read.position() == 7);
  CHECK(read.detail() == "why");
  for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(net::decode_request(std::string_view(bytes).substr(0, n)).is_ok());
  CHECK(net::decode_answer("").error().code() == StatusCode::kCorruption);
  CHECK(net::decode_answer("\xff").error().code() == StatusCode::kCorruption);
}

}  // namespace ldb
