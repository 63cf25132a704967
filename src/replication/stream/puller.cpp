#include "replication/stream/puller.hpp"

#include <algorithm>
#include <utility>

#include "replication/copy/copy_receiver.hpp"

namespace ldb::replication {
namespace {

constexpr std::int64_t kHelloTimeoutMs = 2'000;
/// A peer that says "copy" is asked again so often, when this node has applied something since it asked.
constexpr int kStaleAnswers = 3;
/// With the slack of two seconds that is the default, the largest commit passes at 100 kB a second.
constexpr std::int64_t kMaxPatience = 64;

}  // namespace

Puller::Puller(Replica& replica, PeerAddress peer) : replica_(replica), peer_(std::move(peer)) {}

Puller::~Puller() {
  ask_to_stop();
  join();
}

void Puller::start() {
  thread_ = rt::Thread("ldb-pull-" + peer_.node.name, [this] { run(); });
}

void Puller::ask_to_stop() {
  rt::MutexLock lock(mailbox_->mutex);
  mailbox_->stopping = true;
  mailbox_->changed.notify_all();
}

void Puller::join() {
  if (thread_.joinable()) thread_.join();
}

void Puller::nudge() {
  rt::MutexLock lock(mailbox_->mutex);
  if (mailbox_->nudged) return;
  mailbox_->nudged = true;
  mailbox_->changed.notify_all();
}

bool Puller::stopping() {
  rt::MutexLock lock(mailbox_->mutex);
  return mailbox_->stopping;
}

Result<std::string> Puller::call(RequestKind kind, std::string body, std::int64_t timeout_ms) {
  Mailbox& box = *mailbox_;
  std::uint64_t number = 0;
  {
    rt::MutexLock lock(box.mutex);
    if (box.stopping) return Status(StatusCode::kAborted, "the node is closing");
    number = ++box.call;
    box.answer.reset();
  }
  replica_.services().transport->call(peer_, Request{kind, std::move(body)}, timeout_ms,
                                      [mailbox = mailbox_, number](Result<std::string> answer) {
                                        rt::MutexLock lock(mailbox->mutex);
                                        if (mailbox->call != number) return;
                                        mailbox->answer = std::move(answer);
                                        mailbox->changed.notify_all();
                                      });
  rt::MutexLock lock(box.mutex);
  while (!box.answer && !box.stopping) box.changed.wait(box.mutex);
  ++box.call;
  if (!box.answer) return Status(StatusCode::kAborted, "the node is closing");
  Result<std::string> answer = std::move(*box.answer);
  box.answer.reset();
  return answer;
}

template <class Answer>
Result<Answer> Puller::ask(RequestKind kind, std::string body, std::int64_t timeout_ms) {
  auto bytes = call(kind, std::move(body), timeout_ms);
  if (!bytes) return bytes.error();
  return decode<Answer>(*bytes);
}

bool Puller::pause(std::int64_t ns, bool nudges) {
  Mailbox& box = *mailbox_;
  // Even a peer that speaks up all the time does not make this a busy loop.
  const std::int64_t now_ns = rt::monotonic_ns();
  const std::int64_t soonest_ns = now_ns + std::min(ns, replica_.options().retry_min_ms * rt::kMillisecond);
  const std::int64_t end_ns = now_ns + ns;
  rt::MutexLock lock(box.mutex);
  box.nudged = false;
  while (!box.stopping) {
    const std::int64_t until_ns = nudges && box.nudged ? soonest_ns : end_ns;
    if (rt::monotonic_ns() >= until_ns || !box.changed.wait_until(box.mutex, until_ns)) break;
  }
  return !box.stopping;
}

void Puller::run() {
  Backoff backoff(replica_.options().retry_min_ms * rt::kMillisecond, replica_.options().retry_max_ms * rt::kMillisecond);
  while (!stopping()) {
    const Status status = step();
    std::string problem = !status ? status.to_string() : !held_back_.empty() ? held_back_ : fork_;
    if (problem != problem_) {
      if (!problem.empty() && status.code() != StatusCode::kAborted)
        replica_.log(LogLevel::kWarning, "from " + peer_.node.name + ": " + problem);
      problem_ = std::move(problem);
      replica_.set_problem(peer_.node, problem_);
    }
    if (status && held_back_.empty()) {
      backoff.reset();
    } else if (!pause(backoff.next(), held_back_.empty())) {
      return;
    }
  }
}

Status Puller::step() {
  if (replica_.needs_hello(peer_.node)) LDB_TRY(hello());
  if (held_from_ < held_.size()) return apply_held();
  return fetch();
}

Status Puller::hello() {
  const std::string body =
      encode(HelloRequest{replica_.identity(), replica_.services().cluster, replica_.knowledge(), complaint_});
  auto answer = ask<HelloAnswer>(RequestKind::kHello, body, kHelloTimeoutMs);
  if (!answer) {
    replica_.call_failed(peer_.node, answer.error());
    return answer.error().with_context("hello");
  }
  return replica_.greeted(peer_.node, *answer);
}

Status Puller::fetch() {
  if (asked_in_vain_) {
    LDB_TRY(hello());  // long waits are for peers that are there
    asked_in_vain_ = false;
  }
  held_epoch_ = replica_.epoch();
  FetchRequest request;
  request.from = replica_.identity();
  request.knowledge = replica_.knowledge();
  asked_with_ = request.knowledge.applied;
  request.complaint = complaint_;
  request.durable = durable_;
  request.position = position_;
  request.max_bytes = replica_.options().answer_bytes;
  request.wait_ms = static_cast<std::uint64_t>(replica_.options().poll_ms);
  const std::int64_t asked_ns = rt::monotonic_ns();
  const std::int64_t slack_ms = patience_ * replica_.options().answer_slack_ms;
  auto answer = ask<FetchAnswer>(RequestKind::kFetch, encode(request), replica_.options().poll_ms + slack_ms);
  if (!answer) {
    asked_in_vain_ = answer.error().code() == StatusCode::kTimeout;
    if (asked_in_vain_) patience_ = std::min(2 * patience_, kMaxPatience);
    replica_.call_failed(peer_.node, answer.error());
    return answer.error().with_context("fetch");
  }
  // Less only when far less would have done: a stream of commits of one size is not asked for twice every other time.
  const std::int64_t took_ms = (rt::monotonic_ns() - asked_ns) / rt::kMillisecond;
  if (took_ms < replica_.options().poll_ms + slack_ms / 4) patience_ = std::max<std::int64_t>(patience_ / 2, 1);
  return take(std::move(*answer));
}

Status Puller::take(FetchAnswer answer) {
  LDB_TRY(replica_.heard_answer(peer_.node, answer));
  if (answer.has_marker) peer_applied_ = answer.marker.applied;
  switch (answer.state) {
    case FetchAnswer::State::kNotNow:
      return Status(StatusCode::kUnavailable, "the peer cannot serve its log now: " + answer.reason);
    case FetchAnswer::State::kSnapshotRequired:
      position_ = {};
      if (answer_is_stale()) return {};
      return copy();
    case FetchAnswer::State::kCommits:
      break;
  }
  stale_answers_ = 0;
  held_ = std::move(answer.commits);
  held_from_ = 0;
  after_held_ = {answer.from.boot, answer.next};
  return apply_held();
}

/// A fetch may wait at the peer while this node catches up elsewhere, even by a copy; what was said of its old vector does not
/// hold.
bool Puller::answer_is_stale() {
  const bool stale = !(replica_.applier().submitted() == asked_with_) && stale_answers_ < kStaleAnswers;
  stale_answers_ = stale ? stale_answers_ + 1 : 0;
  return stale;
}

Status Puller::apply_held() {
  const std::size_t before = held_from_;
  Status status;
  held_back_.clear();
  if (held_epoch_ != replica_.epoch()) {
    held_.clear();
    held_from_ = 0;
    position_ = {};
    return {};
  }
  for (bool hold = false; held_from_ < held_.size();) {
    status = apply_one(held_[held_from_], hold);
    if (!status || hold) break;
    ++held_from_;
  }
  replica_.count_received(peer_.node, held_from_ - before);
  if (Status synced = sync_applied(); !synced) return synced;
  if (!status) {
    if (status.code() == StatusCode::kAborted) return status;  // a copy is being installed: the same commits again afterwards
    held_.clear();
    held_from_ = 0;
    position_ = {};
    return status;
  }
  if (held_from_ < held_.size()) {
    // The peer learns why its commits are held back with the next hello.
    return hello();
  }
  if (complaint_.kind == Complaint::Kind::kClockRefused) complaint_ = {};
  held_.clear();
  held_from_ = 0;
  position_ = after_held_;
  return {};
}

/// `hold`: nothing may be applied before this one is.
Status Puller::apply_one(const std::string& payload, bool& hold) {
  LDB_ASSIGN_OR_RETURN(const ApplyOutcome outcome, replica_.apply(payload, held_epoch_));
  switch (outcome.kind) {
    case ApplyOutcome::Kind::kApplied:
    case ApplyOutcome::Kind::kDuplicate:
      return {};
    case ApplyOutcome::Kind::kClockRefused:
      complaint_ = {Complaint::Kind::kClockRefused, outcome.dot.origin, outcome.detail};
      held_back_ = outcome.detail;
      hold = true;
      return {};
    case ApplyOutcome::Kind::kGap:
      return Status(StatusCode::kUnavailable, "its commits do not follow on what is here: " + outcome.detail);
    case ApplyOutcome::Kind::kFork:
    case ApplyOutcome::Kind::kFenced:
      // What else the peer has may go on; what depends on the fenced stream will be found missing.
      complaint_ = {Complaint::Kind::kFork, outcome.dot.origin, outcome.detail};
      fork_ = outcome.detail;
      return {};
    case ApplyOutcome::Kind::kOwnOriginAhead: {
      VersionVector needed;
      needed.set(outcome.dot.origin, {outcome.dot.sequence, outcome.stamp, 0});
      if (const OriginProgress& all = peer_applied_.get(outcome.dot.origin); all.sequence > outcome.dot.sequence)
        needed.set(outcome.dot.origin, all);
      LDB_TRY(replica_.own_origin_ahead(peer_.node, outcome.dot.origin, needed));
      return Status(StatusCode::kUnavailable, "it has commits of this node that this node lost: " + outcome.detail);
    }
  }
  return Status(StatusCode::kInternal, "unknown outcome of a commit");
}

/// Once per answer: then all of it may be acknowledged.
Status Puller::sync_applied() {
  LDB_ASSIGN_OR_RETURN(VersionVector applied, replica_.applier().applied(nullptr));
  if (durable_.covers(applied)) return {};
  LDB_TRY(replica_.engine().sync());
  durable_ = std::move(applied);
  return replica_.settle_debts();
}

Status Puller::copy() {
  if (!replica_.begin_copy())
    return Status(StatusCode::kUnavailable, "a copy of the whole state is under way already, or could not be installed");
  replica_.log(LogLevel::kInfo, "copying the whole state of " + peer_.node.name + ": its log does not reach back far enough");
  CopyLink link;
  link.self = [this] { return replica_.identity(); };
  link.ask = [this](const SnapshotRequest& request) {
    return ask<SnapshotAnswer>(RequestKind::kSnapshot, encode(request), replica_.options().copy_timeout_ms);
  };
  link.wait = [this](std::int64_t ns) { return pause(ns, true); };
  const std::uint64_t epoch = replica_.epoch();
  const auto vector = receive_copy(replica_.engine(), link);
  Status status = vector.error();
  if (status) status = replica_.install(*vector, epoch);
  replica_.end_copy();
  LDB_TRY(status);
  return sync_applied();
}

}  // namespace ldb::replication
