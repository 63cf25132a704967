// Expressions: names, literals, operators, calls; the rest is in ast_predicate.hpp. One struct per kind; `expression.as<T>()`
// downcasts. No path through an AST is longer than ParseLimits::max_depth nodes, so consumers may recurse: long chains (a + b + c
// ..., a AND b AND c ...) are n-ary nodes, not left-deep trees.
#pragma once

#include "sql/parse/ast_base.hpp"

namespace ldb::sql::ast {

enum class ExpressionKind : std::uint8_t {
  kColumnRef,
  kStar,
  kLiteral,
  kParameter,
  kUnary,
  kBinary,
  kLogical,
  kNot,
  kFunctionCall,
  kSpecialCall,
  kCurrentValue,
  kCase,
  kCast,
  kInList,
  kInSubquery,
  kBetween,
  kLike,
  kIsTest,
  kIsDistinct,
  kExists,
  kScalarSubquery,
  kArraySubquery,
  kQuantified,
  kRow,
  kArrayLiteral,
  kSubscript,
  kFieldSelect,
  kCollate,
  kAtTimeZone,
  kExtract,
  kDefault
};

struct Expression {
  Position position = 0;     ///< Where PostgreSQL would point: an operator's own place, otherwise the first character.
  std::uint16_t height = 1;  ///< Longest path to a leaf, counted in nodes, through subqueries too.
  ExpressionKind kind;

