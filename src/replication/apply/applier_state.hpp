// Inside of Applier, shared by its source files only.
#pragma once

#include <functional>
#include <memory>

#include "base/rt/rt.hpp"
#include "replication/apply/applier.hpp"
#include "replication/apply/commit_plan.hpp"
#include "replication/apply/recent_writes.hpp"
#include "replication/apply/row_latches.hpp"
#include "replication/apply/stream_state.hpp"
#include "replication/conflict_log.hpp"

namespace ldb {

constexpr std::size_t kRowLatches = 1024;
constexpr std::size_t kUniqueLatches = 256;
/// Stands in for the stamp of a local commit until it is drawn: above every stamp that clocks give.
constexpr Stamp kProvisionalStamp{1ULL << 63};

/// Order of locks: row latches, unique latches, mutex, the conflict log's own.
class Applier::State {
 public:
  State(StorageEngine& engine, Clock& clock, const ConflictResolver& resolver, LogSink& log, const ApplierOptions& options);

  PlanServices plan_services() { return {engine, resolver, indexer.load(), conflicts, row_latches, unique_latches}; }

  /// A batch that has its place in the log.
  struct Submitted {
    std::unique_ptr<StorageEngine::PendingWrite> write;
    std::uint64_t ticket = 0;
    Dot dot;
    Stamp stamp;
    std::size_t rows = 0;
    std::size_t records = 0;
    bool writes_catalog = false;
  };
  /// `payload` makes the commit's payload; it is called when the rows are in the batch.
  Result<Submitted> submit(CommitPlan& plan, Dot dot, Stamp stamp, std::uint64_t previous_hash, WriteId provisional,
                           const std::function<std::string()>& payload, SyncPolicy sync) LDB_REQUIRES(mutex);
  /// Latches and reads the rows, and makes an update of every insert whose row lives.
  Result<LatchedRows> resolve_upserts(std::vector<RowWrite>& writes) LDB_EXCLUDES(mutex);
  Status check_reads(const ReadSet& reads, std::uint64_t view_sequence) LDB_REQUIRES(mutex);
  /// Waits, releases the plan's latches, and does what follows a commit. Returns the sequence from which on views show it.
  Result<std::uint64_t> finish(Submitted&& submitted, CommitPlan& plan) LDB_EXCLUDES(mutex);

  Status store_origin(OriginId origin);
  /// The log failed: nothing more is committed. Returns what the commit under way answers.
  Status halt(const Status& cause) LDB_EXCLUDES(mutex);
  ApplyOutcome not_applied(const ApplyOutcome& outcome);
  ApplyOutcome clock_refused(ApplyOutcome outcome, const Status& why);
  Status refused(const Status& why);

  StorageEngine& engine;
  Clock& clock;
  const ConflictResolver& resolver;
  LogSink& log;
  ConflictLog conflicts;
  LatchStripes row_latches;
  LatchStripes unique_latches;
  rt::Atomic<RowIndexer*> indexer{nullptr};

  mutable rt::Mutex mutex;  ///< commits get dot, stamp and their place in the log under it
  StreamState streams LDB_GUARDED_BY(mutex);
  RecentWrites recent_writes LDB_GUARDED_BY(mutex);
  Status halted LDB_GUARDED_BY(mutex);

  rt::Atomic<std::uint64_t> local_commits{0}, remote_commits{0}, duplicates{0}, rows_written{0}, write_conflicts{0},
      conflicts_recorded{0}, conflicts_evicted{0};
};

}  // namespace ldb
