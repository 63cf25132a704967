// Runs sqllogictest files: `statement ok`, `statement error SQLSTATE`, `query TYPES nosort|rowsort exact`, rows separated by tabs
// after
// `----` (NULL, (empty), and \t \n \\ escaped), `connect DATABASE`. Blank lines end a record; # starts a comment.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/result_set.hpp"

namespace ldb::test {

struct SltFailure {
  std::string file;
  std::size_t line = 0;
  std::string sql;
  std::string expected;
  std::string got;
  std::string bucket;  ///< the kind of failure, for counting
};

struct SltReport {
  std::size_t passed = 0;
  std::vector<SltFailure> failures;
};

/// What a script runs against.
class SltTarget {
 public:
  virtual ~SltTarget() = default;
  /// All statements; the last one's result.
  virtual Result<ResultSet> run(std::string_view sql) = 0;
  virtual void connect(const std::string& database) = 0;
  virtual void restart() = 0;
};

struct SltOptions {
  /// Numbers of NUMERIC, REAL and DOUBLE columns are equal when they differ by their display or by the order of summation only.
  bool numbers_alike = false;
  /// Called before each record, with its first line, and after it.
  std::function<void(std::size_t line)> before;
  std::function<void(const SltReport& so_far)> after;
};

SltReport run_slt_file(const std::string& path, SltTarget& target, const SltOptions& options = {});

}  // namespace ldb::test
