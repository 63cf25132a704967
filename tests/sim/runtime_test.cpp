// The simulated runtime itself: determinism, variety, deadlocks, limits, clocks.
#include <catch2/catch.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/executor.hpp"
#include "ldb/sim.hpp"

namespace ldb::sim {
namespace {

Options with_seed(std::uint64_t seed) {
  Options options;
  options.seed = seed;
  options.max_steps = 2'000'000;
  return options;
}

/// Three threads append to one log, under a lock; what the log says at the end depends on the interleaving alone.
std::string interleave(World&) {
  rt::Mutex mutex;
  std::string log;
  std::vector<Thread> threads;
  for (char name : {'a', 'b', 'c'})
    threads.emplace_back(std::string(1, name), [&, name] {
      for (int i = 0; i < 6; ++i) {
        rt::MutexLock lock(mutex);
        log += name;
      }
    });
  for (Thread& thread : threads) thread.join();
  return log;
}

/// A queue of one slot. With `correct` off, notify_one may wake the wrong side: a lost wake-up that only some interleavings hit.
void producers_and_consumers(bool correct) {
  rt::Mutex mutex;
  rt::CondVar changed;
  bool full = false;
  std::vector<Thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back("producer", [&] {
      for (int n = 0; n < 5; ++n) {
        rt::MutexLock lock(mutex);
        while (full) changed.wait(mutex);
        full = true;
        correct ? changed.notify_all() : changed.notify_one();
      }
    });
    threads.emplace_back("consumer", [&] {
      for (int n = 0; n < 5; ++n) {
        rt::MutexLock lock(mutex);
        while (!full) changed.wait(mutex);
        full = false;
        correct ? changed.notify_all() : changed.notify_one();
      }
    });
  }
  for (Thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("Equal seeds give equal runs, different seeds different ones") {
  std::set<std::string> logs;
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    std::string first_log;
    std::string second_log;
    const Outcome first = run(with_seed(seed), [&](World& world) { first_log = interleave(world); });
    const Outcome second = run(with_seed(seed), [&](World& world) { second_log = interleave(world); });
    REQUIRE(first.ok());
    CHECK(first.trace_hash == second.trace_hash);
    CHECK(first.steps == second.steps);
    CHECK(first_log == second_log);
    logs.insert(first_log);
    hashes.insert(first.trace_hash);
  }
  CHECK(hashes.size() == 50);
  CHECK(logs.size() > 30);
}

TEST_CASE("A lost update without a lock is found, with a lock there is none") {
  int torn = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    int with_lock = 0;
    rt::Atomic<int> racy{0};
    const Outcome outcome = run(with_seed(seed), [&](World&) {
      rt::Mutex mutex;
      std::vector<Thread> threads;
      for (int t = 0; t < 2; ++t)
        threads.emplace_back("adder", [&] {
          for (int i = 0; i < 20; ++i) {
            racy.store(racy.load() + 1);
            rt::MutexLock lock(mutex);
            const int seen = with_lock;
            rt::yield();
            with_lock = seen + 1;
          }
        });
    });
    REQUIRE(outcome.ok());
    CHECK(with_lock == 40);
    torn += racy.load() != 40 ? 1 : 0;
  }
  CHECK(torn > 20);
}

TEST_CASE("A lost wake-up is found and reported as a deadlock with the names of all threads") {
  int found = 0;
  std::string report;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const Outcome correct = run(with_seed(seed), [](World&) { producers_and_consumers(true); });
    REQUIRE(correct.failure == "");
    const Outcome wrong = run(with_seed(seed), [](World&) { producers_and_consumers(false); });
    if (wrong.ok()) continue;
    ++found;
    report = wrong.failure;
  }
  CHECK(found > 0);
  CHECK(report.starts_with("deadlock"));
  CHECK(report.find("producer: waits for condition variable") != std::string::npos);
  CHECK(report.find("seed ") != std::string::npos);
}

TEST_CASE("Locks taken in opposite orders are found") {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Outcome outcome = run(with_seed(seed), [](World&) {
      rt::Mutex a;
      rt::Mutex b;
      Thread thread("second", [&] {
        rt::MutexLock first(b);
        rt::MutexLock second(a);
      });
      rt::MutexLock first(a);
      rt::MutexLock second(b);
      first.unlock();
      second.unlock();
      thread.join();
      first.lock();
      second.lock();
    });
    if (outcome.ok()) continue;
    ++found;
    CHECK(outcome.failure.find("main: waits for mutex of thread second") != std::string::npos);
    CHECK(outcome.failure.find("second: waits for mutex of thread main") != std::string::npos);
  }
  CHECK(found > 5);
}

