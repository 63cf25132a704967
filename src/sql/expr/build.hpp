// Making typed expression nodes out of typed operands: coercions, operator and function choice. The binder calls these bottom up.
// All take `position` (of the operator or name in the statement) for their errors.
#pragma once

#include <string_view>
#include <vector>

#include "sql/expr/evaluate.hpp"
#include "sql/expr/expression.hpp"
#include "sql/expr/function_registry.hpp"

namespace ldb::sql {

/// Shared by all nodes of a statement. Lives while it is bound.
struct BuildContext {
  const FunctionRegistry* functions = nullptr;
  /// Types of $1, $2, ...: kUnknownType until a use decides; grown as needed. Null: parameters have types already.
  std::vector<DataType>* parameter_types = nullptr;
};

/// Literal as the grammar types it; text literals and NULL are unknown until coerced.
ExpressionPtr make_constant(Value value, std::uint32_t position = 0);
ExpressionPtr make_typed_constant(DataType type, Value value, std::uint32_t position = 0);
/// A number with a point, an exponent or too many digits for BIGINT: NUMERIC; one written with an exponent that NUMERIC cannot
/// hold (1e300): DOUBLE.
Result<ExpressionPtr> make_decimal_literal(std::string_view text, std::uint32_t position = 0);
ExpressionPtr make_unknown(Value text_or_null, std::uint32_t position = 0);
ExpressionPtr make_column(std::size_t column, DataType type, std::string name, std::uint32_t position = 0);
ExpressionPtr make_parameter(BuildContext& context, std::size_t index, std::uint32_t position = 0);

/// `e` as `to`: unknown literals are parsed now (22P02 ...), unknown parameters get the type, equal types pass through, otherwise
/// a cast node. 42804 (implicit, assignment) or 42846 (explicit) when there is no such cast.
Result<ExpressionPtr> coerce(BuildContext& context, ExpressionPtr e, DataType to, CastContext cast, std::uint32_t position = 0);
/// For the result of a query: what stays unknown becomes TEXT.
Result<ExpressionPtr> coerce_unknown_to_text(BuildContext& context, ExpressionPtr e);
/// WHERE, HAVING, ON, CHECK, AND/OR/NOT operands: 42804 "argument of WHERE must be type boolean, not type integer".
Result<ExpressionPtr> coerce_to_boolean(BuildContext& context, ExpressionPtr e, std::string_view what,
                                        std::uint32_t position = 0);
/// LIMIT, OFFSET: bigint.
Result<ExpressionPtr> coerce_to_bigint(BuildContext& context, ExpressionPtr e, std::string_view what, std::uint32_t position = 0);
/// All to their common type (CASE, COALESCE, VALUES columns, IN). Returns that type.
Result<DataType> coerce_to_common(BuildContext& context, std::vector<ExpressionPtr*> expressions, std::string_view what,
                                  std::uint32_t position = 0);

/// Arithmetic, ||, comparison, bit operators, LIKE ("~~", "!~~", "~~*", "!~~*"), prefix + - ~ (left null). `symbol` as written.
Result<ExpressionPtr> make_operator(BuildContext& context, std::string_view symbol, ExpressionPtr left, ExpressionPtr right,
                                    std::uint32_t position = 0);
Result<ExpressionPtr> make_comparison(BuildContext& context, CompareOp op, ExpressionPtr left, ExpressionPtr right,
                                      std::uint32_t position = 0);
/// A scalar function by (lower-case, unquoted-folded) name.
Result<ExpressionPtr> make_function(BuildContext& context, std::string_view name, std::vector<ExpressionPtr> arguments,
                                    std::uint32_t position = 0);
/// AND or OR of one or more booleans; nested ones of the same kind are flattened.
Result<ExpressionPtr> make_logical(BuildContext& context, bool is_or, std::vector<ExpressionPtr> operands,
                                   std::uint32_t position = 0);
Result<ExpressionPtr> make_not(BuildContext& context, ExpressionPtr operand, std::uint32_t position = 0);
ExpressionPtr make_is_null(ExpressionPtr operand, bool negated, std::uint32_t position = 0);
Result<ExpressionPtr> make_is_boolean(BuildContext& context, ExpressionPtr operand, BooleanTestKind test, bool negated,
                                      std::uint32_t position = 0);
Result<ExpressionPtr> make_is_distinct(BuildContext& context, ExpressionPtr left, ExpressionPtr right, bool negated,
                                       std::uint32_t position = 0);
/// `operand` and `otherwise` may be null.
struct CaseBranch {
  ExpressionPtr condition;  ///< With an operand: the value it is compared with.
  ExpressionPtr result;
};
Result<ExpressionPtr> make_case(BuildContext& context, ExpressionPtr operand, std::vector<CaseBranch> branches,
                                ExpressionPtr otherwise, std::uint32_t position = 0);
Result<ExpressionPtr> make_coalesce(BuildContext& context, std::vector<ExpressionPtr> arguments, std::uint32_t position = 0);
Result<ExpressionPtr> make_greatest(BuildContext& context, bool least, std::vector<ExpressionPtr> arguments,
                                    std::uint32_t position = 0);
Result<ExpressionPtr> make_null_if(BuildContext& context, ExpressionPtr left, ExpressionPtr right, std::uint32_t position = 0);
Result<ExpressionPtr> make_in_list(BuildContext& context, ExpressionPtr operand, std::vector<ExpressionPtr> values, bool negated,
                                   std::uint32_t position = 0);
/// (operand >= low AND operand <= high); SYMMETRIC takes the bounds in either order. `operand` is evaluated twice.
Result<ExpressionPtr> make_between(BuildContext& context, ExpressionPtr operand, ExpressionPtr low, ExpressionPtr high,
                                   bool symmetric, bool negated, std::uint32_t position = 0);
/// `escape` may be null (backslash).
Result<ExpressionPtr> make_like(BuildContext& context, ExpressionPtr operand, ExpressionPtr pattern, ExpressionPtr escape,
                                bool case_insensitive, bool negated, std::uint32_t position = 0);
/// EXTRACT(field FROM source).
Result<ExpressionPtr> make_extract(BuildContext& context, std::string_view field, ExpressionPtr source,
                                   std::uint32_t position = 0);

/// Builds the hash set of an InList whose values are constants (again, after its children changed).
void finish_in_list(InList& list);

}  // namespace ldb::sql
