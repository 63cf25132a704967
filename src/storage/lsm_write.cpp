// The write path: a queue whose waiters elect a leader, which logs and applies a group for all of them.
#include <new>

#include "storage/batch_check.hpp"
#include "storage/lsm_engine.hpp"
#include "storage/wal/batch_codec.hpp"

namespace ldb::storage {
namespace {

constexpr std::int64_t kMostGather = rt::kMillisecond;
constexpr int kMostGatherYields = 1000;  // a bound that no clock can move
constexpr unsigned kGatherPause = 16;
constexpr std::size_t kMaxBufferedLogBytes = 64 << 10;
constexpr std::size_t kMaxImmutables = 16;          // beyond it even writers that do not call throttle() wait
constexpr std::uint64_t kMaxUnflushedSegments = 4;  // of small memtables: recovery stays short, and the log can be released

/// For counters that only the leader changes.
void add_as_leader(rt::Atomic<std::uint64_t>& counter, std::uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

LsmWrite::~LsmWrite() {
  if (!finished) engine.finish(*this);
}

Status LsmEngine::prepare(LsmWrite& write, WriteBatch batch, SyncPolicy sync) const {
  LDB_TRY(usable());
  LDB_TRY(check_batch(batch));
  LDB_TRY(log_->poisoned());
  write.sequences = operation_count(batch);
  write.flags = batch.has_commit() ? kRecordHasCommit : 0;
  write.sync = sync;
  write.body = encode_batch(std::move(batch));
  write.body_checksum = record_body_checksum(write.body);
  return {};
}

Result<std::unique_ptr<StorageEngine::PendingWrite>> LsmEngine::submit(WriteBatch batch, SyncPolicy sync) {
  auto write = std::make_unique<LsmWrite>(*this);
  LDB_TRY(prepare(*write, std::move(batch), sync));
  rt::MutexLock lock(queue_mutex_);
  LDB_TRY(check_queue(queue_size_));
  LDB_TRY(enqueue(*write));
  return std::unique_ptr<PendingWrite>(std::move(write));
}

Result<std::uint64_t> LsmEngine::write(WriteBatch batch, SyncPolicy sync) {
  LDB_TRY(throttle());
  LsmWrite write(*this);
  LDB_TRY(prepare(write, std::move(batch), sync));
  LDB_TRY(enqueue_and_finish(write));
  return write.first_sequence + write.sequences - 1;
}

Status LsmEngine::enqueue(LsmWrite& write) {
  LDB_TRY(usable());
  write.first_sequence = next_sequence_;
  next_sequence_ += write.sequences;
  (queue_head_ == nullptr ? queue_head_ : queue_tail_->next) = &write;
  queue_tail_ = &write;
  ++queue_size_;
  write.finished = false;
  return {};
}

Status LsmEngine::enqueue_and_finish(LsmWrite& write) {
  rt::MutexLock lock(queue_mutex_);
  LDB_TRY(enqueue(write));
  finish_locked(write);
  return write.status;
}

Result<std::uint64_t> LsmEngine::wait(std::unique_ptr<PendingWrite> pending) {
  auto& write = static_cast<LsmWrite&>(*pending);
  finish(write);
  LDB_TRY(write.status);
  return write.first_sequence + write.sequences - 1;
}

void LsmEngine::finish(LsmWrite& write) {
  rt::MutexLock lock(queue_mutex_);
  finish_locked(write);
}

void LsmEngine::finish_locked(LsmWrite& write) {
  while (!write.done) {
    if (leader_active_) {
      write.waiting = true;
      write.wake_up.wait(queue_mutex_);
      continue;
    }
    leader_active_ = true;
    gather(write);
    take_group(write, group_);
    queue_mutex_.unlock();
    const std::int64_t start = write.sync == SyncPolicy::kSync ? rt::monotonic_ns() : 0;
    const Status status = commit_group(group_);
    const std::int64_t end = write.sync == SyncPolicy::kSync ? rt::monotonic_ns() : 0;
    queue_mutex_.lock();
    leader_active_ = false;
    gathering_.writers = group_.size() + queue_size_;
    if (write.sync == SyncPolicy::kSync) {
      const std::int64_t took = std::min(end - start, 4 * kMostGather);  // a stall says nothing of the next sync
      gathering_.group_ns += (took - gathering_.group_ns) / 8;
    }
    for (LsmWrite* member : group_) {
      member->status = status;
      member->done = true;
      if (member->waiting) member->wake_up.notify_one();
    }
    // Somebody who sleeps must take over; those who have not come to wait() yet will find the place free.
    LsmWrite* heir = queue_head_;
    while (heir != nullptr && !heir->waiting) heir = heir->next;
    if (heir != nullptr) heir->wake_up.notify_one();
    leader_gone_.notify_all();
  }
  write.finished = true;
}

/// Without it half of the writers would be on their way back from one sync while the other half is in the next.
void LsmEngine::gather(const LsmWrite& leader) {
  if (leader.sync != SyncPolicy::kSync || queue_size_ >= gathering_.writers) return;
  if (gathering_.pause > 0) {
    --gathering_.pause;
    return;
  }
  const std::size_t before = queue_size_;
  const std::int64_t deadline = rt::monotonic_ns() + std::min(gathering_.group_ns / 4, kMostGather);
  for (int yields = 0; yields < kMostGatherYields && queue_size_ < gathering_.writers && rt::monotonic_ns() < deadline;
       ++yields) {
    queue_mutex_.unlock();
    rt::yield();
    queue_mutex_.lock();
  }
  if (queue_size_ == before) gathering_.pause = kGatherPause;
}

void LsmEngine::take_group(LsmWrite& until, std::vector<LsmWrite*>& group) {
  group.clear();
  std::size_t bytes = 0;
  bool have_own = false;
  while (queue_head_ != nullptr && group.size() < kMaxGroupWrites) {
    LsmWrite* const write = queue_head_;
    if (!group.empty() && bytes + write->body.size() > kMaxGroupBytes) break;
    // Others ride along, but not so many that the leader's own write would be slow when it is small.
    if (have_own && bytes > kMaxGroupBytes / 8 && until.body.size() < kMaxGroupBytes / 8) break;
    bytes += write->body.size();
    have_own |= write == &until;
    group.push_back(write);
    queue_head_ = write->next;
    --queue_size_;
    write->next = nullptr;
  }
  if (queue_head_ == nullptr) queue_tail_ = nullptr;
}

Status LsmEngine::commit_group(const std::vector<LsmWrite*>& group) noexcept {
  try {
    return log_and_apply(group);
  } catch (const std::bad_alloc&) {
    // The group may be in the log, and in the memtable in part: nothing may be shown or flushed on top of it.
    const Status cause(StatusCode::kResourceExhausted, "no memory for writing");
    return Status(StatusCode::kOutcomeUnknown, std::string(cause.message())).with_detail(log_->fail(cause).to_string());
  }
}

Status LsmEngine::log_and_apply(const std::vector<LsmWrite*>& group) {
  LDB_TRY(log_->poisoned());
  LDB_TRY(make_room());
  const std::uint64_t syncs_before = log_->syncs();
  if (Status status = log_group(group); !status) {
    return Status(StatusCode::kOutcomeUnknown, std::string(status.message())).with_detail(status.to_string());
  }
  bool switch_wanted = false;
  std::uint64_t last = 0;
  MemtableFeed feed(*active_);
  for (const LsmWrite* write : group) {
    if (write->sequences > 0) {
      BatchReader batch(write->body, (write->flags & kRecordHasCommit) != 0);
      if (!insert(feed, batch, write->first_sequence)) return Status(StatusCode::kInternal, "own batch does not decode");
      last = write->first_sequence + write->sequences - 1;
      add_as_leader(counters_.user_bytes, write->body.size());
    }
    switch_wanted |= write->switch_memtable;
  }
  feed.flush();
  if (last != 0) active_->end_batch(last);
  if (last != 0) published_.store(last, std::memory_order_release);
  add_as_leader(counters_.groups, 1);
  add_as_leader(counters_.writes, group.size());
  if (switch_wanted && !active_->empty()) {
    // Whoever asks for a flush wants the space of the log back, too.
    // Where there is no space for another segment this one goes on. Other failures poison the log, and the flush reports that
    // when it cannot sync; the writes of this group are done.
    if (log_->position().offset > options_.log_segment_bytes / 16 && log_->prepare_next()) (void)log_->start_segment();
    rt::MutexLock lock(mutex_);
    switch_memtable();
  }
  if (log_->syncs() != syncs_before) notify_log_listener();
  tell_segment();
  return {};
}

Status LsmEngine::log_group(const std::vector<LsmWrite*>& group) {
  SyncPolicy most = SyncPolicy::kNone;
  for (const LsmWrite* write : group) {
    most = std::max(most, write->sync);
    if (write->switch_memtable) most = std::max(most, SyncPolicy::kOs);  // what is flushed must not be ahead of the log
    if (write->sequences == 0) continue;
    LDB_TRY(log_->append(RecordType::kBatch, write->flags, write->first_sequence, write->body_checksum, write->body));
  }
  if (most == SyncPolicy::kSync) return log_->sync();
  if (most == SyncPolicy::kOs || log_->buffered_bytes() > kMaxBufferedLogBytes) return log_->write_out();
  return {};
}

bool LsmEngine::insert(MemtableFeed& feed, BatchReader& batch, std::uint64_t sequence) {
  BatchReader::Operation op;
  while (batch.next(op)) feed.add(op.key, make_tag(sequence++, op.kind), op.value);
  return batch.ok();
}

Status LsmEngine::make_room() {
  const LogPosition position = log_->position();
  const bool segment_wanted = log_->written_offset() > log_->next_wanted_at() && upkeep_asked_for_ != position.segment;
  const bool blocks_wanted =
      active_->memory_usage() >= memtable_blocks_->block_bytes() / 2 && memtable_blocks_->wants_preparation();
  if (segment_wanted || blocks_wanted) {
    if (segment_wanted) upkeep_asked_for_ = position.segment;
    rt::MutexLock lock(mutex_);
    upkeep_wanted_ = true;
    schedule();
  }
  const bool full = active_->full(options_.memtable_bytes);
  const std::uint64_t of_full = options_.memtable_bytes / options_.log_segment_bytes + 1;
  const bool old = position.segment >= active_->log_start().segment + std::max(kMaxUnflushedSegments, of_full);
  if (!full && !old) return {};
  LDB_TRY(log_->write_out());  // what is flushed must not be ahead of the log
  rt::MutexLock lock(mutex_);
  for (;;) {
    if (read_state()->immutables.size() < kMaxImmutables) break;
    if (!flush_failure_) return flush_failure_;
    schedule();
    LDB_TRY(executor_status(TaskPriority::kHigh));
    changed_.wait_until(mutex_, rt::monotonic_ns() + 10 * rt::kMillisecond);
  }
  switch_memtable();
  return {};
}

void LsmEngine::switch_memtable() {
  const auto old = read_state();
  auto state = std::make_shared<ReadState>(*old);
  state->immutables.insert(state->immutables.begin(), active_);
  active_ = std::make_shared<Memtable>(memtable_blocks_, log_->position());
  state->active = active_;
  set_read_state(std::move(state));
  schedule();
}

Status LsmEngine::throttle() {
  switch (pressure_.load(std::memory_order_relaxed)) {
    case Pressure::kNone:
      if (stalled_since_.load(std::memory_order_relaxed) != 0) tell_stall(false);
      return usable();
    case Pressure::kBacklog:
      if (const WritePace pace = pace_of(backlog()); !pace.stop) {
        tell_stall(pace.stalled());
        const bool pause =
            pace.paused() && writes_under_pressure_.fetch_add(1, std::memory_order_relaxed) % pace.writes_per_pause == 0;
        if (!pause) return usable();
        count_stall([] { rt::sleep_for(rt::kMillisecond); });
        return usable();
      }
      break;
    case Pressure::kFailure:
      break;
  }
  Status status;
  tell_stall(true);
  count_stall([&] { status = wait_for_room(); });
  return status;
}

Status LsmEngine::wait_for_room() {
  rt::MutexLock lock(mutex_);
  for (;;) {
    LDB_TRY(usable());
    LDB_TRY(log_->poisoned());
    schedule();
    if (!upkeep_failure_) {
      // The next log segment could not be made: better to refuse here than to fail in the middle of a group.
      upkeep_wanted_ = true;
      schedule();
      return upkeep_failure_;
    }
    const WriteBacklog now = backlog();
    if (!pace_of(now).stop) return {};
    if (now.waiting >= 3 && !flush_failure_) return flush_failure_;
    if (now.waiting < 3 && !compaction_failure_) return compaction_failure_;
    LDB_TRY(executor_status(now.waiting >= 3 ? TaskPriority::kHigh : TaskPriority::kLow));
    changed_.wait_until(mutex_, rt::monotonic_ns() + 10 * rt::kMillisecond);
  }
}

WriteBacklog LsmEngine::backlog() const {
  WriteBacklog result;
  result.memtable_bytes = options_.memtable_bytes;
  result.flushed_bytes = flush_progress_.load(std::memory_order_relaxed);
  const rt::EpochDomain::Guard guard(epochs_);
  const ReadState& state = *fast_read_state_.load(std::memory_order_seq_cst);
  result.active_bytes = state.active->memory_usage();
  result.waiting = state.immutables.size();
  for (const auto& memtable : state.immutables) result.waiting_bytes += memtable->memory_usage();
  result.level0_runs = state.version->level0_runs();
  return result;
}

void LsmEngine::update_pressure() {
  const WriteBacklog now = backlog();
  Pressure pressure = now.waiting > 0 || pace_of(now).paused() ? Pressure::kBacklog : Pressure::kNone;
  if (!upkeep_failure_ || !flush_failure_) pressure = Pressure::kFailure;
  pressure_.store(pressure, std::memory_order_relaxed);
}

Status LsmEngine::sync() {
  LsmWrite write(*this);
  write.sync = SyncPolicy::kSync;
  return enqueue_and_finish(write);
}

void LsmEngine::notify_log_listener() {
  rt::MutexLock lock(listener_mutex_);
  if (listener_) listener_();
}

void LsmEngine::set_log_listener(std::function<void()> listener) {
  rt::MutexLock lock(listener_mutex_);
  listener_ = std::move(listener);
}

}  // namespace ldb::storage
