// Deadlines of one network thread: many entries, one Asio timer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "net/capnp/asio_kj_loop.hpp"

namespace ldb::net::rpc {

/// Runs actions at given times. A call's deadline is usually cancelled, so adding and cancelling must be cheap: no timer
/// operation, except when a new entry comes before all others. Network thread only.
class DeadlineQueue {
 public:
  using Id = std::pair<std::int64_t, std::uint64_t>;  ///< time, then order of insertion

  DeadlineQueue(asio::io_context& io, AsioKjLoop& loop) : timer_(io), loop_(loop) {}

  /// `action` runs once rt::monotonic_ns() has reached `when_ns`, never inside this call. It may add and cancel.
  Id add(std::int64_t when_ns, std::function<void()> action);
  /// No effect when the action has run or is running.
  void cancel(const Id& id) { entries_.erase(id); }
  /// Drops all actions and the timer; nothing may be added afterwards.
  void close();

 private:
  void arm();
  void on_timer();

  asio::steady_timer timer_;
  AsioKjLoop& loop_;
  std::map<Id, std::function<void()>> entries_;
  std::uint64_t next_ = 0;
  std::int64_t armed_ns_ = 0;  // 0: the timer is not running
  bool closed_ = false;
};

}  // namespace ldb::net::rpc
