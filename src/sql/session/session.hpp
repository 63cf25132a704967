// Session: one conversation. Transactions, statement by statement execution, settings, prepared statements.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ldb/sql_frontend.hpp"
#include "sql/exec/exec_context.hpp"
#include "sql/exec/modify.hpp"
#include "sql/session/schema_changer.hpp"
#include "sql/session/settings.hpp"
#include "sql/session/shared.hpp"

namespace ldb::sql {

/// Tables that a transaction may have written, as committed when it first did; null: made by itself.
using WrittenTables = std::map<TableId, std::shared_ptr<const Table>>;

/// A transaction in progress.
struct OpenTransaction {
  std::unique_ptr<RowTransaction> owned;  ///< null when somebody else's is attached
  RowTransaction* rows = nullptr;
  std::shared_ptr<const Catalog> catalog;         ///< what its statements see; taken before its view
  std::shared_ptr<const Catalog> catalog_before;  ///< its first schema change; null: there was none
  bool explicit_block = false;                    ///< BEGIN was run
  bool failed = false;
  bool changed_schema = false;
  bool gate_held = false;       ///< SharedState::schema_gate is held exclusively for the whole transaction
  bool validated = false;       ///< existing rows were checked against a new constraint
  std::set<IndexId> own_ready;  ///< indexes made here that hold every row
  WrittenTables written;
  std::vector<std::pair<std::string, std::size_t>> savepoints;
  Timestamp started;
};

/// A parsed statement with the plan made for it last. Shared by runs of a prepared statement; one session's.
struct PreparedStatement {
  std::shared_ptr<const ParsedScript> script;
  const ast::Statement* statement = nullptr;
  std::string text;
  std::vector<DataType> given_types;  ///< PREPARE name (types)
  std::vector<DataType> parameter_types;
  std::shared_ptr<const PhysicalStatement> plan;
  std::uint64_t catalog_version = 0;
  std::string search_path;
  std::vector<ColumnInfo> columns;
};

/// See SqlSession. `shared` outlives it.
class Session final : public SqlSession, public SchemaHost, public SessionAccess {
 public:
  Session(SharedState& shared, SessionOptions options);
  ~Session() override;

  Status execute(std::string_view sql, std::span<const Value> parameters, const std::function<void(ResultSet)>& sink) override;
  Result<std::unique_ptr<SqlStatement>> prepare(std::string_view sql) override;
  TransactionState transaction_state() const override;
  const std::string& database() const override { return options_.database; }
  void attach(RowTransaction* transaction) override;
  Result<CommitOutcome> commit_attached(RowTransaction& transaction) override;
  Status cancel() override;

  /// One run of a prepared statement, as a statement of its own.
  Result<ResultSet> run_prepared(PreparedStatement& prepared, std::span<const Value> parameters);
  /// Parses and plans. The statement may be of any kind; those without a plan have no columns.
  Result<std::shared_ptr<PreparedStatement>> make_prepared(std::string_view sql, std::vector<DataType> types);

  // SchemaHost
  const std::shared_ptr<const Catalog>& catalog() const override { return transaction_->catalog; }
  RowTransaction& rows() override { return *transaction_->rows; }
  Status refresh() override;
  BindEnvironment environment() const override;
  Result<ResultSet> run_internal(const std::string& sql) override;
  Result<Value> evaluate(const Expression& expression) override;
  Result<std::vector<OutputColumn>> describe(const ast::Query& query) override;
  const std::vector<std::string>& search_path() const override { return settings_.search_path(); }
  void forget_sequence(TableId sequence) override;
  void note_validated() override { transaction_->validated = true; }

  // SessionAccess (session_functions.cpp)
  Result<std::int64_t> next_value(const std::string& sequence) override;
  Result<std::int64_t> current_value(const std::string& sequence) override;
  Result<std::int64_t> set_value(const std::string& sequence, std::int64_t value, bool is_called) override;
  Result<std::int64_t> last_value() override;
  Result<std::string> content_hash() override;
  Result<std::string> setting(const std::string& name) override;

