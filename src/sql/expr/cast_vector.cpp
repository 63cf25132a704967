// Casts of whole vectors. The frequent widenings run as loops; everything else goes element by element through cast_value().
#include "sql/expr/evaluate.hpp"
#include "sql/types/cast.hpp"
#include "sql/types/decimal.hpp"

namespace ldb::sql {
namespace {

template <class From, class To>
void widen(const ColumnVector& in, RowSet rows, ColumnVector& out) {
  const From* from = in.data<From>();
  To* to = out.data<To>();
  const auto one = [&](std::size_t row) {
    if (in.is_null(row)) {
      out.set_null(row);
    } else if constexpr (std::is_same_v<To, Decimal>) {
      to[row] = Decimal{from[row], 0};
    } else {
      to[row] = static_cast<To>(from[row]);
    }
  };
  if (in.is_constant()) {
    one(0);
  } else {
    rows.for_each(one);
  }
}

/// True when the conversion is one that cannot fail and has a loop of its own.
template <class From>
bool widen_integer(const ColumnVector& in, RowSet rows, DataType to, ColumnVector& out) {
  switch (to.id) {
    case TypeId::kInteger:
      if (sizeof(From) > 4) return false;
      widen<From, std::int32_t>(in, rows, out);
      return true;
    case TypeId::kBigInt:
      widen<From, std::int64_t>(in, rows, out);
      return true;
    case TypeId::kDouble:
      widen<From, double>(in, rows, out);
      return true;
    case TypeId::kReal:
      widen<From, float>(in, rows, out);
      return true;
    case TypeId::kNumeric:
      if (to.length >= 0) return false;
      widen<From, Decimal>(in, rows, out);
      return true;
    default:
      return false;
  }
}

bool widen_fast(const ColumnVector& in, RowSet rows, DataType to, ColumnVector& out) {
  switch (in.physical()) {
    case PhysicalType::kInt16:
      return widen_integer<std::int16_t>(in, rows, to, out);
    case PhysicalType::kInt32:
      return widen_integer<std::int32_t>(in, rows, to, out);
    case PhysicalType::kInt64:
      return widen_integer<std::int64_t>(in, rows, to, out);
    case PhysicalType::kFloat:
      if (to.id != TypeId::kDouble) return false;
      widen<float, double>(in, rows, out);
      return true;
    case PhysicalType::kDecimal: {
      if (to.id != TypeId::kDouble) return false;
      const auto one = [&](std::size_t row) {
        if (in.is_null(row)) {
          out.set_null(row);
        } else {
          out.data<double>()[row] = to_double(in.at<Decimal>(row));
        }
      };
      if (in.is_constant()) {
        one(0);
      } else {
        rows.for_each(one);
      }
      return true;
    }
    default:
      return false;
  }
}

/// The elements stay as they are: no modifier to apply, and the same representation.
bool keeps_elements(DataType from, DataType to) {
  if (to.length >= 0) return false;
  if (from.id == to.id) return true;
  return is_string_type(from.id) && is_string_type(to.id) && from.id != TypeId::kChar;
}

}  // namespace

Status cast_vector(const ColumnVector& in, RowSet rows, DataType to, bool is_explicit, bool is_assignment, ColumnVector& out,
                   const EvalContext* context) {
  if (keeps_elements(in.type(), to)) {
    out = in;
    out.set_type(to);
    return {};
  }
  if (in.is_constant()) {
    out.reset_constant(to);
  } else {
    out.reset(to, in.capacity());
  }
  if (widen_fast(in, rows, to, out)) return {};
  const CastContext kind = is_explicit     ? CastContext::kExplicit
                           : is_assignment ? CastContext::kAssignment
                                           : CastContext::kImplicit;
  const bool makes_strings = context != nullptr && out.physical() == PhysicalType::kString;
  const std::size_t room = makes_strings ? context->string_room() : 0;
  Status failure;
  const auto one = [&](std::size_t row) {
    if (!failure) return;
    if (makes_strings && out.arena().memory_bytes() > room) {
      failure = context->out_of_room();
      return;
    }
    if (in.is_null(row)) {
      out.set_null(row);
      return;
    }
    const Result<Value> v = cast_value(in.value(row), to, kind);
    if (v) {
      out.set_value(row, *v);
    } else {
      failure = v.error();
    }
  };
  if (in.is_constant()) {
    one(0);
  } else {
    rows.for_each(one);
  }
  if (failure && makes_strings) failure = out.charge_strings(context->memory, "a cast");
  return failure;
}

}  // namespace ldb::sql
