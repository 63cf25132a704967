// Chooses what to compact.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "ldb/storage_engine.hpp"
#include "storage/manifest/version.hpp"

namespace ldb::storage {

/// Inputs of one compaction. The tables are marked being_compacted until it is over.
struct CompactionJob {
  int level = 0;
  int output_level = 0;
  std::vector<TablePtr> inputs;  ///< of `level`
  std::vector<TablePtr> below;   ///< of output_level, overlapping; empty when output_level == level
  bool move = false;             ///< the only input just changes its level
};

/// Leveled: level 0 by number of runs (fewer when they are much bigger than what they are merged with), deeper ones by size.
/// Sizes are dynamic: the deepest level is as big as it is, each level above may have a tenth of the one below, and the first
/// that would have less than the base size is the *base level*, into which level 0 goes; the ones above it stay empty. So all but
/// a ninth of the data is in the deepest level, whatever its size, and space amplification stays below that (S. Dong et al.,
/// "Optimizing Space Amplification in RocksDB", 2017). Guarded by the engine's mutex.
class CompactionPicker {
 public:
  static constexpr std::size_t kLevel0Trigger = 4;  // runs
  static constexpr std::size_t kLevel0Most = 8;     ///< compacted also where that rewrites more than it adds
  static constexpr std::uint64_t kFanOut = 10;
  static constexpr std::uint64_t kRangeBases = 2;  ///< base sizes that a job of pick_range() comes to

  CompactionPicker(std::uint64_t base_bytes, bool compress) : base_bytes_(base_bytes), compress_(compress) {}

  struct Shape {
    int base_level = kLevels - 1;
    std::array<std::uint64_t, kLevels> target_bytes{};  ///< from the base level on; above it 0: such a level should be empty
  };
  Shape shape(const Version& version) const;
  /// Above 1 the level wants a compaction.
  double score(const Version& version, int level) const;
  std::optional<CompactionJob> pick(const Version& version);
  /// The next job of compacting a range of a level into another; of the same one: of rewriting its tables in place, those
  /// numbered `written_since` or higher left out. All of level 0 is one job, in other levels a job is about as big as one of
  /// level 0, so that what is due meanwhile does not wait for long; go on with the range behind its last input.
  std::optional<CompactionJob> pick_range(const Version& version, int level, int output_level, const KeyRange& range,
                                          std::uint64_t written_since) const;

 private:
  double score_level0(const Version& version) const;
  int level0_output(const Version& version) const;
  bool oldest_sinks(const Version& version, int output_level) const;
  std::optional<CompactionJob> pick_level0(const Version& version) const;
  std::optional<CompactionJob> pick_deeper(const Version& version, int level);
  bool may_move(const Version& version, const TableMeta& table, int output_level) const;

  const std::uint64_t base_bytes_;
  const bool compress_;
  std::array<std::string, kLevels> next_key_;  // where the last compaction of each level ended
};

}  // namespace ldb::storage
