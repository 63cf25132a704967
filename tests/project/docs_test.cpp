// The documentation names files and functions; they must exist, so that a newcomer who follows them arrives.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = LDB_SOURCE_DIR;

std::string contents(const fs::path& file) {
  std::ifstream stream(file);
  INFO(file.string());
  REQUIRE(stream.good());
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// What stands between backticks in `text`.
std::vector<std::string> quoted(const std::string& text) {
  static const std::regex pattern("`([^`\n]+)`");
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) found.push_back((*it)[1]);
  return found;
}

bool is_project_path(const std::string& word) {
  static const std::regex pattern("(src|include|tests|docs|scripts|tools|examples|benchmarks|cmake)/[A-Za-z0-9_./-]*");
  return std::regex_match(word, pattern);
}

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  std::istringstream stream(row.substr(1));
  for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(cell);
  return cells;
}

/// "Class::function" or "function" is defined or declared in `source`.
bool names(const std::string& source, const std::string& function) {
  const std::size_t colons = function.rfind("::");
  if (colons == std::string::npos) return std::regex_search(source, std::regex("\\b" + function + "\\("));
  if (source.find(function + "(") != std::string::npos) return true;
  const std::string type = function.substr(0, colons);
  return std::regex_search(source, std::regex("\\bclass " + type + "\\b[^;]*\\{")) &&
         std::regex_search(source, std::regex("\\b" + function.substr(colons + 2) + "\\("));
}

}  // namespace

TEST_CASE("Files that the documentation names exist") {
  std::vector<fs::path> pages{kRoot / "README.md"};
  for (const auto& entry : fs::directory_iterator(kRoot / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  std::size_t checked = 0;
  for (const fs::path& page : pages) {
    for (const std::string& word : quoted(contents(page))) {
      if (!is_project_path(word)) continue;
      ++checked;
      INFO(page.string() << " names " << word);
      CHECK(fs::exists(kRoot / word));
    }
  }
  CHECK(checked > 40);
}

TEST_CASE("Functions that the walks of docs/ARCHITECTURE.md name are in the files beside them") {
  std::istringstream page(contents(kRoot / "docs/ARCHITECTURE.md"));
  bool in_walk = false;
  std::size_t checked = 0;
  for (std::string line; std::getline(page, line);) {
    if (line == "| step | function | file |") in_walk = true;
    if (!line.starts_with("|")) in_walk = false;
    if (!in_walk || line.starts_with("| step |") || line.starts_with("|---")) continue;
    INFO(line);
    const std::vector<std::string> cells = cells_of(line);
    REQUIRE(cells.size() == 3);
    std::string sources;
    for (const std::string& file : quoted(cells[2])) sources += contents(kRoot / file);
    for (const std::string& function : quoted(cells[1])) {
      ++checked;
      INFO(function);
      CHECK(names(sources, function));
    }
  }
  CHECK(checked > 30);
}

TEST_CASE("The check of function names can fail") {
  CHECK(names("Status Log::sync() {", "Log::sync"));
  CHECK(names("class Scan final : public Operator {\n  bool point(Batch& out) {", "Scan::point"));
  CHECK_FALSE(names("Status Log::sync_now() {", "Log::sync"));
  CHECK_FALSE(names("class Other {\n bool point(Batch&)", "Scan::point"));
  CHECK_FALSE(names("void optimize_all();", "optimize"));
}

TEST_CASE("Every room has a README, of its own or of a room around it") {
  std::size_t rooms = 0;
  for (const char* top : {"src", "tests", "tools", "examples", "benchmarks", "include"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      if (!entry.is_directory()) continue;
      ++rooms;
      INFO(entry.path().string());
      bool described = false;
      for (fs::path room = entry.path(); room != kRoot && !described; room = room.parent_path())
        described = fs::exists(room / "README.md");
      CHECK(described);
    }
  }
  for (const auto& entry : fs::directory_iterator(kRoot / "src")) {
    if (!entry.is_directory()) continue;
    INFO("module " << entry.path().string());
    CHECK(fs::exists(entry.path() / "README.md"));
  }
  CHECK(rooms > 30);
}

TEST_CASE("Pages keep to their length") {
  const auto lines = [](const char* file) {
    const std::string text = contents(kRoot / file);
    return std::count(text.begin(), text.end(), '\n');
  };
  CHECK(lines("docs/ARCHITECTURE.md") <= 200);  // four printed pages
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "src")) {
    if (entry.path().filename() != "README.md") continue;
    const std::string page = fs::relative(entry.path(), kRoot).string();
    INFO(page);
    CHECK(lines(page.c_str()) <= 60);
  }
}
