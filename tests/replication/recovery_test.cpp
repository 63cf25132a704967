// Lost and restored directories, whole-state copies, log release, wrong clocks, collection of dead rows.
#include <catch2/catch.hpp>

#include "base/rt/rt.hpp"
#include "fixture.hpp"
#include "hooked_engine.hpp"
#include "replication/node_state.hpp"
#include "txn/keys.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

replication::ReplicatorOptions small_log() {
  replication::ReplicatorOptions options = quick();
  options.checkpoint_bytes = 200;
  return options;
}

/// Has the log of the node given up its beginning?
bool log_released(TestNode& node) { return node.engine().log_begin() > LogPosition{1, 0}; }

/// Pretends the engine cut its log at the size bound.
void cut_log(TestNode& node) { node.engine().release_log(node.engine().log_end()); }

}  // namespace

TEST_CASE("The log is released once all members have it, and a new member then copies the whole state") {
  TestCluster cluster(2, small_log());
  fill(cluster[0], "k", 100);
  REQUIRE(cluster.converges());
  REQUIRE(eventually([&] { return log_released(cluster[0]) && log_released(cluster[1]); }));
  TestNode c(cluster.network, "c", small_log());
  REQUIRE(c.start().is_ok());
  REQUIRE(c.put("own", "1").is_ok());  // made before it met anybody: kept
  for (TestNode* node : cluster.all()) {
    REQUIRE(node->add_peer("c").is_ok());
    REQUIRE(c.add_peer(node->name()).is_ok());
  }
  REQUIRE(eventually([&] { return converged({&cluster[0], &cluster[1], &c}); }));
  CHECK(c.rows().size() == 101);
  CHECK(c.status().snapshots_installed >= 1);
  CHECK(cluster[0].status().snapshots_installed == 0);
  // What comes after the copy streams again, also from the copy's receiver.
  REQUIRE(c.put("after", "1").is_ok());
  REQUIRE(cluster[1].put("k1", "after").is_ok());
  CHECK(eventually([&] { return converged({&cluster[0], &cluster[1], &c}); }));
}

TEST_CASE("A node without other members gives its log back, and one that is added later copies the whole state") {
  TestNetwork network;
  TestNode a(network, "a"), b(network, "b");
  REQUIRE(a.start().is_ok());
  fill(a, "k", 6, 1 << 20);
  REQUIRE(eventually([&] { return log_released(a); }));
  SECTION("from the running node") {}
  SECTION("after a restart") {
    a.stop();
    REQUIRE(a.start().is_ok());
  }
  REQUIRE(b.start().is_ok());
  REQUIRE(a.add_peer("b").is_ok());
  REQUIRE(b.add_peer("a").is_ok());
  REQUIRE(eventually([&] { return converged({&a, &b}); }));
  CHECK(b.status().snapshots_installed == 1);
  CHECK(b.rows().size() == 6);
  REQUIRE(a.put("after", "1").is_ok());
  CHECK(eventually([&] { return converged({&a, &b}); }));
  CHECK(b.status().snapshots_installed == 1);
}

TEST_CASE("A node whose peers are not added yet keeps its log for them, until the last one is removed") {
  TestCluster cluster(2);
  REQUIRE(cluster.converges());
  cluster[1].stop();
  cluster[0].stop();
  REQUIRE(cluster[0].start().is_ok());
  const LogPosition before = cluster[0].engine().log_begin();
  fill(cluster[0], "k", 6, 1 << 20);
  // The housekeeping that would give the log back has come by when it has raised the floor for a dead row.
  REQUIRE(cluster[0].erase("k0").is_ok());
  REQUIRE(eventually([&] { return cluster[0].engine().compact({}).is_ok() && cluster[0].status().tombstones_collected == 1; }));
  CHECK(cluster[0].engine().log_begin() == before);
  REQUIRE(cluster[0].add_peer("b").is_ok());
  CHECK(cluster[0].engine().log_begin() == before);
  REQUIRE(cluster[0].replicator().remove_peer(NodeId{"b"}).is_ok());
  fill(cluster[0], "m", 6, 1 << 20);
  CHECK(eventually([&] { return cluster[0].engine().log_begin() > before; }));
}

