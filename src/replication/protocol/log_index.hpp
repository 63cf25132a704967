// Where in the own log a stream can start for a receiver, and how much of the log nobody needs any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "ldb/ids.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::replication {

/// A sparse list of checkpoints `(position, vector)`: a receiver that covers the vector needs nothing before the position. Pure;
/// one thread. The first checkpoint is the start of the log, its vector the *log start vector*. Readers of the log that pass the
/// end of what is indexed extend it, so the index costs no reading of its own.
class LogIndex {
 public:
  struct Checkpoint {
    LogPosition position;
    VersionVector before;
  };

  /// `spacing_bytes`: of commits between checkpoints; doubled whenever there would be more than `max_checkpoints`.
  LogIndex(LogPosition begin, VersionVector start, std::size_t spacing_bytes = 1 << 20, std::size_t max_checkpoints = 1024);

  /// What a receiver must cover to be served from the log at all.
  const VersionVector& start() const { return checkpoints_.front().before; }
  LogPosition begin() const { return checkpoints_.front().position; }

  /// A reader went from `from` (where the change before it ended, or where it started) over a commit to `next`.
  void passed(LogPosition from, LogPosition next, Dot dot, Stamp stamp, std::size_t size_bytes);
  /// Nothing that `vector` covers is in the log unless an earlier checkpoint says so: receivers must cover it (whole-state copies
  /// put commits into the state that the log never held).
  void require(const VersionVector& vector);

  /// The last place to start for a receiver; none when it does not cover start().
  std::optional<Checkpoint> start_for(const VersionVector& receiver) const;
  /// The last checkpoint that everybody who covers `acknowledged` is past; none when that is the first one.
  std::optional<Checkpoint> releasable(const VersionVector& acknowledged) const;
  /// Forgets checkpoints before `position`. If none is left at or behind it, false: the index must be built anew.
  bool drop_before(LogPosition position);

 private:
  std::size_t spacing_bytes_;
  std::size_t max_checkpoints_;
  std::deque<Checkpoint> checkpoints_;  // ascending, never empty
  Checkpoint frontier_;                 // how far the index knows the log
  std::size_t bytes_since_checkpoint_ = 0;
};

}  // namespace ldb::replication
