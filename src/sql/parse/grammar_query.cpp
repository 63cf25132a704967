// Queries: WITH, set operations, SELECT, VALUES, ORDER BY, LIMIT, locking.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

const Query* Grammar::parse_query() {
  Position position = token_.position;
  const WithClause* with = at(Keyword::kWith) ? parse_with() : nullptr;
  return parse_query_with(with, nullptr, position);
}

// The rest of a query behind its WITH clause; `first` is a parenthesised query already read, or null.
const Query* Grammar::parse_query_with(const WithClause* with, const QueryBody* first, Position position) {
  DepthGuard guard(*this);
  HeightScope scope(*this);
  auto* query = make<Query>(position);
  query->with = with;
  query->body = parse_set_operations(first, false);
  parse_query_tail(query);
  const Query* result = query;
  const NestedBody* nested = query->body->as<NestedBody>();
  // WITH was measured before the scope began; its height counts too, as does the height of a query read before.
  std::size_t tallest = std::max(scope.height(), with == nullptr ? std::uint16_t{0} : with->height);
  if (nested != nullptr) {
    tallest = std::max<std::size_t>(tallest, nested->query->height);
    result = merge_nested(query, nested->query);
  }
  return finish(const_cast<Query*>(result), std::max<std::size_t>(tallest, first == nullptr ? 0 : first->height));
}

// (query with clauses) clauses: PostgreSQL reads both sets of clauses as one query's.
const Query* Grammar::merge_nested(Query* outer, const Query* inner) {
  auto twice = [&](bool is_twice, const char* clause, Position position) {
    if (is_twice) fail("42601", std::string("multiple ") + clause + " clauses not allowed", position);
  };
  auto place = [&](E expression) { return expression == nullptr ? outer->position : expression->position; };
  bool limits = (outer->limit != nullptr || outer->limit_all) && (inner->limit != nullptr || inner->limit_all);
  bool orders = !outer->order_by.empty() && !inner->order_by.empty();
  twice(orders, "ORDER BY", outer->order_by.empty() ? outer->position : outer->order_by[0].position);
  twice(outer->offset != nullptr && inner->offset != nullptr, "OFFSET", place(outer->offset));
  twice(limits, "LIMIT", place(outer->limit));
  twice(outer->with != nullptr && inner->with != nullptr, "WITH", outer->position);
  outer->body = inner->body;
  if (outer->with == nullptr) outer->with = inner->with;
  if (outer->order_by.empty()) outer->order_by = inner->order_by;
  if (outer->limit == nullptr && !outer->limit_all) {
    outer->limit = inner->limit;
    outer->limit_all = inner->limit_all;
    outer->with_ties = inner->with_ties;
  }
  if (outer->offset == nullptr) outer->offset = inner->offset;
  if (!inner->locking.empty()) {
    ListBuilder<LockingClause, 2> locking(arena_);
    for (const LockingClause& clause : inner->locking) locking.push(clause);
    for (const LockingClause& clause : outer->locking) locking.push(clause);
    outer->locking = locking.finish();
  }
  if (outer->with_ties && outer->order_by.empty())
    fail("42601", "WITH TIES cannot be specified without ORDER BY clause", outer->position);
  return outer;
}

const QueryBody* Grammar::body_of(const Query* query) {
  bool plain = query->with == nullptr && query->order_by.empty() && query->limit == nullptr && !query->limit_all &&
               query->offset == nullptr && query->locking.empty();
  if (plain) return query->body;
  auto* nested = make<NestedBody>(query->position);
  nested->height = query->height;
  nested->query = query;
  return nested;
}

const QueryBody* Grammar::parse_set_operations(const QueryBody* first, bool intersect_only) {
  if (!intersect_only) first = parse_set_operations(first == nullptr ? parse_query_primary() : first, true);
  ListBuilder<SetLink, 4> links(arena_);
  std::size_t tallest = first->height;
  for (;;) {
    SetLink link;
    link.position = token_.position;
    if (intersect_only && at(Keyword::kIntersect))
      link.op = SetOperator::kIntersect;
    else if (!intersect_only && at(Keyword::kUnion))
      link.op = SetOperator::kUnion;
    else if (!intersect_only && at(Keyword::kExcept))
      link.op = SetOperator::kExcept;
    else
      break;
    advance();
    link.all = accept(Keyword::kAll);
    if (!link.all) accept(Keyword::kDistinct);
    link.right = parse_query_primary();
    if (!intersect_only) link.right = parse_set_operations(link.right, true);
    tallest = std::max<std::size_t>(tallest, link.right->height);
    links.push(link);
  }
  if (links.empty()) return first;
  auto* operation = make<SetOperationBody>(links[0].position);
  operation->first = first;
  operation->links = links.finish();
  return finish(operation, tallest);
}

const QueryBody* Grammar::parse_query_primary() {
  bool default_allowed = default_allowed_;
  default_allowed_ = false;
  switch (token_.keyword) {
    case Keyword::kSelect:
      return parse_select();
    case Keyword::kValues:
      default_allowed_ = default_allowed;
      return parse_values();
    case Keyword::kTable:
      return parse_table_command();
    default:
      break;
  }
  expect(TokenKind::kLeftParen);
  DepthGuard guard(*this);
  const Query* query = parse_query();
  expect(TokenKind::kRightParen);
  return body_of(query);
}

