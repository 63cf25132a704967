// May this node go on with the origin id that it found on its disk? (docs/REPLICATION.md section 1)
#pragma once

#include <cstdint>
#include <map>

#include "ldb/ids.hpp"

namespace ldb::replication {

/// Pure; one thread. A restored backup would number commits that peers have already seen with other contents; so the stream is
/// only continued when no member knows more of it than the disk holds.
class OriginIdentity {
 public:
  /// `fresh`: the origin id was drawn by this process, so nobody can know it. `had_peers`: some process on this directory had
  /// members.
  OriginIdentity(bool fresh, bool had_peers) : fresh_(fresh), had_peers_(had_peers) {}

  void add_member(const NodeId& member) { members_.emplace(member, State::kSilent); }
  void remove_member(const NodeId& member) { members_.erase(member); }

  /// A member answered: how far it knows this origin, and how far the own log goes. False when it knows more: state was lost.
  [[nodiscard]] bool heard(const NodeId& member, std::uint64_t their_sequence, std::uint64_t own_sequence) {
    if (const auto entry = members_.find(member); entry != members_.end()) entry->second = State::kHeard;
    return their_sequence <= own_sequence;
  }
  void unreachable(const NodeId& member) {
    if (const auto entry = members_.find(member); entry != members_.end() && entry->second == State::kSilent)
      entry->second = State::kUnreachable;
  }
  void drew_new_origin() { fresh_ = true; }

  /// May commits be made under the present origin id?
  bool verified() const {
    if (fresh_) return true;
    if (members_.empty()) return !had_peers_;
    for (const auto& [id, state] : members_) {
      if (state != State::kHeard) return false;
    }
    return true;
  }
  /// Is it pointless to wait for more answers?
  bool settled() const {
    for (const auto& [id, state] : members_) {
      if (state == State::kSilent) return false;
    }
    return true;
  }

 private:
  enum class State : std::uint8_t { kSilent, kUnreachable, kHeard };
  bool fresh_;
  bool had_peers_;
  std::map<NodeId, State> members_;
};

}  // namespace ldb::replication
