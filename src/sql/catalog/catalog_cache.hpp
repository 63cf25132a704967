// CatalogCache: the node's current catalog, and everything that must follow when it changes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/row_store.hpp"
#include "sql/catalog/catalog.hpp"

namespace ldb::sql {

/// One per node. Any thread.
///
/// It is the RowIndexer of the layers below: index entries are made by the newest catalog that was loaded, and by the catalogs of
/// transactions that have made tables or indexes and not committed yet ("pending"; their ids are nobody else's). A commit that
/// changes system tables marks the catalog stale; it is loaded anew by the next current(), or by a thread that follows, which
/// then builds indexes that are not ready on this node and removes the data of what was dropped. It has a thread of its own
/// because it writes, and writers may have to wait for work of the storage engine on the node's executor.
class CatalogCache final : public RowIndexer {
 public:
  CatalogCache() = default;
  ~CatalogCache() override { stop(); }

  /// Loads the catalog, builds what is not ready, removes leftovers. Blocks.
  Status start(RowStore* rows, LogSink* log_sink);
  /// Waits for what the thread that follows changes is at; it does no more. Idempotent; one thread at a time.
  void stop();

  /// The newest committed catalog. Blocks on storage when it has to be loaded.
  Result<std::shared_ptr<const Catalog>> current();
  /// A number no catalog has had.
  std::uint64_t new_version() { return next_version_.fetch_add(1) + 1; }

  /// Index::ready of a catalog loaded inside a transaction: ready in its view, or in `own_ready`.
  void mark_ready(Catalog& catalog, const ReadView& view, const std::set<IndexId>& own_ready);
  /// Makes entries for the tables and indexes of an uncommitted catalog; null: no more.
  void set_pending(const void* owner, std::shared_ptr<const Catalog> catalog);

  /// Builds indexes and removes leftovers now, on this thread: for the end of a local schema change.
  Status maintain();

  Status index_entries(TableId table, std::string_view key, std::string_view image, std::vector<IndexEntry>& out) const override;
  Status references(TableId table, std::string_view key, std::string_view image, std::vector<RowReference>& out) const override;
  Status referrers(TableId table, std::string_view key, std::string_view image, std::vector<RowReference>& out) const override;
  Result<std::string> primary_key_of_entry(IndexId index, std::string_view entry) const override;
  std::optional<TableId> table_ended_by(TableId table, std::string_view key) const override;
  Result<std::optional<WriteId>> ended(TableId table) const override;
  void catalog_changed(std::uint64_t sequence) override;

 private:
  using CatalogPtr = std::shared_ptr<const Catalog>;

  Status load() LDB_REQUIRES(load_mutex_);
  Status maintain_locked() LDB_REQUIRES(maintain_mutex_);
  Status build_indexes(bool& built) LDB_REQUIRES(maintain_mutex_);
  Status check_foreign_keys() LDB_REQUIRES(maintain_mutex_);
  Status sweep() LDB_REQUIRES(maintain_mutex_);
  void follow_changes();
  CatalogPtr published() const;
  bool is_pending(TableId table) const;
  /// Does the newest state have the row that makes a relation exist, and was it not dropped?
  Result<bool> relation_exists(TableId table) const;
  bool is_pending(IndexId index) const;

  RowStore* rows_ = nullptr;
  LogSink* log_ = nullptr;
  rt::Atomic<std::uint64_t> next_version_{0};
  rt::Atomic<std::uint64_t> changes_{1};  // bumped by every change; `loaded_changes_` says which one the catalog shows

  rt::Mutex maintain_mutex_;  // taken before load_mutex_
  rt::Mutex load_mutex_;      // one loader at a time; taken before state_mutex_
  mutable rt::SharedMutex state_mutex_;
  CatalogPtr catalog_ LDB_GUARDED_BY(state_mutex_);
  std::uint64_t loaded_changes_ LDB_GUARDED_BY(state_mutex_) = 0;
  std::map<const void*, CatalogPtr> pending_ LDB_GUARDED_BY(state_mutex_);

  rt::Thread follower_;
  rt::Mutex follower_mutex_;
  rt::CondVar changed_;
  bool is_behind_ LDB_GUARDED_BY(follower_mutex_) = false;
  bool stopping_ LDB_GUARDED_BY(follower_mutex_) = false;
};

}  // namespace ldb::sql
