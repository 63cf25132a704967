// What the engine tells of itself: events, tables, amplification.
#include <algorithm>
#include <cstdio>

#include "storage/lsm_engine.hpp"

namespace ldb::storage {

void LsmEngine::tell_error(const Status& status) const {
  if (status || options_.listener == nullptr) return;
  EngineEvent event;
  event.kind = EngineEventKind::kBackgroundError;
  event.status = status;
  tell(event);
}

void LsmEngine::tell_compaction(EngineEventKind kind, const CompactionJob& job, const VersionEdit& edit, std::int64_t started_ns,
                                const Status& status) const {
  if (options_.listener == nullptr) return;
  EngineEvent event;
  event.kind = kind;
  event.level = job.level;
  event.output_level = job.output_level;
  event.tables_in = job.inputs.size() + job.below.size();
  for (const auto* tables : {&job.inputs, &job.below}) {
    for (const TablePtr& table : *tables) event.bytes_in += table->meta.file_size;
  }
  event.tables_out = edit.added.size();
  if (!job.move) event.bytes_out = edit.added_bytes();
  if (kind == EngineEventKind::kCompactionFinished) event.duration_ns = rt::monotonic_ns() - started_ns;
  event.status = status;
  tell(event);
}

void LsmEngine::tell_flush(EngineEventKind kind, const VersionEdit& edit, std::int64_t started_ns, const Status& status) const {
  if (options_.listener == nullptr) return;
  EngineEvent event;
  event.kind = kind;
  event.output_level = 0;
  if (kind == EngineEventKind::kFlushFinished) {
    event.tables_out = status ? edit.added.size() : 0;
    if (status) event.bytes_out = edit.added_bytes();
    event.duration_ns = rt::monotonic_ns() - started_ns;
  }
  event.status = status;
  tell(event);
}

void LsmEngine::tell_stall(bool stalled) {
  std::int64_t since = stalled_since_.load();
  if (stalled == (since != 0)) return;
  const std::int64_t now = rt::monotonic_ns();
  // One of several writers tells.
  if (!stalled_since_.compare_exchange_strong(since, stalled ? std::max<std::int64_t>(now, 1) : 0)) return;
  EngineEvent event;
  event.kind = stalled ? EngineEventKind::kStallBegun : EngineEventKind::kStallEnded;
  if (!stalled) event.duration_ns = now - since;
  tell(event);
}

void LsmEngine::tell_segment() {
  if (options_.listener == nullptr) return;
  const std::uint64_t segment = log_->position().segment;
  const std::uint64_t before = std::exchange(segment_told_, segment);
  if (before == 0 || before == segment) return;
  EngineEvent event;
  event.kind = EngineEventKind::kLogSegmentSwitched;
  event.segment = segment;
  tell(event);
}

std::vector<EngineTable> LsmEngine::tables() {
  std::vector<EngineTable> result;
  const auto state = read_state();
  for (int level = 0; level < kLevels; ++level) {
    for (const TablePtr& table : state->version->levels[static_cast<std::size_t>(level)]) {
      const TableMeta& meta = table->meta;
      result.push_back({level, meta.number, meta.file_size, meta.smallest, meta.largest, meta.entries, meta.deletions,
                        meta.range_tombstones, meta.max_sequence});
    }
  }
  return result;
}

void LsmEngine::add_amplification(std::vector<EngineProperty>& properties) const {
  const auto count = [](const rt::Atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  const auto ratio = [&](const char* name, std::uint64_t part, std::uint64_t whole) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
    properties.push_back({name, text});
  };
  const std::uint64_t ingested = count(counters_.ingested_bytes);
  const std::uint64_t written =
      log_->bytes_written() + count(counters_.flush_bytes) + count(counters_.compaction_write_bytes) + ingested;
  properties.push_back({"ingested_bytes", std::to_string(ingested)});
  // Bytes given to the file system for each byte given to the engine, since it was opened.
  ratio("write_amplification", written, count(counters_.user_bytes) + ingested);
  // Bytes of all tables for each byte of the deepest level: what stands above hides or repeats some of it.
  const auto state = read_state();
  std::uint64_t total = 0;
  std::uint64_t deepest = 0;
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t bytes = state->version->level_bytes(level);
    total += bytes;
    if (bytes > 0) deepest = bytes;
  }
  ratio("space_amplification", total, deepest);
}

}  // namespace ldb::storage
