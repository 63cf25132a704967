// What replication keeps on disk beside the applied vector: key space 0x01 (docs/REPLICATION.md section 10).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/rt/rt.hpp"
#include "ldb/ids.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::replication {

/// Log start: a receiver that does not cover `vector` cannot be served from the log. `position` is where the log began when that
/// was written; a log that begins later was cut by the engine, and the vector must be computed anew.
struct LogStart {
  VersionVector vector;
  LogPosition position;
};

/// A whole-state copy that was received completely and is being installed; its rows stand in the staging space.
struct PendingInstall {
  VersionVector vector;  ///< applied vector of the sender's view
};

/// Loads and saves. Any thread; every save is durable when it returns. Values start with a version byte; kCorruption when one is
/// damaged.
class NodeState {
 public:
  explicit NodeState(StorageEngine& engine) : engine_(engine) {}

  Status load();

  std::optional<LogStart> log_start() const;
  /// Raises the log start to `start` (vectors merge, the later position counts).
  Status raise_log_start(const LogStart& start);
  /// Bumped whenever the log start changes.
  std::uint64_t log_start_generation() const;

  VersionVector floor() const;
  Status save_floor(const VersionVector& floor);

  /// What this node must have applied, and who said so, before it may serve again (it lost state).
  std::map<NodeId, VersionVector> debts() const;
  Status save_debts(const std::map<NodeId, VersionVector>& debts);

  bool had_peers() const;
  Status save_had_peers();

  std::optional<PendingInstall> pending_install() const;
  Status save_pending_install(const PendingInstall& install);
  /// Runs `finish` with the batch that ends an install: it clears the mark and the staged rows, and adds to the log start what
  /// the copy brought beyond `own`, the applied vector before it.
  Status end_install(const VersionVector& own, const VersionVector& theirs, const std::function<Status(WriteBatch)>& finish);

 private:
  Result<std::optional<std::string>> read(std::string_view name);
  Status write(std::string_view name, std::string value);

  StorageEngine& engine_;
  mutable rt::Mutex mutex_;
  std::optional<LogStart> log_start_ LDB_GUARDED_BY(mutex_);
  std::uint64_t log_start_generation_ LDB_GUARDED_BY(mutex_) = 0;
  VersionVector floor_ LDB_GUARDED_BY(mutex_);
  std::map<NodeId, VersionVector> debts_ LDB_GUARDED_BY(mutex_);
  bool had_peers_ LDB_GUARDED_BY(mutex_) = false;
  std::optional<PendingInstall> pending_install_ LDB_GUARDED_BY(mutex_);
};

/// Rows of a whole-state copy under way: this byte in front of the row key. Never a part of the state.
inline constexpr char kStagingSpace = 0x06;
KeyRange staging_range();

}  // namespace ldb::replication
