// WITH lists and FROM items.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

// ---------------------------------------------------------------- WITH

const WithClause* Grammar::parse_with() {
  auto* with = make<WithClause>(token_.position);
  DepthGuard guard(*this);
  HeightScope scope(*this);
  advance();
  with->recursive = at(Keyword::kRecursive) && is_column_name(peek());  // RECURSIVE alone is a name
  if (with->recursive) advance();
  ListBuilder<CommonTable, 2> tables(arena_);
  do tables.push(parse_common_table());
  while (accept(TokenKind::kComma));
  with->tables = tables.finish();
  return finish(with, scope.height());
}

CommonTable Grammar::parse_common_table() {
  CommonTable table;
  table.position = token_.position;
  table.name = parse_column_name();
  table.columns = accept_name_list();
  expect(Keyword::kAs);
  if (accept(Keyword::kMaterialized)) {
    table.materialization = Materialization::kMaterialized;
  } else if (accept(Keyword::kNot)) {
    expect(Keyword::kMaterialized);
    table.materialization = Materialization::kNotMaterialized;
  }
  expect(TokenKind::kLeftParen);
  table.statement = parse_preparable();
  expect(TokenKind::kRightParen);
  if (at(Keyword::kSearch)) table.search = parse_search();
  if (at(Keyword::kCycle)) table.cycle = parse_cycle();
  return table;
}

// SEARCH DEPTH | BREADTH FIRST BY a, b SET c
const CteSearch* Grammar::parse_search() {
  auto* search = arena_.make<CteSearch>();
  advance();
  search->breadth_first = at(Keyword::kBreadth);
  if (!accept(Keyword::kBreadth)) expect(Keyword::kDepth);
  expect(Keyword::kFirst);
  expect(Keyword::kBy);
  ListBuilder<Name, 4> columns(arena_);
  do columns.push(parse_name());
  while (accept(TokenKind::kComma));
  search->columns = columns.finish();
  expect(Keyword::kSet);
  search->sequence_column = parse_column_name();
  return search;
}

// A literal or typed literal.
const Expression* Grammar::parse_constant() {
  Token first = token_;
  E value = parse_primary();
  const Cast* cast = value->as<Cast>();
  bool constant = value->kind == ExpressionKind::kLiteral || (cast != nullptr && cast->syntax == CastSyntax::kTypedLiteral);
  if (!constant) fail_syntax(first);
  return value;
}

// CYCLE a, b SET c [TO value DEFAULT value] USING d
const CteCycle* Grammar::parse_cycle() {
  auto* cycle = arena_.make<CteCycle>();
  advance();
  ListBuilder<Name, 4> columns(arena_);
  do columns.push(parse_name());
  while (accept(TokenKind::kComma));
  cycle->columns = columns.finish();
  expect(Keyword::kSet);
  cycle->mark_column = parse_column_name();
  if (accept(Keyword::kTo)) {
    cycle->mark_value = parse_constant();
    expect(Keyword::kDefault);
    cycle->mark_default = parse_constant();
  }
  expect(Keyword::kUsing);
  cycle->path_column = parse_column_name();
  return cycle;
}

// ---------------------------------------------------------------- FROM

List<const TableRef*> Grammar::parse_from_list() {
  ListBuilder<const TableRef*, 4> tables(arena_);
  do tables.push(parse_table_ref());
  while (accept(TokenKind::kComma));
  return tables.finish();
}

const TableRef* Grammar::parse_table_ref() { return parse_joins(parse_table_primary()); }

