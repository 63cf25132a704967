#include "sql/exec/planner.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/check.hpp"
#include "sql/exec/aggregate.hpp"
#include "sql/exec/basic.hpp"
#include "sql/exec/join.hpp"
#include "sql/exec/modify.hpp"
#include "sql/exec/scan.hpp"
#include "sql/exec/sort.hpp"
#include "sql/exec/window.hpp"
#include "sql/plan/optimizer.hpp"

namespace ldb::sql {
namespace {

using Places = std::unordered_map<ColumnNumber, std::size_t>;

Places places_of(const std::vector<OutputColumn>& columns, std::size_t first = 0) {
  Places places;
  for (std::size_t i = 0; i < columns.size(); ++i) places[columns[i].number] = first + i;
  return places;
}

void add_places(Places& places, const std::vector<OutputColumn>& columns, std::size_t first) {
  for (std::size_t i = 0; i < columns.size(); ++i) places[columns[i].number] = first + i;
}

void remap(Expression& e, const Places& places) {
  walk(e, [&](Expression& node) {
    if (auto* column = node.as<ColumnReference>()) {
      const auto place = places.find(column->column);
      LDB_CHECK(place != places.end());
      column->column = place->second;
    }
  });
}
void remap(std::vector<ExpressionPtr>& expressions, const Places& places) {
  for (ExpressionPtr& e : expressions) remap(*e, places);
}
void remap(std::vector<SortKey>& keys, const Places& places) {
  for (SortKey& key : keys) remap(*key.expression, places);
}

ExpressionPtr conjunction(std::vector<ExpressionPtr> conjuncts) {
  if (conjuncts.empty()) return nullptr;
  if (conjuncts.size() == 1) return std::move(conjuncts[0]);
  auto e = std::make_unique<PlainExpression>(ExpressionKind::kAnd, DataType{TypeId::kBoolean, -1, 0});
  e->children = std::move(conjuncts);
  return e;
}

std::vector<DataType> types_of(const std::vector<OutputColumn>& columns) {
  std::vector<DataType> types;
  for (const OutputColumn& column : columns) types.push_back(column.type);
  return types;
}

/// Types that hash alike when they compare equal (vector_ops.hpp); others are cast to the left's type by the binder already.
bool hashes_alike(TypeId a, TypeId b) {
  if (a == b) return true;
  const auto in = [&](std::initializer_list<TypeId> group) {
    return std::find(group.begin(), group.end(), a) != group.end() && std::find(group.begin(), group.end(), b) != group.end();
  };
  return in({TypeId::kSmallInt, TypeId::kInteger, TypeId::kBigInt}) || in({TypeId::kText, TypeId::kVarchar}) ||
         in({TypeId::kReal, TypeId::kDouble}) || in({TypeId::kDate, TypeId::kTimestamp});
}

bool plan_is_volatile(LogicalPlan& plan) {
  bool found = false;
  for_each_expression(plan, [&](ExpressionPtr& e) { found = found || is_volatile(*e); });
  for (LogicalPtr& child : plan.children) found = found || plan_is_volatile(*child);
  return found;
}

/// Which recursions' working tables every common table and subplan reads, through others too.
class WorkingTableReaders {
 public:
  explicit WorkingTableReaders(BoundStatement& statement) : ctes_(statement.ctes.size()), subplans_(statement.subplans.size()) {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < ctes_.size(); ++i) {
        if (statement.ctes[i].plan) changed = add(*statement.ctes[i].plan, ctes_[i], i) || changed;
      }
      for (std::size_t i = 0; i < subplans_.size(); ++i) {
        if (statement.subplans[i]->plan) changed = add(*statement.subplans[i]->plan, subplans_[i], ~std::size_t{0}) || changed;
      }
    }
  }
  std::vector<std::size_t> of_cte(std::size_t i) const { return {ctes_[i].begin(), ctes_[i].end()}; }
  std::vector<std::size_t> of_subplan(std::size_t i) const { return {subplans_[i].begin(), subplans_[i].end()}; }