const QueryBody* Grammar::parse_select() {
  auto* select = make<SelectBody>(token_.position);
  HeightScope scope(*this);
  advance();
  if (accept(Keyword::kDistinct)) {
    select->distinct = DistinctKind::kDistinct;
    if (accept(Keyword::kOn)) {
      select->distinct = DistinctKind::kDistinctOn;
      expect(TokenKind::kLeftParen);
      select->distinct_on = parse_expression_list();
      expect(TokenKind::kRightParen);
    }
    if (!at_select_item()) fail_syntax();
  } else {
    accept(Keyword::kAll);
  }
  if (at_select_item()) select->items = parse_select_items();
  if (at(Keyword::kInto)) select->into = parse_into();
  if (accept(Keyword::kFrom)) select->from = parse_from_list();
  if (accept(Keyword::kWhere)) select->where = parse_expression();
  if (accept(Keyword::kGroup)) {
    expect(Keyword::kBy);
    select->group_by_distinct = accept(Keyword::kDistinct);
    if (!select->group_by_distinct) accept(Keyword::kAll);
    select->group_by = parse_group_items(true);
  }
  if (accept(Keyword::kHaving)) select->having = parse_expression();
  if (accept(Keyword::kWindow)) select->windows = parse_windows();
  return finish(select, scope.height());
}

// A select list may be empty: SELECT FROM t.
bool Grammar::at_select_item() const {
  switch (token_.kind) {
    case TokenKind::kEnd:
    case TokenKind::kSemicolon:
    case TokenKind::kRightParen:
      return false;
    case TokenKind::kKeyword:
      break;
    default:
      return true;
  }
  switch (token_.keyword) {
    case Keyword::kInto:
    case Keyword::kFrom:
    case Keyword::kWhere:
    case Keyword::kGroup:
    case Keyword::kHaving:
    case Keyword::kWindow:
    case Keyword::kUnion:
    case Keyword::kIntersect:
    case Keyword::kExcept:
    case Keyword::kOrder:
    case Keyword::kLimit:
    case Keyword::kOffset:
    case Keyword::kFetch:
    case Keyword::kFor:
    case Keyword::kOn:
    case Keyword::kReturning:
    case Keyword::kWith:
    case Keyword::kCreate:
      return false;
    default:
      return true;
  }
}

List<SelectItem> Grammar::parse_select_items() {
  ListBuilder<SelectItem> items(arena_);
  do {
    SelectItem item;
    item.position = token_.position;
    if (at(TokenKind::kStar)) {
      auto* star = make<Star>(token_.position);
      advance();
      item.expression = finish(star, 0);
      items.push(item);
      continue;
    }
    item.expression = parse_expression();
    if (accept(Keyword::kAs)) {
      item.alias = parse_any_word();
    } else if (is_bare_label(token_)) {
      item.alias = token_.text;
      advance();
    }
    items.push(item);
  } while (accept(TokenKind::kComma));
  return items.finish();
}

List<SelectItem> Grammar::accept_returning() { return accept(Keyword::kReturning) ? parse_select_items() : List<SelectItem>(); }

// INTO [TEMPORARY | TEMP | UNLOGGED] [TABLE] name
const IntoClause* Grammar::parse_into() {
  auto* into = arena_.make<IntoClause>();
  advance();
  if (at(Keyword::kLocal) || at(Keyword::kGlobal)) {
    Keyword next = peek().keyword;
    if (next == Keyword::kTemporary || next == Keyword::kTemp) advance();
  }
  if ((at(Keyword::kTemporary) || at(Keyword::kTemp) || at(Keyword::kUnlogged)) && at_into_modifier()) {
    into->persistence = at(Keyword::kUnlogged) ? Persistence::kUnlogged : Persistence::kTemporary;
    advance();
  }
  accept(Keyword::kTable);
  into->name = parse_qualified_name();
  return into;
}

// TEMP and its like are names too: SELECT 1 INTO temp FROM t.
bool Grammar::at_into_modifier() {
  Token next = peek();
  return next.keyword == Keyword::kTable || is_column_name(next);
}

const QueryBody* Grammar::parse_values() {
  auto* values = make<ValuesBody>(token_.position);
  bool default_allowed = default_allowed_;
  default_allowed_ = false;
  HeightScope scope(*this);
  advance();
  ListBuilder<ValueRow, 4> rows(arena_);
  do {
    expect(TokenKind::kLeftParen);
    ListBuilder<E> row(arena_);
    do {
      if (default_allowed && at(Keyword::kDefault)) {
        auto* node = make<Default>(token_.position);
        advance();
        bool alone = at(TokenKind::kComma) || at(TokenKind::kRightParen);
        if (!alone) fail("42601", "DEFAULT is not allowed in this context", node->position);
        row.push(finish(node, 0));
      } else {
        row.push(parse_expression());
      }
    } while (accept(TokenKind::kComma));
    expect(TokenKind::kRightParen);
    rows.push(row.finish());
  } while (accept(TokenKind::kComma));
  values->rows = rows.finish();
  return finish(values, scope.height());
}

