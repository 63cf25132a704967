// The write path: queue, leader, change log, ingestion.
#include <rocksdb/sst_file_writer.h>

#include <algorithm>

#include "base/coding.hpp"
#include "storage/batch_check.hpp"
#include "storage/rocksdb/rocksdb_engine.hpp"
#include "storage/sorted_input.hpp"

namespace ldb::storage {
namespace {

constexpr std::size_t kMaxGroupBytes = 1 << 20;
constexpr std::size_t kMaxGroupWrites = 1024;
constexpr int kMaxIngestAttempts = 100;

struct RocksDbPending final : StorageEngine::PendingWrite {
  explicit RocksDbPending(std::shared_ptr<RocksDbWrite> w) : write(std::move(w)) {}
  std::shared_ptr<RocksDbWrite> write;
};

}  // namespace

void RecentRanges::add(RangeTombstone tombstone, std::uint64_t horizon) {
  rt::MutexLock lock(mutex_);
  std::erase_if(ranges_, [&](const RangeTombstone& r) { return r.sequence <= horizon; });
  ranges_.push_back(std::move(tombstone));
  if (ranges_.size() <= kMaxRanges) return;
  // One that covers them all says "changed" about more keys than were, which costs a retry and never correctness.
  RangeTombstone all = ranges_.front();
  for (const RangeTombstone& r : ranges_) {
    all.start = std::min(all.start, r.start);
    all.end = std::max(all.end, r.end);
    all.sequence = std::max(all.sequence, r.sequence);
  }
  ranges_.assign(1, std::move(all));
}

std::uint64_t RecentRanges::covering(std::string_view key) const {
  rt::MutexLock lock(mutex_);
  std::uint64_t newest = 0;
  for (const RangeTombstone& r : ranges_) {
    if (key >= r.start && key < r.end) newest = std::max(newest, r.sequence);
  }
  return newest;
}

Result<std::unique_ptr<StorageEngine::PendingWrite>> RocksDbEngine::submit(WriteBatch batch, SyncPolicy sync) {
  LDB_TRY(usable());
  LDB_TRY(check_batch(batch));
  auto write = std::make_shared<RocksDbWrite>();
  write->batch = std::move(batch);
  write->sync = sync;
  rt::MutexLock lock(queue_mutex_);
  LDB_TRY(usable());
  LDB_TRY(failed_);
  LDB_TRY(check_queue(queue_.size()));
  write->first_sequence = next_sequence_;
  next_sequence_ += operation_count(write->batch);
  write->last_sequence = next_sequence_ - 1;
  queue_.push_back(write);
  return std::unique_ptr<PendingWrite>(std::make_unique<RocksDbPending>(std::move(write)));
}

void RocksDbEngine::become_leader() {
  while (leader_active_) progress_.wait(queue_mutex_);
  leader_active_ = true;
}

std::vector<std::shared_ptr<RocksDbWrite>> RocksDbEngine::take_group() {
  std::vector<std::shared_ptr<RocksDbWrite>> group;
  std::size_t bytes = 0;
  while (!queue_.empty() && group.size() < kMaxGroupWrites) {
    bytes += queue_.front()->batch.size_bytes();
    if (!group.empty() && bytes > kMaxGroupBytes) break;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

void RocksDbEngine::drain(std::uint64_t up_to) {
  while (!queue_.empty() && queue_.front()->first_sequence <= up_to) {
    const auto group = take_group();
    Status status = failed_;
    if (status) {
      queue_mutex_.unlock();
      status = commit(group);
      queue_mutex_.lock();
      if (!status) {
        failed_ = status.with_context("a write failed; the engine refuses writes until it is reopened");
        status = Status(StatusCode::kOutcomeUnknown, std::string(status.message())).with_detail(status.to_string());
      }
    }
    for (const auto& write : group) {
      write->status = status;
      write->done = true;
    }
    progress_.notify_all();
  }
}

Result<std::uint64_t> RocksDbEngine::wait(std::unique_ptr<PendingWrite> pending) {
  const auto write = static_cast<RocksDbPending&>(*pending).write;
  rt::MutexLock lock(queue_mutex_);
  while (!write->done) {
    if (leader_active_) {
      progress_.wait(queue_mutex_);
      continue;
    }
    if (closed_.load()) return usable();
    leader_active_ = true;
    drain(write->first_sequence);
    leader_active_ = false;
    progress_.notify_all();
  }
  LDB_TRY(write->status);
  return write->last_sequence;
}

Status RocksDbEngine::fill(rocksdb::WriteBatch& out, const RocksDbWrite& write) {
  std::uint64_t sequence = write.first_sequence;
  rocksdb::Status status;
  write.batch.for_each([&](const WriteBatch::Operation& op) {
    if (!status.ok()) return;
    const std::string tag = encode_record_tag(sequence, op.kind);
    const rocksdb::Slice key = to_slice(op.key);
    switch (op.kind) {
      case WriteBatch::Kind::kPut: {
        const rocksdb::Slice parts[2] = {to_slice(tag), to_slice(op.value)};
        status = out.Put(data_, {&key, 1}, {parts, 2});
        break;
      }
      case WriteBatch::Kind::kDelete:
        status = out.Put(data_, key, to_slice(tag));
        break;
      case WriteBatch::Kind::kDeleteRange:
        if (op.key >= op.value) break;
        // Known before it is visible: the other way round a reader could miss it.
        recent_ranges_.add({std::string(op.key), std::string(op.value), sequence}, horizon());
        status = out.DeleteRange(data_, key, to_slice(op.value));
        break;
    }
    ++sequence;
  });
  if (!status.ok()) return from_rocksdb(status, "build a batch");
  if (!write.batch.has_commit()) return {};
  std::string head;
  put_u64(head, write.last_sequence);
  const std::string number = encode_change_key(state_.log_next);
  const rocksdb::Slice key = to_slice(number);
  const rocksdb::Slice parts[2] = {to_slice(head), to_slice(write.batch.commit())};
  ++state_.log_next;
  state_.log_bytes += write.batch.commit().size();
  return from_rocksdb(out.Put(log_, {&key, 1}, {parts, 2}), "build a batch");
}

Status RocksDbEngine::trim_log(rocksdb::WriteBatch& out, std::uint64_t up_to, std::uint64_t max_bytes) {
  if (state_.log_begin >= up_to && state_.log_bytes <= max_bytes) return {};
  const std::uint64_t from = state_.log_begin;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, log_));
  for (it->Seek(to_slice(encode_change_key(from))); it->Valid(); it->Next()) {
    const std::uint64_t number = decode_change_key(to_view(it->key()));
    if (number >= up_to && state_.log_bytes <= max_bytes) break;
    state_.log_bytes -=
        std::min<std::uint64_t>(state_.log_bytes, it->value().size() - std::min<std::size_t>(8, it->value().size()));
    state_.log_begin = number + 1;
  }
  LDB_TRY(from_rocksdb(it->status(), "read the change log"));
  if (state_.log_begin == from) return {};
  return from_rocksdb(out.DeleteRange(log_, to_slice(encode_change_key(from)), to_slice(encode_change_key(state_.log_begin))),
                      "build a batch");
}

Status RocksDbEngine::commit(const std::vector<std::shared_ptr<RocksDbWrite>>& group) {
  rocksdb::WriteBatch batch;
  bool sync = false;
  for (const auto& write : group) {
    LDB_TRY(fill(batch, *write));
    sync |= write->sync == SyncPolicy::kSync;
  }
  state_.sequence = group.back()->last_sequence;
  LDB_TRY(trim_log(batch, state_.log_begin, options_.max_log_bytes));
  LDB_TRY(from_rocksdb(batch.Put(state_family_, to_slice(kStateKey), to_slice(state_.encode())), "build a batch"));
  rocksdb::WriteOptions options;
  options.sync = sync;
  LDB_TRY(from_rocksdb(db_->Write(options, &batch), "write"));
  publish(state_, sync);
  return {};
}

void RocksDbEngine::publish(const RocksDbState& state, bool synced) {
  log_begin_.store(state.log_begin, std::memory_order_release);
  published_.store(state.sequence, std::memory_order_release);
  if (!synced || log_synced_.load() == state.log_next) return;
  log_synced_.store(state.log_next, std::memory_order_release);
  rt::MutexLock lock(listener_mutex_);
  if (listener_) listener_();
}

Status RocksDbEngine::sync() {
  LDB_TRY(usable());
  rt::MutexLock lock(queue_mutex_);
  become_leader();  // close() waits for leaders
  drain(next_sequence_ - 1);
  Status status = usable();
  if (status) status = failed_;
  if (status) {
    lock.unlock();
    status = from_rocksdb(db_->SyncWAL(), "sync the log");
    if (status) publish(state_, true);
    lock.lock();
    if (!status) failed_ = status.with_context("a sync failed; the engine refuses writes until it is reopened");
  }
  leader_active_ = false;
  progress_.notify_all();
  return status;
}

void RocksDbEngine::release_log(LogPosition position) {
  if (!usable()) return;
  rt::MutexLock lock(queue_mutex_);
  become_leader();
  Status status = usable();
  if (!status) {
    leader_active_ = false;
    progress_.notify_all();
    return;
  }
  lock.unlock();
  rocksdb::WriteBatch batch;
  const RocksDbState before = state_;
  status = trim_log(batch, std::min(position.offset, log_synced_.load()), UINT64_MAX);
  if (status) status = from_rocksdb(batch.Put(state_family_, to_slice(kStateKey), to_slice(state_.encode())), "build a batch");
  if (status) status = from_rocksdb(db_->Write({}, &batch), "release the log");
  if (status) {
    publish(state_, false);
  } else {
    state_ = before;
  }
  lock.lock();
  if (!status) failed_ = status;
  leader_active_ = false;
  progress_.notify_all();
}

Status RocksDbEngine::write_run(SortedSource& source, std::uint64_t sequence, const std::string& path, std::uint64_t& entries) {
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db_options_, data_);
  SortedInput input(source);
  const std::string tag = encode_record_tag(sequence, EntryKind::kPut);
  for (;;) {
    LDB_ASSIGN_OR_RETURN(const bool more, input.next());
    if (!more) break;
    if (input.count() == 1) LDB_TRY(from_rocksdb(writer.Open(path), "create " + path));
    LDB_TRY(from_rocksdb(writer.Put(to_slice(input.key()), to_slice(tag + input.value())), "write " + path));
  }
  entries = input.count();
  return entries == 0 ? Status() : from_rocksdb(writer.Finish(), "write " + path);
}

