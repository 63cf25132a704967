#include "sql/bind/select_binder.hpp"

#include <algorithm>

namespace ldb::sql {

Result<LogicalPtr> SelectBinder::bind() {
  // The level is shared with the caller (set operations bind several cores in one), so leave it as found.
  const Scope* scope = std::exchange(level_.scope, &scope_);
  SelectCalls* calls = std::exchange(level_.calls, &calls_);
  const std::string_view clause = level_.clause;
  auto result = bind_parts();
  level_.scope = scope;
  level_.calls = calls;
  level_.clause = clause;
  level_.allow_aggregates = level_.allow_windows = level_.allow_sets = false;
  return result;
}

Result<LogicalPtr> SelectBinder::bind_parts() {
  if (body_.into) return unsupported("SELECT INTO (use CREATE TABLE AS)", body_.position);
  level_.allow_aggregates = level_.allow_windows = level_.allow_sets = false;
  level_.clause = "FROM";
  LDB_ASSIGN_OR_RETURN(plan_, b_.bind_from(body_.from, level_, scope_));
  level_.scope = &scope_;
  if (body_.where) {
    level_.clause = "WHERE";
    LDB_ASSIGN_OR_RETURN(auto predicate, b_.bind_boolean(*body_.where, level_, "WHERE"));
    plan_ = make_filter(std::move(plan_), std::move(predicate));
  }
  for (const ast::NamedWindow& window : body_.windows) calls_.named_windows.push_back(&window);
  level_.clause = "SELECT";
  level_.allow_aggregates = level_.allow_windows = level_.allow_sets = true;
  LDB_TRY(b_.expand_items(body_.items, level_, items_, names_));
  level_.allow_aggregates = level_.allow_windows = level_.allow_sets = false;
  level_.clause = "GROUP BY";
  LDB_TRY(bind_group_by());
  if (body_.having) {
    level_.clause = "HAVING";
    level_.allow_aggregates = true;
    LDB_ASSIGN_OR_RETURN(having_, b_.bind_boolean(*body_.having, level_, "HAVING"));
  }
  level_.clause = "ORDER BY";
  level_.allow_aggregates = level_.allow_windows = true;
  LDB_TRY(bind_order_by());
  LDB_TRY(bind_distinct_on());
  level_.allow_aggregates = level_.allow_windows = false;
  if (is_grouped()) LDB_TRY(build_aggregate());
  if (!calls_.windows.empty()) LDB_TRY(build_windows());
  if (!calls_.sets.empty()) LDB_TRY(build_sets());
  LDB_TRY(build_project());
  return std::move(plan_);
}

bool SelectBinder::is_grouped() const {
  return !body_.group_by.empty() || having_ != nullptr || !calls_.aggregates.empty() || !calls_.groupings.empty();
}

/// GROUP BY takes places and output names where no input column has the name.
Result<ExpressionPtr> SelectBinder::bind_group_expression(const ast::Expression& e) {
  if (const auto* literal = e.as<ast::Literal>(); literal && literal->literal == ast::LiteralKind::kInteger) {
    if (literal->integer < 1 || literal->integer > static_cast<std::int64_t>(items_.size())) {
      return bind_error("42P10", "GROUP BY position " + std::to_string(literal->integer) + " is not in select list", e.position);
    }
    return clone(*items_[static_cast<std::size_t>(literal->integer - 1)]);
  }
  if (const auto* ref = e.as<ast::ColumnRef>(); ref && ref->parts.size() == 1) {
    const bool is_input = std::any_of(scope_.columns.begin(), scope_.columns.end(), [&](const ScopeColumn& column) {
      return !column.qualified_only && column.column == ref->parts[0];
    });
    if (!is_input) {
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if (names_[i] == ref->parts[0]) return clone(*items_[i]);
      }
    }
  }
  return b_.bind(e, level_);
}

Result<std::size_t> SelectBinder::add_group(const ast::Expression& e) {
  LDB_ASSIGN_OR_RETURN(auto bound, bind_group_expression(e));
  LDB_ASSIGN_OR_RETURN(bound, coerce_unknown_to_text(b_.build_, std::move(bound)));
  bool has_aggregate = false;
  walk(*bound, [&](const Expression& node) {
    const auto* column = node.as<ColumnReference>();
    for (const OutputColumn& aggregate : calls_.aggregate_columns) {
      has_aggregate = has_aggregate || (column && column->column == aggregate.number);
    }
  });
  if (has_aggregate) return bind_error("42803", "aggregate functions are not allowed in GROUP BY", e.position);
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (equal(*groups_[i], *bound)) return i;
  }
  group_columns_.push_back({b_.new_column(), implied_name(e), bound->type});
  groups_.push_back(std::move(bound));
  return groups_.size() - 1;
}

