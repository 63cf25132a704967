#include "fixture.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "base/rt/rt.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb::test {

replication::ReplicatorOptions quick() {
  replication::ReplicatorOptions options;
  options.poll_ms = 200;
  options.answer_slack_ms = 300;
  options.retry_min_ms = 2;
  options.retry_max_ms = 50;
  options.forward_holdoff_ms = 5;
  options.complaint_ms = 1'000;
  options.copy_timeout_ms = 300;
  return options;
}

bool eventually(const std::function<bool()>& condition) {
  const std::int64_t deadline_ns = rt::monotonic_ns() + 20 * rt::kSecond;
  while (!condition()) {
    if (rt::monotonic_ns() > deadline_ns) return false;
    rt::sleep_for(rt::kMillisecond);
  }
  return true;
}

TestNode::TestNode(TestNetwork& network, std::string name, replication::ReplicatorOptions options)
    : network_(network), name_(std::move(name)), options_(options), engine_(new_memory_engine()) {
  make_clock_ = [skew = skew_ms_] { return new_hybrid_clock(500, [skew] { return rt::wall_us() + skew->load() * 1000; }); };
}

TestNode::~TestNode() { stop(); }

Status TestNode::start() {
  clock_ = make_clock_();
  transport_ = network_.new_transport();
  replicator_ = replication::new_multi_leader_replicator(options_);
  ReplicatorServices services;
  services.engine = engine_.get();
  services.clock = clock_.get();
  services.resolver = resolver_.get();
  services.transport = transport_.get();
  services.self = NodeId{name_};
  services.cluster = "test";
  LDB_TRY(replicator_->start(services));
  replicator_->set_indexer(indexer_);
  return transport_->start(NodeId{name_}, name_, *replicator_);
}

void TestNode::stop() {
  if (!replicator_) return;
  transport_->stop();
  replicator_->stop();
  replicator_.reset();
  transport_.reset();
}

void TestNode::lose_directory(std::unique_ptr<StorageEngine> other) { engine_ = other ? std::move(other) : new_memory_engine(); }

std::unique_ptr<StorageEngine> TestNode::backup() {
  auto copy = new_memory_engine();
  const auto view = engine_->view();
  auto changes = engine_->changes(engine_->log_begin()).value();
  while (auto change = changes->next().value()) {
    WriteBatch batch;
    batch.set_commit(change->commit);
    REQUIRE(copy->write(std::move(batch), SyncPolicy::kSync).is_ok());
  }
  WriteBatch state;
  auto it = engine_->iterate(view.get(), {}).value();
  for (it->seek_to_first(); it->valid(); it->next()) state.put(std::string(it->key()), std::string(it->value()));
  REQUIRE(copy->write(std::move(state), SyncPolicy::kSync).is_ok());
  return copy;
}

Status TestNode::add_peer(const std::string& other, const std::string& address) {
  return replicator_->add_peer({NodeId{other}, address});
}

Result<CommitRequest> TestNode::request_for(const std::string& key, std::optional<WriteId>& birth) {
  CommitRequest request;
  const auto view = engine_->view();
  request.view_sequence = view->sequence();
  LDB_ASSIGN_OR_RETURN(request.dependencies, replicator_->applied(view.get()));
  LDB_ASSIGN_OR_RETURN(const auto image, engine_->get(view.get(), keys::row(kTable, key)));
  if (!image) return request;
  RowImageReader reader;
  LDB_TRY(reader.parse(*image));
  if (reader.alive()) birth = reader.birth();
  return request;
}

Status TestNode::put(const std::string& key, const std::string& value, std::uint32_t column, SyncPolicy sync) {
  for (;;) {
    std::optional<WriteId> birth;
    LDB_ASSIGN_OR_RETURN(CommitRequest request, request_for(key, birth));
    RowWrite write;
    write.kind = birth ? RowWrite::Kind::kUpdate : RowWrite::Kind::kInsert;
    write.table = kTable;
    write.key = key;
    if (birth) write.birth = *birth;
    write.cells.push_back({ColumnId{column}, value});
    request.writes.push_back(std::move(write));
    request.sync = sync;
    const Status status = replicator_->commit(std::move(request)).error();
    if (status.code() != StatusCode::kConflict) return status;
  }
}

