// Binder: a parsed statement becomes a logical plan with every name and type resolved.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/bind/scope.hpp"
#include "sql/catalog/catalog.hpp"
#include "sql/expr/build.hpp"
#include "sql/parse/ast.hpp"
#include "sql/plan/logical_plan.hpp"

namespace ldb::sql {

/// Tables and set-returning functions that are computed rather than stored.
class TableFunctionSource {
 public:
  virtual ~TableFunctionSource() = default;
  /// ldb.nodes, information_schema.tables, ...; null when there is none.
  virtual std::shared_ptr<const TableFunction> find_table(std::string_view schema, std::string_view name) const = 0;
  /// generate_series and friends. `arguments` are coerced to what it takes. Null when no function has the name; 42883 when none
  /// takes these arguments.
  virtual Result<std::shared_ptr<const TableFunction>> find_function(BuildContext& build, std::string_view name,
                                                                     std::vector<ExpressionPtr>& arguments,
                                                                     std::uint32_t position) const = 0;
};

/// What names mean. Borrowed parts outlive the binder.
struct BindEnvironment {
  std::shared_ptr<const Catalog> catalog;
  std::string database;
  std::vector<std::string> search_path;
  const FunctionRegistry* functions = nullptr;
  const TableFunctionSource* table_functions = nullptr;
};

/// 42P01, 42703 and the like: a Status with SQLSTATE and position.
Status bind_error(std::string_view sqlstate, std::string message, std::uint32_t position = 0);
Status unsupported(std::string what, std::uint32_t position = 0);  ///< 0A000

/// The type as ldb's, 42704 when there is no such type, 0A000 when PostgreSQL has it and ldb does not.
Result<DataType> resolve_type(const ast::TypeName& type);

/// Binds one statement; make a new one for each. One thread.
class Binder {
 public:
  /// `parameter_count`: the highest $n of the script. `parameter_types`: those known beforehand.
  Binder(const BindEnvironment& environment, std::size_t parameter_count, std::vector<DataType> parameter_types = {});

  /// SELECT, VALUES, INSERT, UPDATE, DELETE. Errors: SQLSTATE class 42 and friends with position, 0A000.
  Result<std::unique_ptr<BoundStatement>> bind(const ast::Statement& statement);

  /// An expression over one row of `table` (CHECK, generated column): column i of the table has number `row[i].number`.
  Result<ExpressionPtr> bind_row_expression(const ast::Expression& expression, const Table& table,
                                            const std::vector<OutputColumn>& row, std::string_view what);
  /// An expression without columns or subqueries (DEFAULT, EXECUTE's arguments), as `type` (kUnknownType: its own).
  Result<ExpressionPtr> bind_constant_expression(const ast::Expression& expression, DataType type, std::string_view what);

  std::size_t new_slot(DataType type);
  ColumnNumber new_column() { return statement_->next_column++; }

 private:
  friend class SelectBinder;

  // bind_query.cpp
  Result<LogicalPtr> bind_query(const ast::Query& query, Level& level, bool keep_unknown = false);
  Result<LogicalPtr> bind_body(const ast::QueryBody& body, Level& level);
  Result<LogicalPtr> bind_values(const ast::ValuesBody& body, Level& level);
  Result<LogicalPtr> bind_set_operation(const ast::SetOperationBody& body, Level& level);
  Result<LogicalPtr> combine(LogicalPtr left, LogicalPtr right, const ast::SetLink& link);
  Status bind_with(const ast::WithClause& with, Level& level);
  Result<LogicalPtr> bind_writing(const ast::Statement& statement, Level& inner, const Level& level);
  bool uses_outer_slots(LogicalPlan& plan) const;
  Result<std::size_t> bind_recursive(const ast::CommonTable& table, Level& level, CommonTableName& name);
  Result<LogicalPtr> apply_order_and_limit(LogicalPtr plan, const ast::Query& query, Level& level);
  Result<LogicalPtr> apply_limit(LogicalPtr plan, const ast::Query& query, Level& level);
  Status coerce_output(LogicalPtr& plan, std::size_t column, DataType type, CastContext cast);
  Status settle_unknown(LogicalPtr& plan);

  // bind_from.cpp
  Result<LogicalPtr> bind_from(std::span<const ast::TableRef* const> from, Level& level, Scope& scope);
  Result<LogicalPtr> bind_table_ref(const ast::TableRef& ref, Level& level, Scope& scope, std::vector<OuterReference>* lateral);
  Result<LogicalPtr> bind_named_table(const ast::NamedTable& ref, Level& level, Scope& scope);
  Result<LogicalPtr> bind_view(const View& view, const ast::NamedTable& ref);
  Result<LogicalPtr> bind_derived(const ast::Query& query, Level& level, bool lateral, std::vector<OuterReference>* outer);
  Result<LogicalPtr> bind_function_table(const ast::FunctionTable& ref, Level& level, Scope& scope,
                                         std::vector<OuterReference>* outer);
  Result<LogicalPtr> bind_join(const ast::Join& ref, Level& level, Scope& scope, std::vector<OuterReference>* outer);
  Status add_to_scope(const LogicalPlan& plan, std::string_view alias_name, const ast::TableAlias& alias, Scope& scope);
  Result<LogicalPtr> join_using(LogicalPtr join, const ast::Join& ref, Scope& left, Scope& right, Scope& scope);
  LogicalPtr scan(std::shared_ptr<const Table> table, std::string_view alias, bool with_row_key = false);
  Result<std::shared_ptr<const Table>> target_table(const ast::TargetTable& target, std::string_view verb);