 private:
  bool add(LogicalPlan& plan, std::set<std::size_t>& found, std::size_t own) {
    bool changed = false;
    const auto take = [&](std::size_t recursion) { changed = (recursion != own && found.insert(recursion).second) || changed; };
    if (const auto* scan = plan.as<LogicalCteScan>()) {
      if (scan->working_table) take(scan->cte);
      if (!scan->working_table) std::for_each(ctes_[scan->cte].begin(), ctes_[scan->cte].end(), take);
    }
    for_each_expression(plan, [&](ExpressionPtr& e) {
      walk(*e, [&](const Expression& node) {
        const auto* subplan = node.as<SubplanExpression>();
        if (subplan != nullptr) std::for_each(subplans_[subplan->id].begin(), subplans_[subplan->id].end(), take);
      });
    });
    for (LogicalPtr& child : plan.children) changed = add(*child, found, own) || changed;
    return changed;
  }

  std::vector<std::set<std::size_t>> ctes_;
  std::vector<std::set<std::size_t>> subplans_;
};

class Planner {
 public:
  std::vector<std::shared_ptr<const Table>> written;
  bool returns_subplan = false;

  Result<PhysicalPtr> plan(LogicalPlan& logical) {
    LDB_ASSIGN_OR_RETURN(PhysicalPtr physical, make(logical));
    physical->types = types_of(logical.output);
    physical->rows = logical.rows;
    return physical;
  }

 private:
  Result<PhysicalPtr> child_of(LogicalPlan& logical, std::size_t i = 0) { return plan(*logical.children[i]); }

  Result<PhysicalPtr> make(LogicalPlan& logical) {
    switch (logical.kind) {
      case LogicalKind::kScan:
        return make_scan(*logical.as<LogicalScan>());
      case LogicalKind::kValues: {
        auto plan = std::make_unique<ValuesPlan>();
        plan->values = std::move(logical.as<LogicalValues>()->values);
        return PhysicalPtr(std::move(plan));
      }
      case LogicalKind::kFilter: {
        auto plan = std::make_unique<FilterPlan>();
        auto& filter = *logical.as<LogicalFilter>();
        remap(filter.conjuncts, places_of(logical.children[0]->output));
        plan->predicate = conjunction(std::move(filter.conjuncts));
        LDB_ASSIGN_OR_RETURN(PhysicalPtr child, child_of(logical));
        if (plan->predicate == nullptr) return child;
        plan->children.push_back(std::move(child));
        return PhysicalPtr(std::move(plan));
      }
      case LogicalKind::kProject: {
        auto plan = std::make_unique<ProjectPlan>();
        auto& project = *logical.as<LogicalProject>();
        remap(project.expressions, places_of(logical.children[0]->output));
        plan->expressions = std::move(project.expressions);
        return with_child(std::move(plan), logical);
      }
      case LogicalKind::kJoin:
        return make_join(*logical.as<LogicalJoin>());
      case LogicalKind::kAggregate:
        return make_aggregate(*logical.as<LogicalAggregate>());
      case LogicalKind::kWindow:
        return make_window(*logical.as<LogicalWindow>());
      case LogicalKind::kSort: {
        auto plan = std::make_unique<SortPlan>();
        auto& sort = *logical.as<LogicalSort>();
        remap(sort.keys, places_of(logical.children[0]->output));
        plan->keys = std::move(sort.keys);
        return with_child(std::move(plan), logical);
      }
      case LogicalKind::kLimit:
        return make_limit(*logical.as<LogicalLimit>());
      case LogicalKind::kDistinct: {
        auto plan = std::make_unique<DistinctPlan>();
        auto& distinct = *logical.as<LogicalDistinct>();
        remap(distinct.on, places_of(logical.children[0]->output));
        plan->on = std::move(distinct.on);
        return with_child(std::move(plan), logical);
      }
      case LogicalKind::kSetOperation:
        return make_set_operation(*logical.as<LogicalSetOperation>());
      case LogicalKind::kCteScan: {
        auto plan = std::make_unique<CteScanPlan>();
        const auto& scan = *logical.as<LogicalCteScan>();
        plan->cte = scan.cte;
        plan->working_table = scan.working_table;
        plan->cte_name = scan.name;
        return PhysicalPtr(std::move(plan));
      }
      case LogicalKind::kRecursion: {
        auto plan = std::make_unique<RecursionPlan>();
        plan->cte = logical.as<LogicalRecursion>()->cte;
        plan->all = logical.as<LogicalRecursion>()->all;
        LDB_ASSIGN_OR_RETURN(PhysicalPtr start, child_of(logical, 0));
        LDB_ASSIGN_OR_RETURN(PhysicalPtr step, child_of(logical, 1));
        plan->children.push_back(std::move(start));
        plan->children.push_back(std::move(step));
        return PhysicalPtr(std::move(plan));
      }
      case LogicalKind::kTableFunction: {
        auto plan = std::make_unique<TableFunctionPlan>();
        auto& function = *logical.as<LogicalTableFunction>();
        plan->function = std::move(function.function);
        plan->arguments = std::move(function.arguments);
        plan->with_ordinality = function.with_ordinality;
        return PhysicalPtr(std::move(plan));
      }
      case LogicalKind::kProjectSet: {
        auto plan = std::make_unique<ProjectSetPlan>();
        for (auto& call : logical.as<LogicalProjectSet>()->calls) {
          remap(call.arguments, places_of(logical.children[0]->output));
          plan->calls.push_back({std::move(call.function), std::move(call.arguments)});
        }
        return with_child(std::move(plan), logical);
      }
      case LogicalKind::kInsert:
        return make_insert(*logical.as<LogicalInsert>());
      case LogicalKind::kUpdate:
        return make_update(*logical.as<LogicalUpdate>());
      case LogicalKind::kDelete:
        return make_delete(*logical.as<LogicalDelete>());
    }
    return Status(StatusCode::kInternal, "no operator for a plan node");
  }

