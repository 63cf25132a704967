#include "replication/apply/applier.hpp"

#include "base/rt/rt.hpp"
#include "replication/apply/cluster_model.hpp"
#include "replication/apply/local_node.hpp"

namespace ldb::apply_test {
namespace {

using Kind = ApplyOutcome::Kind;

RowWrite insert(std::string key, std::string value) {
  return {RowWrite::Kind::kInsert, kTable, std::move(key), {}, text(std::move(value))};
}

struct Pair {
  std::unique_ptr<ConflictResolver> resolver = new_last_write_wins_resolver();
  Member a{*resolver}, b{*resolver};

  RowWrite update(Member& member, std::string key, std::string value) {
    std::string bytes;
    return {RowWrite::Kind::kUpdate, kTable, key, member.image(key, bytes)->birth, text(std::move(value))};
  }
  RowWrite erase(Member& member, std::string key) {
    std::string bytes;
    return {RowWrite::Kind::kDelete, kTable, key, member.image(key, bytes)->birth, {}};
  }
  /// Everything new in each log goes to the other.
  void exchange() {
    const std::vector<std::string> from_a = a.new_log(), from_b = b.new_log();
    for (const std::string& payload : from_a) REQUIRE(b.applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
    for (const std::string& payload : from_b) REQUIRE(a.applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
    a.new_log(), b.new_log();
  }
};

Kind receive(Member& member, const std::string& payload) {
  const auto outcome = member.applier->apply_remote(payload, SyncPolicy::kNone);
  REQUIRE(outcome.status().to_string() == "ok");
  return outcome->kind;
}

/// Refuses what is too far ahead.
class StrictClock final : public Clock {
 public:
  Stamp next() override { return Stamp{7}; }  // never grows by itself
  Status observe(Stamp stamp) override {
    return acceptable(stamp) ? Status() : Status(StatusCode::kUnavailable, "too far ahead");
  }
  bool acceptable(Stamp stamp) const override { return stamp.value <= limit; }
  void restore(Stamp stamp) override { restored = std::max(restored, stamp); }
  std::int64_t wall_us() const override { return 5; }
  std::string_view name() const override { return "strict"; }
  std::uint64_t limit = 1000;
  Stamp restored;
};

}  // namespace

TEST_CASE("Stamps grow over a clock that does not") {
  StrictClock clock;
  const auto engine = new_memory_engine();
  const auto resolver = new_last_write_wins_resolver();
  Applier applier(*engine, clock, *resolver, null_log_sink());
  REQUIRE(applier.open().is_ok());
  Stamp last;
  for (int i = 0; i < 20; ++i) {
    CommitRequest request;
    request.writes = {insert("k" + std::to_string(i), "v")};
    request.view_sequence = engine->view()->sequence();
    const auto outcome = applier.commit_local(std::move(request));
    REQUIRE(outcome.is_ok());
    CHECK(outcome->stamp > last);
    CHECK(outcome->dot.sequence == static_cast<std::uint64_t>(i) + 1);
    last = outcome->stamp;
  }
}

TEST_CASE("A commit whose stamp the clock refuses is held, and applied when the clock accepts it") {
  Pair pair;
  StrictClock clock;
  const auto engine = new_memory_engine();
  Applier applier(*engine, clock, *pair.resolver, null_log_sink());
  REQUIRE(applier.open().is_ok());
  pair.a.clock->restore(Stamp{2000});
  REQUIRE(pair.a.commit({insert("k", "v")}).is_ok());
  const std::string payload = pair.a.new_log().at(0);
  const auto refused = applier.apply_remote(payload, SyncPolicy::kNone);
  REQUIRE(refused.is_ok());
  CHECK(refused->kind == Kind::kClockRefused);
  CHECK(refused->detail == "too far ahead");
  CHECK(applier.submitted().empty());
  clock.limit = 3000;
  CHECK(applier.apply_remote(payload, SyncPolicy::kNone)->kind == Kind::kApplied);
  // What this node commits from now on is above it, whatever its clock says.
  CommitRequest request;
  request.writes = {insert("l", "v")};
  const auto view = engine->view();
  request.view_sequence = view->sequence();
  request.dependencies = applier.applied(view.get()).value();
  CHECK(applier.commit_local(std::move(request))->stamp > Stamp{2000});
}

TEST_CASE("Duplicates change nothing, gaps wait, missing causes wait") {
  Pair pair;
  Member c(*pair.resolver);
  REQUIRE(pair.a.commit({insert("x", "1")}).is_ok());
  REQUIRE(pair.a.commit({insert("y", "1")}).is_ok());
  const auto from_a = pair.a.new_log();
  for (const auto& payload : from_a) REQUIRE(receive(pair.b, payload) == Kind::kApplied);
  REQUIRE(pair.b.commit({pair.update(pair.b, "x", "2")}).is_ok());
  const std::string from_b = pair.b.new_log().back();
  CHECK(receive(c, from_b) == Kind::kGap);
  CHECK(receive(c, from_a[1]) == Kind::kGap);
  CHECK(receive(c, from_a[0]) == Kind::kApplied);
  CHECK(receive(c, from_a[0]) == Kind::kDuplicate);
  CHECK(receive(c, from_b) == Kind::kGap);
  CHECK(receive(c, from_a[1]) == Kind::kApplied);
  CHECK(receive(c, from_b) == Kind::kApplied);
  const auto before = c.rows();
  for (const auto& payload : {from_a[0], from_a[1], from_b}) CHECK(receive(c, payload) == Kind::kDuplicate);
  CHECK(c.rows() == before);
  CHECK(c.hash() == pair.b.hash());
  CHECK(c.applier->counters().duplicates == 4);
  CHECK(receive(pair.a, from_a[0]) == Kind::kDuplicate);  // its own
}

TEST_CASE("A forked stream is fenced, the rest goes on") {
  Pair pair;
  REQUIRE(pair.a.commit({insert("x", "1")}).is_ok());
  const std::string first = pair.a.new_log().at(0);
  REQUIRE(receive(pair.b, first) == Kind::kApplied);
  Commit other = decode_commit(first).value();
  SECTION("another commit with a number that is taken") {
    other.writes[0].cells[0].value = "forged";
    CHECK(receive(pair.b, encode_commit(other)) == Kind::kFork);
  }
  SECTION("a next commit that continues something else") {
    other.dot.sequence = 2;
    other.stamp.value += 10;
    other.previous_hash = 1;
    other.writes[0].key = "z";
    CHECK(receive(pair.b, encode_commit(other)) == Kind::kFork);
  }
  REQUIRE(pair.b.applier->fenced().size() == 1);
  CHECK(pair.b.applier->fenced()[0].first == pair.a.applier->origin());
  REQUIRE(pair.a.commit({insert("y", "1")}).is_ok());
  CHECK(receive(pair.b, pair.a.new_log().at(0)) == Kind::kFenced);
  CHECK(receive(pair.b, first) == Kind::kDuplicate);
  Member c(*pair.resolver);
  REQUIRE(c.commit({insert("c", "1")}).is_ok());
  CHECK(receive(pair.b, c.new_log().at(0)) == Kind::kApplied);
}

TEST_CASE("A node that meets more of its own stream than it holds says so, and goes on under a new origin") {
  Pair pair;
  REQUIRE(pair.a.commit({insert("x", "1")}).is_ok());
  REQUIRE(pair.a.commit({insert("y", "1")}).is_ok());
  const auto log = pair.a.new_log();
  auto engine = new_memory_engine();
  WriteBatch restored;  // a directory with a's identity and nothing else
  restored.put(keys::origin(), *pair.a.engine->get(nullptr, keys::origin()).value());
  REQUIRE(engine->write(std::move(restored), SyncPolicy::kSync).is_ok());
  Member again(*pair.resolver, {}, std::move(engine));
  CHECK(again.applier->origin() == pair.a.applier->origin());
  CHECK(receive(again, log[0]) == Kind::kOwnOriginAhead);
  const auto fresh = again.applier->new_origin();
  REQUIRE(fresh.is_ok());
  CHECK(*fresh != pair.a.applier->origin());
  CHECK(again.applier->origin() == *fresh);
  CHECK(receive(again, log[0]) == Kind::kApplied);
  CHECK(receive(again, log[1]) == Kind::kApplied);
  const auto outcome = again.commit({pair.update(again, "x", "2")});
  REQUIRE(outcome.is_ok());
  CHECK(outcome->dot == Dot{*fresh, 1});
  CHECK(receive(pair.a, again.new_log().back()) == Kind::kApplied);
  CHECK(pair.a.hash() == again.hash());
}

TEST_CASE("Requests that no commit can carry are refused") {
  Pair pair;
  CHECK(pair.a.commit({}).error().code() == StatusCode::kInvalidArgument);
  CHECK(pair.a.commit({insert("x", "1"), insert("x", "2")}).error().code() == StatusCode::kInvalidArgument);
  RowWrite unordered = insert("x", "1");
  unordered.cells.push_back({ColumnId{1}, "again"});
  CHECK(pair.a.commit({unordered}).error().code() == StatusCode::kInvalidArgument);
  CHECK(pair.a.applier->apply_remote("not a commit", SyncPolicy::kNone).error().code() == StatusCode::kCorruption);
  CHECK(pair.a.applier->apply_remote("", SyncPolicy::kNone).error().code() == StatusCode::kCorruption);
}

TEST_CASE("The applied vector of a view belongs to the rows that the view shows") {
  Pair pair;
  std::vector<std::unique_ptr<ReadView>> views;
  const OriginId origin = pair.a.applier->origin();
  for (int i = 0; i < 10; ++i) {
    views.push_back(pair.a.engine->view());
    REQUIRE(pair.a.commit({insert(std::to_string(i), "v")}).is_ok());
  }
  views.push_back(pair.a.engine->view());
  for (std::size_t i = 0; i < views.size(); ++i) {
    CHECK(pair.a.applier->applied(views[i].get())->get(origin).sequence == i);
    const auto exists = pair.a.engine->get(views[i].get(), keys::row(kTable, std::to_string(i)));
    CHECK_FALSE(exists->has_value());
  }
  CHECK(pair.a.applier->applied(nullptr)->get(origin).sequence == 10);
  const auto marker = pair.a.applier->marker();
  REQUIRE(marker.is_ok());
  CHECK(marker->origin == origin);
  CHECK(marker->sequence == 10);
  CHECK(marker->applied.get(origin).sequence == 10);
}

TEST_CASE("Two live rows that come to share a unique value by a merge are recorded, once on each node") {
  Pair pair;
  ColumnIndexer on_a(kTable, IndexId{1}, true), on_b(kTable, IndexId{1}, true);
  pair.a.applier->set_indexer(&on_a);
  pair.b.applier->set_indexer(&on_b);
  REQUIRE(pair.a.commit({insert("x", "same")}).is_ok());
  REQUIRE(pair.b.commit({insert("other", "1")}).is_ok());
  REQUIRE(pair.b.commit({insert("y", "same")}).is_ok());
  pair.exchange();
  REQUIRE(pair.a.hash() == pair.b.hash());
  for (Member* member : {&pair.a, &pair.b}) {
    const auto records = member->conflicts();
    REQUIRE(records.size() == 1);
    CHECK(records[0].kind == ConflictKind::kUnique);
    CHECK(records[0].key == "y");
    CHECK(*records[0].winner_value == "x");
    CHECK(records[0].index == IndexId{1});
    CHECK(records[0].loser > records[0].winner);
    CHECK(records[0].recorded_at_us == 1);
  }
}

TEST_CASE("Index entries follow merged rows") {
  Pair pair;
  ColumnIndexer on_a(kTable, IndexId{1}, false), on_b(kTable, IndexId{1}, false);
  pair.a.applier->set_indexer(&on_a);
  pair.b.applier->set_indexer(&on_b);
  const auto entries = [](Member& member) {
    std::vector<std::string> out;
    const auto iterator = member.engine->iterate(nullptr, keys::index_entries(IndexId{1})).value();
    for (iterator->seek_to_first(); iterator->valid(); iterator->next()) out.emplace_back(keys::primary_key_of(iterator->key()));
    return out;
  };
  REQUIRE(pair.a.commit({insert("x", "1"), insert("y", "1"), insert("z", "1")}).is_ok());
  pair.exchange();
  REQUIRE(pair.a.commit({pair.update(pair.a, "x", "a"), pair.erase(pair.a, "y")}).is_ok());
  REQUIRE(pair.b.commit({pair.update(pair.b, "x", "b"), pair.update(pair.b, "y", "b"), pair.erase(pair.b, "z")}).is_ok());
  pair.exchange();
  CHECK(entries(pair.a) == entries(pair.b));
  REQUIRE(pair.a.hash() == pair.b.hash());
  std::vector<std::string> expected;
  for (const auto& [key, value] : pair.a.rows()) {
    RowImageReader reader;
    REQUIRE(reader.parse(value).is_ok());
    if (reader.alive()) expected.push_back(ColumnIndexer::prefix(text_of(value)) + std::string(keys::primary_key_of(key)));
  }
  std::sort(expected.begin(), expected.end());
  CHECK(entries(pair.a) == expected);
}

TEST_CASE("An index built while commits go on misses none of them, and finds values that were shared before") {
  const auto resolver = new_last_write_wins_resolver();
  Member member(*resolver);
  ColumnIndexer indexer(kTable, IndexId{1}, true);
  indexer.known.store(false);
  member.applier->set_indexer(&indexer);
  for (int i = 0; i < 700; ++i)
    REQUIRE(member.commit({insert("old" + std::to_string(i), std::to_string(i / 2 * 2 + i % 2 * (i > 1)))}).is_ok());
  rt::Atomic<bool> stop{false};
  rt::Atomic<int> written{0};
  rt::Thread writer("writer", [&] {
    for (int i = 0; !stop.load() && i < 100'000; ++i) {
      CommitRequest request;
      const auto view = member.engine->view();
      request.writes = {insert("new" + std::to_string(i), "n" + std::to_string(i))};
      request.view_sequence = view->sequence();
      request.sync = SyncPolicy::kNone;
      if (!member.applier->commit_local(std::move(request))) return;
      written.fetch_add(1);
    }
  });
  while (written.load() < 100) rt::yield();
  indexer.known.store(true);
  REQUIRE(member.applier->build_index(kTable, IndexId{1}).to_string() == "ok");
  const int at_end = written.load();
  while (written.load() < at_end + 100) rt::yield();
  stop.store(true);
  writer.join();
  std::size_t entries = 0;
  const auto iterator = member.engine->iterate(nullptr, keys::index_entries(IndexId{1})).value();
  for (iterator->seek_to_first(); iterator->valid(); iterator->next()) ++entries;
  CHECK(entries == 700 + static_cast<std::size_t>(written.load()));
  CHECK(member.engine->get(nullptr, keys::index_ready(IndexId{1}))->has_value());
  const auto records = member.conflicts();
  REQUIRE(records.size() == 1);
  CHECK(records[0].key == "old1");
  CHECK(*records[0].winner_value == "old0");
}

TEST_CASE("The catalog listener hears of catalog tables only, after the commit is visible") {
  Pair pair;
  ColumnIndexer on_a(kTable, IndexId{1}, false), on_b(kTable, IndexId{1}, false);
  pair.a.applier->set_indexer(&on_a);
  pair.b.applier->set_indexer(&on_b);
  REQUIRE(pair.a.commit({insert("x", "1")}).is_ok());
  RowWrite data = insert("t", "data");
  data.table = TableId{1};
  REQUIRE(pair.a.commit({data}).is_ok());
  CHECK(on_a.last_catalog_change.load() == 0);
  RowWrite system = insert("t", "def");
  system.table = TableId{20};
  const auto outcome = pair.a.commit({system});
  REQUIRE(outcome.is_ok());
  CHECK(on_a.last_catalog_change.load() == outcome->sequence);
  pair.exchange();
  CHECK(on_b.last_catalog_change.load() != 0);
}

}  // namespace ldb::apply_test
