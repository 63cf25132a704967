// A whole cluster inside one process: for tests, examples and trying things out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ldb/node.hpp"

namespace ldb {

enum class LocalTransport : std::uint8_t {
  kCapnp,      ///< Cap'n Proto RPC over TCP on 127.0.0.1, ports chosen by the system
  kInProcess,  ///< no sockets
};

struct LocalClusterOptions {
  std::size_t nodes = 3;
  std::string directory = {};  ///< each node gets a folder "node1", "node2", ... in it, kept over restarts; empty: in memory
  std::string cluster = "local";
  LocalTransport transport = LocalTransport::kCapnp;
  /// Last word on each node's options (index from 0) every time it is started.
  std::function<void(std::size_t index, NodeOptions& options)> customize = {};
};

/// N nodes linked all to all. Methods from one thread at a time; the nodes themselves from any. Destruction closes all nodes.
class LocalCluster {
 public:
  static Result<std::unique_ptr<LocalCluster>> start(LocalClusterOptions options = {});
  ~LocalCluster();

  std::size_t size() const;
  bool running(std::size_t index) const;
  /// The node (must be running). References end at stop().
  Node& node(std::size_t index);

  /// Closes a node; its directory stays (a node in memory loses everything and starts empty).
  Status stop(std::size_t index);
  /// Ends a node as kill -9 would: from this moment none of its file operations reaches the disk, then it is destroyed. A node
  /// that was given its own file_system by `customize` is only closed.
  Status kill(std::size_t index);
  Status start(std::size_t index);
  /// Adds and starts one more node; returns its index.
  Result<std::size_t> add();

  /// Cuts or heals the link between two nodes, in both directions.
  Status cut(std::size_t a, std::size_t b);
  Status heal(std::size_t a, std::size_t b);
  /// Cuts or heals all links of one node.
  Status isolate(std::size_t index);
  Status rejoin(std::size_t index);

  /// Waits until all running nodes have applied the same commits and hold the same content; kTimeout with the vectors in the
  /// text. Only sensible while nobody writes.
  Status wait_converged(std::int64_t timeout_ms = 30'000);

 private:
  struct State;
  explicit LocalCluster(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ldb
