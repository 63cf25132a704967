// The shared state of a replicator, without peers or threads.
#include "replication/replica.hpp"

#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "hooked_engine.hpp"
#include "replication/stream/commit_feed.hpp"
#include "replication/stream/sender.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

using namespace ldb;
using namespace ldb::replication;

namespace {

struct Lone {
  std::unique_ptr<StorageEngine> engine = new_memory_engine();
  std::unique_ptr<Clock> clock = new_hybrid_clock();
  std::unique_ptr<ConflictResolver> resolver = new_last_write_wins_resolver();

  std::unique_ptr<Replica> open() {
    ReplicatorServices services;
    services.engine = engine.get();
    services.clock = clock.get();
    services.resolver = resolver.get();
    services.log_sink = &null_log_sink();
    services.self = NodeId{"a"};
    auto replica = std::make_unique<Replica>(services, test::quick());
    REQUIRE(replica->open().is_ok());
    return replica;
  }
};

CommitRequest insert(Replica& replica, const std::string& key) {
  CommitRequest request;
  request.view_sequence = replica.engine().view()->sequence();
  request.dependencies = replica.applier().applied(nullptr).value();
  request.writes.push_back({RowWrite::Kind::kInsert, test::kTable, key, {}, {{ColumnId{1}, "v"}}});
  return request;
}

VersionVector one(std::uint64_t origin, std::uint64_t sequence) {
  VersionVector vector;
  vector.set({origin}, {sequence, {sequence}, 0});
  return vector;
}

}  // namespace

TEST_CASE("A failed install closes the node, keeps no index build waiting, and is not overwritten by another copy") {
  Lone lone;
  const auto replica = lone.open();
  WriteBatch batch;
  batch.put(std::string(1, kStagingSpace) + keys::row(test::kTable, "k"), "no image");
  REQUIRE(lone.engine->write(std::move(batch), SyncPolicy::kSync));
  CHECK_FALSE(replica->install(one(7, 3), replica->epoch()).is_ok());
  CHECK(replica->build_index(test::kTable, {5}).code() == StatusCode::kUnavailable);
  CHECK(replica->readable().code() == StatusCode::kUnavailable);
  CHECK(replica->commit(insert(*replica, "x")).error().code() == StatusCode::kUnavailable);
  CHECK_FALSE(replica->begin_copy());
}

TEST_CASE("A node with an interrupted install does not serve before it is finished, or when that fails") {
  Lone lone;
  const bool damaged = GENERATE(false, true);
  CAPTURE(damaged);
  {
    const auto replica = lone.open();
    if (damaged) {
      WriteBatch batch;
      batch.put(std::string(1, kStagingSpace) + keys::row(test::kTable, "k"), "no image");
      REQUIRE(lone.engine->write(std::move(batch), SyncPolicy::kSync));
    }
    REQUIRE(replica->state().save_pending_install({one(7, 3)}).is_ok());
  }
  {
    const auto replica = lone.open();
    CHECK(replica->readable().code() == StatusCode::kUnavailable);
    CHECK(replica->commit(insert(*replica, "x")).error().code() == StatusCode::kUnavailable);
    replica->stop();
    replica->set_indexer(nullptr);  // as a node does that closes without having got further
    CHECK(replica->state().pending_install());
  }
  const auto replica = lone.open();
  replica->set_indexer(nullptr);
  CHECK(replica->readable().is_ok() != damaged);
  CHECK(replica->commit(insert(*replica, "x")).is_ok() != damaged);
  CHECK(replica->applier().submitted().covers(one(7, 3)) != damaged);
  CHECK(replica->state().pending_install().has_value() == damaged);
}

TEST_CASE("Copies are received one after the other") {
  Lone lone;
  const auto replica = lone.open();
  REQUIRE(replica->begin_copy());
  CHECK_FALSE(replica->begin_copy());
  REQUIRE(replica->install(one(7, 3), replica->epoch()).is_ok());
  replica->end_copy();
  CHECK(replica->begin_copy());
}

TEST_CASE("A member gets no copy of a state that shows a part of another copy") {
  Lone lone;
  auto hooked = std::make_unique<test::HookedEngine>();
  test::HookedEngine& engine = *hooked;
  lone.engine = std::move(hooked);
  const auto replica = lone.open();
  REQUIRE(replica->add_member({NodeId{"b"}, "b"}).is_ok());
  WriteBatch batch;  // more than is installed at once, with a damaged end
  for (int i = 1000; i < 1400; ++i) {
    std::string image;
    append_insert_image(image, {{ColumnId{1}, "v"}}, WriteId{{1}, {7}});
    batch.put(std::string(1, kStagingSpace) + keys::row(test::kTable, std::to_string(i)), i < 1399 ? image : "no image");
  }
  REQUIRE(engine.write(std::move(batch), SyncPolicy::kSync));
  engine.before_view = [&] { CHECK_FALSE(replica->install(one(7, 1), replica->epoch()).is_ok()); };
  Result<std::string> answer = Status(StatusCode::kInternal, "not answered");
  Sender sender(*replica);
  SnapshotRequest request;
  request.from = {NodeId{"b"}, 5, {9}};
  request.max_bytes = 1 << 20;
  rt::Atomic<bool> answered{false};
  sender.handle(NodeId{"b"}, {RequestKind::kSnapshot, encode(request)}, [&](Result<std::string> given) {
    answer = std::move(given);
    answered.store(true);
  });
  sender.start();
  REQUIRE(test::eventually([&] { return answered.load(); }));
  REQUIRE(replica->installs_begun() == 1);
  REQUIRE(answer.status().to_string() == "ok");
  CHECK(decode<SnapshotAnswer>(*answer)->state == SnapshotAnswer::State::kNotNow);
  CHECK(decode<SnapshotAnswer>(*answer)->rows.empty());
}

