// Serves whole-state copies (docs/REPLICATION.md section 6).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ldb/storage_engine.hpp"
#include "replication/apply/applier.hpp"
#include "replication/protocol/protocol.hpp"

namespace ldb::replication {

/// Keeps one view per copy under way. Each request names where it wants to go on, so repeated and lost ones are harmless.
/// Sessions are few and end when they were idle for a while, since their views keep old versions on disk. One thread: the
/// sender's.
class CopySender {
 public:
  CopySender(StorageEngine& engine, Applier& applier, std::size_t max_sessions, std::int64_t idle_ns);

  /// Fills everything but `from`.
  Result<SnapshotAnswer> answer(const SnapshotRequest& request, std::int64_t now_ns);
  /// Ends idle sessions; the time when the next one may end, or `never`.
  std::int64_t expire(std::int64_t now_ns, std::int64_t never);
  void forget(const NodeId& peer);
  void clear() { sessions_.clear(); }

 private:
  struct Session {
    NodeId peer;
    VersionVector vector;
    std::int64_t last_used_ns = 0;
    std::unique_ptr<ReadView> view;
    std::unique_ptr<Iterator> rows;  // after `view`: destroyed before it
  };

  Result<std::uint64_t> begin(const NodeId& peer);
  Status fill(Session& session, const SnapshotRequest& request, SnapshotAnswer& answer);

  StorageEngine& engine_;
  Applier& applier_;
  const std::size_t max_sessions_;
  const std::int64_t idle_ns_;
  std::map<std::uint64_t, Session> sessions_;
};

}  // namespace ldb::replication
