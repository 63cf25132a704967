// The LSM engine: log, memtables, levels of tables. docs/ARCHITECTURE.md walks through a write; README.md lists the rooms.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/engine_listener.hpp"
#include "ldb/executor.hpp"
#include "ldb/file_system.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/storage_engine.hpp"
#include "storage/cache/block_cache.hpp"
#include "storage/cache/table_cache.hpp"
#include "storage/compaction/compaction_picker.hpp"
#include "storage/compaction/compaction_turns.hpp"
#include "storage/compaction/piecewise_job.hpp"
#include "storage/compaction/rate_limiter.hpp"
#include "storage/manifest/manifest.hpp"
#include "storage/memtable/memtable.hpp"
#include "storage/open_views.hpp"
#include "storage/sstable/table_builder.hpp"
#include "storage/wal/log.hpp"
#include "storage/write_pacing.hpp"

namespace ldb::storage {

class BatchReader;
class LsmEngine;

/// What a read looks at, frozen: a read takes a share and is not disturbed by flushes and compactions.
struct ReadState : std::enable_shared_from_this<ReadState> {
  std::shared_ptr<Memtable> active;
  std::vector<std::shared_ptr<Memtable>> immutables;  // newest first
  std::shared_ptr<const Version> version;
};

/// A batch in the write queue. Owned by the caller of submit(); its destructor waits if nobody did.
struct LsmWrite final : StorageEngine::PendingWrite {
  explicit LsmWrite(LsmEngine& e) : engine(e) {}
  LsmWrite(const LsmWrite&) = delete;
  LsmWrite& operator=(const LsmWrite&) = delete;
  ~LsmWrite() override;

  LsmEngine& engine;
  std::string body;  // encoded by the submitting thread, so that the leader only copies
  std::uint64_t body_checksum = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t sequences = 0;  // 0: nothing to log, only a sync
  std::uint8_t flags = 0;
  SyncPolicy sync = SyncPolicy::kOs;
  bool switch_memtable = false;  // flush(): start a new memtable behind this write
  bool finished = true;          // by its owner; false once it is in the queue

  // Guarded by the engine's queue mutex.
  LsmWrite* next = nullptr;
  bool done = false;
  bool waiting = false;
  Status status;
  rt::CondVar wake_up;
};

/// Lock order: ingest_mutex_ or checkpoint_mutex_, then manifest_mutex_, then mutex_; queue_mutex_ and those of
/// the parts are leaves.
class LsmEngine final : public StorageEngine {
 public:
  static Result<std::unique_ptr<StorageEngine>> open(const std::string& directory, const EngineOptions& options);
  ~LsmEngine() override;

  Result<std::unique_ptr<PendingWrite>> submit(WriteBatch batch, SyncPolicy sync) override;
  Result<std::uint64_t> wait(std::unique_ptr<PendingWrite> write) override;
  Result<std::uint64_t> write(WriteBatch batch, SyncPolicy sync) override;
  Status throttle() override;
  std::unique_ptr<ReadView> view() override;
  Result<std::optional<std::string>> get(const ReadView* view, std::string_view key) override;
  Result<std::vector<std::optional<std::string>>> multi_get(const ReadView* view,
                                                            std::span<const std::string_view> keys) override;
  Result<std::uint64_t> newest_sequence(std::string_view key) override;
  Result<std::unique_ptr<Iterator>> iterate(const ReadView* view, KeyRange range) override;
  Status sync() override;
  LogPosition log_end() const override { return log_->end(); }
  LogPosition log_begin() const override { return log_->begin(); }
  Result<std::unique_ptr<ChangeReader>> changes(LogPosition from) override;
  void release_log(LogPosition position) override;
  void set_log_listener(std::function<void()> listener) override;
  void set_collection_policy(const CollectionPolicy* policy) override;
  Status flush() override;
  Status compact(const KeyRange& range) override;
  Result<std::uint64_t> ingest(SortedSource& source) override;
  Status checkpoint(const std::string& directory) override;
  std::uint64_t approximate_size(const KeyRange& range) override;
  std::size_t memory_usage() const override;
  std::vector<EngineProperty> properties() override;
  std::vector<EngineTable> tables() override;
  std::string_view name() const override { return "lsm"; }
  Status close() override;

  /// Blocks until the write is done; also called by forgotten writes.
  void finish(LsmWrite& write);

 private:
  LsmEngine(std::string directory, const EngineOptions& options);

  // lsm_open.cpp
  Status start();
  Status check_tables(const ManifestState& state) const;
  Status replay(LogPosition at, const RecordHeader& header, std::string_view body);
  Status name_first_segment(LogPosition first);
  void remove_orphans();

