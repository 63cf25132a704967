// Arithmetic on dates, timestamps and intervals; rules and rounding follow PostgreSQL's timestamp.c.
#include <algorithm>
#include <cmath>

#include "sql/types/datetime.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

Status timestamp_out_of_range() { return invalid("22008", "timestamp out of range"); }
Status interval_out_of_range() { return invalid("22008", "interval out of range"); }

/// Rounds away noise of binary fractions, as PostgreSQL's TSROUND.
double round_micro(double v) { return std::rint(v * 1e6) / 1e6; }

bool to_int32(double v, std::int32_t& out) {
  if (std::isnan(v) || v > INT32_MAX || v < INT32_MIN) return false;
  out = static_cast<std::int32_t>(v);
  return true;
}

/// months * f, days * f, us * f with fractions cascading down; `scale(x)` is the operation.
template <class Scale>
Result<Interval> scaled(const Interval& i, Scale scale) {
  Interval r;
  if (!to_int32(scale(i.months), r.months) || !to_int32(scale(i.days), r.days)) return interval_out_of_range();
  double month_days = (scale(i.months) - r.months) * 30;
  month_days = round_micro(month_days);
  double seconds = (scale(i.days) - r.days + month_days - static_cast<int>(month_days)) * 86400;
  seconds = round_micro(seconds);
  std::int64_t days = r.days;
  if (std::fabs(seconds) >= 86400) {
    days += static_cast<int>(seconds / 86400);
    seconds -= static_cast<int>(seconds / 86400) * 86400;
  }
  days += static_cast<std::int32_t>(month_days);
  if (days > INT32_MAX || days < INT32_MIN) return interval_out_of_range();
  r.days = static_cast<std::int32_t>(days);
  const double us = std::rint(scale(static_cast<double>(i.us)) + seconds * 1e6);
  if (std::isnan(us) || us >= 9223372036854775808.0 || us < -9223372036854775808.0) return interval_out_of_range();
  r.us = static_cast<std::int64_t>(us);
  return r;
}

}  // namespace

int128_t total_microseconds(const Interval& i) { return (int128_t{i.months} * 30 + i.days) * kMicrosPerDay + i.us; }

