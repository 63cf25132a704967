#include "replication/protocol/debt_review.hpp"

#include <algorithm>
#include <utility>

namespace ldb::replication {

void DebtReview::begin() {
  round_.clear();
  second_ = false;
  held_ = VersionVector();
}

std::optional<VersionVector> DebtReview::heard(const NodeId& member, const VersionVector& applied,
                                               const std::vector<NodeId>& others) {
  if (std::find(others.begin(), others.end(), member) == others.end()) return std::nullopt;
  round_.insert(member);
  if (second_) held_.merge(applied);
  if (!std::all_of(others.begin(), others.end(), [&](const NodeId& node) { return round_.contains(node); })) return std::nullopt;
  round_.clear();
  second_ = !second_;
  if (second_) return std::nullopt;
  return std::exchange(held_, VersionVector());
}

}  // namespace ldb::replication
