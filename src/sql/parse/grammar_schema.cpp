// CREATE of everything but tables, DROP, TRUNCATE, COMMENT, REINDEX.
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
  auto refuse = [&](std::string_view what) { unsupported(std::string(verb) + " " + std::string(what)); };
  switch (token_.keyword) {
    case Keyword::kAccess:
      refuse("ACCESS METHOD");
      break;
    case Keyword::kAggregate:
      refuse("AGGREGATE");
      break;
    case Keyword::kCast:
      refuse("CAST");
      break;
    case Keyword::kCollation:
      refuse("COLLATION");
      break;
    case Keyword::kColumn:
      refuse("COLUMN");
      break;
    case Keyword::kConstraint:
      refuse("CONSTRAINT");
      break;
    case Keyword::kConversion:
      refuse("CONVERSION");
      break;
    case Keyword::kDefault:
      refuse("DEFAULT");
      break;
    case Keyword::kDomain:
      refuse("DOMAIN");
      break;
    case Keyword::kEvent:
      refuse("EVENT TRIGGER");
      break;
    case Keyword::kExtension:
      refuse("EXTENSION");
      break;
    case Keyword::kForeign:
      refuse("FOREIGN TABLE");
      break;
    case Keyword::kFunction:
      refuse("FUNCTION");
      break;
    case Keyword::kGroup:
      refuse("GROUP");
      break;
    case Keyword::kLanguage:
      refuse("LANGUAGE");
      break;
    case Keyword::kProcedural:
      refuse("LANGUAGE");
      break;
    case Keyword::kTrusted:
      refuse("LANGUAGE");
      break;
    case Keyword::kLarge:
      refuse("LARGE OBJECT");
      break;
    case Keyword::kOperator:
      refuse("OPERATOR");
      break;
    case Keyword::kOwned:
      refuse("OWNED");
      break;
    case Keyword::kPolicy:
      refuse("POLICY");
      break;
    case Keyword::kProcedure:
      refuse("PROCEDURE");
      break;
    case Keyword::kPublication:
      refuse("PUBLICATION");
      break;
    case Keyword::kRole:
      refuse("ROLE");
      break;
    case Keyword::kRoutine:
      refuse("ROUTINE");
      break;
    case Keyword::kRule:
      refuse("RULE");
      break;
    case Keyword::kServer:
      refuse("SERVER");
      break;
    case Keyword::kStatistics:
      refuse("STATISTICS");
      break;
    case Keyword::kSubscription:
      refuse("SUBSCRIPTION");
      break;
    case Keyword::kSystem:
      refuse("SYSTEM");
      break;
    case Keyword::kTablespace:
      refuse("TABLESPACE");
      break;
    case Keyword::kText:
      refuse("TEXT SEARCH");
      break;
    case Keyword::kTransform:
      refuse("TRANSFORM");
      break;
    case Keyword::kTrigger:
      refuse("TRIGGER");
      break;
    case Keyword::kType:
      refuse("TYPE");
      break;
    case Keyword::kUser:
      refuse("USER");
      break;
    default:
      break;
  }
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

// ---------------------------------------------------------------- sequences

const Literal* Grammar::parse_number() {
  Position position = token_.position;
  bool negative = at(TokenKind::kMinus);
  if (at(TokenKind::kMinus) || at(TokenKind::kPlus)) advance();
  if (!at(TokenKind::kInteger) && !at(TokenKind::kDecimal)) fail_syntax();
  E literal = number_literal(token_.text, negative, position);
  advance();
  return literal->as<Literal>();
}

