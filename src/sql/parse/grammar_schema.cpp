// CREATE of everything but tables and sequences.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

// CREATE [OR REPLACE] [TEMPORARY | UNLOGGED] what
const Statement* Grammar::parse_create() {
  advance();
  bool or_replace = accept_two(Keyword::kOr, Keyword::kReplace);
  if (at(Keyword::kGlobal) || at(Keyword::kLocal)) {
    advance();
    if (!at(Keyword::kTemporary) && !at(Keyword::kTemp)) fail_syntax();
  }
  Persistence persistence = Persistence::kPermanent;
  if (at(Keyword::kTemporary) || at(Keyword::kTemp)) persistence = Persistence::kTemporary;
  if (at(Keyword::kUnlogged)) persistence = Persistence::kUnlogged;
  if (persistence != Persistence::kPermanent) advance();
  bool recursive = (at(Keyword::kRecursive) && peek().keyword == Keyword::kView) ? (advance(), true) : false;
  if (at(Keyword::kView)) {
    if (persistence == Persistence::kUnlogged) fail_syntax();
    return parse_create_view(or_replace, persistence, recursive);
  }
  if (or_replace) refuse_object("CREATE OR REPLACE");
  if (at(Keyword::kTable)) return parse_create_table(persistence);
  if (at(Keyword::kSequence)) return parse_create_sequence(persistence);
  if (at(Keyword::kMaterialized) && persistence != Persistence::kTemporary) return parse_create_materialized_view(persistence);
  if (persistence != Persistence::kPermanent) fail_syntax();
  switch (token_.keyword) {
    case Keyword::kUnique:
    case Keyword::kIndex:
      return parse_create_index();
    case Keyword::kSchema:
      return parse_create_schema();
    case Keyword::kDatabase:
      return parse_create_database();
    default:
      refuse_object("CREATE");
  }
}

// Kinds of objects that PostgreSQL has and ldb has not; anything else is a syntax error.
void Grammar::refuse_object(std::string_view verb) {
  struct Entry {
    Keyword word;
    std::string_view name;
  };
  static constexpr Entry kObjects[] = {
      {Keyword::kAccess, "ACCESS METHOD"},
      {Keyword::kAggregate, "AGGREGATE"},
      {Keyword::kCast, "CAST"},
      {Keyword::kCollation, "COLLATION"},
      {Keyword::kColumn, "COLUMN"},
      {Keyword::kConstraint, "CONSTRAINT"},
      {Keyword::kConversion, "CONVERSION"},
      {Keyword::kDefault, "DEFAULT"},
      {Keyword::kDomain, "DOMAIN"},
      {Keyword::kEvent, "EVENT TRIGGER"},
      {Keyword::kExtension, "EXTENSION"},
      {Keyword::kForeign, "FOREIGN TABLE"},
      {Keyword::kFunction, "FUNCTION"},
      {Keyword::kGroup, "GROUP"},
      {Keyword::kLanguage, "LANGUAGE"},
      {Keyword::kProcedural, "LANGUAGE"},
      {Keyword::kTrusted, "LANGUAGE"},
      {Keyword::kLarge, "LARGE OBJECT"},
      {Keyword::kOperator, "OPERATOR"},
      {Keyword::kOwned, "OWNED"},
      {Keyword::kPolicy, "POLICY"},
      {Keyword::kProcedure, "PROCEDURE"},
      {Keyword::kPublication, "PUBLICATION"},
      {Keyword::kRole, "ROLE"},
      {Keyword::kRoutine, "ROUTINE"},
      {Keyword::kRule, "RULE"},
      {Keyword::kServer, "SERVER"},
      {Keyword::kStatistics, "STATISTICS"},
      {Keyword::kSubscription, "SUBSCRIPTION"},
      {Keyword::kSystem, "SYSTEM"},
      {Keyword::kTablespace, "TABLESPACE"},
      {Keyword::kText, "TEXT SEARCH"},
      {Keyword::kTransform, "TRANSFORM"},
      {Keyword::kTrigger, "TRIGGER"},
      {Keyword::kType, "TYPE"},
      {Keyword::kUser, "USER"},
  };
  for (const Entry& entry : kObjects)
    if (at(entry.word)) unsupported(std::string(verb) + " " + std::string(entry.name));
  fail_syntax();
}

const Statement* Grammar::parse_create_index() {
  auto* index = statement<CreateIndex>();
  index->unique = accept(Keyword::kUnique);
  expect(Keyword::kIndex);
  index->concurrently = accept(Keyword::kConcurrently);
  index->if_not_exists = accept_if_not_exists();
  if (index->if_not_exists || at_column_name()) index->name = parse_column_name();
  expect(Keyword::kOn);
  parse_relation(index->table, index->only);
  if (accept(Keyword::kUsing)) index->access_method = parse_column_name();
  index->elements = parse_index_elements();
  if (accept(Keyword::kInclude)) index->include = parse_index_elements();
  if (accept(Keyword::kNulls)) {
    index->nulls_not_distinct = accept(Keyword::kNot);
    expect(Keyword::kDistinct);
  }
  if (accept(Keyword::kWith)) index->options = parse_definition_list();
  if (accept(Keyword::kTablespace)) index->tablespace = parse_column_name();
  if (accept(Keyword::kWhere)) {
    std::uint32_t begin = token_.begin;
    index->where = parse_expression();
    index->where_text = slice(begin);
  }
  return index;
}

List<IndexElement> Grammar::parse_index_elements() {
  expect(TokenKind::kLeftParen);
  ListBuilder<IndexElement, 4> elements(arena_);
  do elements.push(parse_index_element());
  while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  return elements.finish();
}

