// What the benchmarks share: time, medians, exit on failure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "ldb/status.hpp"

namespace bench {

inline double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

inline void must(const ldb::Status& status, const std::string& what) {
  if (!status) {
    std::cerr << what << ": " << status.to_string() << '\n';
    std::exit(1);
  }
}

template <class T>
T must(ldb::Result<T> result, const std::string& what) {
  must(result.error(), what);
  return std::move(result).value();
}

/// Median time of `runs` calls, in milliseconds.
template <class Body>
double time_ms(int runs, const Body& body) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const double start = now_ms();
    body();
    times.push_back(now_ms() - start);
  }
  return median(std::move(times));
}

}  // namespace bench