// Joins associate from the left; a join whose condition has not come yet takes the next one as its right side:
// a JOIN b JOIN c ON p ON q.
const TableRef* Grammar::parse_joins(const TableRef* left) {
  for (;;) {
    auto* join = make<Join>(token_.position);
    bool cross = false;
    if (accept(Keyword::kCross)) {
      cross = true;
      join->join = JoinKind::kCross;
    } else {
      join->natural = accept(Keyword::kNatural);
      Keyword kind = token_.keyword;
      if (kind == Keyword::kLeft || kind == Keyword::kRight || kind == Keyword::kFull) {
        advance();
        accept(Keyword::kOuter);
        join->join = kind == Keyword::kLeft ? JoinKind::kLeft : kind == Keyword::kRight ? JoinKind::kRight : JoinKind::kFull;
      } else if (kind == Keyword::kInner) {
        advance();
      } else if (kind != Keyword::kJoin) {
        if (join->natural) fail_syntax();
        return left;
      }
    }
    expect(Keyword::kJoin);
    join->left = left;
    join->right = parse_table_primary();
    if (cross || join->natural) {
      left = finish(join, std::max(left->height, join->right->height));
      continue;
    }
    if (!at(Keyword::kOn) && !at(Keyword::kUsing)) {
      DepthGuard guard(*this);
      join->right = parse_joins(join->right);
    }
    left = parse_join_condition(join);
  }
}

const TableRef* Grammar::parse_join_condition(Join* join) {
  if (accept(Keyword::kOn)) {
    join->on = parse_expression();
  } else {
    expect(Keyword::kUsing);
    join->using_columns = parse_name_list();
    if (accept(Keyword::kAs)) join->using_alias = parse_column_name();
  }
  return finish(join, std::max({join->left->height, join->right->height, height(join->on)}));
}

const TableRef* Grammar::parse_table_primary() {
  Position position = token_.position;
  if (accept(Keyword::kLateral)) {
    if (at(TokenKind::kLeftParen)) return parse_subquery_table(parse_subquery(), true, position);
    return parse_function_table(true);
  }
  if (at(TokenKind::kLeftParen)) return parse_parenthesized_table();
  if (at(Keyword::kOnly)) return parse_named_table();
  if (at(Keyword::kRows) && peek().keyword == Keyword::kFrom) return parse_function_table(false);
  if (!is_any_word(token_)) fail_syntax();
  return at_table_function() ? parse_function_table(false) : parse_named_table();
}

// A function in FROM: a name with a parenthesis behind it, or a word that is a function by itself.
bool Grammar::at_table_function() {
  switch (token_.keyword) {
    case Keyword::kCurrentDate:
    case Keyword::kCurrentTime:
    case Keyword::kCurrentTimestamp:
    case Keyword::kLocaltime:
    case Keyword::kLocaltimestamp:
    case Keyword::kCurrentRole:
    case Keyword::kCurrentUser:
    case Keyword::kUser:
    case Keyword::kSessionUser:
    case Keyword::kCurrentCatalog:
    case Keyword::kCurrentSchema:
    case Keyword::kCast:
      return true;
    case Keyword::kCollation:
      return peek().keyword == Keyword::kFor;
    default:
      break;
  }
  Lexer ahead = lexer_;
  Token token;
  ahead.next(token);
  while (token.kind == TokenKind::kDot) {
    ahead.next(token);
    ahead.next(token);
  }
  return token.kind == TokenKind::kLeftParen;
}

// ( query ) alias, or ( joined tables ) [alias]
const TableRef* Grammar::parse_parenthesized_table() {
  Position position = token_.position;
  advance();
  DepthGuard guard(*this);
  const TableRef* inside = nullptr;
  if (at_query_start()) {
    const Query* query = parse_query();
    expect(TokenKind::kRightParen);
    return parse_subquery_table(query, false, position);
  }
  if (at(TokenKind::kLeftParen) && at_nested_query()) {
    // ((SELECT ...) UNION ...) or ((SELECT ...) alias JOIN ...): decided behind the inner parenthesis.
    Position inner = token_.position;
    const TableRef* table = nullptr;
    const Query* query = parse_query_or_table(table);
    if (query != nullptr && (at_query_continuation() || at(TokenKind::kRightParen))) {
      if (at_query_continuation()) query = parse_query_with(nullptr, body_of(query), inner);
      expect(TokenKind::kRightParen);
      return parse_subquery_table(query, false, position);
    }
    if (query != nullptr) table = parse_subquery_table(query, false, inner);
    inside = parse_joins(table);
  } else {
    inside = parse_table_ref();
  }
  expect(TokenKind::kRightParen);
  if (inside->kind != TableRefKind::kJoin || !inside->alias.name.empty()) fail_syntax();
  // Made by this parse alone, so it may still get its alias.
  accept_alias(const_cast<TableRef*>(inside)->alias);
  return inside;
}

