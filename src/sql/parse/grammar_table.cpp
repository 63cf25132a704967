// CREATE TABLE and CREATE TABLE AS: columns, constraints, options.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

// Behind CREATE [TEMPORARY | UNLOGGED]; the current token is TABLE.
const Statement* Grammar::parse_create_table(Persistence persistence) {
  auto* table = statement<CreateTable>();
  table->persistence = persistence;
  advance();
  table->if_not_exists = accept_if_not_exists();
  table->name = parse_qualified_name();
  if (at(Keyword::kOf)) unsupported("CREATE TABLE ... OF type");
  if (at(Keyword::kPartition) && peek().keyword == Keyword::kOf) unsupported("CREATE TABLE ... PARTITION OF");
  if (!at(TokenKind::kLeftParen) || at_name_list_then_as()) {
    List<Name> columns = accept_name_list();
    parse_table_tail(table);
    return finish_create_table_as(table, columns);
  }
  parse_table_elements(table);
  if (accept(Keyword::kInherits)) {
    expect(TokenKind::kLeftParen);
    table->inherits = parse_qualified_names();
    expect(TokenKind::kRightParen);
  }
  if (at(Keyword::kPartition)) table->partition_by = parse_partition_by();
  parse_table_tail(table);
  return table;
}

// [USING method] [WITH (...)] [ON COMMIT ...] [TABLESPACE name]
void Grammar::parse_table_tail(CreateTable* table) {
  if (accept(Keyword::kUsing)) table->access_method = parse_column_name();
  if (at(Keyword::kWith) && peek().kind == TokenKind::kLeftParen) {
    advance();
    table->options = parse_definition_list();
  } else if (accept_two(Keyword::kWithout, Keyword::kOids)) {
    // Said of every table since PostgreSQL 12.
  }
  if (accept(Keyword::kOn)) table->on_commit = parse_on_commit();
  if (accept(Keyword::kTablespace)) table->tablespace = parse_column_name();
}

const Statement* Grammar::finish_create_table_as(const CreateTable* table, List<Name> columns) {
  auto* as = make<CreateTableAs>(table->position);
  as->name = table->name;
  as->if_not_exists = table->if_not_exists;
  as->persistence = table->persistence;
  as->columns = columns;
  as->access_method = table->access_method;
  as->options = table->options;
  as->on_commit = table->on_commit;
  as->tablespace = table->tablespace;
  expect(Keyword::kAs);
  if (at(Keyword::kExecute)) {
    as->source = parse_execute();
  } else {
    if (!at(TokenKind::kLeftParen) && !at_query_word()) fail_syntax();
    Position position = token_.position;
    as->source = select_statement(parse_query(), position);
  }
  accept_with_data(as->with_data);
  return as;
}

bool Grammar::accept_with_data(bool& with_data) {
  if (!at(Keyword::kWith)) return false;
  advance();
  with_data = !accept(Keyword::kNo);
  expect(Keyword::kData);
  return true;
}

// CREATE TABLE t (a, b) AS ... has bare names where CREATE TABLE t (a int) has types.
bool Grammar::at_name_list_then_as() {
  Lexer ahead = lexer_;
  Token token;
  ahead.next(token);
  if (!is_column_name(token)) return false;
  ahead.next(token);
  return token.kind == TokenKind::kComma || token.kind == TokenKind::kRightParen;
}

OnCommit Grammar::parse_on_commit() {
  expect(Keyword::kCommit);
  if (accept(Keyword::kDrop)) return OnCommit::kDrop;
  OnCommit result = at(Keyword::kDelete) ? OnCommit::kDeleteRows : OnCommit::kPreserveRows;
  if (!accept(Keyword::kDelete)) expect(Keyword::kPreserve);
  expect(Keyword::kRows);
  return result;
}

bool Grammar::at_table_constraint() const {
  switch (token_.keyword) {
    case Keyword::kConstraint:
    case Keyword::kCheck:
    case Keyword::kUnique:
    case Keyword::kPrimary:
    case Keyword::kForeign:
      return true;
    default:
      return false;
  }
}

void Grammar::parse_table_elements(CreateTable* table) {
  ListBuilder<ColumnDefinition, 4> columns(arena_);
  ListBuilder<Constraint, 2> constraints(arena_);
  ListBuilder<LikeClause, 2> likes(arena_);
  expect(TokenKind::kLeftParen);
  if (!accept(TokenKind::kRightParen)) {
    do {
      bool exclude = at(Keyword::kExclude) && (peek().kind == TokenKind::kLeftParen || peek().keyword == Keyword::kUsing);
      if (at_table_constraint() || exclude) {
        constraints.push(parse_table_constraint());
      } else if (at(Keyword::kLike)) {
        LikeClause like = parse_like_clause();
        like.before_column = static_cast<std::uint32_t>(columns.size());
        likes.push(like);
      } else {
        columns.push(parse_column_definition());
      }
    } while (accept(TokenKind::kComma));
    expect(TokenKind::kRightParen);
  }
  table->columns = columns.finish();
  table->constraints = constraints.finish();
  table->likes = likes.finish();
}

