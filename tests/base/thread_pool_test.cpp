#include <catch2/catch.hpp>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/executor.hpp"

namespace ldb {
namespace {

/// Blocks its callers until opened.
class Gate {
 public:
  void open() {
    rt::MutexLock lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void wait() {
    rt::MutexLock lock(mutex_);
    ++waiting_;
    opened_.notify_all();
    while (!open_) opened_.wait(mutex_);
  }
  void await_waiter() {
    rt::MutexLock lock(mutex_);
    while (waiting_ == 0) opened_.wait(mutex_);
  }

 private:
  rt::Mutex mutex_;
  rt::CondVar opened_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace

TEST_CASE("A pool runs every accepted task before it is gone") {
  rt::Atomic<int> ran{0};
  {
    const auto pool = new_thread_pool(3);
    for (int i = 0; i < 1000; ++i) REQUIRE(pool->submit(TaskPriority::kLow, [&] { ran.fetch_add(1); }));
  }
  CHECK(ran.load() == 1000);
}

TEST_CASE("A pool refuses tasks beyond its queue and prefers urgent ones") {
  Gate gate;
  std::vector<int> order;
  {
    const auto pool = new_thread_pool(1, 3);
    REQUIRE(pool->submit(TaskPriority::kLow, [&] { gate.wait(); }));
    gate.await_waiter();
    CHECK(pool->submit(TaskPriority::kLow, [&] { order.push_back(1); }));
    CHECK(pool->submit(TaskPriority::kLow, [&] { order.push_back(2); }));
    CHECK(pool->submit(TaskPriority::kHigh, [&] { order.push_back(3); }));
    CHECK_FALSE(pool->submit(TaskPriority::kHigh, [&] { order.push_back(4); }));
    gate.open();
  }
  CHECK(order == std::vector<int>{3, 1, 2});
}

}  // namespace ldb