TEST_CASE("The log is kept while a member is away, and released when it has caught up") {
  TestCluster cluster(3, small_log());
  fill(cluster[0], "k", 10);
  REQUIRE(cluster.converges());
  cluster[2].stop();
  const LogPosition before = cluster[0].engine().log_begin();
  fill(cluster[0], "m", 100);
  REQUIRE(eventually([&] { return converged({&cluster[0], &cluster[1]}); }));
  REQUIRE(eventually([&] { return cluster[0].status().peers[0].acknowledged.covers(cluster[0].applied()); }));
  CHECK(cluster[0].engine().log_begin().offset <= before.offset + 10);
  cluster.start(2);
  REQUIRE(cluster.converges());
  CHECK(cluster[2].status().snapshots_installed == 0);
  CHECK(eventually([&] { return cluster[0].engine().log_begin().offset > before.offset + 50; }));
}

TEST_CASE("A member that lagged beyond the log's bound copies the whole state") {
  TestCluster cluster(2);
  fill(cluster[0], "k", 20);
  REQUIRE(cluster.converges());
  cluster[1].stop();
  fill(cluster[0], "m", 20);
  REQUIRE(cluster[0].erase("k3").is_ok());
  cut_log(cluster[0]);
  SECTION("while the sender runs on") {}
  SECTION("after the sender was restarted") { cluster.restart(0); }
  cluster.start(1);
  REQUIRE(cluster[1].put("late", "1").is_ok());
  REQUIRE(cluster.converges());
  CHECK(cluster[1].rows().size() == 40);
  CHECK_FALSE(cluster[1].get("k3"));
  CHECK(cluster[1].status().snapshots_installed == 1);
  CHECK(cluster[0].status().snapshots_installed == 0);
}

TEST_CASE("Two members that both cut their logs during a partition copy from each other") {
  TestCluster cluster(2);
  fill(cluster[0], "k", 5);
  REQUIRE(cluster.converges());
  cluster.network.set_link("a", "b", false);
  fill(cluster[0], "a", 20);
  fill(cluster[1], "b", 20);
  cut_log(cluster[0]);
  cut_log(cluster[1]);
  cluster.network.set_link("a", "b", true);
  REQUIRE(cluster.converges());
  CHECK(cluster[0].rows().size() == 45);
}

TEST_CASE("A third member behind a copied one is told to copy too, not given a stream with holes") {
  TestNetwork network;
  TestNode a(network, "a"), b(network, "b"), c(network, "c");
  for (TestNode* node : {&a, &b, &c}) REQUIRE(node->start().is_ok());
  REQUIRE(a.add_peer("b").is_ok());
  REQUIRE(b.add_peer("c").is_ok());
  REQUIRE(c.add_peer("b").is_ok());
  fill(a, "k", 20);
  cut_log(a);
  REQUIRE(b.add_peer("a").is_ok());
  REQUIRE(eventually([&] { return converged({&a, &b, &c}); }));
  // One each: a fetch of b that waits at c with b's old vector is answered "copy" once c has cut its own log, and b asks again.
  CHECK(b.status().snapshots_installed == 1);
  CHECK(c.status().snapshots_installed == 1);
  REQUIRE(a.put("after", "1").is_ok());
  CHECK(eventually([&] { return converged({&a, &b, &c}); }));
}

