// Whole rows written over whatever is there: RowStore::put, RowTransaction::upsert.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "replication/apply/cluster_model.hpp"
#include "replication/apply/local_node.hpp"

namespace ldb::apply_test {
namespace {

const TableId kPairs{1};  // of ldb's own data: no schema
const TableId kOther{2000};

WriteId birth_of(LocalNode& node, std::string_view key) {
  const auto image = node.store->get(kPairs, key);
  REQUIRE(image.is_ok());
  REQUIRE(image->has_value());
  RowImageReader reader;
  REQUIRE(reader.parse(**image));
  return reader.birth();
}

Result<CommitOutcome> put(LocalNode& node, TableId table, std::string key, std::string value, SyncPolicy sync) {
  return node.store->put(table, {{std::move(key), text(std::move(value))}}, sync);
}

std::string read(LocalNode& node, std::string_view key) {
  const auto image = node.store->get(kPairs, key);
  REQUIRE(image.status().to_string() == "ok");
  const auto t = node.begin();
  const auto seen = t->get(kPairs, key);
  REQUIRE(seen.is_ok());
  CHECK(*seen == *image);
  return *image ? text_of(**image) : "-";
}

CommitRequest upsert_of(std::string key, std::string value) {
  CommitRequest request;
  request.writes.push_back({RowWrite::Kind::kInsert, kPairs, std::move(key), {}, text(std::move(value))});
  request.upsert = true;
  request.sync = SyncPolicy::kNone;
  return request;
}

}  // namespace

TEST_CASE("A put is an insert, an update or a new birth, by what is there") {
  LocalNode node;
  CHECK(read(node, "a") == "-");
  const auto first = put(node, kPairs, "a", "1", SyncPolicy::kNone);
  REQUIRE(first.is_ok());
  CHECK(first->dot.sequence == 1);
  CHECK(read(node, "a") == "1");
  const WriteId birth = birth_of(node, "a");
  CHECK(birth.stamp == first->stamp);
  REQUIRE(put(node, kPairs, "a", "2", SyncPolicy::kSync).is_ok());
  CHECK(read(node, "a") == "2");
  CHECK(birth_of(node, "a") == birth);
  const auto t = node.begin();
  REQUIRE(t->erase(kPairs, "a"));
  REQUIRE(t->commit().is_ok());
  CHECK(read(node, "a") == "-");
  REQUIRE(put(node, kPairs, "a", "3", SyncPolicy::kNone).is_ok());
  CHECK(read(node, "a") == "3");
  CHECK(birth < birth_of(node, "a"));
  CHECK(node.applier.counters().conflicts_recorded == 0);
}

TEST_CASE("A put is refused on tables that have a schema, and while the node cannot serve") {
  LocalNode node;
  const auto refused = put(node, kOther, "a", "1", SyncPolicy::kNone);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == StatusCode::kInvalidArgument);
  CommitRequest of_update = upsert_of("a", "1");
  of_update.writes[0].kind = RowWrite::Kind::kUpdate;
  CHECK(node.applier.commit_local(std::move(of_update)).error().code() == StatusCode::kInvalidArgument);
  node.replicator.readable_now = Status(StatusCode::kUnavailable, "copying");
  CHECK(put(node, kPairs, "a", "1", SyncPolicy::kNone).error().code() == StatusCode::kUnavailable);
  CHECK(node.store->get(kPairs, "a").error().code() == StatusCode::kUnavailable);
  node.replicator.readable_now = {};
  CHECK(read(node, "a") == "-");
}

TEST_CASE("A put refuses an older transaction that wrote or read the row") {
  LocalNode node;
  const auto writer = node.begin();
  REQUIRE(writer->upsert(kPairs, "a", text("mine")));
  const auto reader = node.begin(IsolationLevel::kSerializable);
  REQUIRE(reader->get(kPairs, "a").is_ok());
  REQUIRE(reader->insert(kOther, "b", text("computed from it")));
  REQUIRE(put(node, kPairs, "a", "first", SyncPolicy::kNone).is_ok());
  CHECK(writer->commit().error().code() == StatusCode::kConflict);
  CHECK(reader->commit().error().code() == StatusCode::kConflict);
  CHECK(read(node, "a") == "first");
}

