// SqlPrinter: AST back to SQL text. Use through to_sql.hpp.
#pragma once

#include <string>
#include <string_view>

#include "sql/parse/ast.hpp"

namespace ldb::sql {

/// Appends SQL to a string. Recursion is bounded by the height of the AST.
class SqlPrinter {
 public:
  std::string take() { return std::move(out_); }

  /// `lowest`: precedence below which parentheses are needed; 0 never.
  void expression(const ast::Expression& e, int lowest = 0);
  void query(const ast::Query& q);
  void type(const ast::TypeName& t);
  void name(const ast::QualifiedName& n);
  void identifier(std::string_view name);

 private:
  using E = const ast::Expression*;

  void put(std::string_view text) { out_ += text; }
  template <class Items, class Print>
  void list(const Items& items, Print print) {
    bool first = true;
    for (const auto& item : items) {
      if (!first) put(", ");
      first = false;
      print(item);
    }
  }
  void expressions(List<E> items) {
    list(items, [&](E e) { expression(*e); });
  }
  void names(List<ast::Name> items);
  void words(List<std::string_view> items);
  void dotted(List<std::string_view> parts);
  void subquery(const ast::Query& q);

  // sql_printer.cpp
  void node(const ast::Expression& e);
  void literal(const ast::Literal& e);
  void unary(const ast::Unary& e);
  void binary(const ast::Binary& e);
  void logical(const ast::Logical& e);
  void function_call(const ast::FunctionCall& e);
  void special_call(const ast::SpecialCall& e);
  void current_value(const ast::CurrentValue& e);
  void case_expression(const ast::Case& e);
  void cast(const ast::Cast& e);
  void like(const ast::Like& e);
  void is_test(const ast::IsTest& e);
  void quantified(const ast::Quantified& e);
  void row(const ast::Row& e);
  void subscript(const ast::Subscript& e);
  void indirection_base(const ast::Expression& e);
  void predicate(const ast::Expression& e);
  void extract(const ast::Extract& e);

  // sql_printer_query.cpp
  void window(const ast::WindowSpec& w);
  void frame(const ast::WindowFrame& f);
  void frame_bound(const ast::FrameBound& b);
  void order_items(List<ast::OrderItem> items);
  void sort_direction(ast::SortDirection direction, ast::NullsOrder nulls);
  void body(const ast::QueryBody& b, bool operand);
  void select(const ast::SelectBody& s);
  void select_items(List<ast::SelectItem> items);
  void values(const ast::ValuesBody& v);
  void group_item(const ast::GroupItem& item);
  void with(const ast::WithClause& w);
  void common_table(const ast::CommonTable& table);
  void query_tail(const ast::Query& q);
  void locking(const ast::LockingClause& clause);
  void from(List<const ast::TableRef*> items);
  void table_ref(const ast::TableRef& t);
  void named_table(const ast::NamedTable& t);
  void function_table(const ast::FunctionTable& t);
  void join(const ast::Join& j);
  void alias(const ast::TableAlias& a);
  void column_types(List<ast::ColumnTypeDefinition> columns);

  // sql_printer_statement.cpp
  void statement(const ast::Statement& s);
  void insert(const ast::Insert& s);
  void update(const ast::Update& s);
  void delete_rows(const ast::Delete& s);
  void merge(const ast::Merge& s);
  void merge_when(const ast::MergeWhen& when);
  void target(const ast::TargetTable& t);
  void overriding(ast::Overriding overriding);
  void assignments(List<ast::Assignment> items);
  void on_conflict(const ast::OnConflict& c);
  void index_element(const ast::IndexElement& e);
  void returning(List<ast::SelectItem> items);

  friend std::string to_sql(const ast::Statement& s);
  std::string out_;
};

}  // namespace ldb::sql
