// SET, SHOW, RESET, option lists, COPY.
#include <charconv>

#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

namespace {
OptionValue word_value(std::string_view text, Position position) {
  OptionValue value;
  value.kind = OptionValueKind::kWord;
  value.text = text;
  value.position = position;
  return value;
}
}  // namespace

// ---------------------------------------------------------------- SET, SHOW, RESET

std::string_view Grammar::parse_variable_name() {
  std::string_view name = parse_column_name();
  while (accept(TokenKind::kDot)) {
    std::string_view part = parse_column_name();
    char* joined = static_cast<char*>(arena_.allocate(name.size() + part.size() + 1));
    name.copy(joined, name.size());
    joined[name.size()] = '.';
    part.copy(joined + name.size() + 1, part.size());
    name = {joined, name.size() + part.size() + 1};
  }
  return name;
}

// A word, string or number. ON, TRUE and FALSE are reserved but allowed here.
OptionValue Grammar::parse_setting_value(bool allow_default) {
  OptionValue value;
  value.position = token_.position;
  switch (token_.kind) {
    case TokenKind::kString:
      value.kind = OptionValueKind::kString;
      value.text = token_.text;
      advance();
      return value;
    case TokenKind::kMinus:
    case TokenKind::kPlus:
    case TokenKind::kInteger:
    case TokenKind::kDecimal: {
      std::uint32_t begin = token_.begin;
      const Literal* number = parse_number();
      bool integer = number->literal == LiteralKind::kInteger;
      value.kind = integer ? OptionValueKind::kInteger : OptionValueKind::kDecimal;
      value.integer = number->integer;
      value.text = integer ? slice(begin) : number->text;
      return value;
    }
    default:
      break;
  }
  bool word = at(Keyword::kOn) || at(Keyword::kTrue) || at(Keyword::kFalse) || (allow_default && at(Keyword::kDefault));
  if (!word && !is_non_reserved(token_)) fail_syntax();
  value.kind = OptionValueKind::kWord;
  value.text = token_.text;
  advance();
  return value;
}

const Statement* Grammar::parse_set() {
  Position position = token_.position;
  advance();
  SetScope scope = SetScope::kSession;
  if (at(Keyword::kConstraints)) {
    TokenKind next = peek().kind;
    bool variable = next == TokenKind::kEqual || peek().keyword == Keyword::kTo;
    if (!variable) return parse_set_constraints();
  }
  if (at(Keyword::kLocal) || at(Keyword::kSession)) {
    Token next = peek();
    bool variable = next.kind == TokenKind::kEqual || next.keyword == Keyword::kTo || next.kind == TokenKind::kDot ||
                    next.keyword == Keyword::kFrom;
    if (at(Keyword::kSession) && next.keyword == Keyword::kCharacteristics) return parse_set_special(scope, position);
    if (!variable) {
      if (at(Keyword::kLocal)) scope = SetScope::kLocal;
      bool authorization = at(Keyword::kSession) && next.keyword == Keyword::kAuthorization;
      if (!authorization) advance();
    }
  }
  Token next = peek();
  bool plain = next.kind == TokenKind::kEqual || next.keyword == Keyword::kTo || next.kind == TokenKind::kDot;
  if (!plain)
    if (const Statement* special = parse_set_special(scope, position)) return special;
  auto* set = make<SetVariable>(position);
  set->scope = scope;
  set->name = parse_variable_name();
  if (accept(Keyword::kFrom)) {
    expect(Keyword::kCurrent);
    set->from_current = true;
    return set;
  }
  if (!accept(TokenKind::kEqual)) expect(Keyword::kTo);
  if (accept(Keyword::kDefault)) {
    set->to_default = true;
    return set;
  }
  ListBuilder<OptionValue, 2> values(arena_);
  do values.push(parse_setting_value(false));
  while (accept(TokenKind::kComma));
  set->values = values.finish();
  return set;
}

