#include "sql/session/session.hpp"

#include <algorithm>

#include "sql/bind/binder.hpp"
#include "sql/catalog/catalog_loader.hpp"
#include "sql/session/results.hpp"

namespace ldb::sql {
namespace {

constexpr int kMaxAttempts = 20;  // of an autocommitted statement that other commits get in the way of

Status failed_transaction() {
  return Status::sql(StatusCode::kAborted, "25P02",
                     "current transaction is aborted, commands ignored until end of transaction block");
}

/// Whether commits of data written under one definition of a table fit another.
bool same_rules(const Table& a, const Table& b) {
  const auto same_columns = [](const Column& x, const Column& y) {
    return x.id == y.id && x.type == y.type && x.not_null == y.not_null && x.generated.sql == y.generated.sql &&
           x.merge_group == y.merge_group;
  };
  const auto same_indexes = [](const Index& x, const Index& y) { return x.id == y.id; };
  const auto same_constraints = [](const TableConstraint& x, const TableConstraint& y) {
    return x.name == y.name && x.type == y.type && x.index == y.index && x.referenced == y.referenced &&
           x.check.sql == y.check.sql;
  };
  const auto same_references = [](const Reference& x, const Reference& y) {
    return x.table == y.table && x.constraint == y.constraint;
  };
  return std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(), same_columns) &&
         std::equal(a.indexes.begin(), a.indexes.end(), b.indexes.begin(), b.indexes.end(), same_indexes) &&
         std::equal(a.constraints.begin(), a.constraints.end(), b.constraints.begin(), b.constraints.end(), same_constraints) &&
         std::equal(a.references.begin(), a.references.end(), b.references.begin(), b.references.end(), same_references);
}

bool is_select_like(ast::StatementKind kind) {
  return kind == ast::StatementKind::kSelect || kind == ast::StatementKind::kInsert || kind == ast::StatementKind::kUpdate ||
         kind == ast::StatementKind::kDelete;
}

}  // namespace

Session::Session(SharedState& shared, SessionOptions options)
    : shared_(shared), options_(std::move(options)), settings_(options_.isolation, options_.sync) {}

Session::~Session() { rollback(); }

TransactionState Session::transaction_state() const {
  if (attached_ != nullptr) return TransactionState::kActive;
  if (!transaction_) return TransactionState::kIdle;
  return transaction_->failed ? TransactionState::kFailed : TransactionState::kActive;
}

void Session::attach(RowTransaction* transaction) {
  if (attached_ != nullptr || transaction != nullptr) rollback();
  attached_ = transaction;
  attached_catalog_ = nullptr;
  attached_written_.clear();
}

Result<CommitOutcome> Session::commit_attached(RowTransaction& transaction) {
  const WrittenTables written = std::move(attached_written_);
  attach(nullptr);
  if (written.empty()) return transaction.commit();  // pairs of KeyValue have no schema
  rt::ReadLock gate(shared_.schema_gate);
  if (const Status status = check_written(written); !status) {
    transaction.rollback();
    return status;
  }
  return transaction.commit();
}

/// The view of an attached transaction may be older than the newest catalog, whose indexes are not full in it.
Result<std::shared_ptr<const Catalog>> Session::catalog_for_attached() {
  if (attached_->options().isolation == IsolationLevel::kReadCommitted) return shared_.catalog.current();
  if (attached_catalog_ == nullptr) {
    LDB_ASSIGN_OR_RETURN(auto catalog, shared_.catalog.current());
    if (catalog->view_sequence() > attached_->view_sequence()) {
      LDB_ASSIGN_OR_RETURN(const auto loaded, load_catalog(*attached_, shared_.catalog.new_version()));
      shared_.catalog.mark_ready(*loaded, attached_->view(), {});
      catalog = loaded;
    }
    attached_catalog_ = std::move(catalog);
  }
  return attached_catalog_;
}