  // bind_dml.cpp, bind_update.cpp
  Result<LogicalPtr> bind_insert(const ast::Insert& insert, Level& level);
  Result<LogicalPtr> insert_source(const ast::Insert& insert, const Table& table, const std::vector<Ordinal>& targets,
                                   Level& level);
  Status bind_on_conflict(const ast::OnConflict& clause, LogicalInsert& insert, const ast::TargetTable& target, Level& level);
  Result<LogicalPtr> bind_update(const ast::Update& update, Level& level);
  Result<LogicalPtr> bind_delete(const ast::Delete& erase, Level& level);
  Status bind_assignments(std::span<const ast::Assignment> assignments, const Table& table, Level& level,
                          std::vector<Ordinal>& columns, std::vector<ExpressionPtr>& values);
  Status bind_row_rules(const Table& table, const std::vector<OutputColumn>& row, std::vector<ExpressionPtr>& checks,
                        std::vector<std::pair<Ordinal, ExpressionPtr>>& generated);
  Status bind_returning(std::span<const ast::SelectItem> items, Level& level, LogicalPlan& plan, Returning& returning);
  Result<ExpressionPtr> default_of(const Column& column);
  Status expand_items(std::span<const ast::SelectItem> items, Level& level, std::vector<ExpressionPtr>& expressions,
                      std::vector<std::string>& names);

  // bind_expression.cpp and bind_call.cpp
  Result<ExpressionPtr> bind(const ast::Expression& e, Level& level);
  Result<ExpressionPtr> bind_boolean(const ast::Expression& e, Level& level, std::string_view what);
  Result<ExpressionPtr> bind_column(const ast::ColumnRef& ref, Level& level);
  Result<ExpressionPtr> resolve_column(const ast::ColumnRef& ref, Level& level, bool& found_table);
  Result<ExpressionPtr> bind_literal(const ast::Literal& literal);
  Result<ExpressionPtr> bind_interval_literal(const ast::Cast& cast);
  Result<ExpressionPtr> bind_binary(const ast::Binary& binary, Level& level);
  Result<ExpressionPtr> bind_operator(std::string_view symbol, const ast::Expression* left_ast, ExpressionPtr left,
                                      const ast::Expression& right_ast, Level& level, std::uint32_t position);
  Result<ExpressionPtr> bind_row_comparison(std::string_view symbol, const ast::Row& left, const ast::Row& right, Level& level,
                                            std::uint32_t position);
  Result<ExpressionPtr> bind_logical(const ast::Logical& logical, Level& level);
  Result<ExpressionPtr> bind_case(const ast::Case& e, Level& level);
  Result<ExpressionPtr> bind_in_list(const ast::InList& e, Level& level);
  Result<ExpressionPtr> bind_like(const ast::Like& e, Level& level);
  Result<ExpressionPtr> bind_call(const ast::FunctionCall& call, Level& level);
  Result<ExpressionPtr> bind_aggregate(const ast::FunctionCall& call, Level& level);
  // bind_outer.cpp
  Level* aggregate_level(const ast::FunctionCall& call, Level& level) const;
  ExpressionPtr import_outer(ExpressionPtr e, Level& level, Level& home);
  ExpressionPtr import_one(ExpressionPtr outside, Level& level);

  Result<ExpressionPtr> bind_window(const ast::FunctionCall& call, Level& level);
  Status bind_window_spec(const ast::WindowSpec& spec, Level& level, WindowRequest& request);
  Result<ExpressionPtr> bind_special(const ast::SpecialCall& call, Level& level);
  Result<ExpressionPtr> bind_current_value(const ast::CurrentValue& e);
  Result<std::vector<SortKey>> bind_sort_keys(std::span<const ast::OrderItem> items, Level& level);
  Status sort_options(const ast::OrderItem& item, SortKey& key);

  // bind_subquery.cpp
  Result<ExpressionPtr> bind_scalar_subquery(const ast::Query& query, Level& level, std::uint32_t position);
  Result<ExpressionPtr> bind_exists(const ast::Query& query, Level& level, std::uint32_t position);
  Result<ExpressionPtr> bind_quantified(const ast::Expression& operand, CompareOp op, bool all, const ast::Query& query,
                                        Level& level, std::uint32_t position);
  ExpressionPtr make_subplan(SubplanKind kind, LogicalPtr plan, DataType type, std::vector<ExpressionPtr> operands, Level& inner,
                             std::uint32_t position, std::string description);

  const BindEnvironment& environment_;
  std::unique_ptr<BoundStatement> statement_;
  BuildContext build_;
  std::size_t view_depth_ = 0;
};

/// Splits an AND into its operands.
void split_conjuncts(ExpressionPtr e, std::vector<ExpressionPtr>& out);
/// What a column of the select list is called when nobody named it.
std::string implied_name(const ast::Expression& e);
/// "plan" with a Project on top that makes `expressions`.
LogicalPtr make_project(LogicalPtr child, std::vector<ExpressionPtr> expressions, std::vector<OutputColumn> output);
LogicalPtr make_filter(LogicalPtr child, ExpressionPtr predicate);

}  // namespace ldb::sql
