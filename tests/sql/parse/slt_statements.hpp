// Reads the SQL statements out of sqllogictest files.
#pragma once

#include <string>
#include <vector>

namespace ldb::sql::test {

/// The statements of one .slt file ("statement ok", "statement error CODE", "query TYPES ..." records), in order.
std::vector<std::string> read_slt_statements(const std::string& path);

/// All .slt files under `folder`, sorted; empty when there is no such folder.
std::vector<std::string> find_slt_files(const std::string& folder);

}  // namespace ldb::sql::test
