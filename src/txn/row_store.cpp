#include "txn/row_store.hpp"

#include "base/rt/rt.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"
#include "txn/transaction.hpp"

namespace ldb {

Status RowIndexer::references(TableId, std::string_view, std::string_view, std::vector<RowReference>&) const { return {}; }
Status RowIndexer::referrers(TableId, std::string_view, std::string_view, std::vector<RowReference>&) const { return {}; }
Result<std::string> RowIndexer::primary_key_of_entry(IndexId, std::string_view) const {
  return Status(StatusCode::kInternal, "an indexer that knows no foreign keys was asked for an entry's row");
}

std::optional<TableId> RowIndexer::table_ended_by(TableId, std::string_view) const { return std::nullopt; }
Result<std::optional<WriteId>> RowIndexer::ended(TableId) const { return std::optional<WriteId>(); }

}  // namespace ldb

namespace ldb::txn {
namespace {

class EngineRowStore final : public RowStore {
 public:
  EngineRowStore(StorageEngine& engine, Replicator& replicator) : engine_(engine), replicator_(replicator) {}

  Result<std::unique_ptr<RowTransaction>> begin(const TransactionOptions& options) override {
    const StoreServices services{engine_, replicator_, indexer_};
    std::shared_ptr<const ReadView> view;
    if (options.while_unreadable) {
      view = engine_.view();
    } else {
      LDB_ASSIGN_OR_RETURN(view, readable_view(services));
    }
    return std::unique_ptr<RowTransaction>(std::make_unique<StoreTransaction>(services, options, std::move(view)));
  }

  Result<std::optional<std::string>> get(TableId table, std::string_view key) override {
    const std::string row_key = keys::row(table, key);
    for (;;) {  // until no whole-state copy came between, as readable_view() does
      const std::uint64_t installs = replicator_.installs_begun();
      LDB_TRY(replicator_.readable());
      LDB_ASSIGN_OR_RETURN(std::optional<std::string> image, engine_.get(nullptr, row_key));
      if (replicator_.installs_begun() == installs) return live_image(std::move(image));
    }
  }

  Result<CommitOutcome> put(TableId table, std::vector<WholeRow> rows, SyncPolicy sync) override {
    LDB_TRY(replicator_.readable());
    CommitRequest request;
    request.writes.reserve(rows.size());
    for (WholeRow& row : rows)
      request.writes.push_back({RowWrite::Kind::kInsert, table, std::move(row.key), {}, std::move(row.cells)});
    request.upsert = true;
    request.sync = sync;
    return replicator_.commit(std::move(request));
  }

  void set_indexer(RowIndexer* indexer) override { indexer_.store(indexer); }

  Status build_index(TableId table, IndexId index) override { return replicator_.build_index(table, index); }

  Result<bool> index_ready(IndexId index, const ReadView* view) override {
    LDB_ASSIGN_OR_RETURN(const auto mark, engine_.get(view, keys::index_ready(index)));
    return mark.has_value();
  }

  Status check_foreign_keys(TableId child, std::uint64_t definition) override {
    return replicator_.check_foreign_keys(child, definition);
  }

  Result<std::map<TableId, std::uint64_t>> foreign_keys_checked() override {
    std::map<TableId, std::uint64_t> checked;
    const KeyRange range = keys::foreign_keys_checked_range();
    LDB_ASSIGN_OR_RETURN(const auto marks, engine_.iterate(nullptr, range));
    for (marks->seek_to_first(); marks->valid(); marks->next()) {
      const std::string_view table = marks->key().substr(range.lower->size());
      if (table.size() != 8 || marks->value().size() != 8)
        return Status(StatusCode::kCorruption, "a mark of checked foreign keys");
      checked[TableId{load_u64_be(table.data())}] = load_u64(marks->value().data());
    }
    LDB_TRY(marks->status());
    return checked;
  }

  Status drop_index_data(IndexId index) override {
    WriteBatch batch;
    batch.erase(keys::index_ready(index));
    erase_range(batch, keys::index_entries(index));
    return engine_.write(std::move(batch), SyncPolicy::kOs).status();
  }

  Status drop_table_data(TableId table) override { return replicator_.drop_table_data(table); }

  StorageEngine& engine() override { return engine_; }

 private:
  /// Ranges of one id always have both bounds: the byte of their key space is not 0xff.
  static void erase_range(WriteBatch& batch, const KeyRange& range) { batch.erase_range(*range.lower, *range.upper); }

  StorageEngine& engine_;
  Replicator& replicator_;
  rt::Atomic<RowIndexer*> indexer_{nullptr};
};

}  // namespace

std::unique_ptr<RowStore> new_row_store(StorageEngine& engine, Replicator& replicator) {
  return std::make_unique<EngineRowStore>(engine, replicator);
}

}  // namespace ldb::txn
