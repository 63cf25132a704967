// The one routine by which commits, local and remote, change rows (docs/REPLICATION.md sections 1 to 4 and 6).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ldb/clock.hpp"
#include "ldb/commit.hpp"
#include "ldb/conflict_resolver.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/row_store.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb {

struct ApplierOptions {
  /// Conflict records kept; beyond it the oldest go first. 0: none are kept.
  std::uint64_t conflict_limit = 100'000;
};

/// What became of a commit that arrived from another node.
struct ApplyOutcome {
  enum class Kind : std::uint8_t {
    kApplied,         ///< it is visible here, and as durable as asked
    kDuplicate,       ///< it was here already (perhaps still on its way to visibility); nothing changed
    kGap,             ///< an earlier commit of its origin, or one it depends on, is missing here; try again when that came
    kClockRefused,    ///< its stamp is too far ahead of this node's clock; hold it and try again later
    kFork,            ///< its origin's stream differs from what this node has applied; the origin is fenced from now on
    kFenced,          ///< its origin was fenced before
    kOwnOriginAhead,  ///< it continues this node's own stream: this node lost state (draw a new origin, then copy the whole
                      ///< state)
  };
  Kind kind = Kind::kApplied;
  Dot dot;
  Stamp stamp;
  std::uint64_t sequence = 0;  ///< kApplied: engine sequence from which on views show it
  std::string detail;          ///< what to tell an operator; empty when applied or duplicate
};

/// `(origin, sequence, applied)`: every commit of `origin` after `sequence` has seen, for the rows it writes, all that `applied`
/// covers.
struct StreamMarker {
  OriginId origin;
  std::uint64_t sequence = 0;
  VersionVector applied;
};

struct ApplierCounters {
  std::uint64_t local_commits = 0;
  std::uint64_t remote_commits = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rows_written = 0;
  std::uint64_t write_conflicts = 0;  ///< local commits refused with kConflict
  std::uint64_t conflicts_recorded = 0;
  std::uint64_t conflicts_evicted = 0;
};

/// Owns the identity of this node's stream, the applied vector, the row latches and the conflict log.
///
/// Any thread, after open() returned ok; blocks for latches and for the log. Everything given is borrowed and outlives the
/// applier; the applier must be idle (no call under way) when it is destroyed. When the log fails under a commit, that commit and
/// all under way give kOutcomeUnknown and every later one kUnavailable, until the engine and the applier are opened anew: then
/// memory and disk agree again.
class Applier {
 public:
  Applier(StorageEngine& engine, Clock& clock, const ConflictResolver& resolver, LogSink& log,
          const ApplierOptions& options = {});
  ~Applier();
  Applier(const Applier&) = delete;
  Applier& operator=(const Applier&) = delete;

  /// Loads, or creates on an empty engine, the origin id and the applied vector; moves the clock past every stamp in it. Once.
  Status open();

  /// Assigns dot and stamp and applies. kConflict: a written row is newer than the view; a requirement's own status when it does
  /// not hold; kInvalidArgument: no writes, two writes to one row, cells out of order; kOutcomeUnknown, kUnavailable: see the
  /// class.
  Result<CommitOutcome> commit_local(CommitRequest request);

  /// Applies a commit as its origin encoded it. A failure (not an outcome) is kCorruption for bytes that are no commit, or an
  /// engine's.
  Result<ApplyOutcome> apply_remote(std::string payload, SyncPolicy sync);

  /// The applied vector that a view shows; null: a view taken now.
  Result<VersionVector> applied(const ReadView* view);
  /// Everything submitted, visible or about to be: what a puller need not fetch again. No I/O.
  VersionVector submitted() const;
  /// A marker whose vector is synced here, so that it stays true over a crash (it syncs the log).
  Result<StreamMarker> marker();
  OriginId origin() const;
  /// Ends this node's stream and begins another, durably. Returns the new origin id.
  Result<OriginId> new_origin();
  /// Origins whose streams were found to fork, with the reason.
  std::vector<std::pair<OriginId, std::string>> fenced() const;
  /// kUnavailable with the reason once the log has failed.
  Status health() const;

  // Whole-state copy (section 6). The caller lets nobody read, commit or apply meanwhile, and calls these from one thread.

  /// Installs one stretch of the sender's rows. `range` is a range of row keys (src/txn/keys.hpp, row space); `images` are all
  /// rows that the sender's view has in it, ascending by row key; `theirs` is the applied vector of that view (known before the
  /// first row is sent). Images are joined with local ones; a local row that is not among them and whose every write id `theirs`
  /// covers is removed. Atomic for itself; may be repeated. kCorruption for bytes that are no image.
  Status copy_rows(const KeyRange& range, const std::vector<std::pair<std::string, std::string>>& images,
                   const VersionVector& theirs);
  /// After all ranges: sets the applied vector to the greater of the two for each origin, removes all index entries and ready
  /// marks (the SQL front end builds indexes anew), does `also` in the same batch (e.g. clears the bootstrap mark), syncs, and
  /// tells the indexer.
  Status finish_copy(const VersionVector& theirs, WriteBatch also);

  /// Borrowed; null until SQL has started. Not while a commit is under way.
  void set_indexer(RowIndexer* indexer);
  /// The node serves again: what the indexer puts off while it does not is due.
  void serving_again();
  /// RowStore::build_index.
  Status build_index(TableId table, IndexId index);
  /// RowStore::check_foreign_keys.
  Status check_foreign_keys(TableId child, std::uint64_t definition);
  /// RowStore::drop_table_data.
  Status drop_table_data(TableId table);

  ApplierCounters counters() const;

  class State;  // src/replication/apply/applier_state.hpp

 private:
  std::unique_ptr<State> state_;
};

}  // namespace ldb
