// What flushes and compactions have in common: jobs cut by keys into pieces that are written on as many threads as are free.
#include "storage/lsm_pieces.hpp"

#include "storage/compaction/table_set_writer.hpp"
#include "storage/file_names.hpp"
#include "storage/giving_way.hpp"
#include "storage/iterator/merging_iterator.hpp"
#include "storage/write_pacing.hpp"

namespace ldb::storage {

Status LsmEngine::write_pieces(TaskPriority priority, const std::vector<std::string>& cuts, PiecewiseJob::Work work, int level,
                               VersionEdit& edit) {
  const auto job = std::make_shared<PiecewiseJob>(cuts, std::move(work));
  lend_threads(priority, job);
  Status status;
  for (KeyPiece& piece : job->finish()) {
    if (status) status = piece.status;
    for (TableMeta& table : piece.tables) edit.added.push_back({level, std::move(table)});
  }
  if (status) return {};
  remove_files(edit.new_files());
  edit.added.clear();
  return status;
}

/// Asks for help with all pieces but one. Threads that are busy elsewhere come too late, and that is all right.
void LsmEngine::lend_threads(TaskPriority priority, const std::shared_ptr<PiecewiseJob>& job) {
  rt::MutexLock lock(mutex_);
  if (priority == TaskPriority::kHigh && flush_queued_) return;  // not even this flush found a thread
  for (std::size_t i = 1; i < job->size() && !stopping_; ++i) {
    const bool taken = executor_->submit(priority, [this, job] {
      job->help();
      rt::MutexLock done_lock(mutex_);
      --tasks_;
      changed_.notify_all();
    });
    if (!taken) return;
    ++tasks_;
  }
}

Status LsmEngine::write_piece(KeyPiece& piece, PieceInput input) {
  constexpr std::uint64_t kStepEntries = 1024;
  constexpr std::uint64_t kStepBytes = 256 << 10;
  EntrySieve sieve(std::move(input.sieve));
  TableSetWriter::Options output;
  output.file_system = &fs_;
  output.directory = directory_;
  output.table = table_options();
  output.table.rate_limiter = input.rate_limiter;
  output.target_bytes = input.target_bytes;
  output.new_number = [this] { return next_file_number_.fetch_add(1); };
  output.tombstones = piece.clip(sieve.surviving_tombstones());
  TableSetWriter writer(std::move(output));
  const auto merged = new_merging_iterator(std::move(input.sources));
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  GivingWay giving_way(published_);
  for (piece.lower ? merged->seek(*piece.lower, kFirstTag) : merged->seek_to_first(); merged->valid(); merged->next()) {
    if (piece.upper && merged->key() >= *piece.upper) break;
    ++entries;
    const std::size_t size = merged->key().size() + merged->value().size();
    bytes += size;
    giving_way.now_and_then(size, [&] { return pace_of(backlog()); });
    if (entries >= kStepEntries || bytes >= kStepBytes) {
      LDB_TRY(input.progress(entries));
      entries = bytes = 0;
      prepare_log();
      memtable_blocks_->prepare();
      log_->follow_writer();
    }
    const EntrySieve::Verdict verdict = sieve.judge(merged->key(), merged->tag(), merged->value());
    if (!verdict.keep) continue;
    LDB_TRY(writer.add(merged->key(), verdict.tag, verdict.drop_value ? std::string_view() : merged->value()));
  }
  LDB_TRY(input.progress(entries));
  LDB_TRY(merged->status());
  LDB_ASSIGN_OR_RETURN(piece.tables, writer.finish());
  counters_.entries_dropped.fetch_add(sieve.dropped(), std::memory_order_relaxed);
  return {};
}

}  // namespace ldb::storage
