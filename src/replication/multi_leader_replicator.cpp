// The default Replicator: a thin driver of Replica, Sender and one Puller per peer.
#include <map>
#include <utility>

#include "ldb/replicator.hpp"
#include "replication/replica.hpp"
#include "replication/replicator_options.hpp"
#include "replication/stream/puller.hpp"
#include "replication/stream/sender.hpp"

namespace ldb::replication {
namespace {

Status not_started() { return Status(StatusCode::kAborted, "the replicator is not running"); }

class MultiLeaderReplicator final : public Replicator {
 public:
  explicit MultiLeaderReplicator(const ReplicatorOptions& options) : options_(options) {}
  ~MultiLeaderReplicator() override { stop(); }

  Status start(const ReplicatorServices& services) override;
  void stop() override;
  void handle(const NodeId& from, Request request, Responder respond) override;

  Result<CommitOutcome> commit(CommitRequest request) override;
  Result<VersionVector> applied(const ReadView* view) override {
    return replica_ ? replica_->applier().applied(view) : not_started();
  }
  void set_indexer(RowIndexer* indexer) override {
    if (replica_) replica_->set_indexer(indexer);
  }
  Status add_peer(const PeerAddress& peer) override;
  Status remove_peer(const NodeId& peer) override;
  Status readable() const override { return replica_ ? replica_->readable() : not_started(); }
  std::uint64_t installs_begun() const override { return replica_ ? replica_->installs_begun() : 0; }
  ReplicationStatus status() const override { return replica_ ? replica_->status() : ReplicationStatus(); }
  Status build_index(TableId table, IndexId index) override {
    return replica_ ? replica_->build_index(table, index) : not_started();
  }
  Status check_foreign_keys(TableId child, std::uint64_t definition) override {
    return replica_ ? replica_->check_foreign_keys(child, definition) : not_started();
  }
  Status drop_table_data(TableId table) override { return replica_ ? replica_->drop_table_data(table) : not_started(); }

 private:
  const ReplicatorOptions options_;
  // Set by start(), before any other call, and kept until destruction.
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Sender> sender_;

  rt::Mutex members_mutex_;  ///< serializes changes of the member list; before pullers_mutex_
  rt::Mutex pullers_mutex_;
  std::map<NodeId, std::unique_ptr<Puller>> pullers_ LDB_GUARDED_BY(pullers_mutex_);
  bool stopped_ LDB_GUARDED_BY(members_mutex_) = false;
};

Status MultiLeaderReplicator::start(const ReplicatorServices& services) {
  if (replica_) return Status(StatusCode::kInvalidArgument, "a replicator is started once");
  if (services.engine == nullptr || services.clock == nullptr || services.resolver == nullptr)
    return Status(StatusCode::kInvalidArgument, "a replicator needs an engine, a clock and a conflict resolver");
  if (services.self.name.empty() || services.self.name.size() > kMaxNameBytes)
    return Status(StatusCode::kInvalidArgument, "a node needs a name of 1 to " + std::to_string(kMaxNameBytes) + " bytes");
  ReplicatorServices complete = services;
  if (complete.log_sink == nullptr) complete.log_sink = &null_log_sink();
  auto replica = std::make_unique<Replica>(complete, options_);
  LDB_TRY(replica->open().with_context("open replication"));
  replica_ = std::move(replica);
  sender_ = std::make_unique<Sender>(*replica_);
  services.engine->set_collection_policy(&replica_->collection());
  services.engine->set_log_listener([sender = sender_.get()] { sender->log_grew(); });
  sender_->start();
  return {};
}

void MultiLeaderReplicator::stop() {
  if (!replica_) return;
  rt::MutexLock changing(members_mutex_);
  if (std::exchange(stopped_, true)) return;
  replica_->stop();
  std::map<NodeId, std::unique_ptr<Puller>> pullers;
  {
    rt::MutexLock lock(pullers_mutex_);
    pullers.swap(pullers_);
  }
  for (auto& [node, puller] : pullers) puller->ask_to_stop();
  for (auto& [node, puller] : pullers) puller->join();
  replica_->engine().set_log_listener(nullptr);
  replica_->engine().set_collection_policy(nullptr);
  sender_->stop();
}

void MultiLeaderReplicator::handle(const NodeId& from, Request request, Responder respond) {
  if (!replica_) return respond(not_started());
  {
    rt::MutexLock lock(pullers_mutex_);
    if (const auto puller = pullers_.find(from); puller != pullers_.end()) puller->second->nudge();
  }
  sender_->handle(from, std::move(request), std::move(respond));
}

Result<CommitOutcome> MultiLeaderReplicator::commit(CommitRequest request) {
  if (!replica_) return not_started();
  const bool synced = request.sync == SyncPolicy::kSync;
  sender_->committed_here(commit_bytes(request));
  auto outcome = replica_->commit(std::move(request));
  if (outcome && !synced) sender_->committed_unsynced();
  return outcome;
}

Status MultiLeaderReplicator::add_peer(const PeerAddress& peer) {
  if (!replica_) return not_started();
  if (replica_->services().transport == nullptr)
    return Status(StatusCode::kInvalidArgument, "this node was opened without a transport, so it can have no peers");
  rt::MutexLock changing(members_mutex_);
  if (stopped_) return not_started();
  LDB_TRY(replica_->add_member(peer));
  auto puller = std::make_unique<Puller>(*replica_, peer);
  puller->start();
  rt::MutexLock lock(pullers_mutex_);
  pullers_[peer.node] = std::move(puller);
  return {};
}

Status MultiLeaderReplicator::remove_peer(const NodeId& peer) {
  if (!replica_) return not_started();
  rt::MutexLock changing(members_mutex_);
  std::unique_ptr<Puller> puller;
  {
    rt::MutexLock lock(pullers_mutex_);
    if (auto entry = pullers_.extract(peer)) puller = std::move(entry.mapped());
  }
  if (!puller) return Status(StatusCode::kNotFound, "no peer " + peer.name);
  puller->ask_to_stop();
  puller->join();
  // First no member, so that no request of it is taken any more, then what was taken before is dropped.
  Status removed = replica_->remove_member(peer);
  sender_->forget(peer);
  return removed;
}

}  // namespace

std::unique_ptr<Replicator> new_multi_leader_replicator(const ReplicatorOptions& options) {
  return std::make_unique<MultiLeaderReplicator>(options);
}

}  // namespace ldb::replication

namespace ldb {

std::unique_ptr<Replicator> new_multi_leader_replicator() {
  return replication::new_multi_leader_replicator(replication::ReplicatorOptions());
}

}  // namespace ldb
