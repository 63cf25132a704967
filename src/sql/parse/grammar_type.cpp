// Type names.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

std::string_view Grammar::plain_type_name(std::string_view name) {
  if (name == "string") return "text";
  if (name == "double") return "float8";
  return name;
}

const Expression* Grammar::one() { return number_literal("1", false, token_.position); }

// `constant`: the type of a typed literal, where CHAR and BIT have no length of 1 by default.
const TypeName* Grammar::parse_type(bool constant) {
  auto* type = arena_.make<TypeName>();
  type->position = token_.position;
  if (!constant && accept(Keyword::kSetof)) type->is_setof = true;
  parse_type_name(type, constant);
  if (!constant) parse_array_bounds(type);
  return type;
}

void Grammar::parse_array_bounds(TypeName* type) {
  ListBuilder<std::int32_t, 4> bounds(arena_);
  auto push_bound = [&] {
    std::int32_t bound = -1;
    if (at(TokenKind::kInteger)) bound = static_cast<std::int32_t>(parse_signed_integer());
    expect(TokenKind::kRightBracket);
    bounds.push(bound);
  };
  if (accept(Keyword::kArray)) {
    if (accept(TokenKind::kLeftBracket))
      push_bound();
    else
      bounds.push(-1);
  } else {
    while (accept(TokenKind::kLeftBracket)) push_bound();
  }
  type->array_bounds = bounds.finish();
}

List<const Expression*> Grammar::parse_type_modifiers() {
  if (!at(TokenKind::kLeftParen)) return {};
  DepthGuard guard(*this);
  advance();
  List<E> modifiers = parse_expression_list();
  expect(TokenKind::kRightParen);
  return modifiers;
}

void Grammar::parse_type_name(TypeName* type, bool constant) {
  if (token_.kind == TokenKind::kKeyword) {
    if (accept_two(Keyword::kDouble, Keyword::kPrecision)) {
      type->name = "float8";
      type->is_keyword = true;
      return;
    }
    if (keyword_info(token_.keyword).category == KeywordCategory::kColumnName) {
      if (!parse_keyword_type(type, constant)) fail_syntax();
      type->is_keyword = true;
      return;
    }
  }
  if (!is_type_or_function(token_)) fail_syntax();
  bool quoted = token_.quoted;
  std::string_view catalog;
  type->name = token_.text;
  advance();
  bool plain = !at(TokenKind::kDot);
  while (accept(TokenKind::kDot)) {
    if (!catalog.empty()) fail("42601", "improper qualified name (too many dotted names)", type->position);
    catalog = type->schema;
    type->schema = type->name;
    type->name = parse_any_word();
  }
  if (!catalog.empty()) unsupported("a type name with a database part", type->position);
  if (at(TokenKind::kPercent) && peek().keyword == Keyword::kType) unsupported("%TYPE");
  type->modifiers = parse_type_modifiers();
  if (plain && !quoted && type->modifiers.empty()) type->name = plain_type_name(type->name);
}

bool Grammar::parse_keyword_type(TypeName* type, bool constant) {
  switch (token_.keyword) {
    case Keyword::kInt:
    case Keyword::kInteger:
      type->name = "int4";
      break;
    case Keyword::kSmallint:
      type->name = "int2";
      break;
    case Keyword::kBigint:
      type->name = "int8";
      break;
    case Keyword::kReal:
      type->name = "float4";
      break;
    case Keyword::kBoolean:
      type->name = "bool";
      break;
    case Keyword::kFloat:
      advance();
      parse_float(type);
      return true;
    case Keyword::kDecimal:
    case Keyword::kDec:
    case Keyword::kNumeric:
      advance();
      type->name = "numeric";
      type->modifiers = parse_type_modifiers();
      return true;
    case Keyword::kBit: {
      advance();
      bool varying = accept(Keyword::kVarying);
      type->name = varying ? "varbit" : "bit";
      if (at(TokenKind::kLeftParen)) {
        type->modifiers = parse_type_modifiers();
      } else if (!varying && !constant) {
        E length = one();
        type->modifiers = arena_.copy(std::span<const E>(&length, 1));
      }
      return true;
    }
    case Keyword::kNational:
      advance();
      if (!at(Keyword::kCharacter) && !at(Keyword::kChar)) fail_syntax();
      advance();
      parse_character_type(type, accept(Keyword::kVarying), constant);
      return true;
    case Keyword::kCharacter:
    case Keyword::kChar:
    case Keyword::kNchar:
      advance();
      parse_character_type(type, accept(Keyword::kVarying), constant);
      return true;
    case Keyword::kVarchar:
      advance();
      parse_character_type(type, true, constant);
      return true;
    case Keyword::kTime:
      advance();
      parse_time_type(type, false);
      return true;
    case Keyword::kTimestamp:
      advance();
      parse_time_type(type, true);
      return true;
    case Keyword::kInterval: {
      advance();
      type->name = "interval";
      if (at(TokenKind::kLeftParen))
        type->modifiers = parse_type_modifiers();
      else if (!constant)
        parse_interval_fields(type);
      return true;
    }
    default:
      return false;
  }
  advance();
  return true;
}