// LIKE table [INCLUDING | EXCLUDING what ...]
LikeClause Grammar::parse_like_clause() {
  struct Entry {
    Keyword word;
    std::uint16_t bits;
  };
  static constexpr Entry kEntries[] = {
      {Keyword::kComments, kLikeComments}, {Keyword::kCompression, kLikeCompression}, {Keyword::kConstraints, kLikeConstraints},
      {Keyword::kDefaults, kLikeDefaults}, {Keyword::kGenerated, kLikeGenerated},     {Keyword::kIdentity, kLikeIdentity},
      {Keyword::kIndexes, kLikeIndexes},   {Keyword::kStatistics, kLikeStatistics},   {Keyword::kStorage, kLikeStorage},
      {Keyword::kAll, kLikeAll},
  };
  LikeClause like;
  advance();
  like.table = parse_qualified_name();
  while (at(Keyword::kIncluding) || at(Keyword::kExcluding)) {
    bool including = at(Keyword::kIncluding);
    advance();
    std::uint16_t bits = 0;
    for (const Entry& entry : kEntries)
      if (at(entry.word)) bits = entry.bits;
    if (bits == 0) fail_syntax();
    advance();
    like.including = static_cast<std::uint16_t>(including ? like.including | bits : like.including & ~bits);
  }
  return like;
}

// PARTITION BY RANGE | LIST | HASH (columns)
const PartitionSpec* Grammar::parse_partition_by() {
  auto* spec = arena_.make<PartitionSpec>();
  advance();
  expect(Keyword::kBy);
  Position position = token_.position;
  std::string_view strategy = parse_column_name();
  if (strategy == "range")
    spec->strategy = PartitionStrategy::kRange;
  else if (strategy == "list")
    spec->strategy = PartitionStrategy::kList;
  else if (strategy == "hash")
    spec->strategy = PartitionStrategy::kHash;
  else
    fail("42601", "unrecognized partitioning strategy \"" + std::string(strategy) + "\"", position);
  spec->columns = parse_index_elements();
  return spec;
}

ColumnDefinition Grammar::parse_column_definition() {
  ColumnDefinition column;
  column.position = token_.position;
  column.name = parse_column_name();
  column.type = parse_type();
  if (accept(Keyword::kCompression)) {
    column.compression = at(Keyword::kDefault) ? token_.text : std::string_view();
    if (column.compression.empty())
      column.compression = parse_column_name();
    else
      advance();
  }
  if (at(Keyword::kOptions)) unsupported("OPTIONS of a foreign table's column");
  ListBuilder<Constraint, 4> constraints(arena_);
  while (parse_column_constraint(constraints, column)) {
  }
  column.constraints = constraints.finish();
  return column;
}

// One constraint, COLLATE, or an attribute of the constraint before. False at the end of the column.
bool Grammar::parse_column_constraint(ListBuilder<Constraint, 4>& out, ColumnDefinition& column) {
  Constraint c;
  c.position = token_.position;
  bool named = accept(Keyword::kConstraint);
  if (named) c.name = parse_column_name();
  switch (token_.keyword) {
    case Keyword::kNot:
      if (peek().keyword == Keyword::kDeferrable) break;
      advance();
      expect(Keyword::kNull);
      c.kind = ConstraintKind::kNotNull;
      out.push(c);
      return true;
    case Keyword::kNull:
      advance();
      c.kind = ConstraintKind::kNull;
      out.push(c);
      return true;
    case Keyword::kDefault: {
      advance();
      c.kind = ConstraintKind::kDefault;
      std::uint32_t begin = token_.begin;
      c.expression = parse_restricted_expression();
      c.expression_text = slice(begin);
      out.push(c);
      return true;
    }
    case Keyword::kCheck:
    case Keyword::kUnique:
    case Keyword::kPrimary: {
      parse_key_constraint(c, false);
      if (c.kind == ConstraintKind::kCheck && accept_two(Keyword::kNo, Keyword::kInherit)) c.no_inherit = true;
      out.push(c);
      return true;
    }
    case Keyword::kReferences:
      c.kind = ConstraintKind::kForeignKey;
      parse_references(c);
      out.push(c);
      return true;
    case Keyword::kGenerated:
      parse_generated(c);
      out.push(c);
      return true;
    default:
      break;
  }
  if (named) fail_syntax();
  if (accept(Keyword::kCollate)) {
    if (!column.collation.name.empty()) fail("42601", "multiple COLLATE clauses not allowed", c.position);
    column.collation = parse_qualified_name();
    return true;
  }
  bool attribute = at(Keyword::kDeferrable) || at(Keyword::kInitially) || at(Keyword::kNot);
  if (!attribute) return false;
  bool takes_attributes = !out.empty() && (out[out.size() - 1].kind == ConstraintKind::kForeignKey ||
                                           out[out.size() - 1].kind == ConstraintKind::kUnique ||
                                           out[out.size() - 1].kind == ConstraintKind::kPrimaryKey);
  if (!takes_attributes) fail("42601", "misplaced DEFERRABLE clause", c.position);
  return parse_constraint_attribute(out[out.size() - 1]);
}

