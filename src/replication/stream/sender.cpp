#include "replication/stream/sender.hpp"

#include <algorithm>
#include <utility>

namespace ldb::replication {
namespace {

constexpr std::int64_t kHouseIntervalNs = 50 * rt::kMillisecond;
constexpr std::int64_t kIdleWakeNs = rt::kSecond;
/// A node alone keeps this much log: enough for a first peer that is added soon to stream from the start.
constexpr std::uint64_t kKeptAloneBytes = 4 << 20;

Status closing() { return Status(StatusCode::kAborted, "the node is closing"); }
Status removed() { return Status(StatusCode::kUnavailable, "the peer was removed"); }

}  // namespace

Sender::Sender(Replica& replica)
    : replica_(replica),
      feed_(replica.engine(), replica.applier(), replica.state(), *replica.services().log_sink,
            replica.options().checkpoint_bytes),
      copies_(replica.engine(), replica.applier(), replica.options().copy_sessions,
              replica.options().copy_idle_ms * rt::kMillisecond) {}

Sender::~Sender() { stop(); }

void Sender::start() {
  thread_ = rt::Thread("ldb-sender", [this] { run(); });
}

void Sender::stop() {
  {
    rt::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Sender::handle(const NodeId& from, Request request, Responder respond) {
  Status refused;
  {
    rt::MutexLock lock(mutex_);
    if (stopping_) {
      refused = closing();
    } else if (queue_.size() >= replica_.options().queue_limit) {
      refused = Status(StatusCode::kResourceExhausted, "too many requests of peers are waiting");
    } else {
      queue_.push_back({from, std::move(request), std::move(respond)});
      changed_.notify_one();
      return;
    }
  }
  respond(std::move(refused));
}

void Sender::log_grew() {
  rt::MutexLock lock(mutex_);
  log_grew_ = true;
  changed_.notify_one();
}

void Sender::committed_unsynced() {
  if (unsynced_.exchange(true)) return;
  log_grew();
}

void Sender::forget(const NodeId& peer) {
  rt::MutexLock lock(mutex_);
  forgotten_.push_back(peer);
  changed_.notify_one();
}

Sender::Work Sender::take_work(std::int64_t wake_ns) {
  rt::MutexLock lock(mutex_);
  while (queue_.empty() && forgotten_.empty() && !log_grew_ && !stopping_) {
    if (!changed_.wait_until(mutex_, wake_ns)) break;
  }
  return {std::exchange(queue_, {}), std::exchange(forgotten_, {}), std::exchange(log_grew_, false)};
}

void Sender::run() {
  for (;;) {
    Work work = take_work(next_wake());
    {
      rt::MutexLock lock(mutex_);
      if (stopping_) {
        for (Incoming& incoming : queue_) work.incoming.push_back(std::move(incoming));
        queue_.clear();
        lock.unlock();
        for (Incoming& incoming : work.incoming) incoming.respond(closing());
        for (auto& [peer, parked] : parked_) parked.respond(closing());
        parked_.clear();
        copies_.clear();
        return;
      }
    }
    for (const NodeId& peer : work.forgotten) {
      feed_.forget(peer);
      copies_.forget(peer);
      if (auto parked = parked_.extract(peer)) parked.mapped().respond(removed());
    }
    for (Incoming& incoming : work.incoming) process(std::move(incoming));
    look_at_parked();
    keep_house();
  }
}

std::int64_t Sender::next_wake() {
  // An idle node still looks after its log and its dead rows now and then.
  const std::int64_t now_ns = rt::monotonic_ns();
  std::int64_t wake_ns = std::min(copies_.expire(now_ns, INT64_MAX), now_ns + kIdleWakeNs);
  for (const auto& [peer, parked] : parked_) {
    wake_ns = std::min(wake_ns, parked.deadline_ns);
    if (parked.offer_ns != 0) wake_ns = std::min(wake_ns, parked.offer_ns);
  }
  return wake_ns;
}

void Sender::process(Incoming incoming) {
  if (incoming.request.kind != RequestKind::kFetch) return incoming.respond(answer(incoming.from, incoming.request));
  auto request = decode<FetchRequest>(incoming.request.body);
  Status status = request.error();
  if (status) status = replica_.heard_request(incoming.from, request->from, &request->knowledge, &request->complaint);
  if (!status) return incoming.respond(std::move(status));
  replica_.acknowledged(incoming.from, request->durable);
  park(incoming.from, std::move(*request), std::move(incoming.respond));
}

Result<std::string> Sender::answer(const NodeId& from, const Request& request) {
  switch (request.kind) {
    case RequestKind::kHello: {
      LDB_ASSIGN_OR_RETURN(const HelloRequest hello, decode<HelloRequest>(request.body));
      return answer_hello(from, hello);
    }
    case RequestKind::kSnapshot: {
      LDB_ASSIGN_OR_RETURN(const SnapshotRequest snapshot, decode<SnapshotRequest>(request.body));
      return answer_snapshot(from, snapshot);
    }
    case RequestKind::kStatus: {
      LDB_ASSIGN_OR_RETURN(const StatusRequest status, decode<StatusRequest>(request.body));
      LDB_TRY(replica_.heard_request(from, status.from, nullptr, nullptr));
      return encode(
          StatusAnswer{replica_.identity(), replica_.knowledge(), !replica_.readable().is_ok(), replica_.write_refusal()});
    }
    case RequestKind::kFetch:
      break;
  }
  return Status(StatusCode::kUnsupported, "unknown request kind " + std::to_string(static_cast<unsigned>(request.kind)));
}

Result<std::string> Sender::answer_hello(const NodeId& from, const HelloRequest& request) {
  if (request.cluster != replica_.services().cluster) {
    return Status(StatusCode::kInvalidArgument, "node " + from.name + " belongs to cluster \"" + request.cluster +
                                                    "\", this node to \"" + replica_.services().cluster + "\"");
  }
  LDB_TRY(replica_.heard_request(from, request.from, &request.knowledge, &request.complaint));
  LDB_TRY(replica_.answering_hello(from, request.from.boot));
  return encode(HelloAnswer{replica_.identity(), replica_.knowledge(), !replica_.readable().is_ok()});
}

Result<std::string> Sender::answer_snapshot(const NodeId& from, const SnapshotRequest& request) {
  LDB_TRY(replica_.heard_request(from, request.from, nullptr, nullptr));
  SnapshotAnswer answer;
  const std::uint64_t installs = replica_.installs_begun();
  bool installing = request.session == 0 && replica_.installing();
  if (!installing) {
    LDB_ASSIGN_OR_RETURN(answer, copies_.answer(request, rt::monotonic_ns()));
  }
  if (!replica_.is_member(from)) return removed();                      // the view may be of a later state
  if (request.session == 0 && replica_.installs_begun() != installs) {  // the view may show a part of it
    copies_.forget(from);
    installing = true;
  }
  if (installing) {
    answer = {};
    answer.state = SnapshotAnswer::State::kNotNow;
    answer.reason = "it is installing a whole-state copy itself";
  }
  answer.from = replica_.identity();
  return encode(answer);
}

void Sender::park(const NodeId& from, FetchRequest request, Responder respond) {
  constexpr std::uint64_t kLongestPollMs = 60'000;
  Parked parked;
  const auto wait_ms = static_cast<std::int64_t>(std::min(request.wait_ms, kLongestPollMs));
  parked.deadline_ns = rt::monotonic_ns() + wait_ms * rt::kMillisecond;
  parked.request = std::move(request);
  parked.respond = std::move(respond);
  Parked& place = parked_[from];
  // A peer has one fetch at a time: it has given up the one before.
  if (place.respond) place.respond(Status(StatusCode::kAborted, "superseded by a later fetch"));
  place = std::move(parked);
}

Status Sender::open_feed() {
  if (feed_open_) return {};
  LDB_TRY(feed_.open());
  feed_open_ = true;
  return {};
}

void Sender::look_at_parked() {
  if (parked_.empty()) return;
  if (Status opened = open_feed(); !opened) {
    replica_.log(LogLevel::kError, "the log cannot be read for peers: " + opened.to_string());
    for (auto& [peer, parked] : parked_) parked.respond(opened);
    return parked_.clear();
  }
  if (unsynced_.exchange(false)) {
    if (Status synced = replica_.engine().sync(); !synced)
      replica_.log(LogLevel::kError, "sync for waiting peers: " + synced.to_string());
  }
  for (auto it = parked_.begin(); it != parked_.end();)
    it = try_answer(it->first, it->second) ? parked_.erase(it) : std::next(it);
}

bool Sender::try_answer(const NodeId& peer, Parked& parked) {
  const std::int64_t now_ns = rt::monotonic_ns();
  const bool expired = now_ns >= parked.deadline_ns;
  const bool fresh = !std::exchange(parked.looked_at, true);
  const std::uint64_t own_commits = own_commits_.load();
  // Commits of others that the peer hears of from their own nodes wait a little; by then it mostly has them. What it told us of
  // itself is old by now, so it is only invited to ask again.
  if (parked.offer_ns != 0 && own_commits == parked.own_commits && !expired) {
    if (now_ns < parked.offer_ns) return false;
    FeedBatch nothing;
    nothing.next = parked.request.position.log;
    respond_with(peer, parked, std::move(nothing));
    return true;
  }
  FeedRequest request;
  request.peer = peer;
  request.receiver = &parked.request.knowledge.applied;
  if (parked.request.position.boot == replica_.identity().boot) request.position = parked.request.position.log;
  request.max_bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(parked.request.max_bytes, replica_.options().answer_bytes));
  request.elsewhere = replica_.elsewhere_for(peer);
  Result<FeedBatch> batch = feed_.read(request);
  if (!replica_.is_member(peer)) {  // what was read may have been committed since it was removed
    parked.respond(removed());
    return true;
  }
  if (!batch) {
    replica_.log(LogLevel::kError, "reading the log for " + peer.name + ": " + batch.error().to_string());
    parked.respond(batch.error());
    return true;
  }
  // From now on the feed knows where this peer stands, so looking again costs only what is new.
  parked.request.position = {replica_.identity().boot, batch->start};
  parked.own_commits = own_commits;
  const bool worth_sending = batch->urgent || batch->full || (fresh && !batch->commits.empty());
  if (batch->snapshot_required || worth_sending || expired) {
    respond_with(peer, parked, std::move(*batch));
    return true;
  }
  if (batch->commits.empty()) {
    parked.request.position.log = batch->next;
    return false;
  }
  parked.offer_ns = now_ns + replica_.options().forward_holdoff_ms * rt::kMillisecond;
  return false;
}

void Sender::respond_with(const NodeId& peer, Parked& parked, FeedBatch batch) {
  FetchAnswer answer;
  answer.from = replica_.identity();
  answer.floor = replica_.floor();
  answer.members = replica_.members();
  answer.state = batch.snapshot_required ? FetchAnswer::State::kSnapshotRequired : FetchAnswer::State::kCommits;
  answer.commits = std::move(batch.commits);
  answer.next = batch.next;
  if (auto marker = replica_.applier().marker()) {
    answer.has_marker = true;
    answer.marker = std::move(*marker);
  } else {
    replica_.log(LogLevel::kWarning, "no marker for " + peer.name + ": " + marker.error().to_string());
  }
  parked.respond(encode(answer));
}

Status Sender::release_log() {
  if (replica_.alone()) {
    if (bytes_kept_.load() < kKeptAloneBytes) return {};
    LDB_TRY(open_feed());
    bytes_kept_.store(0);
    return feed_.release_everything();
  }
  const auto acknowledged = replica_.acknowledged_by_all();
  return acknowledged && feed_open_ ? feed_.release(*acknowledged) : Status();
}

/// Releases log that nobody needs, and raises the collection floor when compaction has met dead rows above it.
void Sender::keep_house() {
  const std::int64_t now_ns = rt::monotonic_ns();
  if (now_ns < next_house_ns_) return;
  next_house_ns_ = now_ns + kHouseIntervalNs;
  if (Status released = release_log(); !released) replica_.log(LogLevel::kWarning, "releasing log: " + released.to_string());
  floor_wanted_ |= replica_.collection().take_wanted();
  if (!floor_wanted_) return;
  if (auto advanced = replica_.advance_floor(); !advanced) {
    replica_.log(LogLevel::kWarning, "raising the collection floor: " + advanced.error().to_string());
  } else if (*advanced) {
    floor_wanted_ = false;
  }
}

}  // namespace ldb::replication
