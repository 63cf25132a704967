// Binds column-free expressions of the SQL parser, so that tests can be written in SQL. The real binder is src/sql/bind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sql/expr/build.hpp"
#include "sql/parse/ast.hpp"
#include "sql/parse/parser.hpp"
#include "sql/types/datetime.hpp"

namespace ldb::sql::testing {

/// Names of columns that the expression may use, by position in the batch.
struct MiniColumn {
  std::string name;
  DataType type;
};

class MiniBinder {
 public:
  explicit MiniBinder(BuildContext& context, std::vector<MiniColumn> columns = {})
      : context_(context), columns_(std::move(columns)) {}

  Result<ExpressionPtr> bind(const ast::Expression& e) {
    using K = ast::ExpressionKind;
    switch (e.kind) {
      case K::kLiteral:
        return literal(*e.as<ast::Literal>());
      case K::kColumnRef:
        return column(*e.as<ast::ColumnRef>());
      case K::kParameter:
        return make_parameter(context_, e.as<ast::Parameter>()->index - 1, e.position);
      case K::kUnary: {
        const auto& u = *e.as<ast::Unary>();
        LDB_ASSIGN_OR_RETURN(ExpressionPtr operand, bind(*u.operand));
        return make_operator(context_, u.symbol, nullptr, std::move(operand), e.position);
      }
      case K::kBinary: {
        const auto& b = *e.as<ast::Binary>();
        LDB_ASSIGN_OR_RETURN(ExpressionPtr left, bind(*b.first));
        for (const ast::BinaryLink& link : b.links) {
          LDB_ASSIGN_OR_RETURN(ExpressionPtr right, bind(*link.right));
          LDB_ASSIGN_OR_RETURN(left, make_operator(context_, link.symbol, std::move(left), std::move(right), link.position));
        }
        return left;
      }
      case K::kLogical: {
        LDB_ASSIGN_OR_RETURN(std::vector<ExpressionPtr> operands, bind_all(e.as<ast::Logical>()->operands));
        return make_logical(context_, e.as<ast::Logical>()->is_or, std::move(operands), e.position);
      }
      case K::kNot: {
        LDB_ASSIGN_OR_RETURN(ExpressionPtr operand, bind(*e.as<ast::Not>()->operand));
        return make_not(context_, std::move(operand), e.position);
      }
      case K::kFunctionCall: {
        const auto& f = *e.as<ast::FunctionCall>();
        std::vector<ExpressionPtr> arguments;
        for (const ast::FunctionArgument& a : f.arguments) {
          LDB_ASSIGN_OR_RETURN(ExpressionPtr x, bind(*a.value));
          arguments.push_back(std::move(x));
        }
        return make_function(context_, f.name.name, std::move(arguments), e.position);
      }
      case K::kSpecialCall:
        return special(*e.as<ast::SpecialCall>());
      case K::kCurrentValue: {
        const auto& c = *e.as<ast::CurrentValue>();
        return make_function(context_, c.value == ast::CurrentValueKind::kDate ? "current_date" : "now", {}, e.position);
      }
      case K::kCase:
        return bind_case(*e.as<ast::Case>());
      case K::kCast:
        return bind_cast(*e.as<ast::Cast>());
      case K::kInList: {
        const auto& in = *e.as<ast::InList>();
        LDB_ASSIGN_OR_RETURN(ExpressionPtr operand, bind(*in.operand));
        LDB_ASSIGN_OR_RETURN(std::vector<ExpressionPtr> values, bind_all(in.values));
        return make_in_list(context_, std::move(operand), std::move(values), in.negated, e.position);
      }
      case K::kBetween: {
        const auto& b = *e.as<ast::Between>();
        LDB_ASSIGN_OR_RETURN(ExpressionPtr operand, bind(*b.operand));
        LDB_ASSIGN_OR_RETURN(ExpressionPtr low, bind(*b.low));
        LDB_ASSIGN_OR_RETURN(ExpressionPtr high, bind(*b.high));
        return make_between(context_, std::move(operand), std::move(low), std::move(high), b.symmetric, b.negated, e.position);
      }
      case K::kLike: {
        const auto& l = *e.as<ast::Like>();
        LDB_ASSIGN_OR_RETURN(ExpressionPtr operand, bind(*l.operand));
        LDB_ASSIGN_OR_RETURN(ExpressionPtr pattern, bind(*l.pattern));
        ExpressionPtr escape;
        if (l.escape != nullptr) {
          LDB_ASSIGN_OR_RETURN(escape, bind(*l.escape));
        }
        return make_like(context_, std::move(operand), std::move(pattern), std::move(escape), l.like == ast::LikeKind::kILike,
                         l.negated, e.position);
      }
      case K::kIsTest: {
        const auto& t = *e.as<ast::IsTest>();
        LDB_ASSIGN_OR_RETURN(ExpressionPtr operand, bind(*t.operand));
        if (t.test == ast::IsTestKind::kNull) return make_is_null(std::move(operand), t.negated, e.position);
        const BooleanTestKind kind = t.test == ast::IsTestKind::kTrue    ? BooleanTestKind::kTrue
                                     : t.test == ast::IsTestKind::kFalse ? BooleanTestKind::kFalse
                                                                         : BooleanTestKind::kUnknown;
        return make_is_boolean(context_, std::move(operand), kind, t.negated, e.position);
      }
      case K::kIsDistinct: {
        const auto& d = *e.as<ast::IsDistinct>();
        LDB_ASSIGN_OR_RETURN(ExpressionPtr left, bind(*d.left));
        LDB_ASSIGN_OR_RETURN(ExpressionPtr right, bind(*d.right));
        return make_is_distinct(context_, std::move(left), std::move(right), d.negated, e.position);
      }
      case K::kExtract: {
        LDB_ASSIGN_OR_RETURN(ExpressionPtr source, bind(*e.as<ast::Extract>()->source));
        return make_extract(context_, e.as<ast::Extract>()->field, std::move(source), e.position);
      }
      default:
        return Status(StatusCode::kUnsupported, "expression kind");
    }
  }