  // lsm_write.cpp: all but submit() by the leader, one thread at a time.
  static constexpr std::size_t kMaxGroupBytes = 1 << 20;
  static constexpr std::size_t kMaxGroupWrites = 1024;
  Status prepare(LsmWrite& write, WriteBatch batch, SyncPolicy sync) const;
  Status enqueue(LsmWrite& write) LDB_REQUIRES(queue_mutex_);
  void finish_locked(LsmWrite& write) LDB_REQUIRES(queue_mutex_);
  Status enqueue_and_finish(LsmWrite& write);
  /// Before a sync: lets writers who were here a moment ago come back, so that it serves them, too.
  void gather(const LsmWrite& leader) LDB_REQUIRES(queue_mutex_);
  void take_group(LsmWrite& until, std::vector<LsmWrite*>& group) LDB_REQUIRES(queue_mutex_);
  /// Whatever goes wrong, the leader goes on and gives its place away.
  Status commit_group(const std::vector<LsmWrite*>& group) noexcept;
  Status log_and_apply(const std::vector<LsmWrite*>& group);
  Status log_group(const std::vector<LsmWrite*>& group);
  Status make_room();
  Status wait_for_room();
  WriteBacklog backlog() const;
  template <class Wait>
  void count_stall(const Wait& wait) {
    const std::int64_t start = rt::monotonic_ns();
    wait();
    counters_.stalls.fetch_add(1, std::memory_order_relaxed);
    counters_.stall_ns.fetch_add(static_cast<std::uint64_t>(rt::monotonic_ns() - start), std::memory_order_relaxed);
  }
  void switch_memtable() LDB_REQUIRES(mutex_);
  /// False when the batch is damaged.
  static bool insert(MemtableFeed& feed, BatchReader& batch, std::uint64_t sequence);
  void notify_log_listener();

  // lsm_background.cpp
  void schedule() LDB_REQUIRES(mutex_);
  bool submit_task(TaskPriority priority, void (LsmEngine::*task)()) LDB_REQUIRES(mutex_);
  /// After schedule(): not ok when the executor has refused such tasks for a long time, so that waiting would have no end.
  Status executor_status(TaskPriority priority) const LDB_REQUIRES(mutex_);
  /// close() waits until task_done(). kAborted when it was called already.
  Status begin_task();
  void task_done() LDB_REQUIRES(mutex_);
  void run_flush();
  /// Takes the flush that was asked for so long ago, if there is one: the caller is to run it.
  bool take_flush(std::int64_t patience_ns);
  void flush_now();
  /// For compactions, now and then: when these hold all threads, or sleep on them, writers would wait for their end.
  void flush_if_no_thread_is_free();
  /// The failure of a flush that began behind the first `begun` ones, if the last such failed. An older failure (the disk may
  /// have been full then) makes nobody wait: it is tried again now.
  Status failure_since(std::uint64_t begun) LDB_REQUIRES(mutex_);
  void run_compaction();
  bool compact_once();
  void trim_free_blocks();
  void run_upkeep();
  struct Flush;
  Status flush_memtables(VersionEdit& edit);
  Status write_flush(Flush& flush, VersionEdit& edit);
  Status flush_piece(const Flush& flush, KeyPiece& piece);
  Status compact_tables(const CompactionJob& job);
  Status compact_tables(const CompactionJob& job, VersionEdit& edit);
  Status write_compaction(const CompactionJob& job, VersionEdit& edit);
  struct Compaction;
  Status compact_piece(const Compaction& compaction, KeyPiece& piece);
  std::uint64_t target_table_bytes() const;
  std::optional<CompactionJob> pick_range(int level, const KeyRange& range, std::uint64_t written_since) LDB_REQUIRES(mutex_);
  Result<std::optional<std::string>> compact_level_range(int level, const KeyRange& range, std::uint64_t written_since);
  /// Makes the edit durable and current. It replaces the `flushed` oldest memtables. After a failure the files of its new tables
  /// are gone, now or when it is certain that no manifest names them.
  Status install(VersionEdit& edit, std::size_t flushed = 0);
  /// Before more is written to a disk that may be full: takes back what earlier failures left.
  Status settle_manifest();
  Status write_edit(const VersionEdit& edit) LDB_REQUIRES(manifest_mutex_);
  void remove_files(const std::vector<std::string>& names);
  Status upkeep_log();
  /// For long tasks, now and then: when these hold all threads, the log's next segment would come too late for writers.
  void prepare_log();
  void remove_obsolete_files();
  void note_failure(Status& where, const Status& status, std::string_view what) LDB_REQUIRES(mutex_);
  void set_read_state(std::shared_ptr<const ReadState> state) LDB_REQUIRES(mutex_);
  void update_pressure() LDB_REQUIRES(mutex_);
  TableOptions table_options() const;

