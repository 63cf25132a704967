// A host application replaces each interface by its own; what ldb does must pass through it.
#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "ldb/ldb.hpp"

using namespace ldb;

namespace {

class CountingClock final : public Clock {
 public:
  explicit CountingClock(std::atomic<int>& calls) : calls_(calls) {}
  Stamp next() override { return ++calls_, Stamp{++last_}; }
  Status observe(Stamp stamp) override { return restore(stamp), Status(); }
  bool acceptable(Stamp) const override { return true; }
  void restore(Stamp stamp) override {
    for (std::uint64_t seen = last_; stamp.value > seen && !last_.compare_exchange_weak(seen, stamp.value);) {
    }
  }
  std::int64_t wall_us() const override { return 1'700'000'000'000'000; }
  std::string_view name() const override { return "counting"; }

 private:
  std::atomic<int>& calls_;
  std::atomic<std::uint64_t> last_{0};
};

/// Ties go to the lower origin: the opposite of the default.
class LowerOriginWins final : public ConflictResolver {
 public:
  explicit LowerOriginWins(std::atomic<int>& calls) : calls_(calls) {}
  std::strong_ordering compare_ties(const Contender& a, const Contender& b) const override {
    return ++calls_, b.id.origin <=> a.id.origin;
  }
  std::string_view name() const override { return "lower origin"; }

 private:
  std::atomic<int>& calls_;
};

class CountingExecutor final : public Executor {
 public:
  ~CountingExecutor() override {
    for (std::thread& thread : threads_) thread.join();
  }
  bool submit(TaskPriority, std::function<void()> task) override {
    ++tasks;
    const std::lock_guard<std::mutex> lock(mutex_);
    threads_.emplace_back(std::move(task));
    return true;
  }
  std::atomic<int> tasks{0};

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

class CollectingSink final : public LogSink {
 public:
  void log(LogLevel, std::string_view, std::string_view) override { ++lines; }
  std::atomic<int> lines{0};
};

/// Passes everything on to a memory engine and counts.
class CountingEngine final : public StorageEngine {
 public:
  explicit CountingEngine(std::atomic<int>& writes) : writes_(writes), base_(new_memory_engine()) {}
  Result<std::unique_ptr<PendingWrite>> submit(WriteBatch batch, SyncPolicy sync) override {
    ++writes_;
    return base_->submit(std::move(batch), sync);
  }
  Result<std::uint64_t> wait(std::unique_ptr<PendingWrite> write) override { return base_->wait(std::move(write)); }
  std::unique_ptr<ReadView> view() override { return base_->view(); }
  Result<std::optional<std::string>> get(const ReadView* view, std::string_view key) override { return base_->get(view, key); }
  Result<std::uint64_t> newest_sequence(std::string_view key) override { return base_->newest_sequence(key); }
  Result<std::unique_ptr<Iterator>> iterate(const ReadView* view, KeyRange range) override {
    return base_->iterate(view, std::move(range));
  }
  Status sync() override { return base_->sync(); }
  LogPosition log_end() const override { return base_->log_end(); }
  LogPosition log_begin() const override { return base_->log_begin(); }
  Result<std::unique_ptr<ChangeReader>> changes(LogPosition from) override { return base_->changes(from); }
  void release_log(LogPosition position) override { base_->release_log(position); }
  void set_log_listener(std::function<void()> listener) override { base_->set_log_listener(std::move(listener)); }
  void set_collection_policy(const CollectionPolicy* policy) override { base_->set_collection_policy(policy); }
  Status flush() override { return base_->flush(); }
  Status compact(const KeyRange& range) override { return base_->compact(range); }
  std::uint64_t approximate_size(const KeyRange& range) override { return base_->approximate_size(range); }
  std::size_t memory_usage() const override { return base_->memory_usage(); }
  std::vector<EngineProperty> properties() override { return base_->properties(); }
  std::string_view name() const override { return "counting"; }
  Status close() override { return base_->close(); }

 private:
  std::atomic<int>& writes_;
  std::unique_ptr<StorageEngine> base_;
};

class CountingTransport final : public Transport {
 public:
  CountingTransport(std::unique_ptr<Transport> base, std::atomic<int>& calls) : base_(std::move(base)), calls_(calls) {}
  Status start(const NodeId& self, const std::string& listen, RequestHandler& handler) override {
    return base_->start(self, listen, handler);
  }
  std::string address() const override { return base_->address(); }
  void call(const PeerAddress& peer, Request request, std::int64_t timeout_ms,
            std::function<void(Result<std::string>)> done) override {
    ++calls_;
    base_->call(peer, std::move(request), timeout_ms, std::move(done));
  }
  void stop() override { base_->stop(); }

