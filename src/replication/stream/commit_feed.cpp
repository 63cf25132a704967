#include "replication/stream/commit_feed.hpp"

#include <algorithm>
#include <utility>

#include "base/planted_bug.hpp"
#include "txn/commit_codec.hpp"

namespace ldb::replication {

CommitFeed::CommitFeed(StorageEngine& engine, const Applier& applier, NodeState& state, LogSink& log,
                       std::size_t checkpoint_bytes)
    : engine_(engine), applier_(applier), state_(state), log_(log), checkpoint_bytes_(checkpoint_bytes), index_({}, {}) {}

Status CommitFeed::open() {
  const std::optional<LogStart> start = state_.log_start();
  const LogPosition begin = engine_.log_begin();
  if (!start || start->position < begin) return rebuild_index();
  index_ = LogIndex(begin, start->vector, checkpoint_bytes_);
  log_start_generation_ = state_.log_start_generation();
  return {};
}

/// The log begins later than noted: the engine cut it at its size bound. What it lacks of each origin follows from what it has.
Status CommitFeed::rebuild_index() {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const LogPosition begin = engine_.log_begin();
    // Taken before the sync, so that all of it is in the part of the log that is shown, or was cut off.
    LogStart start{applier_.submitted(), begin};
    LDB_TRY(engine_.sync());
    auto reader = engine_.changes(begin);
    VersionVector missing = start.vector;
    std::map<OriginId, bool> seen;
    Status status = reader.error();
    while (status) {
      auto change = (*reader)->next();
      if (!change) {
        status = change.error();
        break;
      }
      if (!*change) break;
      LDB_ASSIGN_OR_RETURN(const auto peeked, peek_commit((*change)->commit));
      const Dot dot = peeked.first;
      if (!seen.emplace(dot.origin, true).second) continue;
      missing.set(dot.origin, {dot.sequence - 1, {}, 0});
    }
    if (status.code() == StatusCode::kNotFound) continue;  // cut again meanwhile
    LDB_TRY(status);
    start.vector = std::move(missing);
    LDB_TRY(state_.raise_log_start(start));
    index_ = LogIndex(begin, state_.log_start()->vector, checkpoint_bytes_);
    log_start_generation_ = state_.log_start_generation();
    cursors_.clear();
    log_.log(LogLevel::kWarning, "replication",
             "the log was cut at its size bound (EngineOptions::max_log_bytes): members that lack " + index_.start().to_string() +
                 " will need a whole-state copy");
    return {};
  }
  return Status(StatusCode::kUnavailable, "the log is being cut faster than it can be read");
}

/// A whole-state copy raised the log start meanwhile.
void CommitFeed::adopt_log_start() {
  const std::uint64_t generation = state_.log_start_generation();
  if (generation == log_start_generation_) return;
  log_start_generation_ = generation;
  index_.require(state_.log_start()->vector);
}

Status CommitFeed::position_cursor(Cursor& cursor, const FeedRequest& request, bool& snapshot_required) {
  snapshot_required = !request.receiver->covers(index_.start());
  if (snapshot_required) return {};
  // Only positions that this object gave to this peer are believed; anything else could point into the middle of a record.
  if (cursor.reader && request.position && *request.position == cursor.at) return {};
  LogPosition from;
  if (cursor.reader && request.position && *request.position == cursor.start) {
    from = cursor.start;
  } else {
    const auto checkpoint = index_.start_for(*request.receiver);
    if (!checkpoint) {
      snapshot_required = true;
      return {};
    }
    from = checkpoint->position;
  }
  LDB_ASSIGN_OR_RETURN(cursor.reader, engine_.changes(from));
  cursor.at = from;
  return {};
}

Status CommitFeed::fill(Cursor& cursor, const FeedRequest& request, FeedBatch& batch) {
  batch.start = cursor.start = cursor.at;
  const std::size_t max_bytes = std::min(request.max_bytes, kMaxAnswerBytes);
  while (!batch.full) {
    LDB_ASSIGN_OR_RETURN(std::optional<ChangeReader::Change> change, cursor.reader->next());
    if (!change) break;
    LDB_ASSIGN_OR_RETURN(const auto peeked, peek_commit(change->commit));
    const auto& [dot, stamp] = peeked;
    const std::size_t size = change->commit.size();
    index_.passed(cursor.at, change->next, dot, stamp, size);
    cursor.at = change->next;
    const std::uint64_t off_by_one = planted(PlantedBug::kStreamSkipsNextCommit) ? 1 : 0;
    if (request.receiver->covers(Dot{dot.origin, dot.sequence - off_by_one})) continue;
    batch.urgent |= !request.elsewhere.contains(dot.origin);
    batch.bytes += size;
    batch.full = batch.bytes >= max_bytes;
    batch.commits.push_back(std::move(change->commit));
  }
  batch.next = cursor.at;
  return {};
}

Result<FeedBatch> CommitFeed::read(const FeedRequest& request) {
  for (int attempt = 0;; ++attempt) {
    adopt_log_start();
    FeedBatch batch;
    Cursor& cursor = cursors_[request.peer];
    Status status = position_cursor(cursor, request, batch.snapshot_required);
    if (status && batch.snapshot_required) return batch;
    if (status) status = fill(cursor, request, batch);
    if (status) return batch;
    cursors_.erase(request.peer);
    if (status.code() != StatusCode::kNotFound || attempt == 3) return status.with_context("read the log for a peer");
    if (!index_.drop_before(engine_.log_begin())) LDB_TRY(rebuild_index());
    LDB_TRY(state_.raise_log_start({index_.start(), index_.begin()}));
    log_start_generation_ = state_.log_start_generation();
  }
}

void CommitFeed::forget(const NodeId& peer) { cursors_.erase(peer); }

Status CommitFeed::release(const VersionVector& acknowledged_by_all) {
  adopt_log_start();
  const auto checkpoint = index_.releasable(acknowledged_by_all);
  if (!checkpoint) return {};
  LDB_TRY(state_.raise_log_start({checkpoint->before, checkpoint->position}));
  log_start_generation_ = state_.log_start_generation();
  engine_.release_log(checkpoint->position);
  index_.drop_before(checkpoint->position);
  return {};
}

Status CommitFeed::release_everything() {
  const LogPosition end = engine_.log_end();
  // Taken after the end, so that it covers all that lies before.
  LDB_TRY(state_.raise_log_start({applier_.submitted(), end}));
  log_start_generation_ = state_.log_start_generation();
  engine_.release_log(end);
  cursors_.clear();
  index_ = LogIndex(end, state_.log_start()->vector, checkpoint_bytes_);
  return {};
}

}  // namespace ldb::replication
