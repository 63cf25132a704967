// Background work that happens when a test wants it to.
#pragma once

#include <functional>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/executor.hpp"

namespace ldb::test {

/// Tasks wait until the test runs them. Any thread.
class ManualExecutor final : public Executor {
 public:
  bool submit(TaskPriority, std::function<void()> task) override {
    rt::MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    return true;
  }
  std::size_t waiting() const {
    rt::MutexLock lock(mutex_);
    return tasks_.size();
  }
  /// The `n`-th of those that wait, which wait no longer.
  std::function<void()> take(std::size_t n) {
    rt::MutexLock lock(mutex_);
    std::function<void()> task = std::move(tasks_.at(n));
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(n));
    return task;
  }
  void run(std::size_t n) { take(n)(); }

 private:
  mutable rt::Mutex mutex_;
  std::vector<std::function<void()>> tasks_ LDB_GUARDED_BY(mutex_);
};

}  // namespace ldb::test
