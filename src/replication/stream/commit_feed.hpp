// Reads the own log on behalf of peers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ldb/ids.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/storage_engine.hpp"
#include "replication/node_state.hpp"
#include "replication/protocol/log_index.hpp"
#include "replication/protocol/protocol.hpp"

namespace ldb::replication {

/// What one peer asked for.
struct FeedRequest {
  NodeId peer;
  const VersionVector* receiver = nullptr;  ///< what it has
  std::optional<LogPosition> position;      ///< where its last answer ended, when that was given by this process
  std::size_t max_bytes = 0;
  /// Origins whose node the peer has a link to: it probably hears their commits from there.
  std::set<OriginId> elsewhere;
};

/// What there is for it: all commits from where it stands that it does not have, in log order.
struct FeedBatch {
  bool snapshot_required = false;
  std::vector<std::string> commits;
  std::size_t bytes = 0;
  bool urgent = false;  ///< one of them will hardly reach the peer by another way
  bool full = false;    ///< the byte bound was reached
  LogPosition start;    ///< asking from here gives the same again
  LogPosition next;     ///< where to continue after them
};

/// One log reader per peer, kept while its requests continue where the last one ended; else one that starts at the best place the
/// LogIndex knows. Also gives back the part of the log that all members have. One thread: the sender's.
class CommitFeed {
 public:
  CommitFeed(StorageEngine& engine, const Applier& applier, NodeState& state, LogSink& log, std::size_t checkpoint_bytes);

  /// Prepares the index; reads the whole log when its start is not known any more.
  Status open();
  /// kCorruption and kIoError from the log.
  Result<FeedBatch> read(const FeedRequest& request);
  void forget(const NodeId& peer);

  /// Releases what everybody has, checkpoint by checkpoint, after noting the new start of the log durably.
  Status release(const VersionVector& acknowledged_by_all);
  /// Releases all of it, for a node that is alone.
  Status release_everything();

 private:
  struct Cursor {
    std::unique_ptr<ChangeReader> reader;
    LogPosition start;  // of the batch answered last
    LogPosition at;     // behind it
  };

  void adopt_log_start();
  Status rebuild_index();
  Status position_cursor(Cursor& cursor, const FeedRequest& request, bool& snapshot_required);
  Status fill(Cursor& cursor, const FeedRequest& request, FeedBatch& batch);

  StorageEngine& engine_;
  const Applier& applier_;
  NodeState& state_;
  LogSink& log_;
  const std::size_t checkpoint_bytes_;
  LogIndex index_;
  std::uint64_t log_start_generation_ = 0;
  std::map<NodeId, Cursor> cursors_;
};

}  // namespace ldb::replication
