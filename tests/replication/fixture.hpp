// Replicators over the memory engine and a TestNetwork, with raw row writes.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ldb/clock.hpp"
#include "ldb/conflict_resolver.hpp"
#include "ldb/replicator.hpp"
#include "ldb/storage_engine.hpp"
#include "replication/replicator_options.hpp"
#include "test_network.hpp"

namespace ldb::test {

inline constexpr TableId kTable{1000};

/// Short polls and pauses, so that tests are quick.
replication::ReplicatorOptions quick();

/// Waits until `condition` holds, at most 20 s.
bool eventually(const std::function<bool()>& condition);

/// One node. Its "directory" is the engine object, which survives restarts of the replicator.
class TestNode {
 public:
  TestNode(TestNetwork& network, std::string name, replication::ReplicatorOptions options = quick());
  ~TestNode();

  const std::string& name() const { return name_; }
  StorageEngine& engine() { return *engine_; }
  Replicator& replicator() { return *replicator_; }
  /// Milliseconds that this node's clock is ahead.
  void set_clock_skew(std::int64_t ms) { skew_ms_->store(ms); }
  void set_clock(std::function<std::unique_ptr<Clock>()> make) { make_clock_ = std::move(make); }

  /// For starts from now on.
  void set_indexer(RowIndexer* indexer) { indexer_ = indexer; }
  Status start();
  void stop();
  bool running() const { return replicator_ != nullptr; }
  /// A new, empty directory (while stopped), or another one.
  void lose_directory(std::unique_ptr<StorageEngine> other = nullptr);
  /// What a backup taken now holds.
  std::unique_ptr<StorageEngine> backup();
  Status add_peer(const std::string& other) { return add_peer(other, other); }
  Status add_peer(const std::string& other, const std::string& address);

  /// Inserts or updates the row, from the newest state. Column 1 unless given.
  Status put(const std::string& key, const std::string& value, std::uint32_t column = 1, SyncPolicy sync = SyncPolicy::kSync);
  Status erase(const std::string& key);
  std::optional<std::string> get(const std::string& key, std::uint32_t column = 1);
  /// All live rows, as text.
  std::map<std::string, std::string> rows();
  /// Row images, dead ones included.
  std::size_t images();
  VersionVector applied();
  /// Waits until this node's clock is past every commit that `other` has: a write made here from then on is the later one of two
  /// concurrent ones. (Within one millisecond the stamps of two nodes that do not hear each other may come in any order.)
  bool clock_passes(TestNode& other);
  ReplicationStatus status() { return replicator_->status(); }

 private:
  Result<CommitRequest> request_for(const std::string& key, std::optional<WriteId>& birth);

  TestNetwork& network_;
  const std::string name_;
  const replication::ReplicatorOptions options_;
  std::shared_ptr<std::atomic<std::int64_t>> skew_ms_ = std::make_shared<std::atomic<std::int64_t>>(0);
  std::function<std::unique_ptr<Clock>()> make_clock_;
  std::unique_ptr<StorageEngine> engine_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<ConflictResolver> resolver_ = new_last_write_wins_resolver();
  std::unique_ptr<Transport> transport_;
  RowIndexer* indexer_ = nullptr;
  std::unique_ptr<Replicator> replicator_;
};

/// Puts `prefix`0, `prefix`1, ... with values of `size` bytes.
void fill(TestNode& node, const std::string& prefix, int count, std::size_t size = 1);

/// Have all running nodes applied the same commits, and hold the same rows?
bool converged(const std::vector<TestNode*>& nodes);

/// Nodes "a", "b", ... all linked with all, started.
struct TestCluster {
  explicit TestCluster(std::size_t size, replication::ReplicatorOptions options = quick());
  TestNode& operator[](std::size_t i) { return *nodes[i]; }
  std::vector<TestNode*> all();
  bool converges();
  /// Stops and starts a node, which keeps its peers.
  void restart(std::size_t i);
  void start(std::size_t i);

  TestNetwork network;
  std::vector<std::unique_ptr<TestNode>> nodes;
};

}  // namespace ldb::test
