// The composition: the only file that names concrete classes of every module.
#include "ldb/node.hpp"

#include "base/rt/rt.hpp"
#include "replication/content_hash.hpp"
#include "txn/row_store.hpp"

namespace ldb {

/// Declared in the order of construction; close() ends them in reverse.
struct Node::Parts {
  NodeOptions options;
  std::unique_ptr<Executor> own_executor;
  std::unique_ptr<FileSystem> own_file_system;
  FileSystem* file_system = nullptr;
  Executor* executor = nullptr;
  LogSink* log_sink = nullptr;
  std::unique_ptr<StorageEngine> engine;
  std::unique_ptr<Clock> clock;
  std::unique_ptr<ConflictResolver> resolver;
  std::unique_ptr<Partitioner> partitioner;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Replicator> replicator;
  std::unique_ptr<RowStore> rows;
  std::unique_ptr<SqlFrontend> sql;
  bool replicator_started = false;
  bool sql_started = false;
  rt::Mutex mutex;
  std::vector<NodeId> members LDB_GUARDED_BY(mutex);
  bool closed LDB_GUARDED_BY(mutex) = false;

  Status open_environment();
  Status open_engine();
  Status open_replication();
  Status open_sql();
  Status connect();
  Status close();
  Status set_member(const NodeId& member, bool present);
};

Status Node::Parts::open_environment() {
  log_sink = options.log_sink != nullptr ? options.log_sink : &null_log_sink();
  file_system = options.file_system;
  if (file_system == nullptr) {
#if defined(LDB_SIM)
    own_file_system = new_memory_file_system();
    file_system = own_file_system.get();
#else
    file_system = &posix_file_system();
#endif
  }
  executor = options.executor;
  if (executor == nullptr) {
    own_executor = new_thread_pool(std::max(1U, options.engine.background_threads));
    executor = own_executor.get();
  }
  clock = options.clock ? std::move(options.clock) : new_hybrid_clock();
  resolver = options.resolver ? std::move(options.resolver) : new_last_write_wins_resolver();
  partitioner = options.partitioner ? std::move(options.partitioner) : new_full_replication_partitioner();
  return {};
}

Status Node::Parts::open_engine() {
  if (options.storage) {
    engine = std::move(options.storage);
    return {};
  }
  if (options.directory.empty()) {
    engine = new_memory_engine();
    return {};
  }
  EngineOptions engine_options = options.engine;
  if (engine_options.file_system == nullptr) engine_options.file_system = file_system;
  if (engine_options.executor == nullptr) engine_options.executor = executor;
  if (engine_options.log_sink == nullptr) engine_options.log_sink = log_sink;
  LDB_ASSIGN_OR_RETURN(engine, open_lsm_engine(options.directory, engine_options));
  return {};
}

Status Node::Parts::open_replication() {
  transport = std::move(options.transport);
  if (!transport && !options.listen.empty()) {
#if defined(LDB_SIM)
    return Status(StatusCode::kInvalidArgument, "a simulated node needs options.transport");
#else
    transport = new_capnp_transport(options.cluster);
#endif
  }
  replicator = std::move(options.replicator);
  if (!replicator) replicator = transport ? new_multi_leader_replicator() : new_standalone_replicator();
  ReplicatorServices services;
  services.engine = engine.get();
  services.clock = clock.get();
  services.resolver = resolver.get();
  services.transport = transport.get();
  services.log_sink = log_sink;
  services.self = options.id;
  services.cluster = options.cluster;
  LDB_TRY(replicator->start(services));
  replicator_started = true;
  rows = txn::new_row_store(*engine, *replicator);
  return {};
}

Status Node::Parts::open_sql() {
  sql = options.sql ? std::move(options.sql) : new_sql_frontend();
  SqlServices services;
  services.rows = rows.get();
  services.replicator = replicator.get();
  services.clock = clock.get();
  services.log_sink = log_sink;
  services.self = options.id;
  services.memory_bytes = options.sql_memory_bytes;
  services.spill_bytes = options.sql_spill_bytes;
  if (!options.directory.empty()) {
    services.file_system = file_system;
    services.spill_directory = options.directory + "/spill";
  }
  rows->set_indexer(sql->indexer());
  replicator->set_indexer(sql->indexer());
  LDB_TRY(sql->start(services));
  sql_started = true;
  return {};
}

/// Last, so that no peer is heard before everything can handle what it sends.
Status Node::Parts::connect() {
  LDB_TRY(set_member(options.id, true));
  if (!transport) {
    if (!options.peers.empty()) return Status(StatusCode::kInvalidArgument, "peers need options.listen or options.transport");
    return {};
  }
  LDB_TRY(transport->start(options.id, options.listen.empty() ? options.id.name : options.listen, *replicator));
  for (const PeerAddress& peer : options.peers) {
    LDB_TRY(replicator->add_peer(peer));
    LDB_TRY(set_member(peer.node, true));
  }
  return {};
}

/// Every member holds everything for now, so a partitioner that would leave rows out somewhere is refused.
Status Node::Parts::set_member(const NodeId& member, bool present) {
  rt::MutexLock lock(mutex);
  std::erase(members, member);
  if (present) members.push_back(member);
  partitioner->set_members(members);
  if (partitioner->replication_factor() < members.size()) {
    return Status(StatusCode::kUnsupported,
                  "partitioner " + std::string(partitioner->name()) +
                      " leaves rows out on some members; every member holds everything in this version");
  }
  return {};
}

Status Node::Parts::close() {
  {
    rt::MutexLock lock(mutex);
    if (closed) return {};
    closed = true;
  }
  if (transport) transport->stop();
  // Commits of peers that are still being applied need the indexer, which goes with SQL.
  if (replicator_started) replicator->stop();
  if (sql_started) sql->stop();
  if (rows) rows->set_indexer(nullptr);
  if (replicator) replicator->set_indexer(nullptr);
  Status status;
  if (engine) status = engine->close();
  sql.reset();
  rows.reset();
  replicator.reset();
  transport.reset();
  engine.reset();
  own_executor.reset();
  return status;
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Node::~Node() {
  [[maybe_unused]] const Status status = close();  // call close() yourself to learn of a failure
}

Result<std::unique_ptr<Node>> Node::open(NodeOptions options) {
  auto parts = std::make_unique<Parts>();
  parts->options = std::move(options);
  const auto open_all = [&]() -> Status {
    LDB_TRY(parts->open_environment());
    LDB_TRY(parts->open_engine());
    LDB_TRY(parts->open_replication());
    LDB_TRY(parts->open_sql());
    return parts->connect();
  };
  if (Status status = open_all(); !status) {
    [[maybe_unused]] const Status ignored = parts->close();  // the reason for not opening is what the caller needs
    return status.with_context("open node " + parts->options.id.name);
  }
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

Result<Session> Node::session(const SessionOptions& options) {
  LDB_ASSIGN_OR_RETURN(std::unique_ptr<SqlSession> session, parts_->sql->open_session(options));
  return Session(std::move(session));
}

Result<Transaction> Node::begin(const TransactionOptions& options, const SessionOptions& session_options) {
  LDB_ASSIGN_OR_RETURN(std::unique_ptr<SqlSession> session, parts_->sql->open_session(session_options));
  LDB_ASSIGN_OR_RETURN(std::unique_ptr<RowTransaction> rows, parts_->rows->begin(options));
  return Transaction(std::move(rows), std::move(session), *parts_->replicator);
}

KeyValue Node::kv() { return KeyValue(*parts_->rows); }

Status Node::add_peer(const PeerAddress& peer) {
  if (!parts_->transport)
    return Status(StatusCode::kInvalidArgument, "this node was opened without a network (NodeOptions::listen)");
  LDB_TRY(parts_->set_member(peer.node, true));
  return parts_->replicator->add_peer(peer);
}

Status Node::remove_peer(const NodeId& peer) {
  LDB_TRY(parts_->replicator->remove_peer(peer));
  return parts_->set_member(peer, false);
}

Status Node::set_peer_blocked(const NodeId& peer, bool blocked) {
  if (!parts_->transport)
    return Status(StatusCode::kInvalidArgument, "this node was opened without a network (NodeOptions::listen)");
  return parts_->transport->set_peer_blocked(peer, blocked);
}

Result<ContentHash> Node::content_hash() {
  TransactionOptions options;
  options.read_only = true;
  LDB_ASSIGN_OR_RETURN(const auto transaction, parts_->rows->begin(options));
  LDB_ASSIGN_OR_RETURN(const auto exists, parts_->sql->existing_tables(*transaction));
  LDB_ASSIGN_OR_RETURN(const auto hash, replication::content_hash(*parts_->engine, transaction->view(), exists));
  return ContentHash{hash.low, hash.high, hash.rows};
}

ReplicationStatus Node::replication_status() const { return parts_->replicator->status(); }

std::vector<NodeId> Node::replicas(TableId table, std::string_view key) const {
  return parts_->partitioner->replicas(table, key);
}

const NodeId& Node::id() const { return parts_->options.id; }
std::string Node::address() const { return parts_->transport ? parts_->transport->address() : std::string(); }
StorageEngine& Node::storage() { return *parts_->engine; }
RowStore& Node::rows() { return *parts_->rows; }
Replicator& Node::replicator() { return *parts_->replicator; }

Status Node::close() { return parts_->close(); }

std::string ContentHash::to_string() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint64_t word : {high, low}) {
    for (int shift = 60; shift >= 0; shift -= 4) text.push_back(kDigits[(word >> shift) & 15]);
  }
  return text;
}

}  // namespace ldb
