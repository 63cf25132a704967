// Expressions that start with a key word: CASE, CAST, ARRAY, ROW, EXISTS, and functions with a syntax of their own.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

// Whether a type key word is here the type of a literal (INT '5', TIME (3) '...') rather than a name.
bool Grammar::at_type_literal() {
  switch (token_.keyword) {
    case Keyword::kBigint:
    case Keyword::kBit:
    case Keyword::kBoolean:
    case Keyword::kChar:
    case Keyword::kCharacter:
    case Keyword::kDec:
    case Keyword::kDecimal:
    case Keyword::kFloat:
    case Keyword::kInt:
    case Keyword::kInteger:
    case Keyword::kInterval:
    case Keyword::kNational:
    case Keyword::kNchar:
    case Keyword::kNumeric:
    case Keyword::kReal:
    case Keyword::kSmallint:
    case Keyword::kTime:
    case Keyword::kTimestamp:
    case Keyword::kVarchar:
      break;
    default:
      return false;
  }
  Token next = peek();
  switch (next.kind) {
    case TokenKind::kString:
    case TokenKind::kLeftParen:
      return true;
    case TokenKind::kKeyword:
      if (next.keyword == Keyword::kWith || next.keyword == Keyword::kWithout) return peek(2).keyword == Keyword::kTime;
      return next.keyword == Keyword::kVarying || next.keyword == Keyword::kCharacter || next.keyword == Keyword::kChar;
    default:
      return false;
  }
}

const Expression* Grammar::parse_keyword_primary() {
  Position position = token_.position;
  switch (token_.keyword) {
    case Keyword::kTrue:
    case Keyword::kFalse:
    case Keyword::kNull: {
      auto* literal = make<Literal>(position);
      literal->literal = at(Keyword::kNull) ? LiteralKind::kNull : LiteralKind::kBoolean;
      literal->boolean = at(Keyword::kTrue);
      advance();
      return finish(literal, 0);
    }
    case Keyword::kCase:
      return parse_case();
    case Keyword::kCast:
      return parse_cast();
    case Keyword::kArray:
      return parse_array();
    case Keyword::kDefault:
      fail("42601", "DEFAULT is not allowed in this context", position);
    case Keyword::kCurrentDate:
      return parse_current_value(CurrentValueKind::kDate, false);
    case Keyword::kCurrentTime:
      return parse_current_value(CurrentValueKind::kTime, true);
    case Keyword::kCurrentTimestamp:
      return parse_current_value(CurrentValueKind::kTimestamp, true);
    case Keyword::kLocaltime:
      return parse_current_value(CurrentValueKind::kLocalTime, true);
    case Keyword::kLocaltimestamp:
      return parse_current_value(CurrentValueKind::kLocalTimestamp, true);
    case Keyword::kCurrentRole:
      return parse_current_value(CurrentValueKind::kCurrentRole, false);
    case Keyword::kCurrentUser:
    case Keyword::kUser:
      return parse_current_value(CurrentValueKind::kUser, false);
    case Keyword::kSessionUser:
      return parse_current_value(CurrentValueKind::kSessionUser, false);
    case Keyword::kCurrentCatalog:
      return parse_current_value(CurrentValueKind::kCatalog, false);
    case Keyword::kCurrentSchema:
      if (peek().kind == TokenKind::kLeftParen || peek().kind == TokenKind::kString) return parse_column_or_call();
      return parse_current_value(CurrentValueKind::kSchema, false);
    case Keyword::kCollation:
      if (peek().keyword == Keyword::kFor) return parse_collation_for();
      return parse_column_or_call();
    default:
      break;
  }
  KeywordCategory category = keyword_info(token_.keyword).category;
  if (category == KeywordCategory::kReserved) fail_syntax();
  if (category != KeywordCategory::kColumnName) return parse_column_or_call();
  if (at_type_literal()) return parse_typed_literal();
  if (peek().kind != TokenKind::kLeftParen) return parse_column_or_call();
  return parse_special_syntax();
}

