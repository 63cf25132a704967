#include "ldb/local_cluster.hpp"

#include <set>

#include "base/rt/rt.hpp"
#include "killable_file_system.hpp"

namespace ldb {

struct LocalCluster::State {
  struct Member {
    NodeId id;
    std::string address;  ///< known from the first start on; reused so that peers need not be told
    std::unique_ptr<KillableFileSystem> files;
    std::unique_ptr<Node> node;
  };

  LocalClusterOptions options;
  InProcessNetwork network;
  std::vector<Member> members;
  std::set<std::pair<std::size_t, std::size_t>> cuts;  ///< (lower, higher) index

  Status start(std::size_t index);
  Status start_node(std::size_t index, const std::string& listen);
  Status apply_link(std::size_t a, std::size_t b);
  Status set_link(std::size_t a, std::size_t b, bool up);
  std::size_t append();
};

std::size_t LocalCluster::State::append() {
  members.push_back({NodeId{"node" + std::to_string(members.size() + 1)}, "", nullptr, nullptr});
  return members.size() - 1;
}

Status LocalCluster::State::start_node(std::size_t index, const std::string& listen) {
  Member& member = members[index];
  NodeOptions node;
  node.id = member.id;
  node.cluster = options.cluster;
  if (!options.directory.empty()) {
    node.directory = options.directory + "/" + member.id.name;
#if !defined(LDB_SIM)
    member.files = std::make_unique<KillableFileSystem>(posix_file_system());
    node.file_system = member.files.get();
#endif
  }
  node.listen = listen;
  if (options.transport == LocalTransport::kInProcess) node.transport = network.new_transport();
  if (options.customize) options.customize(index, node);
  LDB_ASSIGN_OR_RETURN(member.node, Node::open(std::move(node)));
  return {};
}

Status LocalCluster::State::start(std::size_t index) {
  if (index >= members.size()) return Status(StatusCode::kInvalidArgument, "no node " + std::to_string(index));
  Member& member = members[index];
  if (member.node) return Status(StatusCode::kAlreadyExists, member.id.name + " is running");
  const std::string fresh = options.transport == LocalTransport::kInProcess ? member.id.name : "127.0.0.1:0";
  Status started = start_node(index, member.address.empty() ? fresh : member.address);
  // Somebody else may have taken the port meanwhile: then a new one, and the others learn it below.
  if (!started && !member.address.empty()) started = start_node(index, fresh);
  LDB_TRY(started);
  const bool moved = member.address != member.node->address();
  member.address = member.node->address();
  for (std::size_t other = 0; other < members.size(); ++other) {
    if (other == index || !members[other].node) continue;
    LDB_TRY(apply_link(index, other));
    if (moved) {
      if (Status gone = members[other].node->remove_peer(member.id); !gone && gone.code() != StatusCode::kNotFound) return gone;
      LDB_TRY(members[other].node->add_peer({member.id, member.address}));
    }
  }
  for (std::size_t other = 0; other < members.size(); ++other) {
    if (other != index && !members[other].address.empty())
      LDB_TRY(member.node->add_peer({members[other].id, members[other].address}));
  }
  return {};
}

/// Tells both ends of a link whether it is cut. A node that is down is told when it starts.
Status LocalCluster::State::apply_link(std::size_t a, std::size_t b) {
  const bool up = !cuts.contains(std::minmax(a, b));
  if (options.transport == LocalTransport::kInProcess) {
    network.set_link(members[a].id, members[b].id, up);
    return {};
  }
  if (members[a].node) LDB_TRY(members[a].node->set_peer_blocked(members[b].id, !up));
  if (members[b].node) LDB_TRY(members[b].node->set_peer_blocked(members[a].id, !up));
  return {};
}

Status LocalCluster::State::set_link(std::size_t a, std::size_t b, bool up) {
  if (a == b || a >= members.size() || b >= members.size()) return Status(StatusCode::kInvalidArgument, "no such link");
  if (up) {
    cuts.erase(std::minmax(a, b));
  } else {
    cuts.insert(std::minmax(a, b));
  }
  return apply_link(a, b);
}

LocalCluster::LocalCluster(std::unique_ptr<State> state) : state_(std::move(state)) {}

LocalCluster::~LocalCluster() = default;

Result<std::unique_ptr<LocalCluster>> LocalCluster::start(LocalClusterOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  for (std::size_t i = 0; i < state->options.nodes; ++i) LDB_TRY(state->start(state->append()));
  return std::unique_ptr<LocalCluster>(new LocalCluster(std::move(state)));
}

std::size_t LocalCluster::size() const { return state_->members.size(); }

bool LocalCluster::running(std::size_t index) const { return index < size() && state_->members[index].node != nullptr; }

Node& LocalCluster::node(std::size_t index) {
  if (!running(index))
    internal::bad_result_access(Status(StatusCode::kUnavailable, "node " + std::to_string(index) + " is not running"));
  return *state_->members[index].node;
}

Status LocalCluster::stop(std::size_t index) {
  if (!running(index)) return Status(StatusCode::kNotFound, "node " + std::to_string(index) + " is not running");
  const Status status = state_->members[index].node->close();
  state_->members[index].node.reset();
  return status;
}

Status LocalCluster::kill(std::size_t index) {
  if (!running(index)) return Status(StatusCode::kNotFound, "node " + std::to_string(index) + " is not running");
  State::Member& member = state_->members[index];
  if (member.files) member.files->kill();
  [[maybe_unused]] const Status status = member.node->close();  // fails, since nothing can be written any more
  member.node.reset();
  return {};
}

Status LocalCluster::start(std::size_t index) { return state_->start(index); }

Result<std::size_t> LocalCluster::add() {
  const std::size_t index = state_->append();
  LDB_TRY(state_->start(index));
  return index;
}

Status LocalCluster::cut(std::size_t a, std::size_t b) { return state_->set_link(a, b, false); }
Status LocalCluster::heal(std::size_t a, std::size_t b) { return state_->set_link(a, b, true); }

Status LocalCluster::isolate(std::size_t index) {
  for (std::size_t other = 0; other < size(); ++other) {
    if (other != index) LDB_TRY(cut(index, other));
  }
  return {};
}

Status LocalCluster::rejoin(std::size_t index) {
  for (std::size_t other = 0; other < size(); ++other) {
    if (other != index) LDB_TRY(heal(index, other));
  }
  return {};
}

Status LocalCluster::wait_converged(std::int64_t timeout_ms) {
  const std::int64_t deadline = rt::monotonic_ns() + timeout_ms * rt::kMillisecond;
  for (;;) {
    std::string vectors;
    bool same_commits = true;
    std::optional<VersionVector> first;
    for (State::Member& member : state_->members) {
      if (!member.node) continue;
      const ReplicationStatus status = member.node->replication_status();
      vectors += "\n  " + member.id.name + ": " + status.applied.to_string() + (status.bootstrapping ? " (bootstrapping)" : "");
      if (!first) first = status.applied;
      if (status.bootstrapping || !(status.applied == *first)) same_commits = false;
    }
    if (same_commits) {
      std::optional<ContentHash> hash;
      bool same_content = true;
      for (State::Member& member : state_->members) {
        if (!member.node) continue;
        LDB_ASSIGN_OR_RETURN(const ContentHash own, member.node->content_hash());
        vectors += "\n  " + member.id.name + ": content " + own.to_string();
        if (!hash) hash = own;
        same_content = same_content && own == *hash;
      }
      if (same_content) return {};
    }
    if (rt::monotonic_ns() >= deadline) return Status(StatusCode::kTimeout, "nodes have not converged:" + vectors);
    rt::sleep_for(2 * rt::kMillisecond);
  }
}

}  // namespace ldb