  template <class P>
  Result<PhysicalPtr> with_child(std::unique_ptr<P> plan, LogicalPlan& logical) {
    LDB_ASSIGN_OR_RETURN(PhysicalPtr child, child_of(logical));
    plan->children.push_back(std::move(child));
    return PhysicalPtr(std::move(plan));
  }

  static Result<PhysicalPtr> make_scan(LogicalScan& scan) {
    auto plan = std::make_unique<ScanPlan>();
    plan->table = std::move(scan.table);
    plan->alias = std::move(scan.alias);
    plan->ordinals = std::move(scan.ordinals);
    plan->path = std::move(scan.path);
    plan->key = plan->table->key;
    if (plan->path.kind == AccessPath::Kind::kIndex) {
      const Index* index = plan->table->find_index(plan->path.index);
      plan->key = index->key;
      plan->index_name = index->name;
    }
    plan->reader = std::make_unique<RowBatchReader>(*plan->table, plan->ordinals);
    return PhysicalPtr(std::move(plan));
  }

  Result<PhysicalPtr> make_join(LogicalJoin& join) {
    LogicalPlan& left = *join.children[0];
    LogicalPlan& right = *join.children[1];
    const ColumnSet left_set = output_set(left);
    const ColumnSet right_set = output_set(right);
    const Places left_places = places_of(left.output);
    const Places right_places = places_of(right.output);
    Places both = left_places;
    add_places(both, right.output, left.output.size());

    std::vector<ExpressionPtr> left_keys, right_keys, residual;
    for (ExpressionPtr& e : join.conditions) {
      auto* comparison = e->as<Comparison>();
      bool hashed = !join.lateral && comparison && comparison->op == CompareOp::kEqual && !is_volatile(*e) &&
                    hashes_alike(e->children[0]->type.id, e->children[1]->type.id);
      if (hashed) {
        const ColumnSet a = columns_of(*e->children[0]);
        const ColumnSet b = columns_of(*e->children[1]);
        const bool straight = !a.empty() && !b.empty() && is_subset(a, left_set) && is_subset(b, right_set);
        const bool crossed = !a.empty() && !b.empty() && is_subset(a, right_set) && is_subset(b, left_set);
        hashed = straight || crossed;
        if (hashed) {
          left_keys.push_back(std::move(e->children[straight ? 0 : 1]));
          right_keys.push_back(std::move(e->children[straight ? 1 : 0]));
        }
      }
      if (!hashed) residual.push_back(std::move(e));
    }
    remap(left_keys, left_places);
    remap(right_keys, right_places);
    remap(residual, both);
    std::unique_ptr<JoinPlan> plan;
    if (join.lateral) {
      auto lateral = std::make_unique<LateralJoinPlan>();
      for (OuterReference& reference : join.outer) remap(*reference.value, left_places);
      lateral->outer = std::move(join.outer);
      plan = std::move(lateral);
    } else if (!left_keys.empty()) {
      auto hash = std::make_unique<HashJoinPlan>();
      hash->left_keys = std::move(left_keys);
      hash->right_keys = std::move(right_keys);
      hash->null_aware = join.null_aware;
      plan = std::move(hash);
    } else {
      auto loop = std::make_unique<NestedLoopPlan>();
      loop->null_aware = join.null_aware;
      plan = std::move(loop);
    }
    plan->type = join.type;
    plan->residual = conjunction(std::move(residual));
    LDB_ASSIGN_OR_RETURN(PhysicalPtr left_plan, this->plan(left));
    LDB_ASSIGN_OR_RETURN(PhysicalPtr right_plan, this->plan(right));
    plan->children.push_back(std::move(left_plan));
    plan->children.push_back(std::move(right_plan));
    return PhysicalPtr(std::move(plan));
  }