 private:
  Result<std::vector<ExpressionPtr>> bind_all(List<const ast::Expression*> list) {
    std::vector<ExpressionPtr> out;
    for (const ast::Expression* e : list) {
      LDB_ASSIGN_OR_RETURN(ExpressionPtr x, bind(*e));
      out.push_back(std::move(x));
    }
    return out;
  }

  Result<ExpressionPtr> literal(const ast::Literal& l) {
    switch (l.literal) {
      case ast::LiteralKind::kNull:
        return make_unknown(Value(), l.position);
      case ast::LiteralKind::kBoolean:
        return make_constant(Value(l.boolean), l.position);
      case ast::LiteralKind::kInteger:
        if (l.integer >= INT32_MIN && l.integer <= INT32_MAX)
          return make_constant(Value(static_cast<std::int32_t>(l.integer)), l.position);
        return make_constant(Value(l.integer), l.position);
      case ast::LiteralKind::kDecimal: {
        return make_decimal_literal(l.text, l.position);
      }
      case ast::LiteralKind::kString:
        return make_unknown(Value(l.text), l.position);
      default:
        return Status(StatusCode::kUnsupported, "bit string");
    }
  }

  Result<ExpressionPtr> column(const ast::ColumnRef& c) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == c.parts.back()) return make_column(i, columns_[i].type, columns_[i].name, c.position);
    }
    return Status::sql(StatusCode::kNotFound, "42703", "column \"" + std::string(c.parts.back()) + "\" does not exist");
  }

  Result<ExpressionPtr> special(const ast::SpecialCall& s) {
    LDB_ASSIGN_OR_RETURN(std::vector<ExpressionPtr> arguments, bind_all(s.arguments));
    switch (s.function) {
      case ast::SpecialFunction::kCoalesce:
        return make_coalesce(context_, std::move(arguments), s.position);
      case ast::SpecialFunction::kGreatest:
        return make_greatest(context_, false, std::move(arguments), s.position);
      case ast::SpecialFunction::kLeast:
        return make_greatest(context_, true, std::move(arguments), s.position);
      case ast::SpecialFunction::kNullIf:
        return make_null_if(context_, std::move(arguments[0]), std::move(arguments[1]), s.position);
      default:
        return Status(StatusCode::kUnsupported, "GROUPING");
    }
  }

  Result<ExpressionPtr> bind_case(const ast::Case& c) {
    ExpressionPtr operand;
    ExpressionPtr otherwise;
    if (c.operand != nullptr) {
      LDB_ASSIGN_OR_RETURN(operand, bind(*c.operand));
    }
    std::vector<CaseBranch> branches;
    for (const ast::WhenClause& w : c.whens) {
      CaseBranch branch;
      LDB_ASSIGN_OR_RETURN(branch.condition, bind(*w.condition));
      LDB_ASSIGN_OR_RETURN(branch.result, bind(*w.result));
      branches.push_back(std::move(branch));
    }
    if (c.otherwise != nullptr) {
      LDB_ASSIGN_OR_RETURN(otherwise, bind(*c.otherwise));
    }
    return make_case(context_, std::move(operand), std::move(branches), std::move(otherwise), c.position);
  }

  Result<ExpressionPtr> bind_cast(const ast::Cast& c) {
    LDB_ASSIGN_OR_RETURN(ExpressionPtr operand, bind(*c.operand));
    const auto id = type_by_name(c.type->name);
    if (!id) return Status::sql(StatusCode::kNotFound, "42704", "type \"" + std::string(c.type->name) + "\" does not exist");
    std::vector<std::int32_t> modifiers;
    for (const ast::Expression* m : c.type->modifiers)
      modifiers.push_back(static_cast<std::int32_t>(m->as<ast::Literal>()->integer));
    LDB_ASSIGN_OR_RETURN(const DataType type, with_modifiers(*id, modifiers));
    if (c.type->interval_fields != 0 && c.operand->as<ast::Literal>() != nullptr) {
      LDB_ASSIGN_OR_RETURN(const Interval i, parse_interval(c.operand->as<ast::Literal>()->text, c.type->interval_fields));
      return make_constant(Value(i), c.position);
    }
    return coerce(context_, std::move(operand), type, CastContext::kExplicit, c.position);
  }

  BuildContext& context_;
  std::vector<MiniColumn> columns_;
};

