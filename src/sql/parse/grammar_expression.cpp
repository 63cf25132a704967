// Primary expressions: literals, columns, calls, parentheses, and everything that starts with a key word of its own.
#include <charconv>

#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

const Expression* Grammar::number_literal(std::string_view digits, bool negative, Position position) {
  auto* literal = make<Literal>(position);
  if (negative) {
    char* text = static_cast<char*>(arena_.allocate(digits.size() + 1));
    text[0] = '-';
    digits.copy(text + 1, digits.size());
    digits = {text, digits.size() + 1};
  }
  const char* end = digits.data() + digits.size();
  auto [stop, error] = std::from_chars(digits.data(), end, literal->integer);
  if (error == std::errc() && stop == end) {
    literal->literal = LiteralKind::kInteger;
  } else {
    literal->literal = LiteralKind::kDecimal;
    literal->integer = 0;
    literal->text = digits;
  }
  return finish(literal, 0);
}

const Expression* Grammar::string_literal(std::string_view text, Position position) {
  auto* literal = make<Literal>(position);
  literal->literal = LiteralKind::kString;
  literal->text = text;
  return finish(literal, 0);
}

const Expression* Grammar::negate(E operand, Position position) {
  const Literal* literal = operand->as<Literal>();
  if (literal != nullptr && literal->literal == LiteralKind::kInteger) {
    if (literal->integer == INT64_MIN) return number_literal("9223372036854775808", false, position);
    auto* negative = make<Literal>(position);
    negative->literal = LiteralKind::kInteger;
    negative->integer = -literal->integer;
    return finish(negative, 0);
  }
  if (literal != nullptr && literal->literal == LiteralKind::kDecimal) {
    bool was_negative = literal->text.starts_with('-');
    return number_literal(was_negative ? literal->text.substr(1) : literal->text, !was_negative, position);
  }
  auto* unary = make<Unary>(position);
  unary->op = Operator::kSubtract;
  unary->symbol = "-";
  unary->operand = operand;
  return finish(unary, height(operand));
}

const Expression* Grammar::parse_prefix(bool restricted) {
  Position position = token_.position;
  OperatorToken op;
  int operand_level = kOperatorLevel + 1;
  switch (token_.kind) {
    case TokenKind::kMinus:
    case TokenKind::kPlus:
      operand_level = kUnaryLevel + 1;
      break;
    case TokenKind::kOperator:
      break;
    case TokenKind::kKeyword:
      if (at(Keyword::kNot) && !restricted) {
        DepthGuard guard(*this);
        advance();
        auto* negation = make<Not>(position);
        negation->operand = parse_expression(kNotLevel, false);
        return finish(negation, height(negation->operand));
      }
      if (!at(Keyword::kOperator) || infix_operator().level == 0) return parse_primary();
      break;
    default:
      return parse_primary();
  }
  DepthGuard guard(*this);
  op = infix_operator();
  consume_operator(op);
  E operand = parse_expression(operand_level, restricted);
  if (op.op == Operator::kSubtract) return negate(operand, position);
  auto* unary = make<Unary>(position);
  unary->op = op.symbol == "~" ? Operator::kBitNot : op.op == Operator::kAdd ? Operator::kAdd : Operator::kOther;
  unary->symbol = op.symbol;
  unary->operand = operand;
  return finish(unary, height(operand));
}

const Expression* Grammar::parse_primary() {
  Position position = token_.position;
  std::string_view text = token_.text;
  switch (token_.kind) {
    case TokenKind::kInteger:
    case TokenKind::kDecimal:
      advance();
      return number_literal(text, false, position);
    case TokenKind::kString:
      advance();
      return string_literal(text, position);
    case TokenKind::kBitString: {
      advance();
      auto* literal = make<Literal>(position);
      literal->literal = LiteralKind::kBitString;
      literal->text = text;
      return finish(literal, 0);
    }
    case TokenKind::kParameter: {
      auto* parameter = make<Parameter>(position);
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parameter->index);
      if (error != std::errc() || parameter->index == 0 || parameter->index > 65535)
        fail("42P02", "there is no parameter $" + std::string(text), position);
      parameter_count_ = std::max(parameter_count_, parameter->index);
      advance();
      return parse_indirection(finish(parameter, 0));
    }
    case TokenKind::kLeftParen:
      return parse_parenthesis_primary();
    case TokenKind::kIdentifier:
      return parse_column_or_call();
    case TokenKind::kKeyword:
      return parse_keyword_primary();
    default:
      fail_syntax();
  }
}

