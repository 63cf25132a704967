// Expressions as SQL, for EXPLAIN.
#include <array>

#include "sql/expr/expression.hpp"
#include "sql/expr/function_registry.hpp"

namespace ldb::sql {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += c;
    out += c;
  }
  return out + "'";
}

std::string constant_text(const Constant& c) {
  if (c.value.is_null()) return c.type.id == TypeId::kNull ? "NULL" : "NULL::" + c.type.to_string();
  switch (c.value.type()) {
    case TypeId::kBoolean:
      return std::get<bool>(c.value.storage()) ? "true" : "false";
    case TypeId::kInteger:
      return c.value.to_string();
    case TypeId::kSmallInt:
    case TypeId::kBigInt:
    case TypeId::kNumeric: {
      std::string text = c.value.to_string();
      if (c.value.type() == TypeId::kNumeric && text.find('.') != std::string::npos && c.type.length < 0) return text;
      return quoted(text) + "::" + c.type.to_string();
    }
    default:
      return quoted(c.value.to_string()) + (c.type.id == TypeId::kNull ? "" : "::" + c.type.to_string());
  }
}

std::string_view symbol(CompareOp op) {
  constexpr std::array<std::string_view, 6> kSymbols = {"=", "<>", "<", "<=", ">", ">="};
  return kSymbols[static_cast<std::size_t>(op)];
}

std::string list(const Expression& e, std::size_t from, std::string_view separator) {
  std::string out;
  for (std::size_t i = from; i < e.children.size(); ++i) {
    if (i > from) out += separator;
    out += to_string(*e.children[i]);
  }
  return out;
}

std::string case_text(const CaseExpression& e) {
  std::string out = "CASE";
  std::size_t i = 0;
  if (e.has_operand) out += " " + to_string(*e.children[i++]);
  const std::size_t end = e.children.size() - (e.has_else ? 1 : 0);
  for (; i + 2 <= end; i += 2) {
    const Expression& condition = *e.children[i];
    // `CASE x WHEN v`: the condition is kCaseOperand = v.
    const bool simple = e.has_operand && condition.kind == ExpressionKind::kComparison;
    out += " WHEN " + to_string(simple ? *condition.children[1] : condition) + " THEN " + to_string(*e.children[i + 1]);
  }
  if (e.has_else) out += " ELSE " + to_string(*e.children.back());
  return out + " END";
}

std::string call_text(const FunctionCall& e) {
  if (!e.function->is_operator) return e.function->name + "(" + list(e, 0, ", ") + ")";
  if (e.children.size() == 1) return "(" + e.function->name + " " + to_string(*e.children[0]) + ")";
  // a + b + c ... is a chain of first children that may be thousands long.
  std::vector<const FunctionCall*> chain;
  const Expression* node = &e;
  while (const auto* call = node->as<FunctionCall>()) {
    if (!call->function->is_operator || call->children.size() != 2) break;
    chain.push_back(call);
    node = call->children[0].get();
  }
  std::string out(chain.size(), '(');
  out += to_string(*node);
  for (std::size_t i = chain.size(); i-- > 0;)
    out += " " + chain[i]->function->name + " " + to_string(*chain[i]->children[1]) + ")";
  return out;
}

}  // namespace

std::string to_string(const Expression& e) {
  switch (e.kind) {
    case ExpressionKind::kConstant:
      return constant_text(*e.as<Constant>());
    case ExpressionKind::kColumn: {
      const auto& c = *e.as<ColumnReference>();
      return c.name.empty() ? "#" + std::to_string(c.column) : c.name;
    }
    case ExpressionKind::kParameter: {
      const auto& p = *e.as<ParameterReference>();
      return p.name.empty() ? "$" + std::to_string(p.index + 1) : p.name;
    }
    case ExpressionKind::kCall:
      return call_text(*e.as<FunctionCall>());
    case ExpressionKind::kCast:
      return "(" + to_string(*e.children[0]) + ")::" + e.type.to_string();
    case ExpressionKind::kComparison:
      return "(" + to_string(*e.children[0]) + " " + std::string(symbol(e.as<Comparison>()->op)) + " " +
             to_string(*e.children[1]) + ")";
    case ExpressionKind::kAnd:
      return "(" + list(e, 0, " AND ") + ")";
    case ExpressionKind::kOr:
      return "(" + list(e, 0, " OR ") + ")";
    case ExpressionKind::kNot:
      return "(NOT " + to_string(*e.children[0]) + ")";
    case ExpressionKind::kIsNull:
      return "(" + to_string(*e.children[0]) + (e.as<NullTest>()->negated ? " IS NOT NULL)" : " IS NULL)");
    case ExpressionKind::kIsBoolean: {
      constexpr std::array<std::string_view, 3> kTests = {"TRUE", "FALSE", "UNKNOWN"};
      const auto& t = *e.as<BooleanTest>();
      return "(" + to_string(*e.children[0]) + (t.negated ? " IS NOT " : " IS ") +
             std::string(kTests[static_cast<std::size_t>(t.test)]) + ")";
    }
    case ExpressionKind::kIsDistinct:
      return "(" + to_string(*e.children[0]) + (e.as<NullTest>()->negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ") +
             to_string(*e.children[1]) + ")";
    case ExpressionKind::kCase:
      return case_text(*e.as<CaseExpression>());
    case ExpressionKind::kCaseOperand:
      return "CASE_OPERAND";
    case ExpressionKind::kCoalesce:
      return "COALESCE(" + list(e, 0, ", ") + ")";
    case ExpressionKind::kNullIf: {
      const Expression& test = *e.children[1];
      return "NULLIF(" + to_string(*e.children[0]) + ", " +
             to_string(test.kind == ExpressionKind::kComparison ? *test.children[1] : test) + ")";
    }
    case ExpressionKind::kGreatest:
      return "GREATEST(" + list(e, 0, ", ") + ")";
    case ExpressionKind::kLeast:
      return "LEAST(" + list(e, 0, ", ") + ")";
    case ExpressionKind::kInList:
      return "(" + to_string(*e.children[0]) + (e.as<InList>()->negated ? " NOT IN (" : " IN (") + list(e, 1, ", ") + "))";
    case ExpressionKind::kLike: {
      const auto& l = *e.as<LikeExpression>();
      return "(" + to_string(*e.children[0]) + (l.negated ? " !~~" : " ~~") + (l.case_insensitive ? "* " : " ") +
             to_string(*e.children[1]) + ")";
    }
    case ExpressionKind::kSubplan: {
      const auto& s = *e.as<SubplanExpression>();
      return s.description.empty() ? "(SubPlan " + std::to_string(s.id) + ")" : s.description;
    }
  }
  return {};
}

}  // namespace ldb::sql