/// Appends the grouping sets that one item of GROUP BY stands for.
Status SelectBinder::add_group_item(const ast::GroupItem& item, std::vector<std::vector<std::size_t>>& sets) {
  const auto columns_of = [&](const ast::GroupItem& element, std::vector<std::size_t>& out) -> Status {
    if (const auto* row = element.expression ? element.expression->as<ast::Row>() : nullptr) {
      for (const ast::Expression* e : row->values) {
        LDB_ASSIGN_OR_RETURN(const std::size_t group, add_group(*e));
        out.push_back(group);
      }
      return {};
    }
    LDB_ASSIGN_OR_RETURN(const std::size_t group, add_group(*element.expression));
    out.push_back(group);
    return {};
  };
  switch (item.kind) {
    case ast::GroupItemKind::kExpression: {
      std::vector<std::size_t> set;
      LDB_TRY(columns_of(item, set));
      sets.push_back(std::move(set));
      return {};
    }
    case ast::GroupItemKind::kEmpty:
      sets.emplace_back();
      return {};
    case ast::GroupItemKind::kRollup:
    case ast::GroupItemKind::kCube: {
      std::vector<std::vector<std::size_t>> elements;
      for (const ast::GroupItem& element : item.items) {
        std::vector<std::size_t> columns;
        LDB_TRY(columns_of(element, columns));
        elements.push_back(std::move(columns));
      }
      if (item.kind == ast::GroupItemKind::kRollup) {
        for (std::size_t n = elements.size() + 1; n-- > 0;) {
          std::vector<std::size_t> set;
          for (std::size_t i = 0; i < n; ++i) set.insert(set.end(), elements[i].begin(), elements[i].end());
          sets.push_back(std::move(set));
        }
        return {};
      }
      if (elements.size() > 12) return bind_error("54011", "CUBE is limited to 12 elements", item.position);
      for (std::size_t mask = std::size_t{1} << elements.size(); mask-- > 0;) {
        std::vector<std::size_t> set;
        for (std::size_t i = 0; i < elements.size(); ++i) {
          if (mask >> (elements.size() - 1 - i) & 1) set.insert(set.end(), elements[i].begin(), elements[i].end());
        }
        sets.push_back(std::move(set));
      }
      return {};
    }
    case ast::GroupItemKind::kSets:
      for (const ast::GroupItem& element : item.items) LDB_TRY(add_group_item(element, sets));
      return {};
  }
  return {};
}

Status SelectBinder::bind_group_by() {
  std::vector<std::vector<std::size_t>> product{{}};
  for (const ast::GroupItem& item : body_.group_by) {
    if (item.kind != ast::GroupItemKind::kExpression) has_sets_ = true;
    std::vector<std::vector<std::size_t>> sets;
    LDB_TRY(add_group_item(item, sets));
    std::vector<std::vector<std::size_t>> next;
    for (const auto& left : product) {
      for (const auto& right : sets) {
        auto both = left;
        both.insert(both.end(), right.begin(), right.end());
        next.push_back(std::move(both));
      }
    }
    if (next.size() > 4096) return bind_error("54001", "too many grouping sets present (maximum 4096)", item.position);
    product = std::move(next);
  }
  if (!has_sets_) return {};
  for (auto& set : product) {
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
  }
  if (body_.group_by_distinct) {
    std::vector<std::vector<std::size_t>> distinct;
    for (auto& set : product) {
      if (std::find(distinct.begin(), distinct.end(), set) == distinct.end()) distinct.push_back(std::move(set));
    }
    product = std::move(distinct);
  }
  sets_ = std::move(product);
  return {};
}

