// Expressions: columns, literals, operators, CASE, casts. Calls are in bind_call.cpp, subqueries in bind_subquery.cpp.
#include <algorithm>
#include <cmath>

#include "sql/bind/binder.hpp"
#include "sql/parse/to_sql.hpp"
#include "sql/types/decimal.hpp"

namespace ldb::sql {
namespace {

CompareOp compare_op(ast::Operator op) {
  switch (op) {
    case ast::Operator::kEqual:
      return CompareOp::kEqual;
    case ast::Operator::kNotEqual:
      return CompareOp::kNotEqual;
    case ast::Operator::kLess:
      return CompareOp::kLess;
    case ast::Operator::kLessEqual:
      return CompareOp::kLessEqual;
    case ast::Operator::kGreater:
      return CompareOp::kGreater;
    default:
      return CompareOp::kGreaterEqual;
  }
}
bool is_comparison(ast::Operator op) { return op >= ast::Operator::kEqual && op <= ast::Operator::kGreaterEqual; }

std::string dotted(std::span<const std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) {
    if (!out.empty()) out.push_back('.');
    out += part;
  }
  return out;
}

}  // namespace

Result<ExpressionPtr> Binder::bind(const ast::Expression& e, Level& level) {
  using Kind = ast::ExpressionKind;
  switch (e.kind) {
    case Kind::kColumnRef:
      return bind_column(*e.as<ast::ColumnRef>(), level);
    case Kind::kLiteral:
      return bind_literal(*e.as<ast::Literal>());
    case Kind::kParameter:
      return make_parameter(build_, e.as<ast::Parameter>()->index - 1, e.position);
    case Kind::kUnary: {
      const auto& unary = *e.as<ast::Unary>();
      LDB_ASSIGN_OR_RETURN(auto operand, bind(*unary.operand, level));
      return make_operator(build_, unary.symbol, nullptr, std::move(operand), e.position);
    }
    case Kind::kBinary:
      return bind_binary(*e.as<ast::Binary>(), level);
    case Kind::kLogical:
      return bind_logical(*e.as<ast::Logical>(), level);
    case Kind::kNot: {
      LDB_ASSIGN_OR_RETURN(auto operand, bind(*e.as<ast::Not>()->operand, level));
      return make_not(build_, std::move(operand), e.position);
    }
    case Kind::kFunctionCall:
      return bind_call(*e.as<ast::FunctionCall>(), level);
    case Kind::kSpecialCall:
      return bind_special(*e.as<ast::SpecialCall>(), level);
    case Kind::kCurrentValue:
      return bind_current_value(*e.as<ast::CurrentValue>());
    case Kind::kCase:
      return bind_case(*e.as<ast::Case>(), level);
    case Kind::kCast: {
      const auto& cast = *e.as<ast::Cast>();
      if (cast.type->interval_fields != 0 && cast.type->name == "interval") return bind_interval_literal(cast);
      LDB_ASSIGN_OR_RETURN(const DataType type, resolve_type(*cast.type));
      LDB_ASSIGN_OR_RETURN(auto operand, bind(*cast.operand, level));
      return coerce(build_, std::move(operand), type, CastContext::kExplicit, e.position);
    }
    case Kind::kInList:
      return bind_in_list(*e.as<ast::InList>(), level);
    case Kind::kInSubquery: {
      const auto& in = *e.as<ast::InSubquery>();
      LDB_ASSIGN_OR_RETURN(auto result, bind_quantified(*in.operand, CompareOp::kEqual, false, *in.query, level, e.position));
      if (in.negated) return make_not(build_, std::move(result), e.position);
      return result;
    }
    case Kind::kBetween: {
      const auto& between = *e.as<ast::Between>();
      LDB_ASSIGN_OR_RETURN(auto operand, bind(*between.operand, level));
      LDB_ASSIGN_OR_RETURN(auto low, bind(*between.low, level));
      LDB_ASSIGN_OR_RETURN(auto high, bind(*between.high, level));
      return make_between(build_, std::move(operand), std::move(low), std::move(high), between.symmetric, between.negated,
                          e.position);
    }
    case Kind::kLike:
      return bind_like(*e.as<ast::Like>(), level);
    case Kind::kIsTest: {
      const auto& test = *e.as<ast::IsTest>();
      if (const auto* row = test.operand->as<ast::Row>(); row != nullptr && test.test == ast::IsTestKind::kNull) {
        std::vector<ExpressionPtr> tests;  // true when all fields are (not) NULL
        for (const ast::Expression* value : row->values) {
          LDB_ASSIGN_OR_RETURN(auto field, bind(*value, level));
          tests.push_back(make_is_null(std::move(field), test.negated, e.position));
        }
        return make_logical(build_, false, std::move(tests), e.position);
      }
      LDB_ASSIGN_OR_RETURN(auto operand, bind(*test.operand, level));
      if (test.test == ast::IsTestKind::kNull) {
        LDB_ASSIGN_OR_RETURN(operand, coerce_unknown_to_text(build_, std::move(operand)));
        return make_is_null(std::move(operand), test.negated, e.position);
      }
      const BooleanTestKind kind = test.test == ast::IsTestKind::kTrue    ? BooleanTestKind::kTrue
                                   : test.test == ast::IsTestKind::kFalse ? BooleanTestKind::kFalse
                                                                          : BooleanTestKind::kUnknown;
      return make_is_boolean(build_, std::move(operand), kind, test.negated, e.position);
    }
    case Kind::kIsDistinct: {
      const auto& distinct = *e.as<ast::IsDistinct>();
      LDB_ASSIGN_OR_RETURN(auto left, bind(*distinct.left, level));
      LDB_ASSIGN_OR_RETURN(auto right, bind(*distinct.right, level));
      return make_is_distinct(build_, std::move(left), std::move(right), distinct.negated, e.position);
    }
    case Kind::kExists:
      return bind_exists(*e.as<ast::Exists>()->query, level, e.position);
    case Kind::kScalarSubquery:
      return bind_scalar_subquery(*e.as<ast::ScalarSubquery>()->query, level, e.position);
    case Kind::kQuantified: {
      const auto& quantified = *e.as<ast::Quantified>();
      if (quantified.query == nullptr) {
        if (const auto* array = quantified.array->as<ast::ArrayLiteral>()) {  // x = ANY (ARRAY[1, 2]) needs no array type
          std::vector<ExpressionPtr> tests;
          for (const ast::Expression* value : array->values) {
            LDB_ASSIGN_OR_RETURN(auto left, bind(*quantified.left, level));
            LDB_ASSIGN_OR_RETURN(auto right, bind(*value, level));
            LDB_ASSIGN_OR_RETURN(auto test,
                                 make_operator(build_, quantified.symbol, std::move(left), std::move(right), e.position));
            tests.push_back(std::move(test));
          }
          if (tests.empty()) return make_typed_constant({TypeId::kBoolean}, Value(quantified.is_all), e.position);
          return make_logical(build_, !quantified.is_all, std::move(tests), e.position);
        }
        return unsupported("arrays (ANY and ALL over an array)", e.position);
      }
      if (!is_comparison(quantified.op))
        return unsupported("ANY and ALL with the operator " + std::string(quantified.symbol), e.position);
      return bind_quantified(*quantified.left, compare_op(quantified.op), quantified.is_all, *quantified.query, level,
                             e.position);
    }
    case Kind::kCollate: {
      const auto& collate = *e.as<ast::Collate>();
      const std::string_view name = collate.collation.name;
      if (name != "C" && name != "POSIX" && name != "default" && name != "ucs_basic") {
        return unsupported("collation \"" + std::string(name) + "\" (text is ordered by its bytes, as by collation \"C\")",
                           e.position);
      }
      LDB_ASSIGN_OR_RETURN(auto operand, bind(*collate.operand, level));
      LDB_ASSIGN_OR_RETURN(operand, coerce_unknown_to_text(build_, std::move(operand)));
      if (!is_string_type(operand->type.id)) {
        return bind_error("42804", "collations are not supported by type " + operand->type.to_string(), e.position);
      }
      return operand;
    }
    case Kind::kExtract: {
      const auto& extract = *e.as<ast::Extract>();
      LDB_ASSIGN_OR_RETURN(auto source, bind(*extract.source, level));
      return make_extract(build_, extract.field, std::move(source), e.position);
    }
    case Kind::kStar:
      return bind_error("42601", "\"*\" is not allowed here", e.position);
    case Kind::kRow:
      return unsupported("row values other than in comparisons", e.position);
    case Kind::kArraySubquery:
    case Kind::kArrayLiteral:
    case Kind::kSubscript:
      return unsupported("arrays", e.position);
    case Kind::kFieldSelect:
      return unsupported("composite types", e.position);
    case Kind::kAtTimeZone:
      return unsupported("time zones (AT TIME ZONE)", e.position);
    case Kind::kDefault:
      return bind_error("42601", "DEFAULT is not allowed in this context", e.position);
  }
  return unsupported("this expression", e.position);
}

