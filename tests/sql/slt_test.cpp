// SQL behaviour, written in SQL: every .slt file under tests/sql/slt. With LDB_SLT=PATH the hidden test [slt-folder] runs any
// other files and prints their failures by kind, the commonest first (LDB_SLT_VERBOSE=1: each failure).
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include "sql/slt_runner.hpp"

namespace ldb::test {
namespace {

std::vector<std::string> slt_files(const std::string& root) {
  std::vector<std::string> files;
  if (std::filesystem::is_regular_file(root)) return {root};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("SQL scripts give the results written in them", "[sql]") {
  for (const std::string& file : slt_files(std::string(LDB_SOURCE_DIR) + "/tests/sql/slt")) {
    const SltReport report = run_slt_file(file);
    for (const SltFailure& failure : report.failures) {
      UNSCOPED_INFO(failure.file << ":" << failure.line << "\n"
                                 << failure.sql << "expected:\n"
                                 << failure.expected << "\ngot:\n"
                                 << failure.got);
      CHECK(failure.bucket.empty());
    }
    INFO(file);
    CHECK(report.passed > 0);
  }
}

TEST_CASE("scripts of another folder, counted by kind of failure", "[.slt-folder]") {
  const char* root = std::getenv("LDB_SLT");
  REQUIRE(root != nullptr);
  const bool verbose = std::getenv("LDB_SLT_VERBOSE") != nullptr;
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::map<std::string, std::vector<SltFailure>> buckets;
  for (const std::string& file : slt_files(root)) {
    if (verbose) std::cerr << file << "\n";
    SltReport report = run_slt_file(file);
    passed += report.passed;
    failed += report.failures.size();
    for (SltFailure& failure : report.failures) buckets[failure.bucket].push_back(std::move(failure));
  }
  std::vector<std::pair<std::size_t, std::string>> order;
  for (const auto& [bucket, failures] : buckets) order.emplace_back(failures.size(), bucket);
  std::sort(order.rbegin(), order.rend());
  for (const auto& [count, bucket] : order) {
    std::cout << count << "\t" << bucket << "\n";
    const std::size_t shown = verbose ? buckets[bucket].size() : 1;
    for (std::size_t i = 0; i < shown; ++i) {
      const SltFailure& failure = buckets[bucket][i];
      std::cout << "    " << failure.file << ":" << failure.line << "\n";
      if (verbose) std::cout << failure.sql << "  expected: " << failure.expected << "  got: " << failure.got << "\n";
    }
  }
  std::cout << passed << " passed, " << failed << " failed\n";
}

}  // namespace ldb::test
