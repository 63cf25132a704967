#include "replication/protocol/log_index.hpp"

#include <algorithm>
#include <utility>

namespace ldb::replication {

LogIndex::LogIndex(LogPosition begin, VersionVector start, std::size_t spacing_bytes, std::size_t max_checkpoints)
    : spacing_bytes_(std::max<std::size_t>(1, spacing_bytes)),
      max_checkpoints_(std::max<std::size_t>(2, max_checkpoints)),
      frontier_{begin, std::move(start)} {
  checkpoints_.push_back(frontier_);
}

void LogIndex::passed(LogPosition from, LogPosition next, Dot dot, Stamp stamp, std::size_t size_bytes) {
  if (from != frontier_.position) return;
  frontier_.position = next;
  if (frontier_.before.get(dot.origin).sequence < dot.sequence) frontier_.before.set(dot.origin, {dot.sequence, stamp, 0});
  bytes_since_checkpoint_ += size_bytes;
  if (bytes_since_checkpoint_ < spacing_bytes_) return;
  bytes_since_checkpoint_ = 0;
  checkpoints_.push_back(frontier_);
  if (checkpoints_.size() <= max_checkpoints_) return;
  spacing_bytes_ *= 2;
  std::deque<Checkpoint> kept;
  for (std::size_t i = 0; i < checkpoints_.size(); i += 2) kept.push_back(std::move(checkpoints_[i]));
  checkpoints_ = std::move(kept);
}

void LogIndex::require(const VersionVector& vector) {
  for (Checkpoint& checkpoint : checkpoints_) checkpoint.before.merge(vector);
  frontier_.before.merge(vector);
}

std::optional<LogIndex::Checkpoint> LogIndex::start_for(const VersionVector& receiver) const {
  if (receiver.covers(frontier_.before)) return frontier_;
  // Vectors grow along the log, so the checkpoints that a receiver covers are a prefix of the list.
  const auto first_beyond = std::partition_point(checkpoints_.begin(), checkpoints_.end(),
                                                 [&](const Checkpoint& c) { return receiver.covers(c.before); });
  if (first_beyond == checkpoints_.begin()) return std::nullopt;
  return *std::prev(first_beyond);
}

std::optional<LogIndex::Checkpoint> LogIndex::releasable(const VersionVector& acknowledged) const {
  const auto first_beyond = std::partition_point(checkpoints_.begin(), checkpoints_.end(),
                                                 [&](const Checkpoint& c) { return acknowledged.covers(c.before); });
  if (first_beyond == checkpoints_.begin()) return std::nullopt;
  const auto last = std::prev(first_beyond);
  if (last == checkpoints_.begin()) return std::nullopt;
  return *last;
}

bool LogIndex::drop_before(LogPosition position) {
  while (checkpoints_.size() > 1 && checkpoints_.front().position < position) checkpoints_.pop_front();
  if (checkpoints_.front().position >= position) return true;
  if (frontier_.position < position) return false;
  checkpoints_.front() = frontier_;
  bytes_since_checkpoint_ = 0;
  return true;
}

}  // namespace ldb::replication