Status TestNode::erase(const std::string& key) {
  for (;;) {
    std::optional<WriteId> birth;
    LDB_ASSIGN_OR_RETURN(CommitRequest request, request_for(key, birth));
    if (!birth) return Status(StatusCode::kNotFound, "no row " + key);
    RowWrite write;
    write.kind = RowWrite::Kind::kDelete;
    write.table = kTable;
    write.key = key;
    write.birth = *birth;
    request.writes.push_back(std::move(write));
    const Status status = replicator_->commit(std::move(request)).error();
    if (status.code() != StatusCode::kConflict) return status;
  }
}

std::optional<std::string> TestNode::get(const std::string& key, std::uint32_t column) {
  const auto image = engine_->get(nullptr, keys::row(kTable, key)).value();
  if (!image) return std::nullopt;
  RowImageReader reader;
  REQUIRE(reader.parse(*image).is_ok());
  RowCell cell;
  if (!reader.alive() || !reader.find(ColumnId{column}, cell)) return std::nullopt;
  return std::string(cell.bytes);
}

std::map<std::string, std::string> TestNode::rows() {
  std::map<std::string, std::string> rows;
  auto it = engine_->iterate(nullptr, keys::all_rows()).value();
  for (it->seek_to_first(); it->valid(); it->next()) {
    RowImageReader reader;
    REQUIRE(reader.parse(it->value()).is_ok());
    if (!reader.alive()) continue;
    std::string text;
    for (RowCell cell; reader.next(cell);) text += std::to_string(cell.column.value) + "=" + std::string(cell.bytes) + ";";
    rows[std::string(keys::primary_key_of(it->key()))] = text;
  }
  return rows;
}

std::size_t TestNode::images() {
  std::size_t count = 0;
  auto it = engine_->iterate(nullptr, keys::all_rows()).value();
  for (it->seek_to_first(); it->valid(); it->next()) ++count;
  return count;
}

VersionVector TestNode::applied() { return replicator_->applied(nullptr).value(); }

bool TestNode::clock_passes(TestNode& other) {
  std::uint64_t latest_ms = 0;
  const VersionVector theirs = other.applied();
  for (const auto& [origin, progress] : theirs.entries()) latest_ms = std::max(latest_ms, progress.stamp.ms());
  return eventually([&] { return static_cast<std::uint64_t>(clock_->wall_us() / 1000) > latest_ms; });
}

void fill(TestNode& node, const std::string& prefix, int count, std::size_t size) {
  for (int i = 0; i < count; ++i) REQUIRE(node.put(prefix + std::to_string(i), std::string(size, 'v')).is_ok());
}

bool converged(const std::vector<TestNode*>& nodes) {
  TestNode* first = nullptr;
  for (TestNode* node : nodes) {
    if (!node->running()) continue;
    if (!node->replicator().readable()) return false;
    if (first == nullptr) {
      first = node;
    } else if (!(node->applied() == first->applied())) {
      return false;
    }
  }
  for (TestNode* node : nodes) {
    if (node->running() && node->rows() != first->rows()) return false;
  }
  return true;
}

TestCluster::TestCluster(std::size_t size, replication::ReplicatorOptions options) {
  for (std::size_t i = 0; i < size; ++i)
    nodes.push_back(std::make_unique<TestNode>(network, std::string(1, static_cast<char>('a' + i)), options));
  for (std::size_t i = 0; i < size; ++i) start(i);
}

std::vector<TestNode*> TestCluster::all() {
  std::vector<TestNode*> pointers;
  for (const auto& node : nodes) pointers.push_back(node.get());
  return pointers;
}

bool TestCluster::converges() {
  if (eventually([&] { return converged(all()); })) return true;
  for (const auto& node : nodes) {
    if (!node->running()) continue;
    std::string text = node->name() + ": " + node->applied().to_string() + (node->status().bootstrapping ? " bootstrapping" : "");
    for (const PeerStatus& peer : node->status().peers) text += "\n   " + peer.address.node.name + ": " + peer.problem;
    WARN(text);
  }
  return false;
}

void TestCluster::start(std::size_t i) {
  REQUIRE(nodes[i]->start().is_ok());
  for (std::size_t other = 0; other < nodes.size(); ++other) {
    if (other != i) REQUIRE(nodes[i]->add_peer(nodes[other]->name()).is_ok());
  }
}

void TestCluster::restart(std::size_t i) {
  nodes[i]->stop();
  start(i);
}

}  // namespace ldb::test
