// Session: planning and running statements.
#include <algorithm>
#include <array>

#include "sql/exec/planner.hpp"
#include "sql/parse/to_sql.hpp"
#include "sql/session/session.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kShortBytes = 15;  // what a std::string holds without memory of its own

ResultSet tagged(std::string tag) { return ResultSet({}, {}, std::move(tag), 0); }

ResultSet text_rows(std::string column, const std::vector<std::string>& lines, std::string tag) {
  std::vector<Value> values;
  for (const std::string& line : lines) values.emplace_back(line);
  return ResultSet({{std::move(column), {TypeId::kText, -1, 0}}}, std::move(values), std::move(tag), lines.size());
}

bool is_plannable(ast::StatementKind kind) {
  using Kind = ast::StatementKind;
  return kind == Kind::kSelect || kind == Kind::kInsert || kind == Kind::kUpdate || kind == Kind::kDelete;
}

std::string tag_of(ast::StatementKind kind, std::uint64_t rows) {
  const std::string count = std::to_string(rows);
  switch (kind) {
    case ast::StatementKind::kInsert:
      return "INSERT 0 " + count;
    case ast::StatementKind::kUpdate:
      return "UPDATE " + count;
    case ast::StatementKind::kDelete:
      return "DELETE " + count;
    default:
      return "SELECT " + count;
  }
}

Result<bool> flag_of(const ast::Option& option) {
  const std::string_view text = option.value.text;
  if (option.value.kind == ast::OptionValueKind::kNone || text == "on" || text == "true" || text == "1") return true;
  if (text == "off" || text == "false" || text == "0") return false;
  return bind_error("42601", std::string(option.name) + " requires a Boolean value", option.position);
}

}  // namespace

BindEnvironment Session::environment() const {
  BindEnvironment environment;
  environment.catalog = transaction_->catalog;
  environment.database = options_.database;
  environment.search_path = settings_.search_path();
  environment.functions = &shared_.functions;
  environment.table_functions = shared_.table_functions.get();
  return environment;
}

std::string_view Session::current_schema() const {
  for (const std::string& schema : settings_.search_path()) {
    if (transaction_->catalog->has_schema(options_.database, schema)) return schema;
  }
  return {};
}

Result<std::shared_ptr<const PhysicalStatement>> Session::plan(const ast::Statement& s, std::size_t parameter_count,
                                                               std::vector<DataType> types) {
  const BindEnvironment env = environment();
  Binder binder(env, parameter_count, std::move(types));
  LDB_ASSIGN_OR_RETURN(const auto bound, binder.bind(s));
  optimize(*bound, shared_.statistics);
  return make_physical(*bound);
}

/// Plans, or keeps the plan while the catalog and the search path are those it was made for.
Status Session::make_plan(PreparedStatement& prepared) {
  LDB_ASSIGN_OR_RETURN(const std::string path, settings_.show("search_path"));
  if (prepared.plan && prepared.catalog_version == transaction_->catalog->version() && prepared.search_path == path) return {};
  const std::vector<DataType> types = prepared.parameter_types.empty() ? prepared.given_types : prepared.parameter_types;
  LDB_ASSIGN_OR_RETURN(prepared.plan, plan(*prepared.statement, prepared.script->parameter_count, types));
  std::vector<ColumnInfo> columns;
  for (const OutputColumn& column : prepared.plan->output) columns.push_back({column.name, column.type});
  prepared.columns = std::move(columns);
  prepared.parameter_types = prepared.plan->parameter_types;
  prepared.catalog_version = transaction_->catalog->version();
  prepared.search_path = path;
  return {};
}