// One option; false when there is none. An option may come only once.
bool Grammar::parse_sequence_option(SequenceOptions& options) {
  Position position = token_.position;
  auto once = [&](bool already) {
    if (already) fail("42601", "conflicting or redundant options", position);
  };
  if (accept(Keyword::kAs)) {
    once(options.type != nullptr);
    options.type = parse_type();
  } else if (accept(Keyword::kIncrement)) {
    once(options.increment != nullptr);
    accept(Keyword::kBy);
    options.increment = parse_number();
  } else if (accept(Keyword::kMinvalue)) {
    once(options.min_value != nullptr || options.no_min_value);
    options.min_value = parse_number();
  } else if (accept(Keyword::kMaxvalue)) {
    once(options.max_value != nullptr || options.no_max_value);
    options.max_value = parse_number();
  } else if (accept(Keyword::kStart)) {
    once(options.start != nullptr);
    accept(Keyword::kWith);
    options.start = parse_number();
  } else if (accept(Keyword::kCache)) {
    once(options.cache != nullptr);
    options.cache = parse_number();
  } else if (accept(Keyword::kCycle)) {
    once(options.has_cycle);
    options.has_cycle = options.cycle = true;
  } else if (accept(Keyword::kRestart)) {
    once(options.restart);
    options.restart = true;
    bool value = accept(Keyword::kWith) || at(TokenKind::kInteger) || at(TokenKind::kDecimal) || at(TokenKind::kMinus) ||
                 at(TokenKind::kPlus);
    if (value) options.restart_with = parse_number();
  } else if (accept(Keyword::kOwned)) {
    once(options.has_owned_by);
    expect(Keyword::kBy);
    parse_owned_by(options);
  } else if (accept(Keyword::kSequence)) {
    once(!options.sequence_name.name.empty());
    expect(Keyword::kName);
    options.sequence_name = parse_qualified_name();
  } else if (accept(Keyword::kNo)) {
    if (accept(Keyword::kMinvalue)) {
      once(options.min_value != nullptr || options.no_min_value);
      options.no_min_value = true;
    } else if (accept(Keyword::kMaxvalue)) {
      once(options.max_value != nullptr || options.no_max_value);
      options.no_max_value = true;
    } else {
      expect(Keyword::kCycle);
      once(options.has_cycle);
      options.has_cycle = true;
    }
  } else {
    return false;
  }
  return true;
}

// NONE, or [schema.]table.column
void Grammar::parse_owned_by(SequenceOptions& options) {
  options.has_owned_by = true;
  if (at(Keyword::kNone) && peek().kind != TokenKind::kDot) {
    advance();
    return;
  }
  ListBuilder<std::string_view, 4> parts(arena_);
  parts.push(parse_column_name());
  while (accept(TokenKind::kDot)) parts.push(parse_any_word());
  options.owned_by = parts.finish();
}

const SequenceOptions* Grammar::parse_parenthesized_sequence_options() {
  auto* options = arena_.make<SequenceOptions>();
  expect(TokenKind::kLeftParen);
  if (!parse_sequence_option(*options)) fail_syntax();
  while (parse_sequence_option(*options)) {
  }
  expect(TokenKind::kRightParen);
  return options;
}

