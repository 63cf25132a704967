// Operators: precedence climbing over PostgreSQL's levels. Chains of one level become one n-ary node, so length never means
// depth.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

Operator Grammar::operator_named(std::string_view symbol) {
  struct Entry {
    std::string_view symbol;
    Operator op;
  };
  static constexpr Entry kOperators[] = {
      {"||", Operator::kConcat},        {"->", Operator::kJsonGet},
      {"->>", Operator::kJsonGetText},  {"#>", Operator::kJsonPath},
      {"#>>", Operator::kJsonPathText}, {"@>", Operator::kContains},
      {"<@", Operator::kContainedBy},   {"&&", Operator::kOverlap},
      {"~", Operator::kRegexMatch},     {"~*", Operator::kRegexMatchInsensitive},
      {"!~", Operator::kRegexNotMatch}, {"!~*", Operator::kRegexNotMatchInsensitive},
      {"~~", Operator::kLike},          {"!~~", Operator::kNotLike},
      {"~~*", Operator::kILike},        {"!~~*", Operator::kNotILike},
      {"&", Operator::kBitAnd},         {"|", Operator::kBitOr},
      {"#", Operator::kBitXor},         {"<<", Operator::kShiftLeft},
      {">>", Operator::kShiftRight},    {"+", Operator::kAdd},
      {"-", Operator::kSubtract},       {"*", Operator::kMultiply},
      {"/", Operator::kDivide},         {"%", Operator::kModulo},
      {"^", Operator::kPower},          {"=", Operator::kEqual},
      {"<>", Operator::kNotEqual},      {"<", Operator::kLess},
      {"<=", Operator::kLessEqual},     {">", Operator::kGreater},
      {">=", Operator::kGreaterEqual},
  };
  for (const Entry& entry : kOperators)
    if (entry.symbol == symbol) return entry.op;
  return Operator::kOther;
}

Grammar::OperatorToken Grammar::infix_operator() {
  switch (token_.kind) {
    case TokenKind::kEqual:
      return {Operator::kEqual, "=", kCompareLevel};
    case TokenKind::kNotEqual:
      return {Operator::kNotEqual, "<>", kCompareLevel};
    case TokenKind::kLess:
      return {Operator::kLess, "<", kCompareLevel};
    case TokenKind::kLessEqual:
      return {Operator::kLessEqual, "<=", kCompareLevel};
    case TokenKind::kGreater:
      return {Operator::kGreater, ">", kCompareLevel};
    case TokenKind::kGreaterEqual:
      return {Operator::kGreaterEqual, ">=", kCompareLevel};
    case TokenKind::kPlus:
      return {Operator::kAdd, "+", kAddLevel};
    case TokenKind::kMinus:
      return {Operator::kSubtract, "-", kAddLevel};
    case TokenKind::kStar:
      return {Operator::kMultiply, "*", kMultiplyLevel};
    case TokenKind::kSlash:
      return {Operator::kDivide, "/", kMultiplyLevel};
    case TokenKind::kPercent:
      return {Operator::kModulo, "%", kMultiplyLevel};
    case TokenKind::kCaret:
      return {Operator::kPower, "^", kPowerLevel};
    case TokenKind::kOperator:
      return {operator_named(token_.text), token_.text, kOperatorLevel};
    case TokenKind::kKeyword:
      if (at(Keyword::kOperator) && peek().kind == TokenKind::kLeftParen) return {Operator::kOther, {}, kOperatorLevel};
      return {};
    default:
      return {};
  }
}

void Grammar::consume_operator(OperatorToken& op) {
  bool qualified = at(Keyword::kOperator);
  advance();
  if (!qualified) return;
  expect(TokenKind::kLeftParen);
  if (is_column_name(token_)) {
    if (token_.text != "pg_catalog") unsupported("an operator of schema \"" + std::string(token_.text) + "\"");
    advance();
    expect(TokenKind::kDot);
  }
  op.symbol = parse_any_operator();
  op.op = operator_named(op.symbol);
  expect(TokenKind::kRightParen);
}

std::string_view Grammar::parse_any_operator() {
  OperatorToken op = infix_operator();
  if (op.level == 0 || token_.kind == TokenKind::kKeyword) fail_syntax();
  advance();
  return op.symbol;
}

const Expression* Grammar::finish_binary(E first, List<BinaryLink> links, std::size_t tallest) {
  if (links.empty()) return first;
  auto* binary = make<Binary>(links[0].position);
  binary->first = first;
  binary->links = links;
  return finish(binary, tallest);
}