  // lsm_pieces.cpp
  /// Adds the tables that `work` makes of the pieces between the cuts to the edit; when one fails, none.
  Status write_pieces(TaskPriority priority, const std::vector<std::string>& cuts, PiecewiseJob::Work work, int level,
                      VersionEdit& edit);
  void lend_threads(TaskPriority priority, const std::shared_ptr<PiecewiseJob>& job);
  struct PieceInput;
  /// Writes the tables of a piece: what of the input lies inside and survives the sieve.
  Status write_piece(KeyPiece& piece, PieceInput input);

  // lsm_ingest.cpp
  Result<std::uint64_t> ingest_run(SortedSource& source, EngineEvent& event);
  Status build_run(SortedSource& source, std::uint64_t sequence, std::vector<TableMeta>& tables);
  Status add_run(const std::vector<TableMeta>& tables, std::uint64_t sequence, bool& installing);
  Status settle_failed_ingest(const Status& failure);
  Status lead_alone(std::uint64_t sequence, const std::function<Status()>& work);
  void commit_detached(LsmWrite* head);
  Status flush_overlapping(std::string_view lower, std::string_view upper);
  /// The caller compacts, or keeps the levels as they are, until end_compaction().
  Status claim_compaction();
  void end_compaction();

  // lsm_checkpoint.cpp
  Status make_checkpoint(const std::string& directory);
  Status copy_to(const std::string& directory, ManifestState state, LogPosition end);
  Status copy_segment(std::uint64_t number, std::uint64_t limit, const std::string& directory, std::span<char> buffer);

  // lsm_inspect.cpp
  void tell(const EngineEvent& event) const {
    if (options_.listener != nullptr) options_.listener->on_event(event);
  }
  void tell_error(const Status& status) const;
  void tell_compaction(EngineEventKind kind, const CompactionJob& job, const VersionEdit& edit, std::int64_t started_ns,
                       const Status& status) const;
  void tell_flush(EngineEventKind kind, const VersionEdit& edit, std::int64_t started_ns, const Status& status) const;
  void tell_stall(bool stalled);
  void tell_segment();  // by the leader
  void add_amplification(std::vector<EngineProperty>& properties) const;

  std::shared_ptr<const ReadState> read_state() const;
  struct Moment {
    std::shared_ptr<const ReadState> state;
    std::uint64_t sequence;
  };
  /// What the view shows, or the newest state; for reads of more than one key.
  Moment moment(const ReadView* view) const;
  /// Under the read's guard: the state, and a share of it should the read have to leave its guard.
  const ReadState& state_for(PointRead& read) const;
  /// What find() found; nullopt: nothing, or a deletion.
  Result<std::optional<std::string>> value_in(const ReadState& state, PointRead& read) const;
  Status find(const ReadState& state, PointRead& read) const;
  Status find_in_table(const TablePtr& table, PointRead& read, std::uint64_t& tombstone) const;
  Status usable() const;
  void log_line(LogLevel level, const std::string& line) const;
  std::string path(std::string_view name) const;

  // Constant after start().
  const std::string directory_;
  const EngineOptions options_;
  FileSystem& fs_;
  std::unique_ptr<FileLock> directory_lock_;
  std::unique_ptr<Executor> own_executor_;
  Executor* executor_ = nullptr;
  const std::shared_ptr<ObsoleteTables> obsolete_;
  mutable rt::EpochDomain epochs_;  // of read states, open tables and cached blocks
  BlockCache block_cache_;
  mutable TableCache table_cache_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<RateLimiter> rate_limiter_;  // of compactions; null: no limit

  rt::Atomic<bool> closed_{false};
  rt::Atomic<std::uint64_t> published_{0};  // the newest sequence that readers may see
  OpenViews views_;

  // Write queue.
  rt::Mutex queue_mutex_;
  LsmWrite* queue_head_ LDB_GUARDED_BY(queue_mutex_) = nullptr;
  LsmWrite* queue_tail_ LDB_GUARDED_BY(queue_mutex_) = nullptr;
  std::size_t queue_size_ LDB_GUARDED_BY(queue_mutex_) = 0;
  /// What gather() goes by.
  struct Gathering {
    std::size_t writers = 0;    // of the last group, and those who waited behind it
    std::int64_t group_ns = 0;  // what a group with a sync takes; smoothed
    unsigned pause = 0;         // groups for which it is not tried, since nobody came
  };
  Gathering gathering_ LDB_GUARDED_BY(queue_mutex_);
  bool leader_active_ LDB_GUARDED_BY(queue_mutex_) = false;
  std::uint64_t next_sequence_ LDB_GUARDED_BY(queue_mutex_) = 1;
  rt::CondVar leader_gone_;
  // The leader's own.
  std::vector<LsmWrite*> group_;
  std::uint64_t segment_told_ = 0;      // log segment that the listener knows of
  std::shared_ptr<Memtable> active_;    // same as in the read state
  std::uint64_t upkeep_asked_for_ = 0;  // log segment whose successor was asked for

