#include "net/capnp/deadline_queue.hpp"

#include "base/rt/rt.hpp"

namespace ldb::net::rpc {

DeadlineQueue::Id DeadlineQueue::add(std::int64_t when_ns, std::function<void()> action) {
  const Id id(when_ns, next_++);
  if (closed_) return id;
  entries_.emplace(id, std::move(action));
  if (armed_ns_ == 0 || when_ns < armed_ns_) arm();
  return id;
}

void DeadlineQueue::close() {
  closed_ = true;
  entries_.clear();
  timer_.cancel();
}

void DeadlineQueue::arm() {
  armed_ns_ = entries_.begin()->first.first;
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(armed_ns_)));  // cancels the earlier wait
  timer_.async_wait([this](asio::error_code error) {
    if (!error) on_timer();
  });
}

void DeadlineQueue::on_timer() {
  armed_ns_ = 0;
  const std::int64_t now_ns = rt::monotonic_ns();
  while (!entries_.empty() && entries_.begin()->first.first <= now_ns) {
    const auto due = entries_.extract(entries_.begin());
    due.mapped()();
  }
  if (!closed_ && armed_ns_ == 0 && !entries_.empty()) arm();
  loop_.pump();
}

}  // namespace ldb::net::rpc
