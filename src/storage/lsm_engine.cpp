// The read path and everything that only looks.
#include "storage/lsm_engine.hpp"

#include <algorithm>
#include <numeric>

#include "storage/file_names.hpp"
#include "storage/iterator/level_iterator.hpp"
#include "storage/iterator/merging_iterator.hpp"
#include "storage/iterator/view_iterator.hpp"
#include "storage/wal/change_reader.hpp"

namespace ldb::storage {
namespace {

class LsmView final : public ReadView {
 public:
  LsmView(OpenViews& views, std::uint64_t sequence) : views_(views), sequence_(sequence) {}
  ~LsmView() override { views_.close(sequence_); }
  std::uint64_t sequence() const override { return sequence_; }

 private:
  OpenViews& views_;
  const std::uint64_t sequence_;
};

bool outside(const TableMeta& table, const KeyRange& range) {
  return (range.lower && table.ends_before(*range.lower)) || (range.upper && table.smallest >= *range.upper);
}

}  // namespace

Status LsmEngine::usable() const {
  return closed_.load(std::memory_order_acquire) ? Status(StatusCode::kAborted, "storage engine is closed") : Status();
}

void LsmEngine::log_line(LogLevel level, const std::string& line) const {
  if (options_.log_sink != nullptr) options_.log_sink->log(level, "storage", directory_ + ": " + line);
}

std::string LsmEngine::path(std::string_view name) const { return join_path(directory_, name); }

std::shared_ptr<const ReadState> LsmEngine::read_state() const {
  const rt::EpochDomain::Guard guard(epochs_);
  return fast_read_state_.load(std::memory_order_seq_cst)->shared_from_this();
}

LsmEngine::Moment LsmEngine::moment(const ReadView* view) const {
  for (;;) {
    auto state = read_state();  // before the sequence: see get()
    if (view != nullptr) return {std::move(state), view->sequence()};
    const std::uint64_t sequence = published_.load(std::memory_order_acquire);
    // A run that was ingested in between is not in the state, but what was written to its memtable behind the run is.
    if (fast_read_state_.load(std::memory_order_seq_cst) == state.get()) return {std::move(state), sequence};
  }
}

std::unique_ptr<ReadView> LsmEngine::view() { return std::make_unique<LsmView>(views_, views_.open(published_)); }

const ReadState& LsmEngine::state_for(PointRead& read) const {
  const ReadState* const state = fast_read_state_.load(std::memory_order_seq_cst);
  read.set_owner(state, [](const void* owner) -> std::shared_ptr<const void> {
    return static_cast<const ReadState*>(owner)->shared_from_this();
  });
  return *state;
}

Result<std::optional<std::string>> LsmEngine::value_in(const ReadState& state, PointRead& read) const {
  LDB_TRY(find(state, read));
  if (!read.found || tag_kind(read.tag) != EntryKind::kPut) return std::optional<std::string>();
  return std::optional<std::string>(std::move(read.value));
}

Result<std::optional<std::string>> LsmEngine::get(const ReadView* view, std::string_view key) {
  LDB_TRY(usable());
  PointRead read(epochs_, key, true);
  // First the state, then the sequence: the other way round a compaction in between could drop what the sequence still shows.
  const ReadState& state = state_for(read);
  read.target = seek_tag(view != nullptr ? view->sequence() : published_.load(std::memory_order_acquire));
  return value_in(state, read);
}

Result<std::vector<std::optional<std::string>>> LsmEngine::multi_get(const ReadView* view,
                                                                     std::span<const std::string_view> keys) {
  LDB_TRY(usable());
  const auto [state, sequence] = moment(view);
  const Tag target = seek_tag(sequence);
  // In the order of the keys, so that those in one block find it read by the first, however small the cache is.
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  std::vector<std::optional<std::string>> values(keys.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && keys[order[i]] == keys[order[i - 1]]) {
      values[order[i]] = values[order[i - 1]];
      continue;
    }
    PointRead read(epochs_, keys[order[i]], true);
    read.target = target;
    LDB_ASSIGN_OR_RETURN(values[order[i]], value_in(*state, read));
  }
  return values;
}

Result<std::uint64_t> LsmEngine::newest_sequence(std::string_view key) {
  LDB_TRY(usable());
  PointRead read(epochs_, key, false);
  LDB_TRY(find(state_for(read), read));
  return read.found ? tag_sequence(read.tag) : std::uint64_t{0};
}