/// INTERVAL '5' DAY: a number without a unit is of the last field, and fields below it are cut off.
Result<ExpressionPtr> Binder::bind_interval_literal(const ast::Cast& cast) {
  const auto* literal = cast.operand->as<ast::Literal>();
  if (literal == nullptr || literal->literal != ast::LiteralKind::kString || !cast.type->modifiers.empty()) {
    return unsupported("fields of INTERVAL other than of a literal", cast.position);
  }
  static constexpr std::pair<std::uint8_t, const char*> kUnits[] = {
      {ast::kIntervalSecond, "second"}, {ast::kIntervalMinute, "minute"}, {ast::kIntervalHour, "hour"},
      {ast::kIntervalDay, "day"},       {ast::kIntervalMonth, "month"},   {ast::kIntervalYear, "year"}};
  const auto* last = std::begin(kUnits);
  while ((cast.type->interval_fields & last->first) == 0) ++last;
  std::string text(literal->text);
  const bool number =
      !text.empty() && text.find_first_not_of("0123456789.+- ") == std::string::npos && text.find('-', 1) == std::string::npos;
  if (number) text += std::string(" ") + last->second;
  auto value = parse_value(text, {TypeId::kInterval, -1, 0});
  if (!value) return value.error().with_position(cast.position);
  auto interval = std::get<Interval>(value->storage());
  constexpr std::int64_t kSecond = 1'000'000;
  switch (last->first) {
    case ast::kIntervalYear:
      interval = {interval.months / 12 * 12, 0, 0};
      break;
    case ast::kIntervalMonth:
      interval = {interval.months, 0, 0};
      break;
    case ast::kIntervalDay:
      interval.us = 0;
      break;
    case ast::kIntervalHour:
      interval.us -= interval.us % (3600 * kSecond);
      break;
    case ast::kIntervalMinute:
      interval.us -= interval.us % (60 * kSecond);
      break;
    default:
      break;
  }
  return make_typed_constant({TypeId::kInterval, -1, 0}, Value(interval), cast.position);
}

