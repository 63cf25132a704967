#include <algorithm>
#include <set>
#include <utility>

#include "ldb/transport.hpp"
#include "net/switchboard.hpp"

namespace ldb {
namespace {

/// Delivers at once, unless the link is cut.
class DirectSwitchboard final : public net::Switchboard {
 public:
  void set_link(const NodeId& a, const NodeId& b, bool up) {
    {
      rt::MutexLock lock(mutex_);
      if (up) {
        cut_.erase(std::minmax(a, b));
        return;
      }
      cut_.insert(std::minmax(a, b));
    }
    const Status broken(StatusCode::kUnavailable, "the link between " + a.name + " and " + b.name + " is cut");
    if (const auto box = find_node(a)) box->fail_calls_to(b, broken);
    if (const auto box = find_node(b)) box->fail_calls_to(a, broken);
  }

 private:
  Route route(const NodeId& from, const NodeId& to, const net::Envelope&) override {
    rt::MutexLock lock(mutex_);
    if (!cut_.contains(std::minmax(from, to))) return {{}, 0, {0}};
    return {Status(StatusCode::kUnavailable, "the link between " + from.name + " and " + to.name + " is cut"), 0, {}};
  }
  Route route_to_nobody(const NodeId&, const PeerAddress& to) override {
    return {Status(StatusCode::kUnavailable, "no node " + to.node.name + " at " + to.address), 0, {}};
  }

  rt::Mutex mutex_;
  std::set<std::pair<NodeId, NodeId>> cut_ LDB_GUARDED_BY(mutex_);  // the smaller name first
};

}  // namespace

struct InProcessNetwork::State {
  std::shared_ptr<DirectSwitchboard> board = std::make_shared<DirectSwitchboard>();
};

InProcessNetwork::InProcessNetwork() : state_(std::make_shared<State>()) {}
InProcessNetwork::~InProcessNetwork() = default;
std::unique_ptr<Transport> InProcessNetwork::new_transport() { return state_->board->new_transport(); }
void InProcessNetwork::set_link(const NodeId& a, const NodeId& b, bool up) { state_->board->set_link(a, b, up); }

}  // namespace ldb