// At a parenthesis that may hold a query or joined tables. Returns the query, or sets `table`.
const Query* Grammar::parse_query_or_table(const TableRef*& table) {
  expect(TokenKind::kLeftParen);
  DepthGuard guard(*this);
  const Query* query = nullptr;
  if (at_query_start()) {
    query = parse_query();
    expect(TokenKind::kRightParen);
    return query;
  }
  Position inner = token_.position;
  query = parse_query_or_table(table);
  if (query != nullptr && at_query_continuation()) query = parse_query_with(nullptr, body_of(query), inner);
  if (query != nullptr && accept(TokenKind::kRightParen)) return query;
  if (query != nullptr) table = parse_subquery_table(query, false, inner);
  table = parse_joins(table);
  expect(TokenKind::kRightParen);
  if (table->kind != TableRefKind::kJoin || !table->alias.name.empty()) fail_syntax();
  accept_alias(const_cast<TableRef*>(table)->alias);
  return nullptr;
}

const TableRef* Grammar::parse_subquery_table(const Query* query, bool lateral, Position position) {
  auto* table = make<SubqueryTable>(position);
  table->lateral = lateral;
  table->query = query;
  if (!accept_alias(table->alias)) {
    bool values = query->body->kind == QueryBodyKind::kValues;
    fail("42601", values ? "VALUES in FROM must have an alias" : "subquery in FROM must have an alias", position);
  }
  return finish(table, query->height);
}

bool Grammar::accept_alias(TableAlias& alias) {
  alias.position = token_.position;
  if (accept(Keyword::kAs)) {
    alias.name = parse_column_name();
  } else if (at_column_name()) {
    alias.name = token_.text;
    advance();
  } else {
    return false;
  }
  if (at(TokenKind::kLeftParen)) accept_alias_columns(alias);
  return true;
}

void Grammar::accept_alias_columns(TableAlias& alias) {
  expect(TokenKind::kLeftParen);
  ListBuilder<std::string_view> columns(arena_);
  do columns.push(parse_column_name());
  while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  alias.columns = columns.finish();
}

void Grammar::parse_relation(QualifiedName& name, bool& only) {
  only = accept(Keyword::kOnly);
  if (only && accept(TokenKind::kLeftParen)) {
    name = parse_qualified_name();
    expect(TokenKind::kRightParen);
    return;
  }
  name = parse_qualified_name();
  if (!only) accept(TokenKind::kStar);
}

const TableRef* Grammar::parse_named_table() {
  auto* table = make<NamedTable>(token_.position);
  HeightScope scope(*this);
  parse_relation(table->name, table->only);
  accept_alias(table->alias);
  table->sample = accept_table_sample();
  return finish(table, scope.height());
}

const TableSample* Grammar::accept_table_sample() {
  if (!accept(Keyword::kTablesample)) return nullptr;
  auto* sample = arena_.make<TableSample>();
  sample->method = parse_function_name();
  expect(TokenKind::kLeftParen);
  sample->arguments = parse_expression_list();
  expect(TokenKind::kRightParen);
  if (accept(Keyword::kRepeatable)) {
    expect(TokenKind::kLeftParen);
    sample->repeatable = parse_expression();
    expect(TokenKind::kRightParen);
  }
  return sample;
}