/// Tables of data and of the new state go in together. As leader.
Status RocksDbEngine::add_run(const std::string& path, std::uint64_t sequence) {
  const std::string state_path = path + ".state";
  RocksDbState state = state_;
  state.sequence = sequence;
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db_options_, state_family_);
  LDB_TRY(from_rocksdb(writer.Open(state_path), "create " + state_path));
  LDB_TRY(from_rocksdb(writer.Put(to_slice(kStateKey), to_slice(state.encode())), "write " + state_path));
  LDB_TRY(from_rocksdb(writer.Finish(), "write " + state_path));
  // What was written before must not be lost when this is not.
  LDB_TRY(from_rocksdb(db_->SyncWAL(), "sync the log"));
  std::vector<rocksdb::IngestExternalFileArg> runs(2);
  runs[0].column_family = data_;
  runs[0].external_files = {path};
  runs[1].column_family = state_family_;
  runs[1].external_files = {state_path};
  for (auto& run : runs) {
    run.options.move_files = true;
    run.options.write_global_seqno = false;  // an attempt that is refused must leave the files as they are
  }
  // A build with assertions answers TryAgain when a memtable still overlaps a run after the flush that was to make room for it;
  // it looks before it changes the set of tables.
  rocksdb::Status ingested = rocksdb::Status::TryAgain();
  for (int attempt = 0; attempt < kMaxIngestAttempts && ingested.IsTryAgain(); ++attempt) {
    if (attempt > 0) rt::sleep_for(rt::kMillisecond);
    ingested = db_->IngestExternalFiles(runs);
  }
  if (Status status = from_rocksdb(ingested, "ingest"); !status) {
    return Status(StatusCode::kOutcomeUnknown, std::string(status.message())).with_detail(status.to_string());
  }
  state_ = state;
  publish(state_, true);
  return {};
}

