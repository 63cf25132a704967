// Bytes that no ldb node would send: the node must neither crash, hang nor leak, and go on serving those who behave.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "base/coding.hpp"
#include "net/net_fixture.hpp"
#include "net/relay.hpp"
#include "support/process.hpp"

using namespace ldb;
using namespace ldb::testing;

namespace {

net::rpc::CapnpOptions short_handshake() {
  net::rpc::CapnpOptions options;
  options.limits.handshake_timeout_ms = 400;
  options.limits.max_connections = 200;
  return options;
}

/// A node under attack, a good client beside, and a count of what the process had before.
struct Siege {
  explicit Siege(net::rpc::CapnpOptions options = short_handshake()) {
    files_before = test::open_file_descriptors();
    threads_before = test::threads_at_rest();
    victim = std::make_unique<TestNode>("victim", options);
    friendly = std::make_unique<TestNode>("friend");
  }
  /// The victim still serves; nobody was left behind.
  void lift() {
    CHECK(friendly->reaches(victim->address()));
    CHECK(friendly->ask(*victim, std::string(100'000, 'x')).is_ok());
    friendly.reset();
    victim.reset();
    CHECK(test::open_file_descriptors() == files_before);
    CHECK(test::threads_come_down_to(threads_before));
  }

  std::size_t files_before;
  std::size_t threads_before;
  std::unique_ptr<TestNode> victim;
  std::unique_ptr<TestNode> friendly;
};

/// What a client really sends: a hello, the calls, pings perhaps.
std::string recorded_conversation(const TestNode& server, const std::vector<std::string>& bodies) {
  Relay relay(server.port());
  TestNode client("client");
  const PeerAddress through{server.id, relay.address()};
  REQUIRE(client.reaches(through));
  for (const std::string& body : bodies) (void)client.ask(through, body);
  return relay.sent_by_clients();
}

std::string recorded_conversation(const TestNode& server) {
  const std::string bytes = recorded_conversation(server, {"short", "fail", "who", "drop", std::string(5'000, 'b')});
  REQUIRE(bytes.size() > 5'000);
  return bytes;
}

/// Cut into frames of one segment each.
std::vector<std::string> frames_of(const std::string& bytes) {
  std::vector<std::string> frames;
  for (std::size_t at = 0; at + 8 <= bytes.size();) {
    REQUIRE(load_u32(bytes.data() + at) == 0);
    const std::size_t size = 8 + 8 * std::size_t{load_u32(bytes.data() + at + 4)};
    frames.push_back(bytes.substr(at, size));
    at += size;
  }
  return frames;
}

// In a frame of one segment that holds an rpc.capnp Call: after the table, the root pointer, and Message's tag and pointer.
constexpr std::size_t kQuestionIdOffset = 8 + 8 + 16;

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// A frame of `segments` segments that claims the given lengths in words.
std::string frame_header(std::uint32_t segments_minus_one, const std::vector<std::uint32_t>& words) {
  std::string header;
  put_u32(header, segments_minus_one);
  for (const std::uint32_t length : words) put_u32(header, length);
  return header;
}

}  // namespace

TEST_CASE("Thousands of connections that send random bytes do no harm") {
  const std::uint64_t seed = 20260101;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Siege siege;
  for (int i = 0; i < 2'000; ++i) {
    RawSocket attacker(siege.victim->port());
    if (!attacker.connected()) continue;
    std::string bytes = random_bytes(random, random() % 600);
    if (i % 2 == 0 && bytes.size() >= 16) {  // a header that is believed, so that the RPC system gets to see the rest
      bytes.resize(bytes.size() / 8 * 8);
      bytes = frame_header(0, {static_cast<std::uint32_t>(bytes.size() / 8)}) + bytes;
    }
    attacker.send(bytes);
    if (i % 100 == 0) CHECK(siege.friendly->reaches(siege.victim->address()));
  }
  siege.lift();
}

TEST_CASE("Conversations cut off at any byte do no harm") {
  Siege siege;
  const std::string good = recorded_conversation(*siege.victim);
  for (std::size_t cut = 0; cut < good.size(); cut += cut < 1'500 ? 5 : 499) {
    RawSocket attacker(siege.victim->port());
    attacker.send(std::string_view(good).substr(0, cut));
  }
  siege.lift();
}

TEST_CASE("Conversations with flipped, repeated and missing bytes do no harm") {
  const std::uint64_t seed = 20260102;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Siege siege;
  const std::string good = recorded_conversation(*siege.victim);
  for (int i = 0; i < 1'500; ++i) {
    std::string bytes = good.substr(0, i % 3 == 0 ? good.size() : 1'200);
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int change = 0; change < changes; ++change) {
      const std::size_t at = random() % bytes.size() / (i % 2 == 0 ? 1 : 8) * (i % 2 == 0 ? 1 : 8);
      switch (random() % 5) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
          break;
        case 1:
          bytes[at] = static_cast<char>(random());
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size() / 8 * 8, 8 * (random() % 40)));
          break;
        case 3:
          bytes.erase(at, 8 * (random() % 40));
          break;
        default:
          bytes.replace(at, std::min<std::size_t>(8, bytes.size() - at), random() % 2 == 0 ? 8 : 1, '\xff');
          break;
      }
      if (bytes.empty()) bytes = "x";
    }
    RawSocket attacker(siege.victim->port());
    attacker.send(bytes);
    if (i % 10 == 0) (void)attacker.receive();
    if (i % 250 == 0) CHECK(siege.friendly->reaches(siege.victim->address()));
  }
  siege.lift();
}

TEST_CASE("A stranger's frame over 8 KiB, with too many segments or an absurd length is refused at its header") {
  net::rpc::CapnpOptions patient = short_handshake();
  patient.limits.handshake_timeout_ms = 60'000;  // so it is not the handshake's deadline that closes them
  Siege siege(patient);
  const std::vector<std::string> headers = {
      frame_header(0, {0xffffffff}), frame_header(0, {1025}),
      frame_header(0xffffffff, {0}), frame_header(512, {0, 0, 0}),
      frame_header(0x7fffffff, {1}), frame_header(3, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0})};
  for (const std::string& header : headers) {
    RawSocket attacker(siege.victim->port());
    REQUIRE(attacker.send(header + std::string(64, '\0')));
    CHECK(attacker.closed_within(kPatienceMs));
  }
  siege.lift();
}

TEST_CASE("A stranger may not send for ever without saying hello") {
  net::rpc::CapnpOptions patient = short_handshake();
  patient.limits.handshake_timeout_ms = 60'000;
  Siege siege(patient);
  RawSocket attacker(siege.victim->port());
  const std::string empty_message = frame_header(0, {1}) + std::string(8, '\0');  // a well-formed frame that says nothing
  std::string burst;
  for (int i = 0; i < 64; ++i) burst += empty_message;
  CHECK(eventually([&] { return !attacker.send(burst) || attacker.closed_within(1); }));
  attacker.close();
  siege.lift();
}

TEST_CASE("Connections that send a byte now and then are closed at the handshake's deadline") {
  Siege siege;
  const std::string good = recorded_conversation(*siege.victim);
  std::vector<std::unique_ptr<RawSocket>> slow;
  for (int i = 0; i < 150; ++i) slow.push_back(std::make_unique<RawSocket>(siege.victim->port()));
  const std::int64_t begin_ns = rt::monotonic_ns();
  for (std::size_t at = 0; rt::monotonic_ns() - begin_ns < 300 * rt::kMillisecond; ++at) {
    for (const auto& attacker : slow) attacker->send(std::string_view(good).substr(at, 1));
    CHECK(siege.friendly->ask(*siege.victim, "served meanwhile").is_ok());
    rt::sleep_for(10 * rt::kMillisecond);  // the pace of the attack
  }
  for (const auto& attacker : slow) CHECK(attacker->closed_within(3'000));
  slow.clear();
  siege.lift();
}

TEST_CASE("A peer that said hello but reads no answers cannot make the node work and buffer without bound") {
  net::rpc::CapnpOptions options = short_handshake();
  options.limits.max_inflight_bytes_per_connection = 1 << 20;
  options.limits.heartbeat_timeout_ms = 1'500;
  options.limits.heartbeat_interval_ms = 300;
  Siege siege(options);
  const std::vector<std::string> frames = frames_of(recorded_conversation(*siege.victim, {"grow:20000"}));
  RawSocket attacker(siege.victim->port());
  REQUIRE(attacker.connected());
  std::string burst;
  std::uint32_t question = 1'000;
  for (const std::string& frame : frames) {
    const bool is_the_call = frame.find("grow:20000") != std::string::npos;
    attacker.send(frame);
    if (is_the_call) break;
  }
  const std::string call = *std::find_if(frames.begin(), frames.end(),
                                         [](const std::string& frame) { return frame.find("grow:20000") != std::string::npos; });
  // Asks on and on, never reads: the node stops answering, then reading, then finds its own write stuck and hangs up.
  const std::size_t handled_before = siege.victim->handler.handled();
  const std::int64_t begin_ns = rt::monotonic_ns();
  bool open = true;
  while (open && rt::monotonic_ns() - begin_ns < 8 * rt::kSecond) {
    burst.clear();
    for (int i = 0; i < 100; ++i) {
      std::string next = call;
      store_u32(next.data() + kQuestionIdOffset, question++);
      burst += next;
    }
    open = attacker.send(burst);
  }
  CHECK_FALSE(open);
  const std::size_t handled = siege.victim->handler.handled() - handled_before;
  CHECK(handled > 50);  // it was a conversation, not just noise
  CHECK(handled < 20'000);
  attacker.close();
  siege.lift();
}

TEST_CASE("A peer that never finishes its questions is cut off before they fill the memory") {
  net::rpc::CapnpOptions options = short_handshake();
  options.limits.max_inflight_bytes_per_connection = 1 << 20;  // 1,024 calls
  Siege siege(options);
  const std::vector<std::string> frames = frames_of(recorded_conversation(*siege.victim, {"the call"}));
  RawSocket attacker(siege.victim->port());
  REQUIRE(attacker.connected());
  std::string call;
  for (const std::string& frame : frames) {
    if (frame.find("the call") != std::string::npos) call = frame;
  }
  REQUIRE_FALSE(call.empty());
  for (const std::string& frame : frames) attacker.send(frame);
  const std::size_t handled_before = siege.victim->handler.handled();
  std::uint32_t question = 1'000;
  bool open = true;
  for (int i = 0; i < 20'000 && open; ++i) {  // each is answered, none is finished
    store_u32(call.data() + kQuestionIdOffset, question++);
    open = attacker.send(call) && !attacker.receive(1 << 16).empty();
  }
  CHECK_FALSE(open);
  CHECK(siege.victim->handler.handled() - handled_before > 1'000);
  CHECK(siege.victim->handler.handled() - handled_before < 3'000);
  attacker.close();
  siege.lift();
}
