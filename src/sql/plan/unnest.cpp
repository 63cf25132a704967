// Subqueries of WHERE as joins: EXISTS and IN become semi joins, NOT EXISTS and uncorrelated NOT IN anti joins.
#include <algorithm>

#include "sql/plan/optimizer.hpp"

namespace ldb::sql {
namespace {

bool uses_slots(const Expression& e, const std::vector<std::size_t>& slots) {
  bool found = false;
  walk(e, [&](const Expression& node) {
    const auto* parameter = node.as<ParameterReference>();
    found = found || (parameter && std::find(slots.begin(), slots.end(), parameter->index) != slots.end());
  });
  return found;
}

bool uses_slots(LogicalPlan& plan, const std::vector<std::size_t>& slots) {
  bool found = false;
  for_each_expression(plan, [&](ExpressionPtr& e) { found = found || uses_slots(*e, slots); });
  for (LogicalPtr& child : plan.children) found = found || uses_slots(*child, slots);
  return found;
}

class Unnester {
 public:
  Unnester(BoundStatement& statement, LogicalPtr& input) : statement_(statement), input_(input) {}

  /// True when the conjunct has become a join over `input`.
  bool try_conjunct(ExpressionPtr& conjunct) {
    bool negated = false;
    Expression* e = conjunct.get();
    while (e->kind == ExpressionKind::kNot) {
      negated = !negated;
      e = e->children[0].get();
    }
    auto* reference = e->as<SubplanExpression>();
    if (reference == nullptr) return false;
    Subplan& subplan = *statement_.subplans[reference->id];
    if (subplan.plan == nullptr) return false;
    for (std::size_t i = 0; i < subplan.operand_count; ++i) {
      if (has_subplan(*reference->children[i])) return false;
    }
    if (subplan.kind == SubplanKind::kExists) return try_exists(*reference, subplan, negated);
    const bool in = subplan.kind == SubplanKind::kAny && subplan.op == CompareOp::kEqual;
    const bool not_in = subplan.kind == SubplanKind::kAll && subplan.op == CompareOp::kNotEqual;
    if (!in && !not_in) return false;
    return try_in(*reference, subplan, in == negated);
  }

 private:
  /// Takes the conjuncts that use outer columns out of a filter; false when outer columns are used anywhere else.
  bool take_correlated(LogicalPlan& plan, const Subplan& subplan, const SubplanExpression& reference,
                       std::vector<ExpressionPtr>& conditions) {
    auto* filter = plan.as<LogicalFilter>();
    if (filter == nullptr) return !uses_slots(plan, subplan.slots);
    if (uses_slots(*plan.children[0], subplan.slots)) return false;
    for (const ExpressionPtr& e : filter->conjuncts) {
      if (uses_slots(*e, subplan.slots) && (has_subplan(*e) || is_volatile(*e))) return false;
    }
    for (ExpressionPtr& e : filter->conjuncts) {
      if (!uses_slots(*e, subplan.slots)) continue;
      conditions.push_back(transform(std::move(e), [&](ExpressionPtr node) -> ExpressionPtr {
        const auto* parameter = node->as<ParameterReference>();
        if (parameter == nullptr) return node;
        const auto slot = std::find(subplan.slots.begin(), subplan.slots.end(), parameter->index);
        if (slot == subplan.slots.end()) return node;
        const auto place = static_cast<std::size_t>(slot - subplan.slots.begin());
        return clone(*reference.children[subplan.operand_count + place]);
      }));
    }
    std::erase(filter->conjuncts, nullptr);
    return true;
  }

