// What no member has any more (docs/REPLICATION.md section 1): nobody may wait for it for ever.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "ldb/ids.hpp"

namespace ldb::replication {

/// Pure; one thread. A node that waits to catch up with what a member once had is told by all members what they have, in two
/// rounds: what moves from one member to another behind the back of the first round is found by the second.
class DebtReview {
 public:
  /// Something was added to what is waited for: answers until now do not count.
  void begin();
  /// An answer of `member`, which has durably applied `applied`. `others`: all members but this node. Returns what they have
  /// together when it was the last of the second round; the next review begins with it.
  std::optional<VersionVector> heard(const NodeId& member, const VersionVector& applied, const std::vector<NodeId>& others);

 private:
  std::set<NodeId> round_;
  bool second_ = false;
  VersionVector held_;  // of those in the second round
};

}  // namespace ldb::replication
