// Timing and bounds of the multi-leader replicator; the defaults suit real networks, tests shorten them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "ldb/replicator.hpp"
#include "replication/apply/applier.hpp"

namespace ldb::replication {

struct ReplicatorOptions {
  ApplierOptions applier;
  std::int64_t poll_ms = 1'000;          ///< a fetch without news is answered after this
  std::int64_t answer_slack_ms = 2'000;  ///< an answer later than the poll by this is given up; longer after each that was
  std::int64_t retry_min_ms = 10;        ///< pause after a failed call, doubled up to the maximum
  std::int64_t retry_max_ms = 1'000;
  std::int64_t forward_holdoff_ms = 20;    ///< commits that a peer hears from their own node too are offered only after this
  std::int64_t complaint_ms = 5'000;       ///< how long a member's refusal of this node's clock holds unless repeated
  std::int64_t verify_wait_ms = 250;       ///< the first write after a start waits at most this long for members' hellos
  std::int64_t copy_timeout_ms = 10'000;   ///< a request for a part of a whole-state copy is repeated after this
  std::int64_t copy_idle_ms = 30'000;      ///< an idle whole-state copy is given up by the sender
  std::size_t copy_sessions = 4;           ///< whole-state copies served at once
  std::size_t answer_bytes = 1 << 20;      ///< commits in one answer
  std::size_t checkpoint_bytes = 1 << 20;  ///< grain in which the log is released
  std::size_t queue_limit = 1024;          ///< requests of peers waiting to be handled
};

std::unique_ptr<Replicator> new_multi_leader_replicator(const ReplicatorOptions& options);

}  // namespace ldb::replication
