#include "workload.hpp"

namespace simulate {

using namespace ldb;

namespace {

class Misfortune {
 public:
  explicit Misfortune(Run& run) : run_(run), world_(run.world), cluster_(run.cluster), backups_(run.cluster.size()) {}

  void go(std::int64_t duration_ns) {
    const std::int64_t end = world_.now_ns() + duration_ns;
    while (world_.now_ns() < end) {
      world_.sleep_ns(static_cast<std::int64_t>(world_.random_below(400 * kMs)));
      strike();
    }
    calm();
  }

 private:
  void strike() {
    const std::size_t node = world_.random_below(cluster_.size());
    const std::size_t other = (node + 1 + world_.random_below(cluster_.size() - 1)) % cluster_.size();
    switch (world_.random_below(17)) {
      case 0:
        return world_.cut(cluster_.id(node), cluster_.id(other));
      case 1:
        return world_.cut_one_way(cluster_.id(node), cluster_.id(other));
      case 2:
      case 3:
        return world_.heal(cluster_.id(node), cluster_.id(other));
      case 4:
        return world_.heal_all();
      case 5:
        return bad_links();
      case 6:
        return restart(node, Cluster::End::kPowerLoss);
      case 7:
        return restart(node, Cluster::End::kKill);
      case 8:
        return restart(node, Cluster::End::kClose);
      case 9:
        return world_.pause(cluster_.id(node), static_cast<std::int64_t>(world_.random_below(500 * kMs)));
      case 10:
        return skew(node);
      case 11:
        return lose_disk(node);
      case 12:
        return restore_backup(node);
      case 13:
        return back_up(node);
      case 14:
        return world_.set_slowness(cluster_.id(node), world_.chance(0.5) ? 1 : 20);
      case 15:
        return bad_disk(node);
      default:
        return tidy(node);
    }
  }

  void bad_links() {
    sim::LinkFaults faults;
    faults.loss = world_.chance(0.5) ? 0.1 : 0;
    faults.duplicate = world_.chance(0.5) ? 0.2 : 0;
    faults.reset = world_.chance(0.3) ? 0.05 : 0;
    faults.slow = world_.chance(0.3) ? 0.1 : 0;
    world_.set_link_faults(faults);
  }

  /// Down for a while, then back on what its disk holds.
  void restart(std::size_t node, Cluster::End how) {
    world_.count(how == Cluster::End::kPowerLoss ? "fault.power_loss"
                 : how == Cluster::End::kKill    ? "fault.kill"
                                                 : "event.clean_restart");
    cluster_.stop(node, how);
    world_.sleep_ns(static_cast<std::int64_t>(world_.random_below(500 * kMs)));
    cluster_.start(node);
  }

  /// The disk fails for a while; then the node is started again, as its operator would do when it refuses to write.
  void bad_disk(std::size_t node) {
    world_.count("fault.disk_failing");
    cluster_.set_bad_disk(node, true);
    world_.sleep_ns(static_cast<std::int64_t>(world_.random_below(800 * kMs)));
    cluster_.set_bad_disk(node, false);
    restart(node, Cluster::End::kKill);
  }

  void skew(std::size_t node) {
    const bool far = world_.chance(0.2);
    const std::int64_t range_us = far ? 5'000'000 : 200'000;
    const auto offset = static_cast<std::int64_t>(world_.random_below(2 * static_cast<std::uint64_t>(range_us))) - range_us;
    world_.count(far ? "fault.clock_far_off" : "fault.clock_skewed");
    world_.set_clock_offset_us(cluster_.id(node), offset);
  }

  /// What the other nodes hold durably: the rest may be lost with a disk.
  VersionVector held_elsewhere(std::size_t node) {
    VersionVector held;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (i == node) continue;
      cluster_.with_node(i, [&](Node& n) {
        const VersionVector applied = n.replication_status().applied;
        if (n.storage().sync().is_ok()) held.merge(applied);
      });
    }
    return held;
  }

  void replace_disk(std::size_t node, const FaultyFileSystem::DirectoryImage& image) {
    cluster_.stop(node, Cluster::End::kKill);
    run_.history.disk_lost(held_elsewhere(node));
    world_.file_system(cluster_.id(node)).restore_directory(Cluster::kDirectory, image);
    cluster_.start(node);
  }

  void lose_disk(std::size_t node) {
    if (cluster_.keeps_history() || !world_.chance(0.5)) return;
    world_.count("fault.disk_lost");
    replace_disk(node, {});
    backups_[node].clear();
  }

  /// A copy as of one moment, of a running node, as a volume snapshot makes it.
  void back_up(std::size_t node) { backups_[node] = world_.file_system(cluster_.id(node)).copy_directory(Cluster::kDirectory); }

  void restore_backup(std::size_t node) {
    if (cluster_.keeps_history() || backups_[node].empty()) return back_up(node);
    world_.count("fault.disk_restored");
    replace_disk(node, backups_[node]);
  }

  void tidy(std::size_t node) {
    cluster_.with_node(node, [&](Node& n) {
      // Failures are the business of whoever crashes the node.
      [[maybe_unused]] const Status flushed = n.storage().flush();
      [[maybe_unused]] const Status compacted = n.storage().compact({});
      world_.count("event.compaction");
    });
  }

  void calm() {
    world_.heal_all();
    world_.set_link_faults(sim::LinkFaults{});
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      world_.set_slowness(cluster_.id(i), 1);
      world_.set_clock_offset_us(cluster_.id(i), 0);
      cluster_.start(i);
    }
  }

  Run& run_;
  sim::World& world_;
  Cluster& cluster_;
  std::vector<FaultyFileSystem::DirectoryImage> backups_;
};

}  // namespace

void misfortune(Run& run, std::int64_t duration_ns) { Misfortune(run).go(duration_ns); }

}  // namespace simulate