  Result<PhysicalPtr> make_aggregate(LogicalAggregate& aggregate) {
    auto plan = std::make_unique<AggregatePlan>();
    const Places places = places_of(aggregate.children[0]->output);
    for_each_expression(aggregate, [&](ExpressionPtr& e) { remap(*e, places); });
    plan->groups = std::move(aggregate.groups);
    plan->calls = std::move(aggregate.calls);
    plan->sets = std::move(aggregate.sets);
    plan->grouping_calls = std::move(aggregate.grouping_calls);
    if (plan->sets.empty()) {
      plan->sets.emplace_back();
      for (std::size_t i = 0; i < plan->groups.size(); ++i) plan->sets[0].push_back(i);
    }
    return with_child(std::move(plan), aggregate);
  }

  Result<PhysicalPtr> make_window(LogicalWindow& window) {
    auto plan = std::make_unique<WindowPlan>();
    const Places places = places_of(window.children[0]->output);
    for_each_expression(window, [&](ExpressionPtr& e) { remap(*e, places); });
    plan->partition_by = std::move(window.partition_by);
    plan->order_by = std::move(window.order_by);
    plan->calls = std::move(window.calls);
    return with_child(std::move(plan), window);
  }

  Result<PhysicalPtr> make_limit(LogicalLimit& limit) {
    auto plan = std::make_unique<LimitPlan>();
    plan->with_ties = limit.with_ties;
    LDB_ASSIGN_OR_RETURN(PhysicalPtr child, child_of(limit));
    if (auto* sort = dynamic_cast<SortPlan*>(child.get())) {
      if (limit.with_ties) {
        for (const SortKey& key : sort->keys) plan->ties.push_back(clone(*key.expression));
      } else if (limit.limit) {
        sort->limit = clone(*limit.limit);
        if (limit.offset) sort->offset = clone(*limit.offset);
      }
    }
    plan->limit = std::move(limit.limit);
    plan->offset = std::move(limit.offset);
    plan->children.push_back(std::move(child));
    return PhysicalPtr(std::move(plan));
  }

  Result<PhysicalPtr> make_set_operation(LogicalSetOperation& set) {
    LDB_ASSIGN_OR_RETURN(PhysicalPtr left, child_of(set, 0));
    LDB_ASSIGN_OR_RETURN(PhysicalPtr right, child_of(set, 1));
    PhysicalPtr plan;
    if (set.operation == SetOperationKind::kUnion) {
      plan = std::make_unique<AppendPlan>();
    } else {
      auto other = std::make_unique<SetOperationPlan>();
      other->operation = set.operation;
      other->all = set.all;
      plan = std::move(other);
    }
    plan->children.push_back(std::move(left));
    plan->children.push_back(std::move(right));
    if (set.operation != SetOperationKind::kUnion || set.all) return plan;
    plan->types = types_of(set.output);
    plan->rows = set.rows;
    auto distinct = std::make_unique<DistinctPlan>();
    distinct->children.push_back(std::move(plan));
    return PhysicalPtr(std::move(distinct));
  }

  void note_target(const std::shared_ptr<const Table>& table, const Returning& returning) {
    written.push_back(table);
    for (const ExpressionPtr& e : returning.expressions) returns_subplan = returns_subplan || has_subplan(*e);
  }