void Session::prepare_context(ExecContext& context) {
  context.transaction = transaction_->rows;
  context.catalog = transaction_->catalog;
  context.session = this;
  context.functions = &shared_.functions;
  context.transaction_time = transaction_->started;
  context.statement_time = {shared_.services.clock ? shared_.services.clock->wall_us() : 0};
  context.user = options_.user;
  context.database = options_.database;
  context.schema = current_schema();
  context.new_row_key = [this] { return shared_.new_row_key(); };
  context.row_rules = [this](const Table& table) { return rules_for(table); };
  context.memory = std::make_shared<MemoryBudget>(settings_.max_statement_memory(), &shared_.memory);
  if (shared_.spill.available()) context.spill = &shared_.spill;
  context.work_mem = settings_.work_mem();
  context.cancelled = &cancelled_;
  context.deadline_ns = deadline_ns_;
  context.column_default = [this](const Table& table, Ordinal ordinal) -> Result<Value> {
    const BindEnvironment env = environment();
    Binder binder(env, 0);
    const Column& column = table.columns[ordinal];
    LDB_ASSIGN_OR_RETURN(const auto bound, binder.bind_constant_expression(*column.default_value.parsed->expression, column.type,
                                                                           "DEFAULT expression"));
    return evaluate(*bound);
  };
}

Result<const RowRules*> Session::rules_for(const Table& table) {
  if (rules_version_ != transaction_->catalog->version()) {
    rules_.clear();
    rules_version_ = transaction_->catalog->version();
  }
  if (const auto found = rules_.find(table.id); found != rules_.end()) return &found->second;
  std::vector<OutputColumn> row;
  for (std::size_t i = 0; i < table.columns.size(); ++i) row.push_back({i, table.columns[i].name, table.columns[i].type});
  const BindEnvironment env = environment();
  RowRules rules;
  for (Ordinal i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (!column.generated) continue;
    Binder binder(env, 0);
    LDB_ASSIGN_OR_RETURN(auto bound, binder.bind_row_expression(*column.generated.parsed->expression, table, row,
                                                                "column generation expressions"));
    BuildContext build;
    build.functions = &shared_.functions;
    LDB_ASSIGN_OR_RETURN(bound, coerce(build, std::move(bound), column.type, CastContext::kAssignment));
    rules.generated.emplace_back(i, std::move(bound));
  }
  for (const TableConstraint& constraint : table.constraints) {
    if (constraint.type != ConstraintType::kCheck) continue;
    Binder binder(env, 0);
    LDB_ASSIGN_OR_RETURN(auto bound,
                         binder.bind_row_expression(*constraint.check.parsed->expression, table, row, "check constraints"));
    rules.checks.push_back(std::move(bound));
  }
  return &(rules_[table.id] = std::move(rules));
}

Result<Value> Session::evaluate(const Expression& expression) {
  PhysicalStatement nothing;
  ExecContext context;
  prepare_context(context);
  context.start(nothing, {});
  return evaluate_scalar(expression, context);
}

Result<std::vector<OutputColumn>> Session::describe(const ast::Query& query) {
  ast::SelectStatement select;
  select.query = &query;
  LDB_ASSIGN_OR_RETURN(const auto planned, plan(select, 0, {}));
  return planned->output;
}

Result<ResultSet> Session::run_internal(const std::string& sql) {
  LDB_ASSIGN_OR_RETURN(auto parsed, parse(sql));
  PreparedStatement one;
  one.script = std::make_shared<const ParsedScript>(std::move(parsed));
  one.statement = one.script->statements[0];
  one.text = sql;
  return run(one, {});
}

Result<ResultSet> Session::run_plan(const PhysicalStatement& plan, ast::StatementKind kind, std::span<const Value> parameters,
                                    ExecContext& context) {
  if (parameters.size() != plan.parameter_types.size()) {
    return Status::sql(StatusCode::kInvalidArgument, "08P01",
                       "the statement has " + std::to_string(plan.parameter_types.size()) + " parameters, but " +
                           std::to_string(parameters.size()) + " values were given");
  }
  std::vector<Value> values;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].type() == plan.parameter_types[i].id) {
      values.push_back(parameters[i]);
      continue;
    }
    auto cast = cast_value(parameters[i], plan.parameter_types[i], CastContext::kExplicit);
    if (!cast) return cast.error().with_context("parameter $" + std::to_string(i + 1));
    values.push_back(std::move(cast).value());
  }
  prepare_context(context);
  context.start(plan, values);
  std::vector<ColumnInfo> columns;
  for (const OutputColumn& column : plan.output) columns.push_back({column.name, column.type});
  std::vector<Value> rows;
  MemoryUse memory = context.memory_use("the result");
  std::uint64_t count = 0;
  LDB_TRY(run_statement(plan, context, [&](const Batch& batch) -> Status {
    const RowSet selected = batch.rows();
    count += selected.count;
    const std::size_t needed = rows.size() + selected.count * columns.size();
    if (needed > rows.capacity()) {
      const std::size_t capacity = std::max(needed, rows.capacity() * 2);
      LDB_TRY(memory.add((capacity - rows.capacity()) * sizeof(Value)));
      rows.reserve(capacity);
    }
    for (std::size_t i = 0; i < selected.count; ++i) {
      for (const ColumnVector& column : batch.columns) {
        if (column.physical() == PhysicalType::kString && !column.is_null(selected[i])) {
          const std::size_t long_bytes = column.at<std::string_view>(selected[i]).size();
          if (long_bytes > kShortBytes) LDB_TRY(memory.add(long_bytes));
        }
        rows.push_back(column.value(selected[i]));
      }
    }
    return {};
  }));
  if (kind != ast::StatementKind::kSelect) count = context.affected;
  return ResultSet(std::move(columns), std::move(rows), tag_of(kind, count), count);
}