/// The newest of all entries for the key, a range tombstone counting as a deletion. Sources are asked from the newest to the
/// oldest, and every source is newer than the next one in all its keys, so the first that knows the key decides.
Status LsmEngine::find(const ReadState& state, PointRead& read) const {
  std::uint64_t tombstone = 0;
  const auto decided = [&] {
    if (tombstone > (read.found ? tag_sequence(read.tag) : 0)) {
      read.found = true;
      read.tag = make_tag(tombstone, EntryKind::kDelete);
    }
    return read.found;
  };
  const auto look_in = [&](const Memtable& memtable) {
    memtable.find(read);
    if (const auto list = memtable.tombstones()) tombstone = list->covering(read.key, tag_sequence(read.target));
    return decided();
  };
  if (look_in(*state.active)) return {};
  for (const auto& memtable : state.immutables) {
    if (look_in(*memtable)) return {};
  }
  for (const TablePtr& table : state.version->levels[0]) {
    if (table->meta.starts_after(read.key) || table->meta.ends_before(read.key)) continue;
    LDB_TRY(find_in_table(table, read, tombstone));
    if (decided()) return {};
  }
  for (int level = 1; level < kLevels; ++level) {
    const auto& tables = state.version->levels[static_cast<std::size_t>(level)];
    if (tables.empty()) continue;
    const std::size_t index = state.version->find(level, read.key);
    if (index == tables.size() || tables[index]->meta.starts_after(read.key)) continue;
    LDB_TRY(find_in_table(tables[index], read, tombstone));
    if (decided()) return {};
  }
  return {};
}

Status LsmEngine::find_in_table(const TablePtr& table, PointRead& read, std::uint64_t& tombstone) const {
  const TableReader* reader = read.guarded() ? table->reader.load(std::memory_order_seq_cst) : nullptr;
  std::shared_ptr<const TableReader> share;
  if (reader == nullptr) {
    read.leave_guard(nullptr);
    LDB_ASSIGN_OR_RETURN(share, table_cache_.find(table));
    reader = share.get();
  }
  LDB_TRY(reader->find(read));
  if (table->meta.range_tombstones > 0 && reader->tombstones()) {
    tombstone = reader->tombstones()->covering(read.key, tag_sequence(read.target));
  }
  return {};
}

Result<std::unique_ptr<Iterator>> LsmEngine::iterate(const ReadView* view, KeyRange range) {
  LDB_TRY(usable());
  const auto [state, sequence] = moment(view);
  ViewIteratorSources sources;
  sources.sequence = sequence;
  std::vector<std::unique_ptr<InternalIterator>> children;
  const auto add_tombstones = [&](std::shared_ptr<const FragmentedTombstones> list) {
    if (list) sources.tombstones.push_back(std::move(list));
  };
  const auto add_memtable = [&](const Memtable& memtable) {
    children.push_back(memtable.iterate());
    if (const auto tombstones = memtable.tombstones()) {
      for (const auto& list : tombstones->lists()) add_tombstones(list);
    }
  };
  add_memtable(*state->active);
  for (const auto& memtable : state->immutables) add_memtable(*memtable);
  const auto add_chain = [&](const std::vector<TablePtr>& chain) -> Status {
    std::vector<TablePtr> tables;
    for (const TablePtr& table : chain) {
      if (outside(table->meta, range)) continue;
      if (table->meta.range_tombstones > 0) {
        LDB_ASSIGN_OR_RETURN(const auto reader, table_cache_.find(table));
        add_tombstones(reader->tombstones());
      }
      tables.push_back(table);
    }
    if (!tables.empty()) children.push_back(new_level_iterator(table_cache_, std::move(tables), true));
    return {};
  };
  for (const auto& chain : state->version->level0_chains) LDB_TRY(add_chain(chain));
  for (std::size_t level = 1; level < kLevels; ++level) LDB_TRY(add_chain(state->version->levels[level]));
  sources.pin = state;
  sources.entries = new_merging_iterator(std::move(children));
  sources.range = std::move(range);
  return new_view_iterator(std::move(sources));
}

Result<std::unique_ptr<ChangeReader>> LsmEngine::changes(LogPosition from) {
  LDB_TRY(usable());
  if (from > log_->end()) {
    return Status(StatusCode::kInvalidArgument, "log position is beyond the synced end of the log");
  }
  // The very beginning, as long as nothing of it was released.
  if (from < LogPosition{1, kSegmentHeaderBytes}) from = {1, kSegmentHeaderBytes};
  return new_change_reader(fs_, *log_, from);
}

void LsmEngine::set_collection_policy(const CollectionPolicy* policy) {
  rt::MutexLock lock(mutex_);
  // A compaction under way may still hold the old one.
  const std::uint64_t ticket = turns_.stand_in_line();
  while (!turns_.may_begin(ticket)) changed_.wait(mutex_);
  turns_.leave(ticket);
  policy_ = policy;
  schedule();
  changed_.notify_all();
}

