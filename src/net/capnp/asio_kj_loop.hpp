// Lets Cap'n Proto's event loop (KJ) run inside an Asio io_context: one pair per network thread.
#pragma once

#include <kj/async.h>

#include <asio/io_context.hpp>

namespace ldb::net::rpc {

/// The KJ event loop of the thread that constructs it. Asio sleeps, polls sockets and timers; whenever a handler has made KJ
/// events runnable they run from pump(), or from a posted handler when nobody calls it. kj::Promise::wait() must not be used on
/// this thread.
///
/// Lives on one thread, and must outlive every KJ object of that thread. The io_context must outlive it.
class AsioKjLoop final : public kj::EventPort {
 public:
  explicit AsioKjLoop(asio::io_context& io) : io_(io), loop_(*this), scope_(loop_) {}

  /// Runs what is runnable. Call at the end of an Asio handler that fulfilled a promise; does nothing when called from inside a
  /// KJ event.
  void pump();

  bool wait() override { return false; }
  bool poll() override { return false; }
  void setRunnable(bool runnable) override;

 private:
  void post_pump();

  asio::io_context& io_;
  bool posted_ = false;
  bool pumping_ = false;
  kj::EventLoop loop_;
  kj::WaitScope scope_;
};

}  // namespace ldb::net::rpc