TEST_CASE("An upsert in a transaction follows what the transaction has done to the row") {
  LocalNode node;
  REQUIRE(put(node, kPairs, "old", "0", SyncPolicy::kNone).is_ok());
  const WriteId birth = birth_of(node, "old");
  const auto t = node.begin();
  REQUIRE(t->upsert(kPairs, "old", text("1")));
  REQUIRE(t->upsert(kPairs, "old", text("2")));
  REQUIRE(t->upsert(kPairs, "new", text("3")));
  const std::size_t savepoint = t->savepoint();
  REQUIRE(t->erase(kPairs, "old"));
  REQUIRE(t->upsert(kPairs, "old", text("born again")));
  REQUIRE(t->rollback_to(savepoint));
  REQUIRE(t->erase(kPairs, "new"));
  REQUIRE(t->upsert(kPairs, "new", text("4")));
  REQUIRE(t->commit().is_ok());
  CHECK(read(node, "old") == "2");
  CHECK(birth_of(node, "old") == birth);
  CHECK(read(node, "new") == "4");
}

TEST_CASE("A put has seen what it overwrites, also when that came from elsewhere") {
  const auto resolver = new_last_write_wins_resolver();
  Member a(*resolver), b(*resolver);
  REQUIRE(b.applier->commit_local(upsert_of("k", "from b")).is_ok());
  for (const std::string& payload : b.new_log()) REQUIRE(a.applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
  a.new_log();
  const auto over = a.applier->commit_local(upsert_of("k", "from a"));
  REQUIRE(over.is_ok());
  const auto log = a.new_log();
  REQUIRE(log.size() == 1);
  const auto commit = decode_commit(log[0]);
  REQUIRE(commit.is_ok());
  CHECK(commit->dependencies.get(b.applier->origin()).sequence == 1);
  REQUIRE(commit->writes.size() == 1);
  CHECK(commit->writes[0].kind == RowWrite::Kind::kUpdate);
  const auto applied = b.applier->apply_remote(log[0], SyncPolicy::kNone);
  REQUIRE(applied.is_ok());
  CHECK(applied->kind == ApplyOutcome::Kind::kApplied);
  CHECK(a.applier->counters().conflicts_recorded == 0);
  CHECK(b.applier->counters().conflicts_recorded == 0);
  // Unseen, it is a conflict: the same on both.
  REQUIRE(a.applier->commit_local(upsert_of("k", "a again")).is_ok());
  REQUIRE(b.applier->commit_local(upsert_of("k", "b again")).is_ok());
  const auto from_a = a.new_log(), from_b = b.new_log();
  REQUIRE(b.applier->apply_remote(from_a.back(), SyncPolicy::kNone).is_ok());
  REQUIRE(a.applier->apply_remote(from_b.back(), SyncPolicy::kNone).is_ok());
  CHECK(a.applier->counters().conflicts_recorded == 1);
  CHECK(b.applier->counters().conflicts_recorded == 1);
}

TEST_CASE("Puts of many threads to the same rows never conflict, and the last stamp stays") {
  LocalNode node;
  constexpr int kThreads = 4, kEach = 500;
  rt::Atomic<int> failures{0};
  std::vector<std::pair<Stamp, std::string>> last(kThreads);
  std::vector<rt::Thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back("writer", [&, i] {
      for (int n = 0; n < kEach; ++n) {
        const std::string value = std::to_string(i) + "/" + std::to_string(n);
        const auto outcome = put(node, kPairs, n % 2 == 0 ? "even" : "odd", value, SyncPolicy::kNone);
        if (!outcome) return void(failures.fetch_add(1));
        if (n % 2 == 0) last[static_cast<std::size_t>(i)] = {outcome->stamp, value};
      }
    });
  }
  for (rt::Thread& thread : threads) thread.join();
  CHECK(failures.load() == 0);
  CHECK(read(node, "even") == std::max_element(last.begin(), last.end())->second);
  CHECK(node.applier.submitted().get(node.applier.origin()).sequence == kThreads * kEach);
  CHECK(node.applier.counters().write_conflicts == 0);
  CHECK(node.applier.counters().conflicts_recorded == 0);
}

}  // namespace ldb::apply_test
