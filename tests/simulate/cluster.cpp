#include "cluster.hpp"

namespace simulate {

using namespace ldb;

void Cluster::Log::log(LogLevel level, std::string_view module, std::string_view message) {
  world_.count("log." + std::string(module) + "." + std::string(to_string(level)));
  if (message.find("copying the whole state") != std::string_view::npos) world_.count("event.snapshot_started");
}

Cluster::Cluster(sim::World& world, std::size_t nodes) : world_(world), keeps_history_(world.chance(0.25)), log_(world) {
  for (std::size_t i = 0; i < nodes; ++i) {
    auto member = std::make_unique<Member>();
    member->id = NodeId{"n" + std::to_string(i + 1)};
    FileFaults& disk = member->disk;
    disk.sync_ns = 1'000'000;  // so that crashes meet data that is written and not synced
    disk.slow_sync = 0.02;
    disk.slow_sync_ns = 20'000'000;
    disk.entry_loss = world_.chance(0.5) ? EntryLoss::kAny : EntryLoss::kPrefix;
    world_.file_system(member->id).set_faults(disk);
    members_.push_back(std::move(member));
  }
  for (std::size_t i = 0; i < nodes; ++i) start(i);
}

Cluster::~Cluster() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (running(i)) stop(i, End::kClose);
  }
}

void Cluster::set_bad_disk(std::size_t index, bool bad) {
  FileFaults faults = members_[index]->disk;
  if (bad) {
    faults.no_space = world_.chance(0.5) ? 0.04 : 0;
    faults.io_error_of(FileOperation::kWrite) = world_.chance(0.5) ? 0.02 : 0;
    faults.io_error_of(FileOperation::kSync) = world_.chance(0.5) ? 0.05 : 0;
    faults.io_error_of(FileOperation::kSyncDirectory) = world_.chance(0.5) ? 0.2 : 0;
    faults.io_error_of(FileOperation::kRead) = world_.chance(0.5) ? 0.02 : 0;
    faults.read_bit_flip = world_.chance(0.5) ? 0.02 : 0;
  }
  world_.file_system(members_[index]->id).set_faults(faults);
}

bool Cluster::with_node(std::size_t index, const std::function<void(Node&)>& use) {
  Member& member = *members_[index];
  rt::ReadLock lock(member.in_use);
  if (!member.node) return false;
  use(*member.node);
  return true;
}

bool Cluster::running(std::size_t index) {
  return with_node(index, [](Node&) {});
}

void Cluster::stop(std::size_t index, End how) {
  Member& member = *members_[index];
  if (how == End::kPowerLoss) world_.crash(member.id);
  if (how == End::kKill) world_.kill(member.id);
  rt::WriteLock lock(member.in_use);
  if (!member.node) return;
  const Status closed = member.node->close();
  if (how == End::kClose && !closed) world_.fail("close " + member.id.name + ": " + closed.to_string());
  member.node.reset();
}

void Cluster::start(std::size_t index) {
  Member& member = *members_[index];
  if (world_.crashed(member.id)) world_.reboot(member.id);
  rt::WriteLock lock(member.in_use);
  if (member.node) return;
  world_.run_on(member.id, [&] {
    NodeOptions options;
    options.id = member.id;
    options.cluster = "simulated";
    options.directory = kDirectory;
    options.file_system = &world_.file_system(member.id);
    options.log_sink = &log_;
    options.clock = new_hybrid_clock(500, world_.wall_clock(member.id));
    options.transport = world_.new_transport();
    options.listen = member.id.name;
    for (const auto& other : members_) {
      if (other->id != member.id) options.peers.push_back({other->id, other->id.name});
    }
    // Small, so that flushes, compactions and the end of a log segment happen all the time.
    options.engine.memtable_bytes = 16 << 10;
    options.engine.log_segment_bytes = 16 << 10;
    options.engine.block_cache_bytes = 256 << 10;
    if (!keeps_history_ && world_.chance(0.5))
      options.engine.max_log_bytes = 64 << 10;  // a peer that lags soon needs a whole-state copy
    auto node = Node::open(std::move(options));
    if (!node) world_.fail("open " + member.id.name + ": " + node.error().to_string());
    member.node = std::move(node).value();
  });
}

}  // namespace simulate
