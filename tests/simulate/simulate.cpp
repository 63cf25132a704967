// A cluster of three nodes under load and misfortune, in simulation, checked against the oracle.
//   simulate --seed N [--count M] [--ms DURATION] [--plant BUG] [--expect-failure] [--trace]
// Runs seeds N .. N+M-1. Prints each seed's trace hash (two runs of one seed print the same) and at the end how often each fault
// and each kind of conflict happened. Fails when a run fails, or when, over at least 100 seeds, one of them never happened. With
// --plant (builds with planted bugs) and --expect-failure it succeeds only if some seed finds the bug.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "base/planted_bug.hpp"
#include "checks.hpp"

namespace {

using namespace simulate;

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t count = 1;
  std::int64_t duration_ms = 4000;
  bool expect_failure = false;
  bool trace = false;
  std::string plant;
};

void body(ldb::sim::World& world, std::int64_t duration_ns) {
  Cluster cluster(world, 3);
  History history;
  Run run{world, cluster, history};
  create_schema(run);
  wait_converged(run, 60'000 * kMs);
  {
    std::vector<ldb::sim::Thread> threads;
    for (std::size_t node = 0; node < cluster.size(); ++node) {
      for (std::uint64_t writer = 0; writer < 2; ++writer) {
        threads.emplace_back("writer", [&run, node, writer] { write(run, node, writer); });
      }
      threads.emplace_back("disturber", [&run, node] { disturb(run, node); });
      threads.emplace_back("reader", [&run, node] { read(run, node); });
    }
    threads.emplace_back("schema", [&run] { change_schema(run); });
    misfortune(run, duration_ns);
    run.stop.store(true);
    for (ldb::sim::Thread& thread : threads) thread.join();
  }
  wait_converged(run, 600'000 * kMs);
  const oracle::ConflictCounts conflicts = check_state(run);
  world.count("conflict.cell_against_cell", conflicts.cell_against_cell);
  world.count("conflict.birth_against_birth", conflicts.birth_against_birth);
  world.count("conflict.delete_beats_update", conflicts.delete_beats_update);
  world.count("conflict.update_beats_delete", conflicts.update_beats_delete);
}

using Counters = std::map<std::string, std::uint64_t, std::less<>>;

/// What must have happened at least once over many seeds: every fault that the world and the disks can inject here, every kind of
/// conflict, and the events that they are meant to provoke.
const std::vector<std::string> kRequired{"client.commits_acknowledged",
                                         "client.snapshots_checked",
                                         "client.columns_added",
                                         "client.unique_refused",
                                         "client.conflict",
                                         "conflict.cell_against_cell",
                                         "conflict.birth_against_birth",
                                         "conflict.delete_beats_update",
                                         "conflict.update_beats_delete",
                                         "conflict.unique",
                                         "conflict.foreign_key",
                                         "conflict.dropped_table",
                                         "client.foreign_key_refused",
                                         "client.tables_dropped",
                                         "event.clean_restart",
                                         "event.commit_lost_with_disk",
                                         "event.compaction",
                                         "event.conflicts_checked",
                                         "event.snapshot_installed",
                                         "event.snapshot_started",
                                         "event.tombstone_collected",
                                         "event.unknown_outcome_no",
                                         "event.unknown_outcome_yes",
                                         "fault.clock_far_off",
                                         "fault.clock_jump",
                                         "fault.clock_skewed",
                                         "fault.crash",
                                         "fault.disk_failing",
                                         "fault.disk_lost",
                                         "fault.disk_restored",
                                         "fault.file_crash",
                                         "fault.file_kept_entry",
                                         "fault.file_kept_write",
                                         "fault.file_lost_entry",
                                         "fault.file_lost_write",
                                         "fault.file_no_space",
                                         "fault.file_read_bit_flip",
                                         "fault.file_read_error",
                                         "fault.file_slow_sync",
                                         "fault.file_sync_directory_error",
                                         "fault.file_sync_error",
                                         "fault.file_torn_write",
                                         "fault.file_write_error",
                                         "fault.kill",
                                         "fault.link_cut",
                                         "fault.machine_pause",
                                         "fault.message_cut",
                                         "fault.message_duplicated",
                                         "fault.message_lost",
                                         "fault.message_reordered",
                                         "fault.message_reset",
                                         "fault.message_slow",
                                         "fault.power_loss",
                                         "fault.slow_peer"};

bool report(const Counters& totals, std::uint64_t runs) {
  bool complete = true;
  std::cout << "over " << runs << " seeds:\n";
  for (const auto& [name, count] : totals) std::cout << "  " << name << ' ' << count << '\n';
  for (const std::string& name : kRequired) {
    const auto found = totals.find(name);
    if (found != totals.end() && found->second > 0) continue;
    std::cout << "  " << name << " NEVER HAPPENED\n";
    complete = false;
  }
  return complete || runs < 100;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A cluster of three nodes under load and misfortune, in simulation, checked against the oracle.");
  app.add_option("--seed", arguments.seed, "the first")->capture_default_str();
  app.add_option("--count", arguments.count, "seeds to run")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--ms", arguments.duration_ms, "virtual milliseconds of misfortune")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  auto* const plant = app.add_option("--plant", arguments.plant, "a bug to put in, where the build has planted bugs");
  app.add_flag("--expect-failure", arguments.expect_failure, "succeed only if a seed finds the planted bug")->needs(plant);
  app.add_flag("--trace", arguments.trace, "print every step");
  CLI11_PARSE(app, argc, argv);
  if (!arguments.plant.empty()) {
#if defined(LDB_PLANTED_BUGS)
    const auto bug = ldb::parse_planted_bug(arguments.plant);
    if (!bug) {
      std::cerr << "simulate: no bug " << arguments.plant << '\n';
      return 2;
    }
    ldb::plant(*bug);
#else
    std::cerr << "simulate: this build has no planted bugs (-DLDB_PLANTED_BUGS=ON)\n";
    return 2;
#endif
  }
  Counters totals;
  std::uint64_t runs = 0;
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.count; ++seed) {
    ldb::sim::Options options;
    options.seed = seed;
    if (arguments.trace) options.trace = [](std::string_view line) { std::cout << line << '\n'; };
    const auto start = std::chrono::steady_clock::now();
    const ldb::sim::Outcome outcome =
        ldb::sim::run(options, [&](ldb::sim::World& world) { body(world, arguments.duration_ms * kMs); });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    ++runs;
    for (const auto& [name, count] : outcome.counters) totals[name] += count;
    std::printf("seed %llu: trace %016llx, %.1f virtual s, %llu steps, %.2f s%s\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(outcome.trace_hash), static_cast<double>(outcome.virtual_ns) / 1e9,
                static_cast<unsigned long long>(outcome.steps), seconds, outcome.ok() ? "" : ": FAILED");
    std::fflush(stdout);
    if (outcome.ok()) continue;
    std::cout << outcome.failure << '\n';
    if (arguments.expect_failure) {
      std::cout << "found " << arguments.plant << " at seed " << seed << " after " << runs << " seeds\n";
      return 0;
    }
    std::cout << "replay with: simulate --seed " << seed << " --ms " << arguments.duration_ms << '\n';
    return 1;
  }
  if (arguments.expect_failure) {
    std::cout << "the planted bug " << arguments.plant << " was not found\n";
    return 1;
  }
  return arguments.count == 1 || report(totals, runs) ? 0 : 1;
}