/// A place, an output name (which wins over input columns), or an expression over the input.
Status SelectBinder::bind_output_reference(const ast::Expression& e, std::string_view clause, Order& out) {
  if (const auto* literal = e.as<ast::Literal>()) {
    if (literal->literal == ast::LiteralKind::kInteger) {
      if (literal->integer < 1 || literal->integer > static_cast<std::int64_t>(items_.size())) {
        return bind_error("42P10",
                          std::string(clause) + " position " + std::to_string(literal->integer) + " is not in select list",
                          e.position);
      }
      out.output = static_cast<std::size_t>(literal->integer - 1);
      return {};
    }
    if (literal->literal != ast::LiteralKind::kNull || clause == "DISTINCT ON") {
      return bind_error("42601", "non-integer constant in " + std::string(clause), e.position);
    }
  }
  if (const auto* ref = e.as<ast::ColumnRef>(); ref && ref->parts.size() == 1) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (names_[i] != ref->parts[0]) continue;
      if (found && !equal(*items_[*found], *items_[i])) {
        return bind_error("42702", std::string(clause) + " \"" + names_[i] + "\" is ambiguous", e.position);
      }
      if (!found) found = i;
    }
    if (found) {
      out.output = *found;
      return {};
    }
  }
  LDB_ASSIGN_OR_RETURN(out.expression, b_.bind(e, level_));
  LDB_ASSIGN_OR_RETURN(out.expression, coerce_unknown_to_text(b_.build_, std::move(out.expression)));
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!equal(*items_[i], *out.expression)) continue;
    out.output = i;
    out.expression = nullptr;
    return {};
  }
  return {};
}

Status SelectBinder::bind_order_by() {
  for (const ast::OrderItem& item : query_.order_by) {
    Order order;
    LDB_TRY(bind_output_reference(*item.expression, "ORDER BY", order));
    LDB_TRY(b_.sort_options(item, order.key));
    if (body_.distinct == ast::DistinctKind::kDistinct && order.expression != nullptr) {
      return bind_error("42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list", item.position);
    }
    order_.push_back(std::move(order));
  }
  return {};
}

