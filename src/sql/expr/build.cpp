#include "sql/expr/build.hpp"

#include "sql/expr/overload_choice.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/text_io.hpp"

namespace ldb::sql {
namespace {

constexpr DataType kBool{TypeId::kBoolean};

ExpressionPtr at(ExpressionPtr e, std::uint32_t position) {
  e->position = position;
  return e;
}

template <class... Child>
ExpressionPtr with_children(ExpressionPtr e, std::uint32_t position, Child... child) {
  (e->children.push_back(std::move(child)), ...);
  e->position = position;
  return e;
}

std::vector<DataType> types_of(std::span<const ExpressionPtr> expressions) {
  std::vector<DataType> out;
  for (const ExpressionPtr& e : expressions) out.push_back(e->type);
  return out;
}

/// Coerces arguments to an overload's types; "any" takes what is there, unknown as text.
Status coerce_arguments(BuildContext& context, const Resolved& resolved, std::vector<ExpressionPtr>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const TypeId wanted = resolved.argument_types[i];
    if (wanted == TypeId::kNull) {
      LDB_ASSIGN_OR_RETURN(arguments[i], coerce_unknown_to_text(context, std::move(arguments[i])));
    } else if (!(is_string_type(wanted) && wanted != TypeId::kChar && arguments[i]->type.id == TypeId::kVarchar)) {
      LDB_ASSIGN_OR_RETURN(arguments[i], coerce(context, std::move(arguments[i]), DataType{wanted}, CastContext::kImplicit));
    }
  }
  return {};
}

ExpressionPtr make_call(const Function* function, std::vector<ExpressionPtr> arguments, std::uint32_t position) {
  auto call = std::make_unique<FunctionCall>(DataType{function->result}, function);
  call->children = std::move(arguments);
  call->position = position;
  return call;
}

std::optional<CompareOp> compare_op(std::string_view symbol) {
  if (symbol == "=") return CompareOp::kEqual;
  if (symbol == "<>" || symbol == "!=") return CompareOp::kNotEqual;
  if (symbol == "<") return CompareOp::kLess;
  if (symbol == "<=") return CompareOp::kLessEqual;
  if (symbol == ">") return CompareOp::kGreater;
  if (symbol == ">=") return CompareOp::kGreaterEqual;
  return {};
}

std::string_view symbol_of(CompareOp op) {
  constexpr std::string_view kSymbols[] = {"=", "<>", "<", "<=", ">", ">="};
  return kSymbols[static_cast<std::size_t>(op)];
}

/// `$1 IS NULL` and such do not say what $1 is: text.
Result<ExpressionPtr> settle(BuildContext& context, ExpressionPtr e) { return coerce_unknown_to_text(context, std::move(e)); }

}  // namespace

ExpressionPtr make_constant(Value value, std::uint32_t position) {
  const DataType type{value.type()};
  return at(std::make_unique<Constant>(type, std::move(value)), position);
}
ExpressionPtr make_typed_constant(DataType type, Value value, std::uint32_t position) {
  return at(std::make_unique<Constant>(type, std::move(value)), position);
}
Result<ExpressionPtr> make_decimal_literal(std::string_view text, std::uint32_t position) {
  const Result<Decimal> d = Decimal::parse(text);
  if (d) return make_constant(Value(*d), position);
  if (d.error().sqlstate() == "22003" && text.find_first_of("eE") != text.npos) {
    Result<double> v = parse_double(text);
    if (v) return make_constant(Value(*v), position);
    return v.error().with_position(position);
  }
  return d.error().with_position(position);
}
ExpressionPtr make_unknown(Value text_or_null, std::uint32_t position) {
  return at(std::make_unique<Constant>(kUnknownType, std::move(text_or_null)), position);
}
ExpressionPtr make_column(std::size_t column, DataType type, std::string name, std::uint32_t position) {
  return at(std::make_unique<ColumnReference>(type, column, std::move(name)), position);
}
ExpressionPtr make_parameter(BuildContext& context, std::size_t index, std::uint32_t position) {
  DataType type = kUnknownType;
  if (context.parameter_types != nullptr) {
    if (context.parameter_types->size() <= index) context.parameter_types->resize(index + 1);
    type = (*context.parameter_types)[index];
  }
  return at(std::make_unique<ParameterReference>(type, index), position);
}

