// Subqueries in expressions: each becomes a SubplanExpression; the optimizer turns some of them into joins later.
#include "sql/bind/binder.hpp"

namespace ldb::sql {

ExpressionPtr Binder::make_subplan(SubplanKind kind, LogicalPtr plan, DataType type, std::vector<ExpressionPtr> operands,
                                   Level& inner, std::uint32_t position, std::string description) {
  auto subplan = std::make_unique<Subplan>();
  subplan->kind = kind;
  subplan->operand_count = operands.size();
  subplan->plan = std::move(plan);
  auto e = std::make_unique<SubplanExpression>(type, statement_->subplans.size());
  e->position = position;
  e->description = std::move(description) + " " + std::to_string(statement_->subplans.size() + 1);
  e->children = std::move(operands);
  for (OuterReference& reference : inner.outer) {
    subplan->slots.push_back(reference.slot);
    e->children.push_back(std::move(reference.value));
  }
  statement_->subplans.push_back(std::move(subplan));
  return e;
}

Result<ExpressionPtr> Binder::bind_scalar_subquery(const ast::Query& query, Level& level, std::uint32_t position) {
  Level inner;
  inner.parent = &level;
  LDB_ASSIGN_OR_RETURN(auto plan, bind_query(query, inner));
  if (plan->output.size() != 1) return bind_error("42601", "subquery must return only one column", position);
  const DataType type = plan->output[0].type;
  return make_subplan(SubplanKind::kScalar, std::move(plan), type, {}, inner, position, "SubPlan");
}

Result<ExpressionPtr> Binder::bind_exists(const ast::Query& query, Level& level, std::uint32_t position) {
  Level inner;
  inner.parent = &level;
  LDB_ASSIGN_OR_RETURN(auto plan, bind_query(query, inner));
  return make_subplan(SubplanKind::kExists, std::move(plan), {TypeId::kBoolean, -1, 0}, {}, inner, position, "SubPlan");
}

Result<ExpressionPtr> Binder::bind_quantified(const ast::Expression& operand, CompareOp op, bool all, const ast::Query& query,
                                              Level& level, std::uint32_t position) {
  Level inner;
  inner.parent = &level;
  LDB_ASSIGN_OR_RETURN(auto plan, bind_query(query, inner));
  std::vector<const ast::Expression*> operand_asts;
  if (const auto* row = operand.as<ast::Row>()) {
    operand_asts.assign(row->values.begin(), row->values.end());
  } else {
    operand_asts.push_back(&operand);
  }
  if (plan->output.size() > operand_asts.size()) return bind_error("42601", "subquery has too many columns", position);
  if (plan->output.size() < operand_asts.size()) return bind_error("42601", "subquery has too few columns", position);
  std::vector<ExpressionPtr> operands;
  std::vector<ExpressionPtr> columns;
  std::vector<OutputColumn> output;
  bool needs_project = false;
  for (std::size_t i = 0; i < operand_asts.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(auto left, bind(*operand_asts[i], level));
    const OutputColumn& column = plan->output[i];
    LDB_ASSIGN_OR_RETURN(
        auto test, make_comparison(build_, op, std::move(left), make_column(column.number, column.type, column.name), position));
    if (test->kind != ExpressionKind::kComparison) return unsupported("this comparison with a subquery", position);
    ExpressionPtr right = std::move(test->children[1]);
    operands.push_back(std::move(test->children[0]));
    OutputColumn out = column;
    if (right->kind != ExpressionKind::kColumn) {
      needs_project = true;
      out = {new_column(), column.name, right->type};
    }
    output.push_back(out);
    columns.push_back(std::move(right));
  }
  if (needs_project) {
    for (std::size_t i = 0; i < output.size(); ++i) {
      if (columns[i]->kind == ExpressionKind::kColumn) output[i].number = new_column();
    }
    plan = make_project(std::move(plan), std::move(columns), std::move(output));
  }
  auto e = make_subplan(all ? SubplanKind::kAll : SubplanKind::kAny, std::move(plan), {TypeId::kBoolean, -1, 0},
                        std::move(operands), inner, position, "SubPlan");
  statement_->subplans.back()->op = op;
  return e;
}

}  // namespace ldb::sql