Result<ExpressionPtr> Binder::bind_boolean(const ast::Expression& e, Level& level, std::string_view what) {
  LDB_ASSIGN_OR_RETURN(auto bound, bind(e, level));
  return coerce_to_boolean(build_, std::move(bound), what, e.position);
}

namespace {

/// 1e300 and 1e-300 are far beyond NUMERIC's 38 digits, but fine as DOUBLE, and never meant as exact numbers.
bool fits_numeric(const Result<Value>& value, std::string_view text) {
  if (!value) return false;
  const auto& decimal = std::get<Decimal>(value->storage());
  if (decimal.scale < kMaxDecimalDigits) return true;
  const auto wide = parse_value(std::string(text), {TypeId::kDouble, -1, 0});
  if (!wide) return true;
  const double exact = std::get<double>(wide->storage());
  return std::abs(to_double(decimal) - exact) <= 1e-12 * std::abs(exact);
}

}  // namespace

Result<ExpressionPtr> Binder::bind_literal(const ast::Literal& literal) {
  switch (literal.literal) {
    case ast::LiteralKind::kNull:
      return make_unknown(Value(), literal.position);
    case ast::LiteralKind::kBoolean:
      return make_constant(Value(literal.boolean), literal.position);
    case ast::LiteralKind::kInteger:
      if (literal.integer >= INT32_MIN && literal.integer <= INT32_MAX) {
        return make_constant(Value(static_cast<std::int32_t>(literal.integer)), literal.position);
      }
      return make_constant(Value(literal.integer), literal.position);
    case ast::LiteralKind::kDecimal: {
      auto value = parse_value(literal.text, {TypeId::kNumeric, -1, 0});
      if (literal.text.find_first_of("eE") != literal.text.npos && !fits_numeric(value, literal.text)) {
        if (auto wide = parse_value(literal.text, {TypeId::kDouble, -1, 0})) value = std::move(wide);
      }
      if (!value) return value.error().with_position(literal.position);
      return make_constant(std::move(value).value(), literal.position);
    }
    case ast::LiteralKind::kString:
      return make_unknown(Value(literal.text), literal.position);
    case ast::LiteralKind::kBitString:
      return unsupported("type bit", literal.position);
  }
  return unsupported("this literal", literal.position);
}