const Statement* Grammar::parse_create_sequence(Persistence persistence) {
  auto* sequence = statement<CreateSequence>();
  sequence->persistence = persistence;
  advance();
  sequence->if_not_exists = accept_if_not_exists();
  sequence->name = parse_qualified_name();
  while (parse_sequence_option(sequence->options)) {
  }
  return sequence;
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

// ---------------------------------------------------------------- DROP, TRUNCATE, COMMENT, REINDEX

ObjectKind Grammar::parse_object_kind(std::string_view verb) {
  ObjectKind kind = ObjectKind::kTable;
  switch (token_.keyword) {
    case Keyword::kTable:
      kind = ObjectKind::kTable;
      break;
    case Keyword::kIndex:
      kind = ObjectKind::kIndex;
      break;
    case Keyword::kView:
      kind = ObjectKind::kView;
      break;
    case Keyword::kSequence:
      kind = ObjectKind::kSequence;
      break;
    case Keyword::kSchema:
      kind = ObjectKind::kSchema;
      break;
    case Keyword::kDatabase:
      kind = ObjectKind::kDatabase;
      break;
    case Keyword::kMaterialized:
      advance();
      if (!at(Keyword::kView)) fail_syntax();
      kind = ObjectKind::kMaterializedView;
      break;
    default:
      refuse_object(verb);
  }
  advance();
  return kind;
}

bool Grammar::accept_cascade() {
  if (accept(Keyword::kCascade)) return true;
  accept(Keyword::kRestrict);
  return false;
}

// The name of a schema or database, which has no other in front.
QualifiedName Grammar::lone_name() {
  QualifiedName name;
  name.position = token_.position;
  name.name = parse_column_name();
  return name;
}

const Statement* Grammar::parse_drop() {
  auto* drop = statement<Drop>();
  advance();
  drop->object = parse_object_kind("DROP");
  if (drop->object == ObjectKind::kIndex) drop->concurrently = accept(Keyword::kConcurrently);
  drop->if_exists = accept_if_exists();
  if (drop->object == ObjectKind::kDatabase || drop->object == ObjectKind::kSchema) {
    ListBuilder<QualifiedName, 4> names(arena_);
    do {
      names.push(lone_name());
    } while (drop->object == ObjectKind::kSchema && accept(TokenKind::kComma));
    drop->names = names.finish();
  } else {
    drop->names = parse_qualified_names();
  }
  if (drop->object != ObjectKind::kDatabase) {
    drop->cascade = accept_cascade();
    return drop;
  }
  bool with = accept(Keyword::kWith);
  if (!with && !at(TokenKind::kLeftParen)) return drop;
  expect(TokenKind::kLeftParen);
  do {
    expect(Keyword::kForce);
    drop->force = true;
  } while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  return drop;
}

List<RelationRef> Grammar::parse_relation_refs() {
  ListBuilder<RelationRef, 4> tables(arena_);
  do {
    RelationRef table;
    parse_relation(table.name, table.only);
    tables.push(table);
  } while (accept(TokenKind::kComma));
  return tables.finish();
}

const Statement* Grammar::parse_truncate() {
  auto* truncate = statement<Truncate>();
  advance();
  accept(Keyword::kTable);
  truncate->tables = parse_relation_refs();
  if (accept(Keyword::kRestart)) {
    expect(Keyword::kIdentity);
    truncate->restart_identity = true;
  } else if (accept(Keyword::kContinue)) {
    expect(Keyword::kIdentity);
  }
  truncate->cascade = accept_cascade();
  return truncate;
}

// COMMENT ON kind name IS 'text' | NULL
const Statement* Grammar::parse_comment() {
  auto* comment = statement<Comment>();
  advance();
  expect(Keyword::kOn);
  if (accept(Keyword::kColumn)) {
    comment->object = ObjectKind::kColumn;
    Position position = token_.position;
    ListBuilder<std::string_view, 4> parts(arena_);
    parts.push(parse_column_name());
    while (accept(TokenKind::kDot)) parts.push(parse_any_word());
    std::size_t n = parts.size();
    if (n < 2) fail("42601", "column name must be qualified", position);
    if (n > 4) fail("42601", "improper qualified name (too many dotted names)", position);
    comment->part = parts[n - 1];
    comment->name.position = position;
    comment->name.name = parts[n - 2];
    if (n > 2) comment->name.schema = parts[n - 3];
    if (n > 3) comment->name.catalog = parts[0];
  } else if (accept(Keyword::kConstraint)) {
    comment->object = ObjectKind::kConstraint;
    comment->part = parse_column_name();
    expect(Keyword::kOn);
    if (at(Keyword::kDomain) && is_column_name(peek())) unsupported("COMMENT ON CONSTRAINT ... ON DOMAIN");
    comment->name = parse_qualified_name();
  } else {
    comment->object = parse_object_kind("COMMENT ON");
    bool lone = comment->object == ObjectKind::kSchema || comment->object == ObjectKind::kDatabase;
    comment->name = lone ? lone_name() : parse_qualified_name();
  }
  expect(Keyword::kIs);
  comment->is_null = accept(Keyword::kNull);
  if (!comment->is_null) comment->text = parse_string();
  return comment;
}

const Statement* Grammar::parse_reindex() {
  auto* reindex = statement<Reindex>();
  advance();
  if (at(TokenKind::kLeftParen)) reindex->options = parse_utility_options();
  switch (token_.keyword) {
    case Keyword::kIndex:
      reindex->reindex = ReindexKind::kIndex;
      break;
    case Keyword::kTable:
      reindex->reindex = ReindexKind::kTable;
      break;
    case Keyword::kSchema:
      reindex->reindex = ReindexKind::kSchema;
      break;
    case Keyword::kSystem:
      reindex->reindex = ReindexKind::kSystem;
      break;
    case Keyword::kDatabase:
      reindex->reindex = ReindexKind::kDatabase;
      break;
    default:
      fail_syntax();
  }
  bool relation = at(Keyword::kIndex) || at(Keyword::kTable);
  advance();
  reindex->concurrently = accept(Keyword::kConcurrently);
  if (relation)
    reindex->name = parse_qualified_name();
  else
    reindex->name = lone_name();
  return reindex;
}

}  // namespace ldb::sql