  explicit constexpr Expression(ExpressionKind k) : kind(k) {}
  /// The node as T, or null when it is another kind.
  template <class T>
  const T* as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

template <ExpressionKind K>
struct ExpressionOf : Expression {
  static constexpr ExpressionKind kKind = K;
  constexpr ExpressionOf() : Expression(K) {}
};

/// name, table.name, schema.table.name, ...
struct ColumnRef : ExpressionOf<ExpressionKind::kColumnRef> {
  List<std::string_view> parts;  ///< At least one; the column is the last.
};

/// * or table.* (select list, RETURNING, row constructors), or (expression).* when `base` is set.
struct Star : ExpressionOf<ExpressionKind::kStar> {
  List<std::string_view> qualifier;  ///< Empty for a bare *.
  const Expression* base = nullptr;
};

enum class LiteralKind : std::uint8_t {
  kNull,
  kBoolean,
  kInteger,    ///< Fits int64: `integer`. PostgreSQL types it int4 when it fits, otherwise int8.
  kDecimal,    ///< Digits in `text` (also integers beyond int64, and exponents): numeric.
  kString,     ///< `text`, escapes resolved. Type "unknown" until context decides.
  kBitString,  ///< B'0101': `text` holds the digits 0 and 1 (X'..' is expanded).
};
/// A minus in front of a number is folded into it, as PostgreSQL does.
struct Literal : ExpressionOf<ExpressionKind::kLiteral> {
  LiteralKind literal = LiteralKind::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string_view text;  ///< kDecimal, kString, kBitString only.
};

/// $1 is index 1.
struct Parameter : ExpressionOf<ExpressionKind::kParameter> {
  std::uint32_t index = 0;
};

enum class Operator : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kPower,
  kConcat,  // + - * / % ^ ||
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,  // = <> < <= > >=
  kBitAnd,
  kBitOr,
  kBitXor,
  kBitNot,
  kShiftLeft,
  kShiftRight,  // & | # ~ << >>
  kRegexMatch,
  kRegexMatchInsensitive,
  kRegexNotMatch,
  kRegexNotMatchInsensitive,  // ~ ~* !~ !~*
  kJsonGet,
  kJsonGetText,
  kJsonPath,
  kJsonPathText,
  kContains,
  kContainedBy,
  kOverlap,  // -> ->> #> #>> @> <@ &&
  kLike,
  kNotLike,
  kILike,
  kNotILike,  // ~~ !~~ ~~* !~~*, x LIKE ANY (...)
  kOther,     // see `symbol`
};

/// Prefix operator. kAdd, kSubtract, kBitNot, or kOther.
struct Unary : ExpressionOf<ExpressionKind::kUnary> {
  Operator op = Operator::kOther;
  std::string_view symbol;
  const Expression* operand = nullptr;
};

struct BinaryLink {
  Operator op = Operator::kOther;
  Position position = 0;
  std::string_view symbol;  ///< As written ("!=" is given as "<>").
  const Expression* right = nullptr;
};
/// first op1 r1 op2 r2 ..., evaluated from the left: ((first op1 r1) op2 r2). One link for a plain binary operator. All links
/// have the same precedence. Comparisons always stand alone (one link). A fold over `links` handles every case.
struct Binary : ExpressionOf<ExpressionKind::kBinary> {
  const Expression* first = nullptr;
  List<BinaryLink> links;
};

/// AND or OR of two or more operands.
struct Logical : ExpressionOf<ExpressionKind::kLogical> {
  bool is_or = false;
  List<const Expression*> operands;
};
struct Not : ExpressionOf<ExpressionKind::kNot> {
  const Expression* operand = nullptr;
};

enum class NullsOrder : std::uint8_t { kDefault, kFirst, kLast };
enum class SortDirection : std::uint8_t { kDefault, kAscending, kDescending, kUsing };
struct OrderItem {
  const Expression* expression = nullptr;
  SortDirection direction = SortDirection::kDefault;
  NullsOrder nulls = NullsOrder::kDefault;
  std::string_view using_operator;  ///< ORDER BY x USING <
  Position position = 0;
};

enum class FrameUnit : std::uint8_t { kRows, kRange, kGroups };
enum class FrameBoundKind : std::uint8_t { kUnboundedPreceding, kPreceding, kCurrentRow, kFollowing, kUnboundedFollowing };
enum class FrameExclusion : std::uint8_t { kNoOthers, kCurrentRow, kGroup, kTies };
struct FrameBound {
  FrameBoundKind kind = FrameBoundKind::kCurrentRow;
  const Expression* offset = nullptr;  ///< kPreceding and kFollowing only.
};
struct WindowFrame {
  FrameUnit unit = FrameUnit::kRange;
  FrameBound start;
  FrameBound end;  ///< kCurrentRow when BETWEEN was not written.
  FrameExclusion exclusion = FrameExclusion::kNoOthers;
};
/// OVER name: `is_reference` and `base_name`. OVER ([base_name] PARTITION BY ... ORDER BY ... frame) otherwise.
struct WindowSpec {
  bool is_reference = false;
  std::string_view base_name;
  List<const Expression*> partition_by;
  List<OrderItem> order_by;
  const WindowFrame* frame = nullptr;  ///< Null: the default frame.
  Position position = 0;
};

struct FunctionArgument {
  const Expression* value = nullptr;
  std::string_view name;  ///< f(name => value); empty when positional.
};
/// SUBSTRING/TRIM/POSITION/OVERLAY/OVERLAPS/NORMALIZE in SQL syntax arrive as calls of substring(s,from,for),
/// btrim/ltrim/rtrim(s,chars), position(s,sub), overlay(s,new,from,for), overlaps(a,b,c,d), normalize(s,form),
/// is_normalized(s,form) in schema pg_catalog.
struct FunctionCall : ExpressionOf<ExpressionKind::kFunctionCall> {
  QualifiedName name;
  List<FunctionArgument> arguments;
  bool is_star = false;       ///< count(*)
  bool is_distinct = false;   ///< count(DISTINCT x)
  bool is_variadic = false;   ///< f(VARIADIC array): the last argument.
  bool within_group = false;  ///< `order_by` came from WITHIN GROUP (ORDER BY ...).
  List<OrderItem> order_by;
  const Expression* filter = nullptr;
  const WindowSpec* over = nullptr;
};

enum class SpecialFunction : std::uint8_t { kCoalesce, kGreatest, kLeast, kNullIf, kGrouping };
struct SpecialCall : ExpressionOf<ExpressionKind::kSpecialCall> {
  SpecialFunction function = SpecialFunction::kCoalesce;
  List<const Expression*> arguments;
};

enum class CurrentValueKind : std::uint8_t {
  kDate,
  kTime,
  kTimestamp,
  kLocalTime,
  kLocalTimestamp,
  kUser,
  kSessionUser,
  kCurrentRole,
  kCatalog,
  kSchema
};
/// CURRENT_DATE, CURRENT_TIMESTAMP(3), CURRENT_USER, ... USER means kUser.
struct CurrentValue : ExpressionOf<ExpressionKind::kCurrentValue> {
  CurrentValueKind value = CurrentValueKind::kTimestamp;
  std::int32_t precision = -1;  ///< -1: not written.
};

struct WhenClause {
  const Expression* condition = nullptr;
  const Expression* result = nullptr;
};
struct Case : ExpressionOf<ExpressionKind::kCase> {
  const Expression* operand = nullptr;  ///< Null for CASE WHEN condition.
  List<WhenClause> whens;
  const Expression* otherwise = nullptr;  ///< Null: no ELSE.
};

enum class CastSyntax : std::uint8_t { kCast, kDoubleColon, kTypedLiteral };
/// CAST(x AS t), x::t, and typed literals: DATE '2020-01-01', INTERVAL '1' DAY (operand is the string literal).
struct Cast : ExpressionOf<ExpressionKind::kCast> {
  CastSyntax syntax = CastSyntax::kCast;
  const Expression* operand = nullptr;
  const TypeName* type = nullptr;
};

}  // namespace ldb::sql::ast
