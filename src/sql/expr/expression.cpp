#include "sql/expr/expression.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/hash.hpp"
#include "sql/expr/function_registry.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {

Expression::~Expression() {
  std::vector<ExpressionPtr> doomed = std::move(children);
  while (!doomed.empty()) {
    const ExpressionPtr e = std::move(doomed.back());
    doomed.pop_back();
    if (e == nullptr) continue;
    for (ExpressionPtr& child : e->children) doomed.push_back(std::move(child));
    e->children.clear();
  }
}

namespace {

/// The node without children.
ExpressionPtr clone_node(const Expression& e) {
  ExpressionPtr copy;
  switch (e.kind) {
    case ExpressionKind::kConstant:
      copy = std::make_unique<Constant>(e.type, e.as<Constant>()->value);
      break;
    case ExpressionKind::kColumn: {
      const auto& c = *e.as<ColumnReference>();
      copy = std::make_unique<ColumnReference>(e.type, c.column, c.name);
      break;
    }
    case ExpressionKind::kParameter: {
      const auto& p = *e.as<ParameterReference>();
      auto c = std::make_unique<ParameterReference>(e.type, p.index);
      c->name = p.name;
      copy = std::move(c);
      break;
    }
    case ExpressionKind::kCall:
      copy = std::make_unique<FunctionCall>(e.type, e.as<FunctionCall>()->function);
      break;
    case ExpressionKind::kCast: {
      auto c = std::make_unique<CastExpression>(e.type, e.as<CastExpression>()->is_explicit);
      c->is_assignment = e.as<CastExpression>()->is_assignment;
      copy = std::move(c);
      break;
    }
    case ExpressionKind::kComparison:
      copy = std::make_unique<Comparison>(e.as<Comparison>()->op);
      break;
    case ExpressionKind::kIsNull:
    case ExpressionKind::kIsDistinct:
      copy = std::make_unique<NullTest>(e.kind, e.as<NullTest>()->negated);
      break;
    case ExpressionKind::kIsBoolean:
      copy = std::make_unique<BooleanTest>(e.as<BooleanTest>()->test, e.as<BooleanTest>()->negated);
      break;
    case ExpressionKind::kCase: {
      auto c = std::make_unique<CaseExpression>(e.type);
      c->has_operand = e.as<CaseExpression>()->has_operand;
      c->has_else = e.as<CaseExpression>()->has_else;
      copy = std::move(c);
      break;
    }
    case ExpressionKind::kInList: {
      auto c = std::make_unique<InList>(e.as<InList>()->negated);
      c->set = e.as<InList>()->set;
      copy = std::move(c);
      break;
    }
    case ExpressionKind::kLike:
      copy = std::make_unique<LikeExpression>(e.as<LikeExpression>()->negated, e.as<LikeExpression>()->case_insensitive);
      break;
    case ExpressionKind::kSubplan: {
      auto c = std::make_unique<SubplanExpression>(e.type, e.as<SubplanExpression>()->id);
      c->description = e.as<SubplanExpression>()->description;
      copy = std::move(c);
      break;
    }
    default:
      copy = std::make_unique<PlainExpression>(e.kind, e.type);
      break;
  }
  copy->type = e.type;
  copy->position = e.position;
  return copy;
}

bool same_value(const Value& a, const Value& b) {
  if (a.type() != b.type() || a.is_null() != b.is_null()) return false;
  // By text: 1.0 and 1.00 are equal numbers but not equal constants.
  return a.is_null() || a.to_string() == b.to_string();
}

bool same_node(const Expression& a, const Expression& b) {
  if (a.kind != b.kind || !(a.type == b.type) || a.children.size() != b.children.size()) return false;
  switch (a.kind) {
    case ExpressionKind::kConstant:
      return same_value(a.as<Constant>()->value, b.as<Constant>()->value);
    case ExpressionKind::kColumn:
      return a.as<ColumnReference>()->column == b.as<ColumnReference>()->column;
    case ExpressionKind::kParameter:
      return a.as<ParameterReference>()->index == b.as<ParameterReference>()->index;
    case ExpressionKind::kCall:
      return a.as<FunctionCall>()->function == b.as<FunctionCall>()->function;
    case ExpressionKind::kCast:
      return a.as<CastExpression>()->is_explicit == b.as<CastExpression>()->is_explicit &&
             a.as<CastExpression>()->is_assignment == b.as<CastExpression>()->is_assignment;
    case ExpressionKind::kComparison:
      return a.as<Comparison>()->op == b.as<Comparison>()->op;
    case ExpressionKind::kIsNull:
    case ExpressionKind::kIsDistinct:
      return a.as<NullTest>()->negated == b.as<NullTest>()->negated;
    case ExpressionKind::kIsBoolean:
      return a.as<BooleanTest>()->test == b.as<BooleanTest>()->test &&
             a.as<BooleanTest>()->negated == b.as<BooleanTest>()->negated;
    case ExpressionKind::kCase:
      return a.as<CaseExpression>()->has_operand == b.as<CaseExpression>()->has_operand &&
             a.as<CaseExpression>()->has_else == b.as<CaseExpression>()->has_else;
    case ExpressionKind::kInList:
      return a.as<InList>()->negated == b.as<InList>()->negated;
    case ExpressionKind::kLike:
      return a.as<LikeExpression>()->negated == b.as<LikeExpression>()->negated &&
             a.as<LikeExpression>()->case_insensitive == b.as<LikeExpression>()->case_insensitive;
    case ExpressionKind::kSubplan:
      return a.as<SubplanExpression>()->id == b.as<SubplanExpression>()->id;
    default:
      return true;
  }
}

}  // namespace

