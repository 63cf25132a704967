// Background work: flushes, compactions, request handling. An application may lend its own thread pool.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace ldb {

enum class TaskPriority : std::uint8_t { kHigh, kLow };

/// Runs tasks on threads of its choosing, never on the caller's stack inside submit(). Any thread may call.
class Executor {
 public:
  virtual ~Executor() = default;
  /// False when the task was refused (queue full or stopping); then it will not run. ldb bounds how many tasks it has
  /// outstanding. A task may block on disk; it never waits for a task that has not begun.
  virtual bool submit(TaskPriority priority, std::function<void()> task) = 0;
};

/// A pool of `threads` threads with a bounded queue. Destruction waits for running and queued tasks.
std::unique_ptr<Executor> new_thread_pool(unsigned threads, std::size_t queue_limit = 4096);

}  // namespace ldb