// The forms of SET with a syntax of their own. Null when it is an ordinary variable.
const Statement* Grammar::parse_set_special(SetScope scope, Position position) {
  if (at(Keyword::kTransaction) || (at(Keyword::kSession) && peek().keyword == Keyword::kCharacteristics)) {
    auto* set = make<SetTransaction>(position);
    set->scope = scope;
    set->session = at(Keyword::kSession);
    advance();
    if (set->session) {
      advance();
      expect(Keyword::kAs);
      expect(Keyword::kTransaction);
    } else if (accept(Keyword::kSnapshot)) {
      set->snapshot = parse_string();
      return set;
    }
    set->modes = parse_transaction_modes(true);
    return set;
  }
  auto* set = make<SetVariable>(position);
  set->scope = scope;
  auto take_one = [&](OptionValue value) { set->values = arena_.copy(std::span<const OptionValue>(&value, 1)); };
  if (accept_two(Keyword::kTime, Keyword::kZone)) {
    set->name = "timezone";
    parse_set_time_zone(set);
  } else if (at(Keyword::kNames)) {
    advance();
    set->name = "client_encoding";
    set->to_default = accept(Keyword::kDefault) || at(TokenKind::kSemicolon) || at(TokenKind::kEnd);
    if (!set->to_default) take_one(string_value());
  } else if (at(Keyword::kSchema)) {
    advance();
    set->name = "search_path";
    take_one(string_value());
  } else if (at(Keyword::kCatalog)) {
    unsupported("SET CATALOG");
  } else if (at(Keyword::kXml)) {
    unsupported("SET XML OPTION");
  } else if (at(Keyword::kRole)) {
    advance();
    set->name = "role";
    take_one(at(TokenKind::kString) ? string_value() : word_value(parse_non_reserved(), token_.position));
  } else if (accept_two(Keyword::kSession, Keyword::kAuthorization)) {
    set->name = "session_authorization";
    set->to_default = accept(Keyword::kDefault);
    if (!set->to_default) take_one(at(TokenKind::kString) ? string_value() : word_value(parse_non_reserved(), token_.position));
  } else {
    return nullptr;
  }
  return set;
}

OptionValue Grammar::string_value() {
  OptionValue value;
  value.kind = OptionValueKind::kString;
  value.position = token_.position;
  value.text = parse_string();
  return value;
}

// A string, word, number, INTERVAL '...' HOUR TO MINUTE, DEFAULT or LOCAL.
void Grammar::parse_set_time_zone(SetVariable* set) {
  if (accept(Keyword::kDefault) || accept(Keyword::kLocal)) {
    set->to_default = true;
    return;
  }
  if (at(Keyword::kInterval)) {
    set->interval = parse_typed_literal();
    return;
  }
  OptionValue value = at(TokenKind::kIdentifier) ? word_value(parse_any_word(), token_.position) : OptionValue();
  if (value.kind == OptionValueKind::kNone) {
    if (token_.kind == TokenKind::kKeyword) fail_syntax();
    value = parse_setting_value(false);
  }
  set->values = arena_.copy(std::span<const OptionValue>(&value, 1));
}

const Statement* Grammar::parse_set_constraints() {
  auto* set = statement<SetConstraints>();
  advance();
  set->all = accept(Keyword::kAll);
  if (!set->all) set->names = parse_qualified_names();
  set->deferred = accept(Keyword::kDeferred);
  if (!set->deferred) expect(Keyword::kImmediate);
  return set;
}

std::string_view Grammar::parse_special_variable() {
  if (at(Keyword::kTime) && peek().keyword == Keyword::kZone) {
    advance();
    advance();
    return "timezone";
  }
  if (at(Keyword::kTransaction) && peek().keyword == Keyword::kIsolation) {
    advance();
    advance();
    expect(Keyword::kLevel);
    return "transaction_isolation";
  }
  if (at(Keyword::kSession) && peek().keyword == Keyword::kAuthorization) {
    advance();
    advance();
    return "session_authorization";
  }
  return parse_variable_name();
}

const Statement* Grammar::parse_show() {
  auto* show = statement<Show>();
  advance();
  show->all = accept(Keyword::kAll);
  if (!show->all) show->name = parse_special_variable();
  return show;
}

const Statement* Grammar::parse_reset() {
  auto* reset = statement<Reset>();
  advance();
  reset->all = accept(Keyword::kAll);
  if (!reset->all) reset->name = parse_special_variable();
  return reset;
}

// ---------------------------------------------------------------- WITH (name = value, ...)

List<Option> Grammar::parse_definition_list() {
  expect(TokenKind::kLeftParen);
  ListBuilder<Option, 4> options(arena_);
  do {
    Option option;
    option.position = token_.position;
    option.name = parse_any_word();
    if (accept(TokenKind::kDot)) {
      option.space = option.name;
      option.name = parse_any_word();
    }
    if (accept(TokenKind::kEqual)) option.value = parse_definition_value();
    options.push(option);
  } while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  return options.finish();
}

// Words of any kind, strings, numbers. (PostgreSQL also takes type names and operators, for CREATE TYPE.)
OptionValue Grammar::parse_definition_value() {
  bool plain = at(TokenKind::kString) || at(TokenKind::kInteger) || at(TokenKind::kDecimal) || at(TokenKind::kMinus) ||
               at(TokenKind::kPlus);
  if (plain) return parse_setting_value(false);
  Position position = token_.position;
  return word_value(parse_any_word(), position);
}

