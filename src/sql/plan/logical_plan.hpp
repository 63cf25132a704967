// Logical plans: what a statement computes, before it is decided how. Made by the binder, rewritten by the optimizer, turned into
// physical plans by the planner.
//
// Columns have numbers that are unique in the whole statement; ColumnReference::column holds such a number until the planner
// replaces it by a place in a batch. So nodes can be moved without renumbering anything.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql/catalog/schema.hpp"
#include "sql/expr/aggregate.hpp"
#include "sql/expr/expression.hpp"

namespace ldb::sql {

using ColumnNumber = std::size_t;

struct OutputColumn {
  ColumnNumber number = 0;
  std::string name;
  DataType type;
};

enum class LogicalKind : std::uint8_t {
  kScan,
  kValues,
  kFilter,
  kProject,
  kJoin,
  kAggregate,
  kWindow,
  kSort,
  kLimit,
  kDistinct,
  kSetOperation,
  kCteScan,
  kRecursion,
  kTableFunction,
  kProjectSet,
  kInsert,
  kUpdate,
  kDelete,
};

struct LogicalPlan;
using LogicalPtr = std::unique_ptr<LogicalPlan>;

/// A node. Children by kind: none, one, or left and right.
struct LogicalPlan {
  LogicalKind kind;
  std::vector<LogicalPtr> children;
  std::vector<OutputColumn> output;
  double rows = 0;  ///< estimated

