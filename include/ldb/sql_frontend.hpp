// The language seam: turns statements into reads and writes of rows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/clock.hpp"
#include "ldb/file_system.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/replicator.hpp"
#include "ldb/result_set.hpp"
#include "ldb/row_store.hpp"

namespace ldb {

struct SessionOptions {
  std::string database = "ldb";  ///< exists in every new cluster
  std::string user = "ldb";
  IsolationLevel isolation = IsolationLevel::kSnapshot;
  SyncPolicy sync = SyncPolicy::kSync;
};

enum class TransactionState : std::uint8_t { kIdle, kActive, kFailed };

/// A statement made ready once and run many times. Belongs to its session; same thread rules.
class SqlStatement {
 public:
  virtual ~SqlStatement() = default;
  virtual std::size_t parameter_count() const = 0;
  virtual std::vector<DataType> parameter_types() const = 0;
  /// Empty when the statement returns no rows.
  virtual const std::vector<ColumnInfo>& columns() const = 0;
  virtual Result<ResultSet> execute(std::span<const Value> parameters) = 0;
};

/// One conversation. One thread at a time.
class SqlSession {
 public:
  virtual ~SqlSession() = default;
  /// Runs all statements of `sql` in order (parameters only with a single statement) and hands each result to `sink`; stops at
  /// the first failure. Several statements outside an explicit transaction form one, as PostgreSQL's simple protocol does.
  virtual Status execute(std::string_view sql, std::span<const Value> parameters, const std::function<void(ResultSet)>& sink) = 0;
  virtual Result<std::unique_ptr<SqlStatement>> prepare(std::string_view sql) = 0;
  virtual TransactionState transaction_state() const = 0;
  virtual const std::string& database() const = 0;
  /// Runs later statements inside a transaction that somebody else began and will end (null: back to normal). BEGIN and COMMIT
  /// are refused meanwhile.
  virtual void attach(RowTransaction* transaction) = 0;
  /// Detaches the transaction and commits it. kConflict also when the schema that its statements relied on has changed: a commit
  /// past the session does not notice.
  virtual Result<CommitOutcome> commit_attached(RowTransaction& transaction) {
    attach(nullptr);
    return transaction.commit();
  }
  /// Any thread, as long as the session lives: makes the statement that is running now end with SQLSTATE 57014, soon. One that
  /// starts later is not touched. kUnsupported when the front end cannot.
  virtual Status cancel() { return Status(StatusCode::kUnsupported, "this front end cannot cancel statements"); }
};

/// Of NodeOptions::sql_memory_bytes and sql_spill_bytes.
inline constexpr std::uint64_t kDefaultSqlMemoryBytes = std::uint64_t{2} << 30;
inline constexpr std::uint64_t kDefaultSqlSpillBytes = std::uint64_t{8} << 30;

/// Borrowed; alive until stop() returned.
struct SqlServices {
  RowStore* rows = nullptr;
  Replicator* replicator = nullptr;
  Clock* clock = nullptr;
  LogSink* log_sink = nullptr;
  NodeId self;
  std::uint64_t memory_bytes = kDefaultSqlMemoryBytes;  ///< for the rows that all running statements hold together
  FileSystem* file_system = nullptr;                    ///< for rows that do not fit in memory; null: no such files are made
  std::string spill_directory = {};                     ///< the front end's own: it is emptied at start
  std::uint64_t spill_bytes = kDefaultSqlSpillBytes;    ///< for all statements together
};

/// One per node. open_session() from any thread.
class SqlFrontend {
 public:
  virtual ~SqlFrontend() = default;
  virtual Status start(const SqlServices& services) = 0;
  virtual void stop() = 0;
  virtual Result<std::unique_ptr<SqlSession>> open_session(const SessionOptions& options) = 0;
  /// Who keeps indexes in step with rows; may be null (no indexes). Must answer until the front end is destroyed, also after
  /// stop(), without the services: commits that were fetched already are applied until then.
  virtual RowIndexer* indexer() = 0;
  /// Which tables exist, as `transaction` sees it: rows of others wait for their removal, at different times on different nodes.
  /// Null: all.
  virtual Result<std::function<bool(TableId)>> existing_tables(RowTransaction& transaction) {
    (void)transaction;
    return std::function<bool(TableId)>();
  }
  virtual std::string_view name() const = 0;
};

/// PostgreSQL's SQL (default).
std::unique_ptr<SqlFrontend> new_sql_frontend();
/// A minimal language for key-value programs: `GET key`, `PUT key value`, `DELETE key`, `SCAN [from [to]]`, over the same pairs
/// as KeyValue. No SQL is linked to or parsed.
std::unique_ptr<SqlFrontend> new_key_value_frontend();

}  // namespace ldb
