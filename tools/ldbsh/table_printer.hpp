// Results as text: aligned like psql, or unaligned for scripts.
#pragma once

#include <ostream>
#include <string>

#include "ldb/result_set.hpp"

namespace ldbsh {

struct PrintOptions {
  bool aligned = true;
  bool tuples_only = false;     ///< no header, no row count
  std::string separator = "|";  ///< unaligned only
  std::string null_text;
};

/// Columns as wide as their widest cell, counted in characters (UTF-8); numbers to the right; line breaks inside a cell shown as
/// "\n".
void print_result(std::ostream& out, const ldb::ResultSet& result, const PrintOptions& options);

}  // namespace ldbsh
