// What a storage engine tells about its work: for event logs, consoles, tests.
#pragma once

#include <cstdint>

#include "ldb/status.hpp"

namespace ldb {

enum class EngineEventKind : std::uint8_t {
  kFlushBegun,          ///< of memtables into level 0
  kFlushFinished,       ///< status says how
  kCompactionBegun,     ///< also a move of a table to another level (bytes_out stays 0)
  kCompactionFinished,  ///< status says how
  kStallBegun,          ///< writers are slowed or stopped, because flushing or compaction is behind
  kStallEnded,          ///< noticed by the first writer that is not held up any more
  kLogSegmentSwitched,  ///< writers append to `segment` from now on
  kBackgroundError,     ///< work in the background failed; it is tried again unless status says otherwise
  kIngested,            ///< ready-made tables became part of the tree
  kCheckpointed,        ///< a copy was made
};
/// Stable lower-case name, e.g. "flush_finished".
std::string_view to_string(EngineEventKind kind);

/// Fields that do not belong to the kind keep their defaults.
struct EngineEvent {
  EngineEventKind kind = EngineEventKind::kFlushBegun;
  int level = -1;  ///< of the inputs
  int output_level = -1;
  std::uint64_t tables_in = 0;
  std::uint64_t tables_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t segment = 0;     ///< of the log
  std::int64_t duration_ns = 0;  ///< of what finished or ended
  Status status;
};

/// Borrowed by the engine (EngineOptions::listener); must outlive it. Called from engine threads and from writers, several at
/// once, never with a lock of the engine held. Must not block for long and must not call the engine.
class EngineListener {
 public:
  virtual ~EngineListener() = default;
  virtual void on_event(const EngineEvent& event) = 0;
};

}  // namespace ldb
