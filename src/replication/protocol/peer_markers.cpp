#include "replication/protocol/peer_markers.hpp"

#include "base/planted_bug.hpp"

#include <utility>

namespace ldb::replication {

void PeerMarkers::set_members(std::vector<NodeId> members, const NodeId& self) {
  members_ = std::move(members);
  std::map<NodeId, Member> kept;
  for (const NodeId& member : members_) {
    if (member != self) kept[member] = std::move(others_[member]);
  }
  others_ = std::move(kept);
}

void PeerMarkers::offer(const NodeId& member, StreamMarker marker, std::vector<NodeId> their_members) {
  const auto entry = others_.find(member);
  if (entry == others_.end()) return;
  Offer offer{std::move(marker), std::move(their_members)};
  if (entry->second.waiting) {
    entry->second.newest = std::move(offer);
  } else {
    entry->second.waiting = std::move(offer);
  }
}

void PeerMarkers::forget(const NodeId& member) {
  if (const auto entry = others_.find(member); entry != others_.end()) entry->second = {};
}

void PeerMarkers::advance(Member& member, const VersionVector& applied) {
  // All that the member had applied, not only its present stream: it may have ended an earlier stream whose last commits are not
  // here.
  const auto reached = [&](const std::optional<Offer>& offer) {
    return offer && applied.covers(Dot{offer->marker.origin, offer->marker.sequence}) && applied.covers(offer->marker.applied);
  };
  while (reached(member.waiting)) {
    member.valid = std::move(member.waiting);
    member.waiting = std::exchange(member.newest, std::nullopt);
  }
}

std::optional<VersionVector> PeerMarkers::stable(const VersionVector& applied) {
  VersionVector least = applied;
  for (auto& [id, member] : others_) {
    advance(member, applied);
    if (planted(PlantedBug::kCollectionSkipsAMember) && &member != &others_.begin()->second) continue;
    if (!member.valid || member.valid->members != members_) return std::nullopt;
    least.intersect(member.valid->marker.applied);
  }
  return least;
}

}  // namespace ldb::replication