// A word with a parenthesis behind it that is a column name otherwise.
const Expression* Grammar::parse_special_syntax() {
  switch (token_.keyword) {
    case Keyword::kRow:
      return parse_row();
    case Keyword::kExists:
      return parse_exists();
    case Keyword::kCoalesce:
      return parse_special_call(SpecialFunction::kCoalesce);
    case Keyword::kGreatest:
      return parse_special_call(SpecialFunction::kGreatest);
    case Keyword::kLeast:
      return parse_special_call(SpecialFunction::kLeast);
    case Keyword::kNullif:
      return parse_special_call(SpecialFunction::kNullIf);
    case Keyword::kGrouping:
      return parse_special_call(SpecialFunction::kGrouping);
    case Keyword::kExtract:
      return parse_extract();
    case Keyword::kPosition:
      return parse_position();
    case Keyword::kSubstring:
      return parse_substring();
    case Keyword::kOverlay:
      return parse_overlay();
    case Keyword::kTrim:
      return parse_trim();
    case Keyword::kNormalize:
      return parse_normalize();
    case Keyword::kTreat:
      unsupported("TREAT");
    case Keyword::kXmlconcat:
    case Keyword::kXmlelement:
    case Keyword::kXmlexists:
    case Keyword::kXmlforest:
    case Keyword::kXmlparse:
    case Keyword::kXmlpi:
    case Keyword::kXmlroot:
    case Keyword::kXmlserialize:
      unsupported("the XML function " + std::string(token_.text));
    default:
      // Such a word names a column, never a function.
      advance();
      fail_syntax();
  }
}

const Expression* Grammar::parse_typed_literal() {
  Position position = token_.position;
  bool interval = at(Keyword::kInterval);
  const TypeName* type = parse_type(true);
  if (!interval || !type->modifiers.empty() || !at(TokenKind::kString)) return typed_literal(type, position);
  // INTERVAL '1' DAY: the fields follow the string.
  auto* with_fields = arena_.make<TypeName>(*type);
  E literal = typed_literal(with_fields, position);
  parse_interval_fields(with_fields);
  return literal;
}

const Expression* Grammar::parse_case() {
  auto* node = make<Case>(token_.position);
  DepthGuard guard(*this);
  HeightScope scope(*this);
  advance();
  if (!at(Keyword::kWhen)) node->operand = parse_expression();
  ListBuilder<WhenClause, 4> whens(arena_);
  if (!at(Keyword::kWhen)) fail_syntax();
  while (accept(Keyword::kWhen)) {
    WhenClause when;
    when.condition = parse_expression();
    expect(Keyword::kThen);
    when.result = parse_expression();
    whens.push(when);
  }
  node->whens = whens.finish();
  if (accept(Keyword::kElse)) node->otherwise = parse_expression();
  expect(Keyword::kEnd);
  return finish(node, scope.height());
}

const Expression* Grammar::parse_cast() {
  auto* cast = make<Cast>(token_.position);
  DepthGuard guard(*this);
  HeightScope scope(*this);
  advance();
  expect(TokenKind::kLeftParen);
  cast->operand = parse_expression();
  expect(Keyword::kAs);
  cast->type = parse_type();
  expect(TokenKind::kRightParen);
  return finish(cast, scope.height());
}

const Expression* Grammar::parse_array() {
  Position position = token_.position;
  advance();
  if (at(TokenKind::kLeftBracket)) return parse_array_brackets(position);
  auto* array = make<ArraySubquery>(position);
  array->query = parse_subquery();
  return finish(array, array->query->height);
}

// [a, b] or [[a, b], [c, d]]
const Expression* Grammar::parse_array_brackets(Position position) {
  auto* array = make<ArrayLiteral>(position);
  DepthGuard guard(*this);
  HeightScope scope(*this);
  expect(TokenKind::kLeftBracket);
  if (!accept(TokenKind::kRightBracket)) {
    ListBuilder<E> values(arena_);
    bool nested = at(TokenKind::kLeftBracket);
    do values.push(nested ? parse_array_brackets(token_.position) : parse_expression());
    while (accept(TokenKind::kComma));
    array->values = values.finish();
    expect(TokenKind::kRightBracket);
  }
  return finish(array, scope.height());
}

const Expression* Grammar::parse_row() {
  auto* row = make<Row>(token_.position);
  row->is_explicit = true;
  HeightScope scope(*this);
  advance();
  expect(TokenKind::kLeftParen);
  DepthGuard guard(*this);
  if (!accept(TokenKind::kRightParen)) {
    ListBuilder<E> values(arena_);
    do values.push(parse_row_element());
    while (accept(TokenKind::kComma));
    row->values = values.finish();
    expect(TokenKind::kRightParen);
  }
  return finish(row, scope.height());
}

