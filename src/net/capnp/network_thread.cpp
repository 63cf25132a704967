#include "net/capnp/network_thread.hpp"

#include <exception>
#include <utility>

#include <kj/exception.h>

#include <asio/post.hpp>

namespace ldb::net::rpc {
namespace {

// How often the thread looks for late tasks before it refuses them; bounds a caller that answers every failure with another call.
constexpr int kMaxLateRounds = 10;
// Tasks waiting beyond which callers are slowed down.
constexpr std::size_t kComfortableTasks = 8'192;
constexpr std::int64_t kThrottleNs = 10 * rt::kMillisecond;

thread_local bool on_network_thread = false;

/// KJ writes its log to standard error and takes stack traces of every exception; a library must do neither.
class QuietKj final : public kj::ExceptionCallback {
 public:
  explicit QuietKj(LogSink& log) : log_(log) {}
  void logMessage(kj::LogSeverity, const char*, int, int, kj::String&& text) override {
    log_.log(LogLevel::kDebug, "net", std::string_view(text.begin(), text.size()));
  }
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }

 private:
  LogSink& log_;
};

}  // namespace

void log_exception(LogSink& log, const char* what) {
  std::string line = what;
  try {
    throw;
  } catch (const kj::Exception& e) {
    line.append(": ").append(e.getDescription().cStr());
  } catch (const std::exception& e) {
    line.append(": ").append(e.what());
  } catch (...) {
    line.append(": unknown exception");
  }
  log.log(LogLevel::kError, "net", line);
}

bool Mailbox::post(Task&& task) {
  rt::MutexLock lock(mutex_);
  return push(kj::mv(task));
}

bool Mailbox::post_throttled(Task&& task) {
  rt::MutexLock lock(mutex_);
  if (tasks_.size() >= kComfortableTasks && !on_network_thread) {
    const std::int64_t deadline_ns = rt::monotonic_ns() + kThrottleNs;
    while (tasks_.size() >= kComfortableTasks && drained_.wait_until(mutex_, deadline_ns)) {
    }
  }
  return push(kj::mv(task));
}

bool Mailbox::push(Task&& task) {
  if (closed_) return false;
  tasks_.push_back(kj::mv(task));
  if (!drain_posted_) {
    drain_posted_ = true;
    asio::post(io_, [this] { drain(); });
  }
  return true;
}

void Mailbox::drain() {
  std::vector<Task> tasks;
  {
    rt::MutexLock lock(mutex_);
    drain_posted_ = ending_;
    tasks.swap(tasks_);
    if (tasks.size() >= kComfortableTasks) drained_.notify_all();
  }
  for (Task& task : tasks) contain(log_, "network task", task);
  tasks.clear();
  loop_->pump();
}

void Mailbox::stop_waking() {
  rt::MutexLock lock(mutex_);
  ending_ = drain_posted_ = true;
}

bool Mailbox::close_if_empty() {
  rt::MutexLock lock(mutex_);
  closed_ = tasks_.empty();
  return closed_;
}

void Mailbox::close() {
  std::vector<Task> tasks;
  {
    rt::MutexLock lock(mutex_);
    closed_ = true;
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) contain(log_, "network task", task);
}

NetworkThread::NetworkThread(std::string name, LogSink& log)
    : name_(std::move(name)), log_(log), mailbox_(std::make_shared<Mailbox>(io_, loop_, log)) {}

NetworkThread::~NetworkThread() = default;

void NetworkThread::start() {
  work_.emplace(asio::make_work_guard(io_));
  thread_ = rt::Thread(name_, [this] { run(); });
}

void NetworkThread::stop(Task last) {
  post([this, last = kj::mv(last)]() mutable {
    contain(log_, "closing connections", last);
    deadlines_->close();
    mailbox_->stop_waking();
    work_.reset();  // from here the loop ends when the last handler has run
  });
  thread_.join();
}

void NetworkThread::run() {
  on_network_thread = true;
  QuietKj quiet(log_);
  AsioKjLoop loop(io_);
  loop_ = &loop;
  deadlines_.emplace(io_, loop);
  run_handlers();
  for (int round = 0; !mailbox_->close_if_empty() && round < kMaxLateRounds; ++round) {
    mailbox_->drain();
    io_.restart();
    run_handlers();
  }
  mailbox_->close();
  deadlines_.reset();
}

void NetworkThread::run_handlers() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (...) {
      log_exception(log_, "network thread");
    }
  }
}

}  // namespace ldb::net::rpc
