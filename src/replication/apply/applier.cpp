#include "replication/apply/applier.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "replication/apply/applier_state.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb {

Applier::State::State(StorageEngine& engine_in, Clock& clock_in, const ConflictResolver& resolver_in, LogSink& log_in,
                      const ApplierOptions& options)
    : engine(engine_in),
      clock(clock_in),
      resolver(resolver_in),
      log(log_in),
      conflicts(engine_in, options.conflict_limit),
      row_latches(kRowLatches),
      unique_latches(kUniqueLatches),
      streams(clock_in) {}

Applier::Applier(StorageEngine& engine, Clock& clock, const ConflictResolver& resolver, LogSink& log,
                 const ApplierOptions& options)
    : state_(std::make_unique<State>(engine, clock, resolver, log, options)) {}
Applier::~Applier() = default;

Status Applier::open() {
  State& s = *state_;
  LDB_TRY(s.conflicts.open());
  OriginId fresh;
  while (!fresh) fresh.value = rt::random_u64();
  bool existed = false;
  {
    rt::MutexLock lock(s.mutex);
    LDB_ASSIGN_OR_RETURN(existed, s.streams.load(s.engine, fresh));
  }
  return existed ? Status() : s.store_origin(fresh);
}

Status Applier::State::store_origin(OriginId origin) {
  WriteBatch batch;
  std::string value;
  put_u64(value, origin.value);
  batch.put(keys::origin(), value);
  return engine.write(std::move(batch), SyncPolicy::kSync).status();
}

Status Applier::State::halt(const Status& cause) {
  rt::MutexLock lock(mutex);
  if (halted.is_ok()) {
    halted = Status(StatusCode::kUnavailable, "the log failed (" + std::string(cause.message()) + "); reopen the node to go on");
    log.log(LogLevel::kError, "replication", halted.message());
  }
  return Status(StatusCode::kOutcomeUnknown, "the log failed under the commit (" + std::string(cause.message()) +
                                                 "); reopen the node to see whether it happened");
}

namespace {

bool writes_a_row_twice(const std::vector<RowWrite>& writes) {
  if (writes.size() < 2) return false;
  std::vector<std::pair<std::uint64_t, std::string_view>> rows;
  for (const RowWrite& write : writes) rows.emplace_back(write.table.value, write.key);
  std::sort(rows.begin(), rows.end());
  return std::adjacent_find(rows.begin(), rows.end()) != rows.end();
}

/// kInvalidArgument for writes that no commit can carry.
Status check_request(const CommitRequest& request) {
  if (request.writes.empty()) return Status(StatusCode::kInvalidArgument, "a commit without writes");
  for (const RowWrite& write : request.writes) {
    if (request.upsert && (write.kind != RowWrite::Kind::kInsert || keys::has_schema(write.table)))
      return Status(StatusCode::kInvalidArgument, "an upsert takes whole rows of tables without a schema");
    for (std::size_t i = 0; i < write.cells.size(); ++i) {
      if (write.cells[i].column.value > kMaxColumnId) return Status(StatusCode::kInvalidArgument, "a column id is out of range");
      if (i > 0 && !(write.cells[i - 1].column < write.cells[i].column))
        return Status(StatusCode::kInvalidArgument, "cells must be in ascending order of column, each once");
    }
    if (write.kind == RowWrite::Kind::kDelete && !write.cells.empty())
      return Status(StatusCode::kInvalidArgument, "a delete carries no cells");
  }
  if (writes_a_row_twice(request.writes)) return Status(StatusCode::kInvalidArgument, "a commit may write a row once only");
  return {};
}

}  // namespace

Result<LatchedRows> Applier::State::resolve_upserts(std::vector<RowWrite>& writes) {
  LatchedRows rows{LatchSet(row_latches), {}, {}};
  for (const RowWrite& write : writes) {
    rows.keys.push_back(keys::row(write.table, write.key));
    rows.latches.add(rows.keys.back());
  }
  rows.latches.acquire();
  for (std::size_t i = 0; i < writes.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(std::optional<std::string> image, engine.get(nullptr, rows.keys[i]));
    if (image) {
      RowImageReader reader;
      LDB_TRY(reader.parse(*image));
      if (reader.alive()) {
        writes[i].kind = RowWrite::Kind::kUpdate;
        writes[i].birth = reader.birth();
      }
    }
    rows.images.push_back(std::move(image));
  }
  return rows;
}

