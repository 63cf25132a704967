// The set of tables that make up the tree at one moment.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/storage_engine.hpp"
#include "storage/sstable/table_meta.hpp"

namespace ldb::storage {

class TableReader;

constexpr int kLevels = 7;

/// Numbers of table files whose last user is gone. Shared by the engine and by every table handle.
class ObsoleteTables {
 public:
  void add(std::uint64_t number) {
    rt::MutexLock lock(mutex_);
    numbers_.push_back(number);
  }
  std::vector<std::uint64_t> take() {
    rt::MutexLock lock(mutex_);
    return std::exchange(numbers_, {});
  }

 private:
  rt::Mutex mutex_;
  std::vector<std::uint64_t> numbers_ LDB_GUARDED_BY(mutex_);
};

/// One table file, shared by the versions that contain it. Its destruction, once it is marked obsolete, hands the file to be
/// removed.
class TableFile {
 public:
  TableFile(TableMeta m, std::shared_ptr<ObsoleteTables> obsolete) : meta(std::move(m)), obsolete_(std::move(obsolete)) {}
  ~TableFile() {
    if (dropped_.load(std::memory_order_acquire)) obsolete_->add(meta.number);
  }
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;

  /// No version written from now on names it (and the manifest that says so is durable).
  void mark_obsolete() { dropped_.store(true, std::memory_order_release); }

  const TableMeta meta;
  bool being_compacted = false;  // guarded by the engine's mutex
  /// While the table cache holds it open; to be followed under a guard of the engine's epochs only.
  rt::Atomic<const TableReader*> reader{nullptr};

 private:
  const std::shared_ptr<ObsoleteTables> obsolete_;
  rt::Atomic<bool> dropped_{false};
};

using TablePtr = std::shared_ptr<TableFile>;

/// The tables in as few chains as there can be: those of one do not overlap and stand in order of their keys.
std::vector<std::vector<TablePtr>> disjoint_chains(std::vector<TablePtr> tables);

/// Immutable once arranged; any thread. Level 0: newest first, may overlap. Others: sorted, disjoint.
struct Version {
  std::array<std::vector<TablePtr>, kLevels> levels;
  std::vector<std::vector<TablePtr>> level0_chains;  ///< the same tables as in level 0

  /// Puts each level in order.
  void arrange();
  std::uint64_t level_bytes(int level) const;
  /// What level 0 costs: the most of its tables that a key may be in, or a quarter of all, if that is more.
  std::size_t level0_runs() const { return std::max(level0_chains.size(), (levels[0].size() + 3) / 4); }
  /// Tables of a level that have something in [lower, upper], both inclusive; a null bound is open.
  std::vector<TablePtr> overlapping(int level, const std::string* lower, const std::string* upper) const;
  /// Index of the first table of a level >= 1 that does not end before `key`.
  std::size_t find(int level, std::string_view key) const;
  /// Does any level below `level` hold something in [lower, upper]?
  bool overlaps_below(int level, std::string_view lower, std::string_view upper) const;
  std::string check() const;  ///< empty, or what is wrong with the order of the tables
};

/// A change of the tree, as the manifest records it.
struct VersionEdit {
  struct Added {
    int level;
    TableMeta table;
  };
  struct Removed {
    int level;
    std::uint64_t number;
  };
  std::vector<Added> added;
  std::vector<Removed> removed;
  std::optional<std::uint64_t> next_file_number;
  std::optional<std::uint64_t> last_sequence;  ///< highest sequence in any table
  std::optional<LogPosition> log_flushed;      ///< everything before is in tables
  std::optional<LogPosition> log_begin;        ///< oldest log position kept

  /// Of the files of the tables added.
  std::uint64_t added_bytes() const {
    std::uint64_t total = 0;
    for (const Added& a : added) total += a.table.file_size;
    return total;
  }
  /// Names of the files of tables added that did not only change their level.
  std::vector<std::string> new_files() const;
  std::string encode() const;
  /// Any bytes are safe; kCorruption without file name.
  static Result<VersionEdit> decode(std::string_view bytes);
};

/// The version after an edit; kCorruption when the edit does not fit.
Result<std::shared_ptr<const Version>> apply_edit(const Version& base, const VersionEdit& edit,
                                                  const std::shared_ptr<ObsoleteTables>& obsolete);

}  // namespace ldb::storage