/// Looks for the column in this level, then outwards; what is found outside comes back as a parameter slot.
Result<ExpressionPtr> Binder::resolve_column(const ast::ColumnRef& ref, Level& level, bool& found_table) {
  const std::string_view column = ref.parts.back();
  const ScopeColumn* found = nullptr;
  if (level.scope != nullptr) {
    const bool qualified = ref.parts.size() > 1;
    const std::string_view table = qualified ? ref.parts[ref.parts.size() - 2] : std::string_view();
    const std::string_view schema = ref.parts.size() > 2 ? ref.parts[ref.parts.size() - 3] : std::string_view();
    std::size_t tables = 0;
    if (qualified) {
      for (const ScopeTable& candidate : level.scope->tables) {
        if (candidate.alias == table && (schema.empty() || candidate.schema == schema)) ++tables;
      }
    }
    found_table = tables > 0;
    if (tables > 1) {
      return bind_error("42P09", "table reference \"" + std::string(table) + "\" is ambiguous", ref.position);
    }
    if (!qualified || found_table) {
      for (const ScopeColumn& candidate : level.scope->columns) {
        if (candidate.column != column) continue;
        if (qualified ? candidate.table != table || (!schema.empty() && candidate.schema != schema) : candidate.qualified_only)
          continue;
        if (found != nullptr && found->number != candidate.number) {
          return bind_error("42702", "column reference \"" + std::string(column) + "\" is ambiguous", ref.position);
        }
        found = &candidate;
      }
    }
    if (found != nullptr) return make_column(found->number, found->type, dotted(ref.parts), ref.position);
    if (found_table) return ExpressionPtr();
  }
  if (level.parent == nullptr) return ExpressionPtr();
  LDB_ASSIGN_OR_RETURN(auto outside, resolve_column(ref, *level.parent, found_table));
  if (outside == nullptr) return ExpressionPtr();
  return import_one(std::move(outside), level);
}

Result<ExpressionPtr> Binder::bind_column(const ast::ColumnRef& ref, Level& level) {
  bool found_table = false;
  LDB_ASSIGN_OR_RETURN(auto column, resolve_column(ref, level, found_table));
  if (column != nullptr) return column;
  const std::string name(ref.parts.back());
  if (ref.parts.size() == 1) return bind_error("42703", "column \"" + name + "\" does not exist", ref.position);
  const std::string table(ref.parts[ref.parts.size() - 2]);
  if (found_table) return bind_error("42703", "column " + table + "." + name + " does not exist", ref.position);
  return bind_error("42P01", "missing FROM-clause entry for table \"" + table + "\"", ref.position);
}