Result<ExpressionPtr> make_comparison(BuildContext& context, CompareOp op, ExpressionPtr left, ExpressionPtr right,
                                      std::uint32_t position) {
  std::vector<ExpressionPtr> arguments;
  arguments.push_back(std::move(left));
  arguments.push_back(std::move(right));
  const Result<Resolved> resolved = context.functions->resolve_operator(symbol_of(op), types_of(arguments));
  if (!resolved) return resolved.error().with_position(position);
  LDB_TRY(coerce_arguments(context, *resolved, arguments));
  return with_children(std::make_unique<Comparison>(op), position, std::move(arguments[0]), std::move(arguments[1]));
}

Result<ExpressionPtr> make_operator(BuildContext& context, std::string_view symbol, ExpressionPtr left, ExpressionPtr right,
                                    std::uint32_t position) {
  if (left != nullptr) {
    if (const auto op = compare_op(symbol)) return make_comparison(context, *op, std::move(left), std::move(right), position);
    if (symbol == "~~" || symbol == "!~~" || symbol == "~~*" || symbol == "!~~*") {
      return make_like(context, std::move(left), std::move(right), nullptr, symbol.ends_with('*'), symbol.starts_with('!'),
                       position);
    }
  }
  std::vector<ExpressionPtr> arguments;
  if (left != nullptr) arguments.push_back(std::move(left));
  arguments.push_back(std::move(right));
  const Result<Resolved> resolved = context.functions->resolve_operator(symbol, types_of(arguments));
  if (!resolved) return resolved.error().with_position(position);
  LDB_TRY(coerce_arguments(context, *resolved, arguments));
  return make_call(resolved->function, std::move(arguments), position);
}

Result<ExpressionPtr> make_function(BuildContext& context, std::string_view name, std::vector<ExpressionPtr> arguments,
                                    std::uint32_t position) {
  const Result<Resolved> resolved = context.functions->resolve_function(name, types_of(arguments));
  if (!resolved) {
    // f(x) may be a cast written as a function: date(x), text(x), float8(x).
    const auto type = arguments.size() == 1 ? type_by_name(name) : std::nullopt;
    if (type && *type != TypeId::kNull && resolved.error().sqlstate() == "42883" &&
        can_cast(arguments[0]->type.id, *type, CastContext::kExplicit)) {
      return coerce(context, std::move(arguments[0]), DataType{*type}, CastContext::kExplicit, position);
    }
    return resolved.error().with_position(position);
  }
  LDB_TRY(coerce_arguments(context, *resolved, arguments));
  return make_call(resolved->function, std::move(arguments), position);
}

Result<ExpressionPtr> make_logical(BuildContext& context, bool is_or, std::vector<ExpressionPtr> operands,
                                   std::uint32_t position) {
  const ExpressionKind kind = is_or ? ExpressionKind::kOr : ExpressionKind::kAnd;
  ExpressionPtr node = std::make_unique<PlainExpression>(kind, kBool);
  node->position = position;
  for (ExpressionPtr& operand : operands) {
    LDB_ASSIGN_OR_RETURN(ExpressionPtr e, coerce_to_boolean(context, std::move(operand), is_or ? "OR" : "AND"));
    if (e->kind == kind) {
      for (ExpressionPtr& inner : e->children) node->children.push_back(std::move(inner));
      e->children.clear();
    } else {
      node->children.push_back(std::move(e));
    }
  }
  if (node->children.size() == 1) return std::move(node->children[0]);
  return node;
}

Result<ExpressionPtr> make_not(BuildContext& context, ExpressionPtr operand, std::uint32_t position) {
  LDB_ASSIGN_OR_RETURN(ExpressionPtr e, coerce_to_boolean(context, std::move(operand), "NOT"));
  return with_children(std::make_unique<PlainExpression>(ExpressionKind::kNot, kBool), position, std::move(e));
}

ExpressionPtr make_is_null(ExpressionPtr operand, bool negated, std::uint32_t position) {
  return with_children(std::make_unique<NullTest>(ExpressionKind::kIsNull, negated), position, std::move(operand));
}

Result<ExpressionPtr> make_is_boolean(BuildContext& context, ExpressionPtr operand, BooleanTestKind test, bool negated,
                                      std::uint32_t position) {
  constexpr std::string_view kNames[] = {"TRUE", "FALSE", "UNKNOWN"};
  const std::string what = std::string(negated ? "IS NOT " : "IS ") + std::string(kNames[static_cast<std::size_t>(test)]);
  LDB_ASSIGN_OR_RETURN(ExpressionPtr e, coerce_to_boolean(context, std::move(operand), what));
  return with_children(std::make_unique<BooleanTest>(test, negated), position, std::move(e));
}