// One or more infix operators of `level`, from the left. Comparisons do not chain.
const Expression* Grammar::parse_chain(E left, int level, bool restricted) {
  ListBuilder<BinaryLink, 2> links(arena_);
  std::size_t tallest = height(left);
  for (;;) {
    OperatorToken op = infix_operator();
    if (op.level != level || (level == kCompareLevel && !links.empty())) break;
    Position position = token_.position;
    consume_operator(op);
    if (at_quantifier()) return parse_quantified(finish_binary(left, links.finish(), tallest), op.op, op.symbol, position);
    BinaryLink link;
    link.op = op.op;
    link.position = position;
    link.symbol = op.symbol;
    link.right = parse_expression(level + 1, restricted);
    tallest = std::max<std::size_t>(tallest, height(link.right));
    links.push(link);
  }
  return finish_binary(left, links.finish(), tallest);
}

const Expression* Grammar::parse_quantified(E left, Operator op, std::string_view symbol, Position position) {
  auto* quantified = make<Quantified>(position);
  quantified->op = op;
  quantified->symbol = symbol;
  quantified->left = left;
  quantified->is_all = at(Keyword::kAll);
  advance();
  Position open = token_.position;
  expect(TokenKind::kLeftParen);
  Parenthesized inside = parse_parenthesized(open, false);
  std::size_t tallest = height(left);
  if (auto* query = std::get_if<const Query*>(&inside)) {
    quantified->query = *query;
    return finish(quantified, std::max<std::size_t>(tallest, (*query)->height));
  }
  quantified->array = std::get<E>(inside);
  return finish(quantified, std::max<std::size_t>(tallest, height(quantified->array)));
}

const Expression* Grammar::parse_logical(E left, bool is_or) {
  Keyword word = is_or ? Keyword::kOr : Keyword::kAnd;
  auto* logical = make<Logical>(token_.position);
  logical->is_or = is_or;
  ListBuilder<E, 4> operands(arena_);
  operands.push(left);
  std::size_t tallest = height(left);
  while (accept(word)) {
    operands.push(parse_expression(is_or ? kAndLevel : kNotLevel, false));
    tallest = std::max<std::size_t>(tallest, height(operands[operands.size() - 1]));
  }
  logical->operands = operands.finish();
  return finish(logical, tallest);
}

// Whether an operator of `level` belongs to the expression being parsed. Meeting a non-associative one twice is an error.
bool Grammar::enter_level(int level, int lowest, int blocked) {
  if (level < lowest) return false;
  if (level == blocked) fail_syntax();
  return true;
}

const Expression* Grammar::parse_operators(E left, int lowest, bool restricted) {
  int blocked = 0;  // level of the non-associative operator just applied: a < b < c is an error
  for (;;) {
    switch (token_.kind) {
      case TokenKind::kComma:
      case TokenKind::kRightParen:
      case TokenKind::kSemicolon:
      case TokenKind::kEnd:
      case TokenKind::kIdentifier:
        return left;
      case TokenKind::kTypecast: {
        auto* cast = make<Cast>(token_.position);
        cast->syntax = CastSyntax::kDoubleColon;
        cast->operand = left;
        HeightScope scope(*this);
        advance();
        cast->type = parse_type();
        left = finish(cast, std::max<std::size_t>(height(left), scope.height()));
        continue;
      }
      case TokenKind::kKeyword:
        if (!apply_keyword_operator(left, lowest, restricted, blocked)) return left;
        continue;
      default: {
        int level = infix_operator().level;
        if (level == 0 || !enter_level(level, lowest, blocked)) return left;
        left = parse_chain(left, level, restricted);
        blocked = level == kCompareLevel && left->kind != ExpressionKind::kQuantified ? level : 0;
      }
    }
  }
}

bool Grammar::at_negated_predicate() {
  switch (peek().keyword) {
    case Keyword::kBetween:
    case Keyword::kIn:
    case Keyword::kLike:
    case Keyword::kIlike:
    case Keyword::kSimilar:
      return true;
    default:
      return false;
  }
}

