// SQL in-process.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/result_set.hpp"
#include "ldb/sql_frontend.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// A prepared statement: parsed and planned once. Must not outlive its session; same thread rules.
class PreparedStatement {
 public:
  /// Binds $1, $2, ... in order and runs.
  template <class... Args>
  Result<ResultSet> execute(const Args&... args) {
    const std::array<Value, sizeof...(Args)> values{Value(args)...};
    return statement_->execute(values);
  }
  Result<ResultSet> execute_with(std::span<const Value> parameters) { return statement_->execute(parameters); }
  std::size_t parameter_count() const { return statement_->parameter_count(); }
  std::vector<DataType> parameter_types() const { return statement_->parameter_types(); }
  const std::vector<ColumnInfo>& columns() const { return statement_->columns(); }

 private:
  friend class Session;
  explicit PreparedStatement(std::unique_ptr<SqlStatement> statement) : statement_(std::move(statement)) {}
  std::unique_ptr<SqlStatement> statement_;
};

/// A conversation with the database: its transaction state and settings. One thread at a time (but see cancel); open one per
/// thread. Movable. Must be destroyed before its node is closed. An open transaction is rolled back by destruction.
class Session {
 public:
  /// Runs one statement (or several separated by ';' when there are no arguments) and returns the last one's rows.
  /// Arguments stand for $1, $2, ...: integers, double, std::string, ldb::Decimal, nullptr, std::optional, ...
  template <class... Args>
  Result<ResultSet> execute(std::string_view sql, const Args&... args) {
    const std::array<Value, sizeof...(Args)> values{Value(args)...};
    return execute_with(sql, values);
  }
  Result<ResultSet> execute_with(std::string_view sql, std::span<const Value> parameters);
  /// Runs a script and hands over every statement's result; stops at the first failure.
  Status execute_script(std::string_view sql, const std::function<void(ResultSet)>& sink);
  Result<PreparedStatement> prepare(std::string_view sql);

  TransactionState transaction_state() const { return session_->transaction_state(); }
  const std::string& database() const { return session_->database(); }
  /// From any thread, also while another runs a statement: that one ends with SQLSTATE 57014.
  Status cancel() { return session_->cancel(); }

  explicit Session(std::unique_ptr<SqlSession> session) : session_(std::move(session)) {}

 private:
  std::unique_ptr<SqlSession> session_;
};

}  // namespace ldb
