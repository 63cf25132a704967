#include <deque>
#include <vector>

#include "base/check.hpp"
#include "base/rt/rt.hpp"
#include "ldb/executor.hpp"

namespace ldb {
namespace {

class ThreadPool final : public Executor {
 public:
  ThreadPool(unsigned threads, std::size_t queue_limit) : queue_limit_(queue_limit) {
    LDB_CHECK(threads > 0);
    threads_.reserve(threads);
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back("pool-" + std::to_string(i), [this] { run(); });
  }

  ~ThreadPool() override {
    {
      rt::MutexLock lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (rt::Thread& thread : threads_) thread.join();
  }

  bool submit(TaskPriority priority, std::function<void()> task) override {
    {
      rt::MutexLock lock(mutex_);
      if (stopping_ || high_.size() + low_.size() >= queue_limit_) return false;
      (priority == TaskPriority::kHigh ? high_ : low_).push_back(std::move(task));
    }
    work_.notify_one();
    return true;
  }

 private:
  void run() {
    rt::MutexLock lock(mutex_);
    for (;;) {
      while (high_.empty() && low_.empty() && !stopping_) work_.wait(mutex_);
      std::deque<std::function<void()>>& queue = high_.empty() ? low_ : high_;
      if (queue.empty()) return;  // stopping, and nothing left
      std::function<void()> task = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // destroy what it captured outside the lock
      lock.lock();
    }
  }

  const std::size_t queue_limit_;
  rt::Mutex mutex_;
  rt::CondVar work_;
  std::deque<std::function<void()>> high_ LDB_GUARDED_BY(mutex_);
  std::deque<std::function<void()>> low_ LDB_GUARDED_BY(mutex_);
  bool stopping_ LDB_GUARDED_BY(mutex_) = false;
  std::vector<rt::Thread> threads_;
};

}  // namespace

std::unique_ptr<Executor> new_thread_pool(unsigned threads, std::size_t queue_limit) {
  return std::make_unique<ThreadPool>(std::max(1U, threads), queue_limit);
}

}  // namespace ldb
