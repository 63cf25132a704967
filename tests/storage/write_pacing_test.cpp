// The pace that writers are given for a backlog.
#include "storage/write_pacing.hpp"

#include <catch2/catch.hpp>

namespace ldb::storage {
namespace {

constexpr std::size_t kMemtable = 1 << 20;

WriteBacklog backlog_of(std::size_t waiting, double active, double flushed = 0) {
  WriteBacklog backlog;
  backlog.memtable_bytes = kMemtable;
  backlog.active_bytes = static_cast<std::size_t>(active * kMemtable);
  backlog.waiting = waiting;
  backlog.waiting_bytes = waiting * kMemtable;
  backlog.flushed_bytes = static_cast<std::size_t>(flushed * kMemtable);
  return backlog;
}

TEST_CASE("Writers that are not ahead of the background are not paused") {
  CHECK_FALSE(pace_of(backlog_of(0, 0)).paused());
  CHECK_FALSE(pace_of(backlog_of(0, 1)).paused());  // about to be replaced; nothing waits
  CHECK_FALSE(pace_of(backlog_of(1, 0.2)).paused());
  CHECK_FALSE(pace_of(backlog_of(1, 0.9, 0.8)).paused());  // the flush is as far as the writers
  CHECK_FALSE(pace_of(backlog_of(1, 1)).paused());         // a full one, and a flush that has just begun
  WriteBacklog level0;
  level0.level0_runs = 12;
  CHECK_FALSE(pace_of(level0).paused());
  CHECK_FALSE(pace_of(level0).stop);
}

TEST_CASE("The more backlog, the more pauses; they reach one a write before writers are stopped") {
  std::uint64_t last = UINT64_MAX;
  for (double active = 0.05; active < 0.89; active += 0.05) {
    const WritePace pace = pace_of(backlog_of(2, active));
    REQUIRE(pace.paused());
    CHECK_FALSE(pace.stop);
    CHECK(pace.writes_per_pause <= last);
    last = pace.writes_per_pause;
  }
  const WritePace full = pace_of(backlog_of(3, 0));
  CHECK_FALSE(full.stop);
  CHECK(full.writes_per_pause == 1);
  CHECK(full.stalled());
  last = UINT64_MAX;
  for (std::size_t runs = 13; runs < 24; ++runs) {
    WriteBacklog backlog;
    backlog.level0_runs = runs;
    const WritePace pace = pace_of(backlog);
    REQUIRE(pace.paused());
    CHECK_FALSE(pace.stop);
    CHECK(pace.writes_per_pause < last);
    last = pace.writes_per_pause;
  }
}

TEST_CASE("What the flush under way has behind it is not counted as backlog, but its memory is") {
  CHECK(pace_of(backlog_of(2, 0.8, 0.5)).writes_per_pause > pace_of(backlog_of(2, 0.8)).writes_per_pause);
  CHECK(pace_of(backlog_of(3, 0.8, 3)).writes_per_pause < pace_of(backlog_of(3, 0.1, 3)).writes_per_pause);
  CHECK(pace_of(backlog_of(1, 0, 2)).writes_per_pause == 0);  // numbers of different moments
}

TEST_CASE("Writers are stopped when memory or level 0 is full") {
  CHECK(pace_of(backlog_of(3, 0.95)).stop);
  CHECK(pace_of(backlog_of(3, 0.95, 2.9)).stop);
  CHECK(pace_of(backlog_of(4, 0)).stop);
  WriteBacklog level0;
  level0.level0_runs = 24;
  CHECK(pace_of(level0).stop);
  CHECK(pace_of(level0).stalled());
}

}  // namespace
}  // namespace ldb::storage