void Grammar::parse_character_type(TypeName* type, bool varying, bool constant) {
  type->name = varying ? "varchar" : "bpchar";
  if (accept(TokenKind::kLeftParen)) {
    if (!at(TokenKind::kInteger)) fail_syntax();
    E length = parse_literal();
    type->modifiers = arena_.copy(std::span<const E>(&length, 1));
    expect(TokenKind::kRightParen);
  } else if (!varying && !constant) {
    E length = one();
    type->modifiers = arena_.copy(std::span<const E>(&length, 1));
  }
}

// An integer literal that fits 32 bits.
const Expression* Grammar::parse_literal() {
  Position position = token_.position;
  std::string_view digits = token_.text;
  parse_signed_integer();
  return number_literal(digits, false, position);
}

void Grammar::parse_float(TypeName* type) {
  type->name = "float8";
  if (!accept(TokenKind::kLeftParen)) return;
  Position position = token_.position;
  if (!at(TokenKind::kInteger)) fail_syntax();
  std::int64_t bits = parse_signed_integer();
  if (bits < 1) fail("22023", "precision for type float must be at least 1 bit", position);
  if (bits > 53) fail("22023", "precision for type float must be less than 54 bits", position);
  if (bits <= 24) type->name = "float4";
  expect(TokenKind::kRightParen);
}

void Grammar::parse_time_type(TypeName* type, bool stamp) {
  if (accept(TokenKind::kLeftParen)) {
    if (!at(TokenKind::kInteger)) fail_syntax();
    E precision = parse_literal();
    type->modifiers = arena_.copy(std::span<const E>(&precision, 1));
    expect(TokenKind::kRightParen);
  }
  bool with_zone = false;
  if ((at(Keyword::kWith) || at(Keyword::kWithout)) && peek().keyword == Keyword::kTime) {
    with_zone = at(Keyword::kWith);
    advance();
    advance();
    expect(Keyword::kZone);
  }
  if (stamp)
    type->name = with_zone ? "timestamptz" : "timestamp";
  else
    type->name = with_zone ? "timetz" : "time";
}

// [YEAR | MONTH | DAY | HOUR | MINUTE | SECOND [(p)]] [TO ...]
void Grammar::parse_interval_fields(TypeName* type) {
  static constexpr Keyword kFields[] = {Keyword::kYear, Keyword::kMonth,  Keyword::kDay,
                                        Keyword::kHour, Keyword::kMinute, Keyword::kSecond};
  auto field_here = [&] {
    for (int i = 0; i < 6; ++i)
      if (at(kFields[i])) return i;
    return -1;
  };
  int from = field_here();
  if (from < 0) return;
  advance();
  int to = from;
  if (accept(Keyword::kTo)) {
    to = field_here();
    // YEAR TO MONTH, and DAY, HOUR, MINUTE to something smaller.
    bool valid = from == 0 ? to == 1 : from >= 2 && to > from;
    if (!valid) fail_syntax();
    advance();
  }
  for (int i = from; i <= to; ++i) type->interval_fields = static_cast<std::uint8_t>(type->interval_fields | (1 << i));
  if (to == 5 && accept(TokenKind::kLeftParen)) {
    if (!at(TokenKind::kInteger)) fail_syntax();
    E precision = parse_literal();
    type->modifiers = arena_.copy(std::span<const E>(&precision, 1));
    expect(TokenKind::kRightParen);
  }
}

}  // namespace ldb::sql
