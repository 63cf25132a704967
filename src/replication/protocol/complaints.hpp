// What members say about this node's own commits, and whether it must stop writing because of it (docs/REPLICATION.md section 4).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ldb/ids.hpp"
#include "replication/protocol/protocol.hpp"

namespace ldb::replication {

/// Pure; one thread. A clock complaint holds until the member's next request without it, and at most `lifetime_ns`: a member that
/// was cut off while it complained must not stop this node for ever. A fork is final.
class Complaints {
 public:
  explicit Complaints(std::int64_t lifetime_ns) : lifetime_ns_(lifetime_ns) {}

  void said(const NodeId& member, const Complaint& complaint, OriginId own_origin, std::int64_t now_ns) {
    refusals_.erase(member);
    if (complaint.kind == Complaint::Kind::kNone || complaint.origin != own_origin) return;
    if (complaint.kind == Complaint::Kind::kFork) {
      fork_ = "member " + member.name +
              " found that this node's stream of commits was continued from an old copy of its directory (" + complaint.reason +
              "); empty the directory and let the node copy its state from the others";
    } else {
      refusals_[member] = {complaint.reason, now_ns + lifetime_ns_};
    }
  }
  void forget(const NodeId& member) { refusals_.erase(member); }

  /// Why writes are refused; empty when they are not. One member of several may have the wrong clock itself, so it takes more
  /// than half of the `reachable` members.
  std::string refusal(std::size_t reachable, std::int64_t now_ns) {
    if (!fork_.empty()) return fork_;
    std::erase_if(refusals_, [&](const auto& entry) { return entry.second.until_ns < now_ns; });
    if (refusals_.empty() || refusals_.size() * 2 <= reachable) return {};
    const auto& [member, refusal] = *refusals_.begin();
    return "the clock of this node is refused by member " + member.name + ": " + refusal.reason;
  }
  bool any() const { return !refusals_.empty() || !fork_.empty(); }

 private:
  struct Refusal {
    std::string reason;
    std::int64_t until_ns = 0;
  };
  const std::int64_t lifetime_ns_;
  std::map<NodeId, Refusal> refusals_;
  std::string fork_;
};

}  // namespace ldb::replication