// ---------------------------------------------------------------- parentheses

bool Grammar::at_query_start() {
  switch (token_.keyword) {
    case Keyword::kSelect:
    case Keyword::kWith:
    case Keyword::kTable:
      return true;
    case Keyword::kValues:
      return peek().kind == TokenKind::kLeftParen;
    default:
      return false;
  }
}

bool Grammar::at_query_word() const {
  return at(Keyword::kSelect) || at(Keyword::kValues) || at(Keyword::kWith) || at(Keyword::kTable);
}

// At a parenthesis: whether the first word behind this run of parentheses starts a query.
bool Grammar::at_nested_query() {
  Lexer ahead = lexer_;
  Token token = token_;
  while (token.kind == TokenKind::kLeftParen) ahead.next(token);
  if (token.keyword == Keyword::kValues) {
    ahead.next(token);
    return token.kind == TokenKind::kLeftParen;
  }
  return token.keyword == Keyword::kSelect || token.keyword == Keyword::kWith || token.keyword == Keyword::kTable;
}

bool Grammar::at_query_continuation() const {
  switch (token_.keyword) {
    case Keyword::kUnion:
    case Keyword::kIntersect:
    case Keyword::kExcept:
    case Keyword::kOrder:
    case Keyword::kLimit:
    case Keyword::kOffset:
    case Keyword::kFetch:
    case Keyword::kFor:
      return true;
    default:
      return false;
  }
}

const Expression* Grammar::scalar_subquery(const Query* query, Position position) {
  auto* subquery = make<ScalarSubquery>(position);
  subquery->query = query;
  return finish(subquery, query->height);
}

const Expression* Grammar::parse_row_element() {
  if (at(Keyword::kDefault) && default_depth_ == depth_) {
    auto* value = make<Default>(token_.position);
    advance();
    return finish(value, 0);
  }
  return parse_expression();
}

// first, ... ) of an implicit row.
const Expression* Grammar::finish_row(E first, Position position, std::size_t tallest) {
  ListBuilder<E> values(arena_);
  values.push(first);
  while (accept(TokenKind::kComma)) {
    E value = parse_row_element();
    tallest = std::max<std::size_t>(tallest, height(value));
    values.push(value);
  }
  auto* row = make<Row>(position);
  row->values = values.finish();
  return finish(row, tallest);
}

// A query, an expression, or a row, and the closing parenthesis.
Grammar::Parenthesized Grammar::parse_parenthesized(Position open, bool row_allowed) {
  DepthGuard guard(*this);
  if (at_query_start()) {
    const Query* query = parse_query();
    expect(TokenKind::kRightParen);
    return query;
  }
  if (at(TokenKind::kLeftParen) && at_nested_query()) return parse_nested_parenthesized(open, row_allowed);
  E value = parse_row_element();
  if (row_allowed && at(TokenKind::kComma)) value = finish_row(value, open, height(value));
  expect(TokenKind::kRightParen);
  return value;
}

// ((SELECT ...) ...: only what follows the inner parenthesis tells whether the outer one holds a query or an expression.
Grammar::Parenthesized Grammar::parse_nested_parenthesized(Position open, bool row_allowed) {
  Position position = token_.position;
  advance();
  Parenthesized inside = parse_parenthesized(position);
  if (auto* inner = std::get_if<const Query*>(&inside)) {
    const Query* query = *inner;
    if (at_query_continuation()) query = parse_query_with(nullptr, body_of(query), position);
    if (accept(TokenKind::kRightParen)) return query;
    inside = scalar_subquery(query, position);
  }
  E value = parse_operators(parse_indirection(std::get<E>(inside)), kLowest, false);
  if (row_allowed && at(TokenKind::kComma)) value = finish_row(value, open, height(value));
  expect(TokenKind::kRightParen);
  return value;
}

