// Whatever a peer sends, the node answers with a clear error and goes on.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "fixture.hpp"
#include "replication/protocol/protocol.hpp"
#include "txn/commit_codec.hpp"

using namespace ldb;
using namespace ldb::test;
using namespace ldb::replication;

namespace {

Identity identity_of(const std::string& name, std::uint64_t boot = 99) { return {NodeId{name}, boot, {12345}}; }

FetchRequest fetch_of(const std::string& name) {
  FetchRequest request;
  request.from = identity_of(name);
  request.max_bytes = 1 << 20;
  return request;
}

/// A node "a" whose only member "evil" is this test.
struct Prey {
  TestNetwork network;
  TestNode a{network, "a"};
  Prey() {
    REQUIRE(a.start().is_ok());
    REQUIRE(a.add_peer("evil").is_ok());
    REQUIRE(a.put("x", "1").is_ok());
  }
  Result<std::string> send(RequestKind kind, std::string body, const std::string& from = "evil") {
    return network.inject(from, "a", {kind, std::move(body)});
  }
  bool alive() { return a.put("x", "2").is_ok() && a.get("x") == "2"; }
};

/// Answers every request of "a" with what it is told.
class EvilPeer final : public RequestHandler {
 public:
  explicit EvilPeer(std::function<Result<std::string>(const Request&)> answer) : answer_(std::move(answer)) {}
  void handle(const NodeId&, Request request, Responder respond) override { respond(answer_(request)); }

 private:
  const std::function<Result<std::string>(const Request&)> answer_;
};

}  // namespace

TEST_CASE("Random request bodies get errors, and the node goes on") {
  Prey prey;
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 2'000; ++i) {
    std::string body(random.below(80), '\0');
    for (char& c : body) c = static_cast<char>(random.next());
    if (body.size() > 2) body[0] = 1, body[1] = static_cast<char>(1 + random.below(8));
    const auto kind = static_cast<RequestKind>(random.below(6));
    const auto answer = prey.send(kind, body);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code() != StatusCode::kTimeout);
  }
  CHECK(prey.alive());
}

TEST_CASE("Flipped bytes in good requests are answered or refused") {
  Prey prey;
  const std::uint64_t seed = 8;
  CAPTURE(seed);
  Random random(seed);
  const std::string good = encode(fetch_of("evil"));
  for (int i = 0; i < 2'000; ++i) {
    std::string body = good;
    body[random.below(body.size())] = static_cast<char>(random.next());
    const auto decoded = decode<FetchRequest>(body);
    if (decoded && decoded->wait_ms > 0) continue;  // would wait
    CHECK(prey.send(RequestKind::kFetch, body).error().code() != StatusCode::kTimeout);
  }
  CHECK(prey.alive());
}

TEST_CASE("Strangers, impostors and other clusters are refused") {
  Prey prey;
  CHECK(prey.send(RequestKind::kFetch, encode(fetch_of("stranger")), "stranger").error().code() == StatusCode::kUnavailable);
  CHECK(prey.send(RequestKind::kFetch, encode(fetch_of("somebody else"))).error().code() == StatusCode::kInvalidArgument);
  const std::string other = encode(HelloRequest{identity_of("evil"), "another cluster", {}, {}});
  CHECK(prey.send(RequestKind::kHello, other).error().message().find("another cluster") != std::string::npos);
  CHECK(prey.send(static_cast<RequestKind>(77), "").error().code() == StatusCode::kUnsupported);
}

TEST_CASE("Positions that this node never gave out are not believed") {
  Prey prey;
  const auto first = prey.send(RequestKind::kFetch, encode(fetch_of("evil")));
  REQUIRE(first);
  const auto boot = decode<FetchAnswer>(*first)->from.boot;
  for (const LogPosition position : {LogPosition{0, 0}, LogPosition{~0ULL, ~0ULL}, LogPosition{1, 500}}) {
    FetchRequest request = fetch_of("evil");
    request.position = {boot, position};
    const auto answer = prey.send(RequestKind::kFetch, encode(request));
    REQUIRE(answer);
    CHECK(decode<FetchAnswer>(*answer)->commits.size() == 1);
  }
}

