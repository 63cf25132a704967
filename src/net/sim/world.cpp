#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/hash.hpp"
#include "base/sim/scheduler.hpp"
#include "net/sim/sim_network.hpp"

namespace ldb::sim {

struct Thread::State {
  rt::Thread thread;
};

Thread::Thread() noexcept = default;
Thread::Thread(std::string name, std::function<void()> body) : state_(std::make_unique<State>()) {
  state_->thread = rt::Thread(std::move(name), std::move(body));
}
Thread::Thread(Thread&&) noexcept = default;
Thread& Thread::operator=(Thread&& other) noexcept {
  join();
  state_ = std::move(other.state_);
  return *this;
}
Thread::~Thread() { join(); }
void Thread::join() {
  if (state_) state_->thread.join();
  state_.reset();
}

struct World::State {
  Scheduler& scheduler = Scheduler::current();
  std::shared_ptr<net::SimNetwork> network = std::make_shared<net::SimNetwork>(scheduler.fault_random().next());
  Random random = scheduler.fault_random().fork(3);
  std::map<NodeId, std::unique_ptr<FaultyFileSystem>> disks;
};

World::World() : state_(std::make_unique<State>()) {}
World::~World() = default;

std::int64_t World::now_ns() const { return state_->scheduler.now_ns(); }
void World::sleep_ns(std::int64_t duration_ns) { rt::sleep_for(duration_ns); }
void World::yield() { rt::yield(); }
std::uint64_t World::random() { return state_->random.next(); }
std::uint64_t World::random_below(std::uint64_t n) { return state_->random.below(n); }
bool World::chance(double probability) { return state_->random.chance(probability); }

void World::count(std::string_view counter, std::uint64_t n) { state_->scheduler.count(counter, n); }
std::uint64_t World::counter(std::string_view name) const {
  const auto entry = state_->scheduler.counters().find(name);
  return entry == state_->scheduler.counters().end() ? 0 : entry->second;
}
void World::note(std::string_view what, std::uint64_t value) { state_->scheduler.note(what, value); }
std::uint64_t World::trace_hash() const { return state_->scheduler.trace_hash(); }
void World::fail(std::string why) { state_->scheduler.fail(std::move(why)); }

Thread World::spawn(const NodeId& node, std::string name, std::function<void()> body) {
  Thread thread;
  run_on(node, [&] { thread = Thread(std::move(name), std::move(body)); });
  return thread;
}

void World::run_on(const NodeId& node, const std::function<void()>& body) {
  Fiber& self = state_->scheduler.running();
  Host* const before = std::exchange(self.host, &state_->scheduler.host(node.name));
  body();
  self.host = before;
}

FaultyFileSystem& World::file_system(const NodeId& node) {
  std::unique_ptr<FaultyFileSystem>& disk = state_->disks[node];
  if (!disk) {
    // By name, so that the order in which machines are first named does not matter.
    disk = std::make_unique<FaultyFileSystem>(state_->scheduler.seed() ^ hash64(node.name));
    disk->set_observer([&scheduler = state_->scheduler](std::string_view event) {
      scheduler.count("fault." + std::string(event));
      scheduler.note(event);
    });
  }
  return *disk;
}

std::unique_ptr<Transport> World::new_transport() { return state_->network->new_transport(); }

std::function<std::int64_t()> World::wall_clock(const NodeId& node) {
  return [&scheduler = state_->scheduler, &host = state_->scheduler.host(node.name)] {
    return kEpochUs + scheduler.now_ns() / 1000 + host.wall_offset_us;
  };
}

void World::set_clock_offset_us(const NodeId& node, std::int64_t offset_us) {
  Host& host = state_->scheduler.host(node.name);
  if (host.wall_offset_us == offset_us) return;
  host.wall_offset_us = offset_us;
  count("fault.clock_jump");
  note("clock jump of " + node.name, static_cast<std::uint64_t>(offset_us));
}

std::int64_t World::clock_offset_us(const NodeId& node) const { return state_->scheduler.host(node.name).wall_offset_us; }

void World::pause(const NodeId& node, std::int64_t duration_ns) {
  Host& host = state_->scheduler.host(node.name);
  host.paused_until_ns = std::max(host.paused_until_ns, now_ns() + duration_ns);
  count("fault.machine_pause");
  note("pause of " + node.name, static_cast<std::uint64_t>(duration_ns));
}

void World::set_link_faults(const LinkFaults& faults) { state_->network->set_faults(faults); }
void World::set_link_faults(const NodeId& from, const NodeId& to, std::optional<LinkFaults> faults) {
  state_->network->set_faults(from, to, faults);
}
void World::cut_one_way(const NodeId& from, const NodeId& to) {
  count("fault.link_cut");
  note("cut " + from.name + " to " + to.name);
  state_->network->set_cut(from, to, true);
}
void World::cut(const NodeId& a, const NodeId& b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}
void World::heal(const NodeId& a, const NodeId& b) {
  state_->network->set_cut(a, b, false);
  state_->network->set_cut(b, a, false);
}
void World::heal_all() { state_->network->heal_all(); }
void World::set_slowness(const NodeId& node, double factor) {
  count("fault.slow_peer");
  state_->network->set_slowness(node, factor);
}

void World::crash(const NodeId& node) {
  count("fault.crash");
  note("crash of " + node.name);
  state_->network->crash(node);
  file_system(node).crash();
}
void World::kill(const NodeId& node) {
  count("fault.kill");
  note("kill of " + node.name);
  state_->network->crash(node);
  file_system(node).kill();
}
void World::reboot(const NodeId& node) {
  note("reboot of " + node.name);
  file_system(node).reboot();
}
bool World::crashed(const NodeId& node) const {
  const auto disk = state_->disks.find(node);
  return disk != state_->disks.end() && disk->second->crashed();
}

std::uint64_t Outcome::counter(std::string_view name) const {
  const auto entry = counters.find(name);
  return entry == counters.end() ? 0 : entry->second;
}

std::string Outcome::to_string() const {
  char hash[32];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(trace_hash));
  std::string text = "seed " + std::to_string(seed) + ", trace " + hash + ", " + std::to_string(steps) + " steps, " +
                     std::to_string(virtual_ns / 1'000'000) + " ms of virtual time\n";
  for (const auto& [name, n] : counters) text += "  " + name + " " + std::to_string(n) + "\n";
  return ok() ? text : text + "FAILED: " + failure;
}

Outcome run(Options options, const std::function<void(World&)>& body) {
  SchedulerOptions scheduler_options;
  scheduler_options.seed = options.seed;
  scheduler_options.max_steps = options.max_steps;
  scheduler_options.max_virtual_ns = options.max_virtual_ns;
  scheduler_options.trace = std::move(options.trace);
  Scheduler scheduler(std::move(scheduler_options));
  Outcome outcome;
  outcome.failure = scheduler.run([&body] {
    World world;
    body(world);
  });
  outcome.seed = options.seed;
  outcome.trace_hash = scheduler.trace_hash();
  outcome.steps = scheduler.steps();
  outcome.virtual_ns = scheduler.now_ns();
  outcome.counters = scheduler.counters();
  return outcome;
}

}  // namespace ldb::sim
