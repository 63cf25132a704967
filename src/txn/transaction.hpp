// RowTransaction: reads from a view, own writes on top, one commit at the end.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/replicator.hpp"
#include "ldb/row_store.hpp"
#include "txn/pending_rows.hpp"
#include "txn/read_tracker.hpp"

namespace ldb::txn {

/// What transactions of one store share; borrowed.
struct StoreServices {
  StorageEngine& engine;
  Replicator& replicator;
  const rt::Atomic<RowIndexer*>& indexer;
};

/// A view of the newest state that shows no part of a whole-state copy. kUnavailable while the node cannot serve.
Result<std::shared_ptr<const ReadView>> readable_view(const StoreServices& services);

/// Optimistic: nothing is locked before commit, and the first committer wins (docs/REPLICATION.md section 4).
class StoreTransaction final : public RowTransaction {
 public:
  StoreTransaction(const StoreServices& services, const TransactionOptions& options, std::shared_ptr<const ReadView> view);

  Result<std::optional<std::string>> get(TableId table, std::string_view key) override;
  Result<std::unique_ptr<RowCursor>> scan(TableId table, const KeyRange& keys, bool reverse) override;
  Result<std::unique_ptr<RowCursor>> scan_index(IndexId index, const KeyRange& entries, bool reverse) override;
  void own_index(IndexId index) override { own_indexes_.insert(index); }

  Status insert(TableId table, std::string_view key, std::vector<CellWrite> cells) override;
  Status update(TableId table, std::string_view key, std::vector<CellWrite> cells) override;
  Status erase(TableId table, std::string_view key) override;
  Status upsert(TableId table, std::string_view key, std::vector<CellWrite> cells) override;
  void require(CommitRequirement requirement) override { requirements_.push_back(std::move(requirement)); }

  std::size_t savepoint() override;
  Status rollback_to(std::size_t savepoint) override;

  void begin_statement() override;
  bool has_writes() const override { return !pending_.empty(); }
  std::uint64_t view_sequence() const override { return view_->sequence(); }
  const TransactionOptions& options() const override { return options_; }
  const ReadView& view() const override { return *view_; }

  Result<CommitOutcome> commit() override;
  void rollback() override;

 private:
  Status check_unfinished() const;
  /// Also that the present statement has a view.
  Status check_open() const;
  Status check_writable() const;
  /// The row's image before this transaction wrote it; not read when it has written it.
  Result<std::optional<std::string>> base_of(const std::string& row_key);
  Status check_ready(IndexId index);
  Status check_older_writes() const;
  bool tracks_reads() const { return options_.isolation == IsolationLevel::kSerializable && !options_.read_only; }

  const StoreServices services_;
  const TransactionOptions options_;
  std::shared_ptr<const ReadView> view_;  // shared with open cursors
  // The first under which a row was written, kept open: of what is older than all views the engine forgets when it changed.
  std::shared_ptr<const ReadView> oldest_view_;
  PendingRows pending_;
  ReadTracker reads_;  // kSerializable only
  std::set<IndexId> own_indexes_;
  std::set<IndexId> ready_indexes_;  // found ready in view_
  std::vector<CommitRequirement> requirements_;
  std::vector<std::size_t> requirements_at_savepoint_;
  Status viewless_;  // why the present statement could have no view
  bool finished_ = false;
};

}  // namespace ldb::txn