// ---------------------------------------------------------------- COPY

const Statement* Grammar::parse_copy() {
  auto* copy = statement<Copy>();
  advance();
  ListBuilder<Option> options(arena_);
  if (at(TokenKind::kLeftParen)) {
    advance();
    DepthGuard guard(*this);
    copy->source = parse_preparable();
    expect(TokenKind::kRightParen);
    expect(Keyword::kTo);
  } else {
    if (at(Keyword::kBinary)) {
      options.push(word_option("binary", token_.position));
      advance();
    }
    copy->table = parse_qualified_name();
    copy->columns = accept_name_list();
    copy->is_from = accept(Keyword::kFrom);
    if (!copy->is_from) expect(Keyword::kTo);
  }
  if (accept(Keyword::kProgram)) {
    copy->end = CopyEnd::kProgram;
    copy->path = parse_string();
  } else if (at(Keyword::kStdin) || at(Keyword::kStdout)) {
    copy->end = CopyEnd::kStandard;
    advance();
  } else {
    copy->path = parse_string();
  }
  if (copy->source == nullptr && (at(Keyword::kDelimiters) || (at(Keyword::kUsing) && peek().keyword == Keyword::kDelimiters))) {
    Position position = token_.position;
    accept(Keyword::kUsing);
    advance();
    Option option = word_option("delimiter", position);
    option.value = string_value();
    options.push(option);
  }
  accept(Keyword::kWith);
  if (accept(TokenKind::kLeftParen)) {
    do {
      Option option;
      option.position = token_.position;
      option.name = parse_any_word();
      if (!at(TokenKind::kComma) && !at(TokenKind::kRightParen)) option.value = parse_copy_value();
      options.push(option);
    } while (accept(TokenKind::kComma));
    expect(TokenKind::kRightParen);
  } else {
    parse_copy_old_options(options);
  }
  copy->options = options.finish();
  if (at(Keyword::kWhere)) {
    if (!copy->is_from) fail("42601", "WHERE clause not allowed with COPY TO", token_.position);
    advance();
    copy->where = parse_expression();
  }
  return copy;
}

OptionValue Grammar::parse_copy_value() {
  Position position = token_.position;
  if (accept(TokenKind::kStar)) return word_value("*", position);
  if (!accept(TokenKind::kLeftParen)) return parse_setting_value(true);
  OptionValue value;
  value.kind = OptionValueKind::kList;
  value.position = position;
  ListBuilder<OptionValue, 4> items(arena_);
  do items.push(parse_setting_value(false));
  while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  value.items = items.finish();
  return value;
}

// The syntax before PostgreSQL 9.0: BINARY CSV HEADER DELIMITER [AS] ',' NULL [AS] '' QUOTE ESCAPE FORCE ... ENCODING
void Grammar::parse_copy_old_options(ListBuilder<Option>& out) {
  for (;;) {
    Option option;
    option.position = token_.position;
    if (accept(Keyword::kBinary)) {
      option.name = "binary";
    } else if (accept(Keyword::kFreeze)) {
      option.name = "freeze";
    } else if (accept(Keyword::kCsv)) {
      option.name = "csv";
    } else if (accept(Keyword::kHeader)) {
      option.name = "header";
    } else if (at(Keyword::kDelimiter) || at(Keyword::kNull) || at(Keyword::kQuote) || at(Keyword::kEscape) ||
               at(Keyword::kEncoding)) {
      option.name = token_.text;
      bool encoding = at(Keyword::kEncoding);
      advance();
      if (!encoding) accept(Keyword::kAs);
      option.value = string_value();
    } else if (accept(Keyword::kForce)) {
      parse_copy_force(option);
    } else {
      return;
    }
    out.push(option);
  }
}

// FORCE QUOTE c, ... | *, FORCE NOT NULL c, ..., FORCE NULL c, ...
void Grammar::parse_copy_force(Option& option) {
  if (accept(Keyword::kQuote)) {
    option.name = "force_quote";
    if (at(TokenKind::kStar)) {
      option.value = parse_copy_value();
      return;
    }
  } else {
    option.name = at(Keyword::kNot) ? "force_not_null" : "force_null";
    accept(Keyword::kNot);
    expect(Keyword::kNull);
  }
  option.value.kind = OptionValueKind::kList;
  option.value.position = token_.position;
  ListBuilder<OptionValue, 4> items(arena_);
  do {
    Position position = token_.position;
    items.push(word_value(parse_column_name(), position));
  } while (accept(TokenKind::kComma));
  option.value.items = items.finish();
}

}  // namespace ldb::sql
