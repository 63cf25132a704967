// Rules of the project that a compiler does not check: which module may include which, and that time, threads, files and sockets
// are reached only through the runtime seam.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = LDB_SOURCE_DIR;

struct Line {
  fs::path file;  // relative to the root
  std::size_t number;
  std::string text;  // without line comment
};

std::vector<Line> lines_under(const std::vector<std::string>& folders) {
  std::vector<Line> lines;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      std::ifstream file(entry.path());
      std::string text;
      for (std::size_t number = 1; std::getline(file, text); ++number) {
        lines.push_back({fs::relative(entry.path(), kRoot), number, text.substr(0, text.find("//"))});
      }
    }
  }
  REQUIRE(lines.size() > 100);
  return lines;
}

std::string where(const Line& line) { return line.file.string() + ":" + std::to_string(line.number) + ": " + line.text; }

/// The module a source belongs to: "base", ..., "node" for the composition.
std::string module_of(const fs::path& file) {
  auto part = file.begin();
  if (*part == "include") return "include";
  ++part;
  const std::string name = *part;
  return name.ends_with(".cpp") || name.ends_with(".hpp") ? "node" : name;
}

bool allowed(const std::string& from, const std::string& to) {
  static const std::vector<std::string> order{"base", "storage", "txn", "replication", "cluster", "sql"};
  const auto rank = [](const std::string& m) { return std::find(order.begin(), order.end(), m) - order.begin(); };
  if (to == "include" || from == to) return true;
  if (from == "include") return false;
  if (from == "node" || from == "sim") return true;
  if (from == "net") return to == "base";
  if (to == "net" || to == "node" || to == "sim") return false;
  return rank(to) < rank(from);
}

std::string module_of_include(const std::string& path) {
  const std::string top = path.substr(0, path.find('/'));
  if (top == "ldb") return "include";
  if (path.find('/') == std::string::npos) return "node";
  return top;
}

}  // namespace

TEST_CASE("Includes follow the order of the modules") {
  const std::regex include_pattern(R"re(^\s*#include "([^"]+)")re");
  std::size_t checked = 0;
  for (const Line& line : lines_under({"src", "include"})) {
    std::smatch match;
    if (!std::regex_search(line.text, match, include_pattern)) continue;
    const std::string target = match[1];
    if (fs::exists(kRoot / line.file.parent_path() / target) && target.find('/') == std::string::npos) continue;  // same folder
    if (target.ends_with(".capnp.h")) continue;  // generated from a schema of the same folder
    ++checked;
    INFO(where(line));
    CHECK(allowed(module_of(line.file), module_of_include(target)));
  }
  CHECK(checked > 100);
}

TEST_CASE("The rule about includes can fail") {
  CHECK_FALSE(allowed("storage", "sql"));
  CHECK_FALSE(allowed("net", "storage"));
  CHECK_FALSE(allowed("include", "base"));
  CHECK_FALSE(allowed("sql", "net"));
  CHECK(allowed("sql", "txn"));
}

TEST_CASE("Public headers include no third-party header") {
  const std::regex pattern(R"re(^\s*#include <([^>]*[/.][^>]*)>)re");
  for (const Line& line : lines_under({"include"})) {
    INFO(where(line));
    CHECK_FALSE(std::regex_search(line.text, pattern));
  }
}

TEST_CASE("Time, threads, locks, files and sockets stay behind the runtime seam") {
  const std::regex forbidden(
      R"re(std::(mutex|recursive_mutex|shared_mutex|timed_mutex|thread|jthread|condition_variable|this_thread|lock_guard|unique_lock|scoped_lock|shared_lock|async|random_device|ofstream|ifstream|fstream|filesystem)\b|(system|steady|high_resolution)_clock::now|co_(await|yield|return)\b|(^|[^_[:alnum:]:.>])(::)?(rand|srand|gettimeofday|clock_gettime|usleep|nanosleep|fopen|fsync|fdatasync|pread|pwrite|socket|pthread_create)\s*\(|[^_[:alnum:].>]time\((nullptr|NULL|0)\))re");
  REQUIRE(std::regex_search("  std::mutex m;", forbidden));
  REQUIRE(std::regex_search("  auto x = rand();", forbidden));
  REQUIRE_FALSE(std::regex_search("  auto x = operand();", forbidden));
  for (const Line& line : lines_under({"src", "include"})) {
    const std::string file = line.file.generic_string();
    if (file.starts_with("src/base/real/") || file.starts_with("src/base/sim/") || file.starts_with("src/base/rt/") ||
        file.starts_with("src/net/"))
      continue;
    INFO(where(line));
    CHECK_FALSE(std::regex_search(line.text, forbidden));
  }
}
