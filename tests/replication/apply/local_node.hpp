// A row store over an applier, without peers: what transactions need.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/replicator.hpp"
#include "replication/apply/applier.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"
#include "txn/row_store.hpp"

namespace ldb::apply_test {

/// Hands everything to an applier.
class ApplierReplicator final : public Replicator {
 public:
  explicit ApplierReplicator(Applier& applier) : applier_(applier) {}
  Status start(const ReplicatorServices&) override { return {}; }
  void stop() override {}
  Result<CommitOutcome> commit(CommitRequest request) override { return applier_.commit_local(std::move(request)); }
  Result<VersionVector> applied(const ReadView* view) override { return applier_.applied(view); }
  void set_indexer(RowIndexer* indexer) override { applier_.set_indexer(indexer); }
  Status add_peer(const PeerAddress&) override { return Status(StatusCode::kUnsupported, "no peers"); }
  Status remove_peer(const NodeId&) override { return {}; }
  Status readable() const override {
    const Status now = readable_now;
    if (const auto next = std::exchange(after_readable, nullptr)) next();
    return now;
  }
  std::uint64_t installs_begun() const override { return installs; }
  ReplicationStatus status() const override { return {}; }
  Status build_index(TableId table, IndexId index) override { return applier_.build_index(table, index); }
  Status check_foreign_keys(TableId child, std::uint64_t definition) override {
    return applier_.check_foreign_keys(child, definition);
  }
  Status drop_table_data(TableId table) override { return applier_.drop_table_data(table); }
  void handle(const NodeId&, Request, Responder respond) override { respond(Status(StatusCode::kUnsupported, "no peers")); }

  Status readable_now;
  std::uint64_t installs = 0;
  mutable std::function<void()> after_readable;  ///< happens right behind the next answer

 private:
  Applier& applier_;
};

/// Indexes column 1 of one table, uniquely if asked; NULL is not unique. Entries: value, 0, primary key.
class ColumnIndexer final : public RowIndexer {
 public:
  ColumnIndexer(TableId table, IndexId index, bool unique) : table_(table), index_(index), unique_(unique) {}
  static std::string prefix(std::string_view value) { return std::string(value) + '\0'; }

  Status index_entries(TableId table, std::string_view key, std::string_view image, std::vector<IndexEntry>& out) const override {
    if (table != table_ || !known.load()) return {};
    RowImageReader reader;
    LDB_TRY(reader.parse(image));
    RowCell cell;
    if (!reader.find(ColumnId{1}, cell)) return reader.status();
    const std::string values = prefix(cell.is_null ? "\x01" : cell.bytes);
    out.push_back({index_, values + std::string(key), values.size(), unique_ && !cell.is_null});
    return {};
  }
  void catalog_changed(std::uint64_t sequence) override { last_catalog_change.store(sequence); }

  rt::Atomic<bool> known{true};
  rt::Atomic<std::uint64_t> last_catalog_change{0};

 private:
  const TableId table_;
  const IndexId index_;
  const bool unique_;
};

struct LocalNode {
  explicit LocalNode(ApplierOptions options = {}) : LocalNode(new_memory_engine(), options) {}
  explicit LocalNode(std::unique_ptr<StorageEngine> own_engine, ApplierOptions options = {})
      : engine(std::move(own_engine)),
        clock(new_lamport_clock([] { return std::int64_t{1}; })),
        resolver(new_last_write_wins_resolver()),
        applier(*engine, *clock, *resolver, null_log_sink(), options),
        replicator(applier) {
    REQUIRE(applier.open().to_string() == "ok");
    store = txn::new_row_store(*engine, replicator);
  }
  void set_indexer(RowIndexer* indexer) {
    store->set_indexer(indexer);
    applier.set_indexer(indexer);
  }
  std::unique_ptr<RowTransaction> begin(IsolationLevel isolation = IsolationLevel::kSnapshot, bool read_only = false) {
    auto transaction = store->begin({isolation, read_only, SyncPolicy::kNone});
    REQUIRE(transaction.status().to_string() == "ok");
    return std::move(transaction).value();
  }

  std::unique_ptr<StorageEngine> engine;
  std::unique_ptr<Clock> clock;
  std::unique_ptr<ConflictResolver> resolver;
  Applier applier;
  ApplierReplicator replicator;
  std::unique_ptr<RowStore> store;
};

/// One text column with id 1.
inline std::vector<CellWrite> text(std::string value) { return {{ColumnId{1}, std::move(value)}}; }
inline std::string text_of(std::string_view image) {
  RowImageReader reader;
  REQUIRE(reader.parse(image).is_ok());
  RowCell cell;
  REQUIRE(reader.find(ColumnId{1}, cell));
  return cell.is_null ? "NULL" : std::string(cell.bytes);
}

}  // namespace ldb::apply_test