Result<ExpressionPtr> make_is_distinct(BuildContext& context, ExpressionPtr left, ExpressionPtr right, bool negated,
                                       std::uint32_t position) {
  // Its operands are those of "=".
  LDB_ASSIGN_OR_RETURN(ExpressionPtr equal,
                       make_comparison(context, CompareOp::kEqual, std::move(left), std::move(right), position));
  return with_children(std::make_unique<NullTest>(ExpressionKind::kIsDistinct, negated), position, std::move(equal->children[0]),
                       std::move(equal->children[1]));
}

Result<ExpressionPtr> make_case(BuildContext& context, ExpressionPtr operand, std::vector<CaseBranch> branches,
                                ExpressionPtr otherwise, std::uint32_t position) {
  auto node = std::make_unique<CaseExpression>(kUnknownType);
  node->position = position;
  if (operand != nullptr) {
    LDB_ASSIGN_OR_RETURN(operand, settle(context, std::move(operand)));
    node->has_operand = true;
    for (CaseBranch& branch : branches) {
      ExpressionPtr value = std::make_unique<PlainExpression>(ExpressionKind::kCaseOperand, operand->type);
      LDB_ASSIGN_OR_RETURN(branch.condition,
                           make_comparison(context, CompareOp::kEqual, std::move(value), std::move(branch.condition), position));
    }
    node->children.push_back(std::move(operand));
  } else {
    for (CaseBranch& branch : branches) {
      LDB_ASSIGN_OR_RETURN(branch.condition, coerce_to_boolean(context, std::move(branch.condition), "CASE/WHEN"));
    }
  }
  std::vector<ExpressionPtr*> results;
  if (otherwise != nullptr) results.push_back(&otherwise);
  for (CaseBranch& branch : branches) results.push_back(&branch.result);
  LDB_ASSIGN_OR_RETURN(node->type, coerce_to_common(context, results, "CASE", position));
  for (CaseBranch& branch : branches) {
    node->children.push_back(std::move(branch.condition));
    node->children.push_back(std::move(branch.result));
  }
  if (otherwise != nullptr) {
    node->has_else = true;
    node->children.push_back(std::move(otherwise));
  }
  return ExpressionPtr(std::move(node));
}

namespace {
Result<ExpressionPtr> make_n_ary(BuildContext& context, ExpressionKind kind, std::string_view what,
                                 std::vector<ExpressionPtr> arguments, std::uint32_t position) {
  std::vector<ExpressionPtr*> all;
  for (ExpressionPtr& e : arguments) all.push_back(&e);
  LDB_ASSIGN_OR_RETURN(const DataType type, coerce_to_common(context, all, what, position));
  ExpressionPtr node = std::make_unique<PlainExpression>(kind, type);
  node->position = position;
  node->children = std::move(arguments);
  return node;
}
}  // namespace

Result<ExpressionPtr> make_coalesce(BuildContext& context, std::vector<ExpressionPtr> arguments, std::uint32_t position) {
  return make_n_ary(context, ExpressionKind::kCoalesce, "COALESCE", std::move(arguments), position);
}

Result<ExpressionPtr> make_greatest(BuildContext& context, bool least, std::vector<ExpressionPtr> arguments,
                                    std::uint32_t position) {
  return make_n_ary(context, least ? ExpressionKind::kLeast : ExpressionKind::kGreatest, least ? "LEAST" : "GREATEST",
                    std::move(arguments), position);
}

Result<ExpressionPtr> make_null_if(BuildContext& context, ExpressionPtr left, ExpressionPtr right, std::uint32_t position) {
  LDB_ASSIGN_OR_RETURN(ExpressionPtr test,
                       make_comparison(context, CompareOp::kEqual, std::move(left), std::move(right), position));
  ExpressionPtr value = std::move(test->children[0]);
  const DataType type = value->type;
  test->children[0] = std::make_unique<PlainExpression>(ExpressionKind::kCaseOperand, type);
  return with_children(std::make_unique<PlainExpression>(ExpressionKind::kNullIf, type), position, std::move(value),
                       std::move(test));
}