Status Session::begin(bool explicit_block) {
  OpenTransaction open;
  // The catalog first: every index it calls ready was filled before the view that is taken next.
  LDB_ASSIGN_OR_RETURN(open.catalog, attached_ != nullptr ? catalog_for_attached() : shared_.catalog.current());
  if (!open.catalog->has_database(options_.database)) {
    return Status::sql(StatusCode::kNotFound, "3D000", "database \"" + options_.database + "\" does not exist");
  }
  if (attached_ != nullptr) {
    open.rows = attached_;
  } else {
    TransactionOptions options;
    options.isolation = settings_.isolation();
    options.read_only = settings_.read_only();
    options.sync = settings_.sync();
    LDB_ASSIGN_OR_RETURN(open.owned, shared_.services.rows->begin(options));
    open.rows = open.owned.get();
  }
  open.explicit_block = explicit_block;
  open.started = {shared_.services.clock ? shared_.services.clock->wall_us() : 0};
  transaction_ = std::move(open);
  return {};
}

/// The tables written must still be what the statements took them for. Call with the schema gate held.
Status Session::check_written(const WrittenTables& written) const {
  if (written.empty()) return {};
  LDB_ASSIGN_OR_RETURN(const auto newest, shared_.catalog.current());
  for (const auto& [id, table] : written) {
    const auto now = newest->find_table(id);
    if (now == table) continue;
    if (now == nullptr || table == nullptr || !same_rules(*table, *now)) {
      return Status::sql(StatusCode::kConflict, "40001",
                         "could not serialize access: table \"" + (table ? table : now)->name.name +
                             "\" was changed by another session; run the transaction again");
    }
  }
  return {};
}

Status Session::commit() {
  if (!transaction_) return {};
  OpenTransaction& open = *transaction_;
  Status status;
  if (!open.rows->has_writes()) {
    status = open.owned->commit().status();
  } else if (open.changed_schema) {
    if (open.gate_held) {
      status = check_written(open.written);
      if (status) status = open.owned->commit().status();
    } else {
      rt::WriteLock gate(shared_.schema_gate);
      status = check_written(open.written);
      // Rows may have been written since they were checked.
      if (status && open.validated && shared_.services.rows->engine().view()->sequence() != open.rows->view_sequence()) {
        status = Status::sql(
            StatusCode::kConflict, "40001",
            "could not serialize access: rows were written while a constraint was being added; run the transaction again");
      }
      if (status) status = open.owned->commit().status();
    }
    if (!open.gate_held) follow_schema_change();  // otherwise done when the gate is open again
  } else {
    rt::ReadLock gate(shared_.schema_gate);
    status = check_written(open.written);
    if (status) status = open.owned->commit().status();
  }
  transaction_.reset();
  settings_.end_transaction(status.is_ok());
  if (!status && status.code() == StatusCode::kConflict && status.sqlstate() != "40001") {
    return Status::sql(StatusCode::kConflict, "40001", std::string(status.message()));
  }
  return status;
}

void Session::rollback() {
  if (!transaction_) return;
  const bool changed = transaction_->changed_schema;
  if (transaction_->owned) transaction_->owned->rollback();
  transaction_.reset();
  settings_.end_transaction(false);
  if (!changed) return;
  follow_schema_change();
}

/// After a schema change was committed or undone: builds its indexes, and removes entries that other commits may have made for an
/// index that never came to be.
void Session::follow_schema_change() {
  shared_.catalog.set_pending(this, nullptr);
  if (const Status status = shared_.catalog.maintain(); !status) {
    shared_.services.log_sink->log(LogLevel::kWarning, "sql", "after a schema change: " + status.to_string());
  }
}

