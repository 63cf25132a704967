#include "replication/collection.hpp"

#include <utility>

#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb::replication {

bool DeadRowCollection::collectible(std::string_view key, std::string_view value) const {
  if (key.size() < keys::kPrefixSize || key.front() != keys::kRowSpace) return false;
  // A damaged image is kept for whoever looks into it.
  if (const Result<bool> lives = image_lives(value); !lives || *lives) return false;
  std::shared_ptr<const VersionVector> floor;
  {
    rt::MutexLock lock(mutex_);
    floor = floor_;
  }
  const Result<bool> covered = covered_by(value, *floor);
  if (!covered) return false;
  if (!*covered) {
    wanted_.store(true);
    return false;
  }
  collected_.fetch_add(1);
  return true;
}

void DeadRowCollection::publish(VersionVector floor) {
  auto next = std::make_shared<const VersionVector>(std::move(floor));
  rt::MutexLock lock(mutex_);
  floor_ = std::move(next);
}

}  // namespace ldb::replication
