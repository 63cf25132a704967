// INSERT, UPDATE and DELETE as operators. They read their input to its end first, then write, so that no statement sees its own
// rows.
#pragma once

#include "sql/exec/physical_plan.hpp"

namespace ldb::sql {

/// CHECK constraints (in the order of Table::constraints) and generated columns, over one row of the table.
struct RowRules {
  std::vector<ExpressionPtr> checks;
  std::vector<std::pair<Ordinal, ExpressionPtr>> generated;
};

/// Fills generated columns of a batch that holds whole rows of `table`, then checks NOT NULL (23502) and CHECK (23514).
Status apply_row_rules(const Table& table, const RowRules& rules, Batch& batch, ExecContext& context);

/// The same for one row; returns it completed.
Result<std::vector<Value>> apply_row_rules(const Table& table, const RowRules& rules, std::vector<Value> row,
                                           ExecContext& context);

/// Without RETURNING no rows come out and `affected` says how many were changed; with it, one row for each.
struct ModifyPlan : PhysicalPlan {
  std::shared_ptr<const Table> table;
  RowRules rules;
  Returning returning;
  bool is_root = false;  ///< its rows are what the statement reports
};
struct InsertPlan final : ModifyPlan {
  ConflictAction conflict;  ///< `values` and `where` over the existing row's columns, then the proposed row's
  std::string name() const override { return "Insert on " + table->name.name; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
struct UpdatePlan final : ModifyPlan {
  std::size_t row_key = 0;           ///< place in the child's output
  std::vector<std::size_t> old_row;  ///< places of the table's columns
  std::vector<Ordinal> columns;
  std::vector<ExpressionPtr> values;  ///< over the child
  std::string name() const override { return "Update on " + table->name.name; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};
struct DeletePlan final : ModifyPlan {
  std::size_t row_key = 0;
  std::vector<std::size_t> old_row;
  std::string name() const override { return "Delete on " + table->name.name; }
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

}  // namespace ldb::sql
