// EXTRACT, date_trunc, age, constructors of dates and times.
#include <cmath>
#include <cstdio>
#include <limits>

#include "sql/expr/kernels.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

using std::string_view;

/// date_part() takes a DATE for the midnight it starts with, while EXTRACT refuses the time's fields of it.
template <class T>
Result<FieldValue> extract_from(string_view field, T source, bool as_double) {
  if constexpr (std::is_same_v<T, Date>) {
    if (as_double) {
      LDB_ASSIGN_OR_RETURN(const Timestamp midnight, to_timestamp(source));
      return extract(field, midnight);
    }
  }
  return extract(field, source);
}

/// extract(text, T) -> numeric and date_part(text, T) -> double precision. A field may be NULL for infinite values, so this is no
/// plain kernel.
template <class T>
void add_field_functions(FunctionRegistry& r) {
  for (const bool as_double : {false, true}) {
    Function f;
    f.name = as_double ? "date_part" : "extract";
    f.arguments = {TypeId::kText, SqlType<T>::id};
    f.result = as_double ? TypeId::kDouble : TypeId::kNumeric;
    f.body = [as_double](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&, ColumnVector& out) -> Status {
      const kernel::Argument<string_view> field(*arguments[0]);
      const kernel::Argument<T> source(*arguments[1]);
      for (std::size_t i = 0; i < rows.count; ++i) {
        const std::size_t row = rows[i];
        const Result<FieldValue> v = extract_from(field[row], source[row], as_double);
        if (!v) return v.error();
        if (v->is_null) {
          out.set_null(row);
        } else if (as_double) {
          out.data<double>()[row] =
              v->infinity != 0 ? v->infinity * std::numeric_limits<double>::infinity() : to_double(v->value);
        } else {
          if (v->infinity != 0) return unsupported("NaN and infinity are not supported in type numeric");
          out.data<Decimal>()[row] = v->value;
        }
      }
      return {};
    };
    r.add(std::move(f));
  }
}

Result<Timestamp> timestamp_of(std::int32_t year, std::int32_t month, std::int32_t day, std::int32_t hour, std::int32_t minute,
                               double second) {
  const auto bad = [&](const std::string& what) { return invalid("22008", what); };
  char shown[96];
  std::snprintf(shown, sizeof shown, "date field value out of range: %d-%02d-%02d", year, month, day);
  if (year == 0) return bad(shown);
  const auto date = make_date(year < 0 ? year + 1 : year, month, day);
  if (!date) return bad(shown);
  const double us = std::rint(second * 1e6);
  const bool end_of_day = hour == 24 && minute == 0 && us == 0;
  if (((hour < 0 || hour > 23) && !end_of_day) || minute < 0 || minute > 59 || std::isnan(second) || second < 0 || us > 60e6) {
    std::snprintf(shown, sizeof shown, "time field value out of range: %d:%02d:%02g", hour, minute, second);
    return bad(shown);
  }
  const int128_t total =
      int128_t{date->days} * kMicrosPerDay + hour * kMicrosPerHour + minute * kMicrosPerMinute + static_cast<std::int64_t>(us);
  if (total > INT64_MAX || !is_valid(Timestamp{static_cast<std::int64_t>(total)})) return bad("timestamp out of range");
  return Timestamp{static_cast<std::int64_t>(total)};
}

Result<Date> date_of(std::int32_t year, std::int32_t month, std::int32_t day) {
  const auto date = year == 0 ? std::nullopt : make_date(year < 0 ? year + 1 : year, month, day);
  if (!date) {
    return invalid("22008", "date field value out of range: " + std::to_string(year) + "-" +
                                (month < 10 && month >= 0 ? "0" : "") + std::to_string(month) + "-" +
                                (day < 10 && day >= 0 ? "0" : "") + std::to_string(day));
  }
  return *date;
}

/// make_interval(years, months, weeks, days, hours, mins, secs): later ones may be left out.
Result<Interval> interval_of(std::span<const std::int32_t> whole, double seconds) {
  std::int64_t parts[6] = {};
  std::copy(whole.begin(), whole.end(), parts);
  const std::int64_t months = parts[0] * 12 + parts[1];
  const std::int64_t days = parts[2] * 7 + parts[3];
  const double us = std::rint(seconds * 1e6);
  if (months > INT32_MAX || months < INT32_MIN || days > INT32_MAX || days < INT32_MIN || std::isnan(us) ||
      std::fabs(us) > 9e18) {
    return invalid("22008", "interval out of range");
  }
  const int128_t total =
      int128_t{parts[4]} * kMicrosPerHour + int128_t{parts[5]} * kMicrosPerMinute + static_cast<std::int64_t>(us);
  if (total > INT64_MAX || total < INT64_MIN) return invalid("22008", "interval out of range");
  return Interval{static_cast<std::int32_t>(months), static_cast<std::int32_t>(days), static_cast<std::int64_t>(total)};
}

void register_make_interval(FunctionRegistry& r) {
  for (std::size_t count = 0; count <= 7; ++count) {
    Function f;
    f.name = "make_interval";
    f.arguments.assign(count, TypeId::kInteger);
    if (count == 7) f.arguments[6] = TypeId::kDouble;
    f.result = TypeId::kInterval;
    f.body = [count](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&, ColumnVector& out) -> Status {
      for (std::size_t i = 0; i < rows.count; ++i) {
        const std::size_t row = rows[i];
        std::int32_t whole[6] = {};
        for (std::size_t k = 0; k < std::min<std::size_t>(count, 6); ++k) whole[k] = arguments[k]->at<std::int32_t>(row);
        LDB_ASSIGN_OR_RETURN(out.data<Interval>()[row], interval_of(whole, count == 7 ? arguments[6]->at<double>(row) : 0));
      }
      return {};
    };
    r.add(std::move(f));
  }
}

