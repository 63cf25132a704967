// Reads the log at open: replays it, finds its end, and tells a torn tail from damage.
#pragma once

#include <functional>

#include "storage/wal/log.hpp"

namespace ldb::storage {

struct LogRecoveryRequest {
  FileSystem* file_system = nullptr;
  LogSink* log_sink = nullptr;
  std::string directory;
  LogPosition begin;        ///< as the manifest has it; {0, 0} for a new engine
  LogPosition replay_from;  ///< everything before is in tables; was synced
};

/// Called for every batch from replay_from on, in order. A failure stops recovery.
using ReplayBatch = std::function<Status(LogPosition at, const RecordHeader& header, std::string_view body)>;

/// Damage below a position that some record or the manifest vouches for as synced is kCorruption, naming file and offset. Beyond
/// it the tail is cut there, which is reported to the sink; files behind the cut are removed (nothing in them was ever
/// acknowledged as durable).
Result<LogState> recover_log(const LogRecoveryRequest& request, const ReplayBatch& replay);

}  // namespace ldb::storage
