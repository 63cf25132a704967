// Functions about the session and about values of any type.
#include "sql/expr/kernels.hpp"

namespace ldb::sql {
namespace {

void add_name(FunctionRegistry& r, const char* name, std::string_view EvalContext::*member) {
  Function f;
  f.name = name;
  f.result = TypeId::kText;
  f.volatility = Volatility::kStable;
  f.body = [member](std::span<const ColumnVector* const>, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
    const std::string_view name = context.*member;
    rows.for_each([&](std::size_t row) {
      if (name.empty()) {
        out.set_null(row);  // current_schema, when no schema of the search path exists
      } else {
        out.set_string(row, name);
      }
    });
    return {};
  };
  r.add(std::move(f));
}

/// num_nulls(any, ...), num_nonnulls(any, ...)
void add_null_count(FunctionRegistry& r, const char* name, bool count_nulls) {
  Function f;
  f.name = name;
  f.arguments = {TypeId::kNull};
  f.variadic = true;
  f.strict = false;
  f.result = TypeId::kInteger;
  f.body = [count_nulls](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&, ColumnVector& out) -> Status {
    rows.for_each([&](std::size_t row) {
      std::int32_t n = 0;
      for (const ColumnVector* v : arguments) n += v->is_null(row) == count_nulls;
      out.data<std::int32_t>()[row] = n;
    });
    return {};
  };
  r.add(std::move(f));
}

}  // namespace

void register_system_functions(FunctionRegistry& r) {
  for (const char* name : {"current_user", "session_user", "user", "current_role"}) add_name(r, name, &EvalContext::user);
  for (const char* name : {"current_database", "current_catalog"}) add_name(r, name, &EvalContext::database);
  add_name(r, "current_schema", &EvalContext::schema);
  add_null_count(r, "num_nulls", true);
  add_null_count(r, "num_nonnulls", false);
  Function f;
  f.name = "pg_typeof";
  f.arguments = {TypeId::kNull};
  f.strict = false;
  f.result = TypeId::kText;
  f.volatility = Volatility::kStable;
  f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&, ColumnVector& out) -> Status {
    const std::string name = DataType{arguments[0]->type().id}.to_string();
    rows.for_each([&](std::size_t row) { out.set_string(row, name); });
    return {};
  };
  r.add(std::move(f));
}

}  // namespace ldb::sql
