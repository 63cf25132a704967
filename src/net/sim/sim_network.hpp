// The simulated network: delays, losses, duplicates, resets and cuts, decided by a seed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "ldb/sim.hpp"
#include "net/switchboard.hpp"

namespace ldb::net {

/// Any simulated thread. Counts every fault as "fault.message_*" and mixes every message into the run's trace hash.
class SimNetwork final : public Switchboard {
 public:
  explicit SimNetwork(std::uint64_t seed) : random_(seed) {}

  void set_faults(const sim::LinkFaults& faults);
  void set_faults(const NodeId& from, const NodeId& to, std::optional<sim::LinkFaults> faults);
  void set_cut(const NodeId& from, const NodeId& to, bool cut);
  void heal_all();
  void set_slowness(const NodeId& node, double factor);
  /// The node's transport goes dead: nothing leaves it any more, nothing is delivered to it, its calls end by timeout or
  /// stop(). Its peers are not told. Its address is free again.
  void crash(const NodeId& node);

 private:
  Route route(const NodeId& from, const NodeId& to, const Envelope& envelope) override;
  Route route_to_nobody(const NodeId& from, const PeerAddress& to) override;
  std::int64_t draw_delay(const sim::LinkFaults& faults, const NodeId& from, const NodeId& to) LDB_REQUIRES(mutex_);
  double slowness(const NodeId& node) const LDB_REQUIRES(mutex_);

  using Direction = std::pair<NodeId, NodeId>;
  rt::Mutex mutex_;
  Random random_ LDB_GUARDED_BY(mutex_);
  sim::LinkFaults default_ LDB_GUARDED_BY(mutex_);
  std::map<Direction, sim::LinkFaults> links_ LDB_GUARDED_BY(mutex_);
  std::set<Direction> cut_ LDB_GUARDED_BY(mutex_);
  std::map<NodeId, double> slowness_ LDB_GUARDED_BY(mutex_);
  std::map<Direction, std::int64_t> last_arrival_ns_ LDB_GUARDED_BY(mutex_);
};

}  // namespace ldb::net