Status SelectBinder::bind_distinct_on() {
  for (const ast::Expression* e : body_.distinct_on) {
    Order on;
    LDB_TRY(bind_output_reference(*e, "DISTINCT ON", on));
    distinct_on_.push_back(std::move(on));
  }
  if (distinct_on_.empty()) return {};
  // The leading ORDER BY expressions must be those of DISTINCT ON, in any order.
  const auto same = [](const Order& a, const Order& b) {
    if ((a.expression == nullptr) != (b.expression == nullptr)) return false;
    return a.expression ? equal(*a.expression, *b.expression) : a.output == b.output;
  };
  std::size_t matched = 0;
  bool gap = false;
  for (const Order& order : order_) {
    const bool listed = std::any_of(distinct_on_.begin(), distinct_on_.end(), [&](const Order& on) { return same(on, order); });
    if (listed && gap) {
      return bind_error("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                        body_.distinct_on[0]->position);
    }
    matched += listed ? 1 : 0;
    gap = gap || !listed;
  }
  if (gap && matched < distinct_on_.size()) {
    return bind_error("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                      body_.distinct_on[0]->position);
  }
  return {};
}

/// Everything evaluated above the aggregation.
Status SelectBinder::each_late_expression(const std::function<Status(ExpressionPtr&)>& f) {
  for (ExpressionPtr& item : items_) LDB_TRY(f(item));
  for (Order& order : order_) {
    if (order.expression) LDB_TRY(f(order.expression));
  }
  for (Order& on : distinct_on_) {
    if (on.expression) LDB_TRY(f(on.expression));
  }
  for (WindowRequest& window : calls_.windows) {
    for (ExpressionPtr& e : window.call.arguments) LDB_TRY(f(e));
    if (window.call.filter) LDB_TRY(f(window.call.filter));
    for (ExpressionPtr& e : window.partition_by) LDB_TRY(f(e));
    for (SortKey& key : window.order_by) LDB_TRY(f(key.expression));
  }
  for (SetRequest& set : calls_.sets) {
    for (ExpressionPtr& e : set.call.arguments) LDB_TRY(f(e));
  }
  return {};
}

Result<bool> SelectBinder::add_dependent_group(const ColumnReference& column) {
  if (has_sets_) return false;
  // A column of a table whose whole primary key is grouped by depends on it.
  for (const ScopeTable& table : scope_.tables) {
    if (table.table == nullptr) continue;
    const TableConstraint* key = table.table->primary_key();
    if (key == nullptr) continue;
    const ScopeColumn* own = nullptr;
    for (const ScopeColumn& candidate : scope_.columns) {
      if (candidate.table == table.alias && candidate.number == column.column) own = &candidate;
    }
    if (own == nullptr) continue;
    const bool all = std::all_of(key->columns.begin(), key->columns.end(), [&](Ordinal ordinal) {
      for (const ScopeColumn& candidate : scope_.columns) {
        if (candidate.table != table.alias || candidate.column != table.table->columns[ordinal].name) continue;
        for (const ExpressionPtr& group : groups_) {
          const auto* reference = group->as<ColumnReference>();
          if (reference && reference->column == candidate.number) return true;
        }
      }
      return false;
    });
    if (!all) continue;
    group_columns_.push_back({b_.new_column(), column.name, column.type});
    groups_.push_back(make_column(column.column, column.type, column.name));
    return true;
  }
  return false;
}

/// Rewrites an expression over the input into one over the aggregation's outputs, from the top so that the largest match wins.
Status SelectBinder::replace_groups(ExpressionPtr& e) {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (!equal(*e, *groups_[i])) continue;
    e = make_column(group_columns_[i].number, group_columns_[i].type, group_columns_[i].name, e->position);
    return {};
  }
  if (const auto* column = e->as<ColumnReference>()) {
    for (const OutputColumn& aggregate : calls_.aggregate_columns) {
      if (aggregate.number == column->column) return {};
    }
    for (const WindowRequest& window : calls_.windows) {
      if (window.number == column->column) return {};
    }
    for (const auto& [arguments, number] : calls_.groupings) {
      if (number == column->column) return {};
    }
    for (const SetRequest& set : calls_.sets) {
      if (set.number == column->column) return {};
    }
    LDB_ASSIGN_OR_RETURN(const bool dependent, add_dependent_group(*column));
    if (dependent) {
      e = make_column(group_columns_.back().number, group_columns_.back().type, group_columns_.back().name, e->position);
      return {};
    }
    std::string name = column->name;
    for (const ScopeColumn& candidate : scope_.columns) {
      if (candidate.number == column->column && !candidate.table.empty()) name = candidate.table + "." + candidate.column;
    }
    return bind_error("42803", "column \"" + name + "\" must appear in the GROUP BY clause or be used in an aggregate function",
                      e->position);
  }
  for (ExpressionPtr& child : e->children) LDB_TRY(replace_groups(child));
  return {};
}

Status SelectBinder::build_aggregate() {
  auto aggregate = std::make_unique<LogicalAggregate>();
  LDB_TRY(each_late_expression([&](ExpressionPtr& e) { return replace_groups(e); }));
  if (having_) LDB_TRY(replace_groups(having_));
  aggregate->sets = std::move(sets_);
  aggregate->output = group_columns_;
  aggregate->output.insert(aggregate->output.end(), calls_.aggregate_columns.begin(), calls_.aggregate_columns.end());
  for (auto& [arguments, number] : calls_.groupings) {
    std::vector<std::size_t> places;
    for (const ExpressionPtr& argument : arguments) {
      std::size_t place = 0;
      while (place < groups_.size() && !equal(*groups_[place], *argument)) ++place;
      if (place == groups_.size()) {
        return bind_error("42803", "arguments to GROUPING must be grouping expressions of the associated query level",
                          argument->position);
      }
      places.push_back(place);
    }
    aggregate->grouping_calls.push_back(std::move(places));
    aggregate->output.push_back({number, "grouping", {TypeId::kInteger, -1, 0}});
  }
  if (!aggregate->grouping_calls.empty() && aggregate->sets.empty()) {
    std::vector<std::size_t> all(groups_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    aggregate->sets.push_back(std::move(all));
  }
  aggregate->groups = std::move(groups_);
  aggregate->calls = std::move(calls_.aggregates);
  aggregate->children.push_back(std::move(plan_));
  plan_ = std::move(aggregate);
  if (having_) plan_ = make_filter(std::move(plan_), std::move(having_));
  return {};
}

Status SelectBinder::build_windows() {
  std::vector<bool> done(calls_.windows.size(), false);
  for (std::size_t i = 0; i < calls_.windows.size(); ++i) {
    if (done[i]) continue;
    auto window = std::make_unique<LogicalWindow>();
    window->output = plan_->output;
    WindowRequest& first = calls_.windows[i];
    for (std::size_t j = i; j < calls_.windows.size(); ++j) {
      WindowRequest& other = calls_.windows[j];
      const bool same =
          !done[j] &&
          std::equal(first.partition_by.begin(), first.partition_by.end(), other.partition_by.begin(), other.partition_by.end(),
                     [](const ExpressionPtr& a, const ExpressionPtr& b) { return equal(*a, *b); }) &&
          std::equal(first.order_by.begin(), first.order_by.end(), other.order_by.begin(), other.order_by.end(),
                     [](const SortKey& a, const SortKey& b) {
                       return equal(*a.expression, *b.expression) && a.descending == b.descending &&
                              a.nulls_first == b.nulls_first;
                     });
      if (!same) continue;
      done[j] = true;
      window->output.push_back(
          {other.number, other.call.name.empty() ? other.call.aggregate.function->name : other.call.name, other.call.type});
      window->calls.push_back(std::move(other.call));
    }
    window->partition_by = std::move(first.partition_by);
    window->order_by = std::move(first.order_by);
    window->children.push_back(std::move(plan_));
    plan_ = std::move(window);
  }
  return {};
}

Status SelectBinder::build_sets() {
  auto sets = std::make_unique<LogicalProjectSet>();
  sets->output = plan_->output;
  for (SetRequest& request : calls_.sets) {
    sets->output.push_back({request.number, request.call.function->name, request.call.function->columns[0].type});
    sets->calls.push_back(std::move(request.call));
  }
  sets->children.push_back(std::move(plan_));
  plan_ = std::move(sets);
  return {};
}

ExpressionPtr SelectBinder::output_column(std::size_t output) {
  return make_column(output_[output].number, output_[output].type, output_[output].name);
}

Status SelectBinder::build_project() {
  const std::size_t width = items_.size();
  for (std::size_t i = 0; i < width; ++i) output_.push_back({b_.new_column(), names_[i], items_[i]->type});
  const bool distinct = body_.distinct == ast::DistinctKind::kDistinct;
  const bool sorted = distinct || !order_.empty() || !distinct_on_.empty();
  if (sorted) {  // sorting and DISTINCT need types
    for (std::size_t i = 0; i < width; ++i) {
      LDB_ASSIGN_OR_RETURN(items_[i], coerce_unknown_to_text(b_.build_, std::move(items_[i])));
      output_[i].type = items_[i]->type;
    }
  }
  const auto hide = [&](Order& order) {
    if (order.expression == nullptr) return;
    order.output = items_.size();
    output_.push_back({b_.new_column(), "", order.expression->type});
    items_.push_back(std::move(order.expression));
  };
  for (Order& order : order_) hide(order);
  for (Order& on : distinct_on_) hide(on);
  plan_ = make_project(std::move(plan_), std::move(items_), output_);
  if (distinct) {
    auto unique = std::make_unique<LogicalDistinct>();
    unique->output = plan_->output;
    unique->children.push_back(std::move(plan_));
    plan_ = std::move(unique);
  }
  if (!order_.empty()) {
    auto sort = std::make_unique<LogicalSort>();
    for (Order& order : order_) {
      order.key.expression = output_column(order.output);
      sort->keys.push_back(std::move(order.key));
    }
    sort->output = plan_->output;
    sort->children.push_back(std::move(plan_));
    plan_ = std::move(sort);
  }
  if (!distinct_on_.empty()) {
    auto unique = std::make_unique<LogicalDistinct>();
    for (const Order& on : distinct_on_) unique->on.push_back(output_column(on.output));
    unique->output = plan_->output;
    unique->children.push_back(std::move(plan_));
    plan_ = std::move(unique);
  }
  LDB_ASSIGN_OR_RETURN(plan_, b_.apply_limit(std::move(plan_), query_, level_));
  if (plan_->output.size() > width) {
    std::vector<ExpressionPtr> kept;
    std::vector<OutputColumn> output;
    for (std::size_t i = 0; i < width; ++i) {
      kept.push_back(output_column(i));
      output.push_back({b_.new_column(), output_[i].name, output_[i].type});
    }
    plan_ = make_project(std::move(plan_), std::move(kept), std::move(output));
  }
  return {};
}

}  // namespace ldb::sql