Status Session::refresh() {
  OpenTransaction& open = *transaction_;
  LDB_ASSIGN_OR_RETURN(const std::shared_ptr<Catalog> loaded, load_catalog(*open.rows, shared_.catalog.new_version()));
  LDB_ASSIGN_OR_RETURN(const auto committed, shared_.catalog.current());
  // An index that this transaction makes on a table it has made, before any row, is filled as rows come.
  for (const auto& [id, table] : loaded->tables()) {
    if (committed->find_table(id) != nullptr) continue;
    bool fresh = false;
    for (const Index& index : table->indexes) fresh = fresh || !open.own_ready.contains(index.id);
    if (!fresh) continue;
    LDB_ASSIGN_OR_RETURN(auto cursor, open.rows->scan(id, KeyRange{}));
    const bool empty = !cursor->valid();
    LDB_TRY(cursor->status());
    for (const Index& index : table->indexes) {
      if (!empty) break;
      open.own_ready.insert(index.id);
      open.rows->own_index(index.id);
    }
  }
  shared_.catalog.mark_ready(*loaded, open.rows->view(), open.own_ready);
  if (!open.changed_schema) open.catalog_before = std::move(open.catalog);
  open.catalog = loaded;
  open.changed_schema = true;
  shared_.catalog.set_pending(this, loaded);
  return {};
}

Status Session::apply_modes(const ast::TransactionModes& modes, IsolationLevel& isolation, bool& read_only) {
  switch (modes.isolation) {
    case ast::IsolationLevel::kUnspecified:
      break;
    case ast::IsolationLevel::kReadUncommitted:
    case ast::IsolationLevel::kReadCommitted:
      isolation = IsolationLevel::kReadCommitted;
      break;
    case ast::IsolationLevel::kRepeatableRead:
      isolation = IsolationLevel::kSnapshot;
      break;
    case ast::IsolationLevel::kSerializable:
      isolation = IsolationLevel::kSerializable;
      break;
  }
  if (modes.read_only != ast::Tristate::kUnspecified) read_only = modes.read_only == ast::Tristate::kYes;
  return {};
}

Status Session::run_savepoint(const ast::Transaction& s) {
  auto& savepoints = transaction_->savepoints;
  const std::string name(s.name);
  if (s.transaction == ast::TransactionKind::kSavepoint) {
    savepoints.emplace_back(name, transaction_->rows->savepoint());
    return {};
  }
  const auto found = std::find_if(savepoints.rbegin(), savepoints.rend(), [&](const auto& each) { return each.first == name; });
  if (found == savepoints.rend()) {
    return Status::sql(StatusCode::kNotFound, "3B001", "savepoint \"" + name + "\" does not exist", s.position);
  }
  const auto place = static_cast<std::size_t>(savepoints.rend() - found - 1);
  if (s.transaction == ast::TransactionKind::kRelease) {
    savepoints.resize(place);
    return {};
  }
  LDB_TRY(transaction_->rows->rollback_to(savepoints[place].second));
  savepoints.resize(place + 1);
  transaction_->failed = false;
  if (transaction_->changed_schema) return refresh();
  return {};
}

