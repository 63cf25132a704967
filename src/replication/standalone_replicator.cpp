// The Replicator of a node that never replicates: stamps, applies, and gives the log back.
#include <utility>

#include "ldb/replicator.hpp"
#include "replication/apply/applier.hpp"
#include "replication/collection.hpp"
#include "replication/node_state.hpp"
#include "replication/replica.hpp"

namespace ldb {
namespace replication {
namespace {

/// Log kept beyond this is given back. What is released is noted first, so that the directory may later be opened with peers.
constexpr std::uint64_t kReleaseBytes = 4 << 20;

class StandaloneReplicator final : public Replicator {
 public:
  ~StandaloneReplicator() override { stop(); }

  Status start(const ReplicatorServices& services) override;
  void stop() override;
  void handle(const NodeId&, Request, Responder respond) override { respond(alone()); }

  Result<CommitOutcome> commit(CommitRequest request) override;
  Result<VersionVector> applied(const ReadView* view) override { return replica_->applier().applied(view); }
  void set_indexer(RowIndexer* indexer) override { replica_->set_indexer(indexer); }
  Status add_peer(const PeerAddress&) override { return alone(); }
  Status remove_peer(const NodeId& peer) override { return Status(StatusCode::kNotFound, "no peer " + peer.name); }
  Status readable() const override { return replica_->readable(); }
  ReplicationStatus status() const override { return replica_->status(); }
  Status build_index(TableId table, IndexId index) override { return replica_->build_index(table, index); }
  Status check_foreign_keys(TableId child, std::uint64_t definition) override {
    return replica_->check_foreign_keys(child, definition);
  }
  Status drop_table_data(TableId table) override { return replica_->drop_table_data(table); }

 private:
  static Status alone() {
    return Status(StatusCode::kUnsupported, "this node was opened to stand alone: open it with a transport to give it peers");
  }
  /// Everything applied so far is everywhere (here): its log may go, and its dead rows may be collected.
  Status release();

  std::unique_ptr<Replica> replica_;
  rt::Atomic<std::uint64_t> bytes_since_release_{0};
  rt::Mutex release_mutex_;
};

Status StandaloneReplicator::start(const ReplicatorServices& services) {
  if (replica_) return Status(StatusCode::kInvalidArgument, "a replicator is started once");
  if (services.engine == nullptr || services.clock == nullptr || services.resolver == nullptr)
    return Status(StatusCode::kInvalidArgument, "a replicator needs an engine, a clock and a conflict resolver");
  ReplicatorServices complete = services;
  if (complete.log_sink == nullptr) complete.log_sink = &null_log_sink();
  auto replica = std::make_unique<Replica>(complete, ReplicatorOptions());
  LDB_TRY(replica->open().with_context("open replication"));
  replica_ = std::move(replica);
  services.engine->set_collection_policy(&replica_->collection());
  return {};
}

void StandaloneReplicator::stop() {
  if (!replica_ || replica_->stopped()) return;
  replica_->stop();
  replica_->engine().set_collection_policy(nullptr);
}

Result<CommitOutcome> StandaloneReplicator::commit(CommitRequest request) {
  const std::uint64_t bytes = commit_bytes(request);
  auto outcome = replica_->commit(std::move(request));
  if (!outcome) return outcome;
  if (bytes_since_release_.fetch_add(bytes) + bytes >= kReleaseBytes || replica_->collection().take_wanted()) {
    bytes_since_release_.store(0);
    // The commit stands whatever becomes of the housekeeping.
    if (Status released = release(); !released) replica_->log(LogLevel::kWarning, "releasing log: " + released.to_string());
  }
  return outcome;
}

Status StandaloneReplicator::release() {
  rt::MutexLock lock(release_mutex_);
  const LogPosition end = replica_->engine().log_end();
  // Taken after the end, so that it covers all that lies before, visible or not.
  LDB_TRY(replica_->state().raise_log_start({replica_->applier().submitted(), end}));
  replica_->engine().release_log(end);
  return replica_->advance_floor().error();
}

}  // namespace
}  // namespace replication

std::unique_ptr<Replicator> new_standalone_replicator() { return std::make_unique<replication::StandaloneReplicator>(); }

}  // namespace ldb