const Expression* Grammar::parse_parenthesis_primary() {
  Position position = token_.position;
  advance();
  Parenthesized inside = parse_parenthesized(position);
  if (auto* query = std::get_if<const Query*>(&inside)) return parse_indirection(scalar_subquery(*query, position));
  E value = std::get<E>(inside);
  const Row* row = value->as<Row>();
  bool made_here = row != nullptr && !row->is_explicit && row->position == position;
  return made_here ? value : parse_indirection(value);  // (a, b).c needs another pair of parentheses
}

const Query* Grammar::parse_subquery() {
  Position open = token_.position;
  expect(TokenKind::kLeftParen);
  if (!at_query_start() && !(at(TokenKind::kLeftParen) && at_nested_query())) fail_syntax();
  Token first = token_;
  Parenthesized inside = parse_parenthesized(open);
  if (auto* query = std::get_if<const Query*>(&inside)) return *query;
  fail_syntax(first);
}

// .field, .*, [index] behind parameters, parentheses and columns
const Expression* Grammar::parse_indirection(E base) {
  for (;;) {
    if (at(TokenKind::kLeftBracket)) {
      base = parse_subscript(base);
    } else if (at(TokenKind::kDot)) {
      Position position = token_.position;
      advance();
      if (accept(TokenKind::kStar)) {
        auto* star = make<Star>(position);
        star->base = base;
        return finish(star, height(base));
      }
      auto* field = make<FieldSelect>(position);
      field->base = base;
      field->field = parse_any_word();
      base = finish(field, height(base));
    } else {
      return base;
    }
  }
}

const Expression* Grammar::parse_subscript(E base) {
  auto* subscript = make<Subscript>(token_.position);
  DepthGuard guard(*this);
  advance();
  subscript->base = base;
  if (!at(TokenKind::kColon)) subscript->lower = parse_expression();
  if (accept(TokenKind::kColon)) {
    subscript->is_slice = true;
    if (!at(TokenKind::kRightBracket)) subscript->upper = parse_expression();
  }
  expect(TokenKind::kRightBracket);
  return finish(subscript, std::max({height(base), height(subscript->lower), height(subscript->upper)}));
}

// ---------------------------------------------------------------- columns and calls

// A name, dotted or not: column, t.*, function call, or type of a typed literal.
const Expression* Grammar::parse_column_or_call() {
  Token first = token_;
  if (first.keyword == Keyword::kDouble && peek().keyword == Keyword::kPrecision)
    return typed_literal(parse_type(true), first.position);
  ListBuilder<std::string_view, 4> parts(arena_);
  parts.push(first.text);
  advance();
  bool may_be_column = is_column_name(first);
  while (at(TokenKind::kDot) && may_be_column) {
    advance();
    if (accept(TokenKind::kStar)) {
      auto* star = make<Star>(first.position);
      star->qualifier = parts.finish();
      return finish(star, 0);
    }
    parts.push(parse_any_word());
  }
  bool may_be_function = parts.size() > 1 || is_type_or_function(first);
  if (may_be_function && (at(TokenKind::kLeftParen) || at(TokenKind::kString))) {
    if (parts.size() > 3) fail("42601", "improper qualified name (too many dotted names)", first.position);
    QualifiedName name;
    name.position = first.position;
    name.name = parts[parts.size() - 1];
    if (parts.size() > 1) name.schema = parts[parts.size() - 2];
    if (parts.size() > 2) name.catalog = parts[0];
    if (at(TokenKind::kLeftParen)) return parse_call(name, false);
    if (!name.catalog.empty()) unsupported("a type name with a database part", first.position);
    auto* type = arena_.make<TypeName>();
    type->schema = name.schema;
    type->name = parts.size() == 1 && !first.quoted ? plain_type_name(name.name) : name.name;
    type->position = first.position;
    return typed_literal(type, first.position);
  }
  if (!may_be_column) fail_syntax();
  auto* column = make<ColumnRef>(first.position);
  column->parts = parts.finish();
  finish(column, 0);
  return at(TokenKind::kLeftBracket) ? parse_indirection(column) : column;
}

// The string of DATE '2020-01-01'.
const Expression* Grammar::typed_literal(const TypeName* type, Position position) {
  auto* cast = make<Cast>(position);
  cast->syntax = CastSyntax::kTypedLiteral;
  cast->type = type;
  if (!at(TokenKind::kString)) fail_syntax();
  cast->operand = string_literal(token_.text, token_.position);
  advance();
  std::size_t tallest = 1;
  for (E modifier : type->modifiers) tallest = std::max<std::size_t>(tallest, height(modifier));
  return finish(cast, tallest);
}

