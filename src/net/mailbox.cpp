#include "net/mailbox.hpp"

#include <algorithm>

#include "net/message_codec.hpp"

namespace ldb::net {
namespace {

/// What an envelope counts for in the bound; an empty one takes memory too.
std::size_t cost(const Envelope& envelope) { return envelope.bytes.size() + 256; }

}  // namespace

Status Mailbox::post(Envelope envelope, std::int64_t at_ns) {
  rt::MutexLock lock(mutex_);
  if (closed_) return Status(StatusCode::kUnavailable, "node " + self_.name + " stopped serving");
  if (frozen_) return {};  // lost, as on any way to a dead machine
  if (blocked_.contains(envelope.from))
    return Status(StatusCode::kUnavailable, "node " + self_.name + " is cut off from " + envelope.from.name);
  if (queued_bytes_ + cost(envelope) > kMaxQueuedBytes)
    return Status(StatusCode::kResourceExhausted, "node " + self_.name + " has too many messages waiting");
  queued_bytes_ += cost(envelope);
  const bool first = queue_.empty() || at_ns < queue_.begin()->first.first;
  queue_.emplace(Timed{at_ns, next_number_++}, std::move(envelope));
  if (first) changed_.notify_all();
  return {};
}

std::uint64_t Mailbox::add_call(const NodeId& peer, std::int64_t deadline_ns, Done& done) {
  rt::MutexLock lock(mutex_);
  if (closed_) return 0;
  const std::uint64_t number = next_number_++;
  calls_.emplace(number, Call{peer, deadline_ns, std::move(done)});
  deadlines_.emplace(deadline_ns, number);
  if (deadlines_.begin()->second == number) changed_.notify_all();
  return number;
}

void Mailbox::fail_call(std::uint64_t call, const Status& why, std::int64_t at_ns) {
  rt::MutexLock lock(mutex_);
  if (closed_ || frozen_ || !calls_.contains(call)) return;
  Envelope envelope{true, self_, call, encode_answer(why), {}};
  queued_bytes_ += cost(envelope);  // beyond the bound if need be: there is at most one for each open call
  queue_.emplace(Timed{at_ns, next_number_++}, std::move(envelope));
  changed_.notify_all();
}

void Mailbox::fail_calls_to(const NodeId& peer, const Status& why) {
  std::vector<std::uint64_t> doomed;
  {
    rt::MutexLock lock(mutex_);
    for (const auto& [number, call] : calls_)
      if (call.peer == peer) doomed.push_back(number);
  }
  for (const std::uint64_t number : doomed) fail_call(number, why, 0);
}

void Mailbox::set_blocked(const NodeId& peer, bool blocked) {
  {
    rt::MutexLock lock(mutex_);
    if (!blocked) {
      blocked_.erase(peer);
      return;
    }
    blocked_.insert(peer);
    for (auto entry = queue_.begin(); entry != queue_.end();) {
      if (entry->second.from == peer) {
        queued_bytes_ -= cost(entry->second);
        entry = queue_.erase(entry);
      } else {
        ++entry;
      }
    }
    while (delivering_from_ != nullptr && *delivering_from_ == peer) changed_.wait(mutex_);
  }
  fail_calls_to(peer, Status(StatusCode::kUnavailable, "node " + self_.name + " is cut off from " + peer.name));
}

bool Mailbox::blocks(const NodeId& peer) const {
  rt::MutexLock lock(mutex_);
  return blocked_.contains(peer);
}

void Mailbox::run(const Serve& serve) {
  rt::MutexLock lock(mutex_);
  while (!closed_) {
    const std::int64_t now_ns = rt::monotonic_ns();
    if (!deliver_next(serve, now_ns) && !expire_next(now_ns)) wait_for_work();
  }
  queue_.clear();
  queued_bytes_ = 0;
  while (!calls_.empty()) {
    Call call = take_call(calls_.begin());
    lock.unlock();
    call.done(Status(StatusCode::kAborted, "the transport was stopped"));
    call.done = nullptr;
    lock.lock();
  }
}

void Mailbox::close() {
  rt::MutexLock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void Mailbox::freeze() {
  rt::MutexLock lock(mutex_);
  frozen_ = true;
  queue_.clear();
  queued_bytes_ = 0;
}

bool Mailbox::frozen() const {
  rt::MutexLock lock(mutex_);
  return frozen_;
}

Mailbox::Call Mailbox::take_call(std::map<std::uint64_t, Call>::iterator call) {
  deadlines_.erase({call->second.deadline_ns, call->first});
  Call taken = std::move(call->second);
  calls_.erase(call);
  return taken;
}

/// False when nothing is due. Leaves the lock while the receiver works.
bool Mailbox::deliver_next(const Serve& serve, std::int64_t now_ns) {
  if (queue_.empty() || queue_.begin()->first.first > now_ns) return false;
  Envelope envelope = std::move(queue_.begin()->second);
  queue_.erase(queue_.begin());
  queued_bytes_ -= cost(envelope);
  const NodeId from = envelope.from;
  Call call;
  if (envelope.is_answer) {
    const auto open = calls_.find(envelope.call);
    if (open == calls_.end()) return true;  // it timed out, or this is a second answer
    call = take_call(open);
  }
  delivering_from_ = &from;
  mutex_.unlock();
  if (envelope.is_answer) {
    call.done(decode_answer(envelope.bytes));
    call.done = nullptr;
  } else {
    serve(std::move(envelope));
  }
  mutex_.lock();
  delivering_from_ = nullptr;
  changed_.notify_all();  // for set_blocked()
  return true;
}

bool Mailbox::expire_next(std::int64_t now_ns) {
  if (deadlines_.empty() || deadlines_.begin()->first > now_ns) return false;
  Call call = take_call(calls_.find(deadlines_.begin()->second));
  mutex_.unlock();
  call.done(Status(StatusCode::kTimeout, "no answer from node " + call.peer.name + " in time"));
  call.done = nullptr;
  mutex_.lock();
  return true;
}

void Mailbox::wait_for_work() {
  std::int64_t wake_ns = INT64_MAX;
  if (!queue_.empty()) wake_ns = queue_.begin()->first.first;
  if (!deadlines_.empty()) wake_ns = std::min(wake_ns, deadlines_.begin()->first);
  if (wake_ns == INT64_MAX) {
    changed_.wait(mutex_);
  } else {
    changed_.wait_until(mutex_, wake_ns);
  }
}

}  // namespace ldb::net