// TABLE t is SELECT * FROM t.
const QueryBody* Grammar::parse_table_command() {
  auto* select = make<SelectBody>(token_.position);
  HeightScope scope(*this);
  advance();
  SelectItem item;
  item.position = select->position;
  item.expression = finish(make<Star>(select->position), 0);
  select->items = arena_.copy(std::span<const SelectItem>(&item, 1));
  auto* table = make<NamedTable>(token_.position);
  parse_relation(table->name, table->only);
  const TableRef* ref = finish(table, 0);
  select->from = arena_.copy(std::span<const TableRef* const>(&ref, 1));
  return finish(select, scope.height());
}

// ---------------------------------------------------------------- ORDER BY, LIMIT, FOR UPDATE of a whole query

void Grammar::parse_query_tail(Query* query) {
  if (accept(Keyword::kOrder)) {
    expect(Keyword::kBy);
    query->order_by = parse_order_items();
  }
  ListBuilder<LockingClause, 2> locking(arena_);
  bool limit_done = false;
  for (;;) {
    if (at(Keyword::kLimit) || at(Keyword::kOffset) || at(Keyword::kFetch)) {
      if (limit_done) break;
      limit_done = true;
      while (at(Keyword::kLimit) || at(Keyword::kOffset) || at(Keyword::kFetch)) parse_limit(query);
      if (!locking.empty()) break;  // FOR UPDATE may stand before LIMIT or after it, not both
    } else if (at(Keyword::kFor)) {
      bool read_only = peek().keyword == Keyword::kRead;
      if (read_only && locking.empty()) {
        advance();
        advance();
        expect(Keyword::kOnly);
        if (limit_done) break;
        continue;
      }
      while (at(Keyword::kFor)) locking.push(parse_locking());
      if (limit_done) break;
    } else {
      break;
    }
  }
  query->locking = locking.finish();
  bool nested = query->body->kind == QueryBodyKind::kNested;
  if (query->with_ties && query->order_by.empty() && !nested)
    fail("42601", "WITH TIES cannot be specified without ORDER BY clause", query->position);
  for (const LockingClause& clause : query->locking)
    if (query->with_ties && clause.wait == LockWait::kSkipLocked)
      fail("42601", "SKIP LOCKED and WITH TIES options cannot be used together", clause.position);
}

void Grammar::parse_limit(Query* query) {
  if (at(Keyword::kOffset)) {
    if (query->offset != nullptr) fail_syntax();
    advance();
    query->offset = parse_expression();
    if (at(Keyword::kRow) || at(Keyword::kRows)) advance();
    return;
  }
  if (query->limit != nullptr || query->limit_all) fail_syntax();
  if (at(Keyword::kFetch)) return parse_fetch(query);
  Position position = token_.position;
  advance();
  if (accept(Keyword::kAll))
    query->limit_all = true;
  else
    query->limit = parse_expression();
  if (at(TokenKind::kComma))
    throw_failure("42601", "LIMIT #,# syntax is not supported", position, "Use separate LIMIT and OFFSET clauses.");
}

// FETCH FIRST | NEXT [n] ROW | ROWS ONLY | WITH TIES
void Grammar::parse_fetch(Query* query) {
  advance();
  if (!accept(Keyword::kFirst)) expect(Keyword::kNext);
  if (at(Keyword::kRow) || at(Keyword::kRows)) {
    query->limit = one();
  } else if (at(TokenKind::kPlus) || at(TokenKind::kMinus)) {
    bool negative = at(TokenKind::kMinus);
    Position position = token_.position;
    advance();
    if (!at(TokenKind::kInteger) && !at(TokenKind::kDecimal)) fail_syntax();
    query->limit = number_literal(token_.text, negative, position);
    advance();
  } else {
    query->limit = parse_primary();
  }
  if (!accept(Keyword::kRow)) expect(Keyword::kRows);
  if (accept(Keyword::kOnly)) return;
  expect(Keyword::kWith);
  expect(Keyword::kTies);
  query->with_ties = true;
}

LockingClause Grammar::parse_locking() {
  LockingClause clause;
  clause.position = token_.position;
  advance();
  if (accept(Keyword::kUpdate)) {
    clause.strength = LockStrength::kUpdate;
  } else if (accept(Keyword::kShare)) {
    clause.strength = LockStrength::kShare;
  } else if (accept(Keyword::kKey)) {
    expect(Keyword::kShare);
    clause.strength = LockStrength::kKeyShare;
  } else {
    expect(Keyword::kNo);
    expect(Keyword::kKey);
    expect(Keyword::kUpdate);
    clause.strength = LockStrength::kNoKeyUpdate;
  }
  if (accept(Keyword::kOf)) clause.tables = parse_qualified_names();
  if (accept(Keyword::kNowait)) {
    clause.wait = LockWait::kNoWait;
  } else if (accept(Keyword::kSkip)) {
    expect(Keyword::kLocked);
    clause.wait = LockWait::kSkipLocked;
  }
  return clause;
}

}  // namespace ldb::sql