Result<ExpressionPtr> Binder::bind_row_comparison(std::string_view symbol, const ast::Row& left, const ast::Row& right,
                                                  Level& level, std::uint32_t position) {
  if (left.values.size() != right.values.size())
    return bind_error("42601", "unequal number of entries in row expressions", position);
  const std::size_t size = left.values.size();
  if (size == 0) return unsupported("comparing empty rows", position);
  const auto compare = [&](std::size_t i, std::string_view op) -> Result<ExpressionPtr> {
    LDB_ASSIGN_OR_RETURN(auto l, bind(*left.values[i], level));
    LDB_ASSIGN_OR_RETURN(auto r, bind(*right.values[i], level));
    return make_operator(build_, op, std::move(l), std::move(r), position);
  };
  if (symbol == "=" || symbol == "<>") {
    std::vector<ExpressionPtr> tests;
    for (std::size_t i = 0; i < size; ++i) {
      LDB_ASSIGN_OR_RETURN(auto test, compare(i, symbol));
      tests.push_back(std::move(test));
    }
    return make_logical(build_, symbol == "<>", std::move(tests), position);
  }
  if (symbol != "<" && symbol != "<=" && symbol != ">" && symbol != ">=") {
    return unsupported("the operator " + std::string(symbol) + " for rows", position);
  }
  // (a, b) < (c, d): a < c OR (a = c AND b < d), from the last field backwards.
  LDB_ASSIGN_OR_RETURN(auto result, compare(size - 1, symbol));
  for (std::size_t i = size - 1; i-- > 0;) {
    LDB_ASSIGN_OR_RETURN(auto less, compare(i, symbol.substr(0, 1)));
    LDB_ASSIGN_OR_RETURN(auto same, compare(i, "="));
    std::vector<ExpressionPtr> both;
    both.push_back(std::move(same));
    both.push_back(std::move(result));
    LDB_ASSIGN_OR_RETURN(auto tail, make_logical(build_, false, std::move(both), position));
    std::vector<ExpressionPtr> either;
    either.push_back(std::move(less));
    either.push_back(std::move(tail));
    LDB_ASSIGN_OR_RETURN(result, make_logical(build_, true, std::move(either), position));
  }
  return result;
}

Result<ExpressionPtr> Binder::bind_operator(std::string_view symbol, const ast::Expression* left_ast, ExpressionPtr left,
                                            const ast::Expression& right_ast, Level& level, std::uint32_t position) {
  if (left_ast != nullptr) {
    const auto* left_row = left_ast->as<ast::Row>();
    const auto* right_row = right_ast.as<ast::Row>();
    if (left_row && right_row) return bind_row_comparison(symbol, *left_row, *right_row, level, position);
    const auto* subquery = right_ast.as<ast::ScalarSubquery>();
    static constexpr std::pair<std::string_view, CompareOp> kComparisons[] = {
        {"=", CompareOp::kEqual},      {"<>", CompareOp::kNotEqual}, {"<", CompareOp::kLess},
        {"<=", CompareOp::kLessEqual}, {">", CompareOp::kGreater},   {">=", CompareOp::kGreaterEqual}};
    for (const auto& [name, op] : kComparisons) {
      if (!left_row || !subquery || symbol != name) continue;
      LDB_ASSIGN_OR_RETURN(auto test, bind_quantified(*left_ast, op, false, *subquery->query, level, position));
      statement_->subplans[test->as<SubplanExpression>()->id]->single_row = true;
      return test;
    }
    LDB_ASSIGN_OR_RETURN(left, bind(*left_ast, level));
  }
  LDB_ASSIGN_OR_RETURN(auto right, bind(right_ast, level));
  return make_operator(build_, symbol, std::move(left), std::move(right), position);
}

Result<ExpressionPtr> Binder::bind_binary(const ast::Binary& binary, Level& level) {
  ExpressionPtr left;
  const ast::Expression* first = binary.first;
  for (const ast::BinaryLink& link : binary.links) {
    LDB_ASSIGN_OR_RETURN(left, bind_operator(link.symbol, first, std::move(left), *link.right, level, link.position));
    first = nullptr;
  }
  return left;
}

Result<ExpressionPtr> Binder::bind_logical(const ast::Logical& logical, Level& level) {
  std::vector<ExpressionPtr> operands;
  for (const ast::Expression* operand : logical.operands) {
    LDB_ASSIGN_OR_RETURN(auto bound, bind(*operand, level));
    operands.push_back(std::move(bound));
  }
  return make_logical(build_, logical.is_or, std::move(operands), logical.position);
}

Result<ExpressionPtr> Binder::bind_case(const ast::Case& e, Level& level) {
  ExpressionPtr operand;
  if (e.operand) {
    LDB_ASSIGN_OR_RETURN(operand, bind(*e.operand, level));
  }
  std::vector<CaseBranch> branches;
  for (const ast::WhenClause& when : e.whens) {
    CaseBranch branch;
    LDB_ASSIGN_OR_RETURN(branch.condition, bind(*when.condition, level));
    LDB_ASSIGN_OR_RETURN(branch.result, bind(*when.result, level));
    branches.push_back(std::move(branch));
  }
  ExpressionPtr otherwise;
  if (e.otherwise) {
    LDB_ASSIGN_OR_RETURN(otherwise, bind(*e.otherwise, level));
  }
  return make_case(build_, std::move(operand), std::move(branches), std::move(otherwise), e.position);
}

