// SQL behaviour, written in SQL: every .slt file under tests/sql/slt. scripts/conformance runs other folders of such files.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include "sql/slt_runner.hpp"
#include "sql/sql_fixture.hpp"

namespace ldb::test {
namespace {

std::vector<std::string> slt_files(const std::string& root) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class NodeTarget final : public SltTarget {
 public:
  Result<ResultSet> run(std::string_view sql) override { return node_.run(sql); }
  void connect(const std::string& database) override { node_.connect(database); }
  void restart() override { node_.restart(); }

 private:
  SqlNode node_;
};

}  // namespace

TEST_CASE("SQL scripts give the results written in them", "[sql]") {
  for (const std::string& file : slt_files(std::string(LDB_SOURCE_DIR) + "/tests/sql/slt")) {
    NodeTarget target;
    const SltReport report = run_slt_file(file, target);
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

}  // namespace ldb::test