TEST_CASE("Snapshot requests with unknown sessions, keys and offsets are harmless") {
  Prey prey;
  const auto ask = [&](const SnapshotRequest& request) { return prey.send(RequestKind::kSnapshot, encode(request)); };
  const auto unknown = ask({identity_of("evil"), 1234, "k", 0, 100});
  REQUIRE(unknown);
  CHECK(decode<SnapshotAnswer>(*unknown)->state == SnapshotAnswer::State::kUnknownSession);
  const auto begun = ask({identity_of("evil"), 0, "", 0, ~0ULL});
  REQUIRE(begun);
  const auto answer = decode<SnapshotAnswer>(*begun);
  CHECK(answer->done);
  REQUIRE(answer->rows.size() == 1);
  CHECK_FALSE(ask({identity_of("evil"), answer->session, answer->rows[0].key, ~0ULL, 100}));
  const auto beyond = ask({identity_of("evil"), answer->session, "\xff\xff", 5, 0});
  REQUIRE(beyond);
  CHECK(decode<SnapshotAnswer>(*beyond)->done);
  CHECK(prey.alive());
}

TEST_CASE("A message of an ended process of a member is refused") {
  Prey prey;
  REQUIRE(prey.send(RequestKind::kHello, encode(HelloRequest{identity_of("evil", 1), "test", {}, {}})));
  REQUIRE(prey.send(RequestKind::kHello, encode(HelloRequest{identity_of("evil", 2), "test", {}, {}})));
  const auto late = prey.send(RequestKind::kHello, encode(HelloRequest{identity_of("evil", 1), "test", {}, {}}));
  CHECK(late.error().code() == StatusCode::kUnavailable);
}

TEST_CASE("Answers that are noise, foreign bodies or bad commits are reported as the peer's problem") {
  const int variant = GENERATE(0, 1, 2, 3, 4, 5);
  CAPTURE(variant);
  Prey prey;
  auto random = std::make_shared<Random>(static_cast<std::uint64_t>(variant));
  EvilPeer evil([variant, random](const Request& request) -> Result<std::string> {
    const Identity self = identity_of(variant == 5 ? "not evil" : "evil");
    if (variant == 0) {
      std::string noise(random->below(100), '\0');
      for (char& c : noise) c = static_cast<char>(random->next());
      return noise;
    }
    if (request.kind == RequestKind::kHello) return encode(HelloAnswer{self, {{}, {}, {{"a"}, {"evil"}}}, false});
    if (variant == 1) return encode(HelloAnswer{self, {}, false});
    if (request.kind == RequestKind::kSnapshot) {
      SnapshotAnswer answer;
      answer.from = self;
      answer.session = 5;
      answer.rows.push_back({std::string("\x02") + std::string(8, '\0') + "k", 0, 3, "bad"});
      answer.done = true;
      return encode(answer);
    }
    FetchAnswer answer;
    answer.from = self;
    if (variant == 2) answer.commits = {"not a commit"};
    if (variant == 3) answer.state = FetchAnswer::State::kSnapshotRequired;
    if (variant == 4) {  // commits with a gap
      Commit commit;
      commit.dot = {{777}, 5};
      commit.stamp = Stamp{1000};
      commit.writes.push_back({RowWrite::Kind::kInsert, kTable, "gap", {}, {{ColumnId{1}, "v"}}});
      answer.commits = {encode_commit(commit)};
    }
    return encode(answer);
  });
  auto transport = prey.network.new_transport();
  REQUIRE(transport->start(NodeId{"evil"}, "evil", evil).is_ok());
  REQUIRE(eventually([&] {
    const std::string problem = prey.a.status().peers[0].problem;
    return !problem.empty() && problem.find("cannot reach") == std::string::npos;
  }));
  INFO(prey.a.status().peers[0].problem);
  CHECK(prey.alive());
  CHECK(prey.a.replicator().readable().is_ok());
  CHECK(prey.a.rows().size() == 1);
  transport->stop();
}