  // The tree.
  const std::shared_ptr<BlockPool> memtable_blocks_ = std::make_shared<BlockPool>(
      2 * options_.memtable_bytes,  // a flush may take as many; writers are about to fill them again
      options_.memtable_bytes >= 16 * BlockPool::kLargeBlockBytes ? BlockPool::kLargeBlockBytes : BlockPool::kBlockBytes);
  rt::Atomic<std::uint64_t> published_at_trim_{0};  // last sequence when a task last ended
  rt::Mutex ingest_mutex_;                          // one ingestion at a time; before all others
  rt::Mutex checkpoint_mutex_;                      // likewise
  rt::Mutex manifest_mutex_;                        // held while an edit is written
  ManifestState state_ LDB_GUARDED_BY(manifest_mutex_);
  std::unique_ptr<ManifestWriter> manifest_ LDB_GUARDED_BY(manifest_mutex_);
  std::vector<std::string> leftovers_ LDB_GUARDED_BY(manifest_mutex_);  // manifests that were given up, and tables only they name
  rt::Atomic<std::uint64_t> next_file_number_{1};

  mutable rt::Mutex mutex_;
  rt::CondVar changed_;  // background work was done, or failed
  bool stopping_ LDB_GUARDED_BY(mutex_) = false;
  unsigned tasks_ LDB_GUARDED_BY(mutex_) = 0;
  std::optional<std::int64_t> flush_asked_since_ns_ LDB_GUARDED_BY(mutex_);  // none: taken, or not wanted
  bool flush_queued_ LDB_GUARDED_BY(mutex_) = false;                         // a task for it waits for a thread
  bool flush_running_ LDB_GUARDED_BY(mutex_) = false;
  CompactionTurns turns_ LDB_GUARDED_BY(mutex_);
  bool upkeep_running_ LDB_GUARDED_BY(mutex_) = false;
  bool upkeep_wanted_ LDB_GUARDED_BY(mutex_) = false;
  Status flush_failure_ LDB_GUARDED_BY(mutex_);
  std::uint64_t flushes_begun_ LDB_GUARDED_BY(mutex_) = 0;
  std::uint64_t flush_failed_ LDB_GUARDED_BY(mutex_) = 0;  // number of the last that failed
  Status compaction_failure_ LDB_GUARDED_BY(mutex_);
  Status upkeep_failure_ LDB_GUARDED_BY(mutex_);
  std::int64_t retry_at_ns_ LDB_GUARDED_BY(mutex_) = 0;
  /// When the executor refused what it was asked, with nothing accepted meanwhile.
  struct Refusals {
    std::int64_t since_ns = 0;
    std::int64_t last_ns = 0;
  };
  Refusals refusals_[2] LDB_GUARDED_BY(mutex_);  // of each priority
  CompactionPicker picker_ LDB_GUARDED_BY(mutex_);
  const CollectionPolicy* policy_ LDB_GUARDED_BY(mutex_) = nullptr;
  /// kNone: writers need not look any closer.
  enum class Pressure : std::uint8_t { kNone, kBacklog, kFailure };
  rt::Atomic<Pressure> pressure_{Pressure::kNone};
  rt::Atomic<std::uint64_t> writes_under_pressure_{0};
  rt::Atomic<std::uint64_t> flush_progress_{0};  // bytes of waiting memtables that the flush under way has behind it
  rt::Atomic<std::int64_t> stalled_since_{0};    // 0: the listener was not told of a stall

  std::shared_ptr<const ReadState> read_state_ LDB_GUARDED_BY(mutex_);
  rt::Atomic<const ReadState*> fast_read_state_{nullptr};  // the same, for readers under a guard

  rt::Mutex listener_mutex_;
  std::function<void()> listener_ LDB_GUARDED_BY(listener_mutex_);

  struct Counters {
    rt::Atomic<std::uint64_t> writes{0}, groups{0}, user_bytes{0}, flushes{0}, flush_bytes{0}, compactions{0}, moves{0},
        compaction_read_bytes{0}, compaction_write_bytes{0}, entries_dropped{0}, stalls{0}, stall_ns{0}, ingested_bytes{0};
  } counters_;
};

}  // namespace ldb::storage