 private:
  friend class StatementScope;

  // session.cpp: transactions
  Status begin(bool explicit_block);
  Result<std::shared_ptr<const Catalog>> catalog_for_attached();
  Status commit();
  void rollback();
  void follow_schema_change();
  Status check_written(const WrittenTables& written) const;
  Result<ResultSet> run_transaction_statement(const ast::Transaction& s);
  Status run_savepoint(const ast::Transaction& s);
  Status apply_modes(const ast::TransactionModes& modes, IsolationLevel& isolation, bool& read_only);
  /// One statement with its own transaction if none is open; repeats it when that transaction is refused by a conflict.
  Result<ResultSet> run_alone(PreparedStatement& prepared, std::span<const Value> parameters);
  /// As run_alone, with the schema gate closed to everybody else.
  Result<ResultSet> run_gated(PreparedStatement& prepared);
  Result<ResultSet> run_in_transaction(PreparedStatement& prepared, std::span<const Value> parameters);
  Result<ResultSet> run_attached(PreparedStatement& prepared, std::span<const Value> parameters);

  // session_commands.cpp: statements without a plan
  Result<ResultSet> run_set_transaction(const ast::SetTransaction& s);
  Result<ResultSet> run_show(const ast::Show& s);
  Result<ResultSet> run_deallocate(const ast::Deallocate& s);
  Result<ResultSet> run_discard(const ast::Discard& s);
  Result<ResultSet> run_explain(const ast::Explain& s, std::span<const Value> parameters);
  Result<ResultSet> run_prepare(const ast::Prepare& s, PreparedStatement& outer);
  Result<ResultSet> run_execute(const ast::Execute& s);
  Result<ResultSet> run_maintenance(const ast::Statement& s);

  // session_run.cpp: statements
  Result<ResultSet> run(PreparedStatement& prepared, std::span<const Value> parameters);
  Result<ResultSet> run_schema_change(const ast::Statement& s, std::string_view text);
  Status make_plan(PreparedStatement& prepared);
  Result<std::shared_ptr<const PhysicalStatement>> plan(const ast::Statement& s, std::size_t parameter_count,
                                                        std::vector<DataType> types);
  void prepare_context(ExecContext& context);
  Result<ResultSet> run_plan(const PhysicalStatement& plan, ast::StatementKind kind, std::span<const Value> parameters,
                             ExecContext& context);
  void note_written(std::vector<std::shared_ptr<const Table>> tables);
  Result<const RowRules*> rules_for(const Table& table);
  std::string_view current_schema() const;

  // session_functions.cpp
  struct FoundSequence {
    std::shared_ptr<const Sequence> sequence;
    bool own = false;  ///< made or changed by this transaction
  };
  Result<FoundSequence> find_sequence(const std::string& text);
  Result<std::int64_t> advance(const Sequence& sequence, RowTransaction& rows, std::int64_t count, std::int64_t& available);

  SharedState& shared_;
  SessionOptions options_;
  Settings settings_;
  std::optional<OpenTransaction> transaction_;
  RowTransaction* attached_ = nullptr;
  // What outlives its statements, each of which has a transaction_ of its own.
  std::shared_ptr<const Catalog> attached_catalog_;  // not under READ COMMITTED; null before the first statement
  WrittenTables attached_written_;
  std::unordered_map<std::string, std::shared_ptr<PreparedStatement>> prepared_;
  std::map<TableId, RowRules> rules_;  // for foreign key actions, of the catalog version below
  std::uint64_t rules_version_ = 0;
  rt::Atomic<bool> cancelled_{false};                // the running statement is to stop
  std::int64_t deadline_ns_ = 0;                     // when it has run for statement_timeout; 0: never
  std::map<TableId, std::int64_t> sequence_values_;  // currval
  TableId last_sequence_;
  bool has_last_sequence_ = false;
};

}  // namespace ldb::sql
