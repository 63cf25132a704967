#include "storage/compaction/compaction_picker.hpp"

#include <algorithm>

namespace ldb::storage {
namespace {

bool busy(const std::vector<TablePtr>& tables) {
  return std::any_of(tables.begin(), tables.end(), [](const TablePtr& t) { return t->being_compacted; });
}

void add_below(const Version& version, CompactionJob& job) {
  if (job.output_level == job.level || job.inputs.empty()) return;
  const std::string* lower = &job.inputs[0]->meta.smallest;
  const std::string* upper = &job.inputs[0]->meta.largest;
  for (const TablePtr& table : job.inputs) {
    if (table->meta.smallest < *lower) lower = &table->meta.smallest;
    if (table->meta.largest > *upper) upper = &table->meta.largest;
  }
  job.below = version.overlapping(job.output_level, lower, upper);
}

/// How many of the inputs, at least one, come to at most `bytes` with what they overlap.
std::size_t fitting(const Version& version, int output_level, const std::vector<TablePtr>& inputs, std::uint64_t bytes) {
  std::uint64_t total = 0;
  std::uint64_t last_below = 0;  // counted once where neighbours share it
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    const TableMeta& meta = inputs[n]->meta;
    total += meta.file_size;
    for (const TablePtr& table : version.overlapping(output_level, &meta.smallest, &meta.largest)) {
      if (table->meta.number != last_below) total += table->meta.file_size;
      last_below = table->meta.number;
    }
    if (n > 0 && total > bytes) return n;
  }
  return inputs.size();
}

}  // namespace

CompactionPicker::Shape CompactionPicker::shape(const Version& version) const {
  Shape shape;
  std::array<std::uint64_t, kLevels> ideal{};
  std::uint64_t largest = 0;
  for (int level = 1; level < kLevels; ++level) largest = std::max(largest, version.level_bytes(level));
  std::uint64_t bytes = std::max(largest, base_bytes_);
  for (int level = kLevels - 1; level >= 1; --level) {
    ideal[static_cast<std::size_t>(level)] = bytes;
    shape.base_level = level;
    if (bytes <= base_bytes_) break;
    bytes /= kFanOut;
  }
  for (int level = shape.base_level; level < kLevels; ++level) {
    shape.target_bytes[static_cast<std::size_t>(level)] = std::max(ideal[static_cast<std::size_t>(level)], base_bytes_);
  }
  return shape;
}

double CompactionPicker::score_level0(const Version& version) const {
  const std::size_t runs = version.level0_runs();
  // Every compaction rewrites the base level, so level 0 gathers more than is there, within reason: reads ask all of its runs.
  const bool worth_it = version.level_bytes(0) >= 2 * version.level_bytes(shape(version).base_level);
  const bool wait = !worth_it && runs < kLevel0Most;
  const double score = static_cast<double>(runs) / static_cast<double>(wait ? kLevel0Most : kLevel0Trigger);
  if (score < 1 && version.levels[0].size() >= kLevel0Trigger && oldest_sinks(version, level0_output(version))) return 1;
  return score;
}

double CompactionPicker::score(const Version& version, int level) const {
  if (level == 0) return score_level0(version);
  if (level >= kLevels - 1) return 0;
  const std::uint64_t bytes = version.level_bytes(level);
  if (bytes == 0) return 0;
  const std::uint64_t target = shape(version).target_bytes[static_cast<std::size_t>(level)];
  // What is left above the base level after the tree has shrunk sinks first, or level 0 would have to wait for it.
  if (target == 0) return 1000;
  return static_cast<double>(bytes) / static_cast<double>(target);
}

std::optional<CompactionJob> CompactionPicker::pick(const Version& version) {
  std::array<std::pair<double, int>, kLevels - 1> scores;
  for (int level = 0; level < kLevels - 1; ++level) scores[static_cast<std::size_t>(level)] = {score(version, level), level};
  std::sort(scores.begin(), scores.end(), std::greater<>());
  for (const auto& [score, level] : scores) {
    if (score < 1) break;
    auto job = level == 0 ? pick_level0(version) : pick_deeper(version, level);
    if (job) return job;
  }
  return std::nullopt;
}

