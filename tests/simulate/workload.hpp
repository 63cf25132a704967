// Clients and misfortune: the threads of a run.
#pragma once

#include "cluster.hpp"
#include "history.hpp"

namespace simulate {

/// Borrowed by every thread of a run.
struct Run {
  ldb::sim::World& world;
  Cluster& cluster;
  History& history;
  ldb::rt::Atomic<bool> stop{false};
};

constexpr std::int64_t kMs = 1'000'000;
/// Few rows, so that writers meet. Tables "a" and "b" (id, x, y, note), index on x; UNIQUE on "b".y.
constexpr std::int64_t kRows = 12;

void create_schema(Run& run);

/// Random transactions on one node until the run stops: inserts, updates, deletes and re-inserts of shared rows. Each leaves a
/// row in "history" and two in "twin", by which the checks see whether a commit is there, whole, and after its cause.
void write(Run& run, std::size_t node, std::uint64_t writer);
/// Parents and children of a foreign key, inserted, deleted and moved; rows of a table that is dropped and made anew.
void disturb(Run& run, std::size_t node);
/// Looks at one node: commits whole, after their causes, and a snapshot that does not change.
void read(Run& run, std::size_t node);
/// Adds columns, on any node, sometimes the same on two.
void change_schema(Run& run);
/// Cuts, losses, crashes, lost and restored disks, skewed clocks, pauses, compactions.
void misfortune(Run& run, std::int64_t duration_ns);

/// One statement, its failure returned.
ldb::Result<ldb::ResultSet> try_sql(ldb::Node& node, const std::string& sql);

}  // namespace simulate
