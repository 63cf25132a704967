// A point read on its way from the memtable to the deepest level.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.hpp"
#include "base/rt/epoch.hpp"
#include "storage/internal_key.hpp"

namespace ldb::storage {

/// What filters keep of a key (docs/formats/sstable.md).
inline std::uint64_t filter_hash(std::string_view key) { return hash64(key); }

/// One point read on its way through memtables and tables. It starts under a guard, under which it may follow plain pointers.
/// Before it does I/O it takes shares in what it looks at and leaves the guard for good; then it must take shares all the way.
class PointRead {
 public:
  /// `keep` gives a share in whatever the caller's pointers lead to; called at most once, under the guard.
  using Keep = std::shared_ptr<const void> (*)(const void* owner);

  /// Looks for the newest version of all; see `target`.
  PointRead(rt::EpochDomain& epochs, std::string_view k, bool want) : key(k), want_value(want), guard_(epochs) {}

  const std::string_view key;
  Tag target = kFirstTag;  ///< the newest version at or below it is wanted
  const bool want_value;
  bool found = false;
  Tag tag = 0;  ///< of what was found
  std::string value;

  std::uint64_t hash() {
    if (!hashed_) {
      hash_ = filter_hash(key);
      hashed_ = true;
    }
    return hash_;
  }
  void set_owner(const void* owner, Keep keep) {
    owner_ = owner;
    keep_ = keep;
  }
  bool guarded() const { return guard_.open(); }
  /// Before I/O. `table`: a share in the one that is being read, if any.
  void leave_guard(std::shared_ptr<const void> table) {
    if (!guard_.open()) return;
    if (keep_ != nullptr) kept_ = keep_(owner_);
    kept_table_ = std::move(table);
    guard_.leave();
  }

 private:
  rt::EpochDomain::Guard guard_;
  const void* owner_ = nullptr;
  Keep keep_ = nullptr;
  std::shared_ptr<const void> kept_;
  std::shared_ptr<const void> kept_table_;
  std::uint64_t hash_ = 0;
  bool hashed_ = false;
};

}  // namespace ldb::storage