bool CompactionPicker::may_move(const Version& version, const TableMeta& table, int output_level) const {
  if (!version.overlapping(output_level, &table.smallest, &table.largest).empty()) return false;
  // From a time when the option was off: written anew rather than kept as it is for ever.
  if (compress_ && !table.compressed) return false;
  // What lies two levels down would have to be merged at once later.
  if (output_level + 1 >= kLevels) return true;
  std::uint64_t grandparents = 0;
  for (const TablePtr& t : version.overlapping(output_level + 1, &table.smallest, &table.largest))
    grandparents += t->meta.file_size;
  return grandparents <= kFanOut * std::max<std::uint64_t>(table.file_size, 1 << 20);
}

int CompactionPicker::level0_output(const Version& version) const {
  const int base = shape(version).base_level;
  for (int level = 1; level < base; ++level) {
    if (!version.levels[static_cast<std::size_t>(level)].empty()) return level;  // not past what is older
  }
  return base;
}

/// Data that came in key order needs no merge.
bool CompactionPicker::oldest_sinks(const Version& version, int output_level) const {
  const TableMeta& oldest = version.levels[0].back()->meta;
  return version.overlapping(0, &oldest.smallest, &oldest.largest).size() == 1 && may_move(version, oldest, output_level);
}

std::optional<CompactionJob> CompactionPicker::pick_level0(const Version& version) const {
  const auto& tables = version.levels[0];
  if (tables.empty() || busy(tables)) return std::nullopt;
  CompactionJob job;
  job.output_level = level0_output(version);
  if (oldest_sinks(version, job.output_level)) {
    job.inputs = {tables.back()};
    job.move = true;
    return job;
  }
  job.inputs = tables;
  add_below(version, job);
  if (busy(job.below)) return std::nullopt;
  return job;
}

std::optional<CompactionJob> CompactionPicker::pick_deeper(const Version& version, int level) {
  const auto& tables = version.levels[static_cast<std::size_t>(level)];
  if (tables.empty()) return std::nullopt;
  std::string& next_key = next_key_[static_cast<std::size_t>(level)];
  std::size_t start = 0;
  while (start < tables.size() && tables[start]->meta.smallest < next_key) ++start;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const TablePtr& table = tables[(start + i) % tables.size()];
    CompactionJob job;
    job.level = level;
    job.output_level = level + 1;
    job.inputs = {table};
    add_below(version, job);
    if (table->being_compacted || busy(job.below)) continue;
    job.move = job.below.empty() && may_move(version, table->meta, level + 1);
    next_key = table->meta.largest + '\0';
    return job;
  }
  return std::nullopt;
}

std::optional<CompactionJob> CompactionPicker::pick_range(const Version& version, int level, int output_level,
                                                          const KeyRange& range, std::uint64_t written_since) const {
  CompactionJob job;
  job.level = level;
  job.output_level = output_level;
  const std::string* lower = range.lower ? &*range.lower : nullptr;
  const std::string* upper = range.upper ? &*range.upper : nullptr;
  job.inputs = version.overlapping(level, lower, upper);
  if (level == output_level) {
    // One at a time: what is left out must not come to stand inside the output.
    std::erase_if(job.inputs, [&](const TablePtr& t) { return t->meta.number >= written_since; });
    if (job.inputs.size() > 1) job.inputs.resize(1);
  }
  if (job.inputs.empty()) return std::nullopt;
  if (level == 0) {
    job.inputs = version.levels[0];  // older tables must not stay above newer data
  } else {
    job.inputs.resize(fitting(version, output_level, job.inputs, kRangeBases * base_bytes_));
  }
  add_below(version, job);
  return job;
}

}  // namespace ldb::storage
