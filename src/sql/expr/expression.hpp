// Bound expressions: names and types resolved, ready to be evaluated over batches. Trees are built by build.hpp, which holds the
// typing rules.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ldb/value.hpp"
#include "sql/expr/batch.hpp"

namespace ldb::sql {

struct Function;
struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

/// Children by kind: see each. "Boolean" results are three-valued.
enum class ExpressionKind : std::uint8_t {
  kConstant,     // Constant: no children
  kColumn,       // ColumnReference: none
  kParameter,    // ParameterReference: none
  kCall,         // FunctionCall: the arguments, already of the overload's types
  kCast,         // CastExpression: operand
  kComparison,   // Comparison: left, right
  kAnd,          // two or more
  kOr,           // two or more
  kNot,          // one
  kIsNull,       // NullTest: operand
  kIsBoolean,    // BooleanTest: operand
  kIsDistinct,   // Negatable: left, right. Null-safe <>
  kCase,         // CaseExpression: [operand] (condition result)... [else]
  kCaseOperand,  // the operand of the innermost CASE around; no children
  kCoalesce,     // one or more of one type
  kNullIf,       // value, comparison of kCaseOperand (= value) with the second argument
  kGreatest,     // one or more of one type; NULLs are ignored
  kLeast,
  kInList,   // InList: operand, values...
  kLike,     // LikeExpression: operand, pattern
  kSubplan,  // SubplanExpression: what the subplan's owner put there
};

/// A node and its subtree. Immutable once a plan is made: any number of threads may then evaluate it. Destruction and all
/// functions below work without recursion along chains of first children, and on trees of any size.
struct Expression {
  ExpressionKind kind;
  DataType type;               ///< Of the result.
  std::uint32_t position = 0;  ///< In the statement; 0: unknown.
  std::vector<ExpressionPtr> children;

