// A checkpoint: tables by hard link, the log and the manifest as copies.
#include <algorithm>
#include <span>
#include <vector>

#include "storage/file_names.hpp"
#include "storage/lsm_engine.hpp"

namespace ldb::storage {

Status LsmEngine::checkpoint(const std::string& directory) {
  LDB_TRY(begin_task());
  EngineEvent event;
  event.kind = EngineEventKind::kCheckpointed;
  const std::int64_t started = rt::monotonic_ns();
  event.status = make_checkpoint(directory);
  event.duration_ns = rt::monotonic_ns() - started;
  tell(event);
  rt::MutexLock lock(mutex_);
  task_done();
  return event.status.with_context("checkpoint to " + directory);
}

Status LsmEngine::make_checkpoint(const std::string& directory) {
  rt::MutexLock one_at_a_time(checkpoint_mutex_);
  LDB_TRY(sync());  // what was acknowledged before belongs into the copy, whatever its sync policy
  LDB_ASSIGN_OR_RETURN(const bool exists, fs_.exists(directory));
  if (exists) {
    LDB_ASSIGN_OR_RETURN(const auto names, fs_.list(directory));
    if (!names.empty()) return Status(StatusCode::kAlreadyExists, directory + ": is not empty; choose another directory");
  }
  ManifestState state;
  LogPosition end;
  {
    // Together: a run that is ingested after the state was taken must not be missing below what was written after it. The log
    // reaches at least to what is in tables, since it was synced before they were installed.
    rt::MutexLock lock(manifest_mutex_);
    state = state_;  // its version keeps the table files, the pin keeps the log
    log_->pin(state.log_begin.segment);
    end = log_->end();
  }
  Status status = copy_to(directory, std::move(state), end);
  if (!status) (void)fs_.remove_directory(directory);  // without CURRENT nobody would open what is left, but it takes space
  {
    rt::MutexLock lock(manifest_mutex_);
    log_->unpin();
    log_->drop_before(state_.log_begin);
  }
  remove_obsolete_files();
  return status;
}

Status LsmEngine::copy_to(const std::string& directory, ManifestState state, LogPosition end) {
  LDB_TRY(fs_.create_directory(directory));
  for (const auto& tables : state.version->levels) {
    for (const TablePtr& table : tables) {
      const std::string name = table_name(table->meta.number);
      LDB_TRY(fs_.hard_link(path(name), join_path(directory, name)));
    }
  }
  std::vector<char> buffer(std::min<std::size_t>(options_.log_segment_bytes, 1 << 20));
  for (std::uint64_t number = std::max<std::uint64_t>(state.log_begin.segment, 1); number <= end.segment; ++number) {
    // Sealed segments do not change any more; the last one is cut behind its last synced record.
    LDB_TRY(copy_segment(number, number == end.segment ? end.offset : UINT64_MAX, directory, buffer));
  }
  LDB_TRY(fs_.sync_directory(directory));
  const std::uint64_t number = std::max(state.next_file_number, state.manifest_number + 1);
  state.next_file_number = number + 1;
  // Last of all CURRENT, which makes the directory a database.
  return ManifestWriter::create(fs_, directory, number, state).error();
}

Status LsmEngine::copy_segment(std::uint64_t number, std::uint64_t limit, const std::string& directory, std::span<char> buffer) {
  const std::string name = log_name(number);
  LDB_ASSIGN_OR_RETURN(const auto source, fs_.open_readable(path(name)));
  LDB_ASSIGN_OR_RETURN(const auto target, fs_.open_writable(join_path(directory, name), OpenMode::kTruncate));
  for (std::uint64_t at = 0; at < limit;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(limit - at, buffer.size()));
    LDB_ASSIGN_OR_RETURN(const std::size_t n, source->read(at, wanted, buffer.data()));
    if (n == 0) break;
    LDB_TRY(target->append({buffer.data(), n}));
    at += n;
  }
  LDB_TRY(target->sync());
  return target->close();
}

}  // namespace ldb::storage
