#include "sql/parse/sql_printer.hpp"

#include "sql/parse/character.hpp"
#include "sql/parse/keywords.hpp"
#include "sql/parse/to_sql.hpp"

namespace ldb::sql {

using namespace ast;

namespace {

// PostgreSQL's precedence levels; the same scale as Grammar::Precedence.
enum Level : int {
  kOr = 1,
  kAnd,
  kNotLevel,
  kIs,
  kCompare,
  kLikeLevel,
  kOperator,
  kAdd,
  kMultiply,
  kPower,
  kAt,
  kCollate,
  kUnary,
  kCast,
  kPrimary
};

int level_of(Operator op) {
  switch (op) {
    case Operator::kAdd:
    case Operator::kSubtract:
      return kAdd;
    case Operator::kMultiply:
    case Operator::kDivide:
    case Operator::kModulo:
      return kMultiply;
    case Operator::kPower:
      return kPower;
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kGreater:
    case Operator::kGreaterEqual:
      return kCompare;
    default:
      return kOperator;
  }
}

int level_of(const Expression& e) {
  switch (e.kind) {
    case ExpressionKind::kLogical:
      return e.as<Logical>()->is_or ? kOr : kAnd;
    case ExpressionKind::kNot:
      return kNotLevel;
    case ExpressionKind::kIsTest:
    case ExpressionKind::kIsDistinct:
      return kIs;
    case ExpressionKind::kBetween:
    case ExpressionKind::kInList:
    case ExpressionKind::kInSubquery:
    case ExpressionKind::kLike:
      return kLikeLevel;
    case ExpressionKind::kBinary:
      return level_of(e.as<Binary>()->links[0].op);
    case ExpressionKind::kQuantified:
      return level_of(e.as<Quantified>()->op);
    case ExpressionKind::kAtTimeZone:
      return kAt;
    case ExpressionKind::kCollate:
      return kCollate;
    case ExpressionKind::kCast:
      return kCast;
    case ExpressionKind::kUnary: {
      Operator op = e.as<Unary>()->op;
      return op == Operator::kAdd || op == Operator::kSubtract ? kUnary : kOperator;
    }
    case ExpressionKind::kLiteral: {
      const auto* literal = e.as<Literal>();
      bool negative = (literal->literal == LiteralKind::kInteger && literal->integer < 0) ||
                      (literal->literal == LiteralKind::kDecimal && literal->text.starts_with('-'));
      return negative ? kUnary : kPrimary;
    }
    default:
      return kPrimary;
  }
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  bool plain = !name.empty() && is_identifier_start(name[0]) && !is_digit(name[0]);
  std::uint32_t hash = 0;
  for (char c : name) {
    // Letters beyond ASCII are fine unquoted, since folding leaves them alone.
    if (!is_identifier_char(c) || to_lower(c) != c) plain = false;
    hash = keyword_hash_step(hash, c);
  }
  if (plain) {
    Keyword keyword = find_keyword(name, hash);
    if (keyword == Keyword::kNotKeyword || keyword_info(keyword).category == KeywordCategory::kUnreserved)
      return std::string(name);
  }
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string quote_literal(std::string_view text) {
  bool escape = text.find('\\') != std::string_view::npos;
  std::string quoted = escape ? "E'" : "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + '\'';
}

void SqlPrinter::identifier(std::string_view name) { put(quote_identifier(name)); }

void SqlPrinter::name(const QualifiedName& n) {
  if (!n.catalog.empty()) identifier(n.catalog), put(".");
  if (!n.schema.empty()) identifier(n.schema), put(".");
  identifier(n.name);
}

void SqlPrinter::names(List<Name> items) {
  list(items, [&](const Name& n) { identifier(n.text); });
}

void SqlPrinter::words(List<std::string_view> items) {
  list(items, [&](std::string_view word) { identifier(word); });
}

void SqlPrinter::dotted(List<std::string_view> parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) put(".");
    identifier(parts[i]);
  }
}

void SqlPrinter::subquery(const Query& q) {
  put("(");
  query(q);
  put(")");
}

void SqlPrinter::expression(const Expression& e, int lowest) {
  bool parentheses = level_of(e) < lowest;
  if (parentheses) put("(");
  node(e);
  if (parentheses) put(")");
}

void SqlPrinter::node(const Expression& e) {
  switch (e.kind) {
    case ExpressionKind::kColumnRef:
      return dotted(e.as<ColumnRef>()->parts);
    case ExpressionKind::kStar: {
      const auto* star = e.as<Star>();
      if (star->base != nullptr) indirection_base(*star->base), put(".");
      if (!star->qualifier.empty()) dotted(star->qualifier), put(".");
      return put("*");
    }
    case ExpressionKind::kLiteral:
      return literal(*e.as<Literal>());
    case ExpressionKind::kParameter:
      return put("$" + std::to_string(e.as<Parameter>()->index));
    case ExpressionKind::kUnary:
      return unary(*e.as<Unary>());
    case ExpressionKind::kBinary:
      return binary(*e.as<Binary>());
    case ExpressionKind::kLogical:
      return logical(*e.as<Logical>());
    case ExpressionKind::kNot:
      put("NOT ");
      return expression(*e.as<Not>()->operand, kNotLevel);
    case ExpressionKind::kFunctionCall:
      return function_call(*e.as<FunctionCall>());
    case ExpressionKind::kSpecialCall:
      return special_call(*e.as<SpecialCall>());
    case ExpressionKind::kCurrentValue:
      return current_value(*e.as<CurrentValue>());
    case ExpressionKind::kCase:
      return case_expression(*e.as<Case>());
    case ExpressionKind::kCast:
      return cast(*e.as<Cast>());
    case ExpressionKind::kInList:
    case ExpressionKind::kInSubquery:
    case ExpressionKind::kBetween:
    case ExpressionKind::kIsDistinct:
      return predicate(e);
    case ExpressionKind::kLike:
      return like(*e.as<Like>());
    case ExpressionKind::kIsTest:
      return is_test(*e.as<IsTest>());
    case ExpressionKind::kExists:
      put("EXISTS ");
      return subquery(*e.as<Exists>()->query);
    case ExpressionKind::kScalarSubquery:
      return subquery(*e.as<ScalarSubquery>()->query);
    case ExpressionKind::kArraySubquery:
      put("ARRAY");
      return subquery(*e.as<ArraySubquery>()->query);
    case ExpressionKind::kQuantified:
      return quantified(*e.as<Quantified>());
    case ExpressionKind::kRow:
      return row(*e.as<Row>());
    case ExpressionKind::kArrayLiteral:
      put("ARRAY[");
      expressions(e.as<ArrayLiteral>()->values);
      return put("]");
    case ExpressionKind::kSubscript:
      return subscript(*e.as<Subscript>());
    case ExpressionKind::kFieldSelect:
      indirection_base(*e.as<FieldSelect>()->base);
      put(".");
      return identifier(e.as<FieldSelect>()->field);
    case ExpressionKind::kCollate:
      expression(*e.as<Collate>()->operand, sql::kCollate + 1);
      put(" COLLATE ");
      return name(e.as<Collate>()->collation);
    case ExpressionKind::kAtTimeZone:
      expression(*e.as<AtTimeZone>()->operand, kAt + 1);
      put(" AT TIME ZONE ");
      return expression(*e.as<AtTimeZone>()->zone, kAt + 1);
    case ExpressionKind::kExtract:
      return extract(*e.as<Extract>());
    case ExpressionKind::kDefault:
      return put("DEFAULT");
  }
}

void SqlPrinter::literal(const Literal& e) {
  switch (e.literal) {
    case LiteralKind::kNull:
      return put("NULL");
    case LiteralKind::kBoolean:
      return put(e.boolean ? "TRUE" : "FALSE");
    case LiteralKind::kInteger:
      return put(std::to_string(e.integer));
    case LiteralKind::kDecimal:
      return put(e.text);
    case LiteralKind::kString:
      return put(quote_literal(e.text));
    case LiteralKind::kBitString:
      put("B'"), put(e.text);
      return put("'");
  }
}

void SqlPrinter::unary(const Unary& e) {
  bool sign = e.op == Operator::kAdd || e.op == Operator::kSubtract;
  put(e.symbol);
  std::size_t at = out_.size();
  expression(*e.operand, sign ? kUnary + (e.operand->kind == ExpressionKind::kLiteral ? 1 : 0) : sql::kOperator + 1);
  // Two operators side by side would read as one, or as a comment.
  if (at < out_.size() && (!sign || is_operator_char(out_[at]))) out_.insert(at, " ");
}

void SqlPrinter::binary(const Binary& e) {
  int level = level_of(e.links[0].op);
  expression(*e.first, level + 1);
  for (const BinaryLink& link : e.links) {
    put(" "), put(link.symbol), put(" ");
    expression(*link.right, level + 1);
  }
}

void SqlPrinter::logical(const Logical& e) {
  bool first = true;
  for (E operand : e.operands) {
    if (!first) put(e.is_or ? " OR " : " AND ");
    first = false;
    expression(*operand, (e.is_or ? kOr : kAnd) + 1);
  }
}

void SqlPrinter::function_call(const FunctionCall& e) {
  name(e.name);
  put("(");
  if (e.is_star) put("*");
  if (e.is_distinct) put("DISTINCT ");
  std::size_t index = 0;
  list(e.arguments, [&](const FunctionArgument& argument) {
    if (e.is_variadic && ++index == e.arguments.size()) put("VARIADIC ");
    if (!argument.name.empty()) identifier(argument.name), put(" => ");
    expression(*argument.value);
  });
  if (!e.order_by.empty() && !e.within_group) put(" ORDER BY "), order_items(e.order_by);
  put(")");
  if (e.within_group) put(" WITHIN GROUP (ORDER BY "), order_items(e.order_by), put(")");
  if (e.filter != nullptr) put(" FILTER (WHERE "), expression(*e.filter), put(")");
  if (e.over == nullptr) return;
  put(" OVER ");
  if (e.over->is_reference)
    identifier(e.over->base_name);
  else
    window(*e.over);
}

void SqlPrinter::special_call(const SpecialCall& e) {
  static constexpr std::string_view kNames[] = {"COALESCE", "GREATEST", "LEAST", "NULLIF", "GROUPING"};
  put(kNames[static_cast<std::size_t>(e.function)]);
  put("(");
  expressions(e.arguments);
  put(")");
}

void SqlPrinter::current_value(const CurrentValue& e) {
  static constexpr std::string_view kNames[] = {"CURRENT_DATE",    "CURRENT_TIME",  "CURRENT_TIMESTAMP", "LOCALTIME",
                                                "LOCALTIMESTAMP",  "CURRENT_USER",  "SESSION_USER",      "CURRENT_ROLE",
                                                "CURRENT_CATALOG", "CURRENT_SCHEMA"};
  put(kNames[static_cast<std::size_t>(e.value)]);
  if (e.precision >= 0) put("(" + std::to_string(e.precision) + ")");
}

void SqlPrinter::case_expression(const Case& e) {
  put("CASE");
  if (e.operand != nullptr) put(" "), expression(*e.operand);
  for (const WhenClause& when : e.whens) {
    put(" WHEN "), expression(*when.condition);
    put(" THEN "), expression(*when.result);
  }
  if (e.otherwise != nullptr) put(" ELSE "), expression(*e.otherwise);
  put(" END");
}

void SqlPrinter::cast(const Cast& e) {
  expression(*e.operand, sql::kCast);
  put("::");
  type(*e.type);
}

void SqlPrinter::predicate(const Expression& e) {
  if (const auto* in = e.as<InList>()) {
    expression(*in->operand, kLikeLevel + 1);
    put(in->negated ? " NOT IN (" : " IN (");
    expressions(in->values);
    put(")");
  } else if (const auto* in_query = e.as<InSubquery>()) {
    expression(*in_query->operand, kLikeLevel + 1);
    put(in_query->negated ? " NOT IN " : " IN ");
    subquery(*in_query->query);
  } else if (const auto* between = e.as<Between>()) {
    expression(*between->operand, kLikeLevel + 1);
    put(between->negated ? " NOT BETWEEN " : " BETWEEN ");
    if (between->symmetric) put("SYMMETRIC ");
    expression(*between->low, kUnary);  // the lower bound has a grammar without COLLATE, AT TIME ZONE and more
    put(" AND ");
    expression(*between->high, kLikeLevel + 1);
  } else if (const auto* distinct = e.as<IsDistinct>()) {
    expression(*distinct->left, kIs + 1);
    put(distinct->negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
    expression(*distinct->right, kIs + 1);
  }
}

void SqlPrinter::like(const Like& e) {
  static constexpr std::string_view kNames[] = {"LIKE ", "ILIKE ", "SIMILAR TO "};
  expression(*e.operand, kLikeLevel + 1);
  put(e.negated ? " NOT " : " ");
  put(kNames[static_cast<std::size_t>(e.like)]);
  expression(*e.pattern, kLikeLevel + 1);
  if (e.escape != nullptr) put(" ESCAPE "), expression(*e.escape, kLikeLevel + 1);
}

void SqlPrinter::is_test(const IsTest& e) {
  static constexpr std::string_view kNames[] = {"NULL", "TRUE", "FALSE", "UNKNOWN"};
  expression(*e.operand, kIs + 1);
  put(e.negated ? " IS NOT " : " IS ");
  put(kNames[static_cast<std::size_t>(e.test)]);
}

void SqlPrinter::quantified(const Quantified& e) {
  expression(*e.left, level_of(e.op) + 1);
  put(" "), put(e.symbol);
  put(e.is_all ? " ALL (" : " ANY (");
  if (e.query != nullptr)
    query(*e.query);
  else
    expression(*e.array);
  put(")");
}

void SqlPrinter::row(const Row& e) {
  put(e.is_explicit || e.values.size() < 2 ? "ROW(" : "(");
  expressions(e.values);
  put(")");
}

// What [..] and .field may follow without parentheses.
void SqlPrinter::indirection_base(const Expression& e) {
  bool bare = e.kind == ExpressionKind::kSubscript || e.kind == ExpressionKind::kFieldSelect ||
              e.kind == ExpressionKind::kParameter || e.kind == ExpressionKind::kScalarSubquery;
  if (!bare) put("(");
  node(e);
  if (!bare) put(")");
}

void SqlPrinter::subscript(const Subscript& e) {
  if (e.base->kind == ExpressionKind::kColumnRef)
    node(*e.base);
  else
    indirection_base(*e.base);
  put("[");
  if (e.lower != nullptr) expression(*e.lower);
  if (e.is_slice) put(":");
  if (e.upper != nullptr) expression(*e.upper);
  put("]");
}

void SqlPrinter::extract(const Extract& e) {
  static constexpr std::string_view kFieldWords[] = {"year", "month", "day", "hour", "minute", "second"};
  bool bare = quote_identifier(e.field) == e.field;
  std::uint32_t hash = 0;
  for (char c : e.field) hash = keyword_hash_step(hash, c);
  if (find_keyword(e.field, hash) != Keyword::kNotKeyword) bare = false;
  for (std::string_view word : kFieldWords) bare |= word == e.field;
  put("EXTRACT(");
  put(bare ? std::string(e.field) : quote_literal(e.field));
  put(" FROM ");
  expression(*e.source);
  put(")");
}

// ---------------------------------------------------------------- to_sql

std::string to_sql(const Expression& expression) {
  SqlPrinter printer;
  printer.expression(expression);
  return printer.take();
}
std::string to_sql(const Query& query) {
  SqlPrinter printer;
  printer.query(query);
  return printer.take();
}
std::string to_sql(const TypeName& type) {
  SqlPrinter printer;
  printer.type(type);
  return printer.take();
}
std::string to_sql(const QualifiedName& name) {
  SqlPrinter printer;
  printer.name(name);
  return printer.take();
}

bool equal(const Expression& a, const Expression& b) { return a.kind == b.kind && to_sql(a) == to_sql(b); }

}  // namespace ldb::sql
