// How fast writers may go while flushes and compactions are behind.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace ldb::storage {

/// What writers have left for the background to do.
struct WriteBacklog {
  std::size_t memtable_bytes = 1;  ///< of a full one
  std::size_t active_bytes = 0;
  std::size_t waiting = 0;        ///< memtables that wait for their flush or are being flushed
  std::size_t waiting_bytes = 0;  ///< of those
  std::size_t flushed_bytes = 0;  ///< of those, what the flush under way has behind it
  std::size_t level0_runs = 0;
};

struct WritePace {
  bool stop = false;                   ///< nothing may be written until something is done
  std::uint64_t writes_per_pause = 0;  ///< of all writers together; 0: no pauses

  bool paused() const { return writes_per_pause != 0; }
  /// So slow that a host application wants to know.
  bool stalled() const { return stop || (paused() && writes_per_pause <= 16); }
};

/// A pause for some writer every N writes, N falling by halves as the backlog grows: so writers settle at the speed of what
/// happens behind them, whatever it is, and do not run into a wall at full speed. It is counted in bytes that the flush has still
/// before it, since a count of memtables changes too late and by too much.
inline WritePace pace_of(const WriteBacklog& backlog) {
  constexpr double kSlowUnflushed = 2;  // memtables still to be flushed, the active one included
  constexpr double kMostUnflushed = 3;
  constexpr double kSlowMemory = 2.5;  // memtables in memory; the budget has room for four
  constexpr double kMostMemory = 3.2;
  constexpr double kSlowRuns = 12;
  constexpr double kMostRuns = 24;
  constexpr double kFastest = 11;  // 2^11 writes
  const auto memtables = [&](std::size_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(std::max<std::size_t>(backlog.memtable_bytes, 1));
  };
  const auto degree = [](double value, double slow, double most) { return std::clamp((value - slow) / (most - slow), 0.0, 1.0); };
  const double in_memory = memtables(backlog.active_bytes + backlog.waiting_bytes);
  const double unflushed =
      memtables(backlog.active_bytes + backlog.waiting_bytes - std::min(backlog.waiting_bytes, backlog.flushed_bytes));
  const auto runs = static_cast<double>(backlog.level0_runs);
  WritePace pace;
  pace.stop = backlog.waiting >= 4 || (backlog.waiting >= 3 && in_memory >= kMostMemory) || runs >= kMostRuns;
  const double worst =
      std::max({backlog.waiting == 0 ? 0 : degree(unflushed, kSlowUnflushed, kMostUnflushed),
                backlog.waiting == 0 ? 0 : degree(in_memory, kSlowMemory, kMostMemory), degree(runs, kSlowRuns, kMostRuns)});
  if (worst > 0) pace.writes_per_pause = static_cast<std::uint64_t>(std::exp2(kFastest * (1 - worst)));
  return pace;
}

}  // namespace ldb::storage