/// "value :: type", or "ERROR sqlstate message", as the golden files have it.
inline std::string describe(const Result<Value>& v, const DataType& type) {
  if (!v) return "ERROR " + std::string(v.error().sqlstate()) + " " + std::string(v.error().message());
  if (type.id == TypeId::kBytea || type.id == TypeId::kText) {  // one line each
    std::string text = v->is_null() ? "NULL" : v->to_string();
    for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n')) text.replace(at, 1, "\\n");
    return text + " :: " + DataType{type.id}.to_string();
  }
  return (v->is_null() ? std::string("NULL") : v->to_string()) + " :: " + DataType{type.id}.to_string();
}

/// Every non-NULL constant becomes a column of a batch of five rows of which the third counts; the answer must be the same.
inline Result<Value> evaluate_as_columns(const Expression& e, EvalContext& context) {
  Batch batch;
  batch.row_count = 5;
  batch.has_selection = true;
  batch.selection = {2};
  ExpressionPtr copy = transform(clone(e), [&](ExpressionPtr node) -> ExpressionPtr {
    if (auto* list = node->as<InList>()) list->set = nullptr;
    const auto* c = node->as<Constant>();
    if (c == nullptr || c->type.id == TypeId::kNull) return node;
    ColumnVector v(c->type, 5);
    for (std::size_t i = 0; i < 5; ++i) {
      if (i == 2) {
        v.set_value(i, c->value);
      } else {
        v.set_null(i);
      }
    }
    batch.columns.push_back(v);
    return make_column(batch.columns.size() - 1, c->type, "c");
  });
  ColumnVector out;
  LDB_TRY(evaluate(*copy, batch, context, out));
  return out.value(2);
}

}  // namespace ldb::sql::testing
