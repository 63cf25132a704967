// What the threads of one replicator share: the applier, what is known of the members, and whether this node may serve.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/replicator.hpp"
#include "replication/apply/applier.hpp"
#include "replication/collection.hpp"
#include "replication/node_state.hpp"
#include "replication/protocol/complaints.hpp"
#include "replication/protocol/debt_review.hpp"
#include "replication/protocol/failure_detector.hpp"
#include "replication/protocol/origin_identity.hpp"
#include "replication/protocol/peer_markers.hpp"
#include "replication/protocol/protocol.hpp"
#include "replication/replicator_options.hpp"

namespace ldb::replication {

/// An upper bound of what a commit takes in the log and in a message.
std::size_t commit_bytes(const CommitRequest& request);

/// One member besides this node, as far as known.
struct Member {
  explicit Member(PeerAddress a, std::int64_t reachable_ns) : address(std::move(a)), detector(reachable_ns) {}

  PeerAddress address;
  OriginId origin;
  std::uint64_t boot = 0;            ///< of its present process
  std::deque<std::uint64_t> former;  ///< boots that ended; late messages of theirs are refused
  std::uint64_t answered_boot = 0;   ///< of the process whose hello was answered last
  bool state_checked = false;        ///< its present boot has answered a hello: this node's state was compared with its knowledge
  std::optional<VersionVector> durable;
  std::vector<NodeId> members;
  FailureDetector detector;
  std::int64_t last_contact_us = 0;
  std::uint64_t commits_received = 0;
  std::string problem;
};

/// Any thread. Lock order: gate_ before mutex_; neither is held over a network call, mutex_ not over disk I/O.
class Replica {
 public:
  Replica(const ReplicatorServices& services, const ReplicatorOptions& options);

  /// Opens the applier and loads the node's state.
  Status open();
  /// Borrowed. The first call finishes an install that a crash interrupted, which must know the rows that end a table; until
  /// then the node does not serve.
  void set_indexer(RowIndexer* indexer);
  /// Commits and waits end with kAborted from now on.
  void stop();
  bool stopped() const { return stopped_.load(); }

  const ReplicatorServices& services() const { return services_; }
  const ReplicatorOptions& options() const { return options_; }
  StorageEngine& engine() { return *services_.engine; }
  Applier& applier() { return *applier_; }
  NodeState& state() { return state_; }
  DeadRowCollection& collection() { return collection_; }
  void log(LogLevel level, const std::string& message) const { services_.log_sink->log(level, "replication", message); }

  // Local commits.
  Result<CommitOutcome> commit(CommitRequest request);
  Status readable() const;
  Status build_index(TableId table, IndexId index);
  Status check_foreign_keys(TableId child, std::uint64_t definition);
  Status drop_table_data(TableId table);
  std::string write_refusal();

  // Members.
  Status add_member(const PeerAddress& address);
  Status remove_member(const NodeId& node);
  std::vector<NodeId> members() const;        ///< ascending, this node included
  bool is_member(const NodeId& node) const {  ///< besides this node
    rt::MutexLock lock(mutex_);
    return members_.contains(node);
  }

  Identity identity() const;
  Knowledge knowledge();
  VersionVector floor() const;

  /// A request of a member arrived. kUnavailable when the sender is no member here, or an earlier process of one.
  Status heard_request(const NodeId& from, const Identity& identity, const Knowledge* knowledge, const Complaint* complaint);
  /// A member's hello is about to be answered with what is known here. Its process may begin its stream anew behind that, so
  /// nothing that was fetched before comes in any more once a new process of a member has been answered (see epoch()).
  /// kUnavailable while a copy is being installed.
  Status answering_hello(const NodeId& from, std::uint64_t boot);
  /// What was asked for in an earlier epoch must not be applied or installed.
  std::uint64_t epoch() const { return epoch_.load(); }
  bool needs_hello(const NodeId& node) const;
  void acknowledged(const NodeId& from, const VersionVector& durable);
  /// A hello was answered: compares what the member knows with what this node has, and takes the consequences of lost state.
  Status greeted(const NodeId& node, const HelloAnswer& answer);
  /// A fetch was answered.
  Status heard_answer(const NodeId& node, const FetchAnswer& answer);
  void call_failed(const NodeId& node, const Status& status);
  void set_problem(const NodeId& node, std::string problem);
  /// A commit of this node's own origin came from a peer, beyond the own log: the state was lost.
  Status own_origin_ahead(const NodeId& node, OriginId origin, const VersionVector& needed);
  /// Origins whose commits `peer` most likely gets from their own node.
  std::set<OriginId> elsewhere_for(const NodeId& peer) const;
  /// No other member is there, and none can come back: whoever joins is new, and copies the whole state.
  bool alone() const;
  /// What all members have durably; none while one is silent.
  std::optional<VersionVector> acknowledged_by_all();