// One operator that is a key word. False when the expression ends here.
bool Grammar::apply_keyword_operator(E& left, int lowest, bool restricted, int& blocked) {
  bool ends_in_operand = false;
  int level = 0;
  switch (token_.keyword) {
    case Keyword::kIs: {
      Token next = peek();
      bool distinct =
          next.keyword == Keyword::kDistinct || (next.keyword == Keyword::kNot && peek(2).keyword == Keyword::kDistinct);
      if (restricted && !distinct) return false;
      break;
    }
    case Keyword::kOperator:
      break;
    default:
      if (restricted) return false;
  }
  switch (token_.keyword) {
    case Keyword::kAnd:
    case Keyword::kOr: {
      bool is_or = at(Keyword::kOr);
      if ((is_or ? kOrLevel : kAndLevel) < lowest) return false;
      left = parse_logical(left, is_or);
      break;
    }
    case Keyword::kIs:
    case Keyword::kIsnull:
    case Keyword::kNotnull:
      level = kIsLevel;
      if (!enter_level(level, lowest, blocked)) return false;
      left = parse_is(left, restricted, ends_in_operand);
      break;
    case Keyword::kNot:
      if (!at_negated_predicate()) return false;
      [[fallthrough]];
    case Keyword::kBetween:
    case Keyword::kIn:
    case Keyword::kLike:
    case Keyword::kIlike:
    case Keyword::kSimilar:
      if (at(Keyword::kSimilar) && peek().keyword != Keyword::kTo) return false;  // SUBSTRING(x SIMILAR y ESCAPE z)
      level = kLikeLevel;
      if (!enter_level(level, lowest, blocked)) return false;
      left = parse_predicate(left, ends_in_operand);
      break;
    case Keyword::kOperator:
      if (infix_operator().level == 0 || kOperatorLevel < lowest) return false;
      left = parse_chain(left, kOperatorLevel, restricted);
      break;
    case Keyword::kAt:
      if (kAtLevel < lowest || peek().keyword != Keyword::kTime) return false;
      left = parse_at_time_zone(left);
      break;
    case Keyword::kCollate:
      if (kCollateLevel < lowest) return false;
      left = parse_collate(left);
      break;
    case Keyword::kOverlaps:
      if (left->kind != ExpressionKind::kRow) return false;
      left = parse_overlaps(left);
      break;
    default:
      return false;
  }
  blocked = ends_in_operand ? level : 0;
  return true;
}

const Expression* Grammar::parse_at_time_zone(E left) {
  auto* node = make<AtTimeZone>(token_.position);
  advance();
  advance();
  expect(Keyword::kZone);
  node->operand = left;
  node->zone = parse_expression(kAtLevel + 1, false);
  return finish(node, std::max(height(left), height(node->zone)));
}

const Expression* Grammar::parse_collate(E left) {
  auto* node = make<Collate>(token_.position);
  advance();
  node->operand = left;
  node->collation = parse_qualified_name();
  return finish(node, height(left));
}

// [NOT] BETWEEN | IN | LIKE | ILIKE | SIMILAR TO
const Expression* Grammar::parse_predicate(E left, bool& ends_in_operand) {
  Position position = token_.position;
  bool negated = accept(Keyword::kNot);
  ends_in_operand = true;
  switch (token_.keyword) {
    case Keyword::kBetween:
      return parse_between(left, negated, position);
    case Keyword::kIn:
      ends_in_operand = false;
      return parse_in(left, negated, position);
    case Keyword::kSimilar:
      return parse_like(left, LikeKind::kSimilarTo, negated, position);
    default:
      break;
  }
  bool insensitive = at(Keyword::kIlike);
  E result = parse_like(left, insensitive ? LikeKind::kILike : LikeKind::kLike, negated, position);
  ends_in_operand = result->kind != ExpressionKind::kQuantified;
  return result;
}

const Expression* Grammar::parse_like(E left, LikeKind kind, bool negated, Position position) {
  advance();
  if (kind == LikeKind::kSimilarTo) {
    expect(Keyword::kTo);
  } else if (at_quantifier()) {
    bool insensitive = kind == LikeKind::kILike;
    if (negated)
      return parse_quantified(left, insensitive ? Operator::kNotILike : Operator::kNotLike, insensitive ? "!~~*" : "!~~",
                              position);
    return parse_quantified(left, insensitive ? Operator::kILike : Operator::kLike, insensitive ? "~~*" : "~~", position);
  }
  auto* like = make<Like>(position);
  like->like = kind;
  like->negated = negated;
  like->operand = left;
  like->pattern = parse_expression(kLikeLevel + 1, false);
  if (accept(Keyword::kEscape)) like->escape = parse_expression(kLikeLevel + 1, false);
  return finish(like, std::max({height(left), height(like->pattern), height(like->escape)}));
}

const Expression* Grammar::parse_between(E left, bool negated, Position position) {
  advance();
  auto* between = make<Between>(position);
  between->negated = negated;
  between->symmetric = accept(Keyword::kSymmetric);
  if (!between->symmetric) accept(Keyword::kAsymmetric);
  between->operand = left;
  between->low = parse_restricted_expression();
  expect(Keyword::kAnd);
  between->high = parse_expression(kLikeLevel + 1, false);
  return finish(between, std::max({height(left), height(between->low), height(between->high)}));
}