const Expression* Grammar::parse_exists() {
  auto* exists = make<Exists>(token_.position);
  advance();
  exists->query = parse_subquery();
  return finish(exists, exists->query->height);
}

const Expression* Grammar::parse_special_call(SpecialFunction function) {
  auto* call = make<SpecialCall>(token_.position);
  call->function = function;
  DepthGuard guard(*this);
  HeightScope scope(*this);
  advance();
  expect(TokenKind::kLeftParen);
  call->arguments = parse_expression_list();
  if (function == SpecialFunction::kNullIf && call->arguments.size() != 2) fail_syntax();
  expect(TokenKind::kRightParen);
  return finish(call, scope.height());
}

const Expression* Grammar::parse_current_value(CurrentValueKind kind, bool precision) {
  auto* value = make<CurrentValue>(token_.position);
  value->value = kind;
  advance();
  if (precision && accept(TokenKind::kLeftParen)) {
    if (!at(TokenKind::kInteger)) fail_syntax();
    value->precision = static_cast<std::int32_t>(parse_signed_integer());
    expect(TokenKind::kRightParen);
  }
  return finish(value, 0);
}

const Expression* Grammar::catalog_call(std::string_view name, std::initializer_list<E> arguments, Position position,
                                        std::size_t children) {
  auto* call = make<FunctionCall>(position);
  call->name.schema = "pg_catalog";
  call->name.name = name;
  call->name.position = position;
  ListBuilder<FunctionArgument, 4> list(arena_);
  for (E argument : arguments) {
    FunctionArgument positional;
    positional.value = argument;
    if (argument != nullptr) list.push(positional);
  }
  call->arguments = list.finish();
  return finish(call, children);
}

const Expression* Grammar::parse_extract() {
  auto* extract = make<Extract>(token_.position);
  DepthGuard guard(*this);
  advance();
  expect(TokenKind::kLeftParen);
  switch (token_.keyword) {
    case Keyword::kYear:
    case Keyword::kMonth:
    case Keyword::kDay:
    case Keyword::kHour:
    case Keyword::kMinute:
    case Keyword::kSecond:
      break;
    default:
      if (!at(TokenKind::kIdentifier) && !at(TokenKind::kString)) fail_syntax();
  }
  extract->field = token_.text;
  advance();
  expect(Keyword::kFrom);
  extract->source = parse_expression();
  expect(TokenKind::kRightParen);
  return finish(extract, height(extract->source));
}

const Expression* Grammar::parse_position() {
  Position position = token_.position;
  DepthGuard guard(*this);
  advance();
  expect(TokenKind::kLeftParen);
  E needle = parse_restricted_expression();
  expect(Keyword::kIn);
  E haystack = parse_restricted_expression();
  expect(TokenKind::kRightParen);
  return catalog_call("position", {haystack, needle}, position, std::max(height(needle), height(haystack)));
}

// The rest of an ordinary call of a function that also has a syntax of its own; `first` is its first argument, null when not read
// yet.
const Expression* Grammar::finish_plain_call(std::string_view name, Position position, E first) {
  ListBuilder<FunctionArgument, 4> arguments(arena_);
  bool named = false;
  if (first != nullptr) {
    FunctionArgument argument;
    argument.value = first;
    arguments.push(argument);
  }
  if (!at(TokenKind::kRightParen)) {
    if (first != nullptr) expect(TokenKind::kComma);
    do arguments.push(parse_argument(named));
    while (accept(TokenKind::kComma));
  }
  expect(TokenKind::kRightParen);
  auto* call = make<FunctionCall>(position);
  call->name.name = name;
  call->name.position = position;
  call->arguments = arguments.finish();
  std::size_t tallest = 0;
  for (const FunctionArgument& argument : call->arguments) tallest = std::max<std::size_t>(tallest, height(argument.value));
  return finish(call, tallest);
}