  /// Applies one commit of a peer that was asked for in this epoch. kAborted while a copy is being installed (try again), and
  /// when the epoch has ended (ask again).
  Result<ApplyOutcome> apply(std::string payload, std::uint64_t epoch);
  void count_received(const NodeId& node, std::uint64_t commits);
  /// After applying or installing: may this node serve again?
  Status settle_debts();
  /// Installs the staged copy of a view with vector `theirs`, asked for in this epoch (kAborted when it has ended). Blocks; reads
  /// and writes are refused meanwhile.
  Status install(const VersionVector& theirs, std::uint64_t epoch);
  /// One puller at a time receives a copy; none after an install that failed, since the staged rows and the vector that is kept
  /// for them are what a restart installs.
  bool installing() const { return installing_.load(); }
  std::uint64_t installs_begun() const { return installs_begun_.load(); }
  bool begin_copy() {
    if (copying_.exchange(true)) return false;
    if (!installing_.load()) return true;
    copying_.store(false);
    return false;
  }
  void end_copy() { copying_.store(false); }

  /// Raises the collection floor as far as the members allow; false when they do not allow more than before.
  Result<bool> advance_floor();

  ReplicationStatus status();

 private:
  Member* find(const NodeId& node) LDB_REQUIRES(mutex_);
  std::vector<NodeId> all_members() const LDB_REQUIRES(mutex_);
  Status note_boot(Member& member, const Identity& identity) LDB_REQUIRES(mutex_);
  std::vector<NodeId> other_members() const LDB_REQUIRES(mutex_);

  // replica_debts.cpp
  Status forget_debt(const NodeId& node);
  bool cut_debts(const VersionVector& held) LDB_REQUIRES(mutex_);
  Status lost_state(const NodeId& node, const VersionVector& needed, bool new_origin, const std::string& why);
  /// Runs `task` while nothing is being installed, and keeps installs away meanwhile.
  Status beside_installs(const std::function<Status()>& task);
  Status ensure_origin();
  Status finish_install(const VersionVector& theirs);
  Status refusal();

  const ReplicatorServices services_;
  const ReplicatorOptions options_;
  const std::uint64_t boot_;
  NodeState state_;
  std::unique_ptr<Applier> applier_;
  DeadRowCollection collection_{VersionVector()};

  rt::Atomic<bool> stopped_{false};
  rt::Atomic<bool> copying_{false};
  rt::Atomic<bool> installing_{false};
  rt::Atomic<bool> install_interrupted_{false};  ///< by a crash; set_indexer() finishes it
  rt::Atomic<std::uint64_t> installs_begun_{0};  ///< counted after `installing_` is set and before rows change
  rt::Atomic<bool> install_failed_{false};
  rt::Atomic<bool> indebted_{false};
  rt::Atomic<bool> verified_{false};
  rt::Atomic<bool> complaints_exist_{false};
  rt::Atomic<std::uint64_t> installed_{0};
  rt::Atomic<std::uint64_t> epoch_{0};  ///< changes under the gate, held exclusively

  /// Shared by commits, applies and index builds; exclusive to change what they may do.
  rt::SharedMutex gate_;
  /// Guards reads of the floor against a member's restart: see advance_floor().
  mutable rt::Mutex mutex_;
  rt::CondVar changed_;  ///< identity verified, install ended, or stopped
  std::map<NodeId, Member> members_ LDB_GUARDED_BY(mutex_);
  bool member_removed_ LDB_GUARDED_BY(mutex_) = false;  ///< by this process
  OriginIdentity identity_ LDB_GUARDED_BY(mutex_){true, false};
  PeerMarkers markers_ LDB_GUARDED_BY(mutex_);
  Complaints complaints_ LDB_GUARDED_BY(mutex_);
  VersionVector announced_floor_ LDB_GUARDED_BY(mutex_);  ///< told to members before it is relied on
  std::map<NodeId, VersionVector> debts_ LDB_GUARDED_BY(mutex_);
  DebtReview debt_review_ LDB_GUARDED_BY(mutex_);
  rt::Mutex debts_mutex_;  ///< serializes saving them; before mutex_
};

}  // namespace ldb::replication
