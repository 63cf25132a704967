// One network thread: an Asio io_context, the KJ loop it drives, deadlines, and the mailbox through which other threads hand it
// work.
#pragma once

#include <kj/function.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "base/rt/rt.hpp"
#include "ldb/log_sink.hpp"
#include "net/capnp/asio_kj_loop.hpp"
#include "net/capnp/deadline_queue.hpp"

namespace ldb::net::rpc {

using Task = kj::Function<void()>;

/// Work for a network thread, from any thread. Tasks run in order, many for one wake-up. Shared with responders, which may
/// outlive the thread: then post() refuses.
class Mailbox {
 public:
  Mailbox(asio::io_context& io, AsioKjLoop*& loop, LogSink& log) : io_(io), loop_(loop), log_(log) {}

  /// False when the thread takes no more work: then `task` is left alone.
  bool post(Task&& task);
  /// The same, but a caller that is not a network thread waits up to 10 ms while the thread is far behind. Longer waits could
  /// deadlock with callbacks; this is enough to keep the queue short.
  bool post_throttled(Task&& task);

 private:
  friend class NetworkThread;
  void drain();
  /// From now on posting wakes nobody: the thread is about to end, and looks by itself.
  void stop_waking();
  /// False, and still open, when there was something left to do.
  bool close_if_empty();
  void close();

  bool push(Task&& task) LDB_REQUIRES(mutex_);

  rt::Mutex mutex_;
  rt::CondVar drained_;
  std::vector<Task> tasks_ LDB_GUARDED_BY(mutex_);
  bool drain_posted_ LDB_GUARDED_BY(mutex_) = false;
  bool ending_ LDB_GUARDED_BY(mutex_) = false;
  bool closed_ LDB_GUARDED_BY(mutex_) = false;
  asio::io_context& io_;  // these three are not touched after closed_
  AsioKjLoop*& loop_;
  LogSink& log_;
};

/// Owned by the transport. start() and stop() are called once each, by the thread that owns it; everything else says where it may
/// be used. No exception leaves the thread: what escapes a handler is logged, and the thread goes on.
class NetworkThread {
 public:
  NetworkThread(std::string name, LogSink& log);
  ~NetworkThread();
  NetworkThread(const NetworkThread&) = delete;
  NetworkThread& operator=(const NetworkThread&) = delete;

  void start();
  /// Runs `last` on the thread, which must close all sockets; then waits until every handler has run and the thread has ended.
  /// Tasks posted meanwhile still run.
  void stop(Task last);

  /// Any thread.
  bool post(Task&& task) { return mailbox_->post(kj::mv(task)); }
  bool post_throttled(Task&& task) { return mailbox_->post_throttled(kj::mv(task)); }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  asio::io_context& io() { return io_; }

  /// The network thread only.
  AsioKjLoop& loop() { return *loop_; }
  DeadlineQueue& deadlines() { return *deadlines_; }
  LogSink& log() { return log_; }

  /// Connections that live on this thread or are on their way to it; any thread.
  std::atomic<std::size_t> connection_count{0};

 private:
  void run();
  void run_handlers();

  const std::string name_;
  LogSink& log_;
  asio::io_context io_{1};
  AsioKjLoop* loop_ = nullptr;  // the thread's; set while it runs
  std::shared_ptr<Mailbox> mailbox_;
  std::optional<DeadlineQueue> deadlines_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  rt::Thread thread_;
};

/// Runs `body`; an exception is logged and swallowed. For code of the application that is called on a network thread.
template <class Body>
void contain(LogSink& log, const char* what, Body&& body);

void log_exception(LogSink& log, const char* what);

template <class Body>
void contain(LogSink& log, const char* what, Body&& body) {
  try {
    body();
  } catch (...) {
    log_exception(log, what);
  }
}

}  // namespace ldb::net::rpc
