#include "replication/replica.hpp"

#include <algorithm>
#include <utility>

#include "replication/copy/copy_receiver.hpp"
#include "txn/keys.hpp"

namespace ldb::replication {
namespace {

std::uint64_t draw_boot() {
  std::uint64_t boot = 0;
  while (boot == 0) boot = rt::random_u64();
  return boot;
}

}  // namespace

std::size_t commit_bytes(const CommitRequest& request) {
  constexpr std::size_t kRowOverhead = 64;
  constexpr std::size_t kCellOverhead = 16;
  constexpr std::size_t kOriginOverhead = 40;
  std::size_t bytes = request.dependencies.entries().size() * kOriginOverhead;
  for (const RowWrite& write : request.writes) {
    bytes += kRowOverhead + write.key.size();
    for (const CellWrite& cell : write.cells) bytes += kCellOverhead + (cell.value ? cell.value->size() : 0);
  }
  return bytes;
}

Replica::Replica(const ReplicatorServices& services, const ReplicatorOptions& options)
    : services_(services),
      options_(options),
      boot_(draw_boot()),
      state_(*services.engine),
      complaints_(options.complaint_ms * rt::kMillisecond) {}

Status Replica::open() {
  LDB_TRY(state_.load());
  LDB_ASSIGN_OR_RETURN(const auto stored_origin, engine().get(nullptr, keys::origin()));
  applier_ = std::make_unique<Applier>(engine(), *services_.clock, *services_.resolver, *services_.log_sink, options_.applier);
  LDB_TRY(applier_->open());
  if (!state_.log_start() && applier_->submitted().empty()) LDB_TRY(state_.raise_log_start({{}, engine().log_begin()}));
  if (state_.pending_install()) {
    install_interrupted_.store(true);
    installing_.store(true);
    installs_begun_.fetch_add(1);
  } else {
    const KeyRange staging = staging_range();
    LDB_ASSIGN_OR_RETURN(const auto staged, engine().iterate(nullptr, staging));
    staged->seek_to_first();
    if (staged->valid()) {  // of a copy that a crash ended
      WriteBatch batch;
      batch.erase_range(*staging.lower, *staging.upper);
      LDB_TRY(engine().write(std::move(batch), SyncPolicy::kNone).error());
    }
  }
  {
    rt::MutexLock lock(mutex_);
    identity_ = OriginIdentity(!stored_origin, state_.had_peers());
    verified_.store(identity_.verified());
    announced_floor_ = state_.floor();
    debts_ = state_.debts();
    indebted_.store(!debts_.empty());
    markers_.set_members({services_.self}, services_.self);
  }
  collection_.publish(state_.floor());
  return settle_debts();
}

void Replica::stop() {
  rt::MutexLock lock(mutex_);
  stopped_.store(true);
  changed_.notify_all();
}

// --- Local commits

Status Replica::readable() const {
  if (install_failed_.load())
    return Status(StatusCode::kUnavailable, "installing a whole-state copy failed; restart the node to repeat it");
  if (installing_.load())
    return Status(StatusCode::kUnavailable, "a copy of the whole state is being installed; try again shortly");
  if (!indebted_.load()) return {};
  std::string who;
  {
    rt::MutexLock lock(mutex_);
    for (const auto& entry : debts_) who += (who.empty() ? "" : ", ") + entry.first.name;
  }
  return Status(
      StatusCode::kUnavailable,
      "this node's directory is older than what the cluster knows of it, or new to the cluster; it serves again as soon as it "
      "has caught up with " +
          who);
}

Status Replica::refusal() {
  if (stopped_.load()) return Status(StatusCode::kAborted, "the node is closing");
  LDB_TRY(readable());
  if (!complaints_exist_.load()) return {};
  rt::MutexLock lock(mutex_);
  const std::int64_t now_ns = rt::monotonic_ns();
  const auto reachable = static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(), [&](const auto& m) { return m.second.detector.reachable(now_ns); }));
  std::string why = complaints_.refusal(reachable, now_ns);
  complaints_exist_.store(complaints_.any());
  return why.empty() ? Status() : Status(StatusCode::kUnavailable, std::move(why));
}