Result<CommitOutcome> Applier::commit_local(CommitRequest request) {
  State& s = *state_;
  LDB_TRY(check_request(request));
  LDB_TRY(health());
  LDB_TRY(s.engine.throttle());
  std::optional<LatchedRows> rows;
  if (request.upsert) {
    LDB_ASSIGN_OR_RETURN(LatchedRows latched, s.resolve_upserts(request.writes));
    rows.emplace(std::move(latched));
    // Whoever wrote these rows held their latches until what he wrote was visible, so this covers all that was read.
    rt::MutexLock lock(s.mutex);
    request.dependencies = s.streams.visible();
  }
  CommitEncoder encoder(request.writes, std::move(request.dependencies), {kProvisionalStamp, origin()});
  CommitPlan plan =
      rows ? CommitPlan(s.plan_services(), encoder.view(), std::move(*rows)) : CommitPlan(s.plan_services(), encoder.view());
  if (!rows) {
    plan.latch_rows(request.requirements);
    if (Status unchanged = plan.check_unchanged(request.view_sequence); !unchanged) return s.refused(unchanged);
  }
  LDB_TRY(plan.merge());
  if (Status births = plan.check_births(); !births) return s.refused(births);
  plan.latch_unique(request.requirements);
  LDB_TRY(plan.check_requirements(request.requirements));
  if (Status parents = plan.find_dangling(false); !parents) return s.refused(parents);

  const ReadSet reads(std::move(request.reads));
  State::Submitted submitted;
  {
    rt::MutexLock lock(s.mutex);
    LDB_TRY(s.halted);
    const Dot dot = s.streams.next_dot();
    const Stamp stamp = s.streams.next_stamp();
    const std::uint64_t previous_hash = s.streams.submitted().get(dot.origin).chain_hash;
    if (Status serial = s.check_reads(reads, request.view_sequence); !serial) return s.refused(serial);
    const auto payload = [&] { return encoder.finish(dot, stamp, previous_hash); };
    LDB_ASSIGN_OR_RETURN(submitted,
                         s.submit(plan, dot, stamp, previous_hash, encoder.view().id(), std::ref(payload), request.sync));
  }
  LDB_ASSIGN_OR_RETURN(const std::uint64_t sequence, s.finish(std::move(submitted), plan));
  s.local_commits.fetch_add(1, std::memory_order_relaxed);
  return CommitOutcome{submitted.dot, submitted.stamp, sequence};
}

Result<ApplyOutcome> Applier::apply_remote(std::string payload, SyncPolicy sync) {
  State& s = *state_;
  LDB_ASSIGN_OR_RETURN(const CommitView commit, parse_commit(payload));
  LDB_TRY(health());
  const auto judge = [&]() LDB_REQUIRES(s.mutex) {
    return s.streams.judge(commit.dot, commit.stamp, commit.dependencies, commit.previous_hash, payload);
  };
  ApplyOutcome outcome;
  {
    rt::MutexLock lock(s.mutex);
    outcome = judge();
  }
  if (outcome.kind != ApplyOutcome::Kind::kApplied) return s.not_applied(outcome);
  if (!s.clock.acceptable(commit.stamp)) return s.clock_refused(outcome, s.clock.observe(commit.stamp));
  LDB_TRY(s.engine.throttle());
  CommitPlan plan(s.plan_services(), commit);
  plan.latch_rows({});
  LDB_TRY(plan.merge());
  plan.latch_unique({});
  LDB_TRY(plan.find_unique_violations());
  LDB_TRY(plan.find_dangling(true));

  State::Submitted submitted;
  {
    rt::MutexLock lock(s.mutex);
    LDB_TRY(s.halted);
    outcome = judge();  // another thread may have applied it meanwhile
    if (outcome.kind == ApplyOutcome::Kind::kApplied) {
      if (Status observed = s.clock.observe(commit.stamp); !observed) return s.clock_refused(outcome, observed);
      const auto take = [&] { return std::move(payload); };
      LDB_ASSIGN_OR_RETURN(submitted,
                           s.submit(plan, commit.dot, commit.stamp, commit.previous_hash, commit.id(), std::ref(take), sync));
    }
  }
  if (outcome.kind != ApplyOutcome::Kind::kApplied) return s.not_applied(outcome);
  LDB_ASSIGN_OR_RETURN(outcome.sequence, s.finish(std::move(submitted), plan));
  s.remote_commits.fetch_add(1, std::memory_order_relaxed);
  return outcome;
}

Status Applier::State::check_reads(const ReadSet& reads, std::uint64_t view_sequence) {
  if (reads.empty()) return {};
  if (!recent_writes.enabled()) recent_writes.enable(streams.last_ticket(), streams.latest_sequence());
  return recent_writes.check(reads, view_sequence);
}

Result<Applier::State::Submitted> Applier::State::submit(CommitPlan& plan, Dot dot, Stamp stamp, std::uint64_t previous_hash,
                                                         WriteId provisional, const std::function<std::string()>& payload,
                                                         SyncPolicy sync) {
  Submitted submitted;
  submitted.dot = dot;
  submitted.stamp = stamp;
  submitted.rows = plan.row_count();
  submitted.writes_catalog = plan.writes_catalog();
  std::vector<std::string> written;
  if (recent_writes.enabled()) written = plan.written_keys();
  WriteBatch batch;
  plan.fill(batch, {stamp, dot.origin});
  batch.set_commit(payload());
  const OriginProgress progress{dot.sequence, stamp, chain_hash(batch.commit(), previous_hash)};
  submitted.records = conflicts.emit(plan.conflicts(), provisional, {stamp, dot.origin}, clock.wall_us(), batch);
  batch.put(keys::vector_entry(dot.origin), encode_progress(progress));
  LDB_ASSIGN_OR_RETURN(submitted.write, engine.submit(std::move(batch), sync));
  submitted.ticket = streams.submitted(dot.origin, progress);
  if (recent_writes.enabled()) recent_writes.submitted(submitted.ticket, std::move(written));
  return submitted;
}