// column | function(...) | (expression)  [COLLATE c] [operator class] [ASC | DESC] [NULLS FIRST | LAST]
IndexElement Grammar::parse_index_element() {
  IndexElement element;
  element.position = token_.position;
  if (accept(TokenKind::kLeftParen)) {
    DepthGuard guard(*this);
    element.expression = parse_expression();
    expect(TokenKind::kRightParen);
  } else if (at_table_function()) {
    element.expression = parse_table_function_call();
  } else {
    element.column = parse_column_name();
  }
  if (accept(Keyword::kCollate)) element.collation = parse_qualified_name();
  bool order = at(Keyword::kNulls) && (peek().keyword == Keyword::kFirst || peek().keyword == Keyword::kLast);
  if (at_column_name() && !order) {
    element.operator_class = parse_qualified_name();
    if (at(TokenKind::kLeftParen)) unsupported("operator class parameters");
  }
  parse_sort_direction(element.direction, element.nulls);
  return element;
}

const Statement* Grammar::parse_create_view(bool or_replace, Persistence persistence, bool recursive) {
  auto* view = statement<CreateView>();
  view->or_replace = or_replace;
  view->persistence = persistence;
  view->recursive = recursive;
  advance();
  view->name = parse_qualified_name();
  view->columns = recursive ? parse_name_list() : accept_name_list();
  if (accept(Keyword::kWith)) view->options = parse_definition_list();
  expect(Keyword::kAs);
  if (!at(TokenKind::kLeftParen) && !at_query_word()) fail_syntax();
  std::uint32_t begin = token_.begin;
  view->query = parse_query();
  view->query_text = slice(begin);
  if (accept(Keyword::kWith)) {
    view->check_option = at(Keyword::kLocal) ? CheckOption::kLocal : CheckOption::kCascaded;
    if (!accept(Keyword::kLocal)) accept(Keyword::kCascaded);
    if (recursive) unsupported("WITH CHECK OPTION on a recursive view");
    expect(Keyword::kCheck);
    expect(Keyword::kOption);
  }
  return view;
}

const Statement* Grammar::parse_create_materialized_view(Persistence persistence) {
  auto* view = statement<CreateView>();
  view->materialized = true;
  view->persistence = persistence;
  advance();
  expect(Keyword::kView);
  view->if_not_exists = accept_if_not_exists();
  view->name = parse_qualified_name();
  view->columns = accept_name_list();
  if (accept(Keyword::kUsing)) view->access_method = parse_column_name();
  if (accept(Keyword::kWith)) view->options = parse_definition_list();
  if (accept(Keyword::kTablespace)) view->tablespace = parse_column_name();
  expect(Keyword::kAs);
  if (!at(TokenKind::kLeftParen) && !at_query_word()) fail_syntax();
  std::uint32_t begin = token_.begin;
  view->query = parse_query();
  view->query_text = slice(begin);
  accept_with_data(view->with_data);
  return view;
}

// ---------------------------------------------------------------- schemas and databases

const Statement* Grammar::parse_create_schema() {
  auto* schema = statement<CreateSchema>();
  advance();
  schema->if_not_exists = accept_if_not_exists();
  if (!at(Keyword::kAuthorization)) schema->name = parse_column_name();
  if (accept(Keyword::kAuthorization)) schema->authorization = parse_role();
  ListBuilder<const Statement*, 4> elements(arena_);
  while (at(Keyword::kCreate) || at(Keyword::kGrant)) {
    if (at(Keyword::kGrant)) refuse_statement();
    Position position = token_.position;
    auto* element = const_cast<Statement*>(parse_create());
    element->position = position;
    switch (element->kind) {
      case StatementKind::kCreateTable:
      case StatementKind::kCreateIndex:
      case StatementKind::kCreateSequence:
      case StatementKind::kCreateView:
        break;
      default:
        fail("42601", "this statement cannot be part of CREATE SCHEMA", position);
    }
    elements.push(element);
  }
  if (schema->if_not_exists && !elements.empty())
    fail("0A000", "CREATE SCHEMA IF NOT EXISTS cannot include schema elements", schema->position);
  schema->elements = elements.finish();
  return schema;
}

// A role name, CURRENT_USER and the like included.
std::string_view Grammar::parse_role() {
  if (at(Keyword::kCurrentUser) || at(Keyword::kSessionUser) || at(Keyword::kCurrentRole)) return parse_any_word();
  return parse_non_reserved();
}

const Statement* Grammar::parse_create_database() {
  auto* database = statement<CreateDatabase>();
  advance();
  database->if_not_exists = accept_if_not_exists();
  database->name = parse_column_name();
  accept(Keyword::kWith);
  ListBuilder<Option, 4> options(arena_);
  while (is_any_word(token_)) {
    Option option;
    option.position = token_.position;
    if (accept(Keyword::kConnection)) {
      expect(Keyword::kLimit);
      option.name = "connection_limit";
    } else {
      switch (token_.keyword) {
        case Keyword::kNotKeyword:
        case Keyword::kEncoding:
        case Keyword::kLocation:
        case Keyword::kOwner:
        case Keyword::kTablespace:
        case Keyword::kTemplate:
          break;
        default:
          fail_syntax();
      }
      option.name = token_.text;
      advance();
    }
    accept(TokenKind::kEqual);
    option.value = parse_setting_value(true);
    options.push(option);
  }
  database->options = options.finish();
  return database;
}

}  // namespace ldb::sql