  bool try_exists(SubplanExpression& reference, Subplan& subplan, bool negated) {
    if (subplan.slots.empty()) return false;  // evaluated once anyway
    LogicalPtr* at = &subplan.plan;
    while ((*at)->kind == LogicalKind::kProject || (*at)->kind == LogicalKind::kSort || (*at)->kind == LogicalKind::kDistinct) {
      at = &(*at)->children[0];
    }
    std::vector<ExpressionPtr> conditions;
    if ((*at)->kind != LogicalKind::kFilter || !take_correlated(**at, subplan, reference, conditions)) return false;
    join(std::move(*at), std::move(conditions), negated, false);
    subplan.plan = nullptr;
    return true;
  }

  bool try_in(SubplanExpression& reference, Subplan& subplan, bool negated) {
    std::vector<ExpressionPtr> conditions;
    LogicalPtr inner;
    if (subplan.slots.empty()) {
      if (negated && subplan.operand_count != 1) return false;
      inner = std::move(subplan.plan);
      for (std::size_t i = 0; i < subplan.operand_count; ++i) {
        const OutputColumn& column = inner->output[i];
        conditions.push_back(
            equals(std::move(reference.children[i]), std::make_unique<ColumnReference>(column.type, column.number, column.name)));
      }
    } else {
      auto* project = subplan.plan->as<LogicalProject>();
      if (negated || project == nullptr) return false;
      for (const ExpressionPtr& e : project->expressions) {
        if (uses_slots(*e, subplan.slots) || has_subplan(*e) || is_volatile(*e)) return false;
      }
      if (project->children[0]->kind != LogicalKind::kFilter) return false;
      if (!take_correlated(*project->children[0], subplan, reference, conditions)) return false;
      for (std::size_t i = 0; i < subplan.operand_count; ++i) {
        conditions.push_back(equals(std::move(reference.children[i]), std::move(project->expressions[i])));
      }
      inner = std::move(project->children[0]);
      subplan.plan = nullptr;
    }
    join(std::move(inner), std::move(conditions), negated, negated);
    return true;
  }

  static ExpressionPtr equals(ExpressionPtr left, ExpressionPtr right) {
    auto e = std::make_unique<Comparison>(CompareOp::kEqual);
    e->children.push_back(std::move(left));
    e->children.push_back(std::move(right));
    return e;
  }

  void join(LogicalPtr inner, std::vector<ExpressionPtr> conditions, bool anti, bool null_aware) {
    auto join = std::make_unique<LogicalJoin>();
    join->type = anti ? JoinType::kAnti : JoinType::kSemi;
    join->null_aware = null_aware;
    join->conditions = std::move(conditions);
    join->output = input_->output;
    join->children.push_back(std::move(input_));
    unnest_subqueries(inner, statement_);
    join->children.push_back(std::move(inner));
    input_ = std::move(join);
  }

  BoundStatement& statement_;
  LogicalPtr& input_;
};

}  // namespace

void unnest_subqueries(LogicalPtr& plan, BoundStatement& statement) {
  for (LogicalPtr& child : plan->children) unnest_subqueries(child, statement);
  auto* filter = plan->as<LogicalFilter>();
  if (filter == nullptr) return;
  // Plain conjuncts go below the joins that the others become.
  std::vector<ExpressionPtr> plain;
  std::vector<ExpressionPtr> rest;
  for (ExpressionPtr& e : filter->conjuncts) (has_subplan(*e) ? rest : plain).push_back(std::move(e));
  LogicalPtr input = std::move(plan->children[0]);
  filter->conjuncts = std::move(plain);
  if (!filter->conjuncts.empty()) {
    plan->children[0] = std::move(input);
    input = std::move(plan);
  }
  Unnester unnester(statement, input);
  std::vector<ExpressionPtr> kept;
  for (ExpressionPtr& e : rest) {
    if (!unnester.try_conjunct(e)) kept.push_back(std::move(e));
  }
  plan = std::move(input);
  if (kept.empty()) return;
  auto above = std::make_unique<LogicalFilter>();
  above->output = plan->output;
  above->conjuncts = std::move(kept);
  above->children.push_back(std::move(plan));
  plan = std::move(above);
}

}  // namespace ldb::sql
