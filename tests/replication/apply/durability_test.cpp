// The applier over the LSM engine on a disk that crashes and fails.
#include "ldb/faulty_file_system.hpp"
#include "replication/apply/cluster_model.hpp"
#include "replication/apply/local_node.hpp"

namespace ldb::apply_test {
namespace {

struct Disk {
  explicit Disk(std::uint64_t seed) : files(seed) {}
  std::unique_ptr<StorageEngine> open() {
    EngineOptions options;
    options.file_system = &files;
    options.background_threads = 1;
    options.log_segment_bytes = 1 << 20;
    auto engine = open_lsm_engine("node", options);
    REQUIRE(engine.status().to_string() == "ok");
    return std::move(engine).value();
  }
  FaultyFileSystem files;
};

/// What a node holds, against what was acknowledged and what may have happened.
void check_state(Member& member, const std::map<std::string, std::string>& acknowledged,
                 const std::map<std::string, std::string>& unsure, std::uint64_t acknowledged_commits) {
  std::string bytes;
  bool unsure_happened = false;
  for (const auto& [key, value] : unsure) {
    const auto image = member.image(key, bytes);
    if (image && image->alive && *image->cells[0].value == value) unsure_happened = true;
  }
  std::map<std::string, std::string> expected = acknowledged;
  if (unsure_happened)
    for (const auto& [key, value] : unsure) expected[key] = value;  // as a whole or not at all
  for (const auto& [key, value] : expected) {
    INFO("key " << key);
    const auto image = member.image(key, bytes);
    REQUIRE(image.has_value());
    REQUIRE(*image->cells[0].value == value);
  }
  REQUIRE(member.rows().size() == expected.size());
  const std::uint64_t sequence = member.applier->submitted().get(member.applier->origin()).sequence;
  REQUIRE(sequence == acknowledged_commits + (unsure_happened ? 1 : 0));
}

}  // namespace

TEST_CASE("After a crash anywhere the node holds every acknowledged commit, its vector matches, and its stream goes on") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Rng rng(seed);
    const auto resolver = new_last_write_wins_resolver();
    Disk disk(seed);
    std::map<std::string, std::string> acknowledged, unsure;
    std::uint64_t commits = 0;
    OriginId origin;
    Stamp last;
    for (int life = 0; life < 4; ++life) {
      CAPTURE(life);
      Member member(*resolver, {}, disk.open());
      if (life == 0) origin = member.applier->origin();
      REQUIRE(member.applier->origin() == origin);
      check_state(member, acknowledged, unsure, commits);
      commits = member.applier->submitted().get(origin).sequence;
      for (const auto& [key, value] : unsure) {
        std::string bytes;
        const auto image = member.image(key, bytes);
        if (image && *image->cells[0].value == value) acknowledged[key] = value;
      }
      unsure.clear();
      disk.files.crash_at(disk.files.mutations() + 1 + below(rng, 120));
      for (int i = 0; i < 60; ++i) {
        std::vector<RowWrite> writes;
        std::map<std::string, std::string> values;
        for (std::uint64_t n = 1 + below(rng, 3); n > 0; --n) {
          const std::string key = "k" + std::to_string(below(rng, 30)), value = std::to_string(rng());
          if (values.count(key) == 1) continue;
          std::string bytes;
          const auto image =
              disk.files.crashed() ? std::nullopt : member.engine->get(nullptr, keys::row(kTable, key)).value_or(std::nullopt);
          RowWrite write{RowWrite::Kind::kInsert, kTable, key, {}, text(value)};
          if (image) {
            write.kind = RowWrite::Kind::kUpdate;
            write.birth = decode_row_image(*image)->birth;
          }
          values[key] = value;
          writes.push_back(write);
        }
        const auto outcome = member.commit(writes);
        if (!outcome) {
          REQUIRE((disk.files.crashed() || outcome.error().code() == StatusCode::kUnavailable));
          unsure = values;
          break;
        }
        REQUIRE(outcome->stamp > last);
        last = outcome->stamp;
        REQUIRE(outcome->dot == Dot{origin, ++commits});
        for (const auto& [key, value] : values) acknowledged[key] = value;
      }
      disk.files.crash();
      member.reader.reset();
      (void)member.engine->close();
      member.applier.reset();
      member.engine.reset();
      disk.files.reboot();
    }
  }
}

TEST_CASE("A failed log gives an unknown outcome, then refuses, and reopening tells") {
  for (std::uint64_t n = 1; n <= 4; ++n) {
    CAPTURE(n);
    const auto resolver = new_last_write_wins_resolver();
    Disk disk(n);
    std::map<std::string, std::string> acknowledged, unsure;
    std::uint64_t commits = 0;
    {
      Member member(*resolver, {}, disk.open());
      REQUIRE(member.commit({{RowWrite::Kind::kInsert, kTable, "first", {}, text("1")}}).is_ok());
      acknowledged["first"] = "1";
      ++commits;
      const VersionVector before = member.applier->applied(nullptr).value();
      disk.files.fail_at(n % 2 == 0 ? FileOperation::kSync : FileOperation::kWrite, 1);
      const auto outcome = member.commit({{RowWrite::Kind::kInsert, kTable, "second", {}, text("2")}});
      REQUIRE(outcome.error().code() == StatusCode::kOutcomeUnknown);
      unsure["second"] = "2";
      CHECK(member.applier->applied(nullptr).value() == before);
      CHECK(member.applier->health().code() == StatusCode::kUnavailable);
      const auto next = member.commit({{RowWrite::Kind::kInsert, kTable, "third", {}, text("3")}});
      CHECK(next.error().code() == StatusCode::kUnavailable);
      CHECK(member.applier->marker().error().code() == StatusCode::kUnavailable);
      (void)member.engine->close();
      member.applier.reset();
      member.engine.reset();
    }
    Member again(*resolver, {}, disk.open());
    check_state(again, acknowledged, unsure, commits);
    CHECK(again.commit({{RowWrite::Kind::kInsert, kTable, "third", {}, text("3")}}).status().to_string() == "ok");
  }
}

TEST_CASE("Remote commits survive reopening with their vector, and arrive as duplicates afterwards") {
  const auto resolver = new_last_write_wins_resolver();
  Disk disk(3);
  Member peer(*resolver);
  std::vector<std::string> payloads;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(peer.commit({{RowWrite::Kind::kInsert, kTable, std::to_string(i), {}, text("v")}}).is_ok());
    payloads.push_back(peer.new_log().back());
  }
  {
    Member member(*resolver, {}, disk.open());
    for (int i = 0; i < 12; ++i)
      REQUIRE(member.applier->apply_remote(payloads[static_cast<std::size_t>(i)], SyncPolicy::kNone).is_ok());
    REQUIRE(member.applier->marker().is_ok());  // syncs
    disk.files.crash();
    (void)member.engine->close();
    member.applier.reset();
    member.engine.reset();
    disk.files.reboot();
  }
  Member again(*resolver, {}, disk.open());
  CHECK(again.applier->submitted().get(peer.applier->origin()).sequence == 12);
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    const auto outcome = again.applier->apply_remote(payloads[i], SyncPolicy::kNone);
    REQUIRE(outcome.is_ok());
    CHECK(outcome->kind == (i < 12 ? ApplyOutcome::Kind::kDuplicate : ApplyOutcome::Kind::kApplied));
  }
  CHECK(again.hash() == peer.hash());
}

}  // namespace ldb::apply_test
