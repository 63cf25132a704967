// What all sessions of one node share.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/rt/rt.hpp"
#include "ldb/sql_frontend.hpp"
#include "sql/bind/binder.hpp"
#include "sql/catalog/catalog_cache.hpp"
#include "sql/exec/spill.hpp"
#include "sql/expr/function_registry.hpp"
#include "sql/plan/optimizer.hpp"

namespace ldb::sql {

/// Row counts for the optimizer: from ANALYZE where that was run, otherwise guessed from the size of the table's key range,
/// remembered for a while. Any thread.
class TableStatistics final : public Statistics {
 public:
  void set_rows(RowStore* rows) { rows_ = rows; }
  double table_rows(const Table& table) const override;
  void set_counted(TableId table, double rows);

 private:
  struct Entry {
    double rows = 0;
    bool counted = false;
    std::uint32_t uses = 0;
  };
  RowStore* rows_ = nullptr;
  mutable rt::Mutex mutex_;
  mutable std::unordered_map<TableId, Entry> entries_ LDB_GUARDED_BY(mutex_);
};

/// Hands out sequence values in blocks, so that not each one is a commit. Any thread.
struct SequenceBlocks {
  struct Block {
    std::int64_t next = 0;
    std::int64_t left = 0;
  };
  rt::Mutex mutex;
  std::map<TableId, Block> blocks LDB_GUARDED_BY(mutex);
};

/// Owned by the front end; outlives its sessions.
struct SharedState {
  SqlServices services;
  MemoryPool memory{kDefaultSqlMemoryBytes};  ///< of all statements
  SpillSpace spill;
  CatalogCache catalog;
  FunctionRegistry functions;
  std::unique_ptr<TableFunctionSource> table_functions;
  TableStatistics statistics;
  SequenceBlocks sequences;
  /// Commits of data hold it shared, commits of schema changes exclusively, so that the tables a commit writes are still as its
  /// statements saw them.
  rt::SharedMutex schema_gate;
  rt::Atomic<std::uint64_t> row_keys{0};
  std::uint64_t row_key_salt = 0;

  /// A key for a row of a table without a primary key: unique in the cluster, growing on this node.
  std::string new_row_key();
};

/// Functions that reach into the session: nextval, currval, setval, lastval, ldb.content_hash, current_setting.
void register_session_functions(FunctionRegistry& registry);

/// generate_series, virtual tables of schemas ldb and information_schema.
std::unique_ptr<TableFunctionSource> make_table_functions(SharedState& shared);

}  // namespace ldb::sql