Result<ExpressionPtr> Binder::bind_in_list(const ast::InList& e, Level& level) {
  if (const auto* row = e.operand->as<ast::Row>()) {
    std::vector<ExpressionPtr> tests;
    for (const ast::Expression* value : e.values) {
      const auto* candidate = value->as<ast::Row>();
      if (candidate == nullptr) return unsupported("IN over rows and other values together", e.position);
      LDB_ASSIGN_OR_RETURN(auto test, bind_row_comparison("=", *row, *candidate, level, e.position));
      tests.push_back(std::move(test));
    }
    LDB_ASSIGN_OR_RETURN(auto any, make_logical(build_, true, std::move(tests), e.position));
    if (e.negated) return make_not(build_, std::move(any), e.position);
    return any;
  }
  LDB_ASSIGN_OR_RETURN(auto operand, bind(*e.operand, level));
  std::vector<ExpressionPtr> values;
  for (const ast::Expression* value : e.values) {
    LDB_ASSIGN_OR_RETURN(auto bound, bind(*value, level));
    values.push_back(std::move(bound));
  }
  return make_in_list(build_, std::move(operand), std::move(values), e.negated, e.position);
}

Result<ExpressionPtr> Binder::bind_like(const ast::Like& e, Level& level) {
  LDB_ASSIGN_OR_RETURN(auto operand, bind(*e.operand, level));
  LDB_ASSIGN_OR_RETURN(auto pattern, bind(*e.pattern, level));
  ExpressionPtr escape;
  if (e.escape) {
    LDB_ASSIGN_OR_RETURN(escape, bind(*e.escape, level));
  }
  if (e.like == ast::LikeKind::kSimilarTo) {
    std::vector<ExpressionPtr> arguments;
    arguments.push_back(std::move(pattern));
    if (escape) arguments.push_back(std::move(escape));
    LDB_ASSIGN_OR_RETURN(auto regex, make_function(build_, "similar_to_escape", std::move(arguments), e.position));
    return make_operator(build_, e.negated ? "!~" : "~", std::move(operand), std::move(regex), e.position);
  }
  return make_like(build_, std::move(operand), std::move(pattern), std::move(escape), e.like == ast::LikeKind::kILike, e.negated,
                   e.position);
}

Result<ExpressionPtr> Binder::bind_row_expression(const ast::Expression& expression, const Table& table,
                                                  const std::vector<OutputColumn>& row, std::string_view what) {
  Scope scope;
  scope.tables.push_back({table.name.name, table.name.schema, nullptr, 0, false});
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    scope.columns.push_back({table.name.name, table.columns[i].name, row[i].number, table.columns[i].type, false, {}});
  }
  Level level;
  level.scope = &scope;
  level.clause = what;
  LDB_ASSIGN_OR_RETURN(auto bound, bind(expression, level));
  bool has_subplan = false;
  walk(*bound, [&](const Expression& e) { has_subplan = has_subplan || e.kind == ExpressionKind::kSubplan; });
  if (has_subplan) return unsupported("a subquery in " + std::string(what), expression.position);
  return bound;
}

Result<ExpressionPtr> Binder::bind_constant_expression(const ast::Expression& expression, DataType type, std::string_view what) {
  if (const auto* column = expression.as<ast::ColumnRef>(); column != nullptr) {
    return bind_error("0A000", "cannot use column reference in " + std::string(what), expression.position);
  }
  Scope empty;
  Level level;
  level.scope = &empty;
  level.clause = what;
  LDB_ASSIGN_OR_RETURN(auto bound, bind(expression, level));
  bool has_subplan = false;
  walk(*bound, [&](const Expression& e) { has_subplan = has_subplan || e.kind == ExpressionKind::kSubplan; });
  if (has_subplan) return bind_error("0A000", "cannot use subquery in " + std::string(what), expression.position);
  if (type == kUnknownType) return coerce_unknown_to_text(build_, std::move(bound));
  return coerce(build_, std::move(bound), type, CastContext::kAssignment, expression.position);
}

}  // namespace ldb::sql
