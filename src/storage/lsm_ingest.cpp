// Ingestion: a sorted run becomes tables beside running writers, and a part of the tree in a moment in which nobody writes.
#include <algorithm>
#include <new>

#include "storage/compaction/table_set_writer.hpp"
#include "storage/file_names.hpp"
#include "storage/lsm_engine.hpp"
#include "storage/sorted_input.hpp"

namespace ldb::storage {
namespace {

bool overlaps(const Memtable& memtable, std::string_view lower, std::string_view upper) {
  const auto it = memtable.iterate();
  it->seek(lower, kFirstTag);
  if (it->valid() && it->key() <= upper) return true;
  const auto tombstones = memtable.tombstones();
  if (!tombstones) return false;
  const auto& lists = tombstones->lists();
  return std::any_of(lists.begin(), lists.end(), [&](const auto& list) { return list->overlaps(lower, upper); });
}

/// The deepest level that a table with the newest data may go to: nothing above it and nothing in it may overlap.
int level_for(const Version& version, const TableMeta& table) {
  int level = 0;
  while (level < kLevels && version.overlapping(level, &table.smallest, &table.largest).empty()) ++level;
  return std::max(level - 1, 0);
}

}  // namespace

Result<std::uint64_t> LsmEngine::ingest(SortedSource& source) {
  LDB_TRY(begin_task());
  struct End {  // also when the source throws
    LsmEngine& engine;
    ~End() {
      rt::MutexLock lock(engine.mutex_);
      engine.task_done();
    }
  } end{*this};
  EngineEvent event;
  event.kind = EngineEventKind::kIngested;
  const std::int64_t started = rt::monotonic_ns();
  const auto sequence = ingest_run(source, event);
  event.status = sequence.error();
  event.duration_ns = rt::monotonic_ns() - started;
  if (event.tables_out > 0) tell(event);
  return sequence;
}

Result<std::uint64_t> LsmEngine::ingest_run(SortedSource& source, EngineEvent& event) {
  rt::MutexLock one_at_a_time(ingest_mutex_);
  std::uint64_t sequence = 0;
  {
    rt::MutexLock lock(queue_mutex_);
    sequence = next_sequence_ + kIngestSequenceGap;
  }
  if (sequence >= kMaxSequence)
    return Status(StatusCode::kResourceExhausted, "no sequences are left; copy the data into a new engine");
  std::vector<TableMeta> tables;
  LDB_TRY(build_run(source, sequence, tables));
  if (tables.empty()) return published_.load();
  event.tables_out = tables.size();
  for (const TableMeta& table : tables) event.bytes_out += table.file_size;
  bool installing = false;
  if (Status status = add_run(tables, sequence, installing); !status) {
    if (installing) status = settle_failed_ingest(status);
    if (status.code() != StatusCode::kOutcomeUnknown) {
      for (const TableMeta& table : tables) (void)fs_.remove(path(table_name(table.number)));
    }
    return status;
  }
  counters_.ingested_bytes.fetch_add(event.bytes_out, std::memory_order_relaxed);
  return sequence;
}

/// The manifest took the edit or not. A new manifest without it settles that; failing this, nothing may be built on "not there".
Status LsmEngine::settle_failed_ingest(const Status& failure) {
  if (settle_manifest()) return failure;
  (void)log_->fail(failure);
  return Status(StatusCode::kOutcomeUnknown, std::string(failure.message()) + "; the engine refuses writes until it is reopened")
      .with_detail(failure.to_string());
}

Status LsmEngine::build_run(SortedSource& source, std::uint64_t sequence, std::vector<TableMeta>& tables) {
  TableSetWriter::Options options;
  options.file_system = &fs_;
  options.directory = directory_;
  options.table = table_options();
  options.target_bytes = target_table_bytes();
  options.new_number = [this] { return next_file_number_.fetch_add(1); };
  TableSetWriter writer(std::move(options));
  SortedInput input(source);
  for (;;) {
    LDB_ASSIGN_OR_RETURN(const bool more, input.next());
    if (!more) break;
    if (input.count() % 1024 == 0) LDB_TRY(usable());
    LDB_TRY(writer.add(input.key(), make_tag(sequence, EntryKind::kPut), input.value()));
  }
  LDB_ASSIGN_OR_RETURN(tables, writer.finish());
  return {};
}

Status LsmEngine::add_run(const std::vector<TableMeta>& tables, std::uint64_t sequence, bool& installing) {
  const std::string& lower = tables.front().smallest;
  const std::string& upper = tables.back().largest;
  LDB_TRY(claim_compaction());  // so that the levels stay as they are
  // Most of what must be flushed is flushed while others still write.
  const auto before = read_state();
  bool dirty = overlaps(*before->active, lower, upper);
  for (const auto& memtable : before->immutables) dirty |= overlaps(*memtable, lower, upper);
  Status status = dirty ? flush() : Status();
  if (status) {
    status = lead_alone(sequence, [&]() -> Status {
      // The run is durable when this ends, so what came before it must be, too.
      LDB_TRY(log_->sync());
      notify_log_listener();
      LDB_TRY(flush_overlapping(lower, upper));
      const auto version = read_state()->version;
      VersionEdit edit;
      edit.last_sequence = sequence;
      for (const TableMeta& table : tables) edit.added.push_back({level_for(*version, table), table});
      installing = true;
      LDB_TRY(install(edit));
      published_.store(sequence, std::memory_order_release);
      return {};
    });
  }
  end_compaction();
  return status;
}

/// Runs `work` in the place of the write leader, behind everything submitted so far and before everything submitted later, which
/// gets sequences above `sequence`.
Status LsmEngine::lead_alone(std::uint64_t sequence, const std::function<Status()>& work) {
  LsmWrite* submitted = nullptr;
  {
    rt::MutexLock lock(queue_mutex_);
    while (leader_active_) leader_gone_.wait(queue_mutex_);
    LDB_TRY(usable());
    if (next_sequence_ > sequence) {
      return Status(StatusCode::kResourceExhausted, "more was written during an ingestion than it can stand; split it");
    }
    leader_active_ = true;
    next_sequence_ = sequence + 1;
    submitted = queue_head_;
    queue_head_ = queue_tail_ = nullptr;
    queue_size_ = 0;
  }
  commit_detached(submitted);
  Status status;
  try {
    status = work();
  } catch (const std::bad_alloc&) {
    // The manifest may name the run already, so its files must stay.
    const Status cause(StatusCode::kResourceExhausted, "no memory for an ingestion");
    status = Status(StatusCode::kOutcomeUnknown, std::string(cause.message())).with_detail(log_->fail(cause).to_string());
  }
  rt::MutexLock lock(queue_mutex_);
  leader_active_ = false;
  LsmWrite* heir = queue_head_;
  while (heir != nullptr && !heir->waiting) heir = heir->next;
  if (heir != nullptr) heir->wake_up.notify_one();
  leader_gone_.notify_all();
  return status;
}

void LsmEngine::commit_detached(LsmWrite* head) {
  while (head != nullptr) {
    group_.clear();
    std::size_t bytes = 0;
    while (head != nullptr && group_.size() < kMaxGroupWrites &&
           (group_.empty() || bytes + head->body.size() <= kMaxGroupBytes)) {
      bytes += head->body.size();
      group_.push_back(head);
      head = std::exchange(head->next, nullptr);
    }
    const Status status = commit_group(group_);
    rt::MutexLock lock(queue_mutex_);
    for (LsmWrite* member : group_) {
      member->status = status;
      member->done = true;
      if (member->waiting) member->wake_up.notify_one();
    }
  }
}

/// As leader: what is in memory of [lower, upper] is older than the run and must not stand above it.
Status LsmEngine::flush_overlapping(std::string_view lower, std::string_view upper) {
  rt::MutexLock lock(mutex_);
  if (overlaps(*active_, lower, upper)) switch_memtable();
  const std::uint64_t begun = flushes_begun_;
  for (;;) {
    const auto state = read_state();
    const auto& waiting = state->immutables;
    if (std::none_of(waiting.begin(), waiting.end(), [&](const auto& m) { return overlaps(*m, lower, upper); })) return {};
    LDB_TRY(failure_since(begun));
    schedule();
    LDB_TRY(executor_status(TaskPriority::kHigh));
    changed_.wait_until(mutex_, rt::monotonic_ns() + 10 * rt::kMillisecond);
  }
}

Status LsmEngine::claim_compaction() {
  rt::MutexLock lock(mutex_);
  const std::uint64_t ticket = turns_.stand_in_line();
  while (!turns_.may_begin(ticket) && usable()) changed_.wait_until(mutex_, rt::monotonic_ns() + 10 * rt::kMillisecond);
  Status status = usable();
  if (status && stopping_) status = Status(StatusCode::kAborted, "storage engine is closed");
  if (!status) {
    turns_.leave(ticket);
    changed_.notify_all();
    return status;
  }
  turns_.begin(ticket);
  ++tasks_;
  return {};
}

void LsmEngine::end_compaction() {
  rt::MutexLock lock(mutex_);
  turns_.end();
  task_done();
}

}  // namespace ldb::storage
