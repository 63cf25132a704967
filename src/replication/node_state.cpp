#include "replication/node_state.hpp"

#include <utility>

#include "base/coding.hpp"
#include "replication/protocol/protocol.hpp"
#include "txn/keys.hpp"

namespace ldb::replication {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kLogStart = "log_start";
constexpr std::string_view kFloor = "collection_floor";
constexpr std::string_view kDebts = "debts";
constexpr std::string_view kHadPeers = "had_peers";
constexpr std::string_view kInstall = "install";

std::string versioned() { return std::string(1, static_cast<char>(kVersion)); }

Status damaged(std::string_view name) {
  return Status(StatusCode::kCorruption, "node state \"" + std::string(name) + "\" is damaged");
}

std::string encode_log_start(const LogStart& start) {
  std::string value = versioned();
  put_varint(value, start.position.segment);
  put_varint(value, start.position.offset);
  put_vector(value, start.vector);
  return value;
}

bool decode_log_start(ByteReader& in, LogStart& start) {
  return in.varint(start.position.segment) && in.varint(start.position.offset) && get_vector(in, start.vector);
}

bool decode_debts(ByteReader& in, std::map<NodeId, VersionVector>& debts) {
  std::uint64_t count = 0;
  if (!in.varint(count) || count > kMaxMembers) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string_view name;
    if (!in.bytes(name) || !get_vector(in, debts[NodeId{std::string(name)}])) return false;
  }
  return true;
}

/// `decode(reader)` when there is a value.
template <class Decode>
Status decode_value(std::string_view name, const std::optional<std::string>& value, Decode decode) {
  if (!value) return {};
  ByteReader in(*value);
  std::uint8_t version = 0;
  if (!in.u8(version)) return damaged(name);
  if (version != kVersion)
    return Status(StatusCode::kUnsupported, "node state \"" + std::string(name) + "\" was written by a newer release");
  if (!decode(in) || !in.empty()) return damaged(name);
  return {};
}

}  // namespace

KeyRange staging_range() { return keys::prefix_range(std::string(1, kStagingSpace)); }

Result<std::optional<std::string>> NodeState::read(std::string_view name) { return engine_.get(nullptr, keys::node(name)); }

Status NodeState::write(std::string_view name, std::string value) {
  WriteBatch batch;
  batch.put(keys::node(name), std::move(value));
  return engine_.write(std::move(batch), SyncPolicy::kSync).error();
}

Status NodeState::load() {
  rt::MutexLock lock(mutex_);
  LDB_ASSIGN_OR_RETURN(const auto start, read(kLogStart));
  LogStart log_start;
  LDB_TRY(decode_value(kLogStart, start, [&](ByteReader& in) { return decode_log_start(in, log_start); }));
  if (start) log_start_ = std::move(log_start);
  LDB_ASSIGN_OR_RETURN(const auto floor, read(kFloor));
  VersionVector floor_vector;
  LDB_TRY(decode_value(kFloor, floor, [&](ByteReader& in) { return get_vector(in, floor_vector); }));
  floor_ = std::move(floor_vector);
  LDB_ASSIGN_OR_RETURN(const auto debts, read(kDebts));
  std::map<NodeId, VersionVector> all_debts;
  LDB_TRY(decode_value(kDebts, debts, [&](ByteReader& in) { return decode_debts(in, all_debts); }));
  debts_ = std::move(all_debts);
  LDB_ASSIGN_OR_RETURN(const auto had_peers, read(kHadPeers));
  had_peers_ = had_peers.has_value();
  LDB_ASSIGN_OR_RETURN(const auto install, read(kInstall));
  PendingInstall pending;
  LDB_TRY(decode_value(kInstall, install, [&](ByteReader& in) { return get_vector(in, pending.vector); }));
  if (install) pending_install_ = std::move(pending);
  return {};
}

std::optional<LogStart> NodeState::log_start() const {
  rt::MutexLock lock(mutex_);
  return log_start_;
}

std::uint64_t NodeState::log_start_generation() const {
  rt::MutexLock lock(mutex_);
  return log_start_generation_;
}

Status NodeState::raise_log_start(const LogStart& start) {
  rt::MutexLock lock(mutex_);
  LogStart raised = log_start_.value_or(LogStart{});
  raised.vector.merge(start.vector);
  raised.position = std::max(raised.position, start.position);
  LDB_TRY(write(kLogStart, encode_log_start(raised)));
  log_start_ = std::move(raised);
  ++log_start_generation_;
  return {};
}

VersionVector NodeState::floor() const {
  rt::MutexLock lock(mutex_);
  return floor_;
}

Status NodeState::save_floor(const VersionVector& floor) {
  rt::MutexLock lock(mutex_);
  std::string value = versioned();
  put_vector(value, floor);
  LDB_TRY(write(kFloor, std::move(value)));
  floor_ = floor;
  return {};
}

std::map<NodeId, VersionVector> NodeState::debts() const {
  rt::MutexLock lock(mutex_);
  return debts_;
}

Status NodeState::save_debts(const std::map<NodeId, VersionVector>& debts) {
  rt::MutexLock lock(mutex_);
  std::string value = versioned();
  put_varint(value, debts.size());
  for (const auto& [node, vector] : debts) {
    put_bytes(value, node.name);
    put_vector(value, vector);
  }
  LDB_TRY(write(kDebts, std::move(value)));
  debts_ = debts;
  return {};
}

bool NodeState::had_peers() const {
  rt::MutexLock lock(mutex_);
  return had_peers_;
}

Status NodeState::save_had_peers() {
  rt::MutexLock lock(mutex_);
  if (had_peers_) return {};
  LDB_TRY(write(kHadPeers, versioned()));
  had_peers_ = true;
  return {};
}

std::optional<PendingInstall> NodeState::pending_install() const {
  rt::MutexLock lock(mutex_);
  return pending_install_;
}

Status NodeState::save_pending_install(const PendingInstall& install) {
  rt::MutexLock lock(mutex_);
  std::string value = versioned();
  put_vector(value, install.vector);
  LDB_TRY(write(kInstall, std::move(value)));
  pending_install_ = install;
  return {};
}

Status NodeState::end_install(const VersionVector& own, const VersionVector& theirs,
                              const std::function<Status(WriteBatch)>& finish) {
  rt::MutexLock lock(mutex_);
  LogStart raised = log_start_.value_or(LogStart{});
  // The log never held what the copy brought, so nobody who lacks it can be served from the log.
  for (const auto& [origin, progress] : theirs.entries()) {
    if (progress.sequence > own.get(origin).sequence && progress.sequence > raised.vector.get(origin).sequence)
      raised.vector.set(origin, progress);
  }
  WriteBatch batch;
  batch.put(keys::node(kLogStart), encode_log_start(raised));
  batch.erase(keys::node(kInstall));
  const KeyRange staging = staging_range();
  batch.erase_range(*staging.lower, *staging.upper);
  LDB_TRY(finish(std::move(batch)));
  log_start_ = std::move(raised);
  ++log_start_generation_;
  pending_install_.reset();
  return {};
}

}  // namespace ldb::replication
