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

/// Leveled: level 0 by number of tables, deeper ones by size, each ten times the one above. Guarded by the engine's mutex.
class CompactionPicker {
 public:
  static constexpr std::size_t kLevel0Trigger = 4;
  static constexpr std::uint64_t kFanOut = 10;

  CompactionPicker(std::uint64_t base_bytes, bool compress) : base_bytes_(base_bytes), compress_(compress) {}

  std::uint64_t target_bytes(int level) const;
  /// Above 1 the level wants a compaction.
  double score(const Version& version, int level) const;
  std::optional<CompactionJob> pick(const Version& version);
  /// The next step of compacting a range of a level into the one below; with `level` the deepest one in use, rewrites it in
  /// place.
  std::optional<CompactionJob> pick_range(const Version& version, int level, int output_level, const KeyRange& range) const;

 private:
  std::optional<CompactionJob> pick_level0(const Version& version) const;
  std::optional<CompactionJob> pick_deeper(const Version& version, int level);
  bool may_move(const Version& version, const TableMeta& table, int output_level) const;

  const std::uint64_t base_bytes_;
  const bool compress_;
  std::array<std::string, kLevels> next_key_;  // where the last compaction of each level ended
};

/// Tables at this level and deeper are compressed.
constexpr int kFirstCompressedLevel = 2;

}  // namespace ldb::storage