Result<ResultSet> Session::run_transaction_statement(const ast::Transaction& s) {
  using Kind = ast::TransactionKind;
  if (attached_ != nullptr) {
    return Status::sql(StatusCode::kInvalidArgument, "25001",
                       "the transaction belongs to the application: BEGIN, COMMIT and savepoints are refused");
  }
  switch (s.transaction) {
    case Kind::kBegin:
    case Kind::kStart: {
      const std::string tag = s.transaction == Kind::kBegin ? "BEGIN" : "START TRANSACTION";
      if (transaction_ && transaction_->explicit_block) return tagged(tag);  // a warning in PostgreSQL
      if (transaction_) {
        transaction_->explicit_block = true;  // the statements before it in the same string belong to it
        return tagged(tag);
      }
      const IsolationLevel isolation = settings_.isolation();
      const bool read_only = settings_.read_only();
      IsolationLevel wanted = isolation;
      bool wanted_read_only = read_only;
      LDB_TRY(apply_modes(s.modes, wanted, wanted_read_only));
      settings_.set_isolation(wanted);
      settings_.set_read_only(wanted_read_only);
      const Status status = begin(true);
      settings_.set_isolation(isolation);
      settings_.set_read_only(read_only);
      LDB_TRY(status);
      return tagged(tag);
    }
    case Kind::kCommit: {
      if (s.chain == ast::Tristate::kYes) return unsupported("AND CHAIN", s.position);
      if (!transaction_) return tagged("COMMIT");
      if (transaction_->failed) {
        rollback();
        return tagged("ROLLBACK");
      }
      LDB_TRY(commit());
      return tagged("COMMIT");
    }
    case Kind::kRollback:
      if (s.chain == ast::Tristate::kYes) return unsupported("AND CHAIN", s.position);
      rollback();
      return tagged("ROLLBACK");
    case Kind::kSavepoint:
    case Kind::kRelease:
    case Kind::kRollbackTo: {
      const char* tag = s.transaction == Kind::kSavepoint ? "SAVEPOINT"
                        : s.transaction == Kind::kRelease ? "RELEASE"
                                                          : "ROLLBACK";
      if (!transaction_ || !transaction_->explicit_block) {
        return Status::sql(StatusCode::kInvalidArgument, "25P01", std::string(tag) + " can only be used in transaction blocks",
                           s.position);
      }
      if (transaction_->failed && s.transaction != Kind::kRollbackTo) return failed_transaction();
      const Status status = run_savepoint(s);
      if (!status) {
        transaction_->failed = true;
        return status;
      }
      return tagged(tag);
    }
    default:
      return unsupported("two-phase commit", s.position);
  }
}

/// Statement atomicity inside a transaction of the application: a savepoint around each.
Result<ResultSet> Session::run_attached(PreparedStatement& prepared, std::span<const Value> parameters) {
  LDB_TRY(begin(false));
  attached_->begin_statement();
  const std::size_t savepoint = attached_->savepoint();
  auto result = run(prepared, parameters);
  if (result) attached_written_.merge(transaction_->written);  // the older definition stays
  transaction_.reset();
  if (!result) {
    if (const Status undone = attached_->rollback_to(savepoint); !undone) return undone;
  }
  return result;
}

Result<ResultSet> Session::run_in_transaction(PreparedStatement& prepared, std::span<const Value> parameters) {
  if (transaction_->failed) return failed_transaction();
  if (transaction_->owned->options().isolation == IsolationLevel::kReadCommitted && !transaction_->changed_schema) {
    LDB_ASSIGN_OR_RETURN(transaction_->catalog, shared_.catalog.current());
    transaction_->rows->begin_statement();
  }
  auto result = run(prepared, parameters);
  if (!result && transaction_) transaction_->failed = true;
  return result;
}

Result<ResultSet> Session::run_alone(PreparedStatement& prepared, std::span<const Value> parameters) {
  if (prepared.statement->kind == ast::StatementKind::kAlterTable ||
      prepared.statement->kind == ast::StatementKind::kCreateIndex) {
    // May check existing rows: no commit of data may come between the check and this commit.
    auto result = run_gated(prepared);
    follow_schema_change();
    return result;
  }
  for (int attempt = 1;; ++attempt) {
    LDB_TRY(begin(false));
    auto result = run(prepared, parameters);
    Status status = result.status();
    if (status && transaction_) {
      status = commit();
    } else {
      rollback();
    }
    if (status) return result;
    if (status.code() != StatusCode::kConflict || attempt == kMaxAttempts) return status;
    rt::yield();
  }
}

Result<ResultSet> Session::run_gated(PreparedStatement& prepared) {
  rt::WriteLock gate(shared_.schema_gate);
  for (int attempt = 1;; ++attempt) {
    LDB_TRY(begin(false));
    transaction_->gate_held = true;
    auto result = run(prepared, {});
    Status status = result.status();
    if (status && transaction_) {
      status = commit();
    } else {
      rollback();
    }
    if (status) return result;
    if (status.code() != StatusCode::kConflict || attempt == kMaxAttempts) return status;
  }
}

Status Session::cancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  return {};
}