TEST_CASE("Misuse of a lock fails the run") {
  CHECK(run(with_seed(1), [](World&) LDB_NO_THREAD_SAFETY_ANALYSIS {
          rt::Mutex mutex;
          mutex.lock();
          mutex.lock();
        }).failure.starts_with("mutex locked twice"));
  CHECK(run(with_seed(1), [](World&) LDB_NO_THREAD_SAFETY_ANALYSIS {
          rt::Mutex mutex;
          mutex.unlock();
        }).failure.starts_with("mutex unlocked by a thread that does not hold it"));
  CHECK(run(with_seed(1), [](World&) LDB_NO_THREAD_SAFETY_ANALYSIS {
          rt::Mutex mutex;
          mutex.lock();
        }).failure.starts_with("mutex destroyed while"));
}

TEST_CASE("Time jumps when everybody sleeps") {
  const Outcome outcome = run(with_seed(3), [](World& world) {
    std::vector<int> order;
    std::vector<Thread> threads;
    for (int seconds : {3, 1, 2})
      threads.emplace_back("sleeper", [&, seconds] {
        rt::sleep_for(seconds * 1000 * rt::kSecond);
        order.push_back(seconds);
      });
    for (Thread& thread : threads) thread.join();
    world.check(order == std::vector<int>{1, 2, 3}, "woken out of order");
    world.check(world.now_ns() >= 3000 * rt::kSecond && world.now_ns() < 3001 * rt::kSecond, "time is off");
  });
  CHECK(outcome.failure == "");
  CHECK(outcome.steps < 100);
}

TEST_CASE("A wait with a deadline ends at the deadline or at a notification") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    const Outcome outcome = run(with_seed(seed), [](World& world) {
      rt::Mutex mutex;
      rt::CondVar condition;
      bool ready = false;
      const std::int64_t deadline = rt::monotonic_ns() + rt::kSecond;
      {
        rt::MutexLock lock(mutex);
        while (condition.wait_until(mutex, deadline)) {
        }
      }
      world.check(world.now_ns() >= deadline, "too early");
      Thread waker("waker", [&] {
        rt::sleep_for(rt::kSecond);
        rt::MutexLock lock(mutex);
        ready = true;
        condition.notify_one();
      });
      rt::MutexLock lock(mutex);
      while (!ready) world.check(condition.wait_until(mutex, deadline + 3600 * rt::kSecond), "missed the notification");
    });
    CHECK(outcome.failure == "");
  }
}

TEST_CASE("Livelock and endless runs end at the limits") {
  Options options = with_seed(1);
  options.max_steps = 10'000;
  CHECK(run(options, [](World&) {
          rt::Atomic<bool> never{false};
          while (!never.load()) {
          }
        }).failure.starts_with("step limit"));
  options.max_virtual_ns = 1000 * rt::kSecond;
  CHECK(run(options, [](World&) {
          for (;;) rt::sleep_for(rt::kSecond);
        }).failure.starts_with("virtual time limit"));
}

TEST_CASE("A thread left running fails the run") {
  auto* leaked = new rt::Thread();
  const Outcome outcome = run(with_seed(1), [&](World&) { *leaked = rt::Thread("leaked", [] { rt::sleep_for(rt::kSecond); }); });
  CHECK(outcome.failure.starts_with("threads were still running"));
  CHECK(outcome.failure.find("leaked") != std::string::npos);
  static rt::Thread* const kept = leaked;  // its thread is gone with the run: never to be destroyed
  CHECK(kept->joinable());
}

TEST_CASE("An exception leaves the run") {
  CHECK_THROWS_AS(run(with_seed(1), [](World&) { throw std::runtime_error("body"); }), std::runtime_error);
  const auto from_thread = [](World&) {
    Thread thread("thrower", [] { throw std::logic_error("thread"); });
    thread.join();
  };
  CHECK_THROWS_AS(run(with_seed(1), from_thread), std::logic_error);
}

