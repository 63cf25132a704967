#include "sql/bind/binder.hpp"

#include <algorithm>

#include "sql/parse/to_sql.hpp"

namespace ldb::sql {

Status bind_error(std::string_view sqlstate, std::string message, std::uint32_t position) {
  StatusCode code = StatusCode::kInvalidArgument;
  if (sqlstate == "42P01" || sqlstate == "42703" || sqlstate == "42883" || sqlstate == "42704" || sqlstate == "3F000") {
    code = StatusCode::kNotFound;
  } else if (sqlstate == "0A000") {
    code = StatusCode::kUnsupported;
  } else if (sqlstate == "42P07" || sqlstate == "42701" || sqlstate == "42710") {
    code = StatusCode::kAlreadyExists;
  }
  return Status::sql(code, sqlstate, std::move(message), position);
}

Status unsupported(std::string what, std::uint32_t position) {
  return Status::sql(StatusCode::kUnsupported, "0A000", what + " is not supported", position);
}

Result<DataType> resolve_type(const ast::TypeName& type) {
  if (!type.array_bounds.empty()) return unsupported("arrays", type.position);
  if (type.is_setof) return unsupported("SETOF", type.position);
  if (type.interval_fields != 0) return unsupported("fields of INTERVAL", type.position);
  if (!type.schema.empty() && type.schema != "pg_catalog") {
    return bind_error("42704", "type \"" + std::string(type.schema) + "." + std::string(type.name) + "\" does not exist",
                      type.position);
  }
  const auto id = type_by_name(type.name);
  if (!id) {
    static constexpr std::string_view kKnown[] = {
        "timestamptz", "timetz",  "time", "json",   "jsonb", "uuid",    "bit",      "varbit",  "xml",
        "money",       "inet",    "cidr", "oid",    "point", "name",    "regclass", "macaddr", "int4range",
        "tsvector",    "tsquery", "box",  "circle", "line",  "polygon", "lseg",     "path"};
    if (std::find(std::begin(kKnown), std::end(kKnown), type.name) != std::end(kKnown)) {
      return unsupported("type " + std::string(type.name), type.position);
    }
    return bind_error("42704", "type \"" + std::string(type.name) + "\" does not exist", type.position);
  }
  std::vector<std::int32_t> modifiers;
  for (const ast::Expression* e : type.modifiers) {
    const auto* literal = e->as<ast::Literal>();
    if (literal == nullptr || literal->literal != ast::LiteralKind::kInteger) {
      return bind_error("22023", "type modifiers must be simple constants", type.position);
    }
    modifiers.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(literal->integer, INT32_MIN, INT32_MAX)));
  }
  auto resolved = with_modifiers(*id, modifiers);
  if (!resolved) return resolved.error().with_position(type.position);
  return resolved;
}

void split_conjuncts(ExpressionPtr e, std::vector<ExpressionPtr>& out) {
  if (e->kind == ExpressionKind::kAnd) {
    for (ExpressionPtr& child : e->children) split_conjuncts(std::move(child), out);
    return;
  }
  out.push_back(std::move(e));
}

std::string implied_name(const ast::Expression& e) {
  if (const auto* ref = e.as<ast::ColumnRef>()) return std::string(ref->parts.back());
  if (const auto* call = e.as<ast::FunctionCall>()) return std::string(call->name.name);
  if (const auto* field = e.as<ast::FieldSelect>()) return std::string(field->field);
  if (const auto* cast = e.as<ast::Cast>()) {
    std::string inner = implied_name(*cast->operand);
    return inner == "?column?" ? std::string(cast->type->name) : inner;
  }
  if (const auto* collate = e.as<ast::Collate>()) return implied_name(*collate->operand);
  if (const auto* one = e.as<ast::Case>()) {
    std::string inner = one->otherwise ? implied_name(*one->otherwise) : "?column?";
    return inner == "?column?" ? "case" : inner;
  }
  if (e.as<ast::Extract>()) return "extract";
  if (e.as<ast::Exists>()) return "exists";
  if (e.as<ast::ArrayLiteral>() || e.as<ast::ArraySubquery>()) return "array";
  if (e.as<ast::Row>()) return "row";
  if (const auto* literal = e.as<ast::Literal>(); literal && literal->literal == ast::LiteralKind::kBoolean) return "bool";
  if (const auto* subquery = e.as<ast::ScalarSubquery>()) {
    if (const auto* select = subquery->query->body->as<ast::SelectBody>(); select && !select->items.empty()) {
      const ast::SelectItem& item = select->items[0];
      return item.alias.empty() ? implied_name(*item.expression) : std::string(item.alias);
    }
  }
  if (const auto* special = e.as<ast::SpecialCall>()) {
    static constexpr const char* kNames[] = {"coalesce", "greatest", "least", "nullif", "grouping"};
    return kNames[static_cast<int>(special->function)];
  }
  if (const auto* current = e.as<ast::CurrentValue>()) {
    static constexpr const char* kNames[] = {"current_date",    "current_time",  "current_timestamp", "localtime",
                                             "localtimestamp",  "current_user",  "session_user",      "current_role",
                                             "current_catalog", "current_schema"};
    return kNames[static_cast<int>(current->value)];
  }
  return "?column?";
}

LogicalPtr make_project(LogicalPtr child, std::vector<ExpressionPtr> expressions, std::vector<OutputColumn> output) {
  auto project = std::make_unique<LogicalProject>();
  project->expressions = std::move(expressions);
  project->output = std::move(output);
  project->children.push_back(std::move(child));
  return project;
}

LogicalPtr make_filter(LogicalPtr child, ExpressionPtr predicate) {
  auto filter = std::make_unique<LogicalFilter>();
  split_conjuncts(std::move(predicate), filter->conjuncts);
  filter->output = child->output;
  filter->children.push_back(std::move(child));
  return filter;
}

Binder::Binder(const BindEnvironment& environment, std::size_t parameter_count, std::vector<DataType> parameter_types)
    : environment_(environment), statement_(std::make_unique<BoundStatement>()) {
  parameter_types.resize(std::max(parameter_count, parameter_types.size()), kUnknownType);
  statement_->parameter_types = std::move(parameter_types);
  statement_->slot_count = statement_->parameter_types.size();
  build_.functions = environment.functions;
  build_.parameter_types = &statement_->parameter_types;
}

std::size_t Binder::new_slot(DataType) { return statement_->slot_count++; }

Result<std::unique_ptr<BoundStatement>> Binder::bind(const ast::Statement& statement) {
  Level level;
  level.top = true;
  Result<LogicalPtr> plan = unsupported("this statement", statement.position);
  if (const auto* select = statement.as<ast::SelectStatement>()) {
    plan = bind_query(*select->query, level);
  } else if (const auto* insert = statement.as<ast::Insert>()) {
    plan = bind_insert(*insert, level);
  } else if (const auto* update = statement.as<ast::Update>()) {
    plan = bind_update(*update, level);
  } else if (const auto* erase = statement.as<ast::Delete>()) {
    plan = bind_delete(*erase, level);
  } else if (statement.kind == ast::StatementKind::kMerge) {
    return unsupported("MERGE", statement.position);
  }
  if (!plan) return plan.error();
  statement_->plan = std::move(plan).value();
  for (std::size_t i = 0; i < statement_->parameter_types.size(); ++i) {
    if (statement_->parameter_types[i].id == TypeId::kNull) {
      return bind_error("42P18", "could not determine data type of parameter $" + std::to_string(i + 1));
    }
  }
  return std::move(statement_);
}

}  // namespace ldb::sql
