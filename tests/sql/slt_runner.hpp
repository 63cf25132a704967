// Runs sqllogictest files: `statement ok`, `statement error SQLSTATE`, `query TYPES nosort|rowsort exact`, rows separated by tabs
// after
// `----` (NULL, (empty), and \t \n \\ escaped), `connect DATABASE`. Blank lines end a record; # starts a comment.
#pragma once

#include <string>
#include <vector>

#include "sql/sql_fixture.hpp"

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

/// On a fresh node.
SltReport run_slt_file(const std::string& path);

}  // namespace ldb::test