ExpressionPtr clone(const Expression& e) {
  ExpressionPtr root = clone_node(e);
  std::vector<std::pair<const Expression*, Expression*>> open = {{&e, root.get()}};
  while (!open.empty()) {
    const auto [from, to] = open.back();
    open.pop_back();
    to->children.reserve(from->children.size());
    for (const ExpressionPtr& child : from->children) {
      to->children.push_back(clone_node(*child));
      open.emplace_back(child.get(), to->children.back().get());
    }
  }
  return root;
}

void walk(const Expression& e, const std::function<void(const Expression&)>& f) {
  std::vector<const Expression*> open = {&e};
  while (!open.empty()) {
    const Expression* node = open.back();
    open.pop_back();
    f(*node);
    for (std::size_t i = node->children.size(); i-- > 0;) open.push_back(node->children[i].get());
  }
}

void walk(Expression& e, const std::function<void(Expression&)>& f) {
  std::vector<Expression*> open = {&e};
  while (!open.empty()) {
    Expression* node = open.back();
    open.pop_back();
    f(*node);
    for (std::size_t i = node->children.size(); i-- > 0;) open.push_back(node->children[i].get());
  }
}

ExpressionPtr transform(ExpressionPtr e, const std::function<ExpressionPtr(ExpressionPtr)>& f) {
  struct Frame {
    ExpressionPtr* slot;
    std::size_t next_child;
  };
  ExpressionPtr root = std::move(e);
  std::vector<Frame> open = {{&root, 0}};
  while (!open.empty()) {
    Frame& frame = open.back();
    if (frame.next_child < (*frame.slot)->children.size()) {
      ExpressionPtr* child = &(*frame.slot)->children[frame.next_child++];
      open.push_back({child, 0});
      continue;
    }
    ExpressionPtr* slot = frame.slot;
    open.pop_back();
    *slot = f(std::move(*slot));
  }
  return root;
}

bool equal(const Expression& a, const Expression& b) {
  std::vector<std::pair<const Expression*, const Expression*>> open = {{&a, &b}};
  while (!open.empty()) {
    const auto [x, y] = open.back();
    open.pop_back();
    if (!same_node(*x, *y)) return false;
    for (std::size_t i = 0; i < x->children.size(); ++i) open.emplace_back(x->children[i].get(), y->children[i].get());
  }
  return true;
}

std::uint64_t hash(const Expression& e) {
  std::uint64_t h = 0;
  walk(e, [&h](const Expression& node) {
    std::uint64_t own = static_cast<std::uint64_t>(node.kind) * 31 + static_cast<std::uint64_t>(node.type.id);
    if (const auto* c = node.as<Constant>()) own = own * 31 + hash64(c->value.to_string());
    if (const auto* c = node.as<ColumnReference>()) own = own * 31 + c->column;
    if (const auto* c = node.as<FunctionCall>()) own = own * 31 + hash64(c->function->name);
    h = (h ^ own) * 0x9e3779b97f4a7c15U + node.children.size();
  });
  return h;
}

bool is_constant(const Expression& e) {
  bool constant = true;
  walk(e, [&constant](const Expression& node) {
    switch (node.kind) {
      case ExpressionKind::kColumn:
      case ExpressionKind::kParameter:
      case ExpressionKind::kSubplan:
        constant = false;
        break;
      case ExpressionKind::kCall:
        constant &= node.as<FunctionCall>()->function->volatility == Volatility::kImmutable;
        break;
      default:
        break;
    }
  });
  return constant;
}

bool is_volatile(const Expression& e) {
  bool found = false;
  walk(e, [&found](const Expression& node) {
    if (const auto* call = node.as<FunctionCall>()) found |= call->function->volatility == Volatility::kVolatile;
  });
  return found;
}

void collect_columns(const Expression& e, std::vector<bool>& used) {
  walk(e, [&used](const Expression& node) {
    if (const auto* c = node.as<ColumnReference>()) {
      if (used.size() <= c->column) used.resize(c->column + 1);
      used[c->column] = true;
    }
  });
}

}  // namespace ldb::sql