const Expression* Grammar::parse_in(E left, bool negated, Position position) {
  advance();
  if (!at(TokenKind::kLeftParen)) fail_syntax();
  Token open = token_;
  advance();
  DepthGuard guard(*this);
  if (at_query_start() || (at(TokenKind::kLeftParen) && at_nested_query())) {
    // IN ((SELECT ...)) is a subquery too, while IN ((SELECT 1), 2) and IN ((SELECT 1) + 1) are lists.
    HeightScope scope(*this);
    Parenthesized inside = parse_parenthesized(open.position);
    if (auto* query = std::get_if<const Query*>(&inside)) {
      auto* in = make<InSubquery>(position);
      in->negated = negated;
      in->operand = left;
      in->query = *query;
      return finish(in, std::max<std::size_t>(height(left), (*query)->height));
    }
    auto* in = make<InList>(position);
    in->negated = negated;
    in->operand = left;
    E value = std::get<E>(inside);
    const Row* row = value->as<Row>();
    bool is_list = row != nullptr && !row->is_explicit && row->position == open.position;
    in->values = is_list ? row->values : arena_.copy(std::span<const E>(&value, 1));
    return finish(in, std::max<std::size_t>(height(left), scope.height()));
  }
  auto* in = make<InList>(position);
  in->negated = negated;
  in->operand = left;
  in->values = parse_expression_list();
  expect(TokenKind::kRightParen);
  std::size_t tallest = height(left);
  for (E value : in->values) tallest = std::max<std::size_t>(tallest, height(value));
  return finish(in, tallest);
}

const Expression* Grammar::is_test(E left, IsTestKind kind, bool negated, Position position) {
  auto* test = make<IsTest>(position);
  test->test = kind;
  test->negated = negated;
  test->operand = left;
  return finish(test, height(left));
}

const Expression* Grammar::parse_is(E left, bool restricted, bool& ends_in_operand) {
  Position position = token_.position;
  if (accept(Keyword::kIsnull)) return is_test(left, IsTestKind::kNull, false, position);
  if (accept(Keyword::kNotnull)) return is_test(left, IsTestKind::kNull, true, position);
  advance();
  bool negated = accept(Keyword::kNot);
  if (accept(Keyword::kNull)) return is_test(left, IsTestKind::kNull, negated, position);
  if (accept(Keyword::kTrue)) return is_test(left, IsTestKind::kTrue, negated, position);
  if (accept(Keyword::kFalse)) return is_test(left, IsTestKind::kFalse, negated, position);
  if (accept(Keyword::kUnknown)) return is_test(left, IsTestKind::kUnknown, negated, position);
  if (at(Keyword::kDocument)) unsupported("IS DOCUMENT", position);
  if (!at(Keyword::kDistinct)) return parse_is_normalized(left, negated, position);
  advance();
  expect(Keyword::kFrom);
  auto* distinct = make<IsDistinct>(position);
  distinct->negated = negated;
  distinct->left = left;
  distinct->right = parse_expression(kIsLevel + 1, restricted);
  ends_in_operand = true;
  return finish(distinct, std::max(height(left), height(distinct->right)));
}

// [NFC | NFD | NFKC | NFKD] as a string; null when there is none
const Expression* Grammar::parse_normal_form() {
  std::string_view form;
  switch (token_.keyword) {
    case Keyword::kNfc:
      form = "NFC";
      break;
    case Keyword::kNfd:
      form = "NFD";
      break;
    case Keyword::kNfkc:
      form = "NFKC";
      break;
    case Keyword::kNfkd:
      form = "NFKD";
      break;
    default:
      return nullptr;
  }
  Position position = token_.position;
  advance();
  return string_literal(form, position);
}

// x IS [NOT] [NFC | NFD | NFKC | NFKD] NORMALIZED
const Expression* Grammar::parse_is_normalized(E left, bool negated, Position position) {
  E form = parse_normal_form();
  expect(Keyword::kNormalized);
  std::size_t children = std::max(height(left), height(form));
  E call = form != nullptr ? catalog_call("is_normalized", {left, form}, position, children)
                           : catalog_call("is_normalized", {left}, position, children);
  if (!negated) return call;
  auto* negation = make<Not>(position);
  negation->operand = call;
  return finish(negation, height(call));
}

const Expression* Grammar::parse_overlaps(E left) {
  Position position = token_.position;
  advance();
  if (!at(TokenKind::kLeftParen) && !at(Keyword::kRow)) fail_syntax();
  const Row* a = left->as<Row>();
  E right = parse_primary();
  const Row* b = right->as<Row>();
  if (b == nullptr) fail_syntax();
  if (a->values.size() != 2) fail("42601", "wrong number of parameters on left side of OVERLAPS expression", position);
  if (b->values.size() != 2) fail("42601", "wrong number of parameters on right side of OVERLAPS expression", position);
  return catalog_call("overlaps", {a->values[0], a->values[1], b->values[0], b->values[1]}, position,
                      std::max(height(left), height(right)));
}

}  // namespace ldb::sql
