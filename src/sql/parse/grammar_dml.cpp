// INSERT, UPDATE, DELETE, MERGE.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

// INSERT needs AS before an alias, the others do not; SET behind the name of UPDATE is never an alias.
TargetTable Grammar::parse_target(bool insert) {
  TargetTable target;
  if (insert)
    target.name = parse_qualified_name();
  else
    parse_relation(target.name, target.only);
  if (accept(Keyword::kAs)) {
    target.alias = parse_column_name();
  } else if (!insert && at_column_name() && !at(Keyword::kSet)) {
    target.alias = token_.text;
    advance();
  }
  return target;
}

Name Grammar::parse_target_column() {
  Name column = parse_name();
  if (at(TokenKind::kDot)) unsupported("assigning to a field of a composite column");
  if (at(TokenKind::kLeftBracket)) unsupported("assigning to an element of an array column");
  return column;
}

List<Name> Grammar::parse_target_columns() {
  expect(TokenKind::kLeftParen);
  ListBuilder<Name> columns(arena_);
  do columns.push(parse_target_column());
  while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  return columns.finish();
}

Overriding Grammar::accept_overriding() {
  if (!accept(Keyword::kOverriding)) return Overriding::kNone;
  Overriding result = at(Keyword::kUser) ? Overriding::kUserValue : Overriding::kSystemValue;
  if (!accept(Keyword::kUser)) expect(Keyword::kSystem);
  expect(Keyword::kValue);
  return result;
}

const Statement* Grammar::parse_insert(const WithClause* with) {
  auto* insert = statement<Insert>();
  insert->with = with;
  advance();
  expect(Keyword::kInto);
  insert->table = parse_target(true);
  if (accept_two(Keyword::kDefault, Keyword::kValues)) {
    insert->default_values = true;
  } else {
    if (at(TokenKind::kLeftParen) && !at_nested_query()) {
      insert->columns = parse_target_columns();
      insert->overriding = accept_overriding();
    } else if (at(Keyword::kOverriding)) {
      insert->overriding = accept_overriding();
    }
    if (!at(TokenKind::kLeftParen) && !at_query_word()) fail_syntax();
    default_allowed_ = true;
    insert->source = parse_query();
    default_allowed_ = false;
  }
  if (at(Keyword::kOn)) insert->on_conflict = parse_on_conflict();
  insert->returning = accept_returning();
  return insert;
}

const OnConflict* Grammar::parse_on_conflict() {
  auto* conflict = make<OnConflict>(token_.position);
  advance();
  expect(Keyword::kConflict);
  if (at(TokenKind::kLeftParen)) {
    conflict->target = parse_index_elements();
    if (accept(Keyword::kWhere)) conflict->target_where = parse_expression();
  } else if (accept(Keyword::kOn)) {
    expect(Keyword::kConstraint);
    conflict->constraint = parse_column_name();
  }
  expect(Keyword::kDo);
  if (accept(Keyword::kNothing)) return conflict;
  expect(Keyword::kUpdate);
  expect(Keyword::kSet);
  conflict->do_update = true;
  conflict->assignments = parse_assignments();
  if (accept(Keyword::kWhere)) conflict->where = parse_expression();
  return conflict;
}

List<Assignment> Grammar::parse_assignments() {
  ListBuilder<Assignment, 4> assignments(arena_);
  do assignments.push(parse_assignment());
  while (accept(TokenKind::kComma));
  return assignments.finish();
}

Assignment Grammar::parse_assignment() {
  Assignment assignment;
  assignment.is_multiple = at(TokenKind::kLeftParen);
  if (assignment.is_multiple) {
    assignment.columns = parse_target_columns();
  } else {
    Name column = parse_target_column();
    assignment.columns = arena_.copy(std::span<const Name>(&column, 1));
  }
  expect(TokenKind::kEqual);
  Position position = token_.position;
  assignment.value = parse_assigned_value(assignment.is_multiple);
  if (!assignment.is_multiple) return assignment;
  if (const Row* row = assignment.value->as<Row>()) {
    if (row->values.size() != assignment.columns.size())
      fail("42601", "number of columns does not match number of values", position);
  } else if (assignment.value->kind != ExpressionKind::kScalarSubquery) {
    fail("0A000", "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression", position);
  }
  return assignment;
}

