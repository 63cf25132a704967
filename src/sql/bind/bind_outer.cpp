// What a query takes from the queries around it: columns, and aggregates that belong to them.
#include <functional>

#include "sql/bind/binder.hpp"

namespace ldb::sql {
namespace {

using Visit = std::function<void(const ast::ColumnRef&)>;

void visit_columns(const ast::Expression* e, const Visit& f);

void visit_columns(List<const ast::Expression*> expressions, const Visit& f) {
  for (const ast::Expression* e : expressions) visit_columns(e, f);
}

/// Columns of an expression, subqueries left out.
void visit_columns(const ast::Expression* e, const Visit& f) {
  using Kind = ast::ExpressionKind;
  if (e == nullptr) return;
  switch (e->kind) {
    case Kind::kColumnRef:
      return f(*e->as<ast::ColumnRef>());
    case Kind::kUnary:
      return visit_columns(e->as<ast::Unary>()->operand, f);
    case Kind::kBinary:
      visit_columns(e->as<ast::Binary>()->first, f);
      for (const ast::BinaryLink& link : e->as<ast::Binary>()->links) visit_columns(link.right, f);
      return;
    case Kind::kLogical:
      return visit_columns(e->as<ast::Logical>()->operands, f);
    case Kind::kNot:
      return visit_columns(e->as<ast::Not>()->operand, f);
    case Kind::kFunctionCall:
      for (const ast::FunctionArgument& argument : e->as<ast::FunctionCall>()->arguments) visit_columns(argument.value, f);
      return visit_columns(e->as<ast::FunctionCall>()->filter, f);
    case Kind::kSpecialCall:
      return visit_columns(e->as<ast::SpecialCall>()->arguments, f);
    case Kind::kCase:
      visit_columns(e->as<ast::Case>()->operand, f);
      for (const ast::WhenClause& when : e->as<ast::Case>()->whens) {
        visit_columns(when.condition, f);
        visit_columns(when.result, f);
      }
      return visit_columns(e->as<ast::Case>()->otherwise, f);
    case Kind::kCast:
      return visit_columns(e->as<ast::Cast>()->operand, f);
    case Kind::kInList:
      visit_columns(e->as<ast::InList>()->operand, f);
      return visit_columns(e->as<ast::InList>()->values, f);
    case Kind::kInSubquery:
      return visit_columns(e->as<ast::InSubquery>()->operand, f);
    case Kind::kBetween:
      visit_columns(e->as<ast::Between>()->operand, f);
      visit_columns(e->as<ast::Between>()->low, f);
      return visit_columns(e->as<ast::Between>()->high, f);
    case Kind::kLike:
      visit_columns(e->as<ast::Like>()->operand, f);
      return visit_columns(e->as<ast::Like>()->pattern, f);
    case Kind::kIsTest:
      return visit_columns(e->as<ast::IsTest>()->operand, f);
    case Kind::kIsDistinct:
      visit_columns(e->as<ast::IsDistinct>()->left, f);
      return visit_columns(e->as<ast::IsDistinct>()->right, f);
    case Kind::kRow:
      return visit_columns(e->as<ast::Row>()->values, f);
    case Kind::kCollate:
      return visit_columns(e->as<ast::Collate>()->operand, f);
    case Kind::kExtract:
      return visit_columns(e->as<ast::Extract>()->source, f);
    default:
      return;
  }
}

bool names_column(const Scope& scope, const ast::ColumnRef& ref) {
  const std::string_view table = ref.parts.size() > 1 ? ref.parts[ref.parts.size() - 2] : std::string_view();
  for (const ScopeColumn& column : scope.columns) {
    if (column.column == ref.parts.back() && (table.empty() ? !column.qualified_only : column.table == table)) return true;
  }
  return false;
}

}  // namespace

/// The query an aggregate belongs to: the innermost one that a column in it is of (this one, when there is no column at all).
Level* Binder::aggregate_level(const ast::FunctionCall& call, Level& level) const {
  Level* innermost = nullptr;
  std::size_t depth = ~std::size_t{0};
  visit_columns(&call, [&](const ast::ColumnRef& ref) {
    std::size_t at_depth = 0;
    for (Level* at = &level; at != nullptr; at = at->parent, ++at_depth) {
      if (at->scope == nullptr || !names_column(*at->scope, ref)) continue;
      if (at_depth < depth) {
        depth = at_depth;
        innermost = at;
      }
      return;
    }
    depth = 0;  // unknown: reported by binding it here
    innermost = &level;
  });
  return innermost == nullptr ? &level : innermost;
}

/// `outside` is an expression of level.parent; what stands for it in `level`.
ExpressionPtr Binder::import_one(ExpressionPtr outside, Level& level) {
  if (level.inlined && outside->as<ParameterReference>()) return outside;
  std::string name;
  if (const auto* column = outside->as<ColumnReference>()) name = column->name;
  if (const auto* slot = outside->as<ParameterReference>()) name = slot->name;
  const OuterReference* known = nullptr;
  for (const OuterReference& reference : level.outer) {
    if (equal(*reference.value, *outside)) known = &reference;
  }
  auto parameter = std::make_unique<ParameterReference>(outside->type, known ? known->slot : new_slot(outside->type));
  parameter->name = std::move(name);
  parameter->position = outside->position;
  if (known == nullptr) level.outer.push_back({parameter->index, std::move(outside)});
  return parameter;
}

ExpressionPtr Binder::import_outer(ExpressionPtr e, Level& level, Level& home) {
  if (&level == &home) return e;
  return import_one(import_outer(std::move(e), *level.parent, home), level);
}

}  // namespace ldb::sql
