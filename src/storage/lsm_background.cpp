// Background work: scheduling, flush of memtables, upkeep of the log.
#include <algorithm>

#include "storage/compaction/entry_sieve.hpp"
#include "storage/compaction/table_set_writer.hpp"
#include "storage/file_names.hpp"
#include "storage/iterator/level_iterator.hpp"
#include "storage/iterator/merging_iterator.hpp"
#include "storage/lsm_engine.hpp"

namespace ldb::storage {
namespace {

constexpr std::string_view kCannotPrepare = "cannot prepare the log; it will be tried again";
constexpr std::int64_t kRetryNs = 100 * rt::kMillisecond;
constexpr std::uint64_t kMaxManifestBytes = 4 << 20;
constexpr std::size_t kMaxFlushes = 2;  // at once; more would find no memtables, for writers are slowed before

/// Feeds the survivors of `entries` to `writer`; `progress` hears now and then how many were looked at.
template <class Progress>
Status sift(InternalIterator& entries, EntrySieve& sieve, TableSetWriter& writer, const Progress& progress) {
  constexpr std::uint64_t kStep = 1024;
  std::uint64_t seen = 0;
  for (entries.seek_to_first(); entries.valid(); entries.next()) {
    if (++seen % kStep == 0) progress(seen);
    const EntrySieve::Verdict verdict = sieve.judge(entries.key(), entries.tag(), entries.value());
    if (!verdict.keep) continue;
    LDB_TRY(writer.add(entries.key(), verdict.tag, verdict.drop_value ? std::string_view() : entries.value()));
  }
  return entries.status();
}

}  // namespace

bool LsmEngine::submit_task(TaskPriority priority, void (LsmEngine::*task)()) {
  if (!executor_->submit(priority, [this, task] { (this->*task)(); })) return false;
  ++tasks_;
  return true;
}

void LsmEngine::schedule() {
  if (stopping_) return;
  const bool may_retry = (flush_failure_ && compaction_failure_ && upkeep_failure_) || rt::monotonic_ns() >= retry_at_ns_;
  const auto state = read_state();
  // After a failure those under way must end before it is all tried again.
  const bool may_flush = flushes_.size() < kMaxFlushes && failed_flush_ == UINT64_MAX;
  if (may_flush && !flush_submitted_ && state->immutables.size() > memtables_taken_ && (flush_failure_ || may_retry)) {
    flush_submitted_ = submit_task(TaskPriority::kHigh, &LsmEngine::run_flush);
  }
  if (!upkeep_running_ && upkeep_wanted_ && (upkeep_failure_ || may_retry)) {
    upkeep_running_ = submit_task(TaskPriority::kHigh, &LsmEngine::run_log_upkeep);
  }
  if (!compaction_running_ && (compaction_failure_ || may_retry)) {
    for (int level = 0; level < kLevels - 1; ++level) {
      if (picker_.score(*state->version, level) < 1) continue;
      compaction_running_ = submit_task(TaskPriority::kLow, &LsmEngine::run_compaction);
      break;
    }
  }
}

void LsmEngine::task_done() {
  --tasks_;
  update_pressure();
  schedule();
  changed_.notify_all();
}

void LsmEngine::note_failure(Status& where, const Status& status, std::string_view what) {
  if (!status) {
    retry_at_ns_ = rt::monotonic_ns() + kRetryNs;
    log_line(LogLevel::kError, std::string(what) + ": " + status.to_string());
  }
  where = status;
}

void LsmEngine::set_read_state(std::shared_ptr<const ReadState> state) {
  fast_read_state_.store(state.get(), std::memory_order_seq_cst);
  read_state_.swap(state);
  epochs_.retire(std::move(state));
  update_pressure();
}

Status LsmEngine::install(VersionEdit& edit, Flush* flush) {
  rt::MutexLock manifest_lock(manifest_mutex_);
  edit.next_file_number = next_file_number_.load();
  LDB_ASSIGN_OR_RETURN(auto version, apply_edit(*state_.version, edit, obsolete_));
  if (!manifest_ || manifest_->size() > kMaxManifestBytes) {
    const std::uint64_t old = manifest_ ? manifest_->number() : 0;
    LDB_ASSIGN_OR_RETURN(manifest_, ManifestWriter::create(fs_, directory_, next_file_number_.fetch_add(1), state_));
    if (old != 0) (void)fs_.remove(path(manifest_name(old)));
  }
  if (Status status = manifest_->append(edit); !status) {
    manifest_ = nullptr;  // whether the edit is in it is unknown; the next edit goes into a new manifest
    return status;
  }
  const auto before = state_.version;
  state_.version = version;
  state_.note(edit);
  {
    rt::MutexLock lock(mutex_);
    auto state = std::make_shared<ReadState>(*read_state());
    state->version = version;
    if (flush != nullptr) {
      state->immutables.resize(state->immutables.size() - flush->memtables.size());
      memtables_taken_ -= flush->memtables.size();
      note_progress(*flush, 0);  // in the same step: what is gone does not wait any more
    }
    set_read_state(std::move(state));
  }
  for (const VersionEdit::Removed& removed : edit.removed) {
    const bool moved =
        std::any_of(edit.added.begin(), edit.added.end(), [&](const auto& a) { return a.table.number == removed.number; });
    if (moved) continue;
    for (const TablePtr& table : before->levels[static_cast<std::size_t>(removed.level)]) {
      if (table->meta.number == removed.number) table->mark_obsolete();
    }
  }
  if (edit.log_begin) log_->drop_before(*edit.log_begin);
  return {};
}

void LsmEngine::remove_obsolete_files() {
  epochs_.collect();  // old read states, which are the last users of old tables
  for (const std::uint64_t number : obsolete_->take()) {
    table_cache_.evict(number);
    if (Status status = fs_.remove(path(table_name(number))); !status && status.code() != StatusCode::kNotFound) {
      log_line(LogLevel::kWarning, "cannot remove an obsolete table: " + status.to_string());
    }
  }
}

TableOptions LsmEngine::table_options() const {
  TableOptions result;
  result.block_bytes = options_.block_bytes;
  result.compression_level = options_.compression_level;
  result.bloom_bits_per_key = options_.bloom_bits_per_key;
  return result;
}

// Flush.

void LsmEngine::run_flush() {
  const std::int64_t started = rt::monotonic_ns();
  std::optional<Flush> flush = begin_flush();
  Status status;
  if (flush) {
    tell_flush(EngineEventKind::kFlushBegun, *flush, started, {});
    status = work_on(*flush);
    note_progress(*flush, 0);
    tell_flush(EngineEventKind::kFlushFinished, *flush, started, status);
    if (status.code() != StatusCode::kAborted) tell_error(status);
    flush->memtables.clear();
    remove_obsolete_files();
    // While writers are busy the next memtable takes the blocks of the one that was flushed.
    const WriteBacklog left = backlog();
    if (left.waiting == 0 && left.active_bytes < options_.memtable_bytes / 4) memtable_blocks_->trim();
  }
  rt::MutexLock lock(mutex_);
  if (flush) end_flush(*flush, status);
  task_done();
}

std::optional<LsmEngine::Flush> LsmEngine::begin_flush() {
  rt::MutexLock lock(mutex_);
  flush_submitted_ = false;
  const auto state = read_state();
  const auto taken = static_cast<std::ptrdiff_t>(memtables_taken_);
  Flush flush;
  flush.memtables.assign(state->immutables.rbegin() + taken, state->immutables.rend());
  if (flush.memtables.empty()) return std::nullopt;
  flush.number = ++last_flush_;
  flush.log_end = state->active->log_start();
  flushes_.push_back(flush.number);
  memtables_taken_ = state->immutables.size();
  return flush;
}

void LsmEngine::end_flush(const Flush& flush, const Status& status) {
  if (status.code() != StatusCode::kAborted) note_failure(flush_failure_, status, "flush failed; it will be tried again");
  if (!status) failed_flush_ = std::min(failed_flush_, flush.number);
  std::erase(flushes_, flush.number);
  if (flushes_.empty() && failed_flush_ != UINT64_MAX) {
    failed_flush_ = UINT64_MAX;
    memtables_taken_ = 0;
  }
}

Status LsmEngine::work_on(Flush& flush) {
  LDB_TRY(write_table(flush));
  if (Status status = wait_for_older(flush); !status) {
    for (const auto& added : flush.edit.added) (void)fs_.remove(path(table_name(added.table.number)));
    return status;
  }
  // Tables must not be ahead of the durable log: a commit that is visible here must reach the change readers, too.
  const LogPosition before = log_->synced_end();
  LDB_TRY(log_->sync_to(flush.log_end));
  if (log_->synced_end() != before) notify_log_listener();
  flush.edit.log_flushed = flush.log_end;
  flush.edit.log_begin = log_->keep_from(flush.log_end, options_.max_log_bytes);
  LDB_TRY(install(flush.edit, &flush));
  counters_.flushes.fetch_add(1, std::memory_order_relaxed);
  counters_.flush_bytes.fetch_add(flush.edit.added_bytes(), std::memory_order_relaxed);
  return {};
}

/// The log is given back from its beginning, so what is older must be in tables before.
Status LsmEngine::wait_for_older(const Flush& flush) {
  rt::MutexLock lock(mutex_);
  while (flushes_.front() != flush.number) changed_.wait(mutex_);
  if (failed_flush_ < flush.number) return Status(StatusCode::kAborted, "a flush of what is older failed");
  return {};
}

void LsmEngine::note_progress(Flush& flush, std::uint64_t bytes) {
  flush_progress_.fetch_add(bytes - flush.progress, std::memory_order_relaxed);  // may wrap around to less
  flush.progress = bytes;
}

Status LsmEngine::write_table(Flush& flush) {
  std::vector<std::unique_ptr<InternalIterator>> sources;
  std::vector<RangeTombstone> raw;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  for (const auto& memtable : flush.memtables) {
    sources.push_back(memtable->iterate());
    bytes += memtable->memory_usage();
    if (const auto list = memtable->tombstones()) list->append_to(raw);
    entries += memtable->entries();
    flush.edit.last_sequence = std::max(flush.edit.last_sequence.value_or(0), memtable->last_sequence());
  }
  if (entries == 0) return {};
  const FragmentedTombstones tombstones(std::move(raw));
  EntrySieve::Options sieve_options;
  sieve_options.views = views_.list(published_);
  sieve_options.tombstones = tombstones.empty() ? nullptr : &tombstones;
  sieve_options.nothing_below = [](std::string_view, std::string_view) { return false; };
  EntrySieve sieve(std::move(sieve_options));
  TableSetWriter::Options writer_options;
  writer_options.file_system = &fs_;
  writer_options.directory = directory_;
  writer_options.table = table_options();
  writer_options.new_number = [this] { return next_file_number_.fetch_add(1); };
  writer_options.tombstones = sieve.surviving_tombstones();
  TableSetWriter writer(std::move(writer_options));
  const auto merged = new_merging_iterator(std::move(sources));
  LDB_TRY(sift(*merged, sieve, writer, [&](std::uint64_t seen) {
    const double part = static_cast<double>(seen) / static_cast<double>(entries);
    note_progress(flush, static_cast<std::uint64_t>(part * static_cast<double>(bytes)));
    prepare_log();
  }));
  LDB_ASSIGN_OR_RETURN(auto tables, writer.finish());
  for (TableMeta& table : tables) flush.edit.added.push_back({0, std::move(table)});
  counters_.entries_dropped.fetch_add(sieve.dropped(), std::memory_order_relaxed);
  return {};
}

Status LsmEngine::flush() {
  {
    LsmWrite write(*this);
    write.switch_memtable = true;
    LDB_TRY(enqueue_and_finish(write));
  }
  rt::MutexLock lock(mutex_);
  if (read_state()->immutables.empty()) return {};
  // Only what was there: under constant load the list may never be empty.
  const auto newest = read_state()->immutables.front();
  flush_failure_ = Status();  // an older failure does not count; try now
  for (;;) {
    LDB_TRY(usable());
    const auto state = read_state();
    if (std::find(state->immutables.begin(), state->immutables.end(), newest) == state->immutables.end()) return {};
    if (!flush_failure_) return flush_failure_;
    schedule();
    changed_.wait_until(mutex_, rt::monotonic_ns() + 10 * rt::kMillisecond);
  }
}

// Log.

void LsmEngine::run_log_upkeep() {
  {
    rt::MutexLock lock(mutex_);
    upkeep_wanted_ = false;
  }
  const Status status = upkeep_log();
  tell_error(status);
  rt::MutexLock lock(mutex_);
  note_failure(upkeep_failure_, status, kCannotPrepare);
  if (!status) upkeep_wanted_ = true;
  upkeep_running_ = false;
  task_done();
}

Status LsmEngine::upkeep_log() {
  LogPosition flushed;
  LogPosition begin;
  {
    rt::MutexLock lock(manifest_mutex_);
    flushed = state_.log_flushed;
    begin = state_.log_begin;
  }
  const LogPosition keep = log_->keep_from(flushed, options_.max_log_bytes);
  if (keep.segment > begin.segment) {
    VersionEdit edit;
    edit.log_begin = keep;
    LDB_TRY(install(edit));
  }
  return log_->wants_next() ? log_->prepare_next() : Status();
}

void LsmEngine::prepare_log() {
  if (!log_->wants_next()) return;
  {
    rt::MutexLock lock(mutex_);
    if (!upkeep_failure_) return;  // it will be tried again, but not by us
  }
  const Status status = log_->prepare_next();
  if (status) return;
  {
    rt::MutexLock lock(mutex_);
    note_failure(upkeep_failure_, status, kCannotPrepare);
    upkeep_wanted_ = true;
    update_pressure();  // writers are to be refused before the log has no room for them
  }
  tell_error(status);
}

void LsmEngine::release_log(LogPosition position) {
  if (!usable()) return;
  log_->release(position);
  rt::MutexLock lock(mutex_);
  upkeep_wanted_ = true;
  schedule();
}

}  // namespace ldb::storage
