#include "net/sim/sim_network.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/sim/scheduler.hpp"

namespace ldb::net {
namespace {

void count_fault(std::string_view what) { sim::Scheduler::current().count("fault.message_" + std::string(what)); }

}  // namespace

void SimNetwork::set_faults(const sim::LinkFaults& faults) {
  rt::MutexLock lock(mutex_);
  default_ = faults;
}

void SimNetwork::set_faults(const NodeId& from, const NodeId& to, std::optional<sim::LinkFaults> faults) {
  rt::MutexLock lock(mutex_);
  links_.erase({from, to});
  if (faults) links_.emplace(Direction{from, to}, *faults);
}

void SimNetwork::set_cut(const NodeId& from, const NodeId& to, bool cut) {
  rt::MutexLock lock(mutex_);
  if (cut) {
    cut_.insert({from, to});
  } else {
    cut_.erase({from, to});
  }
}

void SimNetwork::heal_all() {
  rt::MutexLock lock(mutex_);
  cut_.clear();
}

void SimNetwork::set_slowness(const NodeId& node, double factor) {
  rt::MutexLock lock(mutex_);
  slowness_[node] = factor;
}

void SimNetwork::crash(const NodeId& node) {
  while (const auto box = find_node(node)) {
    box->freeze();
    forget(*box);
  }
}

Switchboard::Route SimNetwork::route(const NodeId& from, const NodeId& to, const Envelope& envelope) {
  rt::MutexLock lock(mutex_);
  const auto link = links_.find({from, to});
  const sim::LinkFaults& faults = link == links_.end() ? default_ : link->second;
  sim::Scheduler& scheduler = sim::Scheduler::current();
  scheduler.count("net.messages");
  scheduler.note(from.name + (envelope.is_answer ? " answers " : " asks ") + to.name, envelope.bytes.size(),
                 hash64(envelope.bytes));
  Route route;
  if (faults.cut || cut_.contains({from, to})) {
    count_fault("cut");
    return route;
  }
  if (random_.chance(faults.reset)) {
    count_fault("reset");
    route.status = Status(StatusCode::kUnavailable, "the connection between " + from.name + " and " + to.name + " broke");
    route.fails_after_ns = draw_delay(faults, from, to);
    if (random_.one_in(2)) return route;  // it broke before the message arrived
  } else if (random_.chance(faults.loss)) {
    count_fault("lost");
    return route;
  }
  route.delays_ns.push_back(draw_delay(faults, from, to));
  if (random_.chance(faults.duplicate)) {
    count_fault("duplicated");
    route.delays_ns.push_back(draw_delay(faults, from, to));
  }
  return route;
}

Switchboard::Route SimNetwork::route_to_nobody(const NodeId& from, const PeerAddress& to) {
  rt::MutexLock lock(mutex_);
  sim::Scheduler::current().note(from.name + " asks absent " + to.node.name);
  Route route;
  // A machine that is up refuses the connection; one that is down does not even do that.
  if (random_.one_in(2)) route.status = Status(StatusCode::kUnavailable, "no node " + to.node.name + " at " + to.address);
  route.fails_after_ns = draw_delay(default_, from, to.node);
  return route;
}

std::int64_t SimNetwork::draw_delay(const sim::LinkFaults& faults, const NodeId& from, const NodeId& to) {
  std::int64_t delay_ns = random_.between(faults.min_delay_ns, std::max(faults.min_delay_ns, faults.max_delay_ns));
  if (random_.chance(faults.slow)) {
    count_fault("slow");
    delay_ns = random_.between(faults.min_delay_ns, std::max(faults.min_delay_ns, faults.slow_delay_ns));
  }
  delay_ns = static_cast<std::int64_t>(static_cast<double>(delay_ns) * slowness(from) * slowness(to));
  const std::int64_t arrival_ns = sim::Scheduler::current().now_ns() + delay_ns;
  std::int64_t& last_ns = last_arrival_ns_[{from, to}];
  if (arrival_ns < last_ns) count_fault("reordered");
  last_ns = std::max(last_ns, arrival_ns);
  return delay_ns;
}

double SimNetwork::slowness(const NodeId& node) const {
  const auto entry = slowness_.find(node);
  return entry == slowness_.end() ? 1.0 : entry->second;
}

}  // namespace ldb::net
