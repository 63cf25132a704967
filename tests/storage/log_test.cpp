// The log: replay, recycled segments, torn tails, damage.
#include "base/random.hpp"
#include "storage/damage.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/wal/log_recovery.hpp"
#include "storage/wal/segment_reader.hpp"

using namespace ldb;
using namespace ldb::storage;
using namespace ldb::test;

namespace {

struct LogFixture {
  std::unique_ptr<FileSystem> fs = new_memory_file_system();
  LogFixture() { REQUIRE(fs->create_directory("log")); }

  std::unique_ptr<Log> open(LogState state, std::uint64_t segment_bytes = 16 << 10) {
    return Log::open({fs.get(), nullptr, "log", segment_bytes}, std::move(state)).value();
  }
  struct Replayed {
    LogState state;
    std::vector<std::string> bodies;
  };
  Result<Replayed> recover(LogPosition from = {}) {
    Replayed replayed;
    LogRecoveryRequest request;
    request.file_system = fs.get();
    request.directory = "log";
    request.begin = request.replay_from = from;
    auto state = recover_log(request, [&](LogPosition, const RecordHeader&, std::string_view body) {
      replayed.bodies.emplace_back(body);
      return Status();
    });
    if (!state) return state.error();
    replayed.state = *state;
    return replayed;
  }
};

Status add(Log& log, std::uint64_t sequence, const std::string& body) {
  return log.append(RecordType::kBatch, 0, sequence, record_body_checksum(body), body);
}

}  // namespace

TEST_CASE("The log replays what was written, over many segments") {
  LogFixture fixture;
  auto log = fixture.open({});
  Random random(8);
  std::vector<std::string> bodies;
  for (std::uint64_t i = 1; i <= 500; ++i) {
    bodies.push_back(std::string(random.below(i == 300 ? 40000 : 400), static_cast<char>('a' + i % 26)));
    REQUIRE(add(*log, i, bodies.back()));
    if (random.one_in(3)) REQUIRE(log->write_out());
    if (random.one_in(10)) REQUIRE(log->sync());
  }
  CHECK(log->segment_count() > 4);
  REQUIRE(log->close());
  auto replayed = fixture.recover();
  INFO(replayed.error().to_string());
  REQUIRE(replayed);
  CHECK(replayed->bodies == bodies);

  // And goes on behind them.
  log = fixture.open(replayed->state);
  REQUIRE(add(*log, 501, "one more"));
  REQUIRE(log->sync());
  bodies.push_back("one more");
  CHECK(fixture.recover()->bodies == bodies);
}

TEST_CASE("Records left in a recycled segment never come back") {
  LogFixture fixture;
  auto log = fixture.open({});
  std::uint64_t sequence = 0;
  const auto fill = [&](std::uint64_t until_segment) {
    while (log->position().segment < until_segment) REQUIRE(add(*log, ++sequence, std::string(200, 'r')));
    REQUIRE(log->sync());
  };
  fill(4);
  log->release(log->synced_end());
  const LogPosition begin = log->keep_from(log->position(), 1 << 30);
  CHECK(begin.segment == 4);
  log->drop_before(begin);
  const std::uint64_t before = sequence;
  fill(6);  // in recycled files
  REQUIRE(add(*log, ++sequence, "last"));
  REQUIRE(log->write_out());
  auto replayed = fixture.recover(begin);
  INFO(replayed.error().to_string());
  REQUIRE(replayed);
  CHECK(replayed->bodies.size() >= sequence - before);
  CHECK(replayed->bodies.back() == "last");
  CHECK(replayed->state.tail == log->position());
}

TEST_CASE("A torn tail is cut, and damage before a vouched position is refused with file and offset") {
  LogFixture fixture;
  auto log = fixture.open({});
  std::vector<LogPosition> starts;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    starts.push_back(log->position());
    REQUIRE(add(*log, i, "record " + std::to_string(i)));
    REQUIRE((i <= 6 ? log->sync() : log->write_out()));
  }
  const std::string path = log->segment_path(1);
  const std::string good = fixture.fs->read_file(path).value();
  const auto with_flip = [&](std::uint64_t offset) {
    std::string bytes = good;
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x10);
    auto file = fixture.fs->open_writable(path, OpenMode::kTruncate).value();
    REQUIRE(file->append(bytes));
    return fixture.recover();
  };
  for (std::size_t i = 0; i < 10; ++i) {
    CAPTURE(i);
    const auto replayed = with_flip(starts[i].offset + 4);
    // Record 7 says that everything before it was synced.
    if (i < 6) {
      REQUIRE_FALSE(replayed);
      CHECK(replayed.error().code() == StatusCode::kCorruption);
      CHECK(replayed.error().message().find(path + ": offset " + std::to_string(starts[i].offset)) != std::string::npos);
    } else {
      REQUIRE(replayed);
      CHECK(replayed->bodies.size() == i);
      CHECK(replayed->state.tail == starts[i]);
    }
  }
}

TEST_CASE("No bytes make the log reader misbehave") {
  LogFixture fixture;
  {
    auto log = fixture.open({});
    for (std::uint64_t i = 1; i <= 20; ++i) REQUIRE(add(*log, i, std::string(i, 'x')));
    REQUIRE(log->close());
  }
  const std::string path = "log/000001.wal";
  const std::string good = fixture.fs->read_file(path).value();
  Random random(9);
  for (int round = 0; round < 1000; ++round) {
    std::string bytes = round % 10 == 0 ? random_bytes(random, 300) : good;
    if (round % 10 != 0) mutate(random, bytes);
    auto file = fixture.fs->open_writable(path, OpenMode::kTruncate).value();
    REQUIRE(file->append(bytes));
    const auto replayed = fixture.recover();
    if (replayed) CHECK(replayed->bodies.size() <= 20);
    if (!replayed) CHECK(replayed.error().message().find(path) != std::string::npos);
  }
}
