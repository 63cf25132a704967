// Compaction: what is merged, and when.
#include <algorithm>

#include "storage/compaction/compaction_cuts.hpp"
#include "storage/iterator/level_iterator.hpp"
#include "storage/lsm_pieces.hpp"

namespace ldb::storage {
namespace {

constexpr int kMostMoves = 64;  // in one turn of the background

std::uint64_t bytes_of(const std::vector<TablePtr>& tables) {
  std::uint64_t total = 0;
  for (const TablePtr& table : tables) total += table->meta.file_size;
  return total;
}

void set_busy(const CompactionJob& job, bool busy) {
  for (const auto* tables : {&job.inputs, &job.below}) {
    for (const TablePtr& table : *tables) table->being_compacted = busy;
  }
}

}  // namespace

void LsmEngine::run_compaction() {
  // Tables that just sink are no work, so they do not use up its turn.
  for (int moves = 0; moves < kMostMoves && compact_once(); ++moves) {
  }
  remove_obsolete_files();
  trim_free_blocks();
  rt::MutexLock lock(mutex_);
  turns_.end_background();
  task_done();
}

/// One job of what is due; true when it was no work.
bool LsmEngine::compact_once() {
  std::optional<CompactionJob> job;
  {
    rt::MutexLock lock(mutex_);
    if (!stopping_) job = picker_.pick(*read_state()->version);
    if (!job) {
      compaction_failure_ = Status();
      return false;
    }
    set_busy(*job, true);
  }
  const Status status = compact_tables(*job);
  rt::MutexLock lock(mutex_);
  set_busy(*job, false);
  if (status.code() != StatusCode::kAborted)
    note_failure(compaction_failure_, status, "compaction failed; it will be tried again");
  const bool moved = status && job->move;
  lock.unlock();
  job.reset();  // its tables may be the last users
  return moved;
}

Status LsmEngine::compact_tables(const CompactionJob& job) {
  VersionEdit edit;
  const std::int64_t started = rt::monotonic_ns();
  tell_compaction(EngineEventKind::kCompactionBegun, job, edit, started, {});
  const Status status = compact_tables(job, edit);
  tell_compaction(EngineEventKind::kCompactionFinished, job, edit, started, status);
  return status;
}

Status LsmEngine::compact_tables(const CompactionJob& job, VersionEdit& edit) {
  LDB_TRY(settle_manifest());
  for (const TablePtr& table : job.inputs) edit.removed.push_back({job.level, table->meta.number});
  for (const TablePtr& table : job.below) edit.removed.push_back({job.output_level, table->meta.number});
  if (job.move) {
    edit.added.push_back({job.output_level, job.inputs[0]->meta});
    counters_.moves.fetch_add(1, std::memory_order_relaxed);
    return install(edit);
  }
  LDB_TRY(write_compaction(job, edit));
  if (Status status = install(edit); !status) return status;
  counters_.compactions.fetch_add(1, std::memory_order_relaxed);
  counters_.compaction_read_bytes.fetch_add(bytes_of(job.inputs) + bytes_of(job.below), std::memory_order_relaxed);
  counters_.compaction_write_bytes.fetch_add(edit.added_bytes(), std::memory_order_relaxed);
  return {};
}

/// What the pieces of one compaction share; constant while they are worked on.
struct LsmEngine::Compaction {
  const CompactionJob& job;
  std::shared_ptr<const Version> version;
  std::unique_ptr<FragmentedTombstones> tombstones;  ///< null: none
  std::vector<std::uint64_t> views;
  const CollectionPolicy* policy = nullptr;
};

Status LsmEngine::write_compaction(const CompactionJob& job, VersionEdit& edit) {
  Compaction compaction{job, nullptr, nullptr, {}, nullptr};
  std::vector<RangeTombstone> raw;
  std::vector<KeyAnchor> anchors;
  const std::uint64_t least_bytes = target_table_bytes() / 2;
  const bool may_cut = options_.max_subcompactions > 1 && bytes_of(job.inputs) + bytes_of(job.below) >= 2 * least_bytes;
  for (const auto* tables : {&job.inputs, &job.below}) {
    for (const TablePtr& table : *tables) {
      if (!may_cut && table->meta.range_tombstones == 0) continue;
      LDB_ASSIGN_OR_RETURN(const auto reader, table_cache_.find(table));
      if (may_cut) reader->append_anchors(anchors);
      if (reader->tombstones()) reader->tombstones()->append_to(raw);
    }
  }
  if (!raw.empty()) compaction.tombstones = std::make_unique<FragmentedTombstones>(std::move(raw));
  {
    rt::MutexLock lock(mutex_);
    compaction.version = read_state()->version;
    compaction.policy = policy_;
  }
  compaction.views = views_.list(published_);
  return write_pieces(
      TaskPriority::kLow, find_cuts(std::move(anchors), least_bytes, options_.max_subcompactions),
      [this, &compaction](KeyPiece& piece) { return compact_piece(compaction, piece); }, job.output_level, edit);
}

Status LsmEngine::compact_piece(const Compaction& compaction, KeyPiece& piece) {
  const CompactionJob& job = compaction.job;
  PieceInput input;
  const auto add_level = [&](int level, const std::vector<TablePtr>& tables) {
    for (auto& chain : level == 0 ? disjoint_chains(tables) : std::vector<std::vector<TablePtr>>{tables}) {
      if (!chain.empty()) input.sources.push_back(new_level_iterator(table_cache_, std::move(chain), false));
    }
  };
  add_level(job.level, job.inputs);
  add_level(job.output_level, job.below);
  input.sieve.views = compaction.views;
  input.sieve.policy = compaction.policy;
  input.sieve.tombstones = compaction.tombstones.get();
  input.sieve.nothing_below = [&](std::string_view from, std::string_view to) {
    return !compaction.version->overlaps_below(job.output_level, from, to);
  };
  input.rate_limiter = rate_limiter_.get();
  input.target_bytes = target_table_bytes();
  input.progress = [this](std::uint64_t) {
    flush_if_no_thread_is_free();
    rt::MutexLock lock(mutex_);
    return stopping_ ? Status(StatusCode::kAborted, "engine is closing") : Status();
  };
  return write_piece(piece, std::move(input));
}

std::uint64_t LsmEngine::target_table_bytes() const {
  return std::clamp<std::uint64_t>(options_.memtable_bytes, 1 << 20, 64 << 20);
}

/// Compacts the next part of the range of one level on the caller's thread. Returns the key to go on with; none when there was
/// nothing (more) to do in it. `written_since`: number of the first table that the whole call may have made.
Result<std::optional<std::string>> LsmEngine::compact_level_range(int level, const KeyRange& range, std::uint64_t written_since) {
  LDB_TRY(claim_compaction());
  std::optional<CompactionJob> job;
  {
    rt::MutexLock lock(mutex_);
    job = pick_range(level, range, written_since);
  }
  std::optional<std::string> next;
  Status status;
  if (job) {
    if (level > 0) next = job->inputs.back()->meta.end();
    status = compact_tables(*job);
    job.reset();
    remove_obsolete_files();
  }
  end_compaction();
  LDB_TRY(status);
  return next;
}

std::optional<CompactionJob> LsmEngine::pick_range(int level, const KeyRange& range, std::uint64_t written_since) {
  const auto version = read_state()->version;
  int output = std::min(level + 1, kLevels - 1);
  if (level == 0) {
    output = picker_.shape(*version).base_level;
    for (int l = 1; l < output; ++l) {
      if (!version->levels[static_cast<std::size_t>(l)].empty()) output = l;
    }
  }
  return picker_.pick_range(*version, level, output, range, written_since);
}

Status LsmEngine::compact(const KeyRange& range) {
  LDB_TRY(flush());
  const std::uint64_t written_since = next_file_number_.load();
  for (int level = 0; level < kLevels; ++level) {
    KeyRange left = range;
    do {
      LDB_ASSIGN_OR_RETURN(left.lower, compact_level_range(level, left, written_since));
    } while (left.lower);
  }
  return {};
}

}  // namespace ldb::storage
