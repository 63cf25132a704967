// Settings: what SET, SHOW and RESET know.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/row_store.hpp"
#include "ldb/status.hpp"
#include "sql/parse/ast.hpp"

namespace ldb::sql {

/// Run-time settings of one session. Only settings with an effect, or with a single possible value, are known; 42704 for others,
/// 22023 for values that are not possible.
class Settings {
 public:
  Settings(IsolationLevel isolation, SyncPolicy sync);

  Status set(const ast::SetVariable& s, bool in_transaction);
  Status set(std::string_view name, std::string value);
  Status reset(const ast::Reset& s);
  Result<std::string> show(std::string_view name) const;
  /// name, value, description of all.
  std::vector<std::array<std::string, 3>> all() const;
  /// SET LOCAL values end with their transaction.
  void end_transaction(bool committed);

  const std::vector<std::string>& search_path() const { return search_path_; }
  IsolationLevel isolation() const { return isolation_; }
  void set_isolation(IsolationLevel level) { isolation_ = level; }
  bool read_only() const { return read_only_; }
  void set_read_only(bool on) { read_only_ = on; }
  SyncPolicy sync() const { return sync_; }
  std::size_t max_statement_memory() const { return max_statement_memory_; }
  std::size_t work_mem() const { return work_mem_; }
  std::int64_t statement_timeout_ms() const { return statement_timeout_ms_; }

 private:
  Status apply(const std::string& name, const std::string& value);

  std::map<std::string, std::string> values_;
  std::map<std::string, std::string> before_transaction_;  // of what SET (committed) or SET LOCAL changed
  std::map<std::string, bool> local_;                      // changed by SET LOCAL
  std::vector<std::string> search_path_;
  IsolationLevel isolation_;
  bool read_only_ = false;
  SyncPolicy sync_;
  std::size_t max_statement_memory_ = 0;
  std::size_t work_mem_ = 0;
  std::int64_t statement_timeout_ms_ = 0;
};

}  // namespace ldb::sql
