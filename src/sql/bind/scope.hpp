// Scopes: which names a place in a statement can use.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sql/parse/ast.hpp"
#include "sql/plan/logical_plan.hpp"

namespace ldb::sql {

struct ScopeColumn {
  std::string table;  ///< alias of its FROM item; empty for a column merged by USING
  std::string column;
  ColumnNumber number = 0;
  DataType type;
  bool qualified_only = false;  ///< merged by USING: t.c reaches it, c and * do not
  std::string schema;           ///< of a table named without an alias
};
/// A FROM item.
struct ScopeTable {
  std::string alias;
  std::string schema;                  ///< of a table named without an alias
  std::shared_ptr<const Table> table;  ///< of a base table
  std::size_t first_column = 0;        ///< its columns stand together in Scope::columns before joins merge any
  bool hidden = false;                 ///< cannot be named (the alias was replaced)
};
struct Scope {
  std::vector<ScopeColumn> columns;
  std::vector<ScopeTable> tables;
};

/// A name that WITH gave.
struct CommonTableName {
  std::string name;
  std::size_t cte = 0;
  bool working_table = false;  ///< inside the recursive term
  std::vector<OutputColumn> columns;
  /// Of a query that uses columns from outside its WITH: bound anew at each reference, as if written there.
  const ast::Query* inlined = nullptr;
};

/// A window call before it is known what it is computed over.
struct WindowRequest {
  WindowCall call;
  std::vector<ExpressionPtr> partition_by;
  std::vector<SortKey> order_by;
  ColumnNumber number = 0;
};

/// A set-returning function in a select list.
struct SetRequest {
  LogicalProjectSet::Call call;
  ColumnNumber number = 0;
};

/// Gathers what a SELECT's expressions need computed below its select list.
struct SelectCalls {
  std::vector<AggregateCall> aggregates;
  std::vector<OutputColumn> aggregate_columns;
  std::vector<std::pair<std::vector<ExpressionPtr>, ColumnNumber>> groupings;  ///< GROUPING(...)
  std::vector<WindowRequest> windows;
  std::vector<SetRequest> sets;
  std::vector<const ast::NamedWindow*> named_windows;
};

/// One query in a nest of queries, while it is bound.
struct Level {
  Level* parent = nullptr;
  const Scope* scope = nullptr;  ///< null: nothing visible here
  /// A derived table or LATERAL item becomes part of its parent's plan, so the parent's parameter slots are its own.
  bool inlined = false;
  bool top = false;                   ///< the statement itself: its WITH may change data
  std::vector<OuterReference> outer;  ///< columns of the parent that were used, by slot
  std::vector<CommonTableName> ctes;  ///< those of this level's WITH; later ones hide earlier ones
  /// Where aggregates, window calls and set-returning functions may stand; null: nowhere here (`clause` says where this is).
  SelectCalls* calls = nullptr;
  bool allow_aggregates = false;
  bool allow_windows = false;
  bool allow_sets = false;
  bool inside_aggregate = false;
  std::string_view clause = "this place";
};

}  // namespace ldb::sql