Result<Timestamp> bin(Interval stride, Timestamp source, Timestamp origin) {
  if (stride.months != 0) return unsupported("timestamps cannot be binned into intervals containing months or years");
  const int128_t width = int128_t{stride.days} * kMicrosPerDay + stride.us;
  if (width <= 0) return invalid("22008", "stride must be greater than zero");
  if (!is_finite(source)) return source;
  if (!is_finite(origin)) return invalid("22008", "origin out of range");
  const int128_t offset = int128_t{source.us} - origin.us;
  int128_t steps = offset / width;
  if (offset % width < 0) --steps;
  const int128_t result = origin.us + steps * width;
  if (result > INT64_MAX || result < INT64_MIN || !is_valid(Timestamp{static_cast<std::int64_t>(result)}))
    return invalid("22008", "timestamp out of range");
  return Timestamp{static_cast<std::int64_t>(result)};
}

/// A function of the context alone.
template <class T>
void add_context_function(FunctionRegistry& r, const char* name, T (*get)(const EvalContext&)) {
  Function f;
  f.name = name;
  f.result = SqlType<T>::id;
  f.volatility = Volatility::kStable;
  f.body = [get](std::span<const ColumnVector* const>, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
    rows.for_each([&](std::size_t row) { out.data<T>()[row] = get(context); });
    return {};
  };
  r.add(std::move(f));
}

void register_now(FunctionRegistry& r) {
  const auto transaction_time = [](const EvalContext& c) { return c.transaction_time; };
  for (const char* name : {"now", "transaction_timestamp", "current_timestamp", "localtimestamp"})
    add_context_function<Timestamp>(r, name, transaction_time);
  add_context_function<Timestamp>(r, "statement_timestamp", [](const EvalContext& c) { return c.statement_time; });
  add_context_function<Date>(r, "current_date", [](const EvalContext& c) { return to_date(c.transaction_time); });
  for (const char* name : {"current_timestamp", "localtimestamp"}) {  // CURRENT_TIMESTAMP(3)
    Function f;
    f.name = name;
    f.arguments = {TypeId::kInteger};
    f.result = TypeId::kTimestamp;
    f.volatility = Volatility::kStable;
    f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
      rows.for_each([&](std::size_t row) {
        out.data<Timestamp>()[row] =
            round_to_precision(context.transaction_time, std::clamp(arguments[0]->at<std::int32_t>(row), 0, 6));
      });
      return {};
    };
    r.add(std::move(f));
  }
  Function f;
  f.name = "age";
  f.arguments = {TypeId::kTimestamp};
  f.result = TypeId::kInterval;
  f.volatility = Volatility::kStable;
  f.body = [](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext& context, ColumnVector& out) -> Status {
    for (std::size_t i = 0; i < rows.count; ++i) {
      LDB_ASSIGN_OR_RETURN(const Timestamp midnight, to_timestamp(to_date(context.transaction_time)));
      LDB_ASSIGN_OR_RETURN(out.data<Interval>()[rows[i]], age(midnight, arguments[0]->at<Timestamp>(rows[i])));
    }
    return {};
  };
  r.add(std::move(f));
}

Result<Timestamp> from_epoch(double seconds) {
  if (std::isnan(seconds)) return invalid("22008", "timestamp cannot be NaN");
  if (std::isinf(seconds)) return seconds > 0 ? kTimestampInfinity : kTimestampMinusInfinity;
  const double us = std::rint(seconds * 1e6);
  if (std::fabs(us) > 9.2e18 || !is_valid(Timestamp{static_cast<std::int64_t>(us)}))
    return invalid("22008", "timestamp out of range");
  return Timestamp{static_cast<std::int64_t>(us)};
}

}  // namespace

void register_datetime_functions(FunctionRegistry& r) {
  add_field_functions<Date>(r);
  add_field_functions<Timestamp>(r);
  add_field_functions<Interval>(r);
  add_function(r, "date_trunc", [](string_view unit, Timestamp t) { return truncate(unit, t); });
  add_function(r, "date_trunc", [](string_view unit, Interval i) { return truncate(unit, i); });
  add_function(r, "date_bin", bin);
  add_function(r, "age", [](Timestamp a, Timestamp b) { return age(a, b); });
  add_function(r, "make_date", date_of);
  add_function(r, "make_timestamp", timestamp_of);
  register_make_interval(r);
  add_function(r, "justify_hours", [](Interval i) { return justify_hours(i); });
  add_function(r, "justify_days", [](Interval i) { return justify_days(i); });
  add_function(r, "justify_interval", [](Interval i) { return justify_interval(i); });
  add_function(r, "isfinite", [](Date d) { return is_finite(d); });
  add_function(r, "isfinite", [](Timestamp t) { return is_finite(t); });
  add_function(r, "isfinite", [](Interval) { return true; });
  add_function(r, "to_timestamp", from_epoch);
  register_now(r);
}

}  // namespace ldb::sql
