// The replication seam: every commit of a node goes through here, and what peers send arrives here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ldb/clock.hpp"
#include "ldb/commit.hpp"
#include "ldb/conflict_resolver.hpp"
#include "ldb/executor.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/row_store.hpp"
#include "ldb/transport.hpp"

namespace ldb {

/// What a replicator works with; all borrowed, alive until stop() returned.
struct ReplicatorServices {
  StorageEngine* engine = nullptr;
  Clock* clock = nullptr;
  const ConflictResolver* resolver = nullptr;
  Transport* transport = nullptr;  ///< null: no peers possible
  LogSink* log_sink = nullptr;
  NodeId self;
  std::string cluster;
};

struct PeerStatus {
  PeerAddress address;
  bool reachable = false;
  OriginId origin;                   ///< the peer's current one; 0 before the first contact
  VersionVector acknowledged;        ///< durable there, as far as known
  std::int64_t last_contact_us = 0;  ///< wall time; 0: never
  std::uint64_t commits_received = 0;
  std::string problem;  ///< last error, or why its commits are held back; empty when fine
};

struct ReplicationStatus {
  OriginId origin;
  VersionVector applied;
  std::vector<PeerStatus> peers;
  bool bootstrapping = false;  ///< a whole-state copy is being installed; reads and writes are refused
  std::string write_refusal;   ///< why local writes are refused now (clock refused by peers, fork found); empty: they are not
  std::uint64_t conflicts_recorded = 0;
  std::uint64_t tombstones_collected = 0;
  std::uint64_t snapshots_installed = 0;
};

/// Assigns dots and stamps, applies local and remote commits by one routine, ships commits to peers. Any thread.
/// Lifecycle: start() and set_indexer() once, then use, stop() once (idempotent); after stop() commits fail with kAborted.
class Replicator : public RequestHandler {
 public:
  virtual Status start(const ReplicatorServices& services) = 0;
  virtual void stop() = 0;

  /// Commits local writes: all or nothing. kConflict when a written row changed since the view; a requirement's own status when
  /// it is violated; kUnavailable with the reason while writes are refused; kOutcomeUnknown when the log failed under way.
  virtual Result<CommitOutcome> commit(CommitRequest request) = 0;
  /// The applied vector as a view shows it (null: now).
  virtual Result<VersionVector> applied(const ReadView* view) = 0;
  /// Borrowed; null: there are no indexes, or the indexer is about to go. Before the first call a whole-state copy whose install
  /// a crash interrupted is not there yet. Blocks while that call finishes it; when this fails, readable() says so.
  virtual void set_indexer(RowIndexer* indexer) = 0;

  /// Members of the cluster besides this node. A member holds back collection of tombstones until it has been heard.
  virtual Status add_peer(const PeerAddress& peer) = 0;
  virtual Status remove_peer(const NodeId& peer) = 0;

  /// Ok when reads may be served (not bootstrapping).
  virtual Status readable() const = 0;
  /// Whole-state copies whose installation has begun since start(). What was read between two equal answers shows no part of one,
  /// if readable() was ok in between and before the read.
  virtual std::uint64_t installs_begun() const { return 0; }
  virtual ReplicationStatus status() const = 0;

  /// Index maintenance for RowStore (needs the row latches).
  virtual Status build_index(TableId table, IndexId index) = 0;
  /// RowStore::check_foreign_keys. A replicator that never merges has nothing to check.
  virtual Status check_foreign_keys(TableId, std::uint64_t) { return {}; }
  /// RowStore::drop_table_data.
  virtual Status drop_table_data(TableId table) = 0;
};

/// Streams to and from all peers (default).
std::unique_ptr<Replicator> new_multi_leader_replicator();
/// Stamps and applies local commits only; adding a peer is an error. For programs that never replicate.
std::unique_ptr<Replicator> new_standalone_replicator();

}  // namespace ldb
