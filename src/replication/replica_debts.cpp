// Debts: what this node must catch up with before it serves again, since members know more of it than its own directory does.
#include "replication/replica.hpp"

#include <utility>

namespace ldb::replication {

Status Replica::own_origin_ahead(const NodeId& node, OriginId origin, const VersionVector& needed) {
  return lost_state(node, needed, origin == applier_->origin(), "it sent a commit of this node that is not in its own log");
}

Status Replica::lost_state(const NodeId& node, const VersionVector& needed, bool new_origin, const std::string& why) {
  rt::MutexLock saving(debts_mutex_);
  {
    rt::WriteLock gate(gate_);  // no commit is under way from here on, and none begins
    indebted_.store(true);
  }
  std::map<NodeId, VersionVector> debts;
  {
    rt::MutexLock lock(mutex_);
    debts_[node].merge(needed);
    debts = debts_;
    debt_review_.begin();
  }
  log(LogLevel::kWarning, "catching up with member " + node.name + " before serving: " + why);
  // The debt first: once the origin is new, the member's next hello would not show any more that something was lost.
  LDB_TRY(state_.save_debts(debts));
  if (!new_origin) return {};
  LDB_ASSIGN_OR_RETURN(const OriginId drawn, applier_->new_origin());
  (void)drawn;
  rt::MutexLock lock(mutex_);
  identity_.drew_new_origin();
  verified_.store(true);
  changed_.notify_all();
  return {};
}

Status Replica::settle_debts() {
  if (!indebted_.load()) return {};
  rt::MutexLock saving(debts_mutex_);
  LDB_ASSIGN_OR_RETURN(const VersionVector applied, applier_->applied(nullptr));
  std::map<NodeId, VersionVector> debts;
  {
    rt::MutexLock lock(mutex_);
    if (std::erase_if(debts_, [&](const auto& debt) { return applied.covers(debt.second); }) == 0) return {};
    debts = debts_;
  }
  LDB_TRY(state_.save_debts(debts));
  if (debts.empty()) {
    indebted_.store(false);
    log(LogLevel::kInfo, "caught up; serving again");
    applier_->serving_again();
  }
  return {};
}

/// `held`: what all members have together. What is beyond it is lost for good. True when that cut something off.
bool Replica::cut_debts(const VersionVector& held) {
  bool cut = false;
  for (auto& [node, needed] : debts_) {
    if (held.covers(needed)) continue;
    log(LogLevel::kWarning, "member " + node.name + " once had " + needed.to_string() +
                                ", of which no member has all any more; waiting for no more than " + held.to_string());
    needed.intersect(held);
    cut = true;
  }
  return cut;
}

Status Replica::forget_debt(const NodeId& node) {
  rt::MutexLock saving(debts_mutex_);
  std::map<NodeId, VersionVector> debts;
  {
    rt::MutexLock lock(mutex_);
    if (debts_.erase(node) == 0) return {};
    debts = debts_;
  }
  LDB_TRY(state_.save_debts(debts));
  if (debts.empty()) {
    indebted_.store(false);
    applier_->serving_again();
  }
  return {};
}

}  // namespace ldb::replication
