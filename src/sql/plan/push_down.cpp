// Predicate pushdown.
#include <map>

#include "sql/plan/optimizer.hpp"

namespace ldb::sql {
namespace {

using Conjuncts = std::vector<ExpressionPtr>;

LogicalPtr with_filter(LogicalPtr plan, Conjuncts conjuncts) {
  if (conjuncts.empty()) return plan;
  auto filter = std::make_unique<LogicalFilter>();
  filter->output = plan->output;
  filter->conjuncts = std::move(conjuncts);
  filter->children.push_back(std::move(plan));
  return filter;
}

void append(Conjuncts& to, Conjuncts from) {
  for (ExpressionPtr& e : from) to.push_back(std::move(e));
}

/// Replaces columns by the expressions that make them.
ExpressionPtr substitute(ExpressionPtr e, const std::map<ColumnNumber, const Expression*>& makers) {
  return transform(std::move(e), [&](ExpressionPtr node) -> ExpressionPtr {
    const auto* column = node->as<ColumnReference>();
    if (column == nullptr) return node;
    const auto maker = makers.find(column->column);
    return maker == makers.end() ? std::move(node) : clone(*maker->second);
  });
}

/// False or NULL whenever the columns of `side` are all NULL.
bool rejects_nulls(const Expression& e, const ColumnSet& side) {
  const auto is_side_column = [&](const Expression& operand) {
    const Expression* at = &operand;
    while (at->kind == ExpressionKind::kCast) at = at->children[0].get();
    const auto* column = at->as<ColumnReference>();
    return column != nullptr && side.contains(column->column);
  };
  if (e.kind == ExpressionKind::kComparison) return is_side_column(*e.children[0]) || is_side_column(*e.children[1]);
  if (e.kind == ExpressionKind::kLike) return is_side_column(*e.children[0]);
  if (const auto* in = e.as<InList>()) return is_side_column(*in->children[0]);
  if (const auto* test = e.as<NullTest>(); test && e.kind == ExpressionKind::kIsNull) {
    return test->negated && is_side_column(*e.children[0]);
  }
  return false;
}

void simplify_outer(LogicalJoin& join, const Conjuncts& above) {
  const ColumnSet left = output_set(*join.children[0]);
  const ColumnSet right = output_set(*join.children[1]);
  bool left_rejected = false;
  bool right_rejected = false;
  for (const ExpressionPtr& e : above) {
    left_rejected = left_rejected || rejects_nulls(*e, left);
    right_rejected = right_rejected || rejects_nulls(*e, right);
  }
  if (join.type == JoinType::kFull) {
    if (left_rejected && right_rejected) {
      join.type = JoinType::kInner;
    } else if (left_rejected) {
      join.type = JoinType::kLeft;
    } else if (right_rejected) {
      join.type = JoinType::kRight;
    }
  } else if ((join.type == JoinType::kLeft && right_rejected) || (join.type == JoinType::kRight && left_rejected)) {
    join.type = JoinType::kInner;
  }
}

LogicalPtr push_join(LogicalPtr plan, Conjuncts conjuncts) {
  auto& join = *plan->as<LogicalJoin>();
  simplify_outer(join, conjuncts);
  const ColumnSet left = output_set(*join.children[0]);
  const ColumnSet right = output_set(*join.children[1]);
  Conjuncts to_left, to_right, stay, conditions;
  const bool above_left = join.type != JoinType::kRight && join.type != JoinType::kFull;
  const bool above_right = join.type == JoinType::kInner || join.type == JoinType::kRight;
  for (ExpressionPtr& e : conjuncts) {
    const ColumnSet columns = columns_of(*e);
    const bool movable = !is_volatile(*e);
    if (movable && above_left && is_subset(columns, left)) {
      to_left.push_back(std::move(e));
    } else if (movable && above_right && is_subset(columns, right)) {
      to_right.push_back(std::move(e));
    } else if (movable && join.type == JoinType::kInner) {
      conditions.push_back(std::move(e));
    } else {
      stay.push_back(std::move(e));
    }
  }
  const bool on_left = join.type == JoinType::kInner || join.type == JoinType::kRight || join.type == JoinType::kSemi;
  const bool on_right = join.type != JoinType::kRight && join.type != JoinType::kFull && !join.null_aware;
  for (ExpressionPtr& e : join.conditions) {
    const ColumnSet columns = columns_of(*e);
    const bool movable = !is_volatile(*e);
    if (movable && on_left && is_subset(columns, left)) {
      to_left.push_back(std::move(e));
    } else if (movable && on_right && is_subset(columns, right)) {
      to_right.push_back(std::move(e));
    } else {
      conditions.push_back(std::move(e));
    }
  }
  join.conditions = std::move(conditions);
  join.children[0] = push_down(std::move(join.children[0]), std::move(to_left));
  join.children[1] = push_down(std::move(join.children[1]), std::move(to_right));
  return with_filter(std::move(plan), std::move(stay));
}

LogicalPtr push_project(LogicalPtr plan, Conjuncts conjuncts) {
  auto& project = *plan->as<LogicalProject>();
  std::map<ColumnNumber, const Expression*> makers;
  ColumnSet fixed;  // computed by something that must run once per row, here
  for (std::size_t i = 0; i < project.expressions.size(); ++i) {
    const Expression& e = *project.expressions[i];
    makers[project.output[i].number] = &e;
    if (is_volatile(e) || has_subplan(e)) fixed.insert(project.output[i].number);
  }
  Conjuncts below, stay;
  for (ExpressionPtr& e : conjuncts) {
    bool movable = !is_volatile(*e);
    for (const ColumnNumber column : columns_of(*e)) movable = movable && !fixed.contains(column);
    if (movable) {
      below.push_back(substitute(std::move(e), makers));
    } else {
      stay.push_back(std::move(e));
    }
  }
  plan->children[0] = push_down(std::move(plan->children[0]), std::move(below));
  return with_filter(std::move(plan), std::move(stay));
}

LogicalPtr push_aggregate(LogicalPtr plan, Conjuncts conjuncts) {
  auto& aggregate = *plan->as<LogicalAggregate>();
  std::map<ColumnNumber, const Expression*> makers;
  Conjuncts below, stay;
  if (aggregate.sets.empty() && !aggregate.groups.empty()) {
    for (std::size_t i = 0; i < aggregate.groups.size(); ++i) {
      const Expression& group = *aggregate.groups[i];
      if (!is_volatile(group) && !has_subplan(group)) makers[aggregate.output[i].number] = &group;
    }
  }
  for (ExpressionPtr& e : conjuncts) {
    const ColumnSet columns = columns_of(*e);
    bool movable = !columns.empty() && !is_volatile(*e);
    for (const ColumnNumber column : columns) movable = movable && makers.contains(column);
    if (movable) {
      below.push_back(substitute(std::move(e), makers));
    } else {
      stay.push_back(std::move(e));
    }
  }
  plan->children[0] = push_down(std::move(plan->children[0]), std::move(below));
  return with_filter(std::move(plan), std::move(stay));
}

LogicalPtr push_set_operation(LogicalPtr plan, Conjuncts conjuncts) {
  Conjuncts stay;
  std::vector<Conjuncts> below(plan->children.size());
  for (ExpressionPtr& e : conjuncts) {
    if (is_volatile(*e) || has_subplan(*e)) {
      stay.push_back(std::move(e));
      continue;
    }
    for (std::size_t child = 0; child < plan->children.size(); ++child) {
      below[child].push_back(transform(clone(*e), [&](ExpressionPtr node) -> ExpressionPtr {
        auto* column = node->as<ColumnReference>();
        if (column == nullptr) return node;
        for (std::size_t i = 0; i < plan->output.size(); ++i) {
          if (plan->output[i].number != column->column) continue;
          column->column = plan->children[child]->output[i].number;
          break;
        }
        return node;
      }));
    }
  }
  for (std::size_t child = 0; child < plan->children.size(); ++child) {
    plan->children[child] = push_down(std::move(plan->children[child]), std::move(below[child]));
  }
  return with_filter(std::move(plan), std::move(stay));
}

}  // namespace

LogicalPtr push_down(LogicalPtr plan, Conjuncts conjuncts) {
  switch (plan->kind) {
    case LogicalKind::kFilter: {
      append(conjuncts, std::move(plan->as<LogicalFilter>()->conjuncts));
      return push_down(std::move(plan->children[0]), std::move(conjuncts));
    }
    case LogicalKind::kProject:
      return push_project(std::move(plan), std::move(conjuncts));
    case LogicalKind::kJoin:
      return push_join(std::move(plan), std::move(conjuncts));
    case LogicalKind::kAggregate:
      return push_aggregate(std::move(plan), std::move(conjuncts));
    case LogicalKind::kSetOperation:
      return push_set_operation(std::move(plan), std::move(conjuncts));
    case LogicalKind::kSort:
      plan->children[0] = push_down(std::move(plan->children[0]), std::move(conjuncts));
      return plan;
    case LogicalKind::kDistinct:
      if (plan->as<LogicalDistinct>()->on.empty()) {
        plan->children[0] = push_down(std::move(plan->children[0]), std::move(conjuncts));
        return plan;
      }
      break;
    default:
      break;
  }
  for (LogicalPtr& child : plan->children) child = push_down(std::move(child), {});
  return with_filter(std::move(plan), std::move(conjuncts));
}

}  // namespace ldb::sql
