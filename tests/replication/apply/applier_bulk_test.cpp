// Whole-state copies.
#include "replication/apply/local_node.hpp"
#include "replication/apply/random_cluster.hpp"

namespace ldb::apply_test {

TEST_CASE("Whole-state copies at any time leave every member with the same images in the end") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    RandomCluster cluster(seed + 5000, 3, seed % 2 == 0);
    for (int i = 0; i < 120; ++i) {
      cluster.step();
      if (cluster.random(25) == 0) {
        const std::size_t to = cluster.random(cluster.size());
        cluster.copy((to + 1 + cluster.random(cluster.size() - 1)) % cluster.size(), to);
      }
    }
    cluster.settle();
  }
}

TEST_CASE("A copy removes what was collected there, keeps what the sender has not seen, and clears the indexes") {
  const auto resolver = new_last_write_wins_resolver();
  Member sender(*resolver), receiver(*resolver);
  ColumnIndexer indexer(kTable, IndexId{1}, false);
  receiver.applier->set_indexer(&indexer);
  const auto insert = [](std::string key) { return RowWrite{RowWrite::Kind::kInsert, kTable, std::move(key), {}, text("v")}; };
  REQUIRE(sender.commit({insert("collected"), insert("stays")}).is_ok());
  for (const auto& payload : sender.new_log()) REQUIRE(receiver.applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
  std::string bytes;
  const WriteId birth = sender.image("collected", bytes)->birth;
  REQUIRE(sender.commit({{RowWrite::Kind::kDelete, kTable, "collected", birth, {}}}).is_ok());
  WriteBatch collection;
  collection.erase(keys::row(kTable, "collected"));
  REQUIRE(sender.engine->write(std::move(collection), SyncPolicy::kNone).is_ok());
  REQUIRE(receiver.commit({insert("mine")}).is_ok());
  WriteBatch mark;
  mark.put(keys::index_ready(IndexId{1}), "");
  mark.put(keys::node("bootstrap"), "");
  REQUIRE(receiver.engine->write(std::move(mark), SyncPolicy::kNone).is_ok());

  const auto vector = sender.applier->applied(nullptr).value();
  REQUIRE(receiver.applier->copy_rows(keys::all_rows(), sender.rows(), vector).to_string() == "ok");
  WriteBatch also;
  also.erase(keys::node("bootstrap"));
  REQUIRE(receiver.applier->finish_copy(vector, std::move(also)).to_string() == "ok");

  CHECK_FALSE(receiver.image("collected", bytes));
  CHECK(receiver.image("stays", bytes));
  CHECK(receiver.image("mine", bytes));
  CHECK_FALSE(receiver.engine->get(nullptr, keys::node("bootstrap"))->has_value());
  CHECK_FALSE(receiver.engine->get(nullptr, keys::index_ready(IndexId{1}))->has_value());
  const auto entries = receiver.engine->iterate(nullptr, keys::all_index_entries()).value();
  entries->seek_to_first();
  CHECK_FALSE(entries->valid());
  CHECK(indexer.last_catalog_change.load() != 0);
  // The receiver's own stream goes on, and its stamps are above all it has copied.
  const auto outcome = receiver.commit({insert("next")});
  REQUIRE(outcome.is_ok());
  CHECK(outcome->dot.sequence == 2);
  for (const auto& entry : vector.entries()) CHECK(outcome->stamp > entry.second.stamp);
}

TEST_CASE("A copy that cannot be true is refused") {
  const auto resolver = new_last_write_wins_resolver();
  Member sender(*resolver), receiver(*resolver);
  REQUIRE(sender.commit({{RowWrite::Kind::kInsert, kTable, "x", {}, text("v")}}).is_ok());
  const auto vector = sender.applier->applied(nullptr).value();
  auto rows = sender.rows();
  const auto refused = [&](const KeyRange& range, const VersionVector& v) {
    return receiver.applier->copy_rows(range, rows, v).code() == StatusCode::kCorruption;
  };
  CHECK(refused(keys::all_rows(), {}));                            // newer than the vector
  CHECK(refused({keys::row(kTable, "y"), std::nullopt}, vector));  // outside the range
  rows.push_back(rows[0]);
  CHECK(refused(keys::all_rows(), vector));  // twice
  rows.pop_back();
  rows[0].second.pop_back();
  CHECK(refused(keys::all_rows(), vector));                             // damaged
  rows[0] = {std::string(1, keys::kNodeSpace) + "origin", "12345678"};  // not a row
  CHECK(refused({}, vector));
  CHECK(receiver.rows().empty());
}

}  // namespace ldb::apply_test
