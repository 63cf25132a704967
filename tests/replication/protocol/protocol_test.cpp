#include "replication/protocol/protocol.hpp"

#include <catch2/catch.hpp>

#include "base/random.hpp"

using namespace ldb;
using namespace ldb::replication;

namespace {

VersionVector vector_of(std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> entries) {
  VersionVector vector;
  for (const auto& [origin, sequence] : entries) vector.set({origin}, {sequence, {sequence * 10}, sequence * 100});
  return vector;
}

Identity me() { return {{"a"}, 77, {5}}; }
Knowledge knowledge() { return {vector_of({{1, 2}, {5, 9}}), vector_of({{1, 1}}), {{"a"}, {"b"}}}; }

std::vector<std::string> samples() {
  FetchRequest fetch;
  fetch.from = me();
  fetch.knowledge = knowledge();
  fetch.complaint = {Complaint::Kind::kClockRefused, {9}, "too far ahead"};
  fetch.durable = vector_of({{5, 8}});
  fetch.position = {77, {3, 4096}};
  fetch.max_bytes = 1 << 20;
  fetch.wait_ms = 1000;
  FetchAnswer answer;
  answer.from = me();
  answer.floor = vector_of({{1, 1}});
  answer.members = {{"a"}, {"b"}};
  answer.commits = {"one", std::string(300, 'x'), ""};
  answer.next = {3, 5000};
  answer.has_marker = true;
  answer.marker = {{5}, 9, vector_of({{1, 2}, {5, 9}})};
  SnapshotAnswer snapshot;
  snapshot.from = me();
  snapshot.session = 12;
  snapshot.vector = vector_of({{1, 2}});
  snapshot.rows = {{"key", 0, 5, "value"}, {"big", 10, 100, "piece"}};
  return {encode(HelloRequest{me(), "cluster", knowledge(), {}}),
          encode(HelloAnswer{me(), knowledge(), true}),
          encode(fetch),
          encode(answer),
          encode(SnapshotRequest{me(), 12, "key", 7, 1000}),
          encode(snapshot),
          encode(StatusRequest{me()}),
          encode(StatusAnswer{me(), knowledge(), false, "why"})};
}

/// Decodes as every body; how many accept it.
int accepted(std::string_view bytes) {
  int count = 0;
  const auto look = [&](const Status& status) {
    if (status.is_ok()) {
      ++count;
    } else {
      CHECK((status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported));
    }
  };
  look(decode<HelloRequest>(bytes).error());
  look(decode<HelloAnswer>(bytes).error());
  look(decode<FetchRequest>(bytes).error());
  look(decode<FetchAnswer>(bytes).error());
  look(decode<SnapshotRequest>(bytes).error());
  look(decode<SnapshotAnswer>(bytes).error());
  look(decode<StatusRequest>(bytes).error());
  look(decode<StatusAnswer>(bytes).error());
  return count;
}

}  // namespace

TEST_CASE("Every body is read back as it was written, and as no other body") {
  for (const std::string& bytes : samples()) CHECK(accepted(bytes) == 1);
  const auto fetch = decode<FetchRequest>(samples()[2]);
  REQUIRE(fetch);
  CHECK(fetch->from.node.name == "a");
  CHECK(fetch->knowledge.applied == vector_of({{1, 2}, {5, 9}}));
  CHECK(fetch->complaint.reason == "too far ahead");
  CHECK(fetch->position.log == LogPosition{3, 4096});
  const auto answer = decode<FetchAnswer>(samples()[3]);
  REQUIRE(answer);
  CHECK(answer->commits.size() == 3);
  CHECK(answer->commits[1] == std::string(300, 'x'));
  CHECK(answer->marker.applied == vector_of({{1, 2}, {5, 9}}));
  const auto snapshot = decode<SnapshotAnswer>(samples()[5]);
  REQUIRE(snapshot);
  CHECK(snapshot->rows[1].total == 100);
}

TEST_CASE("A body cut anywhere, or with a byte more, is refused") {
  for (const std::string& bytes : samples()) {
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(accepted(std::string_view(bytes).substr(0, size)) == 0);
    CHECK(accepted(bytes + '\0') == 0);
  }
}

TEST_CASE("Random damage and random bytes are refused or read, never a crash") {
  const std::uint64_t seed = 42;
  CAPTURE(seed);
  Random random(seed);
  const std::vector<std::string> good = samples();
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good[random.below(good.size())];
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    accepted(bytes);
    std::string noise(random.below(64), '\0');
    for (char& c : noise) c = static_cast<char>(random.next());
    if (noise.size() > 2) {
      noise[0] = 1;
      noise[1] = static_cast<char>(1 + random.below(8));
    }
    accepted(noise);
  }
}

TEST_CASE("Counts that promise more than there is do not allocate") {
  std::string bytes;
  put_u8(bytes, kProtocolVersion);
  put_u8(bytes, 1);
  put_bytes(bytes, "a");
  put_u64(bytes, 1);
  put_u64(bytes, 1);
  put_bytes(bytes, "cluster");
  put_varint(bytes, ~0ULL);
  CHECK(decode<HelloRequest>(bytes).error().code() == StatusCode::kCorruption);
}

TEST_CASE("Another protocol version is named in the refusal") {
  std::string bytes = samples()[0];
  bytes[0] = 9;
  const Status status = decode<HelloRequest>(bytes).error();
  CHECK(status.code() == StatusCode::kUnsupported);
  CHECK(status.message().find("version 9") != std::string::npos);
}

TEST_CASE("Vectors leave out what is zero and must be in order") {
  VersionVector vector = vector_of({{3, 1}});
  vector.set({4}, {});
  std::string bytes;
  put_vector(bytes, vector);
  ByteReader in(bytes);
  VersionVector back;
  REQUIRE(get_vector(in, back));
  CHECK(back == vector_of({{3, 1}}));

  std::string twice;
  put_varint(twice, 2);
  for (int i = 0; i < 2; ++i) {
    put_u64(twice, 3);
    put_varint(twice, 1);
    put_varint(twice, 1);
    put_u64(twice, 0);
  }
  ByteReader bad(twice);
  VersionVector ignored;
  CHECK_FALSE(get_vector(bad, ignored));
}

TEST_CASE("An identity without a name, boot or origin is refused") {
  CHECK_FALSE(decode<StatusRequest>(encode(StatusRequest{{{""}, 1, {1}}})));
  CHECK_FALSE(decode<StatusRequest>(encode(StatusRequest{{{"a"}, 0, {1}}})));
  CHECK_FALSE(decode<StatusRequest>(encode(StatusRequest{{{"a"}, 1, {0}}})));
  CHECK_FALSE(decode<StatusRequest>(encode(StatusRequest{{{std::string(300, 'n')}, 1, {1}}})));
}