std::string Replica::write_refusal() {
  const Status status = refusal();
  return std::string(status.message());
}

/// The stream on disk may be continued only when it is known to be whole; else a new one begins (section 1).
Status Replica::ensure_origin() {
  {
    rt::MutexLock lock(mutex_);
    const std::int64_t deadline_ns = rt::monotonic_ns() + options_.verify_wait_ms * rt::kMillisecond;
    while (!verified_.load() && !identity_.settled() && !stopped_.load()) {
      if (!changed_.wait_until(mutex_, deadline_ns)) break;
    }
  }
  if (verified_.load() || stopped_.load()) return {};
  rt::WriteLock gate(gate_);
  if (verified_.load() || indebted_.load()) return {};
  LDB_ASSIGN_OR_RETURN(const OriginId origin, applier_->new_origin());
  (void)origin;
  log(LogLevel::kInfo, "began a new stream of commits: not all members could confirm the old one before the first write");
  rt::MutexLock lock(mutex_);
  identity_.drew_new_origin();
  verified_.store(true);
  return {};
}

Result<CommitOutcome> Replica::commit(CommitRequest request) {
  LDB_TRY(refusal());
  if (const std::size_t bytes = commit_bytes(request); bytes > kMaxCommitBytes) {
    return Status(StatusCode::kResourceExhausted, "a commit of about " + std::to_string(bytes) +
                                                      " bytes is too large to replicate; at most " +
                                                      std::to_string(kMaxCommitBytes) + " are allowed: split the transaction");
  }
  if (!verified_.load()) LDB_TRY(ensure_origin());
  rt::ReadLock gate(gate_);
  LDB_TRY(refusal());
  return applier_->commit_local(std::move(request));
}

Status Replica::build_index(TableId table, IndexId index) {
  return beside_installs([&] { return applier_->build_index(table, index); });
}

Status Replica::check_foreign_keys(TableId child, std::uint64_t definition) {
  return beside_installs([&] { return applier_->check_foreign_keys(child, definition); });
}

Status Replica::drop_table_data(TableId table) {
  return beside_installs([&] { return applier_->drop_table_data(table); });
}

Status Replica::beside_installs(const std::function<Status()>& task) {
  for (;;) {
    {
      rt::MutexLock lock(mutex_);
      while (installing_.load() && !install_failed_.load() && !stopped_.load()) changed_.wait(mutex_);
    }
    if (stopped_.load()) return Status(StatusCode::kAborted, "the node is closing");
    if (install_failed_.load())
      return Status(StatusCode::kUnavailable, "installing a whole-state copy failed; restart the node to repeat it");
    rt::ReadLock gate(gate_);
    if (!installing_.load()) return task();
  }
}

// --- Members

Member* Replica::find(const NodeId& node) {
  const auto entry = members_.find(node);
  return entry == members_.end() ? nullptr : &entry->second;
}

