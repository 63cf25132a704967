// StorageEngine over RocksDB.
#pragma once

#include <rocksdb/db.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/engine_listener.hpp"
#include "ldb/storage_engine.hpp"
#include "storage/open_views.hpp"
#include "storage/range_tombstone.hpp"
#include "storage/rocksdb/rocksdb_records.hpp"

namespace ldb::storage {

/// A batch in line. Shared by the queue and by whoever waits, so that a forgotten one is still applied when a later one is.
struct RocksDbWrite {
  WriteBatch batch;
  SyncPolicy sync = SyncPolicy::kOs;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  bool done = false;  // guarded by the engine's queue mutex, like status
  Status status;
};

/// Recent range deletions, which RocksDB applies but will not tell of: newest_sequence() needs them while a view is older.
class RecentRanges {
 public:
  void add(RangeTombstone tombstone, std::uint64_t horizon);
  /// The newest that covers `key`; 0 when there is none.
  std::uint64_t covering(std::string_view key) const;

 private:
  static constexpr std::size_t kMaxRanges = 4096;
  mutable rt::Mutex mutex_;
  std::vector<RangeTombstone> ranges_ LDB_GUARDED_BY(mutex_);
};

/// Writers elect a leader, who turns the queue into one batch of RocksDB. Lock order: ingest_mutex_, then queue_mutex_; the
/// others are leaves. Any thread.
class RocksDbEngine final : public StorageEngine {
 public:
  static Result<std::unique_ptr<StorageEngine>> open(const std::string& directory, const EngineOptions& options);
  ~RocksDbEngine() override;

  // rocksdb_write.cpp
  Result<std::unique_ptr<PendingWrite>> submit(WriteBatch batch, SyncPolicy sync) override;
  Result<std::uint64_t> wait(std::unique_ptr<PendingWrite> write) override;
  Status sync() override;
  void release_log(LogPosition position) override;
  Result<std::uint64_t> ingest(SortedSource& source) override;

  // rocksdb_engine.cpp
  std::unique_ptr<ReadView> view() override;
  Result<std::optional<std::string>> get(const ReadView* view, std::string_view key) override;
  Result<std::vector<std::optional<std::string>>> multi_get(const ReadView* view,
                                                            std::span<const std::string_view> keys) override;
  Result<std::uint64_t> newest_sequence(std::string_view key) override;
  Result<std::unique_ptr<Iterator>> iterate(const ReadView* view, KeyRange range) override;
  LogPosition log_end() const override { return {1, log_synced_.load(std::memory_order_acquire)}; }
  LogPosition log_begin() const override { return {1, log_begin_.load(std::memory_order_acquire)}; }
  Result<std::unique_ptr<ChangeReader>> changes(LogPosition from) override;
  void set_log_listener(std::function<void()> listener) override;
  void set_collection_policy(const CollectionPolicy* policy) override;
  Status flush() override;
  Status compact(const KeyRange& range) override;
  Status checkpoint(const std::string& directory) override;
  std::uint64_t approximate_size(const KeyRange& range) override;
  std::size_t memory_usage() const override;
  std::vector<EngineProperty> properties() override;
  std::vector<EngineTable> tables() override;
  std::string_view name() const override { return "rocksdb"; }
  Status close() override;

  /// For the change reader.
  Result<std::optional<ChangeReader::Change>> change_at(LogPosition& position) const;
  /// For the compaction filter: what every view sees alike.
  std::uint64_t horizon() const { return views_.list(published_).front(); }
  bool collectible(std::string_view key, std::string_view value) const;

 private:
  RocksDbEngine(std::string directory, const EngineOptions& options) : directory_(std::move(directory)), options_(options) {}
  Status start();
  Status open_files();
  Status usable() const;
  Result<RocksDbState> read_state(const rocksdb::Snapshot* snapshot) const;

  // rocksdb_write.cpp
  Status commit(const std::vector<std::shared_ptr<RocksDbWrite>>& group);
  Status fill(rocksdb::WriteBatch& out, const RocksDbWrite& write);
  Status trim_log(rocksdb::WriteBatch& out, std::uint64_t up_to, std::uint64_t max_bytes);
  void become_leader() LDB_REQUIRES(queue_mutex_);
  /// As leader: commits what is queued up to a sequence. Lets go of the mutex meanwhile.
  void drain(std::uint64_t up_to) LDB_REQUIRES(queue_mutex_);
  std::vector<std::shared_ptr<RocksDbWrite>> take_group() LDB_REQUIRES(queue_mutex_);
  void publish(const RocksDbState& state, bool synced);
  Status write_run(SortedSource& source, std::uint64_t sequence, const std::string& path, std::uint64_t& entries);
  Status add_run(const std::string& path, std::uint64_t sequence);

  const std::string directory_;
  const EngineOptions options_;
  rocksdb::Options db_options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* data_ = nullptr;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::ColumnFamilyHandle* state_family_ = nullptr;

  mutable rt::SharedMutex files_mutex_;  // shared while the database is in use, exclusive to close it
  rt::Atomic<bool> closed_{false};
  rt::Atomic<std::uint64_t> published_{0};
  rt::Atomic<std::uint64_t> log_begin_{0};
  rt::Atomic<std::uint64_t> log_synced_{0};
  OpenViews views_;
  RecentRanges recent_ranges_;

  rt::Mutex ingest_mutex_;
  rt::Mutex queue_mutex_;
  std::deque<std::shared_ptr<RocksDbWrite>> queue_ LDB_GUARDED_BY(queue_mutex_);
  std::uint64_t next_sequence_ LDB_GUARDED_BY(queue_mutex_) = 1;
  bool leader_active_ LDB_GUARDED_BY(queue_mutex_) = false;
  Status failed_ LDB_GUARDED_BY(queue_mutex_);  // what RocksDB holds is unknown until it is reopened
  rt::CondVar progress_;
  RocksDbState state_;  // the leader's own

  mutable rt::SharedMutex policy_mutex_;
  const CollectionPolicy* policy_ LDB_GUARDED_BY(policy_mutex_) = nullptr;
  rt::Mutex listener_mutex_;
  std::function<void()> listener_ LDB_GUARDED_BY(listener_mutex_);
};

}  // namespace ldb::storage