  explicit LogicalPlan(LogicalKind k) : kind(k) {}
  virtual ~LogicalPlan() = default;
  LogicalPlan(const LogicalPlan&) = delete;
  LogicalPlan& operator=(const LogicalPlan&) = delete;
  template <class T>
  T* as() {
    return kind == T::kKind ? static_cast<T*>(this) : nullptr;
  }
  template <class T>
  const T* as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};
template <LogicalKind K>
struct LogicalOf : LogicalPlan {
  static constexpr LogicalKind kKind = K;
  LogicalOf() : LogicalPlan(K) {}
};

/// One end of a range over the column behind the equalities.
struct KeyBound {
  ExpressionPtr value;  ///< without columns; null: open
  bool inclusive = false;
};
/// Which part of a table a scan reads: rows in key order, or an index and then the rows.
struct AccessPath {
  enum class Kind : std::uint8_t { kSequential, kKey, kIndex };
  Kind kind = Kind::kSequential;
  IndexId index;
  std::vector<ExpressionPtr> equal;  ///< values for the leading key columns
  KeyBound lower, upper;             ///< for the next one
  bool is_point = false;             ///< at most one row: every column of a key or unique index is fixed
};

/// Output i is table column ordinals[i], or the storage key (BYTEA) for kRowKey.
struct LogicalScan : LogicalOf<LogicalKind::kScan> {
  static constexpr Ordinal kRowKey = ~Ordinal{0};
  std::shared_ptr<const Table> table;
  std::string alias;
  std::vector<Ordinal> ordinals;
  AccessPath path;
};
/// Rows of expressions without columns; no outputs and one row: the input of SELECT without FROM.
struct LogicalValues : LogicalOf<LogicalKind::kValues> {
  std::vector<std::vector<ExpressionPtr>> values;
};
struct LogicalFilter : LogicalOf<LogicalKind::kFilter> {
  std::vector<ExpressionPtr> conjuncts;
};
struct LogicalProject : LogicalOf<LogicalKind::kProject> {
  std::vector<ExpressionPtr> expressions;
};

enum class JoinType : std::uint8_t { kInner, kLeft, kRight, kFull, kSemi, kAnti };
/// A column of an outer query: the executor puts `value` (evaluated outside) into parameter slot `slot` before the inner plan
/// runs.
struct OuterReference {
  std::size_t slot = 0;
  ExpressionPtr value;
};
struct LogicalJoin : LogicalOf<LogicalKind::kJoin> {
  JoinType type = JoinType::kInner;
  std::vector<ExpressionPtr> conditions;
  /// kAnti as NOT IN wants it: a NULL on either side is "unknown", which drops the row unless the right side is empty. One
  /// condition.
  bool null_aware = false;
  /// LATERAL: the right side uses these columns of the left and runs once per left row. kInner and kLeft only.
  bool lateral = false;
  std::vector<OuterReference> outer;
};

struct SortKey {
  ExpressionPtr expression;
  bool descending = false;
  bool nulls_first = false;
};
struct AggregateCall {
  ResolvedAggregate function;
  std::vector<ExpressionPtr> arguments;
  bool distinct = false;
  ExpressionPtr filter;  ///< may be null
  std::vector<SortKey> order_by;
  std::string text;  ///< for EXPLAIN
};
/// Outputs: groups, then calls. Without groups: one row always.
struct LogicalAggregate : LogicalOf<LogicalKind::kAggregate> {
  std::vector<ExpressionPtr> groups;
  std::vector<AggregateCall> calls;
  /// GROUPING SETS: each lists the groups (by place) that count; the others are NULL. Empty: one set with all groups.
  std::vector<std::vector<std::size_t>> sets;
  /// With `sets`, an extra output behind the calls for each GROUPING(...): places of its arguments among the groups.
  std::vector<std::vector<std::size_t>> grouping_calls;
};

enum class FrameUnit : std::uint8_t { kRows, kRange, kGroups };
enum class FrameEdge : std::uint8_t { kUnboundedPreceding, kPreceding, kCurrentRow, kFollowing, kUnboundedFollowing };
enum class FrameExclusion : std::uint8_t { kNoOthers, kCurrentRow, kGroup, kTies };
struct WindowFrame {
  FrameUnit unit = FrameUnit::kRange;
  FrameEdge start = FrameEdge::kUnboundedPreceding;
  FrameEdge end = FrameEdge::kCurrentRow;
  ExpressionPtr start_offset, end_offset;
  FrameExclusion exclusion = FrameExclusion::kNoOthers;
};
struct WindowCall {
  std::string name;  ///< of a window function proper; empty: `aggregate`
  ResolvedAggregate aggregate;
  std::vector<ExpressionPtr> arguments;
  ExpressionPtr filter;
  WindowFrame frame;
  DataType type;
};
/// Outputs: those of the child, then one per call. All calls share one partitioning and order.
struct LogicalWindow : LogicalOf<LogicalKind::kWindow> {
  std::vector<ExpressionPtr> partition_by;
  std::vector<SortKey> order_by;
  std::vector<WindowCall> calls;
};
struct LogicalSort : LogicalOf<LogicalKind::kSort> {
  std::vector<SortKey> keys;
};
struct LogicalLimit : LogicalOf<LogicalKind::kLimit> {
  ExpressionPtr limit, offset;  ///< either may be null; bigint, without columns
  bool with_ties = false;       ///< the child is a LogicalSort
};
/// `on` empty: all columns. Otherwise DISTINCT ON: the first row of each, in the order of the child.
struct LogicalDistinct : LogicalOf<LogicalKind::kDistinct> {
  std::vector<ExpressionPtr> on;
};
enum class SetOperationKind : std::uint8_t { kUnion, kIntersect, kExcept };
/// Columns of both children have the types of the outputs.
struct LogicalSetOperation : LogicalOf<LogicalKind::kSetOperation> {
  SetOperationKind operation = SetOperationKind::kUnion;
  bool all = false;
};
/// Reads what common table expression `cte` produced, or the working table of a recursion.
struct LogicalCteScan : LogicalOf<LogicalKind::kCteScan> {
  std::size_t cte = 0;
  bool working_table = false;
  std::string name;
};
/// WITH RECURSIVE: children are the non-recursive and the recursive term.
struct LogicalRecursion : LogicalOf<LogicalKind::kRecursion> {
  std::size_t cte = 0;
  bool all = false;
  std::string name;
};

struct ExecContext;
/// Gives rows one by one: fills `row` with the columns' values, or returns false at the end and then for ever.
using RowGenerator = std::function<Result<bool>(std::vector<Value>& row)>;
/// Rows out of a function: generate_series(...), or a virtual table such as ldb.nodes.
struct TableFunction {
  std::string name;
  std::vector<OutputColumn> columns;  ///< numbers unused
  /// Called once per execution with the arguments' values; the context outlives the generator.
  std::function<Result<RowGenerator>(std::span<const Value>, ExecContext&)> open;
  double estimated_rows = 100;
};
struct LogicalTableFunction : LogicalOf<LogicalKind::kTableFunction> {
  std::shared_ptr<const TableFunction> function;
  std::vector<ExpressionPtr> arguments;
  bool with_ordinality = false;
};
/// Set-returning functions in a select list: outputs of the child, then one per function; rows are multiplied, shorter sets end
/// in NULLs.
struct LogicalProjectSet : LogicalOf<LogicalKind::kProjectSet> {
  struct Call {
    std::shared_ptr<const TableFunction> function;
    std::vector<ExpressionPtr> arguments;
  };
  std::vector<Call> calls;
};

/// What to do about rows that exist already.
struct ConflictAction {
  enum class Kind : std::uint8_t { kError, kNothing, kUpdate };
  Kind kind = Kind::kError;
  std::optional<std::string> constraint;  ///< arbiter; none: any (kNothing only)
  IndexId index;                          ///< the arbiter's unique index; 0: the storage key
  bool any_arbiter = false;
  std::vector<Ordinal> columns;       ///< assigned by kUpdate
  std::vector<ExpressionPtr> values;  ///< over the existing row's and EXCLUDED's columns
  ExpressionPtr where;
  std::vector<OutputColumn> existing, excluded;  ///< column numbers, one per table column each
};
/// Base of the three: outputs are RETURNING's; `returning` is over `row`, the numbers of the affected row's columns, and the
/// child's outputs.
struct Returning {
  std::vector<ExpressionPtr> expressions;
  bool active = false;
};
/// Child: one column per table column, in table order, of the columns' types.
struct LogicalInsert : LogicalOf<LogicalKind::kInsert> {
  std::shared_ptr<const Table> table;
  std::vector<OutputColumn> row;      ///< the new row, for CHECK, generated columns and RETURNING
  std::vector<ExpressionPtr> checks;  ///< one per CHECK constraint, in Table::constraints order
  std::vector<std::pair<Ordinal, ExpressionPtr>> generated;
  ConflictAction conflict;
  Returning returning;
};
/// Child: the row key, all columns of the old row, and whatever FROM adds.
struct LogicalUpdate : LogicalOf<LogicalKind::kUpdate> {
  std::shared_ptr<const Table> table;
  ColumnNumber row_key = 0;
  std::vector<OutputColumn> old_row;
  std::vector<OutputColumn> row;      ///< the new row
  std::vector<Ordinal> columns;       ///< assigned
  std::vector<ExpressionPtr> values;  ///< over the child's outputs
  std::vector<ExpressionPtr> checks;
  std::vector<std::pair<Ordinal, ExpressionPtr>> generated;
  Returning returning;
};
/// Child: the row key, all columns of the row, and whatever USING adds.
struct LogicalDelete : LogicalOf<LogicalKind::kDelete> {
  std::shared_ptr<const Table> table;
  ColumnNumber row_key = 0;
  std::vector<OutputColumn> old_row;
  Returning returning;
};

enum class SubplanKind : std::uint8_t { kScalar, kExists, kAny, kAll };
/// The plan behind a SubplanExpression. The expression's children: `operand_count` test operands, then one value per slot.
struct Subplan {
  SubplanKind kind = SubplanKind::kScalar;
  CompareOp op = CompareOp::kEqual;  ///< kAny, kAll: operands op columns (rows: kEqual and kNotEqual only)
  std::size_t operand_count = 0;
  std::vector<std::size_t> slots;
  bool single_row = false;  ///< kAny for (a, b) = (SELECT ...): more than one row is an error, none gives NULL
  LogicalPtr plan;
};
struct CommonTablePlan {
  std::string name;
  LogicalPtr plan;  ///< run once, on first use
  std::size_t references = 0;
  bool has_side_effects = false;  ///< INSERT/UPDATE/DELETE: runs to its end also when nothing reads it
};

/// A bound statement that produces or changes rows.
struct BoundStatement {
  LogicalPtr plan;
  std::vector<std::unique_ptr<Subplan>> subplans;  ///< by SubplanExpression::id
  std::vector<CommonTablePlan> ctes;
  std::vector<DataType> parameter_types;
  std::size_t slot_count = 0;  ///< parameters and outer references
  std::size_t next_column = 0;
};

/// All expressions of a node (not of its children), for rewriting in place.
void for_each_expression(LogicalPlan& plan, const std::function<void(ExpressionPtr&)>& f);

}  // namespace ldb::sql