Result<std::uint64_t> Applier::State::finish(Submitted&& submitted, CommitPlan& plan) {
  Result<std::uint64_t> sequence = engine.wait(std::move(submitted.write));
  if (!sequence) return halt(sequence.error());
  {
    rt::MutexLock lock(mutex);
    streams.became_visible(submitted.ticket, *sequence);
    recent_writes.became_visible(submitted.ticket, *sequence);
  }
  plan.release();
  rows_written.fetch_add(submitted.rows, std::memory_order_relaxed);
  if (submitted.records != 0) {
    conflicts_recorded.fetch_add(submitted.records, std::memory_order_relaxed);
    // The commit stands whatever becomes of the eviction.
    if (const Result<std::size_t> evicted = conflicts.evict(row_latches); evicted)
      conflicts_evicted.fetch_add(*evicted, std::memory_order_relaxed);
    else
      log.log(LogLevel::kWarning, "replication", "conflict records beyond the bound stay: " + evicted.error().to_string());
  }
  if (RowIndexer* const listener = indexer.load(); listener != nullptr && submitted.writes_catalog)
    listener->catalog_changed(*sequence);
  return sequence;
}

ApplyOutcome Applier::State::not_applied(const ApplyOutcome& outcome) {
  if (outcome.kind == ApplyOutcome::Kind::kDuplicate) duplicates.fetch_add(1, std::memory_order_relaxed);
  if (outcome.kind == ApplyOutcome::Kind::kFork) log.log(LogLevel::kError, "replication", outcome.detail);
  return outcome;
}

ApplyOutcome Applier::State::clock_refused(ApplyOutcome outcome, const Status& why) {
  outcome.kind = ApplyOutcome::Kind::kClockRefused;
  outcome.detail = why.message();
  return outcome;
}

Status Applier::State::refused(const Status& why) {
  if (why.code() == StatusCode::kConflict) write_conflicts.fetch_add(1, std::memory_order_relaxed);
  return why;
}

Result<VersionVector> Applier::applied(const ReadView* view) {
  State& s = *state_;
  VersionVector known;
  {
    rt::MutexLock lock(s.mutex);
    if (view == nullptr || s.streams.shows(view->sequence())) return s.streams.visible();
    known = s.streams.submitted();
  }
  VersionVector vector;
  for (const auto& entry : known.entries()) {
    LDB_ASSIGN_OR_RETURN(const auto stored, s.engine.get(view, keys::vector_entry(entry.first)));
    if (!stored) continue;
    LDB_ASSIGN_OR_RETURN(const OriginProgress progress, decode_progress(*stored));
    vector.set(entry.first, progress);
  }
  return vector;
}

VersionVector Applier::submitted() const {
  rt::MutexLock lock(state_->mutex);
  return state_->streams.submitted();
}

Result<StreamMarker> Applier::marker() {
  State& s = *state_;
  StreamMarker marker;
  {
    rt::MutexLock lock(s.mutex);
    LDB_TRY(s.halted);
    marker = {s.streams.origin(), s.streams.submitted().get(s.streams.origin()).sequence, s.streams.visible()};
  }
  // A peer may collect tombstones on the strength of this, so a crash must not take it back.
  LDB_TRY(s.engine.sync());
  return marker;
}

OriginId Applier::origin() const {
  rt::MutexLock lock(state_->mutex);
  return state_->streams.origin();
}

Result<OriginId> Applier::new_origin() {
  State& s = *state_;
  rt::MutexLock lock(s.mutex);
  LDB_TRY(s.halted);
  OriginId fresh;
  while (!fresh || s.streams.known(fresh)) fresh.value = rt::random_u64();
  // Local commits wait for the mutex, so none is made under the old origin while the new one is on its way to the disk. Rare
  // enough.
  LDB_TRY(s.store_origin(fresh));
  s.log.log(LogLevel::kInfo, "replication", "this node continues under a new origin id");
  s.streams.begin_stream(fresh);
  return fresh;
}

std::vector<std::pair<OriginId, std::string>> Applier::fenced() const {
  rt::MutexLock lock(state_->mutex);
  return state_->streams.fenced();
}

Status Applier::health() const {
  rt::MutexLock lock(state_->mutex);
  return state_->halted;
}

void Applier::serving_again() {
  if (RowIndexer* const listener = state_->indexer.load(); listener != nullptr) listener->catalog_changed(0);
}

void Applier::set_indexer(RowIndexer* indexer) { state_->indexer.store(indexer); }

ApplierCounters Applier::counters() const {
  const State& s = *state_;
  constexpr auto kRelaxed = std::memory_order_relaxed;
  return {s.local_commits.load(kRelaxed),    s.remote_commits.load(kRelaxed),  s.duplicates.load(kRelaxed),
          s.rows_written.load(kRelaxed),     s.write_conflicts.load(kRelaxed), s.conflicts_recorded.load(kRelaxed),
          s.conflicts_evicted.load(kRelaxed)};
}

}  // namespace ldb