QualifiedName Grammar::parse_function_name() {
  Token first = token_;
  if (!is_column_name(first) && !is_type_or_function(first)) fail_syntax();
  QualifiedName name;
  name.position = first.position;
  name.name = first.text;
  advance();
  if (at(TokenKind::kDot) && !is_column_name(first)) fail_syntax();
  for (int parts = 1; accept(TokenKind::kDot); ++parts) {
    if (parts == 3) fail("42601", "improper qualified name (too many dotted names)", first.position);
    name.catalog = name.schema;
    name.schema = name.name;
    name.name = parse_any_word();
  }
  if (name.schema.empty() && !is_type_or_function(first)) fail_syntax();
  return name;
}

const Expression* Grammar::parse_table_function_call() {
  Token first = token_;
  bool special =
      first.kind == TokenKind::kKeyword && (keyword_info(first.keyword).category == KeywordCategory::kReserved ||
                                            keyword_info(first.keyword).category == KeywordCategory::kColumnName ||
                                            first.keyword == Keyword::kCollation || first.keyword == Keyword::kCurrentSchema);
  if (at(Keyword::kXmltable)) unsupported("XMLTABLE");
  if (!special) return parse_call(parse_function_name(), true);
  E call = parse_keyword_primary();
  switch (call->kind) {
    case ExpressionKind::kFunctionCall:
    case ExpressionKind::kSpecialCall:
    case ExpressionKind::kCurrentValue:
    case ExpressionKind::kExtract:
      return call;
    case ExpressionKind::kCast:
      if (call->as<Cast>()->syntax == CastSyntax::kCast) return call;
      [[fallthrough]];
    default:
      fail_syntax(first);
  }
}

const TableRef* Grammar::parse_function_table(bool lateral) {
  auto* table = make<FunctionTable>(token_.position);
  HeightScope scope(*this);
  table->lateral = lateral;
  ListBuilder<TableFunction, 2> functions(arena_);
  if (at(Keyword::kRows) && peek().keyword == Keyword::kFrom) {
    table->rows_from = true;
    advance();
    advance();
    expect(TokenKind::kLeftParen);
    do {
      TableFunction function;
      function.call = parse_table_function_call();
      if (accept(Keyword::kAs)) function.columns = parse_column_types();
      functions.push(function);
    } while (accept(TokenKind::kComma));
    expect(TokenKind::kRightParen);
  } else {
    TableFunction function;
    function.call = parse_table_function_call();
    functions.push(function);
  }
  table->functions = functions.finish();
  if (accept_two(Keyword::kWith, Keyword::kOrdinality)) table->with_ordinality = true;
  accept_function_alias(table);
  return finish(table, scope.height());
}

// [AS] name [(a, b)], [AS] name (a int, b text), AS (a int, b text)
void Grammar::accept_function_alias(FunctionTable* table) {
  table->alias.position = token_.position;
  bool as = accept(Keyword::kAs);
  if (as && at(TokenKind::kLeftParen)) {
    table->columns = parse_column_types();
    return;
  }
  if (!as && !at_column_name()) return;
  table->alias.name = parse_column_name();
  if (!at(TokenKind::kLeftParen)) return;
  Token second = peek(2);
  if (second.kind == TokenKind::kComma || second.kind == TokenKind::kRightParen)
    accept_alias_columns(table->alias);
  else
    table->columns = parse_column_types();
}

List<ColumnTypeDefinition> Grammar::parse_column_types() {
  expect(TokenKind::kLeftParen);
  ListBuilder<ColumnTypeDefinition, 4> columns(arena_);
  do {
    ColumnTypeDefinition column;
    column.position = token_.position;
    column.name = parse_column_name();
    column.type = parse_type();
    if (accept(Keyword::kCollate)) column.collation = parse_qualified_name();
    columns.push(column);
  } while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  return columns.finish();
}

}  // namespace ldb::sql
