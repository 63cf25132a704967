#include "sql/parse/slt_statements.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace ldb::sql::test {

std::vector<std::string> read_slt_statements(const std::string& path) {
  std::vector<std::string> statements;
  std::ifstream file(path);
  std::string line, statement;
  bool inside = false;
  auto finish = [&] {
    if (!statement.empty()) statements.push_back(statement);
    statement.clear();
    inside = false;
  };
  while (std::getline(file, line)) {
    if (!inside) {
      inside = line.starts_with("statement ") || line.starts_with("query ");
    } else if (line.empty() || line == "----") {
      finish();
    } else {
      if (!statement.empty()) statement += '\n';
      statement += line;
    }
  }
  finish();
  return statements;
}

std::vector<std::string> find_slt_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error))
    if (entry.path().extension() == ".slt") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace ldb::sql::test
