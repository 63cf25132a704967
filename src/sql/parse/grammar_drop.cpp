// DROP, TRUNCATE, COMMENT, REINDEX.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

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
