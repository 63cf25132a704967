// Set-returning functions, and where virtual tables are found.
#include <algorithm>

#include "sql/exec/exec_context.hpp"
#include "sql/expr/build.hpp"
#include "sql/session/shared.hpp"
#include "sql/session/virtual_tables.hpp"

namespace ldb::sql {
namespace {

using Rows = std::vector<std::vector<Value>>;
constexpr std::size_t kMaxSeries = 50'000'000;

DataType plain(TypeId id) { return {id, -1, 0}; }

Status zero_step() { return Status::sql(StatusCode::kInvalidArgument, "22023", "step size cannot equal zero"); }
Status too_long() {
  return Status::sql(StatusCode::kResourceExhausted, "54000", "generate_series would return more than 50000000 rows");
}

Result<Rows> integer_series(std::span<const Value> a, TypeId type) {
  Rows rows;
  for (const Value& v : a) {
    if (v.is_null()) return rows;
  }
  LDB_ASSIGN_OR_RETURN(std::int64_t at, a[0].as<std::int64_t>());
  LDB_ASSIGN_OR_RETURN(const std::int64_t end, a[1].as<std::int64_t>());
  std::int64_t step = 1;
  if (a.size() > 2) {
    LDB_ASSIGN_OR_RETURN(step, a[2].as<std::int64_t>());
  }
  if (step == 0) return zero_step();
  while (step > 0 ? at <= end : at >= end) {
    rows.push_back({Value(type, Value::Storage(at))});
    if (rows.size() > kMaxSeries) return too_long();
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return rows;
}

/// NUMERIC and TIMESTAMP, by the ordinary operators.
Result<Rows> general_series(std::span<const Value> a, ExecContext& context) {
  Rows rows;
  for (const Value& v : a) {
    if (v.is_null()) return rows;
  }
  BuildContext build;
  build.functions = context.functions;
  const auto compute = [&](std::string_view op, const Value& l, const Value& r) -> Result<Value> {
    LDB_ASSIGN_OR_RETURN(
        auto e, make_operator(build, op, make_typed_constant(plain(l.type()), l), make_typed_constant(plain(r.type()), r)));
    return evaluate_scalar(*e, context);
  };
  const Value step = a.size() > 2 ? a[2] : Value(Decimal{1, 0});
  Value at = a[0];
  LDB_ASSIGN_OR_RETURN(const Value next, compute("+", at, step));
  LDB_ASSIGN_OR_RETURN(const Value moved, compute("<>", next, at));
  if (!std::get<bool>(moved.storage())) return zero_step();
  LDB_ASSIGN_OR_RETURN(const Value grows, compute(">", next, at));
  const bool up = std::get<bool>(grows.storage());
  for (;;) {
    LDB_ASSIGN_OR_RETURN(const Value inside, compute(up ? "<=" : ">=", at, a[1]));
    if (!std::get<bool>(inside.storage())) return rows;
    rows.push_back({at});
    if (rows.size() > kMaxSeries) return too_long();
    LDB_ASSIGN_OR_RETURN(at, compute("+", at, step));
  }
}

Result<Rows> split_text(std::span<const Value> a) {
  Rows rows;
  if (a[0].is_null()) return rows;
  LDB_ASSIGN_OR_RETURN(const std::string text, a[0].as<std::string>());
  if (a[1].is_null()) {
    for (std::size_t i = 0; i < text.size();) {
      std::size_t end = i + 1;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
      rows.push_back({Value(text.substr(i, end - i))});
      i = end;
    }
    return rows;
  }
  LDB_ASSIGN_OR_RETURN(const std::string delimiter, a[1].as<std::string>());
  if (text.empty()) return rows;
  if (delimiter.empty()) return Rows{{Value(text)}};
  std::size_t at = 0;
  for (;;) {
    const std::size_t found = text.find(delimiter, at);
    rows.push_back({Value(text.substr(at, found == std::string::npos ? found : found - at))});
    if (found == std::string::npos) return rows;
    at = found + delimiter.size();
  }
}

std::shared_ptr<const TableFunction> series(TypeId type) {
  auto function = std::make_shared<TableFunction>();
  function->name = "generate_series";
  function->columns.push_back({0, "generate_series", plain(type)});
  if (is_integer_type(type)) {
    function->rows = [type](std::span<const Value> a, ExecContext&) { return integer_series(a, type); };
  } else {
    function->rows = [](std::span<const Value> a, ExecContext& context) { return general_series(a, context); };
  }
  function->estimated_rows = 1000;
  return function;
}

class TableFunctions final : public TableFunctionSource {
 public:
  explicit TableFunctions(SharedState& shared) : tables_(make_virtual_tables(shared)) {}

  std::shared_ptr<const TableFunction> find_table(std::string_view schema, std::string_view name) const override {
    const auto found = tables_.find(std::string(schema) + "." + std::string(name));
    return found == tables_.end() ? nullptr : found->second;
  }

  Result<std::shared_ptr<const TableFunction>> find_function(BuildContext& build, std::string_view name,
                                                             std::vector<ExpressionPtr>& arguments,
                                                             std::uint32_t position) const override {
    if (name == "generate_series") return generate_series(build, arguments, position);
    if (name == "string_to_table") {
      if (arguments.size() != 2) return none_fits(name, arguments, position);
      for (ExpressionPtr& e : arguments) {
        LDB_ASSIGN_OR_RETURN(e, coerce(build, std::move(e), plain(TypeId::kText), CastContext::kImplicit, position));
      }
      auto function = std::make_shared<TableFunction>();
      function->name = name;
      function->columns.push_back({0, "string_to_table", plain(TypeId::kText)});
      function->rows = [](std::span<const Value> a, ExecContext&) { return split_text(a); };
      return std::shared_ptr<const TableFunction>(function);
    }
    return std::shared_ptr<const TableFunction>();
  }

 private:
  static Status none_fits(std::string_view name, std::span<const ExpressionPtr> arguments, std::uint32_t position) {
    std::string types;
    for (const ExpressionPtr& e : arguments)
      types += (types.empty() ? "" : ", ") + (e->type.id == TypeId::kNull ? std::string("unknown") : e->type.to_string());
    return bind_error("42883", "function " + std::string(name) + "(" + types + ") does not exist", position);
  }

  static Result<std::shared_ptr<const TableFunction>> generate_series(BuildContext& build, std::vector<ExpressionPtr>& arguments,
                                                                      std::uint32_t position) {
    if (arguments.size() < 2 || arguments.size() > 3) return none_fits("generate_series", arguments, position);
    TypeId type = TypeId::kNull;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const TypeId own = arguments[i]->type.id;
      if (own == TypeId::kNull || own == TypeId::kInterval) continue;
      TypeId wanted = own == TypeId::kSmallInt ? TypeId::kInteger : own == TypeId::kDate ? TypeId::kTimestamp : own;
      if (wanted != TypeId::kInteger && wanted != TypeId::kBigInt && wanted != TypeId::kNumeric && wanted != TypeId::kTimestamp) {
        return none_fits("generate_series", arguments, position);
      }
      if (type == TypeId::kTimestamp && wanted != type) return none_fits("generate_series", arguments, position);
      if (type == TypeId::kNull || static_cast<int>(wanted) > static_cast<int>(type)) type = wanted;
    }
    if (type == TypeId::kNull) {
      if (arguments.size() == 3 && arguments[2]->type.id == TypeId::kInterval) {
        type = TypeId::kTimestamp;
      } else {
        return Status::sql(StatusCode::kInvalidArgument, "42725", "function generate_series(unknown, unknown) is not unique",
                           position);
      }
    }
    if (type == TypeId::kTimestamp && arguments.size() != 3) return none_fits("generate_series", arguments, position);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const TypeId to = type == TypeId::kTimestamp && i == 2 ? TypeId::kInterval : type;
      LDB_ASSIGN_OR_RETURN(arguments[i], coerce(build, std::move(arguments[i]), plain(to), CastContext::kImplicit, position));
    }
    return series(type);
  }

  std::map<std::string, std::shared_ptr<const TableFunction>> tables_;
};

}  // namespace

std::unique_ptr<TableFunctionSource> make_table_functions(SharedState& shared) {
  return std::make_unique<TableFunctions>(shared);
}

}  // namespace ldb::sql
