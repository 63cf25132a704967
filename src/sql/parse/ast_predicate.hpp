// Expressions: predicates, subqueries, rows, arrays and the rest.
#pragma once

#include "sql/parse/ast_expression.hpp"

namespace ldb::sql::ast {

struct InList : ExpressionOf<ExpressionKind::kInList> {
  bool negated = false;
  const Expression* operand = nullptr;
  List<const Expression*> values;
};
struct InSubquery : ExpressionOf<ExpressionKind::kInSubquery> {
  bool negated = false;
  const Expression* operand = nullptr;
  const Query* query = nullptr;
};
struct Between : ExpressionOf<ExpressionKind::kBetween> {
  bool negated = false;
  bool symmetric = false;
  const Expression* operand = nullptr;
  const Expression* low = nullptr;
  const Expression* high = nullptr;
};
enum class LikeKind : std::uint8_t { kLike, kILike, kSimilarTo };
struct Like : ExpressionOf<ExpressionKind::kLike> {
  LikeKind like = LikeKind::kLike;
  bool negated = false;
  const Expression* operand = nullptr;
  const Expression* pattern = nullptr;
  const Expression* escape = nullptr;  ///< Null: no ESCAPE.
};
enum class IsTestKind : std::uint8_t { kNull, kTrue, kFalse, kUnknown };
/// x IS [NOT] NULL | TRUE | FALSE | UNKNOWN, x ISNULL, x NOTNULL.
struct IsTest : ExpressionOf<ExpressionKind::kIsTest> {
  IsTestKind test = IsTestKind::kNull;
  bool negated = false;
  const Expression* operand = nullptr;
};
/// left IS [NOT] DISTINCT FROM right; `negated` for IS NOT DISTINCT FROM.
struct IsDistinct : ExpressionOf<ExpressionKind::kIsDistinct> {
  bool negated = false;
  const Expression* left = nullptr;
  const Expression* right = nullptr;
};
struct Exists : ExpressionOf<ExpressionKind::kExists> {
  const Query* query = nullptr;
};
struct ScalarSubquery : ExpressionOf<ExpressionKind::kScalarSubquery> {
  const Query* query = nullptr;
};
/// ARRAY(SELECT ...)
struct ArraySubquery : ExpressionOf<ExpressionKind::kArraySubquery> {
  const Query* query = nullptr;
};
/// left op ANY|ALL (query) or (array). SOME is ANY. Exactly one of `query` and `array` is set.
struct Quantified : ExpressionOf<ExpressionKind::kQuantified> {
  Operator op = Operator::kEqual;
  bool is_all = false;
  std::string_view symbol;
  const Expression* left = nullptr;
  const Query* query = nullptr;
  const Expression* array = nullptr;
};
/// (a, b) or ROW(a).
struct Row : ExpressionOf<ExpressionKind::kRow> {
  bool is_explicit = false;  ///< The word ROW was written.
  List<const Expression*> values;
};
/// ARRAY[...]; nested brackets are ArrayLiteral values.
struct ArrayLiteral : ExpressionOf<ExpressionKind::kArrayLiteral> {
  List<const Expression*> values;
};
/// base[index] or base[lower:upper] (either bound may be null).
struct Subscript : ExpressionOf<ExpressionKind::kSubscript> {
  bool is_slice = false;
  const Expression* base = nullptr;
  const Expression* lower = nullptr;  ///< The index when not a slice.
  const Expression* upper = nullptr;
};
/// (base).field
struct FieldSelect : ExpressionOf<ExpressionKind::kFieldSelect> {
  const Expression* base = nullptr;
  std::string_view field;
};
struct Collate : ExpressionOf<ExpressionKind::kCollate> {
  const Expression* operand = nullptr;
  QualifiedName collation;
};
struct AtTimeZone : ExpressionOf<ExpressionKind::kAtTimeZone> {
  const Expression* operand = nullptr;
  const Expression* zone = nullptr;
};
struct Extract : ExpressionOf<ExpressionKind::kExtract> {
  std::string_view field;  ///< Lower case: "year", "epoch", ... not checked by the parser.
  const Expression* source = nullptr;
};
/// DEFAULT as a value in INSERT ... VALUES and UPDATE ... SET; the parser lets it stand nowhere else.
struct Default : ExpressionOf<ExpressionKind::kDefault> {};

}  // namespace ldb::sql::ast
