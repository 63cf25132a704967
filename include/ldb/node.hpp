// A database replica inside this process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ldb/clock.hpp"
#include "ldb/conflict_resolver.hpp"
#include "ldb/executor.hpp"
#include "ldb/file_system.hpp"
#include "ldb/key_value.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/partitioner.hpp"
#include "ldb/replicator.hpp"
#include "ldb/session.hpp"
#include "ldb/sql_frontend.hpp"
#include "ldb/storage_engine.hpp"
#include "ldb/transaction.hpp"
#include "ldb/transport.hpp"

namespace ldb {

/// How to open a node. The defaults give a single durable node in `directory`; everything else can be replaced.
/// Objects passed as unique_ptr belong to the node; plain pointers are borrowed and must outlive it.
struct NodeOptions {
  std::string directory = {};   ///< where data lives; empty: in memory, gone when the node closes
  NodeId id{"node"};            ///< unique within the cluster
  std::string cluster = "ldb";  ///< nodes of different clusters refuse each other
  std::string listen = {};      ///< "127.0.0.1:7400" (port 0: chosen); empty: no network, no peers
  std::vector<PeerAddress> peers = {};
  /// What all running SQL statements may hold in memory together (rows being sorted, joined, grouped, returned); 53200 beyond.
  /// One statement is bounded by the session's setting max_statement_memory.
  std::uint64_t sql_memory_bytes = kDefaultSqlMemoryBytes;
  /// What they may put on disk, in `directory`/spill, when rows to be sorted exceed the setting work_mem; 53400 beyond; 0:
  /// nothing.
  std::uint64_t sql_spill_bytes = kDefaultSqlSpillBytes;
  EngineOptions engine = {};  ///< file_system, executor and log_sink are filled in from below when null

  FileSystem* file_system = nullptr;  ///< default: posix
  Executor* executor = nullptr;       ///< background work; default: a pool of the node's own
  LogSink* log_sink = nullptr;        ///< default: silent

  std::unique_ptr<Clock> clock = {};                ///< default: HybridClock
  std::unique_ptr<ConflictResolver> resolver = {};  ///< default: last write wins
  std::unique_ptr<Transport> transport = {};        ///< default: Cap'n Proto RPC
  std::unique_ptr<Partitioner> partitioner = {};    ///< default: full replication
  std::unique_ptr<Replicator> replicator = {};      ///< default: multi-leader with `listen` or `transport`, else standalone
  std::unique_ptr<SqlFrontend> sql = {};            ///< default: PostgreSQL's SQL
  std::unique_ptr<StorageEngine> storage = {};      ///< default: LSM in `directory`, or in memory without one
};

struct ContentHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t rows = 0;  ///< live rows counted in
  std::string to_string() const;
  friend bool operator==(const ContentHash&, const ContentHash&) = default;
};

/// A replica: storage, replication, SQL and placement, composed. All methods from any thread; sessions, transactions and result
/// cursors must be gone before close().
class Node {
 public:
  /// kUnavailable when the directory is in use; kCorruption with file and offset when something durable was damaged.
  static Result<std::unique_ptr<Node>> open(NodeOptions options);
  ~Node();  // closes
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Result<Session> session(const SessionOptions& options = {});
  Result<Transaction> begin(const TransactionOptions& options = {}, const SessionOptions& session = {});
  KeyValue kv();

  /// Shorthand for a session of one statement.
  template <class... Args>
  Result<ResultSet> execute(std::string_view sql, const Args&... args) {
    Result<Session> opened = session();
    if (!opened) return opened.error();
    return opened->execute(sql, args...);
  }

  Status add_peer(const PeerAddress& peer);
  Status remove_peer(const NodeId& peer);
  /// Refuses (or takes again) all messages of a peer, as if the link were cut. For tests and drills.
  Status set_peer_blocked(const NodeId& peer, bool blocked);

  /// Hash of all live rows: equal on replicas that hold the same state.
  Result<ContentHash> content_hash();
  ReplicationStatus replication_status() const;
  /// Members that hold a row, preferred one first.
  std::vector<NodeId> replicas(TableId table, std::string_view key) const;

  const NodeId& id() const;
  std::string address() const;  ///< where peers reach it; empty without network
  StorageEngine& storage();
  RowStore& rows();
  Replicator& replicator();

  /// Stops taking calls, waits for background work, syncs, releases the directory. Idempotent; the destructor calls it.
  Status close();

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace ldb
