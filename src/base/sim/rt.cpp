#include "base/rt/rt.hpp"

#include <utility>

#include "base/check.hpp"
#include "base/sim/scheduler.hpp"
#include "ldb/file_system.hpp"

namespace ldb::rt {

std::int64_t monotonic_ns() { return sim::Scheduler::current().read_clock(); }
std::int64_t wall_us() { return sim::Scheduler::current().wall_us(); }
void sleep_until(std::int64_t monotonic_deadline_ns) { sim::Scheduler::current().block(nullptr, monotonic_deadline_ns, "sleep"); }
void yield() { sim::Scheduler::current().yield(); }
std::uint64_t random_u64() { return sim::Scheduler::current().random().next(); }
unsigned hardware_threads() { return 1; }

struct Thread::State {
  sim::Fiber* fiber = nullptr;  // owned by the scheduler until joined
};

Thread::Thread() noexcept = default;
Thread::Thread(std::string name, std::function<void()> body) : state_(std::make_unique<State>()) {
  state_->fiber = &sim::Scheduler::current().spawn(std::move(name), std::move(body));
}
Thread::Thread(Thread&&) noexcept = default;
Thread& Thread::operator=(Thread&& other) noexcept {
  LDB_CHECK(!joinable());
  state_ = std::move(other.state_);
  return *this;
}
Thread::~Thread() { LDB_CHECK(!joinable()); }
bool Thread::joinable() const { return state_ && state_->fiber != nullptr; }
void Thread::join() {
  LDB_CHECK(joinable());
  sim::Scheduler::current().join(*std::exchange(state_->fiber, nullptr));
}

}  // namespace ldb::rt
