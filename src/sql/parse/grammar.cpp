#include "sql/parse/grammar.hpp"

#include <charconv>

#include "sql/parse/character.hpp"

namespace ldb::sql {

using namespace ast;

Grammar::Grammar(std::string_view text, Arena& arena, const ParseLimits& limits)
    : arena_(arena), lexer_(text, arena), limits_(limits) {
  limits_.max_depth = std::min<std::size_t>(limits_.max_depth, 10000);  // heights are 16 bits
  advance();
}

// ---------------------------------------------------------------- tokens

Token Grammar::peek() {
  Lexer ahead = lexer_;
  Token token;
  ahead.next(token);
  return token;
}

Token Grammar::peek(int n) {
  Lexer ahead = lexer_;
  Token token;
  while (n-- > 0) ahead.next(token);
  return token;
}

bool Grammar::accept_two(Keyword first, Keyword second) {
  if (!at(first) || peek().keyword != second) return false;
  advance();
  advance();
  return true;
}

bool Grammar::at_word(std::string_view lower) const { return is_any_word(token_) && !token_.quoted && token_.text == lower; }

bool Grammar::accept_if_exists() {
  return accept_two(Keyword::kIf, Keyword::kExists);  // IF alone is a name
}

bool Grammar::accept_if_not_exists() {
  if (!accept_two(Keyword::kIf, Keyword::kNot)) return false;
  expect(Keyword::kExists);
  return true;
}

void Grammar::fail_syntax(const Token& token) {
  if (token.kind == TokenKind::kEnd) fail("42601", "syntax error at end of input", token.position);
  fail("42601", "syntax error" + near(lexer_.text().substr(token.begin, token.end - token.begin)), token.position);
}

void Grammar::fail(std::string_view sqlstate, std::string message, Position position) {
  throw_failure(sqlstate, std::move(message), position);
}

void Grammar::unsupported(std::string_view what, Position position) {
  fail("0A000", std::string(what) + " is not supported", position);
}

void Grammar::fail_depth() {
  fail("54001", "statement too complex: nested deeper than " + std::to_string(limits_.max_depth) + " levels", token_.position);
}

// ---------------------------------------------------------------- names

bool Grammar::is_column_name(const Token& t) {
  if (t.kind == TokenKind::kIdentifier) return true;
  if (t.kind != TokenKind::kKeyword) return false;
  KeywordCategory category = keyword_info(t.keyword).category;
  return category == KeywordCategory::kUnreserved || category == KeywordCategory::kColumnName;
}

bool Grammar::is_type_or_function(const Token& t) {
  if (t.kind == TokenKind::kIdentifier) return true;
  if (t.kind != TokenKind::kKeyword) return false;
  KeywordCategory category = keyword_info(t.keyword).category;
  return category == KeywordCategory::kUnreserved || category == KeywordCategory::kTypeOrFunction;
}

bool Grammar::is_any_word(const Token& t) { return t.kind == TokenKind::kIdentifier || t.kind == TokenKind::kKeyword; }

bool Grammar::is_bare_label(const Token& t) {
  return t.kind == TokenKind::kIdentifier || (t.kind == TokenKind::kKeyword && keyword_info(t.keyword).bare_label);
}

bool Grammar::is_non_reserved(const Token& t) {
  return t.kind == TokenKind::kIdentifier ||
         (t.kind == TokenKind::kKeyword && keyword_info(t.keyword).category != KeywordCategory::kReserved);
}

std::string_view Grammar::parse_column_name() {
  if (!is_column_name(token_)) fail_syntax();
  std::string_view name = token_.text;
  advance();
  return name;
}

std::string_view Grammar::parse_any_word() {
  if (!is_any_word(token_)) fail_syntax();
  std::string_view name = token_.text;
  advance();
  return name;
}

std::string_view Grammar::parse_non_reserved() {
  if (!is_non_reserved(token_)) fail_syntax();
  std::string_view name = token_.text;
  advance();
  return name;
}

QualifiedName Grammar::parse_qualified_name() {
  QualifiedName name;
  name.position = token_.position;
  name.name = parse_column_name();
  for (int parts = 1; at(TokenKind::kDot); ++parts) {
    advance();
    if (parts == 3) fail("42601", "improper qualified name (too many dotted names)", name.position);
    name.catalog = name.schema;
    name.schema = name.name;
    name.name = parse_any_word();
  }
  return name;
}

Name Grammar::parse_name() {
  Position position = token_.position;
  return {parse_column_name(), position};
}

List<Name> Grammar::parse_name_list() {
  expect(TokenKind::kLeftParen);
  ListBuilder<Name> names(arena_);
  do names.push(parse_name());
  while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  return names.finish();
}

List<Name> Grammar::accept_name_list() { return at(TokenKind::kLeftParen) ? parse_name_list() : List<Name>(); }

List<QualifiedName> Grammar::parse_qualified_names() {
  ListBuilder<QualifiedName, 4> names(arena_);
  do names.push(parse_qualified_name());
  while (accept(TokenKind::kComma));
  return names.finish();
}

std::string_view Grammar::parse_string() {
  if (!at(TokenKind::kString)) fail_syntax();
  std::string_view text = token_.text;
  advance();
  return text;
}

std::int64_t Grammar::parse_signed_integer() {
  bool negative = false;
  if (accept(TokenKind::kMinus))
    negative = true;
  else
    accept(TokenKind::kPlus);
  if (!at(TokenKind::kInteger)) fail_syntax();
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(token_.text.data(), token_.text.data() + token_.text.size(), value);
  if (error != std::errc() || value > 2147483647) fail_syntax();  // as PostgreSQL, which reads it as a float then
  advance();
  return negative ? -value : value;
}

// ---------------------------------------------------------------- statements

void Grammar::parse_script(std::vector<const Statement*>& out) {
  for (;;) {
    while (accept(TokenKind::kSemicolon)) {
    }
    if (at(TokenKind::kEnd)) return;
    std::uint32_t begin = token_.begin;
    Position position = token_.position;
    // Statements are made by this parse alone and become const only when handed out.
    auto* parsed = const_cast<Statement*>(parse_statement());
    parsed->position = position;
    parsed->source_offset = begin;
    parsed->source_length = previous_end_ - begin;
    out.push_back(parsed);
    if (!at(TokenKind::kSemicolon) && !at(TokenKind::kEnd)) fail_syntax();
  }
}

const Expression* Grammar::parse_lone_expression() {
  E expression = parse_expression();
  if (!at(TokenKind::kEnd)) fail_syntax();
  return expression;
}

const Statement* Grammar::select_statement(const Query* query, Position position) {
  auto* select = make<SelectStatement>(position);
  select->query = query;
  return select;
}

const Statement* Grammar::parse_with_statement() {
  Position position = token_.position;
  const WithClause* with = parse_with();
  switch (token_.keyword) {
    case Keyword::kInsert:
      return parse_insert(with);
    case Keyword::kUpdate:
      return parse_update(with);
    case Keyword::kDelete:
      return parse_delete(with);
    case Keyword::kMerge:
      return parse_merge(with);
    default:
      return select_statement(parse_query_with(with, nullptr, position), position);
  }
}

const Statement* Grammar::parse_preparable() {
  switch (token_.keyword) {
    case Keyword::kWith:
      return parse_with_statement();
    case Keyword::kInsert:
      return parse_insert(nullptr);
    case Keyword::kUpdate:
      return parse_update(nullptr);
    case Keyword::kDelete:
      return parse_delete(nullptr);
    case Keyword::kMerge:
      return parse_merge(nullptr);
    case Keyword::kSelect:
    case Keyword::kValues:
    case Keyword::kTable:
      break;
    default:
      if (!at(TokenKind::kLeftParen)) fail_syntax();
  }
  Position position = token_.position;
  return select_statement(parse_query(), position);
}

const Statement* Grammar::parse_statement() {
  if (at(TokenKind::kLeftParen)) return parse_preparable();
  if (token_.kind != TokenKind::kKeyword) fail_syntax();
  return parse_keyword_statement();
}

const Statement* Grammar::parse_keyword_statement() {
  switch (token_.keyword) {
    case Keyword::kSelect:
    case Keyword::kValues:
    case Keyword::kTable:
    case Keyword::kWith:
    case Keyword::kInsert:
    case Keyword::kUpdate:
    case Keyword::kDelete:
    case Keyword::kMerge:
      return parse_preparable();
    case Keyword::kCreate:
      return parse_create();
    case Keyword::kAlter:
      return parse_alter();
    case Keyword::kDrop:
      return parse_drop();
    case Keyword::kTruncate:
      return parse_truncate();
    case Keyword::kComment:
      return parse_comment();
    case Keyword::kReindex:
      return parse_reindex();
    case Keyword::kBegin:
    case Keyword::kStart:
    case Keyword::kCommit:
    case Keyword::kEnd:
    case Keyword::kRollback:
    case Keyword::kAbort:
    case Keyword::kSavepoint:
    case Keyword::kRelease:
      return parse_transaction();
    case Keyword::kSet:
      return parse_set();
    case Keyword::kShow:
      return parse_show();
    case Keyword::kReset:
      return parse_reset();
    case Keyword::kExplain:
      return parse_explain();
    case Keyword::kAnalyze:
    case Keyword::kAnalyse:
      return parse_analyze();
    case Keyword::kVacuum:
      return parse_vacuum();
    case Keyword::kPrepare:
      return parse_prepare();
    case Keyword::kExecute:
      return parse_execute();
    case Keyword::kDeallocate:
      return parse_deallocate();
    case Keyword::kCopy:
      return parse_copy();
    case Keyword::kDeclare:
      return parse_declare();
    case Keyword::kFetch:
    case Keyword::kMove:
      return parse_fetch_cursor();
    case Keyword::kLock:
      return parse_lock();
    case Keyword::kClose:
    case Keyword::kDiscard:
    case Keyword::kListen:
    case Keyword::kUnlisten:
    case Keyword::kNotify:
    case Keyword::kCheckpoint:
      return parse_small_statement();
    default:
      refuse_statement();
  }
}

// Statements that PostgreSQL has and ldb has not.
void Grammar::refuse_statement() {
  switch (token_.keyword) {
    case Keyword::kGrant:
      unsupported("GRANT");
    case Keyword::kRevoke:
      unsupported("REVOKE");
    case Keyword::kDo:
      unsupported("DO");
    case Keyword::kCall:
      unsupported("CALL");
    case Keyword::kCluster:
      unsupported("CLUSTER");
    case Keyword::kLoad:
      unsupported("LOAD");
    case Keyword::kReassign:
      unsupported("REASSIGN OWNED");
    case Keyword::kRefresh:
      unsupported("REFRESH MATERIALIZED VIEW");
    case Keyword::kSecurity:
      unsupported("SECURITY LABEL");
    case Keyword::kImport:
      unsupported("IMPORT FOREIGN SCHEMA");
    default:
      fail_syntax();
  }
}

}  // namespace ldb::sql