const Expression* Grammar::parse_assigned_value(bool multiple) {
  if (at(Keyword::kDefault)) {
    auto* value = make<Default>(token_.position);
    advance();
    return finish(value, 0);
  }
  if (!multiple) return parse_expression();
  std::size_t saved = default_depth_;
  default_depth_ = depth_ + 1;
  E value = parse_expression();
  default_depth_ = saved;
  return value;
}

const Expression* Grammar::parse_where_or_current_of() {
  if (!accept(Keyword::kWhere)) return nullptr;
  if (at(Keyword::kCurrent) && peek().keyword == Keyword::kOf) unsupported("WHERE CURRENT OF");
  return parse_expression();
}

const Statement* Grammar::parse_update(const WithClause* with) {
  auto* update = statement<Update>();
  update->with = with;
  advance();
  update->table = parse_target(false);
  expect(Keyword::kSet);
  update->assignments = parse_assignments();
  if (accept(Keyword::kFrom)) update->from = parse_from_list();
  update->where = parse_where_or_current_of();
  update->returning = accept_returning();
  return update;
}

const Statement* Grammar::parse_delete(const WithClause* with) {
  auto* statement_node = statement<Delete>();
  statement_node->with = with;
  advance();
  expect(Keyword::kFrom);
  statement_node->table = parse_target(false);
  if (accept(Keyword::kUsing)) statement_node->using_tables = parse_from_list();
  statement_node->where = parse_where_or_current_of();
  statement_node->returning = accept_returning();
  return statement_node;
}

const Statement* Grammar::parse_merge(const WithClause* with) {
  auto* merge = statement<Merge>();
  merge->with = with;
  advance();
  expect(Keyword::kInto);
  merge->table = parse_target(false);
  expect(Keyword::kUsing);
  merge->source = parse_table_ref();
  expect(Keyword::kOn);
  merge->on = parse_expression();
  ListBuilder<MergeWhen, 2> whens(arena_);
  if (!at(Keyword::kWhen)) fail_syntax();
  while (at(Keyword::kWhen)) whens.push(parse_merge_when());
  merge->whens = whens.finish();
  return merge;
}

MergeWhen Grammar::parse_merge_when() {
  MergeWhen when;
  when.position = token_.position;
  advance();
  when.matched = !accept(Keyword::kNot);
  expect(Keyword::kMatched);
  if (accept(Keyword::kAnd)) when.condition = parse_expression();
  expect(Keyword::kThen);
  if (accept(Keyword::kDo)) {
    expect(Keyword::kNothing);
  } else if (when.matched && accept(Keyword::kDelete)) {
    when.action = MergeAction::kDelete;
  } else if (when.matched && accept(Keyword::kUpdate)) {
    when.action = MergeAction::kUpdate;
    expect(Keyword::kSet);
    when.assignments = parse_assignments();
  } else if (!when.matched && accept(Keyword::kInsert)) {
    when.action = MergeAction::kInsert;
    parse_merge_insert(when);
  } else {
    fail_syntax();
  }
  return when;
}

void Grammar::parse_merge_insert(MergeWhen& when) {
  if (accept_two(Keyword::kDefault, Keyword::kValues)) {
    when.default_values = true;
    return;
  }
  if (at(TokenKind::kLeftParen)) when.columns = parse_target_columns();
  when.overriding = accept_overriding();
  expect(Keyword::kValues);
  expect(TokenKind::kLeftParen);
  std::size_t saved = default_depth_;
  default_depth_ = depth_;
  ListBuilder<E> values(arena_);
  do values.push(parse_row_element());
  while (accept(TokenKind::kComma));
  default_depth_ = saved;
  when.values = values.finish();
  expect(TokenKind::kRightParen);
}

}  // namespace ldb::sql
