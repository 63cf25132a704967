// to_char(), to_date(), to_timestamp().
#include "sql/expr/format_picture.hpp"
#include "sql/expr/kernels.hpp"
#include "sql/types/datetime.hpp"

namespace ldb::sql {
namespace {

using std::string_view;

/// to_char(TIMESTAMP | INTERVAL, text): NULL for infinite values and empty pictures.
template <class T>
Function to_char_of_time(Result<std::string> (*format)(T, string_view)) {
  Function f;
  f.name = "to_char";
  f.arguments = {SqlType<T>::id, TypeId::kText};
  f.result = TypeId::kText;
  f.body = [format](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&, ColumnVector& out) -> Status {
    const kernel::Argument<T> value(*arguments[0]);
    const kernel::Argument<string_view> picture(*arguments[1]);
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      bool finite = true;
      if constexpr (std::is_same_v<T, Timestamp>) finite = is_finite(value[row]);
      if (!finite || picture[row].empty()) {
        out.set_null(row);
        continue;
      }
      LDB_ASSIGN_OR_RETURN(const std::string text, format(value[row], picture[row]));
      out.set_string(row, text);
    }
    return {};
  };
  return f;
}

}  // namespace

void register_format_functions(FunctionRegistry& r) {
  add_function(r, "to_char", [](std::int32_t v, string_view picture) { return format_integer(v, picture); });
  add_function(r, "to_char", [](std::int64_t v, string_view picture) { return format_integer(v, picture); });
  add_function(r, "to_char", [](float v, string_view picture) { return format_double(v, 6, picture); });
  add_function(r, "to_char", [](double v, string_view picture) { return format_double(v, 15, picture); });
  add_function(r, "to_char", [](Decimal v, string_view picture) { return format_decimal(v, picture); });
  add_function(r, "to_timestamp", [](string_view text, string_view picture) { return parse_formatted_timestamp(text, picture); });
  add_function(r, "to_date", [](string_view text, string_view picture) -> Result<Date> {
    LDB_ASSIGN_OR_RETURN(const Timestamp t, parse_formatted_timestamp(text, picture));
    return to_date(t);
  });
  r.add(to_char_of_time<Timestamp>(format_timestamp));
  r.add(to_char_of_time<Interval>([](Interval i, string_view picture) { return format_interval(i, picture); }));
}

}  // namespace ldb::sql
