#include "ldb/log_sink.hpp"

#include <cstdio>
#include <ctime>
#include <string>

#include "base/rt/rt.hpp"

namespace ldb {
namespace {

class NullLogSink final : public LogSink {
 public:
  void log(LogLevel, std::string_view, std::string_view) override {}
};

class StderrLogSink final : public LogSink {
 public:
  StderrLogSink(LogLevel level, std::string_view node_name) : level_(level), node_name_(node_name) {}

  void log(LogLevel level, std::string_view module, std::string_view message) override {
    if (level < level_) return;
    const std::int64_t now_us = rt::wall_us();
    const std::time_t seconds = static_cast<std::time_t>(now_us / 1'000'000);
    std::tm utc = {};
    gmtime_r(&seconds, &utc);
    char time[64];
    const std::size_t n = std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(time + n, sizeof time - n, ".%03dZ", static_cast<int>(now_us / 1000 % 1000));
    std::string line = time;
    line.append(" ").append(to_string(level)).append(" ");
    if (!node_name_.empty()) line.append(node_name_).append(" ");
    line.append(module).append(": ").append(message).append("\n");
    std::fwrite(line.data(), 1, line.size(), stderr);  // one call, so that lines of several threads do not mix
  }

 private:
  const LogLevel level_;
  const std::string node_name_;
};

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

LogSink& null_log_sink() {
  static NullLogSink instance;  // stateless
  return instance;
}

std::unique_ptr<LogSink> new_stderr_log_sink(LogLevel level, std::string_view node_name) {
  return std::make_unique<StderrLogSink>(level, node_name);
}

}  // namespace ldb
