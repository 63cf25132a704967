#include "replication/conflict_log.hpp"

#include "replication/apply/cluster_model.hpp"

namespace ldb::apply_test {
namespace {

/// Two members; the second hears everything of the first, and loses every time to it or makes it lose.
struct Rivals {
  explicit Rivals(std::uint64_t limit) : a(*resolver), b(*resolver, {limit}) {}

  void clash(int i) {
    const std::string key = "row" + std::to_string(i);
    const RowWrite write{RowWrite::Kind::kInsert, kTable, key, {}, {{ColumnId{1}, "from " + std::to_string(i)}}};
    REQUIRE(b.commit({write}).is_ok());
    REQUIRE(a.commit({write}).is_ok());
    for (const std::string& payload : a.new_log()) REQUIRE(b.applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
  }

  std::unique_ptr<ConflictResolver> resolver = new_last_write_wins_resolver();
  Member a, b;
};

std::size_t queue_length(StorageEngine& engine) {
  std::size_t n = 0;
  const auto iterator = engine.iterate(nullptr, keys::prefix_range(std::string(1, keys::kConflictQueueSpace))).value();
  for (iterator->seek_to_first(); iterator->valid(); iterator->next()) ++n;
  return n;
}

}  // namespace

TEST_CASE("The conflict log keeps the newest records up to its limit") {
  Rivals rivals(5);
  for (int i = 0; i < 23; ++i) {
    rivals.clash(i);
    const auto records = rivals.b.conflicts();
    REQUIRE(records.size() == std::min<std::size_t>(5, static_cast<std::size_t>(i) + 1));
    REQUIRE(queue_length(*rivals.b.engine) == records.size());
    for (const ConflictRecord& record : records) REQUIRE(std::stoi(record.key.substr(3)) > i - 5);
  }
  CHECK(rivals.b.applier->counters().conflicts_recorded == 23);
  CHECK(rivals.b.applier->counters().conflicts_evicted == 18);
}

TEST_CASE("A limit of zero keeps no records") {
  Rivals rivals(0);
  for (int i = 0; i < 3; ++i) rivals.clash(i);
  CHECK(rivals.b.conflicts().empty());
  CHECK(queue_length(*rivals.b.engine) == 0);
}

TEST_CASE("The bound and the order of records survive reopening") {
  Rivals rivals(5);
  for (int i = 0; i < 4; ++i) rivals.clash(i);
  rivals.b.applier =
      std::make_unique<Applier>(*rivals.b.engine, *rivals.b.clock, *rivals.resolver, null_log_sink(), ApplierOptions{5});
  REQUIRE(rivals.b.applier->open().is_ok());
  for (int i = 4; i < 8; ++i) rivals.clash(i);
  std::set<std::string> keys;
  for (const ConflictRecord& record : rivals.b.conflicts()) keys.insert(record.key);
  CHECK(keys == std::set<std::string>{"row3", "row4", "row5", "row6", "row7"});
}

TEST_CASE("A record shows both sides") {
  Rivals rivals(100);
  const auto cells = [](std::string v) { return std::vector<CellWrite>{{ColumnId{1}, std::move(v)}}; };
  REQUIRE(rivals.a.commit({{RowWrite::Kind::kInsert, kTable, "k", {}, cells("start")}}).is_ok());
  for (const std::string& payload : rivals.a.new_log())
    REQUIRE(rivals.b.applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
  std::string bytes;
  const WriteId birth = rivals.b.image("k", bytes)->birth;
  REQUIRE(rivals.b.commit({{RowWrite::Kind::kUpdate, kTable, "k", birth, cells("b1")}}).is_ok());
  REQUIRE(rivals.a.commit({{RowWrite::Kind::kUpdate, kTable, "k", birth, cells("a1")}}).is_ok());
  REQUIRE(rivals.a.commit({{RowWrite::Kind::kUpdate, kTable, "k", birth, cells("a2")}}).is_ok());
  for (const std::string& payload : rivals.a.new_log())
    REQUIRE(rivals.b.applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
  const auto records = rivals.b.conflicts();
  REQUIRE(!records.empty());
  const bool a1_lost = records[0].loser.origin == rivals.a.applier->origin();
  CHECK(records[0].kind == ConflictKind::kCell);
  CHECK(records[0].table == kTable);
  CHECK(records[0].key == "k");
  CHECK(records[0].column == ColumnId{1});
  CHECK(*records[0].loser_value == (a1_lost ? "a1" : "b1"));
  CHECK(*records[0].winner_value == (a1_lost ? "b1" : "a1"));
  CHECK(records[0].loser < records[0].winner);
}

}  // namespace ldb::apply_test