Result<ExpressionPtr> make_in_list(BuildContext& context, ExpressionPtr operand, std::vector<ExpressionPtr> values, bool negated,
                                   std::uint32_t position) {
  if (values.size() == 1) {
    return make_comparison(context, negated ? CompareOp::kNotEqual : CompareOp::kEqual, std::move(operand), std::move(values[0]),
                           position);
  }
  std::vector<ExpressionPtr*> all = {&operand};
  for (ExpressionPtr& e : values) all.push_back(&e);
  std::vector<DataType> types;
  for (ExpressionPtr* e : all) types.push_back((*e)->type);
  if (!common_type(types, "IN")) {
    // Without a common type it is a chain of comparisons, each with its own rules (and usually its own error).
    std::vector<ExpressionPtr> tests;
    for (ExpressionPtr& value : values) {
      LDB_ASSIGN_OR_RETURN(ExpressionPtr test, make_comparison(context, negated ? CompareOp::kNotEqual : CompareOp::kEqual,
                                                               clone(*operand), std::move(value), position));
      tests.push_back(std::move(test));
    }
    return make_logical(context, !negated, std::move(tests), position);
  }
  LDB_TRY(coerce_to_common(context, all, "IN", position).status());
  auto node = std::make_unique<InList>(negated);
  node->position = position;
  node->children.push_back(std::move(operand));
  for (ExpressionPtr& value : values) node->children.push_back(std::move(value));
  finish_in_list(*node);
  return ExpressionPtr(std::move(node));
}

Result<ExpressionPtr> make_between(BuildContext& context, ExpressionPtr operand, ExpressionPtr low, ExpressionPtr high,
                                   bool symmetric, bool negated, std::uint32_t position) {
  const auto range = [&](const Expression& from, const Expression& to) -> Result<ExpressionPtr> {
    std::vector<ExpressionPtr> bounds;
    LDB_ASSIGN_OR_RETURN(ExpressionPtr above, make_comparison(context, negated ? CompareOp::kLess : CompareOp::kGreaterEqual,
                                                              clone(*operand), clone(from), position));
    LDB_ASSIGN_OR_RETURN(ExpressionPtr below, make_comparison(context, negated ? CompareOp::kGreater : CompareOp::kLessEqual,
                                                              clone(*operand), clone(to), position));
    bounds.push_back(std::move(above));
    bounds.push_back(std::move(below));
    return make_logical(context, negated, std::move(bounds), position);
  };
  LDB_ASSIGN_OR_RETURN(ExpressionPtr forward, range(*low, *high));
  if (!symmetric) return forward;
  LDB_ASSIGN_OR_RETURN(ExpressionPtr backward, range(*high, *low));
  std::vector<ExpressionPtr> both;
  both.push_back(std::move(forward));
  both.push_back(std::move(backward));
  return make_logical(context, !negated, std::move(both), position);
}

Result<ExpressionPtr> make_like(BuildContext& context, ExpressionPtr operand, ExpressionPtr pattern, ExpressionPtr escape,
                                bool case_insensitive, bool negated, std::uint32_t position) {
  const auto text = [&](ExpressionPtr& e) -> Status {
    if (e->type.id != TypeId::kNull && !is_string_type(e->type.id)) {
      const std::string symbol = std::string(negated ? "!~~" : "~~") + (case_insensitive ? "*" : "");
      return invalid("42883", "operator does not exist: " + DataType{operand->type.id}.to_string() + " " + symbol + " " +
                                  DataType{pattern->type.id}.to_string())
          .with_detail("No operator matches the given name and argument types. You might need to add explicit type casts.")
          .with_position(position);
    }
    return {};
  };
  LDB_TRY(text(operand));
  LDB_TRY(text(pattern));
  // CHAR keeps its padding on the left side, as PostgreSQL's bpchar ~~ text.
  LDB_ASSIGN_OR_RETURN(operand, coerce_unknown_to_text(context, std::move(operand)));
  if (escape != nullptr) {
    std::vector<ExpressionPtr> arguments;
    arguments.push_back(std::move(pattern));
    arguments.push_back(std::move(escape));
    LDB_ASSIGN_OR_RETURN(pattern, make_function(context, "like_escape", std::move(arguments), position));
  } else if (pattern->type.id != TypeId::kVarchar) {
    LDB_ASSIGN_OR_RETURN(pattern, coerce(context, std::move(pattern), DataType{TypeId::kText}, CastContext::kImplicit, position));
  }
  return with_children(std::make_unique<LikeExpression>(negated, case_insensitive), position, std::move(operand),
                       std::move(pattern));
}

Result<ExpressionPtr> make_extract(BuildContext& context, std::string_view field, ExpressionPtr source, std::uint32_t position) {
  std::vector<ExpressionPtr> arguments;
  arguments.push_back(make_unknown(Value(field), position));
  arguments.push_back(std::move(source));
  return make_function(context, "extract", std::move(arguments), position);
}

}  // namespace ldb::sql
