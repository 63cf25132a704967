#include "ldb/partitioner.hpp"

#include <algorithm>
#include <utility>

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "base/rt/rt.hpp"

namespace ldb {
namespace {

void sort_and_unify(std::vector<NodeId>& members) {
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
}

class FullReplicationPartitioner final : public Partitioner {
 public:
  void set_members(std::vector<NodeId> members) override {
    sort_and_unify(members);
    rt::WriteLock lock(mutex_);
    members_ = std::move(members);
  }
  std::vector<NodeId> replicas(TableId, std::string_view) const override {
    rt::ReadLock lock(mutex_);
    return members_;
  }
  std::size_t replication_factor() const override {
    rt::ReadLock lock(mutex_);
    return members_.size();
  }
  std::string_view name() const override { return "full replication"; }

 private:
  mutable rt::SharedMutex mutex_;
  std::vector<NodeId> members_ LDB_GUARDED_BY(mutex_);
};

/// Every member owns `virtual_nodes` points of the 64-bit circle; a row belongs to the member of the first point at or behind its
/// own position. Points depend on the member's name alone, so a member that comes or goes moves only rows that it gains or loses.
class HashRingPartitioner final : public Partitioner {
 public:
  HashRingPartitioner(std::size_t replication_factor, unsigned virtual_nodes)
      : wanted_(replication_factor), virtual_nodes_(std::max(1U, virtual_nodes)) {}

  void set_members(std::vector<NodeId> members) override {
    sort_and_unify(members);
    std::vector<Point> ring;
    ring.reserve(members.size() * virtual_nodes_);
    for (std::size_t member = 0; member < members.size(); ++member) {
      for (unsigned i = 0; i < virtual_nodes_; ++i) {
        std::string label;
        put_bytes(label, members[member].name);
        put_u32(label, i);
        ring.push_back({hash64(label), member});
      }
    }
    // Two members may, at worst, share a point: then their order is by name, as everywhere.
    std::sort(ring.begin(), ring.end());
    rt::WriteLock lock(mutex_);
    members_ = std::move(members);
    ring_ = std::move(ring);
  }

  std::vector<NodeId> replicas(TableId table, std::string_view key) const override {
    const std::uint64_t position = hash64(key, table.value);
    rt::ReadLock lock(mutex_);
    const std::size_t wanted = factor();
    std::vector<NodeId> found;
    found.reserve(wanted);
    std::vector<bool> taken(members_.size());
    auto point = std::lower_bound(ring_.begin(), ring_.end(), Point{position, 0});
    while (found.size() < wanted) {
      if (point == ring_.end()) point = ring_.begin();
      if (!taken[point->member]) {
        taken[point->member] = true;
        found.push_back(members_[point->member]);
      }
      ++point;
    }
    return found;
  }

  std::size_t replication_factor() const override {
    rt::ReadLock lock(mutex_);
    return factor();
  }
  std::string_view name() const override { return "hash ring"; }

 private:
  struct Point {
    std::uint64_t position;
    std::size_t member;
    friend auto operator<=>(const Point&, const Point&) = default;
  };
  std::size_t factor() const LDB_REQUIRES_SHARED(mutex_) {
    return wanted_ == 0 ? members_.size() : std::min(wanted_, members_.size());
  }

  const std::size_t wanted_;
  const unsigned virtual_nodes_;
  mutable rt::SharedMutex mutex_;
  std::vector<NodeId> members_ LDB_GUARDED_BY(mutex_);
  std::vector<Point> ring_ LDB_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Partitioner> new_full_replication_partitioner() { return std::make_unique<FullReplicationPartitioner>(); }

std::unique_ptr<Partitioner> new_hash_ring_partitioner(std::size_t replication_factor, unsigned virtual_nodes) {
  return std::make_unique<HashRingPartitioner>(replication_factor, virtual_nodes);
}

}  // namespace ldb
