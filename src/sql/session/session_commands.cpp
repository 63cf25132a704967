// Session: statements about the session, plans and upkeep (SET TRANSACTION, SHOW, DISCARD, EXPLAIN, PREPARE, EXECUTE, VACUUM,
// ...).
#include <algorithm>

#include "sql/exec/planner.hpp"
#include "sql/session/results.hpp"
#include "sql/session/session.hpp"

namespace ldb::sql {
namespace {

Result<bool> flag_of(const ast::Option& option) {
  const std::string_view text = option.value.text;
  if (option.value.kind == ast::OptionValueKind::kNone || text == "on" || text == "true" || text == "1") return true;
  if (text == "off" || text == "false" || text == "0") return false;
  return bind_error("42601", std::string(option.name) + " requires a Boolean value", option.position);
}

}  // namespace

Result<ResultSet> Session::run_set_transaction(const ast::SetTransaction& s) {
  if (!s.snapshot.empty()) return unsupported("SET TRANSACTION SNAPSHOT", s.position);
  IsolationLevel isolation = settings_.isolation();
  bool read_only = settings_.read_only();
  LDB_TRY(apply_modes(s.modes, isolation, read_only));
  if (s.session) {
    settings_.set_isolation(isolation);
    settings_.set_read_only(read_only);
    return tagged("SET");
  }
  if (!transaction_->explicit_block) return tagged("SET");  // a warning in PostgreSQL
  if (transaction_->rows->has_writes() || transaction_->changed_schema) {
    return Status::sql(StatusCode::kInvalidArgument, "25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query");
  }
  // Nothing was done yet: begin again in the other mode.
  const IsolationLevel session_isolation = settings_.isolation();
  const bool session_read_only = settings_.read_only();
  rollback();
  settings_.set_isolation(isolation);
  settings_.set_read_only(read_only);
  const Status status = begin(true);
  settings_.set_isolation(session_isolation);
  settings_.set_read_only(session_read_only);
  LDB_TRY(status);
  return tagged("SET");
}

Result<ResultSet> Session::run_show(const ast::Show& s) {
  if (!s.all) {
    if (s.name == "transaction_isolation") {
      const IsolationLevel level = transaction_->rows->options().isolation;
      const char* name = level == IsolationLevel::kReadCommitted ? "read committed"
                         : level == IsolationLevel::kSnapshot    ? "repeatable read"
                                                                 : "serializable";
      return text_rows("transaction_isolation", {name}, "SHOW");
    }
    LDB_ASSIGN_OR_RETURN(const std::string value, settings_.show(s.name));
    return text_rows(std::string(s.name), {value}, "SHOW");
  }
  std::vector<Value> values;
  for (const auto& row : settings_.all()) {
    for (const std::string& cell : row) values.emplace_back(cell);
  }
  const DataType text{TypeId::kText, -1, 0};
  return ResultSet({{"name", text}, {"setting", text}, {"description", text}}, std::move(values), "SHOW", settings_.all().size());
}

Result<ResultSet> Session::run_explain(const ast::Explain& s, std::span<const Value> parameters) {
  bool analyze = false;
  for (const ast::Option& option : s.options) {
    if (option.name == "analyze") {
      LDB_ASSIGN_OR_RETURN(analyze, flag_of(option));
    } else if (option.name == "format") {
      if (option.value.text != "text") return unsupported("EXPLAIN format " + std::string(option.value.text), option.position);
    } else if (option.name == "costs" || option.name == "timing" || option.name == "summary" || option.name == "verbose") {
      LDB_TRY(flag_of(option).status());
    } else if (option.name == "buffers" || option.name == "wal" || option.name == "settings") {
      LDB_ASSIGN_OR_RETURN(const bool on, flag_of(option));
      if (on) return unsupported("EXPLAIN option " + std::string(option.name), option.position);
    } else {
      return bind_error("42601", "unrecognized EXPLAIN option \"" + std::string(option.name) + "\"", option.position);
    }
  }
  if (!is_plannable(s.statement->kind)) return unsupported("EXPLAIN of this statement", s.position);
  std::vector<DataType> types;
  for (const Value& value : parameters) types.push_back({value.type(), -1, 0});
  LDB_ASSIGN_OR_RETURN(const auto planned, plan(*s.statement, parameters.size(), std::move(types)));
  if (!analyze) return text_rows("QUERY PLAN", explain(*planned, nullptr), "EXPLAIN");
  note_written(planned->written);
  ExecContext context;
  context.measure = true;
  const std::int64_t start = rt::monotonic_ns();
  LDB_TRY(run_plan(*planned, s.statement->kind, parameters, context).status());
  std::vector<std::string> lines = explain(*planned, &context);
  lines.push_back("Execution Time: " + std::to_string(static_cast<double>(rt::monotonic_ns() - start) / 1e6) + " ms");
  return text_rows("QUERY PLAN", lines, "EXPLAIN");
}

Result<ResultSet> Session::run_prepare(const ast::Prepare& s, PreparedStatement& outer) {
  const std::string name(s.name);
  if (prepared_.contains(name)) {
    return Status::sql(StatusCode::kAlreadyExists, "42P05", "prepared statement \"" + name + "\" already exists", s.position);
  }
  auto prepared = std::make_shared<PreparedStatement>();
  prepared->script = outer.script;  // the statement lives in its arena
  prepared->statement = s.statement;
  prepared->text = outer.text;
  for (const ast::TypeName* type : s.types) {
    LDB_ASSIGN_OR_RETURN(const DataType resolved, resolve_type(*type));
    prepared->given_types.push_back(resolved);
  }
  if (is_plannable(s.statement->kind)) LDB_TRY(make_plan(*prepared));
  prepared_[name] = std::move(prepared);
  return tagged("PREPARE");
}

Result<ResultSet> Session::run_execute(const ast::Execute& s) {
  const auto found = prepared_.find(std::string(s.name));
  if (found == prepared_.end()) {
    return Status::sql(StatusCode::kNotFound, "26000", "prepared statement \"" + std::string(s.name) + "\" does not exist",
                       s.position);
  }
  const std::shared_ptr<PreparedStatement> prepared = found->second;
  if (is_plannable(prepared->statement->kind)) LDB_TRY(make_plan(*prepared));
  if (s.arguments.size() != prepared->parameter_types.size()) {
    return Status::sql(StatusCode::kInvalidArgument, "42601",
                       "wrong number of parameters for prepared statement \"" + std::string(s.name) + "\"", s.position);
  }
  std::vector<Value> values;
  const BindEnvironment env = environment();
  for (std::size_t i = 0; i < s.arguments.size(); ++i) {
    Binder binder(env, 0);
    LDB_ASSIGN_OR_RETURN(const auto bound,
                         binder.bind_constant_expression(*s.arguments[i], prepared->parameter_types[i], "EXECUTE parameters"));
    LDB_ASSIGN_OR_RETURN(Value value, evaluate(*bound));
    values.push_back(std::move(value));
  }
  return run(*prepared, values);
}

Result<ResultSet> Session::run_deallocate(const ast::Deallocate& s) {
  if (s.all) {
    prepared_.clear();
    return tagged("DEALLOCATE ALL");
  }
  if (prepared_.erase(std::string(s.name)) == 0) {
    return Status::sql(StatusCode::kNotFound, "26000", "prepared statement \"" + std::string(s.name) + "\" does not exist",
                       s.position);
  }
  return tagged("DEALLOCATE");
}

Result<ResultSet> Session::run_discard(const ast::Discard& s) {
  const auto kind = s.discard;
  if (kind == ast::DiscardKind::kAll && transaction_->explicit_block) {
    return Status::sql(StatusCode::kInvalidArgument, "25001", "DISCARD ALL cannot run inside a transaction block");
  }
  if (kind == ast::DiscardKind::kAll) {
    prepared_.clear();
    sequence_values_.clear();
    has_last_sequence_ = false;
    ast::Reset all;
    all.all = true;
    LDB_TRY(settings_.reset(all));
    return tagged("DISCARD ALL");
  }
  if (kind == ast::DiscardKind::kSequences) sequence_values_.clear();
  return tagged(kind == ast::DiscardKind::kPlans       ? "DISCARD PLANS"
                : kind == ast::DiscardKind::kSequences ? "DISCARD SEQUENCES"
                                                       : "DISCARD TEMP");
}

Result<ResultSet> Session::run_maintenance(const ast::Statement& s) {
  if (s.kind == ast::StatementKind::kCheckpoint) {
    LDB_TRY(shared_.services.rows->engine().flush());
    return tagged("CHECKPOINT");
  }
  if (s.kind == ast::StatementKind::kReindex) return unsupported("REINDEX", s.position);
  const auto* vacuum = s.as<ast::Vacuum>();
  const auto* analyze = s.as<ast::Analyze>();
  if (vacuum != nullptr) {
    if (transaction_->explicit_block)
      return Status::sql(StatusCode::kInvalidArgument, "25001", "VACUUM cannot run inside a transaction block");
    LDB_TRY(shared_.services.rows->engine().compact(KeyRange{}));
    const bool also =
        std::any_of(vacuum->options.begin(), vacuum->options.end(), [](const ast::Option& o) { return o.name == "analyze"; });
    if (!also) return tagged("VACUUM");
  }
  // ANALYZE counts rows; finer statistics do not exist yet.
  std::vector<std::shared_ptr<const Table>> tables;
  for (const ast::MaintainedTable& named : vacuum ? vacuum->tables : analyze->tables) {
    std::shared_ptr<const Table> table;
    for (const std::string& schema : settings_.search_path()) {
      const std::string in = named.name.schema.empty() ? schema : std::string(named.name.schema);
      table =
          table ? table : transaction_->catalog->find_table(RelationName{options_.database, in, std::string(named.name.name)});
    }
    if (table == nullptr)
      return bind_error("42P01", "relation \"" + std::string(named.name.name) + "\" does not exist", named.name.position);
    tables.push_back(std::move(table));
  }
  if (tables.empty()) {
    for (const auto& [id, table] : transaction_->catalog->tables()) {
      if (table->name.database == options_.database) tables.push_back(table);
    }
  }
  for (const auto& table : tables) {
    LDB_ASSIGN_OR_RETURN(auto cursor, transaction_->rows->scan(table->id, KeyRange{}));
    double rows = 0;
    for (; cursor->valid(); cursor->next()) ++rows;
    LDB_TRY(cursor->status());
    shared_.statistics.set_counted(table->id, rows);
  }
  return tagged(vacuum ? "VACUUM" : "ANALYZE");
}

}  // namespace ldb::sql
