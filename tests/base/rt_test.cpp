#include "base/rt/rt.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace ldb {

TEST_CASE("Threads run, wait for each other and are joined") {
  rt::Mutex mutex;
  rt::CondVar changed;
  int turn = 0;
  std::vector<rt::Thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back("a-name-longer-than-fifteen", [&, t] {
      for (int i = 0; i < 50; ++i) {
        rt::MutexLock lock(mutex);
        while (turn % 4 != t) changed.wait(mutex);
        ++turn;
        changed.notify_all();
      }
    });
  for (rt::Thread& thread : threads) {
    CHECK(thread.joinable());
    thread.join();
    CHECK_FALSE(thread.joinable());
  }
  CHECK(turn == 200);
}

TEST_CASE("A wait ends at its deadline") {
  rt::Mutex mutex;
  rt::CondVar condition;
  const std::int64_t deadline = rt::monotonic_ns() + 2 * rt::kMillisecond;
  rt::MutexLock lock(mutex);
  while (condition.wait_until(mutex, deadline)) {
  }
  CHECK(rt::monotonic_ns() >= deadline);
}

TEST_CASE("Sleeping takes at least the time asked for") {
  const std::int64_t before = rt::monotonic_ns();
  rt::sleep_for(2 * rt::kMillisecond);
  CHECK(rt::monotonic_ns() - before >= 2 * rt::kMillisecond);
}

TEST_CASE("A lock that is held cannot be taken") {
  rt::Mutex mutex;
  rt::SharedMutex shared;
  bool taken = true;
  rt::MutexLock lock(mutex);
  rt::ReadLock read_lock(shared);
  rt::Thread("taker", [&] {
    const auto try_both = [&]() LDB_NO_THREAD_SAFETY_ANALYSIS { return mutex.try_lock() || shared.try_lock(); };
    taken = try_both();
    rt::ReadLock second_reader(shared);
  }).join();
  CHECK_FALSE(taken);
}

TEST_CASE("Atomics add and exchange") {
  rt::Atomic<int> n{1};
  CHECK(n.fetch_add(2) == 1);
  CHECK(n.exchange(7) == 3);
  int expected = 7;
  CHECK(n.compare_exchange_strong(expected, 8));
  CHECK_FALSE(n.compare_exchange_strong(expected, 9));
  CHECK(expected == 8);
  CHECK(n.fetch_sub(1) == 8);
}

TEST_CASE("Random numbers differ and the machine has a processor") {
  CHECK(rt::random_u64() != rt::random_u64());
  CHECK(rt::hardware_threads() >= 1);
}

}  // namespace ldb
