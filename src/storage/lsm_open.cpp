// Opening and closing: recovery of the tree from the manifest and of the memtables from the log.
#include <algorithm>
#include <set>

#include "base/descriptor_limit.hpp"
#include "base/heap.hpp"
#include "storage/file_names.hpp"
#include "storage/lsm_engine.hpp"
#include "storage/wal/batch_codec.hpp"
#include "storage/wal/log_recovery.hpp"

namespace ldb::storage {
namespace {

// Beyond any machine; sums and products of these do not overflow.
constexpr std::uint64_t kMostMemtableBytes = std::uint64_t{64} << 30;
constexpr std::uint64_t kMostCacheBytes = std::uint64_t{1} << 50;
constexpr std::uint64_t kMostSegmentBytes = std::uint64_t{4} << 30;
constexpr std::size_t kLeastTableBytes = 64 << 20;  // for indexes and filters, when there is no budget

EngineOptions with_budget(EngineOptions options) {
  if (options.memory_budget_bytes == 0) return options;
  options.memtable_bytes = std::min<std::uint64_t>(options.memory_budget_bytes / 8, kMostMemtableBytes);
  options.block_cache_bytes = options.memory_budget_bytes / 8 * 3;
  return options;
}

/// A half of the files that the process may open: the host has its own. A table that is closed for another gives up its cached
/// blocks, so a tree of more tables reads more.
std::size_t most_open_tables() { return std::max<std::size_t>(descriptor_limit() / 2, 64); }

std::size_t open_table_bytes(const EngineOptions& options) {
  if (options.memory_budget_bytes != 0) return options.memory_budget_bytes / 8;
  return std::max(options.block_cache_bytes, kLeastTableBytes);
}

Status check_options(const EngineOptions& options) {
  const auto bad = [](const char* what) { return Status(StatusCode::kInvalidArgument, std::string("EngineOptions: ") + what); };
  if (options.memory_budget_bytes != 0 &&
      (options.memory_budget_bytes < 4 << 20 || options.memory_budget_bytes > kMostCacheBytes))
    return bad("memory_budget_bytes must be between 4 MiB and 1 PiB");
  if (options.memtable_bytes < 16 << 10 || options.memtable_bytes > kMostMemtableBytes)
    return bad("memtable_bytes must be between 16 KiB and 64 GiB");
  if (options.block_cache_bytes > kMostCacheBytes) return bad("block_cache_bytes must be at most 1 PiB");
  if (options.block_bytes < 256 || options.block_bytes > 16 << 20) return bad("block_bytes must be between 256 and 16 MiB");
  if (options.log_segment_bytes < 16 << 10 || options.log_segment_bytes > kMostSegmentBytes)
    return bad("log_segment_bytes must be between 16 KiB and 4 GiB");
  if (options.compression_level < 0 || options.compression_level > 22) return bad("compression_level must be between 0 and 22");
  if (options.max_subcompactions < 1 || options.max_subcompactions > 64)
    return bad("max_subcompactions must be between 1 and 64");
  if (options.bloom_bits_per_key > 64) return bad("bloom_bits_per_key must be at most 64");
  if (options.executor == nullptr && (options.background_threads < 1 || options.background_threads > 64)) {
    return bad("background_threads must be between 1 and 64");
  }
  return {};
}

}  // namespace

LsmEngine::LsmEngine(std::string directory, const EngineOptions& options)
    : directory_(std::move(directory)),
      options_(with_budget(options)),
      fs_(options.file_system != nullptr ? *options.file_system : posix_file_system()),
      executor_(options.executor),
      obsolete_(std::make_shared<ObsoleteTables>()),
      block_cache_(options_.block_cache_bytes, epochs_,
                   options_.memory_budget_bytes != 0 ? open_table_bytes(options_) : SIZE_MAX),
      table_cache_(fs_, directory_, {most_open_tables(), open_table_bytes(options_)}, block_cache_),
      picker_(8 * std::uint64_t{options_.memtable_bytes}, options_.compression_level > 0) {
  group_.reserve(kMaxGroupWrites);  // a leader that found no memory would never give its place away
}

Result<std::unique_ptr<StorageEngine>> LsmEngine::open(const std::string& directory, const EngineOptions& options) {
  LDB_TRY(check_options(options));
  auto engine = std::unique_ptr<LsmEngine>(new LsmEngine(directory, options));
  if (Status status = engine->start(); !status) {
    engine->closed_.store(true);  // nothing to close
    return status.with_context("open storage " + directory);
  }
  return std::unique_ptr<StorageEngine>(std::move(engine));
}

Status LsmEngine::start() {
  LDB_ASSIGN_OR_RETURN(const bool exists, fs_.exists(path(kCurrentName)));
  if (!exists && !options_.create_if_missing) return Status(StatusCode::kNotFound, directory_ + ": no database here");
  LDB_TRY(fs_.create_directory(directory_));
  LDB_ASSIGN_OR_RETURN(directory_lock_, fs_.lock(path(kLockName)));

  LDB_ASSIGN_OR_RETURN(ManifestState state, read_manifest(fs_, directory_, options_.log_sink, obsolete_));
  LDB_TRY(check_tables(state));
  LogRecoveryRequest request;
  request.file_system = &fs_;
  request.log_sink = options_.log_sink;
  request.directory = directory_;
  request.begin = state.log_begin;
  request.replay_from = state.log_flushed;
  constexpr LogPosition kFirst{1, kSegmentHeaderBytes};
  const LogPosition start = state.log_flushed.segment == 0 ? kFirst : state.log_flushed;
  active_ = std::make_shared<Memtable>(memtable_blocks_, start);
  {
    rt::MutexLock lock(mutex_);
    auto first = std::make_shared<ReadState>();
    first->active = active_;
    first->version = state.version;
    set_read_state(std::move(first));
  }
  published_.store(state.last_sequence);
  LDB_ASSIGN_OR_RETURN(LogState log_state, recover_log(request, [this](LogPosition at, const RecordHeader& h,
                                                                       std::string_view body) { return replay(at, h, body); }));
  {
    // A new manifest for every opening: the old one may end in a torn edit.
    rt::MutexLock lock(manifest_mutex_);
    state_ = std::move(state);
    if (!log_state.segments.empty()) {
      state_.log_begin = std::max(state_.log_begin, kFirst);
      state_.log_flushed = std::max(state_.log_flushed, kFirst);
    }
    const std::uint64_t number = std::max(state_.next_file_number, state_.manifest_number + 1);
    next_file_number_.store(number + 1);
    state_.next_file_number = number + 1;
    LDB_ASSIGN_OR_RETURN(manifest_, ManifestWriter::create(fs_, directory_, number, state_));
  }
  LDB_ASSIGN_OR_RETURN(
      log_, Log::open({&fs_, options_.log_sink, directory_, options_.log_segment_bytes, options_.map_log}, std::move(log_state)));
  LDB_TRY(name_first_segment(kFirst));
  if (options_.compaction_bytes_per_second > 0)
    rate_limiter_ = std::make_unique<RateLimiter>(options_.compaction_bytes_per_second, [this] { flush_if_no_thread_is_free(); });
  remove_orphans();
  {
    rt::MutexLock lock(queue_mutex_);
    next_sequence_ = published_.load() + 1;
  }
  if (executor_ == nullptr) {
    own_executor_ = new_thread_pool(options_.background_threads);
    executor_ = own_executor_.get();
  }
  rt::MutexLock lock(mutex_);
  update_pressure();
  schedule();
  return {};
}

/// From now on a directory without its log is damaged, even before anything was flushed. Only after the segment is there.
Status LsmEngine::name_first_segment(LogPosition first) {
  rt::MutexLock lock(manifest_mutex_);
  if (state_.log_begin.segment != 0) return {};
  VersionEdit edit;
  edit.log_begin = edit.log_flushed = first;
  LDB_TRY(manifest_->append(edit));
  state_.note(edit);
  return {};
}

Status LsmEngine::check_tables(const ManifestState& state) const {
  for (const auto& tables : state.version->levels) {
    for (const TablePtr& table : tables) {
      const std::string file = path(table_name(table->meta.number));
      const auto size = fs_.file_size(file);
      if (!size) {
        if (size.error().code() != StatusCode::kNotFound) return size.error();
        return Status(StatusCode::kCorruption, file + ": missing, but the manifest names it");
      }
      if (*size != table->meta.file_size) {
        return Status(StatusCode::kCorruption, file + ": has " + std::to_string(*size) + " bytes, but the manifest says " +
                                                   std::to_string(table->meta.file_size));
      }
    }
  }
  return {};
}

Status LsmEngine::replay(LogPosition at, const RecordHeader& header, std::string_view body) {
  BatchReader batch(body, (header.flags & kRecordHasCommit) != 0);
  if (!batch.ok()) return Status(StatusCode::kCorruption, "undecodable batch");
  if (header.sequence + batch.sequences() > kMaxSequence) return Status(StatusCode::kCorruption, "impossible sequence");
  if (active_->full(options_.memtable_bytes)) {
    auto state = std::make_shared<ReadState>(*read_state());
    state->immutables.insert(state->immutables.begin(), active_);
    active_ = std::make_shared<Memtable>(memtable_blocks_, at);
    state->active = active_;
    rt::MutexLock lock(mutex_);
    set_read_state(std::move(state));
  }
  MemtableFeed feed(*active_);
  if (!insert(feed, batch, header.sequence)) return Status(StatusCode::kCorruption, "undecodable batch");
  feed.flush();
  const std::uint64_t last = header.sequence + batch.sequences() - 1;
  active_->end_batch(last);
  published_.store(std::max(published_.load(), last));
  return {};
}

void LsmEngine::remove_orphans() {
  const auto names = fs_.list(directory_);
  if (!names) return;
  std::set<std::uint64_t> live;
  std::uint64_t manifest = 0;
  LogPosition log_begin;
  {
    rt::MutexLock lock(manifest_mutex_);
    for (const auto& tables : state_.version->levels) {
      for (const TablePtr& table : tables) live.insert(table->meta.number);
    }
    manifest = manifest_->number();
    log_begin = state_.log_begin;
  }
  for (const std::string& name : *names) {
    const FileName file = parse_file_name(name);
    bool orphan = false;
    switch (file.type) {
      case FileType::kTable:
        orphan = !live.contains(file.number);
        break;
      case FileType::kManifest:
        orphan = file.number != manifest;
        break;
      case FileType::kLog:
        orphan = file.number < log_begin.segment;
        break;
      case FileType::kTemporary:
        orphan = true;
        break;
      case FileType::kCurrent:
      case FileType::kLock:
      case FileType::kUnknown:
        break;
    }
    if (!orphan) continue;
    if (Status status = fs_.remove(path(name)); !status)
      log_line(LogLevel::kWarning, "cannot remove an orphan: " + status.to_string());
  }
}

LsmEngine::~LsmEngine() {
  constexpr std::size_t kBig = 16 << 20;
  (void)close();
  const bool was_big = block_cache_.memory_usage() + table_cache_.memory_usage() >= kBig;
  own_executor_ = nullptr;
  // In this order: read states use tables, tables use the cache.
  fast_read_state_.store(nullptr);
  {
    rt::MutexLock lock(mutex_);
    read_state_ = nullptr;
  }
  active_ = nullptr;
  table_cache_.clear();
  epochs_.drain();
  if (was_big) give_heap_back();
}

Status LsmEngine::close() {
  {
    // Wait for the write leader, if there is one, and take its place for good.
    rt::MutexLock lock(queue_mutex_);
    if (closed_.load()) return {};
    while (leader_active_) leader_gone_.wait(queue_mutex_);
    if (closed_.load()) return {};
    leader_active_ = true;
    closed_.store(true);
    for (LsmWrite* write = queue_head_; write != nullptr; write = write->next) {
      write->status = Status(StatusCode::kAborted, "storage engine was closed before the write was logged");
      write->done = true;
      if (write->waiting) write->wake_up.notify_one();
    }
    queue_head_ = queue_tail_ = nullptr;
    queue_size_ = 0;
    leader_active_ = false;
  }
  {
    if (rate_limiter_) rate_limiter_->stop();
    rt::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    while (tasks_ > 0) changed_.wait(mutex_);
  }
  remove_obsolete_files();
  const Status status = log_->close();
  {
    rt::MutexLock lock(manifest_mutex_);
    manifest_ = nullptr;
  }
  directory_lock_ = nullptr;
  return status;
}

}  // namespace ldb::storage

namespace ldb {

Result<std::unique_ptr<StorageEngine>> open_lsm_engine(const std::string& directory, const EngineOptions& options) {
  return storage::LsmEngine::open(directory, options);
}

}  // namespace ldb
