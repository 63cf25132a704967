// ExecContext: everything one running statement works with.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ldb/row_store.hpp"
#include "sql/catalog/catalog.hpp"
#include "sql/exec/physical_plan.hpp"
#include "sql/exec/row_buffer.hpp"
#include "sql/expr/evaluate.hpp"

namespace ldb::sql {

class RowWriter;
class SpillSpace;
class SubplanRunner;
struct RowRules;

/// What functions of the session (nextval, ldb.content_hash) and virtual tables reach: implemented by the session.
class SessionAccess {
 public:
  virtual ~SessionAccess() = default;
  virtual Result<std::int64_t> next_value(const std::string& sequence) = 0;
  virtual Result<std::int64_t> current_value(const std::string& sequence) = 0;
  virtual Result<std::int64_t> set_value(const std::string& sequence, std::int64_t value, bool is_called) = 0;
  virtual Result<std::int64_t> last_value() = 0;
  virtual Result<std::string> content_hash() = 0;
  virtual Result<std::string> setting(const std::string& name) = 0;
};

/// A WITH query's rows, fetched from its plan as far as they have been asked for.
struct CommonTable {
  RowBuffer rows;
  std::unique_ptr<Operator> source;  ///< null at the end
};

/// One per run. One thread. Borrowed parts outlive it.
struct ExecContext : EvalContext {
  RowTransaction* transaction = nullptr;
  std::shared_ptr<const Catalog> catalog;
  const PhysicalStatement* statement = nullptr;
  SessionAccess* session = nullptr;
  const FunctionRegistry* functions = nullptr;
  std::vector<Value> slots;                  ///< parameters, then outer references; EvalContext::parameters shows them
  std::function<std::string()> new_row_key;  ///< for tables with a hidden key
  /// Rules of a table that foreign key actions reach; valid as long as the context.
  std::function<Result<const RowRules*>(const Table&)> row_rules;
  std::function<Result<Value>(const Table&, Ordinal)> column_default;
  std::uint64_t affected = 0;                     ///< rows that the statement's INSERT, UPDATE or DELETE changed
  std::unique_ptr<RowWriter> writer;              ///< of the statement
  std::vector<std::function<Status()>> deferred;  ///< writes that wait for the end of the statement
  /// Rows that UPDATE or DELETE of a statement with several writing parts has met: the first part to meet a row changes it.
  std::unordered_set<std::string> met_rows;
  std::unique_ptr<SubplanRunner> runner;
  std::vector<std::unique_ptr<CommonTable>> common_tables;  ///< by number; null until first read
  std::vector<const RowBuffer*> working_tables;             ///< by number; the rows a recursion step reads
  SpillSpace* spill = nullptr;                              ///< for rows that do not fit; null: there is none
  std::size_t work_mem = ~std::size_t{0};                   ///< what a sort holds before it uses that
  bool measure = false;
  std::unordered_map<const PhysicalPlan*, OperatorStatistics> statistics;

  ExecContext();
  ~ExecContext() override;
  /// Prepares for a run with these parameters.
  void start(const PhysicalStatement& physical, std::span<const Value> values);
  void set_slot(std::size_t slot, Value value) { slots[slot] = std::move(value); }
  const rt::Atomic<bool>* cancelled = nullptr;  ///< set by another thread; may be null
  std::int64_t deadline_ns = 0;                 ///< rt::monotonic_ns() when the statement's time is up; 0: never
  /// 57014 when the statement was cancelled or its time is up. Operators ask once a batch.
  Status check_interrupt() const {
    if (cancelled == nullptr && deadline_ns == 0) return {};
    return interrupted();
  }

 private:
  Status interrupted() const;
};

/// Runs a whole statement: the plan, common tables that write and were not read to their ends, then what was left for the end.
Status run_statement(const PhysicalStatement& statement, ExecContext& context, const std::function<Status(const Batch&)>& sink);
/// A recursion takes a step: forgets what depends on its working table.
void forget_dependents(std::size_t recursion, ExecContext& context);
/// A common table, opened when it is the first to be read.
CommonTable& common_table(std::size_t cte, ExecContext& context);
/// Fetches more of its rows; false when there are none.
Result<bool> fetch_more(CommonTable& table, ExecContext& context);

/// Runs a plan to its end, batch by batch.
Status run_to_end(const PhysicalPlan& plan, ExecContext& context, const std::function<Status(const Batch&)>& sink);

}  // namespace ldb::sql
