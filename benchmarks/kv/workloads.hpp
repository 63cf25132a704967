// The workloads of bench_kv.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store.hpp"

namespace bench {

struct WorkloadConfig {
  std::uint64_t entries = 2'000'000;
  std::uint64_t sync_puts = 4'000;  ///< per thread count in fillsync
  std::uint64_t reads = 1'000'000;
  std::uint64_t scans = 100'000;
  std::uint64_t mixed_seconds = 30;  ///< of readwhilewriting: as many writes for every engine, and a flush among them
  std::uint64_t sustained_seconds = 600;
  std::uint64_t seed = 1;
};

struct Measurement {
  std::string workload;
  double ops_per_s = 0;
  double cpu_us_per_op = 0;  ///< user and system time of the whole process
  double p99_us = 0;         ///< where single operations are timed
  double value = 0;          ///< workloads that measure something else than speed
};

/// Those that can be asked for: sizes and peak memory come with any of them.
const std::vector<std::string>& workload_names();

/// Runs everything for one engine below `directory`, in a fixed order; what takes minutes (`write_amplification`, `sustained`)
/// only when it is named in `only`, and `sustained` only when nothing else is.
std::vector<Measurement> run_workloads(const std::string& engine, const std::string& directory, const WorkloadConfig& config,
                                       const std::vector<std::string>& only);

}  // namespace bench
