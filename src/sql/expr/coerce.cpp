// Coercions: how an operand gets the type its place wants.
#include "sql/expr/build.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

DataType bare(DataType t) { return DataType{t.id}; }

Status cannot(std::string_view verb, std::string_view sqlstate, DataType from, DataType to, std::uint32_t position) {
  return invalid(sqlstate, "cannot " + std::string(verb) + " type " + bare(from).to_string() + " to " + bare(to).to_string())
      .with_position(position);
}

/// Applies a cast node; constants are converted at once when that works (if it fails, evaluation reports it).
ExpressionPtr make_cast(ExpressionPtr e, DataType to, CastContext cast) {
  const std::uint32_t position = e->position;
  if (const auto* c = e->as<Constant>()) {
    if (Result<Value> v = cast_value(c->value, to, cast)) {
      ExpressionPtr folded = std::make_unique<Constant>(to, std::move(v).value());
      folded->position = position;
      return folded;
    }
  }
  auto node = std::make_unique<CastExpression>(to, cast == CastContext::kExplicit);
  node->is_assignment = cast == CastContext::kAssignment;
  node->position = position;
  node->children.push_back(std::move(e));
  return node;
}

Result<ExpressionPtr> type_unknown_constant(const Constant& c, DataType to, CastContext cast) {
  Value value;
  if (c.value.is_null()) {
    value = Value(to.id, std::monostate());
  } else {
    Result<Value> parsed = parse_value(std::get<std::string>(c.value.storage()), bare(to));
    if (parsed && to.length >= 0) parsed = cast_value(*parsed, to, cast);
    if (!parsed) return parsed.error().with_position(c.position);
    value = std::move(parsed).value();
  }
  ExpressionPtr typed = std::make_unique<Constant>(to, std::move(value));
  typed->position = c.position;
  return typed;
}

Result<ExpressionPtr> type_unknown_parameter(BuildContext& context, ExpressionPtr e, DataType to, CastContext cast) {
  const std::size_t index = e->as<ParameterReference>()->index;
  DataType chosen = bare(to);
  if (context.parameter_types != nullptr) {
    if (context.parameter_types->size() <= index) context.parameter_types->resize(index + 1);
    DataType& known = (*context.parameter_types)[index];
    if (known.id == TypeId::kNull) {
      known = chosen;
    } else if (known.id != chosen.id) {
      return invalid("42P08", "inconsistent types deduced for parameter $" + std::to_string(index + 1))
          .with_detail(known.to_string() + " versus " + chosen.to_string())
          .with_position(e->position);
    }
  }
  e->type = chosen;
  if (to.length < 0) return e;
  return make_cast(std::move(e), to, cast);
}

}  // namespace

Result<ExpressionPtr> coerce(BuildContext& context, ExpressionPtr e, DataType to, CastContext cast, std::uint32_t position) {
  if (to.id == TypeId::kNull) return e;
  if (position == 0) position = e->position;
  if (e->type.id == TypeId::kNull) {
    if (const auto* c = e->as<Constant>()) return type_unknown_constant(*c, to, cast);
    if (e->kind == ExpressionKind::kParameter) return type_unknown_parameter(context, std::move(e), to, cast);
    return make_cast(std::move(e), to, CastContext::kExplicit);
  }
  if (e->type.id == to.id && (to.length < 0 || e->type == to)) return e;
  if (!can_cast(e->type.id, to.id, cast)) {
    if (cast == CastContext::kExplicit) return cannot("cast", "42846", e->type, to, position);
    return cannot("convert", "42804", e->type, to, position);
  }
  return make_cast(std::move(e), to, cast);
}

Result<ExpressionPtr> coerce_unknown_to_text(BuildContext& context, ExpressionPtr e) {
  if (e->type.id != TypeId::kNull) return e;
  return coerce(context, std::move(e), DataType{TypeId::kText}, CastContext::kImplicit);
}

Result<ExpressionPtr> coerce_to_boolean(BuildContext& context, ExpressionPtr e, std::string_view what, std::uint32_t position) {
  const DataType from = e->type;
  if (from.id != TypeId::kNull && from.id != TypeId::kBoolean) {
    return invalid("42804", "argument of " + std::string(what) + " must be type boolean, not type " + bare(from).to_string())
        .with_position(position != 0 ? position : e->position);
  }
  return coerce(context, std::move(e), DataType{TypeId::kBoolean}, CastContext::kAssignment, position);
}

Result<ExpressionPtr> coerce_to_bigint(BuildContext& context, ExpressionPtr e, std::string_view what, std::uint32_t position) {
  const DataType from = e->type;
  if (from.id != TypeId::kNull && !can_cast(from.id, TypeId::kBigInt, CastContext::kAssignment)) {
    return invalid("42804", "argument of " + std::string(what) + " must be type bigint, not type " + bare(from).to_string())
        .with_position(position != 0 ? position : e->position);
  }
  return coerce(context, std::move(e), DataType{TypeId::kBigInt}, CastContext::kAssignment, position);
}

Result<DataType> coerce_to_common(BuildContext& context, std::vector<ExpressionPtr*> expressions, std::string_view what,
                                  std::uint32_t position) {
  std::vector<DataType> types;
  for (ExpressionPtr* e : expressions) types.push_back((*e)->type);
  Result<DataType> common = common_type(types, what);
  if (!common) return common.error().with_position(position);
  for (ExpressionPtr* e : expressions) {
    // The modifier is already right where all agree; otherwise there is none.
    LDB_ASSIGN_OR_RETURN(*e, coerce(context, std::move(*e), bare(*common), CastContext::kImplicit, position));
  }
  return *common;
}

}  // namespace ldb::sql
