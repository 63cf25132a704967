// Where ldb's own log lines go. The library never writes to stderr by itself.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace ldb {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
std::string_view to_string(LogLevel level);

/// Any thread; must not block for long and must not call back into ldb.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// `module` is "storage", "replication", ...; both views are valid during the call only.
  virtual void log(LogLevel level, std::string_view module, std::string_view message) = 0;
};

/// Drops everything (the default).
LogSink& null_log_sink();
/// Lines at or above `level` on standard error, with time and node name.
std::unique_ptr<LogSink> new_stderr_log_sink(LogLevel level, std::string_view node_name = "");

}  // namespace ldb