std::vector<NodeId> Replica::all_members() const {
  std::vector<NodeId> all{services_.self};
  for (const auto& entry : members_) all.push_back(entry.first);
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<NodeId> Replica::other_members() const {
  std::vector<NodeId> others;
  for (const auto& entry : members_) others.push_back(entry.first);
  return others;
}

std::vector<NodeId> Replica::members() const {
  rt::MutexLock lock(mutex_);
  return all_members();
}

Status Replica::add_member(const PeerAddress& address) {
  if (address.node == services_.self) return Status(StatusCode::kInvalidArgument, "a node cannot be its own peer");
  if (address.node.name.empty() || address.node.name.size() > kMaxNameBytes)
    return Status(StatusCode::kInvalidArgument, "a peer needs a name of 1 to " + std::to_string(kMaxNameBytes) + " bytes");
  LDB_TRY(state_.save_had_peers());
  rt::MutexLock lock(mutex_);
  if (members_.size() + 1 >= kMaxMembers)
    return Status(StatusCode::kResourceExhausted, "at most " + std::to_string(kMaxMembers) + " members are supported");
  const std::int64_t reachable_ms = 2 * options_.poll_ms + options_.answer_slack_ms;
  if (!members_.emplace(address.node, Member(address, reachable_ms * rt::kMillisecond)).second)
    return Status(StatusCode::kAlreadyExists, "peer " + address.node.name + " is a member already");
  identity_.add_member(address.node);
  verified_.store(identity_.verified());
  markers_.set_members(all_members(), services_.self);
  return {};
}

Status Replica::remove_member(const NodeId& node) {
  {
    rt::MutexLock lock(mutex_);
    if (members_.erase(node) == 0) return Status(StatusCode::kNotFound, "no peer " + node.name);
    member_removed_ = true;
    identity_.remove_member(node);
    verified_.store(identity_.verified());
    complaints_.forget(node);
    markers_.set_members(all_members(), services_.self);
    changed_.notify_all();
  }
  return forget_debt(node);
}

Identity Replica::identity() const { return {services_.self, boot_, applier_->origin()}; }

Knowledge Replica::knowledge() { return {applier_->submitted(), floor(), members()}; }

VersionVector Replica::floor() const {
  rt::MutexLock lock(mutex_);
  return announced_floor_;
}

/// Whatever an earlier process of the member said about itself does not hold for this one, which may have an older state.
Status Replica::note_boot(Member& member, const Identity& identity) {
  if (std::find(member.former.begin(), member.former.end(), identity.boot) != member.former.end())
    return Status(StatusCode::kUnavailable, "a late message of an earlier process of " + member.address.node.name);
  member.origin = identity.origin;
  member.last_contact_us = services_.clock->wall_us();
  if (identity.boot == member.boot) return {};
  constexpr std::size_t kFormerBoots = 16;
  if (member.boot != 0) member.former.push_back(member.boot);
  if (member.former.size() > kFormerBoots) member.former.pop_front();
  member.boot = identity.boot;
  member.state_checked = false;
  member.durable.reset();
  markers_.forget(member.address.node);
  return {};
}

Status Replica::heard_request(const NodeId& from, const Identity& identity, const Knowledge* knowledge,
                              const Complaint* complaint) {
  if (identity.node != from)
    return Status(StatusCode::kInvalidArgument, "node " + from.name + " speaks for node " + identity.node.name);
  rt::MutexLock lock(mutex_);
  Member* const member = find(from);
  if (member == nullptr)
    return Status(StatusCode::kUnavailable,
                  "node " + from.name + " is not a member at " + services_.self.name + ": add it as a peer there");
  LDB_TRY(note_boot(*member, identity));
  if (knowledge != nullptr) member->members = knowledge->members;
  if (complaint != nullptr) {
    complaints_.said(from, *complaint, applier_->origin(), rt::monotonic_ns());
    complaints_exist_.store(complaints_.any());
  }
  return {};
}

Status Replica::answering_hello(const NodeId& from, std::uint64_t boot) {
  {
    rt::MutexLock lock(mutex_);
    const Member* const member = find(from);
    if (member != nullptr && member->answered_boot == boot) return {};
  }
  rt::WriteLock gate(gate_);  // what is being applied is known afterwards
  if (installing_.load()) return Status(StatusCode::kUnavailable, "a whole-state copy is being installed");
  epoch_.fetch_add(1);
  rt::MutexLock lock(mutex_);
  if (Member* const member = find(from)) member->answered_boot = boot;
  return {};
}

bool Replica::needs_hello(const NodeId& node) const {
  rt::MutexLock lock(mutex_);
  const auto entry = members_.find(node);
  return entry == members_.end() || !entry->second.state_checked;
}

void Replica::acknowledged(const NodeId& from, const VersionVector& durable) {
  rt::MutexLock lock(mutex_);
  if (Member* const member = find(from)) member->durable = durable;
}

bool Replica::alone() const {
  rt::MutexLock lock(mutex_);
  // A directory that had peers is opened before they are added again.
  return members_.empty() && (member_removed_ || !state_.had_peers());
}

std::optional<VersionVector> Replica::acknowledged_by_all() {
  rt::MutexLock lock(mutex_);
  std::optional<VersionVector> least;
  for (const auto& [node, member] : members_) {
    if (!member.durable) return std::nullopt;
    if (least) {
      least->intersect(*member.durable);
    } else {
      least = *member.durable;
    }
  }
  return least;
}

Status Replica::greeted(const NodeId& node, const HelloAnswer& answer) {
  if (answer.from.node != node)
    return Status(StatusCode::kInvalidArgument, "node " + answer.from.node.name + " answers at the address of " + node.name);
  const VersionVector own = applier_->submitted();
  const OriginId origin = applier_->origin();
  const OriginProgress theirs = answer.knowledge.applied.get(origin);
  bool whole = true;
  {
    rt::MutexLock lock(mutex_);
    Member* const member = find(node);
    if (member == nullptr) return Status(StatusCode::kAborted, "the peer was removed");
    LDB_TRY(note_boot(*member, answer.from));
    member->state_checked = true;
    member->members = answer.knowledge.members;
    member->detector.answered(rt::monotonic_ns());
    whole = identity_.heard(node, theirs.sequence, own.get(origin).sequence);
    if (whole) verified_.store(identity_.verified());
    changed_.notify_all();
  }
  VersionVector needed;
  if (!whole) needed.set(origin, theirs);
  if (!own.covers(answer.knowledge.floor)) needed.merge(answer.knowledge.floor);
  if (needed.empty()) return {};
  return lost_state(node, needed, !whole,
                    whole ? "dead rows were collected there that this node has not seen"
                          : "it knows " + std::to_string(theirs.sequence) + " commits of this node, whose own log has " +
                                std::to_string(own.get(origin).sequence));
}

Status Replica::heard_answer(const NodeId& node, const FetchAnswer& answer) {
  if (answer.from.node != node)
    return Status(StatusCode::kInvalidArgument, "node " + answer.from.node.name + " answers at the address of " + node.name);
  {
    rt::MutexLock lock(mutex_);
    Member* const member = find(node);
    if (member == nullptr) return Status(StatusCode::kAborted, "the peer was removed");
    LDB_TRY(note_boot(*member, answer.from));
    member->detector.answered(rt::monotonic_ns());
    member->members = answer.members;
    if (!answer.has_marker) return {};
    markers_.offer(node, answer.marker, answer.members);
    if (!indebted_.load()) return {};
    const auto held = debt_review_.heard(node, answer.marker.applied, other_members());
    if (!held || !cut_debts(*held)) return {};
  }
  // What is owed no longer may be all that was missing; a debt is settled by what is durable only.
  LDB_TRY(engine().sync());
  return settle_debts();
}

void Replica::call_failed(const NodeId& node, const Status& status) {
  rt::MutexLock lock(mutex_);
  if (Member* const member = find(node)) {
    member->detector.failed();
    member->problem = status.to_string();
  }
  identity_.unreachable(node);
  changed_.notify_all();
}

void Replica::set_problem(const NodeId& node, std::string problem) {
  rt::MutexLock lock(mutex_);
  if (Member* const member = find(node)) member->problem = std::move(problem);
}

void Replica::count_received(const NodeId& node, std::uint64_t commits) {
  rt::MutexLock lock(mutex_);
  if (Member* const member = find(node)) member->commits_received += commits;
}

std::set<OriginId> Replica::elsewhere_for(const NodeId& peer) const {
  std::set<OriginId> origins;
  rt::MutexLock lock(mutex_);
  const auto receiver = members_.find(peer);
  if (receiver == members_.end()) return origins;
  const std::vector<NodeId>& linked = receiver->second.members;
  for (const auto& [node, member] : members_) {
    if (node != peer && member.origin && std::find(linked.begin(), linked.end(), node) != linked.end())
      origins.insert(member.origin);
  }
  return origins;
}

// --- Applying, installing, collecting

Result<ApplyOutcome> Replica::apply(std::string payload, std::uint64_t epoch) {
  rt::ReadLock gate(gate_);
  if (epoch != epoch_.load()) return Status(StatusCode::kAborted, "a member was started anew meanwhile");
  if (stopped_.load() || installing_.load()) return Status(StatusCode::kAborted, "a whole-state copy is being installed");
  return applier_->apply_remote(std::move(payload), SyncPolicy::kNone);
}

Status Replica::install(const VersionVector& theirs, std::uint64_t epoch) {
  {
    rt::WriteLock gate(gate_);
    if (epoch != epoch_.load()) return Status(StatusCode::kAborted, "a member was started anew while its state was copied");
    LDB_TRY(state_.save_pending_install({theirs}));
    installing_.store(true);
    installs_begun_.fetch_add(1);
  }
  return finish_install(theirs);
}

void Replica::set_indexer(RowIndexer* indexer) {
  applier_->set_indexer(indexer);
  if (stopped_.load() || !install_interrupted_.exchange(false)) return;
  log(LogLevel::kInfo, "installing a whole-state copy that was received before the restart");
  if (!finish_install(state_.pending_install()->vector)) return;
  if (Status status = settle_debts(); !status) log(LogLevel::kWarning, "noting what was caught up with: " + status.to_string());
}

Status Replica::finish_install(const VersionVector& theirs) {
  // On failure the node stays closed: the rows are neither the old nor the new state. A restart installs again.
  if (Status status = install_copy(engine(), *applier_, state_, theirs); !status) {
    log(LogLevel::kError, "installing a whole-state copy failed; restart the node to repeat it: " + status.to_string());
    rt::MutexLock lock(mutex_);
    install_failed_.store(true);
    changed_.notify_all();
    return status;
  }
  installed_.fetch_add(1);
  {
    rt::WriteLock gate(gate_);
    installing_.store(false);
  }
  applier_->serving_again();
  log(LogLevel::kInfo, "a whole-state copy was installed, up to " + theirs.to_string());
  rt::MutexLock lock(mutex_);
  changed_.notify_all();
  return {};
}

Result<bool> Replica::advance_floor() {
  LDB_ASSIGN_OR_RETURN(const VersionVector applied, applier_->applied(nullptr));
  VersionVector floor;
  {
    rt::MutexLock lock(mutex_);
    const std::optional<VersionVector> stable = markers_.stable(applied);
    if (!stable || announced_floor_.covers(*stable)) return false;
    // Announced before it is relied on, and under the lock that a restarted member's first message takes: either that message
    // comes first and takes the member's old marker away, or the member is told this floor and sees that it has lost something.
    announced_floor_.merge(*stable);
    floor = announced_floor_;
  }
  LDB_TRY(state_.save_floor(floor));
  collection_.publish(std::move(floor));
  return true;
}

ReplicationStatus Replica::status() {
  ReplicationStatus status;
  status.origin = applier_->origin();
  if (auto applied = applier_->applied(nullptr)) status.applied = std::move(*applied);
  status.bootstrapping = indebted_.load() || installing_.load();
  status.write_refusal = write_refusal();
  status.conflicts_recorded = applier_->counters().conflicts_recorded;
  status.tombstones_collected = collection_.collected();
  status.snapshots_installed = installed_.load();
  const std::int64_t now_ns = rt::monotonic_ns();
  rt::MutexLock lock(mutex_);
  for (const auto& [node, member] : members_) {
    PeerStatus peer;
    peer.address = member.address;
    peer.reachable = member.detector.reachable(now_ns);
    peer.origin = member.origin;
    peer.acknowledged = member.durable.value_or(VersionVector());
    peer.last_contact_us = member.last_contact_us;
    peer.commits_received = member.commits_received;
    peer.problem = member.problem;
    status.peers.push_back(std::move(peer));
  }
  return status;
}

}  // namespace ldb::replication