TEST_CASE("The log may be cut while its index is built anew") {
  Lone lone;
  auto hooked = std::make_unique<test::HookedEngine>();
  test::HookedEngine& engine = *hooked;
  lone.engine = std::move(hooked);
  const auto replica = lone.open();
  const auto commit_and_cut = [&](const std::string& key) {
    REQUIRE(replica->commit(insert(*replica, key)));
    engine.release_log(engine.log_end());
  };
  commit_and_cut("a");  // without noting it, as at the engine's bound
  CommitFeed feed(engine, replica->applier(), replica->state(), null_log_sink(), 1 << 20);
  engine.before_changes = [&] { commit_and_cut("b"); };
  REQUIRE(feed.open().to_string() == "ok");
  CHECK(replica->state().log_start()->vector.get(replica->identity().origin).sequence == 2);
}

TEST_CASE("A fresh directory is verified, one that had peers is not, and its first write begins a new stream") {
  Lone lone;
  OriginId first;
  {
    const auto replica = lone.open();
    first = replica->identity().origin;
    REQUIRE(replica->add_member({NodeId{"b"}, "b"}).is_ok());
    REQUIRE(replica->commit(insert(*replica, "x")));
    CHECK(replica->identity().origin == first);
  }
  const auto replica = lone.open();
  CHECK(replica->identity().origin == first);
  REQUIRE(replica->commit(insert(*replica, "y")));
  CHECK(replica->identity().origin != first);
}

TEST_CASE("Debts to a member survive a restart and end when what is owed has been applied") {
  Lone lone;
  {
    const auto replica = lone.open();
    REQUIRE(replica->add_member({NodeId{"b"}, "b"}).is_ok());
    HelloAnswer answer;
    answer.from = {NodeId{"b"}, 1, {7}};
    answer.knowledge.floor = one(7, 3);
    REQUIRE(replica->greeted(NodeId{"b"}, answer).is_ok());
    CHECK(replica->readable().code() == StatusCode::kUnavailable);
  }
  const auto replica = lone.open();
  CHECK(replica->readable().message().find("b") != std::string_view::npos);
  REQUIRE(replica->install(one(7, 2), replica->epoch()).is_ok());
  REQUIRE(replica->settle_debts().is_ok());
  CHECK_FALSE(replica->readable().is_ok());
  REQUIRE(replica->install(one(7, 4), replica->epoch()).is_ok());
  REQUIRE(replica->settle_debts().is_ok());
  CHECK(replica->readable().is_ok());
  CHECK(replica->commit(insert(*replica, "x")));
}

TEST_CASE("What a copy brought beyond the own log is added to the log start") {
  Lone lone;
  const auto replica = lone.open();
  REQUIRE(replica->commit(insert(*replica, "x")));
  const OriginId own = replica->identity().origin;
  VersionVector theirs = one(7, 4);
  theirs.set(own, replica->applier().submitted().get(own));
  REQUIRE(replica->install(theirs, replica->epoch()).is_ok());
  const auto start = replica->state().log_start();
  REQUIRE(start);
  CHECK(start->vector.get({7}).sequence == 4);
  CHECK(start->vector.get(own).sequence == 0);
}

TEST_CASE("Damaged node state is reported as such") {
  Lone lone;
  { lone.open(); }
  for (const char* name : {"log_start", "collection_floor", "debts", "install"}) {
    CAPTURE(name);
    for (const std::string& value : {std::string(), std::string("\x01\xff"), std::string("\x01\x01\x01\x05")}) {
      WriteBatch batch;
      batch.put(keys::node(name), value);
      REQUIRE(lone.engine->write(std::move(batch), SyncPolicy::kSync));
      NodeState state(*lone.engine);
      CHECK(state.load().code() == StatusCode::kCorruption);
    }
    WriteBatch newer;
    newer.put(keys::node(name), "\x02");
    REQUIRE(lone.engine->write(std::move(newer), SyncPolicy::kSync));
    NodeState state(*lone.engine);
    CHECK(state.load().code() == StatusCode::kUnsupported);
    WriteBatch batch;
    batch.erase(keys::node(name));
    REQUIRE(lone.engine->write(std::move(batch), SyncPolicy::kSync));
  }
}