 private:
  std::unique_ptr<Transport> base_;
  std::atomic<int>& calls_;
};

Result<std::unique_ptr<Node>> open_with(const std::function<void(NodeOptions&)>& change) {
  NodeOptions options;
  change(options);
  return Node::open(std::move(options));
}

}  // namespace

TEST_CASE("A node runs on the application's clock") {
  std::atomic<int> calls{0};
  const auto node = open_with([&](NodeOptions& options) { options.clock = std::make_unique<CountingClock>(calls); }).value();
  REQUIRE(node->kv().put("k", "v").is_ok());
  REQUIRE(node->kv().put("k", "w").is_ok());
  CHECK(calls >= 2);
  CHECK(node->kv().get("k").value() == "w");
}

TEST_CASE("A node runs on the application's storage engine") {
  std::atomic<int> writes{0};
  const auto node = open_with([&](NodeOptions& options) { options.storage = std::make_unique<CountingEngine>(writes); }).value();
  REQUIRE(node->execute("CREATE TABLE t (id INT PRIMARY KEY)").has_value());
  const int before = writes;
  REQUIRE(node->execute("INSERT INTO t VALUES (1)").has_value());
  CHECK(writes > before);
  CHECK(node->execute("SELECT count(*) FROM t").value()[0].get<int>(0) == 1);
}

TEST_CASE("A cluster runs on the application's resolver, transport, executor and log sink") {
  std::atomic<int> ties{0};
  std::atomic<int> calls{0};
  std::vector<CountingExecutor> executors(2);
  CollectingSink sink;
  const auto files = new_memory_file_system();
  {
    LocalClusterOptions options;
    options.nodes = 2;
    options.transport = LocalTransport::kInProcess;
    options.customize = [&](std::size_t index, NodeOptions& node) {
      node.clock = new_lamport_clock();  // equal stamps are the rule, so the resolver is asked
      node.resolver = std::make_unique<LowerOriginWins>(ties);
      node.transport = std::make_unique<CountingTransport>(std::move(node.transport), calls);
      node.executor = &executors[index];
      node.directory = "node" + std::to_string(index);
      node.file_system = files.get();
      node.log_sink = &sink;
    };
    const auto cluster = LocalCluster::start(std::move(options)).value();
    REQUIRE(cluster->node(0).kv().put("k", "start").is_ok());
    REQUIRE(cluster->wait_converged().is_ok());
    REQUIRE(cluster->cut(0, 1).is_ok());
    REQUIRE(cluster->node(0).kv().put("k", "zero").is_ok());
    REQUIRE(cluster->node(1).kv().put("k", "one").is_ok());
    REQUIRE(cluster->heal(0, 1).is_ok());
    REQUIRE(cluster->wait_converged().is_ok());
    const bool zero_is_lower = cluster->node(0).replication_status().origin < cluster->node(1).replication_status().origin;
    CHECK(cluster->node(0).kv().get("k").value() == (zero_is_lower ? "zero" : "one"));
    CHECK(cluster->node(1).kv().get("k").value() == (zero_is_lower ? "zero" : "one"));
    REQUIRE(cluster->node(1).storage().flush().is_ok());  // background work
  }
  CHECK(ties > 0);
  CHECK(calls > 0);
  CHECK(executors[1].tasks > 0);
  CHECK(sink.lines > 0);
}

TEST_CASE("A node speaks another language through the SQL front end's seam") {
  const auto node = open_with([](NodeOptions& options) { options.sql = new_key_value_frontend(); }).value();
  REQUIRE(node->execute("PUT city Lisboa").has_value());
  CHECK(node->execute("GET city").value()[0].get<Bytes>(0).data == "Lisboa");
  CHECK(node->kv().get("city").value() == "Lisboa");
  CHECK_FALSE(node->execute("SELECT 1").has_value());
}

TEST_CASE("Placement is the partitioner's, and one that leaves rows out is refused for now") {
  const auto node = open_with([](NodeOptions& options) { options.partitioner = new_hash_ring_partitioner(); }).value();
  CHECK(node->replicas(TableId{5}, "key") == std::vector<NodeId>{NodeId{"node"}});
  InProcessNetwork network;
  const auto refused = open_with([&](NodeOptions& options) {
    options.partitioner = new_hash_ring_partitioner(1);
    options.transport = network.new_transport();
    options.peers = {{NodeId{"a"}, "a"}, {NodeId{"b"}, "b"}};
  });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == StatusCode::kUnsupported);
}