TEST_CASE("A copy whose sender goes silent is taken from another member") {
  TestCluster cluster(3);
  fill(cluster[0], "k", 30, 100'000);  // several answers
  REQUIRE(cluster.converges());
  cut_log(cluster[0]);
  cut_log(cluster[1]);
  cluster[2].stop();
  cluster[2].lose_directory();
  // Whoever is asked first answers once and then never again.
  auto first = std::make_shared<std::string>();
  auto asked = std::make_shared<int>(0);
  cluster.network.set_hook([first, asked](const std::string& from, const std::string& to, const Request& request) {
    if (from != "c" || request.kind != RequestKind::kSnapshot) return true;
    if (first->empty()) *first = to;
    return to != *first || ++*asked <= 1;
  });
  cluster.start(2);
  REQUIRE(eventually([&] { return cluster[2].status().snapshots_installed >= 1; }));
  cluster.network.set_hook(nullptr);
  CHECK(cluster.converges());
}

TEST_CASE("Rows larger than an answer travel in pieces") {
  TestCluster cluster(2);
  const std::string big(5 << 20, 'b');
  REQUIRE(cluster[0].put("big", big, 1).is_ok());
  REQUIRE(cluster[0].put("big", big, 2).is_ok());
  REQUIRE(cluster[0].put("small", "s").is_ok());
  REQUIRE(cluster.converges());
  cut_log(cluster[0]);
  cluster[1].stop();
  cluster[1].lose_directory();
  cluster.start(1);
  REQUIRE(cluster.converges());
  CHECK(cluster[1].get("big", 2) == big);
  CHECK(cluster[1].status().snapshots_installed == 1);
}

TEST_CASE("A node that lost its directory gets everything back, its own commits included") {
  TestCluster cluster(3);
  fill(cluster[0], "a", 10);
  fill(cluster[2], "c", 10);
  REQUIRE(cluster.converges());
  cluster[2].stop();
  cluster[2].lose_directory();
  cluster.start(2);
  REQUIRE(cluster.converges());
  CHECK(cluster[2].rows().size() == 20);
  REQUIRE(cluster[2].put("again", "1").is_ok());
  CHECK(cluster.converges());
}

TEST_CASE("A node restored from a backup draws a new origin, catches up, and loses nothing") {
  TestCluster cluster(2);
  fill(cluster[0], "early", 10);
  REQUIRE(cluster.converges());
  auto backup = cluster[0].backup();
  fill(cluster[0], "late", 10);
  REQUIRE(cluster[0].erase("early3").is_ok());
  REQUIRE(cluster.converges());
  const OriginId before = cluster[0].status().origin;
  cluster[0].stop();
  cluster[0].lose_directory(std::move(backup));
  SECTION("with its peer in reach") { cluster.start(0); }
  SECTION("and written to before its peer is heard") {
    cluster.network.set_link("a", "b", false);
    cluster.start(0);
    REQUIRE(cluster[0].put("while cut", "1").is_ok());
    cluster.network.set_link("a", "b", true);
    REQUIRE(eventually([&] { return cluster[0].get("late9").has_value(); }));
  }
  SECTION("after its peer cut the log") {
    cut_log(cluster[1]);
    cluster.start(0);
  }
  REQUIRE(eventually([&] { return cluster[0].status().origin != before; }));
  REQUIRE(cluster.converges());
  CHECK_FALSE(cluster[0].get("early3"));
  REQUIRE(cluster[0].put("after", "1").is_ok());
  CHECK(cluster.converges());
}

TEST_CASE("What a member has fetched and not applied does not come in once the restored node was told it is not known") {
  TestCluster cluster(2);
  fill(cluster[0], "early", 5);
  REQUIRE(cluster.converges());
  auto backup = cluster[0].backup();
  const OriginId origin = cluster[0].status().origin;
  cluster[0].set_clock_skew(60'000);
  REQUIRE(cluster[0].put("lost", "1").is_ok());  // b fetches it and waits until its clock gets there
  REQUIRE(eventually([&] { return !cluster[1].status().peers[0].problem.empty(); }));
  cluster[0].stop();
  cluster[0].lose_directory(std::move(backup));
  cluster[0].set_clock_skew(0);
  cluster.start(0);
  REQUIRE(eventually([&] { return cluster[0].put("new", "1").is_ok(); }));
  CHECK(cluster[0].status().origin == origin);  // b does not know more of it than the backup has
  cluster[1].set_clock_skew(60'000);
  REQUIRE(eventually([&] { return cluster[1].get("new").has_value(); }));
  CHECK_FALSE(cluster[1].get("lost"));
  CHECK(cluster.converges());
}

TEST_CASE("An interrupted install is finished when the node is opened again") {
  TestCluster cluster(2);
  fill(cluster[0], "k", 10);
  REQUIRE(cluster.converges());
  // What a crash between the end of the transfer and the end of the install leaves: staged rows and the mark.
  StorageEngine& source = cluster[0].engine();
  const VersionVector vector = cluster[0].applied();
  auto target = new_memory_engine();
  {
    TestNode c(cluster.network, "c");
    c.lose_directory(std::move(target));
    REQUIRE(c.start().is_ok());
    c.stop();
    WriteBatch batch;
    auto it = source.iterate(nullptr, keys::all_rows()).value();
    for (it->seek_to_first(); it->valid(); it->next())
      batch.put(std::string(1, replication::kStagingSpace).append(it->key()), std::string(it->value()));
    REQUIRE(c.engine().write(std::move(batch), SyncPolicy::kSync).is_ok());
    replication::NodeState state(c.engine());
    REQUIRE(state.load().is_ok());
    REQUIRE(state.save_pending_install({vector}).is_ok());
    REQUIRE(c.start().is_ok());
    CHECK(c.rows() == cluster[0].rows());
    CHECK(c.applied().covers(vector));
    CHECK(c.status().snapshots_installed == 1);
    auto staged = c.engine().iterate(nullptr, replication::staging_range()).value();
    staged->seek_to_first();
    CHECK_FALSE(staged->valid());
  }
}

TEST_CASE("An install that is finished after a restart leaves word of the tables that end by it") {
  /// A row of the table names the table that ends by it.
  struct Indexer final : RowIndexer {
    Status index_entries(TableId, std::string_view, std::string_view, std::vector<IndexEntry>&) const override { return {}; }
    std::optional<TableId> table_ended_by(TableId table, std::string_view key) const override {
      return table == kTable ? std::optional<TableId>(TableId{std::stoull(std::string(key))}) : std::nullopt;
    }
    void catalog_changed(std::uint64_t) override {}
  } indexer;
  TestNetwork network;
  TestNode a(network, "a"), b(network, "b");
  b.set_indexer(&indexer);
  for (TestNode* node : {&a, &b}) REQUIRE(node->start().is_ok());
  REQUIRE(a.put("4711", "dropped").is_ok());
  b.stop();
  WriteBatch batch;
  const std::string row_key = keys::row(kTable, "4711");
  batch.put(std::string(1, replication::kStagingSpace) + row_key, *a.engine().get(nullptr, row_key).value());
  REQUIRE(b.engine().write(std::move(batch), SyncPolicy::kSync).is_ok());
  {
    replication::NodeState state(b.engine());
    REQUIRE(state.load().is_ok());
    REQUIRE(state.save_pending_install({a.applied()}).is_ok());
  }
  REQUIRE(b.start().is_ok());
  CHECK(b.replicator().readable().to_string() == "ok");
  CHECK(b.get("4711") == "dropped");
  CHECK(b.put("1", "x").to_string() == "ok");
  CHECK(b.engine().get(nullptr, keys::dropped_table(TableId{4711})).value().has_value());
}

TEST_CASE("Commits stamped too far ahead are held until the clock gets there, and their node is told to stop writing") {
  TestCluster cluster(2);
  fill(cluster[0], "k", 3);
  REQUIRE(cluster.converges());
  cluster[0].set_clock_skew(60'000);
  REQUIRE(cluster[0].put("ahead", "1").is_ok());
  REQUIRE(eventually([&] { return !cluster[0].status().write_refusal.empty(); }));
  CHECK(cluster[0].put("more", "1").code() == StatusCode::kUnavailable);
  CHECK(cluster[0].status().write_refusal.find("clock") != std::string::npos);
  REQUIRE(eventually([&] { return !cluster[1].status().peers[0].problem.empty(); }));
  CHECK_FALSE(cluster[1].get("ahead"));
  CHECK(cluster[1].put("other way", "1").is_ok());
  REQUIRE(eventually([&] { return cluster[0].get("other way").has_value(); }));
  // The receiver's clock reaches the stamp.
  cluster[1].set_clock_skew(60'000);
  REQUIRE(eventually([&] { return cluster[1].get("ahead").has_value(); }));
  REQUIRE(eventually([&] { return cluster[0].status().write_refusal.empty(); }));
  CHECK(cluster[0].put("more", "1").is_ok());
  CHECK(cluster.converges());
}

TEST_CASE("One member with a clock far behind does not stop the others from writing") {
  TestCluster cluster(3);
  fill(cluster[0], "k", 3);
  REQUIRE(cluster.converges());
  cluster[2].set_clock_skew(-60'000);
  REQUIRE(cluster[0].put("x", "1").is_ok());
  REQUIRE(eventually([&] { return !cluster[2].status().peers[0].problem.empty(); }));
  REQUIRE(eventually([&] { return cluster[1].get("x").has_value(); }));
  // One of two in reach is not more than half. (On a loaded machine the other may count as out of reach for a moment.)
  CHECK(eventually([&] { return cluster[0].put("x", "2").is_ok(); }));
  CHECK(eventually([&] { return cluster[1].put("x", "3").is_ok(); }));
  cluster[2].set_clock_skew(0);
  CHECK(cluster.converges());
}

TEST_CASE("A dead row is collected only after every member's marker covers it") {
  TestCluster cluster(3);
  fill(cluster[0], "k", 5);
  REQUIRE(cluster.converges());
  const auto compacted_images = [&](std::size_t i) {
    REQUIRE(cluster[i].engine().compact({}).is_ok());
    return cluster[i].images();
  };
  cluster.network.set_link("a", "c", false);
  cluster.network.set_link("b", "c", false);
  REQUIRE(cluster[0].erase("k0").is_ok());
  REQUIRE(eventually([&] { return !cluster[1].get("k0"); }));
  for (int i = 0; i < 20; ++i) {
    REQUIRE(cluster[0].put("more", std::to_string(i)).is_ok());
    CHECK(compacted_images(0) == 6);
  }
  // The cut-off member revives the row; had the tombstone gone, a and b could not merge this.
  REQUIRE(cluster[2].clock_passes(cluster[0]));
  REQUIRE(cluster[2].put("k0", "revived").is_ok());
  cluster.network.set_link("a", "c", true);
  cluster.network.set_link("b", "c", true);
  REQUIRE(cluster.converges());
  CHECK(cluster[0].get("k0") == "revived");

  REQUIRE(cluster[1].erase("k0").is_ok());
  REQUIRE(cluster.converges());
  for (std::size_t i = 0; i < 3; ++i) CHECK(eventually([&] { return compacted_images(i) == 5; }));
  CHECK(cluster[0].status().tombstones_collected >= 1);
  CHECK(cluster.converges());
}

TEST_CASE("A restarted member holds collection back until it has spoken") {
  TestCluster cluster(2);
  fill(cluster[0], "k", 5);
  REQUIRE(cluster.converges());
  cluster[1].stop();
  cluster.restart(0);
  REQUIRE(cluster[0].erase("k0").is_ok());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(cluster[0].engine().compact({}).is_ok());
    CHECK(cluster[0].images() == 5);
    REQUIRE(cluster[0].put("k1", std::to_string(i)).is_ok());
  }
  cluster.start(1);
  CHECK(eventually([&] { return cluster[0].engine().compact({}).is_ok() && cluster[0].images() == 4; }));
  CHECK(cluster.converges());
}

TEST_CASE("Where not everybody knows everybody, dead rows are kept") {
  TestNetwork network;
  TestNode a(network, "a"), b(network, "b"), c(network, "c");
  for (TestNode* node : {&a, &b, &c}) REQUIRE(node->start().is_ok());
  REQUIRE(a.add_peer("b").is_ok());
  REQUIRE(b.add_peer("a").is_ok());
  REQUIRE(b.add_peer("c").is_ok());
  REQUIRE(c.add_peer("b").is_ok());
  fill(a, "k", 3);
  REQUIRE(eventually([&] { return converged({&a, &b, &c}); }));
  network.set_link("b", "c", false);
  REQUIRE(a.erase("k0").is_ok());
  REQUIRE(eventually([&] { return !b.get("k0"); }));
  REQUIRE(c.clock_passes(a));
  REQUIRE(c.put("k0", "revived").is_ok());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(a.engine().compact({}).is_ok());
    CHECK(a.images() == 3);
    REQUIRE(a.put("k1", std::to_string(i)).is_ok());
    REQUIRE(eventually([&] { return converged({&a, &b}); }));
  }
  network.set_link("b", "c", true);
  REQUIRE(eventually([&] { return converged({&a, &b, &c}); }));
  CHECK(a.get("k0") == "revived");
}

TEST_CASE("A node restored to a state before a collected delete does not bring the row back") {
  TestCluster cluster(2);
  fill(cluster[0], "k", 5);
  REQUIRE(cluster.converges());
  auto backup = cluster[1].backup();
  REQUIRE(cluster[0].erase("k0").is_ok());
  REQUIRE(cluster.converges());
  REQUIRE(eventually([&] { return cluster[0].engine().compact({}).is_ok() && cluster[0].images() == 4; }));
  cut_log(cluster[0]);
  cluster[1].stop();
  cluster[1].lose_directory(std::move(backup));
  // b made no commit between, so only a's collection floor shows that it lost something.
  cluster.start(1);
  REQUIRE(cluster.converges());
  CHECK_FALSE(cluster[1].get("k0"));
  CHECK(cluster[1].images() == 4);
}

TEST_CASE("A standalone replicator commits, refuses peers, collects its dead rows and gives its log back") {
  auto engine = new_memory_engine();
  auto clock = new_hybrid_clock();
  auto resolver = new_last_write_wins_resolver();
  auto replicator = new_standalone_replicator();
  ReplicatorServices services;
  services.engine = engine.get();
  services.clock = clock.get();
  services.resolver = resolver.get();
  services.self = NodeId{"alone"};
  REQUIRE(replicator->start(services).is_ok());
  CHECK(replicator->add_peer({NodeId{"b"}, "b"}).code() == StatusCode::kUnsupported);
  const auto insert = [&](const std::string& key, std::size_t size) {
    CommitRequest request;
    request.view_sequence = engine->view()->sequence();
    request.dependencies = replicator->applied(nullptr).value();
    request.writes.push_back({RowWrite::Kind::kInsert, kTable, key, {}, {{ColumnId{1}, std::string(size, 'x')}}});
    return replicator->commit(std::move(request));
  };
  const auto first = insert("a", 10);
  REQUIRE(first);
  CommitRequest erase;
  erase.view_sequence = engine->view()->sequence();
  erase.dependencies = replicator->applied(nullptr).value();
  erase.writes.push_back({RowWrite::Kind::kDelete, kTable, "a", WriteId{first->stamp, first->dot.origin}, {}});
  REQUIRE(replicator->commit(std::move(erase)));
  REQUIRE(engine->compact({}).is_ok());  // asks
  REQUIRE(insert("b", 10));              // answers
  REQUIRE(engine->compact({}).is_ok());
  CHECK(replicator->status().tombstones_collected == 1);
  for (int i = 0; i < 6; ++i) REQUIRE(insert("big" + std::to_string(i), 1 << 20));
  CHECK(engine->log_begin() > LogPosition{1, 0});
  replicator->stop();
  replicator->stop();
  CHECK(insert("c", 1).error().code() == StatusCode::kAborted);
}

TEST_CASE("A standalone replicator gives no log back that it has not noted, also of a commit that is not visible yet") {
  HookedEngine engine;
  auto clock = new_hybrid_clock();
  auto resolver = new_last_write_wins_resolver();
  auto replicator = new_standalone_replicator();
  ReplicatorServices services;
  services.engine = &engine;
  services.clock = clock.get();
  services.resolver = resolver.get();
  services.self = NodeId{"alone"};
  REQUIRE(replicator->start(services).is_ok());
  const auto insert = [&](const std::string& key, std::size_t size) {
    CommitRequest request;
    request.view_sequence = engine.view()->sequence();
    request.writes.push_back({RowWrite::Kind::kInsert, kTable, key, {}, {{ColumnId{1}, std::string(size, 'x')}}});
    return replicator->commit(std::move(request));
  };
  // When the first commit is about to give the log back, a second one gets as far as the log.
  rt::Atomic<bool> logged{false}, noted{false}, was_noted{false}, inserted{false};
  rt::Thread second;
  engine.before_log_end = [&] {
    engine.after_wait = [&] {
      logged.store(true);
      was_noted.store(eventually([&] { return noted.load(); }));
    };
    second = rt::Thread("second", [&] { inserted.store(insert("second", 1).is_ok()); });
    CHECK(eventually([&] { return logged.load(); }));
  };
  REQUIRE(insert("first", 5 << 20));
  replication::NodeState state(engine);
  REQUIRE(state.load().is_ok());
  const auto start = state.log_start();
  noted.store(true);
  REQUIRE(second.joinable());
  second.join();
  CHECK(was_noted.load());
  CHECK(inserted.load());
  REQUIRE(start);
  CHECK(start->position == engine.log_begin());
  const OriginId origin = replicator->status().origin;
  CHECK(start->vector.get(origin).sequence == 2);
  replicator->stop();
}
