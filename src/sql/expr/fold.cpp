// Constant folding.
#include <algorithm>

#include "sql/expr/build.hpp"
#include "sql/expr/evaluate.hpp"
#include "sql/expr/function_registry.hpp"

namespace ldb::sql {
namespace {

bool is_boolean_constant(const Expression& e, bool value) {
  const auto* c = e.as<Constant>();
  return c != nullptr && !c->value.is_null() && c->value.type() == TypeId::kBoolean &&
         std::get<bool>(c->value.storage()) == value;
}

ExpressionPtr boolean_constant(bool value, std::uint32_t position) {
  ExpressionPtr e = std::make_unique<Constant>(DataType{TypeId::kBoolean}, Value(value));
  e->position = position;
  return e;
}

/// Drops operands that decide nothing; one that decides everything is the result.
ExpressionPtr fold_logical(ExpressionPtr e) {
  const bool decisive = e->kind == ExpressionKind::kOr;
  std::vector<ExpressionPtr> kept;
  for (ExpressionPtr& operand : e->children) {
    if (is_boolean_constant(*operand, decisive)) return boolean_constant(decisive, e->position);
    if (!is_boolean_constant(*operand, !decisive)) kept.push_back(std::move(operand));
  }
  if (kept.empty()) return boolean_constant(!decisive, e->position);
  if (kept.size() == 1) return std::move(kept[0]);
  e->children = std::move(kept);
  return e;
}

/// Drops branches that are never taken; a leading branch that always is becomes the result.
ExpressionPtr fold_case(ExpressionPtr e) {
  auto& c = *e->as<CaseExpression>();
  if (c.has_operand) return e;
  std::vector<ExpressionPtr> kept;
  const std::size_t end = c.children.size() - (c.has_else ? 1 : 0);
  for (std::size_t i = 0; i < end; i += 2) {
    const auto* condition = c.children[i]->as<Constant>();
    const bool always = condition != nullptr && is_boolean_constant(*condition, true);
    if (condition != nullptr && !always) continue;
    if (always) {
      if (kept.empty()) return std::move(c.children[i + 1]);
      kept.push_back(std::move(c.children[i + 1]));
      c.children = std::move(kept);
      c.has_else = true;
      return e;
    }
    kept.push_back(std::move(c.children[i]));
    kept.push_back(std::move(c.children[i + 1]));
  }
  if (kept.empty()) {
    if (c.has_else) return std::move(c.children.back());
    ExpressionPtr null = std::make_unique<Constant>(e->type, Value(e->type.id, std::monostate()));
    null->position = e->position;
    return null;
  }
  if (c.has_else) kept.push_back(std::move(c.children.back()));
  c.children = std::move(kept);
  return e;
}

bool may_fold(const Expression& e) {
  switch (e.kind) {
    case ExpressionKind::kConstant:
    case ExpressionKind::kColumn:
    case ExpressionKind::kParameter:
    case ExpressionKind::kCaseOperand:
    case ExpressionKind::kSubplan:
      return false;
    case ExpressionKind::kCall:
      if (e.as<FunctionCall>()->function->volatility != Volatility::kImmutable) return false;
      break;
    default:
      break;
  }
  for (const ExpressionPtr& child : e.children) {
    if (child->kind != ExpressionKind::kConstant || child->type.id == TypeId::kNull) return false;
  }
  return true;
}

/// A strict call or a comparison with a NULL constant is NULL, whatever stands beside it: that is not even evaluated, as in
/// PostgreSQL, where `1 / 0 > NULL` is no error.
bool is_null_by_argument(const Expression& e) {
  const auto* call = e.as<FunctionCall>();
  if (call != nullptr ? !call->function->strict : e.kind != ExpressionKind::kComparison) return false;
  return std::any_of(e.children.begin(), e.children.end(), [](const ExpressionPtr& child) {
    const auto* constant = child->as<Constant>();
    return constant != nullptr && constant->value.is_null();
  });
}

ExpressionPtr fold_node(ExpressionPtr e) {
  if (is_null_by_argument(*e)) {
    ExpressionPtr null = std::make_unique<Constant>(e->type, Value(e->type.id, std::monostate()));
    null->position = e->position;
    return null;
  }
  if (e->kind == ExpressionKind::kAnd || e->kind == ExpressionKind::kOr) {
    e = fold_logical(std::move(e));
  } else if (e->kind == ExpressionKind::kCase) {
    e = fold_case(std::move(e));
  } else if (auto* list = e->as<InList>(); list != nullptr && list->set == nullptr) {
    finish_in_list(*list);
  }
  if (!may_fold(*e)) return e;
  EvalContext context;
  context.string_bytes = std::size_t{1} << 20;  // a plan is no place for long strings
  Result<Value> value = evaluate_scalar(*e, context);
  if (!value) return e;
  ExpressionPtr folded = std::make_unique<Constant>(e->type, std::move(value).value());
  folded->position = e->position;
  return folded;
}

}  // namespace

ExpressionPtr fold_constants(ExpressionPtr e) { return transform(std::move(e), fold_node); }

}  // namespace ldb::sql
