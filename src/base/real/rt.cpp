#include "base/rt/rt.hpp"

#include <pthread.h>
#include <sys/random.h>

#include <chrono>
#include <random>
#include <thread>

#include "base/check.hpp"

namespace ldb::rt {

std::int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void sleep_until(std::int64_t monotonic_deadline_ns) {
  std::this_thread::sleep_until(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(monotonic_deadline_ns)));
}

void yield() { std::this_thread::yield(); }

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  if (getrandom(&value, sizeof value, 0) == sizeof value) return value;
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) ^ device();
}

unsigned hardware_threads() { return std::max(1U, std::thread::hardware_concurrency()); }

struct Thread::State {
  std::thread thread;
};

Thread::Thread() noexcept = default;

Thread::Thread(std::string name, std::function<void()> body) : state_(std::make_unique<State>()) {
  name.resize(std::min<std::size_t>(name.size(), 15));
  state_->thread = std::thread([name = std::move(name), body = std::move(body)] {
    pthread_setname_np(pthread_self(), name.c_str());
    body();
  });
}

Thread::Thread(Thread&&) noexcept = default;

Thread& Thread::operator=(Thread&& other) noexcept {
  LDB_CHECK(!joinable());
  state_ = std::move(other.state_);
  return *this;
}

Thread::~Thread() { LDB_CHECK(!joinable()); }

bool Thread::joinable() const { return state_ && state_->thread.joinable(); }

void Thread::join() {
  LDB_CHECK(joinable());
  state_->thread.join();
}

}  // namespace ldb::rt
