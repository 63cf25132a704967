// Receives and installs whole-state copies (docs/REPLICATION.md section 6).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ldb/storage_engine.hpp"
#include "replication/apply/applier.hpp"
#include "replication/node_state.hpp"
#include "replication/protocol/protocol.hpp"

namespace ldb::replication {

/// How a receiver reaches the sender.
struct CopyLink {
  std::function<Identity()> self;
  /// One request; blocks.
  std::function<Result<SnapshotAnswer>(const SnapshotRequest&)> ask;
  /// Waits before a retry; false when the copy is to be given up.
  std::function<bool(std::int64_t ns)> wait;
};

/// Fetches all rows of a peer's view into the staging space, which it empties first, and returns the view's vector. Nothing that
/// reads or writes rows is affected. A request without an answer is repeated a few times; then the copy fails with its error, and
/// another peer may be tried.
Result<VersionVector> receive_copy(StorageEngine& engine, const CopyLink& link);

/// Joins the staged rows, a complete copy of a view with vector `theirs`, with the own ones, and ends the install. The caller
/// keeps everybody else away (see Applier); may be repeated after a crash.
Status install_copy(StorageEngine& engine, Applier& applier, NodeState& state, const VersionVector& theirs);

}  // namespace ldb::replication
