// The stable vector: what every member is known to have seen (docs/REPLICATION.md section 7).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ldb/ids.hpp"
#include "replication/apply/applier.hpp"

namespace ldb::replication {

/// Collects markers of members and turns them into the stable vector. Pure; one thread.
///
/// A marker counts once the receiver has applied all that the member had applied. Each comes with the member's own list of
/// members: as long as the lists differ nothing is stable, since a member that only the other knows may still write against an
/// old state. So in a ring or a star, where nobody knows everybody, dead rows are kept.
class PeerMarkers {
 public:
  /// Ascending, this node included. Members that are gone are forgotten.
  void set_members(std::vector<NodeId> members, const NodeId& self);
  /// From an answer of `member`.
  void offer(const NodeId& member, StreamMarker marker, std::vector<NodeId> their_members);
  /// The member started anew, perhaps from an older state: what it said before does not count for what it will write.
  void forget(const NodeId& member);
  /// The least of all members' valid markers and `applied`, this node's own vector. None while a member has not been heard, its
  /// list differs, or no marker of it is valid yet.
  std::optional<VersionVector> stable(const VersionVector& applied);

 private:
  struct Offer {
    StreamMarker marker;
    std::vector<NodeId> members;
  };
  struct Member {
    std::optional<Offer> valid;
    // Two, so that a stream that always runs ahead still makes progress: the older waits, the newer is replaced.
    std::optional<Offer> waiting;
    std::optional<Offer> newest;
  };
  static void advance(Member& member, const VersionVector& applied);

  std::vector<NodeId> members_;
  std::map<NodeId, Member> others_;
};

}  // namespace ldb::replication