std::uint64_t LsmEngine::approximate_size(const KeyRange& range) {
  if (!usable()) return 0;
  const auto state = read_state();
  std::uint64_t total = 0;
  const auto add_memtable = [&](const Memtable& memtable) {
    if (!range.lower && !range.upper) {
      total += memtable.memory_usage();
      return;
    }
    constexpr int kSample = 1000;
    int seen = 0;
    std::uint64_t bytes = 0;
    const auto it = memtable.iterate();
    for (it->seek(range.lower ? std::string_view(*range.lower) : std::string_view(), kFirstTag); it->valid(); it->next()) {
      if (range.upper && it->key() >= *range.upper) break;
      bytes += it->key().size() + it->value().size();
      if (++seen == kSample) {
        bytes = std::max<std::uint64_t>(bytes, memtable.memory_usage() / 2);
        break;
      }
    }
    total += bytes;
  };
  add_memtable(*state->active);
  for (const auto& memtable : state->immutables) add_memtable(*memtable);
  for (const auto& tables : state->version->levels) {
    for (const TablePtr& table : tables) {
      if (outside(table->meta, range)) continue;
      std::uint64_t from = 0;
      std::uint64_t to = table->meta.file_size;
      const bool cut_left = range.lower && *range.lower > table->meta.smallest;
      const bool cut_right = range.upper && *range.upper <= table->meta.largest;
      if (cut_left || cut_right) {
        const auto reader = table_cache_.find(table);
        if (!reader) continue;
        if (cut_left) from = (*reader)->approximate_offset(*range.lower);
        if (cut_right) to = (*reader)->approximate_offset(*range.upper);
      }
      total += to > from ? to - from : 0;
    }
  }
  return total;
}

std::size_t LsmEngine::memory_usage() const {
  const auto state = read_state();
  std::size_t total = state->active->memory_usage() + block_cache_.memory_usage() + table_cache_.memory_usage() +
                      memtable_blocks_->memory_usage();
  for (const auto& memtable : state->immutables) total += memtable->memory_usage();
  return total;
}

std::vector<EngineProperty> LsmEngine::properties() {
  std::vector<EngineProperty> result;
  const auto add = [&](std::string name, std::string value) { result.push_back({std::move(name), std::move(value)}); };
  const auto number = [&](std::string name, std::uint64_t value) { add(std::move(name), std::to_string(value)); };
  const auto counter = [&](std::string name, const rt::Atomic<std::uint64_t>& value) {
    number(std::move(name), value.load(std::memory_order_relaxed));
  };
  const auto state = read_state();
  add("engine", "lsm");
  add("directory", directory_);
  number("last_sequence", published_.load());
  number("open_views", views_.count());
  number("memtable_bytes", state->active->memory_usage());
  number("memtable_entries", state->active->entries());
  number("immutable_memtables", state->immutables.size());
  number("free_memtable_bytes", memtable_blocks_->memory_usage());
  for (int level = 0; level < kLevels; ++level) {
    const std::string prefix = "level" + std::to_string(level);
    number(prefix + "_tables", state->version->levels[static_cast<std::size_t>(level)].size());
    number(prefix + "_bytes", state->version->level_bytes(level));
  }
  number("level0_runs", state->version->level0_runs());
  number("block_cache_bytes", block_cache_.memory_usage());
  number("block_cache_insertions", block_cache_.insertions());
  number("block_cache_evictions", block_cache_.evictions());
  number("table_cache_bytes", table_cache_.memory_usage());
  number("log_bytes", log_->total_bytes());
  number("log_segments", log_->segment_count());
  number("log_syncs", log_->syncs());
  number("log_bytes_written", log_->bytes_written());
  counter("writes", counters_.writes);
  counter("write_groups", counters_.groups);
  counter("user_bytes", counters_.user_bytes);
  counter("flushes", counters_.flushes);
  counter("flush_bytes", counters_.flush_bytes);
  counter("compactions", counters_.compactions);
  counter("table_moves", counters_.moves);
  counter("compaction_read_bytes", counters_.compaction_read_bytes);
  counter("compaction_write_bytes", counters_.compaction_write_bytes);
  counter("entries_dropped", counters_.entries_dropped);
  counter("stalls", counters_.stalls);
  counter("stall_ns", counters_.stall_ns);
  add_amplification(result);
  rt::MutexLock lock(mutex_);
  if (!flush_failure_) add("flush_failure", flush_failure_.to_string());
  if (!compaction_failure_) add("compaction_failure", compaction_failure_.to_string());
  if (!upkeep_failure_) add("log_failure", upkeep_failure_.to_string());
  return result;
}

}  // namespace ldb::storage
