// A flush or a compaction that is cut by keys into pieces.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/status.hpp"
#include "storage/range_tombstone.hpp"
#include "storage/sstable/table_meta.hpp"

namespace ldb::storage {

/// Some keys, and the tables that are written of them.
struct KeyPiece {
  std::optional<std::string> lower;  ///< inclusive
  std::optional<std::string> upper;  ///< exclusive
  std::vector<TableMeta> tables;
  Status status;

  /// What of the tombstones lies inside.
  std::vector<FragmentedTombstones::Fragment> clip(std::vector<FragmentedTombstones::Fragment> tombstones) const;
};

/// Pieces that are worked on side by side by as many threads as are free. Owned jointly by them: one that comes late finds
/// nothing left, and touches nothing that `work` refers to.
class PiecewiseJob {
 public:
  using Work = std::function<Status(KeyPiece&)>;

  /// `cuts`: the keys at which pieces after the first begin, ascending. `work` runs for several pieces at a time; what it refers
  /// to must live until finish() has returned.
  PiecewiseJob(const std::vector<std::string>& cuts, Work work);

  std::size_t size() const { return pieces_.size(); }
  /// Any thread: does one piece after the other until none is left to take.
  void help();
  /// help(), and waits for the pieces that others took. Once. The pieces in order of their keys.
  std::vector<KeyPiece> finish();

 private:
  const Work work_;
  rt::Mutex mutex_;
  rt::CondVar changed_;
  std::vector<KeyPiece> pieces_;  // each belongs to the thread that took it
  std::size_t next_ LDB_GUARDED_BY(mutex_) = 0;
  std::size_t done_ LDB_GUARDED_BY(mutex_) = 0;
};

}  // namespace ldb::storage