// CHECK, UNIQUE, PRIMARY KEY; `of_table`: with a column list.
void Grammar::parse_key_constraint(Constraint& c, bool of_table) {
  if (accept(Keyword::kCheck)) {
    c.kind = ConstraintKind::kCheck;
    expect(TokenKind::kLeftParen);
    DepthGuard guard(*this);
    std::uint32_t begin = token_.begin;
    c.expression = parse_expression();
    c.expression_text = slice(begin);
    expect(TokenKind::kRightParen);
    return;
  }
  if (accept(Keyword::kPrimary)) {
    expect(Keyword::kKey);
    c.kind = ConstraintKind::kPrimaryKey;
  } else {
    expect(Keyword::kUnique);
    c.kind = ConstraintKind::kUnique;
    if (at(Keyword::kNulls)) {
      advance();
      c.nulls_not_distinct = accept(Keyword::kNot);
      expect(Keyword::kDistinct);
    }
  }
  if (of_table) {
    if (accept_two(Keyword::kUsing, Keyword::kIndex)) {
      c.using_index = parse_column_name();
      return;
    }
    c.columns = parse_name_list();
    if (accept(Keyword::kInclude)) c.include = parse_name_list();
  }
  parse_index_parameters(c);
}

// [WITH (...)] [USING INDEX TABLESPACE name]
void Grammar::parse_index_parameters(Constraint& c) {
  if (at(Keyword::kWith) && peek().kind == TokenKind::kLeftParen) {
    advance();
    c.options = parse_definition_list();
  }
  if (accept(Keyword::kUsing)) {
    expect(Keyword::kIndex);
    expect(Keyword::kTablespace);
    c.tablespace = parse_column_name();
  }
}

// REFERENCES table [(columns)] [MATCH ...] [ON DELETE ...] [ON UPDATE ...]
void Grammar::parse_references(Constraint& c) {
  expect(Keyword::kReferences);
  c.references = parse_qualified_name();
  c.referenced_columns = accept_name_list();
  if (accept(Keyword::kMatch)) {
    if (accept(Keyword::kFull))
      c.match = ReferenceMatch::kFull;
    else if (at(Keyword::kPartial))
      unsupported("MATCH PARTIAL");
    else
      expect(Keyword::kSimple);
  }
  bool deleted = false, updated = false;
  while (at(Keyword::kOn)) {
    advance();
    bool on_delete = at(Keyword::kDelete);
    bool& seen = on_delete ? deleted : updated;
    if (seen) fail_syntax();
    seen = true;
    if (!accept(Keyword::kDelete)) expect(Keyword::kUpdate);
    (on_delete ? c.on_delete : c.on_update) = parse_reference_action(c, on_delete);
  }
}

ReferenceAction Grammar::parse_reference_action(Constraint& c, bool on_delete) {
  if (accept(Keyword::kCascade)) return ReferenceAction::kCascade;
  if (accept(Keyword::kRestrict)) return ReferenceAction::kRestrict;
  if (accept(Keyword::kNo)) {
    expect(Keyword::kAction);
    return ReferenceAction::kNoAction;
  }
  expect(Keyword::kSet);
  ReferenceAction action = at(Keyword::kNull) ? ReferenceAction::kSetNull : ReferenceAction::kSetDefault;
  if (!accept(Keyword::kNull)) expect(Keyword::kDefault);
  if (at(TokenKind::kLeftParen)) {
    if (!on_delete) unsupported("a column list with SET NULL or SET DEFAULT in ON UPDATE");
    c.on_delete_columns = parse_name_list();
  }
  return action;
}

// GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(options)], GENERATED ALWAYS AS (expression) STORED
void Grammar::parse_generated(Constraint& c) {
  advance();
  c.identity_always = at(Keyword::kAlways);
  if (!accept(Keyword::kAlways)) {
    expect(Keyword::kBy);
    expect(Keyword::kDefault);
  }
  expect(Keyword::kAs);
  if (accept(Keyword::kIdentity)) {
    c.kind = ConstraintKind::kIdentity;
    if (at(TokenKind::kLeftParen)) c.sequence = parse_parenthesized_sequence_options();
    return;
  }
  Position position = token_.position;
  c.kind = ConstraintKind::kGenerated;
  expect(TokenKind::kLeftParen);
  DepthGuard guard(*this);
  std::uint32_t begin = token_.begin;
  c.expression = parse_expression();
  c.expression_text = slice(begin);
  expect(TokenKind::kRightParen);
  expect(Keyword::kStored);
  if (!c.identity_always) fail("42601", "for a generated column, GENERATED ALWAYS must be specified", position);
}

Constraint Grammar::parse_table_constraint() {
  Constraint c;
  c.position = token_.position;
  if (accept(Keyword::kConstraint)) c.name = parse_column_name();
  if (accept(Keyword::kForeign)) {
    expect(Keyword::kKey);
    c.kind = ConstraintKind::kForeignKey;
    c.columns = parse_name_list();
    parse_references(c);
  } else if (at(Keyword::kExclude)) {
    parse_exclude(c);
  } else {
    parse_key_constraint(c, true);
  }
  while (parse_constraint_attribute(c)) {
  }
  return c;
}

// EXCLUDE [USING method] (element WITH operator, ...) [INCLUDE (...)] [WITH (...)] [USING INDEX TABLESPACE t] [WHERE (p)]
void Grammar::parse_exclude(Constraint& c) {
  advance();
  c.kind = ConstraintKind::kExclude;
  if (accept(Keyword::kUsing)) c.access_method = parse_column_name();
  expect(TokenKind::kLeftParen);
  ListBuilder<ExcludeElement, 2> elements(arena_);
  do {
    ExcludeElement element;
    element.element = parse_index_element();
    expect(Keyword::kWith);
    OperatorToken op = infix_operator();
    if (op.level == 0) fail_syntax();
    consume_operator(op);
    element.with_operator = op.symbol;
    elements.push(element);
  } while (accept(TokenKind::kComma));
  c.exclude = elements.finish();
  expect(TokenKind::kRightParen);
  if (accept(Keyword::kInclude)) c.include = parse_name_list();
  parse_index_parameters(c);
  if (accept(Keyword::kWhere)) {
    expect(TokenKind::kLeftParen);
    c.where = parse_expression();
    expect(TokenKind::kRightParen);
  }
}

// [NOT] DEFERRABLE, INITIALLY DEFERRED | IMMEDIATE, NOT VALID, NO INHERIT. False when there is none.
bool Grammar::parse_constraint_attribute(Constraint& c) {
  Position position = token_.position;
  auto set_deferrable = [&](bool value) {
    bool conflicting = value ? c.not_deferrable : (c.deferrable || c.initially_deferred);
    if (conflicting) fail("42601", "conflicting constraint properties", position);
    c.deferrable = value;
    c.not_deferrable = !value;
  };
  bool key_like = c.kind == ConstraintKind::kUnique || c.kind == ConstraintKind::kPrimaryKey ||
                  c.kind == ConstraintKind::kForeignKey || c.kind == ConstraintKind::kExclude;
  auto require = [&](bool allowed, std::string_view clause) {
    if (!allowed) fail("0A000", "this kind of constraint cannot be marked " + std::string(clause), position);
  };
  if (accept(Keyword::kDeferrable)) {
    require(key_like, "DEFERRABLE");
    set_deferrable(true);
  } else if (accept_two(Keyword::kNot, Keyword::kDeferrable)) {
    set_deferrable(false);
  } else if (accept(Keyword::kInitially)) {
    if (accept(Keyword::kDeferred)) {
      require(key_like, "DEFERRABLE");
      if (c.not_deferrable) fail("42601", "constraint declared INITIALLY DEFERRED must be DEFERRABLE", position);
      c.initially_deferred = true;
      c.deferrable = true;
    } else {
      expect(Keyword::kImmediate);
      if (c.initially_deferred) fail("42601", "multiple INITIALLY IMMEDIATE/DEFERRED clauses not allowed", position);
    }
  } else if (accept_two(Keyword::kNot, Keyword::kValid)) {
    require(c.kind == ConstraintKind::kCheck || c.kind == ConstraintKind::kForeignKey, "NOT VALID");
    c.not_valid = true;
  } else if (accept_two(Keyword::kNo, Keyword::kInherit)) {
    require(c.kind == ConstraintKind::kCheck, "NO INHERIT");
    c.no_inherit = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace ldb::sql
