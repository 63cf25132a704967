// SelectBinder: one SELECT core with its ORDER BY and LIMIT.
#pragma once

#include "sql/bind/binder.hpp"

namespace ldb::sql {

/// The order of work: FROM, WHERE, GROUP BY, then the expressions of the select list, HAVING and ORDER BY, which collect the
/// aggregates, windows and set-returning functions they need; those are put into the plan below them, and references rewritten to
/// their outputs. Used once.
class SelectBinder {
 public:
  SelectBinder(Binder& binder, const ast::SelectBody& body, const ast::Query& query, Level& level)
      : b_(binder), body_(body), query_(query), level_(level) {}
  /// Outputs may stay unknown-typed.
  Result<LogicalPtr> bind();

 private:
  struct Order {
    ExpressionPtr expression;  ///< null: output `output`
    std::size_t output = 0;
    SortKey key;
  };

  Result<LogicalPtr> bind_parts();
  Status bind_group_by();
  Status add_group_item(const ast::GroupItem& item, std::vector<std::vector<std::size_t>>& sets);
  Result<std::size_t> add_group(const ast::Expression& e);
  Result<ExpressionPtr> bind_group_expression(const ast::Expression& e);
  Status bind_order_by();
  Status bind_distinct_on();
  Status bind_output_reference(const ast::Expression& e, std::string_view clause, Order& out);
  bool is_grouped() const;
  Status build_aggregate();
  Status replace_groups(ExpressionPtr& e);
  Result<bool> add_dependent_group(const ColumnReference& column);
  Status build_windows();
  Status build_sets();
  Status build_project();
  Status each_late_expression(const std::function<Status(ExpressionPtr&)>& f);
  ExpressionPtr output_column(std::size_t output);

  Binder& b_;
  const ast::SelectBody& body_;
  const ast::Query& query_;
  Level& level_;
  Scope scope_;
  SelectCalls calls_;
  LogicalPtr plan_;
  std::vector<ExpressionPtr> items_;
  std::vector<std::string> names_;
  ExpressionPtr having_;
  std::vector<Order> order_;
  std::vector<Order> distinct_on_;
  std::vector<ExpressionPtr> groups_;
  std::vector<OutputColumn> group_columns_;
  std::vector<std::vector<std::size_t>> sets_;
  bool has_sets_ = false;
  std::vector<OutputColumn> output_;
};

}  // namespace ldb::sql