bool Grammar::at_named_argument() {
  if (!is_type_or_function(token_)) return false;
  TokenKind next = peek().kind;
  return next == TokenKind::kColonEqual || next == TokenKind::kEqualGreater;
}

FunctionArgument Grammar::parse_argument(bool& named) {
  FunctionArgument argument;
  if (at_named_argument()) {
    argument.name = token_.text;
    advance();
    advance();
  }
  Position position = token_.position;
  argument.value = parse_expression();
  if (named && argument.name.empty()) fail("42601", "positional argument cannot follow named argument", position);
  named |= !argument.name.empty();
  return argument;
}

void Grammar::parse_call_arguments(FunctionCall* call) {
  expect(TokenKind::kLeftParen);
  if (accept(TokenKind::kRightParen)) return;
  if (accept(TokenKind::kStar)) {
    call->is_star = true;
    expect(TokenKind::kRightParen);
    return;
  }
  if (accept(Keyword::kDistinct))
    call->is_distinct = true;
  else
    accept(Keyword::kAll);
  ListBuilder<FunctionArgument, 4> arguments(arena_);
  bool named = false;
  do {
    if (call->is_variadic) fail_syntax();
    if (accept(Keyword::kVariadic)) call->is_variadic = true;
    arguments.push(parse_argument(named));
  } while (accept(TokenKind::kComma));
  call->arguments = arguments.finish();
  if (accept(Keyword::kOrder)) {
    expect(Keyword::kBy);
    call->order_by = parse_order_items();
  }
  expect(TokenKind::kRightParen);
}

const Expression* Grammar::parse_call(QualifiedName name, bool windowless) {
  auto* call = make<FunctionCall>(name.position);
  call->name = name;
  DepthGuard guard(*this);
  HeightScope scope(*this);
  parse_call_arguments(call);
  if (windowless) return finish(call, scope.height());
  if (at(TokenKind::kString) && !call->arguments.empty()) return parse_typed_literal_after(call);
  if (at(Keyword::kWithin) && peek().keyword == Keyword::kGroup) {
    Position position = token_.position;
    if (!call->order_by.empty()) fail("42601", "cannot use multiple ORDER BY clauses with WITHIN GROUP", position);
    if (call->is_distinct) fail("42601", "cannot use DISTINCT with WITHIN GROUP", position);
    if (call->is_variadic) fail("42601", "cannot use VARIADIC with WITHIN GROUP", position);
    advance();
    advance();
    expect(TokenKind::kLeftParen);
    expect(Keyword::kOrder);
    expect(Keyword::kBy);
    call->within_group = true;
    call->order_by = parse_order_items();
    expect(TokenKind::kRightParen);
  }
  if (at(Keyword::kFilter) && peek().kind == TokenKind::kLeftParen) {
    advance();
    advance();
    expect(Keyword::kWhere);
    call->filter = parse_expression();
    expect(TokenKind::kRightParen);
  }
  if (at(Keyword::kOver)) call->over = parse_over();
  return finish(call, scope.height());
}

// type(modifiers) 'value' looks like a call until the string comes.
const Expression* Grammar::parse_typed_literal_after(const FunctionCall* call) {
  ListBuilder<E, 2> modifiers(arena_);
  for (const FunctionArgument& argument : call->arguments) {
    if (!argument.name.empty()) fail("42601", "type modifier cannot have parameter name", call->position);
    modifiers.push(argument.value);
  }
  if (!call->order_by.empty()) fail("42601", "type modifier cannot have ORDER BY", call->position);
  if (call->is_star || call->is_distinct || call->is_variadic) fail_syntax();
  if (!call->name.catalog.empty()) unsupported("a type name with a database part", call->position);
  auto* type = arena_.make<TypeName>();
  type->schema = call->name.schema;
  type->name = call->name.name;
  type->position = call->position;
  type->modifiers = modifiers.finish();
  return typed_literal(type, call->position);
}

List<const Expression*> Grammar::parse_expression_list() {
  ListBuilder<E> values(arena_);
  do values.push(parse_expression());
  while (accept(TokenKind::kComma));
  return values.finish();
}

}  // namespace ldb::sql