Result<std::uint64_t> RocksDbEngine::ingest(SortedSource& source) {
  rt::MutexLock ingest_lock(ingest_mutex_);
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  std::uint64_t sequence = 0;
  {
    rt::MutexLock lock(queue_mutex_);
    sequence = next_sequence_ + kIngestSequenceGap;
  }
  const std::string path = directory_ + "/ingest.tmp";
  const auto clean = [&] {
    (void)db_->GetEnv()->DeleteFile(path);
    (void)db_->GetEnv()->DeleteFile(path + ".state");
  };
  clean();
  std::uint64_t entries = 0;
  if (Status status = write_run(source, sequence, path, entries); !status) {
    clean();
    return status;
  }
  if (entries == 0) return published_.load();
  rt::MutexLock lock(queue_mutex_);
  become_leader();
  drain(next_sequence_ - 1);
  Status status = usable();
  if (status) status = failed_;
  if (status && next_sequence_ > sequence) {
    status = Status(StatusCode::kResourceExhausted, "more was written during an ingestion than it can stand; split it");
  }
  if (status) {
    next_sequence_ = sequence + 1;
    lock.unlock();
    status = add_run(path, sequence);
    lock.lock();
    if (status.code() == StatusCode::kOutcomeUnknown) {
      failed_ = status.with_context("an ingestion failed; the engine refuses writes until it is reopened");
    }
  }
  leader_active_ = false;
  progress_.notify_all();
  lock.unlock();
  clean();
  LDB_TRY(status);
  if (options_.listener != nullptr) {
    EngineEvent event;
    event.kind = EngineEventKind::kIngested;
    event.tables_in = 1;
    options_.listener->on_event(event);
  }
  return sequence;
}

}  // namespace ldb::storage
