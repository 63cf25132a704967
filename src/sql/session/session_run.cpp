// Session: planning and running statements.
#include <algorithm>
#include <array>

#include "sql/exec/planner.hpp"
#include "sql/parse/to_sql.hpp"
#include "sql/session/results.hpp"
#include "sql/session/session.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kShortBytes = 15;  // what a std::string holds without memory of its own

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
/// What this transaction itself changed in them is no reason to refuse it: what others had committed is remembered.
void Session::note_written(std::vector<std::shared_ptr<const Table>> open) {
  const auto& before = transaction_->catalog_before;
  while (!open.empty()) {
    const auto table = std::move(open.back());
    open.pop_back();
    if (!transaction_->written.emplace(table->id, before ? before->find_table(table->id) : table).second) continue;
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
    case Kind::kSetTransaction:
      return run_set_transaction(*s.as<ast::SetTransaction>());
    case Kind::kShow:
      return run_show(*s.as<ast::Show>());
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
    case Kind::kDeallocate:
      return run_deallocate(*s.as<ast::Deallocate>());
    case Kind::kDiscard:
      return run_discard(*s.as<ast::Discard>());
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

}  // namespace ldb::sql
