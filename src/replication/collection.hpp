// Collection of dead rows (docs/REPLICATION.md section 7).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/rt/rt.hpp"
#include "ldb/ids.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::replication {

/// Tells the engine which dead row images may go: those whose every write id the *floor* covers, a vector that was stable when it
/// was published. The floor is raised only on demand: a candidate that the present floor does not cover sets wanted(), and the
/// owner may then publish a higher one (which it must have made durable first). Any thread.
class DeadRowCollection final : public CollectionPolicy {
 public:
  explicit DeadRowCollection(VersionVector floor) : floor_(std::make_shared<const VersionVector>(std::move(floor))) {}

  bool collectible(std::string_view key, std::string_view value) const override;

  void publish(VersionVector floor);
  /// Did compaction meet a dead row above the floor since the last call?
  bool take_wanted() { return wanted_.exchange(false); }
  std::uint64_t collected() const { return collected_.load(); }

 private:
  mutable rt::Mutex mutex_;
  std::shared_ptr<const VersionVector> floor_ LDB_GUARDED_BY(mutex_);  // shared so that compaction reads it without the lock
  mutable rt::Atomic<bool> wanted_{false};
  mutable rt::Atomic<std::uint64_t> collected_{0};
};

}  // namespace ldb::replication