  Expression(ExpressionKind k, DataType t) : kind(k), type(t) {}
  virtual ~Expression();
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  /// The node as T, or null when it is of another kind.
  template <class T>
  const T* as() const {
    return T::matches(kind) ? static_cast<const T*>(this) : nullptr;
  }
  template <class T>
  T* as() {
    return T::matches(kind) ? static_cast<T*>(this) : nullptr;
  }
};

template <ExpressionKind... K>
struct ExpressionOf : Expression {
  using Expression::Expression;
  static constexpr bool matches(ExpressionKind k) { return ((k == K) || ...); }
};

/// An untyped literal has type.id kNull and a text (or NULL) as value, until coerce() gives it a type.
struct Constant : ExpressionOf<ExpressionKind::kConstant> {
  const Value value;
  const ColumnVector vector;  ///< `value` as a constant vector, shared by all evaluations.
  Constant(DataType t, Value v)
      : ExpressionOf(ExpressionKind::kConstant, t),
        value(std::move(v)),
        vector(ColumnVector::constant(t.id == TypeId::kNull && !value.is_null() ? DataType{TypeId::kText} : t, value)) {}
};
struct ColumnReference : ExpressionOf<ExpressionKind::kColumn> {
  std::size_t column;  ///< Index into the input batch's columns.
  std::string name;    ///< For EXPLAIN.
  ColumnReference(DataType t, std::size_t c, std::string n)
      : ExpressionOf(ExpressionKind::kColumn, t), column(c), name(std::move(n)) {}
};
/// $n of the statement, or a slot that the executor fills (columns of an outer query): element `index` of
/// EvalContext::parameters.
struct ParameterReference : ExpressionOf<ExpressionKind::kParameter> {
  std::size_t index;  ///< 0-based: $1 is 0.
  std::string name;   ///< For EXPLAIN; empty: "$n".
  ParameterReference(DataType t, std::size_t i) : ExpressionOf(ExpressionKind::kParameter, t), index(i) {}
};
struct FunctionCall : ExpressionOf<ExpressionKind::kCall> {
  const Function* function;  ///< Owned by the registry, which outlives every plan.
  FunctionCall(DataType t, const Function* f) : ExpressionOf(ExpressionKind::kCall, t), function(f) {}
};
struct CastExpression : ExpressionOf<ExpressionKind::kCast> {
  bool is_explicit;  ///< Cut VARCHAR(n) and CHAR(n) silently, as CAST does.
  bool is_assignment = false;
  CastExpression(DataType t, bool e) : ExpressionOf(ExpressionKind::kCast, t), is_explicit(e) {}
};
enum class CompareOp : std::uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
/// Both sides have one type, or both are integers, REAL/DOUBLE, TEXT/VARCHAR, or DATE/TIMESTAMP.
struct Comparison : ExpressionOf<ExpressionKind::kComparison> {
  CompareOp op;
  explicit Comparison(CompareOp o) : ExpressionOf(ExpressionKind::kComparison, {TypeId::kBoolean}), op(o) {}
};
/// AND, OR, NOT, COALESCE, GREATEST, LEAST, NULLIF, kCaseOperand: no fields of their own.
struct PlainExpression
    : ExpressionOf<ExpressionKind::kAnd, ExpressionKind::kOr, ExpressionKind::kNot, ExpressionKind::kCoalesce,
                   ExpressionKind::kGreatest, ExpressionKind::kLeast, ExpressionKind::kNullIf, ExpressionKind::kCaseOperand> {
  using ExpressionOf::ExpressionOf;
};
/// IS [NOT] NULL, IS [NOT] DISTINCT FROM.
struct NullTest : ExpressionOf<ExpressionKind::kIsNull, ExpressionKind::kIsDistinct> {
  bool negated;
  NullTest(ExpressionKind k, bool n) : ExpressionOf(k, {TypeId::kBoolean}), negated(n) {}
};
enum class BooleanTestKind : std::uint8_t { kTrue, kFalse, kUnknown };
struct BooleanTest : ExpressionOf<ExpressionKind::kIsBoolean> {
  BooleanTestKind test;
  bool negated;
  BooleanTest(BooleanTestKind t, bool n) : ExpressionOf(ExpressionKind::kIsBoolean, {TypeId::kBoolean}), test(t), negated(n) {}
};
struct CaseExpression : ExpressionOf<ExpressionKind::kCase> {
  bool has_operand = false;  ///< Conditions then contain kCaseOperand where its value goes.
  bool has_else = false;
  explicit CaseExpression(DataType t) : ExpressionOf(ExpressionKind::kCase, t) {}
};
struct ValueSet;  // hashed constants
/// operand [NOT] IN (values): all of one type. Constant values are hashed once there are many.
struct InList : ExpressionOf<ExpressionKind::kInList> {
  bool negated;
  std::shared_ptr<const ValueSet> set;  ///< Made by finish_in_list() when all values are constants; `children` keep them too.
  explicit InList(bool n) : ExpressionOf(ExpressionKind::kInList, {TypeId::kBoolean}), negated(n) {}
};
struct LikeExpression : ExpressionOf<ExpressionKind::kLike> {
  bool negated;
  bool case_insensitive;
  LikeExpression(bool n, bool i) : ExpressionOf(ExpressionKind::kLike, {TypeId::kBoolean}), negated(n), case_insensitive(i) {}
};
/// A subquery in an expression. Evaluated by EvalContext::subplans; the meaning of `id` and of the children (outer values, test
/// operands) belongs to the executor. `description` is for EXPLAIN.
struct SubplanExpression : ExpressionOf<ExpressionKind::kSubplan> {
  std::size_t id;
  std::string description;
  SubplanExpression(DataType t, std::size_t i) : ExpressionOf(ExpressionKind::kSubplan, t), id(i) {}
};

/// A deep copy.
ExpressionPtr clone(const Expression& e);
/// Calls `f` on every node, parents first.
void walk(const Expression& e, const std::function<void(const Expression&)>& f);
void walk(Expression& e, const std::function<void(Expression&)>& f);
/// Replaces nodes bottom up: `f` gets each node (children already replaced) and returns it or another. Used to remap columns, to
/// fold, to lift aggregates and subqueries out.
ExpressionPtr transform(ExpressionPtr e, const std::function<ExpressionPtr(ExpressionPtr)>& f);
/// Same tree, constants and functions: then equal inputs give equal results (unless volatile).
bool equal(const Expression& a, const Expression& b);
/// Compatible with equal().
std::uint64_t hash(const Expression& e);

/// As SQL, for EXPLAIN: "((a + 1) > $1)".
std::string to_string(const Expression& e);

/// No columns, parameters, subplans, nor functions that are not immutable.
bool is_constant(const Expression& e);
/// Whether two evaluations within a statement may differ (random()).
bool is_volatile(const Expression& e);
/// Adds the input columns used to `used` (grown as needed).
void collect_columns(const Expression& e, std::vector<bool>& used);

}  // namespace ldb::sql
