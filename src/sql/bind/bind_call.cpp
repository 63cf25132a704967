// Calls: scalar functions, aggregates, window functions, CURRENT_DATE and the like.
#include <algorithm>
#include <array>

#include "sql/bind/binder.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {
namespace {

/// Window functions proper, with their argument counts.
struct WindowFunctionSpec {
  std::string_view name;
  std::size_t min_arguments, max_arguments;
};
constexpr std::array kWindowFunctions{
    WindowFunctionSpec{"row_number", 0, 0},   WindowFunctionSpec{"rank", 0, 0},      WindowFunctionSpec{"dense_rank", 0, 0},
    WindowFunctionSpec{"percent_rank", 0, 0}, WindowFunctionSpec{"cume_dist", 0, 0}, WindowFunctionSpec{"ntile", 1, 1},
    WindowFunctionSpec{"lag", 1, 3},          WindowFunctionSpec{"lead", 1, 3},      WindowFunctionSpec{"first_value", 1, 1},
    WindowFunctionSpec{"last_value", 1, 1},   WindowFunctionSpec{"nth_value", 2, 2}};

const WindowFunctionSpec* find_window_function(std::string_view name) {
  for (const WindowFunctionSpec& spec : kWindowFunctions) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::string type_list(std::span<const ExpressionPtr> arguments) {
  std::string out;
  for (const ExpressionPtr& argument : arguments) {
    if (!out.empty()) out += ", ";
    out += argument->type.id == TypeId::kNull ? "unknown" : DataType{argument->type.id, -1, 0}.to_string();
  }
  return out;
}

}  // namespace

Result<ExpressionPtr> Binder::bind_call(const ast::FunctionCall& call, Level& level) {
  const std::string_view schema = call.name.schema;
  std::string name(call.name.name);
  if (!schema.empty() && schema != "pg_catalog") {
    if (schema != kSystemSchema) {
      return bind_error("3F000", "schema \"" + std::string(schema) + "\" does not exist", call.position);
    }
    name = std::string(kSystemSchema) + "." + name;
  }
  for (const ast::FunctionArgument& argument : call.arguments) {
    if (!argument.name.empty()) return unsupported("named arguments", call.position);
  }
  if (call.is_variadic) return unsupported("VARIADIC arrays", call.position);
  if (call.over != nullptr) return bind_window(call, level);
  if (is_aggregate(name)) return bind_aggregate(call, level);
  if (find_window_function(name) != nullptr && !build_.functions->has_function(name)) {
    return bind_error("42809", "window function " + name + " requires an OVER clause", call.position);
  }
  if (call.is_star || call.is_distinct || !call.order_by.empty() || call.filter != nullptr || call.within_group) {
    if (!build_.functions->has_function(name)) {
      return bind_error("42883", "function " + name + "() does not exist", call.position);
    }
    const char* what = call.is_star ? "*" : call.is_distinct ? "DISTINCT" : call.filter ? "FILTER" : "ORDER BY";
    return bind_error("42809", std::string(what) + " specified, but " + name + " is not an aggregate function", call.position);
  }
  std::vector<ExpressionPtr> arguments;
  for (const ast::FunctionArgument& argument : call.arguments) {
    LDB_ASSIGN_OR_RETURN(auto bound, bind(*argument.value, level));
    arguments.push_back(std::move(bound));
  }
  if (environment_.table_functions != nullptr && !build_.functions->has_function(name)) {
    LDB_ASSIGN_OR_RETURN(auto set, environment_.table_functions->find_function(build_, name, arguments, call.position));
    if (set != nullptr) {
      if (!level.allow_sets || level.calls == nullptr) {
        return bind_error("0A000", "set-returning functions are not allowed in " + std::string(level.clause), call.position);
      }
      if (set->columns.size() != 1)
        return unsupported("functions that return rows of several columns in a select list", call.position);
      SetRequest request;
      request.number = new_column();
      const DataType type = set->columns[0].type;
      request.call = {std::move(set), std::move(arguments)};
      level.calls->sets.push_back(std::move(request));
      return make_column(level.calls->sets.back().number, type, name, call.position);
    }
  }
  return make_function(build_, name, std::move(arguments), call.position);
}

Result<ExpressionPtr> Binder::bind_aggregate(const ast::FunctionCall& call, Level& level) {
  const std::string name(call.name.name);
  if (Level* outer = aggregate_level(call, level); outer != &level) {
    LDB_ASSIGN_OR_RETURN(auto result, bind_aggregate(call, *outer));
    return import_outer(std::move(result), level, *outer);
  }
  if (level.inside_aggregate) return bind_error("42803", "aggregate function calls cannot be nested", call.position);
  if (!level.allow_aggregates || level.calls == nullptr) {
    return bind_error("42803", "aggregate functions are not allowed in " + std::string(level.clause), call.position);
  }
  if (call.within_group) return unsupported("ordered-set aggregates (WITHIN GROUP)", call.position);
  AggregateCall bound;
  std::vector<DataType> types;
  const bool windows = std::exchange(level.allow_windows, false);
  const bool sets = std::exchange(level.allow_sets, false);
  level.inside_aggregate = true;
  const Status status = [&]() -> Status {
    for (const ast::FunctionArgument& argument : call.arguments) {
      LDB_ASSIGN_OR_RETURN(auto value, bind(*argument.value, level));
      types.push_back(value->type);
      bound.arguments.push_back(std::move(value));
    }
    LDB_ASSIGN_OR_RETURN(bound.order_by, bind_sort_keys(call.order_by, level));
    if (call.filter) {
      LDB_ASSIGN_OR_RETURN(bound.filter, bind_boolean(*call.filter, level, "FILTER"));
    }
    return {};
  }();
  level.inside_aggregate = false;
  level.allow_windows = windows;
  level.allow_sets = sets;
  LDB_TRY(status);
  auto resolved = resolve_aggregate(name, types, call.is_star);
  if (!resolved) return resolved.error().with_position(call.position);
  bound.function = std::move(resolved).value();
  for (std::size_t i = 0; i < bound.arguments.size(); ++i) {
    const TypeId wanted = i < bound.function.argument_types.size() ? bound.function.argument_types[i] : TypeId::kNull;
    if (wanted == TypeId::kNull) {
      LDB_ASSIGN_OR_RETURN(bound.arguments[i], coerce_unknown_to_text(build_, std::move(bound.arguments[i])));
    } else if (bound.arguments[i]->type.id != wanted) {
      LDB_ASSIGN_OR_RETURN(bound.arguments[i],
                           coerce(build_, std::move(bound.arguments[i]), {wanted, -1, 0}, CastContext::kImplicit, call.position));
    }
  }
  bound.distinct = call.is_distinct;
  if (bound.distinct && !bound.order_by.empty()) {
    for (const SortKey& key : bound.order_by) {
      const bool listed = std::any_of(bound.arguments.begin(), bound.arguments.end(),
                                      [&](const ExpressionPtr& argument) { return equal(*argument, *key.expression); });
      if (!listed) {
        return bind_error("42P10", "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                          call.position);
      }
    }
  }
  bound.text = to_sql(call);
  const DataType type = bound.function.result;
  SelectCalls& calls = *level.calls;
  for (std::size_t i = 0; i < calls.aggregates.size(); ++i) {
    const AggregateCall& other = calls.aggregates[i];
    const auto same = [](const ExpressionPtr& a, const ExpressionPtr& b) {
      return (a == nullptr) == (b == nullptr) && (a == nullptr || (sql::equal(*a, *b) && !is_volatile(*a)));
    };
    if (other.function.function == bound.function.function && other.distinct == bound.distinct && other.order_by.empty() &&
        bound.order_by.empty() && same(other.filter, bound.filter) &&
        std::equal(other.arguments.begin(), other.arguments.end(), bound.arguments.begin(), bound.arguments.end(), same)) {
      return make_column(calls.aggregate_columns[i].number, type, bound.text, call.position);
    }
  }
  const OutputColumn column{new_column(), name, type};
  calls.aggregate_columns.push_back(column);
  ExpressionPtr result = make_column(column.number, type, bound.text, call.position);
  calls.aggregates.push_back(std::move(bound));
  return result;
}

Result<std::vector<SortKey>> Binder::bind_sort_keys(std::span<const ast::OrderItem> items, Level& level) {
  std::vector<SortKey> keys;
  for (const ast::OrderItem& item : items) {
    SortKey key;
    LDB_ASSIGN_OR_RETURN(key.expression, bind(*item.expression, level));
    LDB_ASSIGN_OR_RETURN(key.expression, coerce_unknown_to_text(build_, std::move(key.expression)));
    LDB_TRY(sort_options(item, key));
    keys.push_back(std::move(key));
  }
  return keys;
}

Status Binder::sort_options(const ast::OrderItem& item, SortKey& key) {
  if (item.direction == ast::SortDirection::kUsing) {
    if (item.using_operator != "<" && item.using_operator != ">") {
      return bind_error("42809", "operator " + std::string(item.using_operator) + " is not a valid ordering operator",
                        item.position);
    }
    key.descending = item.using_operator == ">";
  } else {
    key.descending = item.direction == ast::SortDirection::kDescending;
  }
  key.nulls_first = item.nulls == ast::NullsOrder::kDefault ? key.descending : item.nulls == ast::NullsOrder::kFirst;
  return {};
}

Status Binder::bind_window_spec(const ast::WindowSpec& spec, Level& level, WindowRequest& request) {
  if (!spec.base_name.empty()) {
    const ast::NamedWindow* base = nullptr;
    for (const ast::NamedWindow* candidate : level.calls->named_windows) {
      if (candidate->name == spec.base_name) base = candidate;
    }
    if (base == nullptr) {
      return bind_error("42704", "window \"" + std::string(spec.base_name) + "\" does not exist", spec.position);
    }
    LDB_TRY(bind_window_spec(*base->spec, level, request));
    if (!spec.is_reference) {
      if (!spec.partition_by.empty()) {
        return bind_error("42P20", "cannot override PARTITION BY clause of window \"" + std::string(spec.base_name) + "\"",
                          spec.position);
      }
      if (!spec.order_by.empty() && !request.order_by.empty()) {
        return bind_error("42P20", "cannot override ORDER BY clause of window \"" + std::string(spec.base_name) + "\"",
                          spec.position);
      }
    }
  }
  for (const ast::Expression* e : spec.partition_by) {
    LDB_ASSIGN_OR_RETURN(auto bound, bind(*e, level));
    LDB_ASSIGN_OR_RETURN(bound, coerce_unknown_to_text(build_, std::move(bound)));
    request.partition_by.push_back(std::move(bound));
  }
  LDB_ASSIGN_OR_RETURN(auto keys, bind_sort_keys(spec.order_by, level));
  for (SortKey& key : keys) request.order_by.push_back(std::move(key));
  if (spec.frame == nullptr) return {};
  WindowFrame& frame = request.call.frame;
  const auto edge = [](ast::FrameBoundKind kind) { return static_cast<FrameEdge>(kind); };
  frame.unit = static_cast<FrameUnit>(spec.frame->unit);
  frame.start = edge(spec.frame->start.kind);
  frame.end = edge(spec.frame->end.kind);
  frame.exclusion = static_cast<FrameExclusion>(spec.frame->exclusion);
  if (frame.unit == FrameUnit::kGroups && request.order_by.empty()) {
    return bind_error("42P20", "GROUPS mode requires an ORDER BY clause", spec.position);
  }
  const auto offset = [&](const ast::Expression* e, ExpressionPtr& out) -> Status {
    if (e == nullptr) return {};
    LDB_ASSIGN_OR_RETURN(out, bind(*e, level));
    bool has_columns = false;
    walk(*out, [&](const Expression& node) { has_columns = has_columns || node.kind == ExpressionKind::kColumn; });
    if (has_columns) {
      static constexpr const char* kUnits[] = {"ROWS", "RANGE", "GROUPS"};
      return bind_error("42P10",
                        std::string("argument of ") + kUnits[static_cast<int>(frame.unit)] + " must not contain variables",
                        e->position);
    }
    if (frame.unit != FrameUnit::kRange) {
      LDB_ASSIGN_OR_RETURN(
          out, coerce_to_bigint(build_, std::move(out), frame.unit == FrameUnit::kRows ? "ROWS" : "GROUPS", e->position));
      return {};
    }
    if (request.order_by.size() != 1) {
      return bind_error("42P20", "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column", spec.position);
    }
    const DataType type = request.order_by[0].expression->type;
    const TypeCategory category = type_category(type.id);
    if (category == TypeCategory::kDateTime || category == TypeCategory::kTimespan) {
      LDB_ASSIGN_OR_RETURN(out, coerce(build_, std::move(out), {TypeId::kInterval, -1, 0}, CastContext::kImplicit, e->position));
    } else if (category == TypeCategory::kNumeric) {
      LDB_ASSIGN_OR_RETURN(out, coerce(build_, std::move(out), {type.id, -1, 0}, CastContext::kAssignment, e->position));
    } else {
      return bind_error("0A000", "RANGE with offset PRECEDING/FOLLOWING is not supported for column type " + type.to_string(),
                        spec.position);
    }
    return {};
  };
  LDB_TRY(offset(spec.frame->start.offset, frame.start_offset));
  return offset(spec.frame->end.offset, frame.end_offset);
}

Result<ExpressionPtr> Binder::bind_window(const ast::FunctionCall& call, Level& level) {
  const std::string name(call.name.name);
  if (!level.allow_windows || level.calls == nullptr) {
    return bind_error("42P20", "window functions are not allowed in " + std::string(level.clause), call.position);
  }
  if (call.is_distinct) return bind_error("0A000", "DISTINCT is not implemented for window functions", call.position);
  if (!call.order_by.empty()) {
    return bind_error("0A000", "aggregate ORDER BY is not implemented for window functions", call.position);
  }
  WindowRequest request;
  level.allow_windows = false;
  const bool sets = std::exchange(level.allow_sets, false);
  const Status status = [&]() -> Status {
    for (const ast::FunctionArgument& argument : call.arguments) {
      LDB_ASSIGN_OR_RETURN(auto bound, bind(*argument.value, level));
      request.call.arguments.push_back(std::move(bound));
    }
    if (call.filter) {
      LDB_ASSIGN_OR_RETURN(request.call.filter, bind_boolean(*call.filter, level, "FILTER"));
    }
    return bind_window_spec(*call.over, level, request);
  }();
  level.allow_windows = true;
  level.allow_sets = sets;
  LDB_TRY(status);
  std::vector<ExpressionPtr>& arguments = request.call.arguments;
  const auto coerce_to = [&](std::size_t i, DataType type) -> Status {
    LDB_ASSIGN_OR_RETURN(arguments[i], coerce(build_, std::move(arguments[i]), type, CastContext::kImplicit, call.position));
    return {};
  };
  if (const WindowFunctionSpec* spec = find_window_function(name)) {
    if (arguments.size() < spec->min_arguments || arguments.size() > spec->max_arguments || call.is_star) {
      return bind_error("42883", "function " + name + "(" + type_list(arguments) + ") does not exist", call.position);
    }
    if (call.filter) return bind_error("0A000", "FILTER is not implemented for non-aggregate window functions", call.position);
    request.call.name = name;
    request.call.type = {TypeId::kBigInt, -1, 0};
    if (name == "percent_rank" || name == "cume_dist") request.call.type = {TypeId::kDouble, -1, 0};
    if (name == "ntile") {
      request.call.type = {TypeId::kInteger, -1, 0};
      LDB_TRY(coerce_to(0, {TypeId::kInteger, -1, 0}));
    }
    if (!arguments.empty() && name != "ntile") {
      LDB_ASSIGN_OR_RETURN(arguments[0], coerce_unknown_to_text(build_, std::move(arguments[0])));
      if (arguments.size() > 1) LDB_TRY(coerce_to(1, {TypeId::kInteger, -1, 0}));
      if (arguments.size() > 2) {
        LDB_TRY(coerce_to_common(build_, {&arguments[0], &arguments[2]}, name, call.position).status());
      }
      request.call.type = arguments[0]->type;
    }
  } else {
    if (!is_aggregate(name)) {
      if (build_.functions->has_function(name)) {
        return bind_error("42809", "OVER specified, but " + name + " is not a window function nor an aggregate function",
                          call.position);
      }
      return bind_error("42883", "function " + name + "(" + type_list(arguments) + ") does not exist", call.position);
    }
    std::vector<DataType> types;
    for (const ExpressionPtr& argument : arguments) types.push_back(argument->type);
    auto resolved = resolve_aggregate(name, types, call.is_star);
    if (!resolved) return resolved.error().with_position(call.position);
    request.call.aggregate = std::move(resolved).value();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const TypeId wanted =
          i < request.call.aggregate.argument_types.size() ? request.call.aggregate.argument_types[i] : TypeId::kNull;
      if (wanted == TypeId::kNull) {
        LDB_ASSIGN_OR_RETURN(arguments[i], coerce_unknown_to_text(build_, std::move(arguments[i])));
      } else {
        LDB_TRY(coerce_to(i, {wanted, -1, 0}));
      }
    }
    request.call.type = request.call.aggregate.result;
  }
  request.number = new_column();
  const DataType type = request.call.type;
  ExpressionPtr result = make_column(request.number, type, name, call.position);
  level.calls->windows.push_back(std::move(request));
  return result;
}

Result<ExpressionPtr> Binder::bind_special(const ast::SpecialCall& call, Level& level) {
  std::vector<ExpressionPtr> arguments;
  if (call.function == ast::SpecialFunction::kGrouping) {
    if (!level.allow_aggregates || level.calls == nullptr) {
      return bind_error("42803", "grouping operations are not allowed in " + std::string(level.clause), call.position);
    }
    if (call.arguments.size() > 31) return bind_error("54023", "GROUPING must have fewer than 32 arguments", call.position);
    for (const ast::Expression* argument : call.arguments) {
      LDB_ASSIGN_OR_RETURN(auto bound, bind(*argument, level));
      arguments.push_back(std::move(bound));
    }
    const ColumnNumber number = new_column();
    level.calls->groupings.emplace_back(std::move(arguments), number);
    return make_column(number, {TypeId::kInteger, -1, 0}, "grouping", call.position);
  }
  for (const ast::Expression* argument : call.arguments) {
    LDB_ASSIGN_OR_RETURN(auto bound, bind(*argument, level));
    arguments.push_back(std::move(bound));
  }
  switch (call.function) {
    case ast::SpecialFunction::kCoalesce:
      return make_coalesce(build_, std::move(arguments), call.position);
    case ast::SpecialFunction::kGreatest:
      return make_greatest(build_, false, std::move(arguments), call.position);
    case ast::SpecialFunction::kLeast:
      return make_greatest(build_, true, std::move(arguments), call.position);
    case ast::SpecialFunction::kNullIf:
      return make_null_if(build_, std::move(arguments[0]), std::move(arguments[1]), call.position);
    case ast::SpecialFunction::kGrouping:
      break;
  }
  return unsupported("this call", call.position);
}

Result<ExpressionPtr> Binder::bind_current_value(const ast::CurrentValue& e) {
  using Kind = ast::CurrentValueKind;
  const auto call = [&](std::string_view name) { return make_function(build_, name, {}, e.position); };
  switch (e.value) {
    case Kind::kDate: {
      LDB_ASSIGN_OR_RETURN(auto now, call("now"));
      return coerce(build_, std::move(now), {TypeId::kDate, -1, 0}, CastContext::kExplicit, e.position);
    }
    case Kind::kTimestamp:
    case Kind::kLocalTimestamp: {
      LDB_ASSIGN_OR_RETURN(auto now, call("now"));
      if (e.precision < 0 || e.precision >= 6) return now;
      return unsupported("a precision of CURRENT_TIMESTAMP", e.position);
    }
    case Kind::kTime:
    case Kind::kLocalTime:
      return unsupported("type time", e.position);
    case Kind::kUser:
    case Kind::kSessionUser:
    case Kind::kCurrentRole:
      return call("current_user");
    case Kind::kCatalog:
      return call("current_database");
    case Kind::kSchema:
      return call("current_schema");
  }
  return unsupported("this value", e.position);
}

}  // namespace ldb::sql
