// Background work: scheduling, flush of memtables, upkeep.
#include <algorithm>

#include "storage/file_names.hpp"
#include "storage/lsm_pieces.hpp"

namespace ldb::storage {
namespace {

constexpr std::string_view kCannotPrepare = "cannot prepare the log; it will be tried again";
constexpr std::int64_t kRetryNs = 100 * rt::kMillisecond;
constexpr std::int64_t kRefusalNs = 10 * rt::kSecond;            // of an executor: then it is an error for who waits
constexpr std::int64_t kRefusalGapNs = rt::kSecond;              // who waits asks more often, so a longer gap begins anew
constexpr std::size_t kMaxFlushPieces = 4;                       // of a full memtable
constexpr std::int64_t kFlushPatienceNs = 2 * rt::kMillisecond;  // of a compaction with a flush that a thread may yet take

/// Keys that cut the memtables into at most `pieces` pieces of about the same number of keys.
std::vector<std::string> find_cuts(const std::vector<std::shared_ptr<Memtable>>& memtables, std::size_t pieces) {
  std::vector<std::string> cuts;
  if (pieces < 2) return cuts;
  std::size_t keys = 0;
  for (const auto& memtable : memtables) keys += memtable->entries();
  std::vector<std::string_view> samples;
  for (const auto& memtable : memtables) {
    const auto some = memtable->sample(1 + 32 * pieces * memtable->entries() / keys);
    samples.insert(samples.end(), some.begin(), some.end());
  }
  std::sort(samples.begin(), samples.end());
  for (std::size_t i = 1; i < pieces && !samples.empty(); ++i) {
    const std::string_view key = samples[i * samples.size() / pieces];
    if (cuts.empty() || cuts.back() < key) cuts.emplace_back(key);
  }
  return cuts;
}

}  // namespace

bool LsmEngine::submit_task(TaskPriority priority, void (LsmEngine::*task)()) {
  Refusals& refusals = refusals_[static_cast<std::size_t>(priority)];
  if (!executor_->submit(priority, [this, task] { (this->*task)(); })) {
    const std::int64_t now = rt::monotonic_ns();
    if (now - refusals.last_ns > kRefusalGapNs) refusals.since_ns = now;
    refusals.last_ns = now;
    return false;
  }
  refusals = {};
  ++tasks_;
  return true;
}

Status LsmEngine::executor_status(TaskPriority priority) const {
  const Refusals& refusals = refusals_[static_cast<std::size_t>(priority)];
  if (refusals.last_ns - refusals.since_ns < kRefusalNs) return {};
  return Status(StatusCode::kUnavailable, "the executor has refused all work of the storage engine for " +
                                              std::to_string(kRefusalNs / rt::kSecond) + " seconds");
}

Status LsmEngine::begin_task() {
  rt::MutexLock lock(mutex_);
  if (stopping_) return Status(StatusCode::kAborted, "storage engine is closed");
  ++tasks_;
  return {};
}

void LsmEngine::schedule() {
  if (stopping_) return;
  const bool may_retry = (flush_failure_ && compaction_failure_ && upkeep_failure_) || rt::monotonic_ns() >= retry_at_ns_;
  const auto state = read_state();
  if (!flush_running_ && !state->immutables.empty() && (flush_failure_ || may_retry)) {
    if (!flush_asked_since_ns_) flush_asked_since_ns_ = rt::monotonic_ns();
    if (!flush_queued_) flush_queued_ = submit_task(TaskPriority::kHigh, &LsmEngine::run_flush);
  }
  if (!upkeep_running_ && upkeep_wanted_ && (upkeep_failure_ || may_retry)) {
    upkeep_running_ = submit_task(TaskPriority::kHigh, &LsmEngine::run_upkeep);
  }
  if (turns_.background_may_begin() && (compaction_failure_ || may_retry)) {
    for (int level = 0; level < kLevels - 1; ++level) {
      if (picker_.score(*state->version, level) < 1) continue;
      if (submit_task(TaskPriority::kLow, &LsmEngine::run_compaction)) turns_.begin_background();
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

void LsmEngine::remove_files(const std::vector<std::string>& names) {
  for (const std::string& name : names) (void)fs_.remove(path(name));
}

Status LsmEngine::write_edit(const VersionEdit& edit) {
  if (!manifest_ || manifest_->wants_successor()) {
    if (manifest_) leftovers_.push_back(manifest_name(manifest_->number()));
    manifest_ = nullptr;  // whatever happens now, CURRENT may not name it any more
    const std::uint64_t number = next_file_number_.fetch_add(1);
    auto created = ManifestWriter::create(fs_, directory_, number, state_);
    if (!created) {
      leftovers_.push_back(manifest_name(number));
      remove_files(edit.new_files());
      return created.error();
    }
    manifest_ = std::move(*created);
    remove_files(std::exchange(leftovers_, {}));
  }
  Status status = manifest_->append(edit);
  if (!status) {
    // Whether the edit is in it is unknown; the next edit goes into a new manifest.
    leftovers_.push_back(manifest_name(manifest_->number()));
    for (std::string& name : edit.new_files()) leftovers_.push_back(std::move(name));
    manifest_ = nullptr;
  }
  return status;
}

Status LsmEngine::settle_manifest() {
  {
    rt::MutexLock lock(manifest_mutex_);
    if (leftovers_.empty()) return {};
  }
  VersionEdit nothing;
  LDB_TRY(install(nothing));
  return fs_.sync_directory(directory_);  // frees the space for certain
}

Status LsmEngine::install(VersionEdit& edit, std::size_t flushed) {
  rt::MutexLock manifest_lock(manifest_mutex_);
  edit.next_file_number = next_file_number_.load();
  // Flushes and upkeep of the log ask what may go before they come here: the one that comes second may have asked first.
  if (edit.log_begin) edit.log_begin = std::max(*edit.log_begin, state_.log_begin);
  auto applied = apply_edit(*state_.version, edit, obsolete_);
  if (!applied) {
    remove_files(edit.new_files());
    return applied.error();
  }
  const auto version = std::move(*applied);
  LDB_TRY(write_edit(edit));
  const auto before = state_.version;
  state_.version = version;
  state_.note(edit);
  {
    rt::MutexLock lock(mutex_);
    auto state = std::make_shared<ReadState>(*read_state());
    state->version = version;
    if (flushed > 0) {
      state->immutables.resize(state->immutables.size() - flushed);
      flush_progress_.store(0, std::memory_order_relaxed);  // in the same step: what is gone does not wait any more
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

/// The immutable memtables that there were when it began, and what its pieces share.
struct LsmEngine::Flush {
  std::vector<std::shared_ptr<Memtable>> memtables;  ///< oldest first
  LogPosition log_end;                               ///< behind everything in them
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::unique_ptr<FragmentedTombstones> tombstones;  ///< null: none
  std::vector<std::uint64_t> views;
};

void LsmEngine::run_flush() {
  {
    rt::MutexLock lock(mutex_);
    flush_queued_ = false;
  }
  if (take_flush(0)) flush_now();
  rt::MutexLock lock(mutex_);
  task_done();
}

bool LsmEngine::take_flush(std::int64_t patience_ns) {
  rt::MutexLock lock(mutex_);
  if (!flush_asked_since_ns_ || rt::monotonic_ns() < *flush_asked_since_ns_ + patience_ns) return false;
  flush_asked_since_ns_ = std::nullopt;
  flush_running_ = true;
  ++flushes_begun_;
  return true;
}

void LsmEngine::flush_if_no_thread_is_free() {
  if (take_flush(kFlushPatienceNs)) flush_now();
}

void LsmEngine::flush_now() {
  const std::int64_t started = rt::monotonic_ns();
  VersionEdit edit;
  tell_flush(EngineEventKind::kFlushBegun, edit, started, {});
  const Status status = flush_memtables(edit);
  flush_progress_.store(0, std::memory_order_relaxed);
  tell_flush(EngineEventKind::kFlushFinished, edit, started, status);
  tell_error(status);
  remove_obsolete_files();
  trim_free_blocks();
  rt::MutexLock lock(mutex_);
  note_failure(flush_failure_, status, "flush failed; it will be tried again");
  if (!status) flush_failed_ = flushes_begun_;
  flush_running_ = false;
  update_pressure();
  schedule();
  changed_.notify_all();
}

/// While writers are busy the next memtable takes the blocks of the one that was flushed. They are taken to be idle when nothing
/// was published since the last task ended, or next to nothing during the flush.
void LsmEngine::trim_free_blocks() {
  const WriteBacklog left = backlog();
  if (pace_of(left).stop) return;  // they wait for us
  const std::uint64_t last = published_.load(std::memory_order_relaxed);
  const bool idle = published_at_trim_.exchange(last, std::memory_order_relaxed) == last;
  if (left.waiting == 0 && (idle || left.active_bytes < options_.memtable_bytes / 16)) memtable_blocks_->trim();
}

Status LsmEngine::flush_memtables(VersionEdit& edit) {
  LDB_TRY(settle_manifest());
  Flush flush;
  {
    rt::MutexLock lock(mutex_);
    const auto state = read_state();
    flush.memtables.assign(state->immutables.rbegin(), state->immutables.rend());
    flush.log_end = state->active->log_start();
  }
  LDB_TRY(write_flush(flush, edit));
  // Tables must not be ahead of the durable log: a commit that is visible here must reach the change readers, too.
  const LogPosition before = log_->synced_end();
  if (Status status = log_->sync_to(flush.log_end); !status) {
    remove_files(edit.new_files());
    return status;
  }
  if (log_->synced_end() != before) notify_log_listener();
  edit.log_flushed = flush.log_end;
  edit.log_begin = log_->keep_from(flush.log_end, options_.max_log_bytes);
  LDB_TRY(install(edit, flush.memtables.size()));
  counters_.flushes.fetch_add(1, std::memory_order_relaxed);
  counters_.flush_bytes.fetch_add(edit.added_bytes(), std::memory_order_relaxed);
  return {};
}

Status LsmEngine::write_flush(Flush& flush, VersionEdit& edit) {
  std::vector<RangeTombstone> raw;
  for (const auto& memtable : flush.memtables) {
    if (const auto tombstones = memtable->tombstones()) {
      for (const auto& list : tombstones->lists()) list->append_to(raw);
    }
    flush.entries += memtable->entries();
    flush.bytes += memtable->memory_usage();  // the tombstones as they are from now on
    edit.last_sequence = std::max(edit.last_sequence.value_or(0), memtable->last_sequence());
  }
  if (flush.entries == 0) return {};
  if (!raw.empty()) flush.tombstones = std::make_unique<FragmentedTombstones>(std::move(raw));
  flush.views = views_.list(published_);
  // Compressing is most of the work, and one thread would not keep up with writers.
  const std::size_t pieces = std::min<std::size_t>(
      {options_.max_subcompactions, kMaxFlushPieces, flush.bytes * kMaxFlushPieces / options_.memtable_bytes});
  return write_pieces(
      TaskPriority::kHigh, find_cuts(flush.memtables, pieces),
      [this, &flush](KeyPiece& piece) { return flush_piece(flush, piece); }, 0, edit);
}

Status LsmEngine::flush_piece(const Flush& flush, KeyPiece& piece) {
  PieceInput input;
  for (const auto& memtable : flush.memtables) input.sources.push_back(memtable->iterate());
  input.sieve.views = flush.views;
  input.sieve.tombstones = flush.tombstones.get();
  input.sieve.nothing_below = [](std::string_view, std::string_view) { return false; };
  input.progress = [&](std::uint64_t entries) {
    flush_progress_.fetch_add(flush.bytes * entries / flush.entries, std::memory_order_relaxed);
    return Status();
  };
  return write_piece(piece, std::move(input));
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
  const std::uint64_t begun = flushes_begun_;
  for (;;) {
    LDB_TRY(usable());
    const auto state = read_state();
    if (std::find(state->immutables.begin(), state->immutables.end(), newest) == state->immutables.end()) return {};
    LDB_TRY(failure_since(begun));
    schedule();
    LDB_TRY(executor_status(TaskPriority::kHigh));
    changed_.wait_until(mutex_, rt::monotonic_ns() + 10 * rt::kMillisecond);
  }
}

Status LsmEngine::failure_since(std::uint64_t begun) {
  if (!flush_failure_ && flush_failed_ <= begun && !flush_running_) flush_failure_ = Status();
  return flush_failed_ > begun ? flush_failure_ : Status();
}

// Upkeep of the log and of what memtables are made of.

void LsmEngine::run_upkeep() {
  {
    rt::MutexLock lock(mutex_);
    upkeep_wanted_ = false;
  }
  memtable_blocks_->prepare();
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