// SUBSTRING(s FROM a FOR b) | (s FOR b FROM a) | (s FROM a) | (s FOR b) | (s SIMILAR p ESCAPE e) | (arguments)
const Expression* Grammar::parse_substring() {
  Position position = token_.position;
  DepthGuard guard(*this);
  HeightScope scope(*this);
  advance();
  expect(TokenKind::kLeftParen);
  if (at(TokenKind::kRightParen) || at_named_argument()) return finish_plain_call("substring", position, nullptr);
  E text = parse_expression();
  if (accept(Keyword::kSimilar)) {
    E pattern = parse_expression();
    expect(Keyword::kEscape);
    E escape = parse_expression();
    expect(TokenKind::kRightParen);
    return catalog_call("substring", {text, pattern, escape}, position, scope.height());
  }
  if (!at(Keyword::kFrom) && !at(Keyword::kFor)) return finish_plain_call("substring", position, text);
  E from = nullptr, length = nullptr;
  for (int part = 0; part < 2; ++part) {
    if (from == nullptr && accept(Keyword::kFrom))
      from = parse_expression();
    else if (length == nullptr && accept(Keyword::kFor))
      length = parse_expression();
  }
  expect(TokenKind::kRightParen);
  if (from == nullptr) {
    // As PostgreSQL: without FROM the length is an integer for sure.
    auto* type = arena_.make<TypeName>();
    type->name = "int4";
    type->is_keyword = true;
    auto* cast = make<Cast>(length == nullptr ? position : length->position);
    cast->operand = length;
    cast->type = type;
    length = finish(cast, height(length));
    from = one();
  }
  return catalog_call("substring", {text, from, length}, position, scope.height());
}

const Expression* Grammar::parse_overlay() {
  Position position = token_.position;
  DepthGuard guard(*this);
  HeightScope scope(*this);
  advance();
  expect(TokenKind::kLeftParen);
  if (at(TokenKind::kRightParen) || at_named_argument()) return finish_plain_call("overlay", position, nullptr);
  E text = parse_expression();
  if (!accept(Keyword::kPlacing)) return finish_plain_call("overlay", position, text);
  E placing = parse_expression();
  expect(Keyword::kFrom);
  E from = parse_expression();
  E length = accept(Keyword::kFor) ? parse_expression() : nullptr;
  expect(TokenKind::kRightParen);
  return catalog_call("overlay", {text, placing, from, length}, position, scope.height());
}

// TRIM([BOTH | LEADING | TRAILING] [chars] [FROM] s [, ...])
const Expression* Grammar::parse_trim() {
  Position position = token_.position;
  DepthGuard guard(*this);
  HeightScope scope(*this);
  advance();
  expect(TokenKind::kLeftParen);
  std::string_view name = "btrim";
  if (accept(Keyword::kLeading))
    name = "ltrim";
  else if (accept(Keyword::kTrailing))
    name = "rtrim";
  else
    accept(Keyword::kBoth);
  ListBuilder<FunctionArgument, 4> arguments(arena_);
  FunctionArgument argument;
  E characters = nullptr;
  if (!accept(Keyword::kFrom)) {
    E first = parse_expression();
    if (accept(Keyword::kFrom)) {
      characters = first;
    } else {
      argument.value = first;
      arguments.push(argument);
    }
  }
  if (arguments.empty() || accept(TokenKind::kComma)) {
    do {
      argument.value = parse_expression();
      arguments.push(argument);
    } while (accept(TokenKind::kComma));
  }
  if (characters != nullptr) {
    argument.value = characters;
    arguments.push(argument);
  }
  expect(TokenKind::kRightParen);
  auto* call = make<FunctionCall>(position);
  call->name.schema = "pg_catalog";
  call->name.name = name;
  call->name.position = position;
  call->arguments = arguments.finish();
  return finish(call, scope.height());
}

const Expression* Grammar::parse_normalize() {
  Position position = token_.position;
  DepthGuard guard(*this);
  advance();
  expect(TokenKind::kLeftParen);
  E text = parse_expression();
  E form = nullptr;
  if (accept(TokenKind::kComma)) {
    form = parse_normal_form();
    if (form == nullptr) fail_syntax();
  }
  expect(TokenKind::kRightParen);
  return catalog_call("normalize", {text, form}, position, std::max(height(text), height(form)));
}

const Expression* Grammar::parse_collation_for() {
  Position position = token_.position;
  DepthGuard guard(*this);
  advance();
  advance();
  expect(TokenKind::kLeftParen);
  E value = parse_expression();
  expect(TokenKind::kRightParen);
  return catalog_call("pg_collation_for", {value}, position, height(value));
}

}  // namespace ldb::sql
