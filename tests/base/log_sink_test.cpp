#include "ldb/log_sink.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <regex>
#include <string>

namespace ldb {
namespace {

/// What `write` sends to standard error.
template <class Write>
std::string captured_stderr(const Write& write) {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fflush(stderr);
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(::fileno(file), STDERR_FILENO);
  write();
  std::fflush(stderr);
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

}  // namespace

TEST_CASE("Log lines carry time, level, node and module, and stop below the level") {
  const std::string text = captured_stderr([] {
    const auto sink = new_stderr_log_sink(LogLevel::kWarning, "n1");
    sink->log(LogLevel::kInfo, "storage", "dropped");
    sink->log(LogLevel::kWarning, "storage", "kept");
    null_log_sink().log(LogLevel::kError, "storage", "dropped");
  });
  CHECK(std::regex_match(text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning n1 storage: kept\n)")));
}

}  // namespace ldb
