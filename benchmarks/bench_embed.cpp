// What does it cost to link ldb? Time to open an empty directory and one with a million rows, memory of an idle node, size of the
// stripped library, compile time of a file that includes only ldb/ldb.hpp. Prints one JSON object.
// The library measured is a shared one of everything, made for this purpose.
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string>

#include "ldb/ldb.hpp"
#include "measure.hpp"

namespace {

namespace fs = std::filesystem;
using bench::must;

std::unique_ptr<ldb::Node> open_node(const fs::path& directory) {
  ldb::NodeOptions options;
  options.directory = directory.string();
  return must(ldb::Node::open(std::move(options)), "open");
}

void load(const fs::path& directory, std::int64_t rows) {
  const auto node = open_node(directory);
  ldb::Session session = must(node->session(), "session");
  must(session.execute("CREATE TABLE item (id BIGINT PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(10,2))").error(), "create");
  constexpr std::int64_t kBatch = 1000;
  for (std::int64_t first = 0; first < rows; first += kBatch) {
    std::string sql = "INSERT INTO item VALUES ";
    for (std::int64_t id = first; id < std::min(first + kBatch, rows); ++id) {
      sql += (id > first ? ",(" : "(") + std::to_string(id) + ",'item number " + std::to_string(id) + "'," +
             std::to_string(id % 1000) + ".50)";
    }
    must(session.execute(sql).error(), "insert");
  }
}

double resident_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

/// In a process of its own, so that what this one has touched does not count.
double idle_memory_mb(const std::string& self, const fs::path& directory) {
  FILE* const pipe = popen((self + " --idle " + directory.string()).c_str(), "r");
  double mb = 0;
  if (pipe == nullptr || std::fscanf(pipe, "%lf", &mb) != 1)
    must(ldb::Status(ldb::StatusCode::kInternal, "idle process"), "measure");
  pclose(pipe);
  return mb;
}

int run(const std::string& command) { return std::system(command.c_str()); }  // NOLINT(concurrency-mt-unsafe)

double stripped_mb(const std::string& library, const fs::path& work) {
  const fs::path copy = work / "stripped";
  if (run("strip -o " + copy.string() + " " + library) != 0) return 0;
  return static_cast<double>(fs::file_size(copy)) / (1 << 20);
}

double compile_ms(const fs::path& work) {
  std::ofstream(work / "only.cpp") << "#include <ldb/ldb.hpp>\n";
  return bench::time_ms(3, [&] {
    run(std::string(LDB_COMPILER) + " -std=c++20 -O2 -I" LDB_INCLUDE_DIR " -c " + (work / "only.cpp").string() + " -o " +
        (work / "only.o").string());
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What does it cost to link ldb: opening, memory, size, compile time?");
  std::int64_t rows = 1'000'000;
  std::string library = LDB_LIBRARY_FILE;
  std::string idle_directory;
  app.add_option("--rows", rows, "of the full database")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--library", library, "the shared library to strip and weigh")->capture_default_str()->check(CLI::ExistingFile);
  app.add_option("--idle", idle_directory)->group("");
  CLI11_PARSE(app, argc, argv);
  if (!idle_directory.empty()) {
    const auto node = open_node(idle_directory);
    must(node->execute("SELECT 1").error(), "select");
    std::cout << resident_mb() << '\n';
    return 0;
  }
  const fs::path work = fs::temp_directory_path() / ("ldb-bench-embed-" + std::to_string(getpid()));
  fs::create_directories(work);
  const double open_empty = bench::time_ms(9, [&] {
    const fs::path directory = work / "empty";
    fs::remove_all(directory);
    open_node(directory);
  });
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  const double idle = idle_memory_mb(self, work / "empty");
  const double load_start = bench::now_ms();
  load(work / "full", rows);
  const double load_ms = bench::now_ms() - load_start;
  double count = 0;
  const double open_full = bench::time_ms(5, [&] { open_node(work / "full"); });
  const double idle_full = idle_memory_mb(self, work / "full");
  {
    const auto node = open_node(work / "full");
    count = must(node->execute("SELECT count(*) FROM item"), "count")[0].get<double>(0);
  }
  if (count != static_cast<double>(rows)) must(ldb::Status(ldb::StatusCode::kInternal, "rows are missing"), "check");
  std::cout << std::fixed << std::setprecision(2) << "{\"benchmark\": \"embed\", \"rows\": " << rows
            << ", \"open_empty_ms\": " << open_empty << ", \"open_full_ms\": " << open_full << ", \"load_ms\": " << load_ms
            << ", \"idle_memory_mb\": " << idle << ", \"idle_memory_full_mb\": " << idle_full
            << ", \"stripped_library_mb\": " << stripped_mb(library, work) << ", \"compile_ms\": " << compile_ms(work)
            << ", \"aims\": {\"open_empty_ms\": 20, \"open_full_ms\": 200, \"idle_memory_mb\": 30, "
            << "\"stripped_library_mb\": 10, \"compile_ms\": 1000}}\n";
  fs::remove_all(work);
  return 0;
}
