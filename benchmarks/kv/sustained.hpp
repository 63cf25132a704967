// Random puts by eight threads for minutes: what is left of the speed once compaction has to keep up, and the longest stall.
#pragma once

#include <cstdint>
#include <string>

#include "store.hpp"

namespace bench {

struct SustainedConfig {
  std::uint64_t entries = 0;
  std::uint64_t seconds = 600;
  std::uint64_t seed = 1;
};

struct SustainedResult {
  double ops_per_s = 0;
  double cpu_us_per_op = 0;
  double p99_us = 0;                ///< of single puts
  double longest_stall_ms = 0;      ///< between one finished put, of any thread, and the next one
  bool own_stalls_known = false;    ///< ProcessorWatch works here
  double longest_own_stall_ms = 0;  ///< the same without the time that some processor stood still: at least what was the engine's
  double slowest_put_ms = 0;        ///< the time a thread waits for a processor included
};

/// Prints a JSON line every ten seconds to standard error, so that the course can be drawn.
SustainedResult run_sustained(const std::string& engine, Store& store, const SustainedConfig& config);

}  // namespace bench
