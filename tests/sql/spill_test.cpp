// Sorts that do not fit in memory: through runs on disk the answer is the same, and nothing is left behind.
#include <catch2/catch.hpp>

#include "sql/exec/spill.hpp"
#include "sql/sql_fixture.hpp"

namespace ldb::test {
namespace {

using sql::Batch;
using sql::ColumnVector;
using sql::SpillFile;
using sql::SpillSpace;

constexpr const char* kSorts[] = {
    // About 50 runs at 64 kB: more than are merged at once.
    "SELECT g, g % 10 FROM generate_series(1, 100000) g ORDER BY g % 10",
    "SELECT g * 7919 % 100003 FROM generate_series(1, 100000) g ORDER BY 1 DESC",
    "SELECT nullif(g % 5, 3) a, repeat(chr(97 + g % 26), g % 40) b, g::numeric / 4 c, g FROM generate_series(1, 30000) g "
    "ORDER BY a DESC NULLS LAST, b, c DESC",
    "SELECT NULL, DATE '2024-01-01' + g % 100, g % 2 = 0, g::double precision / 3, NULLIF('x', 'x') FROM generate_series(1, "
    "20000) g "
    "ORDER BY 2, 3, 4 DESC",
    "SELECT g FROM generate_series(1, 50000) g ORDER BY -g OFFSET 49990",
    "SELECT * FROM (SELECT g FROM generate_series(1, 50000) g ORDER BY g % 3, g DESC) t WHERE g % 10000 = 0",
};

std::vector<std::string> spilled_files(FileSystem& files) {
  auto names = files.list("spill");
  REQUIRE(names.has_value());
  return *names;
}

/// Two columns, `rows` rows: i and "row i", every third NULL.
Batch numbered(std::size_t first, std::size_t rows) {
  Batch batch;
  batch.columns.resize(2);
  batch.columns[0].reset({TypeId::kInteger, -1, 0}, rows);
  batch.columns[1].reset({TypeId::kText, -1, 0}, rows);
  for (std::size_t i = 0; i < rows; ++i) {
    batch.columns[0].data<std::int32_t>()[i] = static_cast<std::int32_t>(first + i);
    if ((first + i) % 3 == 0) {
      batch.columns[1].set_null(i);
    } else {
      batch.columns[1].set_string(i, "row " + std::to_string(first + i));
    }
  }
  batch.row_count = rows;
  return batch;
}
const std::vector<DataType> kNumbered{{TypeId::kInteger, -1, 0}, {TypeId::kText, -1, 0}};

}  // namespace

TEST_CASE("a sort through the disk gives what a sort in memory gives, and leaves no file", "[sql][memory]") {
  const auto files = new_memory_file_system();
  SqlNode node(new_memory_engine(), kDefaultSqlMemoryBytes, files.get());
  for (const char* sort : kSorts) {
    INFO(sort);
    node.ok("SET work_mem = '1GB'");
    const std::string in_memory = node.text(sort);
    node.ok("SET work_mem = '64kB'");
    CHECK(node.text(sort) == in_memory);
    CHECK(spilled_files(*files).empty());
  }
}

TEST_CASE("with a disk a statement sorts more than it may hold", "[sql][memory]") {
  const auto files = new_memory_file_system();
  SqlNode node(new_memory_engine(), kDefaultSqlMemoryBytes, files.get());
  node.ok("SET max_statement_memory = '4MB'");
  CHECK(node.text("SELECT count(*), min(g), max(g) FROM (SELECT g FROM generate_series(1, 1000000) g ORDER BY g % 7) t") ==
        "1000000|1|1000000");
  CHECK(spilled_files(*files).empty());
}

TEST_CASE("the first rows of an order need neither memory nor disk for the others", "[sql][memory]") {
  SqlNode node;
  node.ok("SET max_statement_memory = '2MB'");
  CHECK(node.text("SELECT g FROM generate_series(1, 1000000) g ORDER BY g % 1000 DESC, g LIMIT 3") == "999\n1999\n2999");
  CHECK(node.text("SELECT g FROM generate_series(1, 300000) g ORDER BY g % 10 LIMIT 2 OFFSET 2999") == "30000\n30010");
  CHECK(node.error("SELECT g FROM generate_series(1, 1000000) g ORDER BY -g LIMIT 900000") == "53200");
}

TEST_CASE("a sort beyond the bound on disk fails with 53400, a cancelled one with 57014, and both leave no file",
          "[sql][memory]") {
  const auto files = new_memory_file_system();
  SqlNode node(new_memory_engine(), kDefaultSqlMemoryBytes, files.get(), std::uint64_t{1} << 20);
  node.ok("SET work_mem = '64kB'");
  const Status status = node.run("SELECT g FROM generate_series(1, 1000000) g ORDER BY -g").status();
  CHECK(status.sqlstate() == "53400");
  CHECK(status.detail().find("sql_spill_bytes") != std::string_view::npos);
  CHECK(spilled_files(*files).empty());
  node.ok("SET statement_timeout = 20");
  CHECK(node.error("SELECT g FROM generate_series(1, 20000) a, generate_series(1, 20000) g WHERE a + g < 0 OR g = 1 "
                   "ORDER BY -g") == "57014");
  CHECK(spilled_files(*files).empty());
  node.ok("SET statement_timeout = 0");
  CHECK(node.text("SELECT g FROM generate_series(1, 20000) g ORDER BY -g OFFSET 19999") == "1");
}

TEST_CASE("what a crash left in the directory for sorting goes at the next start", "[sql][memory]") {
  const auto files = new_memory_file_system();
  REQUIRE(files->create_directory("spill"));
  REQUIRE(files->replace_file("spill/17.rows", "left over"));
  SqlNode node(new_memory_engine(), kDefaultSqlMemoryBytes, files.get());
  CHECK(spilled_files(*files).empty());
}

TEST_CASE("SpillFile gives back the rows it was given, NULLs and selections included", "[sql][memory]") {
  const auto files = new_memory_file_system();
  SpillSpace space;
  REQUIRE(space.open(*files, "spill", std::uint64_t{1} << 30));
  auto file = SpillFile::create(space, kNumbered, {}).value();
  for (std::size_t first = 0; first < 9000; first += 1000) REQUIRE(file->append(numbered(first, 1000)));
  Batch some = numbered(9000, 10);
  some.has_selection = true;
  some.selection = {1, 4};
  REQUIRE(file->append(some));
  REQUIRE(file->finish());
  CHECK(space.used_bytes() > 9000);
  std::vector<std::int32_t> expected(9000);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<std::int32_t>(i);
  expected.insert(expected.end(), {9001, 9004});
  std::size_t at = 0;
  Batch batch;
  while (file->next(batch).value()) {
    for (std::size_t row = 0; row < batch.row_count; ++row, ++at) {
      REQUIRE(at < expected.size());
      REQUIRE(batch.columns[0].at<std::int32_t>(row) == expected[at]);
      REQUIRE(batch.columns[1].is_null(row) == (expected[at] % 3 == 0));
      if (expected[at] % 3 != 0) REQUIRE(batch.columns[1].value(row).to_string() == "row " + std::to_string(expected[at]));
    }
  }
  CHECK(at == expected.size());
  file = nullptr;
  CHECK(space.used_bytes() == 0);
  CHECK(spilled_files(*files).empty());
}

TEST_CASE("SpillFile reports bytes that changed on disk, wherever they are", "[sql][memory]") {
  const auto files = new_memory_file_system();
  SpillSpace space;
  REQUIRE(space.open(*files, "spill", std::uint64_t{1} << 30));
  for (std::uint64_t at = 0; at < 64; ++at) {
    auto file = SpillFile::create(space, kNumbered, {}).value();
    REQUIRE(file->append(numbered(1, 100)));
    REQUIRE(file->finish());
    const std::string path = "spill/" + spilled_files(*files).at(0);
    std::string bytes = files->read_file(path).value();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
    auto writer = files->open_writable(path, OpenMode::kExisting).value();
    REQUIRE(writer->write_at(at, std::string_view(bytes).substr(at, 1)));
    REQUIRE(writer->close());
    Batch batch;
    const auto read = file->next(batch);
    INFO("byte " << at);
    CHECK(read.status().code() == StatusCode::kCorruption);
    CHECK(read.status().message().find(path) != std::string_view::npos);
  }
}

}  // namespace ldb::test