Result<ResultSet> Session::run_prepared(PreparedStatement& prepared, std::span<const Value> parameters) {
  cancelled_.store(false, std::memory_order_relaxed);
  const std::int64_t timeout_ms = settings_.statement_timeout_ms();
  deadline_ns_ = timeout_ms > 0 ? rt::monotonic_ns() + timeout_ms * 1'000'000 : 0;
  if (const auto* s = prepared.statement->as<ast::Transaction>()) return run_transaction_statement(*s);
  if (attached_ != nullptr) return run_attached(prepared, parameters);
  if (transaction_) return run_in_transaction(prepared, parameters);
  return run_alone(prepared, parameters);
}

Status Session::execute(std::string_view sql, std::span<const Value> parameters, const std::function<void(ResultSet)>& sink) {
  auto parsed = parse(sql);
  if (!parsed) {
    if (transaction_) transaction_->failed = true;
    return parsed.error();
  }
  const auto script = std::make_shared<const ParsedScript>(std::move(parsed).value());
  const bool several = script->statements.size() > 1;
  if (!parameters.empty() && several) {
    return Status::sql(StatusCode::kInvalidArgument, "42601", "cannot insert multiple commands into a prepared statement");
  }
  for (const ast::Statement* statement : script->statements) {
    PreparedStatement one;
    one.script = script;
    one.statement = statement;
    one.text = script->source_of(*statement);
    // Several statements outside BEGIN are one transaction.
    if (several && !transaction_ && attached_ == nullptr && !statement->as<ast::Transaction>()) LDB_TRY(begin(false));
    auto result = run_prepared(one, parameters);
    if (!result) {
      if (transaction_ && !transaction_->explicit_block) rollback();
      return result.error();
    }
    sink(std::move(result).value());
  }
  if (transaction_ && !transaction_->explicit_block && attached_ == nullptr) return commit();
  return {};
}

Result<std::shared_ptr<PreparedStatement>> Session::make_prepared(std::string_view sql, std::vector<DataType> types) {
  LDB_ASSIGN_OR_RETURN(auto parsed, parse(sql));
  if (parsed.statements.size() != 1) {
    return Status::sql(StatusCode::kInvalidArgument, "42601", "a prepared statement is exactly one statement");
  }
  auto prepared = std::make_shared<PreparedStatement>();
  prepared->script = std::make_shared<const ParsedScript>(std::move(parsed));
  prepared->statement = prepared->script->statements[0];
  prepared->text = prepared->script->source_of(*prepared->statement);
  prepared->given_types = std::move(types);
  if (!is_select_like(prepared->statement->kind)) return prepared;
  // Planned now, for its types and errors.
  if (transaction_) {
    if (transaction_->failed) return failed_transaction();
    LDB_TRY(make_plan(*prepared));
    return prepared;
  }
  LDB_TRY(begin(false));
  const Status status = make_plan(*prepared);
  if (attached_ != nullptr) {
    transaction_.reset();
  } else {
    rollback();
  }
  LDB_TRY(status);
  return prepared;
}

namespace {

class SessionStatement final : public SqlStatement {
 public:
  SessionStatement(Session& session, std::shared_ptr<PreparedStatement> prepared)
      : session_(session), prepared_(std::move(prepared)) {}
  std::size_t parameter_count() const override { return prepared_->parameter_types.size(); }
  std::vector<DataType> parameter_types() const override { return prepared_->parameter_types; }
  const std::vector<ColumnInfo>& columns() const override { return prepared_->columns; }
  Result<ResultSet> execute(std::span<const Value> parameters) override { return session_.run_prepared(*prepared_, parameters); }

 private:
  Session& session_;
  std::shared_ptr<PreparedStatement> prepared_;
};

}  // namespace

Result<std::unique_ptr<SqlStatement>> Session::prepare(std::string_view sql) {
  LDB_ASSIGN_OR_RETURN(auto prepared, make_prepared(sql, {}));
  return std::unique_ptr<SqlStatement>(std::make_unique<SessionStatement>(*this, std::move(prepared)));
}

}  // namespace ldb::sql
