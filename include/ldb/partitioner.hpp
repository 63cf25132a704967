// Where rows live.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "ldb/ids.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// Maps a row to the members that hold it. Pure function of the member list and the key: every node computes the same. Any
/// thread.
class Partitioner {
 public:
  virtual ~Partitioner() = default;
  /// The members, in any order; replaces the previous list.
  virtual void set_members(std::vector<NodeId> members) = 0;
  /// Members that hold the row, preferred one first.
  virtual std::vector<NodeId> replicas(TableId table, std::string_view key) const = 0;
  /// How many of `members` hold each row: min(replication factor, members).
  virtual std::size_t replication_factor() const = 0;
  virtual std::string_view name() const = 0;
};

/// Every member holds everything (default); the preferred one is the first by name.
std::unique_ptr<Partitioner> new_full_replication_partitioner();
/// Consistent-hash ring (Karger et al., 1997) with virtual nodes: the owner follows the key's position, then the next distinct
/// members. `replication_factor` 0 means all members.
std::unique_ptr<Partitioner> new_hash_ring_partitioner(std::size_t replication_factor = 0, unsigned virtual_nodes = 64);

}  // namespace ldb