/// Remembers the definition of the tables that a data change may write, foreign key actions included, for the check at commit.
void Session::note_written(std::vector<std::shared_ptr<const Table>> open) {
  while (!open.empty()) {
    const auto table = std::move(open.back());
    open.pop_back();
    if (!transaction_->written.emplace(table->id, table).second) continue;
    for (const Reference& reference : table->references) {
      if (auto child = transaction_->catalog->find_table(reference.table)) open.push_back(std::move(child));
    }
  }
}

Result<ResultSet> Session::run(PreparedStatement& prepared, std::span<const Value> parameters) {
  const ast::Statement& s = *prepared.statement;
  using Kind = ast::StatementKind;
  if (is_plannable(s.kind)) {
    LDB_TRY(make_plan(prepared));
    if (!prepared.plan->written.empty()) {
      if (settings_.read_only() || transaction_->rows->options().read_only) {
        static constexpr std::array kVerbs{"SELECT", "INSERT", "UPDATE", "DELETE"};
        return Status::sql(
            StatusCode::kInvalidArgument, "25006",
            std::string("cannot execute ") + kVerbs[static_cast<std::size_t>(s.kind)] + " in a read-only transaction");
      }
      note_written(prepared.plan->written);
    }
    ExecContext context;
    return run_plan(*prepared.plan, s.kind, parameters, context);
  }
  if (!parameters.empty()) {
    if (const auto* explain = s.as<ast::Explain>()) return run_explain(*explain, parameters);
    return Status::sql(StatusCode::kInvalidArgument, "42601", "this statement takes no parameters", s.position);
  }
  switch (s.kind) {
    case Kind::kCreateTable:
    case Kind::kCreateTableAs:
    case Kind::kAlterTable:
    case Kind::kRename:
    case Kind::kSetSchema:
    case Kind::kCreateIndex:
    case Kind::kCreateView:
    case Kind::kCreateSequence:
    case Kind::kAlterSequence:
    case Kind::kCreateSchema:
    case Kind::kCreateDatabase:
    case Kind::kDrop:
    case Kind::kTruncate:
    case Kind::kComment:
      return run_schema_change(s, prepared.text);
    case Kind::kSetVariable: {
      const bool block = transaction_->explicit_block;
      LDB_TRY(settings_.set(*s.as<ast::SetVariable>(), block));
      return tagged("SET");
    }
    case Kind::kSetTransaction: {
      const auto& set = *s.as<ast::SetTransaction>();
      if (!set.snapshot.empty()) return unsupported("SET TRANSACTION SNAPSHOT", s.position);
      IsolationLevel isolation = settings_.isolation();
      bool read_only = settings_.read_only();
      LDB_TRY(apply_modes(set.modes, isolation, read_only));
      if (set.session) {
        settings_.set_isolation(isolation);
        settings_.set_read_only(read_only);
        return tagged("SET");
      }
      if (!transaction_->explicit_block) return tagged("SET");  // a warning in PostgreSQL
      if (transaction_->rows->has_writes() || transaction_->changed_schema) {
        return Status::sql(StatusCode::kInvalidArgument, "25001",
                           "SET TRANSACTION ISOLATION LEVEL must be called before any query");
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
    case Kind::kShow: {
      const auto& show = *s.as<ast::Show>();
      if (!show.all) {
        if (show.name == "transaction_isolation") {
          const IsolationLevel level = transaction_->rows->options().isolation;
          const char* name = level == IsolationLevel::kReadCommitted ? "read committed"
                             : level == IsolationLevel::kSnapshot    ? "repeatable read"
                                                                     : "serializable";
          return text_rows("transaction_isolation", {name}, "SHOW");
        }
        LDB_ASSIGN_OR_RETURN(const std::string value, settings_.show(show.name));
        return text_rows(std::string(show.name), {value}, "SHOW");
      }
      std::vector<Value> values;
      for (const auto& row : settings_.all()) {
        for (const std::string& cell : row) values.emplace_back(cell);
      }
      const DataType text{TypeId::kText, -1, 0};
      return ResultSet({{"name", text}, {"setting", text}, {"description", text}}, std::move(values), "SHOW",
                       settings_.all().size());
    }
    case Kind::kReset:
      LDB_TRY(settings_.reset(*s.as<ast::Reset>()));
      return tagged("RESET");
    case Kind::kExplain:
      return run_explain(*s.as<ast::Explain>(), {});
    case Kind::kAnalyze:
    case Kind::kVacuum:
    case Kind::kCheckpoint:
    case Kind::kReindex:
      return run_maintenance(s);
    case Kind::kPrepare:
      return run_prepare(*s.as<ast::Prepare>(), prepared);
    case Kind::kExecute:
      return run_execute(*s.as<ast::Execute>());
    case Kind::kDeallocate: {
      const auto& deallocate = *s.as<ast::Deallocate>();
      if (deallocate.all) {
        prepared_.clear();
        return tagged("DEALLOCATE ALL");
      }
      if (prepared_.erase(std::string(deallocate.name)) == 0) {
        return Status::sql(StatusCode::kNotFound, "26000",
                           "prepared statement \"" + std::string(deallocate.name) + "\" does not exist", s.position);
      }
      return tagged("DEALLOCATE");
    }
    case Kind::kDiscard: {
      const auto kind = s.as<ast::Discard>()->discard;
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
    case Kind::kMerge:
      return unsupported("MERGE", s.position);
    case Kind::kCopy:
      return unsupported("COPY", s.position);
    case Kind::kDeclareCursor:
    case Kind::kFetch:
    case Kind::kCloseCursor:
      return unsupported("cursors", s.position);
    case Kind::kLockTable:
      return unsupported("LOCK TABLE", s.position);
    case Kind::kListen:
    case Kind::kUnlisten:
    case Kind::kNotify:
      return unsupported("LISTEN and NOTIFY", s.position);
    case Kind::kSetConstraints:
      return unsupported("SET CONSTRAINTS (deferrable constraints)", s.position);
    default:
      return unsupported("this statement", s.position);
  }
}

Result<ResultSet> Session::run_schema_change(const ast::Statement& s, std::string_view text) {
  if (attached_ != nullptr) {
    return Status::sql(StatusCode::kInvalidArgument, "25001",
                       "schema changes cannot run inside a transaction of the application");
  }
  if (settings_.read_only() || transaction_->rows->options().read_only) {
    return Status::sql(StatusCode::kInvalidArgument, "25006", "cannot execute a schema change in a read-only transaction");
  }
  const bool changes_database = s.kind == ast::StatementKind::kCreateDatabase ||
                                (s.kind == ast::StatementKind::kDrop && s.as<ast::Drop>()->object == ast::ObjectKind::kDatabase);
  if (changes_database && transaction_->explicit_block) {
    return Status::sql(StatusCode::kInvalidArgument, "25001",
                       "CREATE DATABASE and DROP DATABASE cannot run inside a transaction block");
  }
  SchemaChanger changer(*this);
  LDB_ASSIGN_OR_RETURN(std::string tag, changer.run(s, text));
  if (s.kind == ast::StatementKind::kTruncate) {
    note_written(changer.truncated());
    return tagged(std::move(tag));
  }
  if (transaction_->rows->has_writes()) LDB_TRY(refresh());
  std::uint64_t affected = 0;
  if (tag.starts_with("SELECT ")) affected = std::stoull(tag.substr(7));
  return ResultSet({}, {}, std::move(tag), affected);
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
