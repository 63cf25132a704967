#include "base/sim/scheduler.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/check.hpp"
#include "base/hash.hpp"

namespace ldb::sim {

constinit thread_local Scheduler* Scheduler::current_ = nullptr;

Scheduler::Scheduler(SchedulerOptions options)
    : options_(std::move(options)),
      choices_(Random::mix(options_.seed + 1)),
      random_(choices_.fork(1)),
      fault_random_(choices_.fork(2)),
      trace_hash_(options_.seed) {
  draw_habits();
}

Scheduler::~Scheduler() {
  for (auto& [id, fiber] : fibers_) {
    if (fiber->stack.bottom == nullptr) continue;
    if (fiber->state == Fiber::State::kDone) {
      release_stack(fiber->stack);
    } else {
      abandon_stack(fiber->stack);
      static_cast<void>(fiber.release());  // objects on the stack may still point to it
    }
  }
}

Scheduler& Scheduler::ambient() {
  auto* scheduler = new Scheduler(SchedulerOptions{});  // never freed: locks in static objects may use it until the very end
  scheduler->is_ambient_ = true;
  auto main = std::make_unique<Fiber>();
  main->name = "main";
  main->id = scheduler->next_fiber_id_++;
  main->state = Fiber::State::kRunning;
  scheduler->running_ = main.get();
  scheduler->fibers_.emplace(main->id, std::move(main));
  current_ = scheduler;
  return *scheduler;
}

void Scheduler::draw_habits() {
  const auto pick = [&](auto values) { return values[choices_.below(values.size())]; };
  sync_interval_ = pick(std::array<std::uint64_t, 5>{1, 3, 10, 40, 200});
  atomic_interval_ = pick(std::array<std::uint64_t, 4>{5, 30, 200, 2000});
  spurious_interval_ = pick(std::array<std::uint64_t, 3>{10, 100, 1000});
  slow_one_in_ = pick(std::array<std::uint64_t, 3>{0, 4, 12});
  step_ns_ = pick(std::array<std::int64_t, 3>{200, 1000, 5000});
  sync_countdown_ = 1 + choices_.below(2 * sync_interval_);
  atomic_countdown_ = 1 + choices_.below(2 * atomic_interval_);
}

std::string Scheduler::run(std::function<void()> body) {
  LDB_CHECK(current_ == nullptr || current_->is_ambient_);  // simulations do not nest
  LDB_CHECK(next_fiber_id_ == 0);                           // run() once
  Scheduler* const outer = current_;
  current_ = this;
  spawn("main", std::move(body));
  running_ = &choose();
  running_->state = Fiber::State::kRunning;
  Context::switch_to(native_, running_->context, false);
  current_ = outer;
  if (exception_) std::rethrow_exception(exception_);
  return failure_;
}

void Scheduler::fiber_main() {
  Scheduler& self = *current_;
  Fiber& fiber = *self.running_;
  fiber.context.entered();
  fiber.started = true;
  try {
    fiber.body();
  } catch (...) {
    if (self.is_ambient_) throw;  // as in an ordinary thread: terminate
    self.exception_ = std::current_exception();
  }
  if (self.exception_) self.leave_to_native(false);
  fiber.body = nullptr;  // destroys what it captured, which may block
  fiber.state = Fiber::State::kDone;
  while (Fiber* joiner = fiber.joiners.first()) self.wake(*joiner);
  if (fiber.id == 0) {
    const bool others = std::any_of(self.fibers_.begin(), self.fibers_.end(),
                                    [](const auto& entry) { return entry.second->state != Fiber::State::kDone; });
    if (others) self.fail("threads were still running when the simulation's body returned");
    self.leave_to_native(false);
  }
  self.switch_from_running(true);
  LDB_CHECK(false);  // nobody continues a fiber that has ended
}

void Scheduler::leave_to_native(bool abandon_frames) {
  Context::switch_to(running_->context, native_, !abandon_frames);
  std::abort();
}

void Scheduler::fail(std::string why) {
  // Takes the caller's string over: nothing must be left to free on the frames abandoned below.
  std::string report = std::move(why);
  report += "\n  seed " + std::to_string(options_.seed) + ", step " + std::to_string(steps_) + ", virtual time " +
            std::to_string(now_ns_ / 1'000'000) + " ms, in thread " + running_->name + "\n" + describe_fibers();
  if (is_ambient_) {
    std::fprintf(stderr, "ldb: simulated runtime: %s\n", report.c_str());
    std::abort();
  }
  failed_ = true;
  failure_ = std::move(report);
  leave_to_native(true);
}

void Scheduler::preempt_at_sync() {
  sync_countdown_ = 1 + choices_.below(2 * sync_interval_);
  yield();
}

void Scheduler::preempt_at_atomic() {
  atomic_countdown_ = 1 + choices_.below(2 * atomic_interval_);
  yield();
}

bool Scheduler::spurious_wakeup() { return !is_ambient_ && choices_.one_in(spurious_interval_); }

void Scheduler::yield() {
  make_ready(*running_);
  switch_from_running(false);
}

bool Scheduler::block(WaitList* list, std::int64_t deadline_ns, const char* waiting_for, const Fiber* held_by) {
  Fiber& self = *running_;
  self.state = Fiber::State::kBlocked;
  self.waiting_for = waiting_for;
  self.held_by = held_by;
  self.timed_out = false;
  if (list != nullptr) list->push(self);
  if (deadline_ns != kNever) {
    self.deadline_ns = deadline_ns;
    heap_push(self);
  }
  switch_from_running(false);
  return !self.timed_out;
}

void Scheduler::wake(Fiber& fiber) {
  if (fiber.waiting_in != nullptr) fiber.waiting_in->remove(fiber);
  if (fiber.heap_index != 0) heap_remove(fiber);
  make_ready(fiber);
}

void Scheduler::wake_any(WaitList& list) {
  if (list.empty()) return;
  wake(*list.at(list.size() == 1 ? 0 : choices_.below(list.size())));
}

void Scheduler::make_ready(Fiber& fiber) {
  fiber.state = Fiber::State::kReady;
  ready_.push_back(&fiber);
}

Fiber& Scheduler::spawn(std::string name, std::function<void()> body) {
  auto owned = std::make_unique<Fiber>();
  Fiber& fiber = *owned;
  fiber.id = next_fiber_id_++;
  fiber.name = std::move(name);
  fiber.host = running_ != nullptr ? running_->host : nullptr;
  fiber.body = std::move(body);
  fiber.stack = acquire_stack();
  fiber.context.prepare(fiber.stack, &Scheduler::fiber_main);
  fiber.slow = slow_one_in_ != 0 && choices_.one_in(slow_one_in_);
  fibers_.emplace(fiber.id, std::move(owned));
  make_ready(fiber);
  if (running_ != nullptr) sync_point();
  return fiber;
}

void Scheduler::join(Fiber& fiber) {
  while (fiber.state != Fiber::State::kDone) block(&fiber.joiners, kNever, "end of thread", &fiber);
  release_stack(fiber.stack);
  fibers_.erase(fiber.id);
}

/// Leaves the running fiber, which is in ready_, blocked or done, for the one chosen next.
void Scheduler::switch_from_running(bool ends) {
  Fiber& from = *running_;
  Fiber& to = choose();
  to.state = Fiber::State::kRunning;
  if (&to == &from) return;
  running_ = &to;
  Context::switch_to(from.context, to.context, ends);
  while (inspector_ != nullptr) answer_inspection();
}

Fiber& Scheduler::choose() {
  for (;;) {
    now_ns_ += step_ns_;
    if (++steps_ > options_.max_steps) fail("step limit reached: livelock, or the limit is too low");
    if (now_ns_ > options_.max_virtual_ns) fail("virtual time limit reached");
    wake_expired();
    if (ready_.empty()) {
      if (heap_.empty()) fail("deadlock: every thread waits, and no wait has a deadline");
      now_ns_ = std::max(now_ns_, heap_.front()->deadline_ns);
      continue;
    }
    Fiber& fiber = take_ready();
    if (fiber.host != nullptr && fiber.host->paused_until_ns > now_ns_) {
      fiber.paused = true;
      fiber.state = Fiber::State::kBlocked;
      fiber.waiting_for = "its paused host";
      fiber.deadline_ns = fiber.host->paused_until_ns;
      heap_push(fiber);
      continue;
    }
    mix(fiber.id);
    if (options_.trace) options_.trace("t=" + std::to_string(now_ns_) + " run " + std::to_string(fiber.id) + " " + fiber.name);
    return fiber;
  }
}

Fiber& Scheduler::take_ready() {
  std::size_t index = ready_.size() == 1 ? 0 : choices_.below(ready_.size());
  if (ready_[index]->slow && ready_.size() > 1 && !choices_.one_in(8)) index = choices_.below(ready_.size());
  Fiber& fiber = *ready_[index];
  ready_[index] = ready_.back();
  ready_.pop_back();
  return fiber;
}

void Scheduler::wake_expired() {
  while (!heap_.empty() && heap_.front()->deadline_ns <= now_ns_) {
    Fiber& fiber = *heap_.front();
    if (!fiber.paused) fiber.timed_out = true;
    fiber.paused = false;
    wake(fiber);
  }
}

void Scheduler::heap_push(Fiber& fiber) {
  heap_.push_back(nullptr);
  heap_place(heap_.size() - 1, fiber);
  heap_sift(heap_.size() - 1);
}

void Scheduler::heap_remove(Fiber& fiber) {
  const std::size_t index = fiber.heap_index - 1;
  fiber.heap_index = 0;
  fiber.deadline_ns = kNever;
  Fiber& last = *heap_.back();
  heap_.pop_back();
  if (&last == &fiber) return;
  heap_place(index, last);
  heap_sift(index);
}

void Scheduler::heap_place(std::size_t index, Fiber& fiber) {
  heap_[index] = &fiber;
  fiber.heap_index = index + 1;
}

void Scheduler::heap_sift(std::size_t index) {
  const auto before = [](const Fiber& a, const Fiber& b) {
    return a.deadline_ns != b.deadline_ns ? a.deadline_ns < b.deadline_ns : a.id < b.id;
  };
  Fiber& fiber = *heap_[index];
  while (index > 0 && before(fiber, *heap_[(index - 1) / 2])) {
    heap_place(index, *heap_[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], fiber)) break;
    heap_place(index, *heap_[child]);
    index = child;
  }
  heap_place(index, fiber);
}

std::int64_t Scheduler::wall_us() const {
  const Host* const host = running_ != nullptr ? running_->host : nullptr;
  return kEpochUs + now_ns_ / 1000 + (host != nullptr ? host->wall_offset_us : 0);
}

Host& Scheduler::host(const std::string& name) {
  std::unique_ptr<Host>& host = hosts_[name];
  if (!host) host = std::make_unique<Host>(Host{name});
  return *host;
}

void Scheduler::count(std::string_view event, std::uint64_t n) {
  const auto counter = counters_.find(event);
  if (counter != counters_.end()) {
    counter->second += n;
  } else {
    counters_.emplace(event, n);
  }
}

void Scheduler::note(std::string_view what, std::uint64_t a, std::uint64_t b) {
  mix(hash64(what));
  mix(a);
  mix(b);
  mix(static_cast<std::uint64_t>(now_ns_));
  if (options_.trace)
    options_.trace("t=" + std::to_string(now_ns_) + " note " + std::string(what) + " " + std::to_string(a) + " " +
                   std::to_string(b));
}

}  // namespace ldb::sim
