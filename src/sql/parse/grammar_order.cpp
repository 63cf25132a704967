// GROUP BY, ORDER BY and windows.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

List<GroupItem> Grammar::parse_group_items(bool sets) {
  ListBuilder<GroupItem> items(arena_);
  do {
    if (sets) {
      items.push(parse_group_item());
    } else {
      GroupItem item;
      item.position = token_.position;
      item.expression = parse_expression();
      items.push(item);
    }
  } while (accept(TokenKind::kComma));
  return items.finish();
}

GroupItem Grammar::parse_group_item() {
  GroupItem item;
  item.position = token_.position;
  if (at(TokenKind::kLeftParen) && peek().kind == TokenKind::kRightParen) {
    advance();
    advance();
    item.kind = GroupItemKind::kEmpty;
    return item;
  }
  if (at(Keyword::kGrouping) && peek().keyword == Keyword::kSets) {
    item.kind = GroupItemKind::kSets;
    advance();
  } else if ((at(Keyword::kRollup) || at(Keyword::kCube)) && peek().kind == TokenKind::kLeftParen) {
    item.kind = at(Keyword::kRollup) ? GroupItemKind::kRollup : GroupItemKind::kCube;
  } else {
    item.expression = parse_expression();
    return item;
  }
  advance();
  DepthGuard guard(*this);
  HeightScope scope(*this);
  expect(TokenKind::kLeftParen);
  item.items = parse_group_items(item.kind == GroupItemKind::kSets);
  expect(TokenKind::kRightParen);
  add_height(scope.height());
  return item;
}

List<OrderItem> Grammar::parse_order_items() {
  ListBuilder<OrderItem, 4> items(arena_);
  do items.push(parse_order_item());
  while (accept(TokenKind::kComma));
  return items.finish();
}

OrderItem Grammar::parse_order_item() {
  OrderItem item;
  item.position = token_.position;
  item.expression = parse_expression();
  if (accept(Keyword::kUsing)) {
    item.direction = SortDirection::kUsing;
    OperatorToken op = infix_operator();
    if (op.level == 0) fail_syntax();
    consume_operator(op);
    item.using_operator = op.symbol;
    parse_nulls_order(item.nulls);
  } else {
    parse_sort_direction(item.direction, item.nulls);
  }
  return item;
}

void Grammar::parse_sort_direction(SortDirection& direction, NullsOrder& nulls) {
  if (accept(Keyword::kAsc))
    direction = SortDirection::kAscending;
  else if (accept(Keyword::kDesc))
    direction = SortDirection::kDescending;
  parse_nulls_order(nulls);
}

void Grammar::parse_nulls_order(NullsOrder& nulls) {
  if (!at(Keyword::kNulls)) return;
  Keyword next = peek().keyword;
  if (next != Keyword::kFirst && next != Keyword::kLast) return;
  advance();
  nulls = at(Keyword::kFirst) ? NullsOrder::kFirst : NullsOrder::kLast;
  advance();
}

List<NamedWindow> Grammar::parse_windows() {
  ListBuilder<NamedWindow, 4> windows(arena_);
  do {
    NamedWindow window;
    window.position = token_.position;
    window.name = parse_column_name();
    expect(Keyword::kAs);
    window.spec = parse_window_spec();
    windows.push(window);
  } while (accept(TokenKind::kComma));
  return windows.finish();
}

const WindowSpec* Grammar::parse_over() {
  advance();
  if (at(TokenKind::kLeftParen)) return parse_window_spec();
  auto* spec = make<WindowSpec>(token_.position);
  spec->is_reference = true;
  spec->base_name = parse_column_name();
  return spec;
}

const WindowSpec* Grammar::parse_window_spec() {
  auto* spec = make<WindowSpec>(token_.position);
  expect(TokenKind::kLeftParen);
  DepthGuard guard(*this);
  // PARTITION, RANGE, ROWS and GROUPS start a clause here, as in PostgreSQL, and cannot name a window.
  bool clause = at(Keyword::kPartition) || at(Keyword::kRange) || at(Keyword::kRows) || at(Keyword::kGroups);
  if (!clause && at_column_name()) spec->base_name = parse_column_name();
  if (accept(Keyword::kPartition)) {
    expect(Keyword::kBy);
    spec->partition_by = parse_expression_list();
  }
  if (accept(Keyword::kOrder)) {
    expect(Keyword::kBy);
    spec->order_by = parse_order_items();
  }
  if (at(Keyword::kRange) || at(Keyword::kRows) || at(Keyword::kGroups)) spec->frame = parse_frame();
  expect(TokenKind::kRightParen);
  return spec;
}

const WindowFrame* Grammar::parse_frame() {
  auto* frame = arena_.make<WindowFrame>();
  if (at(Keyword::kRows)) frame->unit = FrameUnit::kRows;
  if (at(Keyword::kGroups)) frame->unit = FrameUnit::kGroups;
  advance();
  bool between = accept(Keyword::kBetween);
  Position start_position = token_.position, end_position = token_.position;
  frame->start = parse_frame_bound();
  if (between) {
    expect(Keyword::kAnd);
    end_position = token_.position;
    frame->end = parse_frame_bound();
  }
  check_frame(*frame, between, start_position, end_position);
  if (accept(Keyword::kExclude)) {
    if (accept(Keyword::kCurrent)) {
      expect(Keyword::kRow);
      frame->exclusion = FrameExclusion::kCurrentRow;
    } else if (accept(Keyword::kGroup)) {
      frame->exclusion = FrameExclusion::kGroup;
    } else if (accept(Keyword::kTies)) {
      frame->exclusion = FrameExclusion::kTies;
    } else {
      expect(Keyword::kNo);
      expect(Keyword::kOthers);
    }
  }
  return frame;
}

void Grammar::check_frame(const WindowFrame& frame, bool between, Position start_position, Position end_position) {
  FrameBoundKind start = frame.start.kind, end = frame.end.kind;
  auto refuse = [&](const char* message, Position position) { fail("42P20", message, position); };
  if (start == FrameBoundKind::kUnboundedFollowing) refuse("frame start cannot be UNBOUNDED FOLLOWING", start_position);
  if (!between) {
    if (start == FrameBoundKind::kFollowing)
      refuse("frame starting from following row cannot end with current row", start_position);
    return;
  }
  if (end == FrameBoundKind::kUnboundedPreceding) refuse("frame end cannot be UNBOUNDED PRECEDING", end_position);
  if (start == FrameBoundKind::kCurrentRow && end == FrameBoundKind::kPreceding)
    refuse("frame starting from current row cannot have preceding rows", end_position);
  if (start == FrameBoundKind::kFollowing && (end == FrameBoundKind::kPreceding || end == FrameBoundKind::kCurrentRow))
    refuse("frame starting from following row cannot have preceding rows", end_position);
}

FrameBound Grammar::parse_frame_bound() {
  FrameBound bound;
  if (accept_two(Keyword::kCurrent, Keyword::kRow)) return bound;
  Token next = at(Keyword::kUnbounded) ? peek() : Token();
  bool unbounded = next.keyword == Keyword::kPreceding || next.keyword == Keyword::kFollowing;
  if (unbounded)
    advance();
  else
    bound.offset = parse_expression();
  if (accept(Keyword::kPreceding)) {
    bound.kind = unbounded ? FrameBoundKind::kUnboundedPreceding : FrameBoundKind::kPreceding;
  } else {
    expect(Keyword::kFollowing);
    bound.kind = unbounded ? FrameBoundKind::kUnboundedFollowing : FrameBoundKind::kFollowing;
  }
  return bound;
}

}  // namespace ldb::sql