  // Data changes: expressions over the new row (`row`) and, for UPDATE and DELETE, over the child behind it.
  Result<PhysicalPtr> make_insert(LogicalInsert& insert) {
    auto plan = std::make_unique<InsertPlan>();
    const Places row = places_of(insert.row);
    note_target(insert.table, insert.returning);
    plan->table = insert.table;
    remap(insert.checks, row);
    for (auto& [ordinal, e] : insert.generated) remap(*e, row);
    remap(insert.returning.expressions, row);
    Places both = places_of(insert.conflict.existing);
    add_places(both, insert.conflict.excluded, insert.conflict.existing.size());
    remap(insert.conflict.values, both);
    if (insert.conflict.where) remap(*insert.conflict.where, both);
    plan->rules.checks = std::move(insert.checks);
    plan->rules.generated = std::move(insert.generated);
    plan->conflict = std::move(insert.conflict);
    plan->returning = std::move(insert.returning);
    return with_child(std::move(plan), insert);
  }

  Result<PhysicalPtr> make_update(LogicalUpdate& update) {
    auto plan = std::make_unique<UpdatePlan>();
    const std::vector<OutputColumn>& input = update.children[0]->output;
    const Places child = places_of(input);
    const Places row = places_of(update.row);
    note_target(update.table, update.returning);
    plan->table = update.table;
    plan->row_key = child.at(update.row_key);
    for (const OutputColumn& column : update.old_row) plan->old_row.push_back(child.at(column.number));
    plan->columns = std::move(update.columns);
    remap(update.values, child);
    plan->values = std::move(update.values);
    remap(update.checks, row);
    for (auto& [ordinal, e] : update.generated) remap(*e, row);
    plan->rules.checks = std::move(update.checks);
    plan->rules.generated = std::move(update.generated);
    Places both = row;
    add_places(both, input, update.row.size());
    remap(update.returning.expressions, both);
    plan->returning = std::move(update.returning);
    return with_child(std::move(plan), update);
  }

  Result<PhysicalPtr> make_delete(LogicalDelete& erase) {
    auto plan = std::make_unique<DeletePlan>();
    const Places child = places_of(erase.children[0]->output);
    note_target(erase.table, erase.returning);
    plan->table = erase.table;
    plan->row_key = child.at(erase.row_key);
    for (const OutputColumn& column : erase.old_row) plan->old_row.push_back(child.at(column.number));
    remap(erase.returning.expressions, child);
    plan->returning = std::move(erase.returning);
    return with_child(std::move(plan), erase);
  }
};

}  // namespace

Result<std::shared_ptr<const PhysicalStatement>> make_physical(BoundStatement& statement) {
  auto physical = std::make_shared<PhysicalStatement>();
  const WorkingTableReaders readers(statement);
  Planner planner;
  physical->output = statement.plan->output;
  LDB_ASSIGN_OR_RETURN(physical->root, planner.plan(*statement.plan));
  for (auto& subplan : statement.subplans) {
    PhysicalSubplan made;
    made.kind = subplan->kind;
    made.op = subplan->op;
    made.operand_count = subplan->operand_count;
    made.slots = subplan->slots;
    made.single_row = subplan->single_row;
    made.recursions = readers.of_subplan(physical->subplans.size());
    if (subplan->plan) made.is_volatile = plan_is_volatile(*subplan->plan);
    if (subplan->plan) {
      LDB_ASSIGN_OR_RETURN(made.plan, planner.plan(*subplan->plan));
    }
    physical->subplans.push_back(std::move(made));
  }
  for (CommonTablePlan& cte : statement.ctes) {
    PhysicalCommonTable made;
    made.name = cte.name;
    made.has_side_effects = cte.has_side_effects;
    made.recursions = readers.of_cte(physical->ctes.size());
    if (cte.plan) {
      LDB_ASSIGN_OR_RETURN(made.plan, planner.plan(*cte.plan));
    }
    physical->ctes.push_back(std::move(made));
  }
  if (auto* modify = dynamic_cast<ModifyPlan*>(physical->root.get())) modify->is_root = true;
  physical->written = std::move(planner.written);
  physical->defer_writes = planner.returns_subplan;
  for (const PhysicalCommonTable& cte : physical->ctes) physical->defer_writes = physical->defer_writes || cte.has_side_effects;
  physical->parameter_types = statement.parameter_types;
  physical->slot_count = statement.slot_count;
  return std::shared_ptr<const PhysicalStatement>(std::move(physical));
}

}  // namespace ldb::sql