int compare(const Interval& a, const Interval& b) {
  const int128_t x = total_microseconds(a);
  const int128_t y = total_microseconds(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

Result<Timestamp> to_timestamp(Date d) {
  if (d == kDateInfinity) return kTimestampInfinity;
  if (d == kDateMinusInfinity) return kTimestampMinusInfinity;
  const int128_t us = int128_t{d.days} * kMicrosPerDay;
  if (us > INT64_MAX || !is_valid(Timestamp{static_cast<std::int64_t>(us)}))
    return invalid("22008", "date out of range for timestamp");
  return Timestamp{static_cast<std::int64_t>(us)};
}

Date to_date(Timestamp t) {
  if (t == kTimestampInfinity) return kDateInfinity;
  if (t == kTimestampMinusInfinity) return kDateMinusInfinity;
  std::int64_t days = t.us / kMicrosPerDay;
  if (t.us % kMicrosPerDay < 0) --days;
  return {static_cast<std::int32_t>(days)};
}

Result<Date> add_days(Date d, std::int64_t days) {
  if (!is_finite(d)) return d;
  const std::int64_t sum = days > INT32_MAX || days < INT32_MIN ? INT64_MAX : d.days + days;
  if (sum > INT32_MAX || sum < INT32_MIN || !is_valid(Date{static_cast<std::int32_t>(sum)}))
    return invalid("22008", "date out of range");
  return Date{static_cast<std::int32_t>(sum)};
}

Result<Timestamp> add(Timestamp t, const Interval& i) {
  if (!is_finite(t)) return t;
  if (i.months != 0) {
    const CivilTime c = civil_from_timestamp(t);
    const std::int64_t month_index = std::int64_t{c.date.year} * 12 + c.date.month - 1 + i.months;
    const std::int64_t year = month_index >= 0 ? month_index / 12 : (month_index - 11) / 12;
    const int month = static_cast<int>(month_index - year * 12) + 1;
    if (year < -5000 || year > 6000000) return timestamp_out_of_range();
    const int day = std::min(c.date.day, days_in_month(static_cast<int>(year), month));
    const int128_t us =
        int128_t{days_from_civil(year, month, day)} * kMicrosPerDay + (t.us - std::int64_t{to_date(t).days} * kMicrosPerDay);
    if (us > INT64_MAX || us < INT64_MIN) return timestamp_out_of_range();
    t.us = static_cast<std::int64_t>(us);
  }
  const int128_t us = int128_t{t.us} + int128_t{i.days} * kMicrosPerDay + i.us;
  if (us > INT64_MAX || us < INT64_MIN || !is_valid(Timestamp{static_cast<std::int64_t>(us)})) return timestamp_out_of_range();
  return Timestamp{static_cast<std::int64_t>(us)};
}

Result<Timestamp> subtract(Timestamp t, const Interval& i) {
  LDB_ASSIGN_OR_RETURN(const Interval negative, negate(i));
  return add(t, negative);
}

Result<Interval> subtract(Timestamp a, Timestamp b) {
  if (!is_finite(a) || !is_finite(b)) return invalid("22008", "cannot subtract infinite timestamps");
  std::int64_t us = 0;
  if (__builtin_sub_overflow(a.us, b.us, &us)) return interval_out_of_range();
  return justify_hours({0, 0, us});
}

Result<Interval> add(const Interval& a, const Interval& b) {
  Interval r;
  if (__builtin_add_overflow(a.months, b.months, &r.months) || __builtin_add_overflow(a.days, b.days, &r.days) ||
      __builtin_add_overflow(a.us, b.us, &r.us)) {
    return interval_out_of_range();
  }
  return r;
}

Result<Interval> subtract(const Interval& a, const Interval& b) {
  Interval r;
  if (__builtin_sub_overflow(a.months, b.months, &r.months) || __builtin_sub_overflow(a.days, b.days, &r.days) ||
      __builtin_sub_overflow(a.us, b.us, &r.us)) {
    return interval_out_of_range();
  }
  return r;
}

Result<Interval> negate(const Interval& i) { return subtract(Interval{}, i); }

Result<Interval> multiply(const Interval& i, double factor) {
  return scaled(i, [factor](double v) { return v * factor; });
}

Result<Interval> divide(const Interval& i, double divisor) {
  if (divisor == 0) return division_by_zero();
  return scaled(i, [divisor](double v) { return v / divisor; });
}

Result<Interval> justify_hours(const Interval& i) {
  Interval r = i;
  const std::int64_t days = r.us / kMicrosPerDay;
  r.us %= kMicrosPerDay;
  const std::int64_t sum = r.days + days;
  if (sum > INT32_MAX || sum < INT32_MIN) return interval_out_of_range();
  r.days = static_cast<std::int32_t>(sum);
  if (r.days > 0 && r.us < 0) {
    r.us += kMicrosPerDay;
    --r.days;
  } else if (r.days < 0 && r.us > 0) {
    r.us -= kMicrosPerDay;
    ++r.days;
  }
  return r;
}

Result<Interval> justify_days(const Interval& i) {
  Interval r = i;
  const std::int32_t months = r.days / 30;
  r.days -= months * 30;
  if (__builtin_add_overflow(r.months, months, &r.months)) return interval_out_of_range();
  if (r.months > 0 && r.days < 0) {
    r.days += 30;
    --r.months;
  } else if (r.months < 0 && r.days > 0) {
    r.days -= 30;
    ++r.months;
  }
  return r;
}

Result<Interval> justify_interval(const Interval& i) {
  Interval r = i;
  // Days first when they share the time's sign, so that the sum cannot overflow needlessly.
  if ((r.days > 0 && r.us > 0) || (r.days < 0 && r.us < 0)) {
    const std::int32_t months = r.days / 30;
    r.days -= months * 30;
    if (__builtin_add_overflow(r.months, months, &r.months)) return interval_out_of_range();
  }
  const std::int64_t days = r.us / kMicrosPerDay;
  r.us %= kMicrosPerDay;
  const std::int64_t all_days = r.days + days;
  const std::int64_t months = all_days / 30;
  r.days = static_cast<std::int32_t>(all_days % 30);
  const std::int64_t all_months = r.months + months;
  if (all_months > INT32_MAX || all_months < INT32_MIN) return interval_out_of_range();
  r.months = static_cast<std::int32_t>(all_months);
  if (r.months > 0 && (r.days < 0 || (r.days == 0 && r.us < 0))) {
    r.days += 30;
    --r.months;
  } else if (r.months < 0 && (r.days > 0 || (r.days == 0 && r.us > 0))) {
    r.days -= 30;
    ++r.months;
  }
  if (r.days > 0 && r.us < 0) {
    r.us += kMicrosPerDay;
    --r.days;
  } else if (r.days < 0 && r.us > 0) {
    r.us -= kMicrosPerDay;
    ++r.days;
  }
  return r;
}

Result<Interval> age(Timestamp a, Timestamp b) {
  if (!is_finite(a) || !is_finite(b)) return invalid("22008", "timestamp out of range");
  const CivilTime x = civil_from_timestamp(a);
  const CivilTime y = civil_from_timestamp(b);
  const bool negative = a < b;
  const int sign = negative ? -1 : 1;
  int us = sign * (x.microsecond - y.microsecond);
  int second = sign * (x.second - y.second);
  int minute = sign * (x.minute - y.minute);
  int hour = sign * (x.hour - y.hour);
  int day = sign * (x.date.day - y.date.day);
  int month = sign * (x.date.month - y.date.month);
  int year = sign * (x.date.year - y.date.year);
  const auto borrow = [](int& low, int& high, int base) {
    while (low < 0) {
      low += base;
      --high;
    }
  };
  borrow(us, second, 1'000'000);
  borrow(second, minute, 60);
  borrow(minute, hour, 60);
  borrow(hour, day, 24);
  const CivilDate& lender = negative ? x.date : y.date;
  borrow(day, month, days_in_month(lender.year, lender.month));
  borrow(month, year, 12);
  return Interval{sign * (year * 12 + month), sign * day,
                  sign * (((hour * std::int64_t{60} + minute) * 60 + second) * kMicrosPerSecond + us)};
}

Timestamp round_to_precision(Timestamp t, int precision) {
  if (precision >= 6 || !is_finite(t)) return t;
  constexpr std::int64_t kUnits[] = {1'000'000, 100'000, 10'000, 1'000, 100, 10};
  const std::int64_t unit = kUnits[precision];
  // PostgreSQL rounds counts from 2000-01-01, which is a whole second: halves go away from that day.
  const std::int64_t base = 946684800 * kMicrosPerSecond;
  const std::int64_t v = t.us - base;
  const std::int64_t rounded = v >= 0 ? (v + unit / 2) / unit * unit : -((-v + unit / 2) / unit * unit);
  return {rounded + base};
}

}  // namespace ldb::sql
