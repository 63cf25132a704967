// A node's data side in memory with the SQL front end on top, for tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/clock.hpp"
#include "ldb/conflict_resolver.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/replicator.hpp"
#include "ldb/row_store.hpp"
#include "ldb/sql_frontend.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::test {

/// Memory engine, standalone replicator, row store, front end. One session is open from the start.
class SqlNode {
 public:
  explicit SqlNode(std::unique_ptr<StorageEngine> engine = new_memory_engine(),
                   std::uint64_t memory_bytes = kDefaultSqlMemoryBytes, FileSystem* spill = nullptr,
                   std::uint64_t spill_bytes = kDefaultSqlSpillBytes);
  ~SqlNode();
  SqlNode(const SqlNode&) = delete;
  SqlNode& operator=(const SqlNode&) = delete;

  SqlSession& session() { return *session_; }
  std::unique_ptr<SqlSession> new_session(const std::string& database = "ldb");
  /// Replaces the session by one on another database.
  void connect(const std::string& database);
  RowStore& rows() { return *rows_; }
  /// Stops everything above the engine and starts it again over the same data.
  void restart();

  /// All statements; the last one's result.
  Result<ResultSet> run(std::string_view sql, std::span<const Value> parameters = {});
  /// As run(), which must succeed.
  ResultSet ok(std::string_view sql, std::span<const Value> parameters = {});
  /// SQLSTATE of the failure, "00000" when there is none.
  std::string error(std::string_view sql);
  /// Rows as text: columns separated by "|", rows by "\n", NULL as "NULL".
  std::string text(std::string_view sql, std::span<const Value> parameters = {});

 private:
  void start();
  void stop();

  std::unique_ptr<StorageEngine> engine_;
  std::uint64_t memory_bytes_;
  FileSystem* spill_;  ///< its directory "spill" is for rows that do not fit in memory; may be null
  std::uint64_t spill_bytes_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<ConflictResolver> resolver_;
  std::unique_ptr<Replicator> replicator_;
  std::unique_ptr<RowStore> rows_;
  std::unique_ptr<SqlFrontend> frontend_;
  std::unique_ptr<SqlSession> session_;
};

/// As PostgreSQL would print the result, "|" between columns.
std::string to_text(const ResultSet& result);

}  // namespace ldb::test
