// Decides which versions survive a flush or a compaction.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ldb/storage_engine.hpp"
#include "storage/internal_key.hpp"
#include "storage/range_tombstone.hpp"

namespace ldb::storage {

/// Pure: is fed entries in internal order and answers for each. One thread.
class EntrySieve {
 public:
  struct Options {
    /// What someone may still ask for, ascending: the sequences of all open views and, last, the newest published one.
    std::vector<std::uint64_t> views;
    const FragmentedTombstones* tombstones = nullptr;  ///< of all inputs
    const CollectionPolicy* policy = nullptr;          ///< may be null
    /// Nothing older of [lower, upper], both inclusive, stands outside the inputs. Called with keys in ascending order for
    /// points.
    std::function<bool(std::string_view lower, std::string_view upper)> nothing_below;
  };
  explicit EntrySieve(Options options) : options_(std::move(options)) {}

  struct Verdict {
    bool keep = false;
    Tag tag = 0;  ///< may differ from the entry's: collected values become tombstones, old sequences zero
    bool drop_value = false;
  };
  Verdict judge(std::string_view key, Tag tag, std::string_view value);

  /// The range tombstones that must go on.
  std::vector<FragmentedTombstones::Fragment> surviving_tombstones() const;

  std::uint64_t dropped() const { return dropped_; }

 private:
  /// Entries with equal numbers are seen by the same views, except that a newer one hides an older one.
  std::size_t stripe(std::uint64_t sequence) const;

  const Options options_;
  std::string key_;
  bool has_key_ = false;
  std::size_t newer_stripe_ = 0;  // of the next newer version of key_
  bool has_newer_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace ldb::storage