TEST_CASE("Exceptions caught in one thread do not disturb another that runs meanwhile") {
  const Outcome outcome = run(with_seed(9), [](World& world) {
    int caught = 0;
    std::vector<Thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back("catcher", [&, t] {
        for (int i = 0; i < 20; ++i) {
          try {
            throw t;
          } catch (int value) {
            rt::yield();
            try {
              throw std::to_string(value);
            } catch (const std::string& text) {
              rt::yield();
              world.check(text == std::to_string(value), "a foreign exception");
            }
            ++caught;
          }
        }
      });
    for (Thread& thread : threads) thread.join();
    world.check(caught == 80 && std::uncaught_exceptions() == 0, "exceptions lost");
  });
  CHECK(outcome.failure == "");
}

TEST_CASE("Random numbers come from the seed") {
  const auto draw = [](std::uint64_t seed) {
    std::vector<std::uint64_t> numbers;
    const Outcome outcome = run(with_seed(seed), [&](World& world) {
      numbers = {rt::random_u64(), world.random(), rt::random_u64()};
    });
    REQUIRE(outcome.ok());
    return numbers;
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
}

TEST_CASE("Readers share a lock and writers exclude everybody") {
  int shared = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    const Outcome outcome = run(with_seed(seed), [](World& world) {
      rt::SharedMutex mutex;
      int readers = 0;
      bool writing = false;
      std::vector<Thread> threads;
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back("reader", [&] {
          for (int i = 0; i < 10; ++i) {
            rt::ReadLock lock(mutex);
            ++readers;
            if (readers > 1) world.count("shared");
            rt::yield();
            world.check(!writing, "read while writing");
            --readers;
          }
        });
        threads.emplace_back("writer", [&] {
          for (int i = 0; i < 10; ++i) {
            rt::WriteLock lock(mutex);
            world.check(!writing && readers == 0, "wrote beside others");
            writing = true;
            rt::yield();
            writing = false;
          }
        });
      }
      for (Thread& thread : threads) thread.join();
    });
    REQUIRE(outcome.failure == "");
    shared += outcome.counter("shared") > 0 ? 1 : 0;
  }
  CHECK(shared > 20);
}

TEST_CASE("Wall clocks of machines differ and jump") {
  const Outcome outcome = run(with_seed(1), [](World& world) {
    const NodeId a{"a"};
    const NodeId b{"b"};
    const auto clock_a = world.wall_clock(a);
    const auto clock_b = world.wall_clock(b);
    world.set_clock_offset_us(b, 5'000'000);
    world.check(clock_b() - clock_a() == 5'000'000, "offset");
    world.check(clock_a() / 1'000'000 == 1'767'225'600, "epoch");
    std::int64_t seen_on_b = 0;
    world.spawn(b, "asker", [&] { seen_on_b = rt::wall_us(); }).join();
    world.check(seen_on_b - clock_a() > 4'900'000, "rt time does not follow the machine");
    world.set_clock_offset_us(b, -1000);
    world.check(clock_b() < clock_a(), "jump back");
    world.check(world.counter("fault.clock_jump") == 2, "jumps are not counted");
  });
  CHECK(outcome.failure == "");
}

TEST_CASE("A paused machine stands still while others go on") {
  const Outcome outcome = run(with_seed(1), [](World& world) {
    const NodeId a{"a"};
    int beats = 0;
    bool stop = false;
    Thread heart = world.spawn(a, "heart", [&] {
      while (!stop) {
        rt::sleep_for(10 * rt::kMillisecond);
        ++beats;
      }
    });
    world.sleep_ns(rt::kSecond);
    const int before = beats;
    world.pause(a, 10 * rt::kSecond);
    world.sleep_ns(9 * rt::kSecond);
    world.check(beats <= before + 1, "it ran while paused");
    world.sleep_ns(2 * rt::kSecond);
    world.check(beats > before + 10, "it did not go on");
    stop = true;
    heart.join();
  });
  CHECK(outcome.failure == "");
}

TEST_CASE("Library code runs in simulation and in plain code of the simulated build") {
  const auto use_pool = [] {
    int sum = 0;
    rt::Mutex mutex;
    {
      const auto pool = new_thread_pool(3);
      for (int i = 0; i < 100; ++i)
        pool->submit(TaskPriority::kLow, [&] {
          rt::MutexLock lock(mutex);
          ++sum;
        });
    }
    return sum;
  };
  CHECK(use_pool() == 100);
  int inside = 0;
  CHECK(run(with_seed(1), [&](World&) { inside = use_pool(); }).ok());
  CHECK(inside == 100);
}

}  // namespace ldb::sim
