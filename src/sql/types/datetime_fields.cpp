// EXTRACT and date_trunc.
#include <algorithm>

#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

struct UnitName {
  std::string_view name;
  TimeUnit unit;
};
// PostgreSQL's deltatktbl, and the fields that only EXTRACT knows.
constexpr UnitName kUnits[] = {
    {"c", TimeUnit::kCentury},
    {"cent", TimeUnit::kCentury},
    {"centuries", TimeUnit::kCentury},
    {"century", TimeUnit::kCentury},
    {"d", TimeUnit::kDay},
    {"day", TimeUnit::kDay},
    {"days", TimeUnit::kDay},
    {"dec", TimeUnit::kDecade},
    {"decade", TimeUnit::kDecade},
    {"decades", TimeUnit::kDecade},
    {"decs", TimeUnit::kDecade},
    {"h", TimeUnit::kHour},
    {"hour", TimeUnit::kHour},
    {"hours", TimeUnit::kHour},
    {"hr", TimeUnit::kHour},
    {"hrs", TimeUnit::kHour},
    {"m", TimeUnit::kMinute},
    {"microsecond", TimeUnit::kMicrosecond},
    {"microseconds", TimeUnit::kMicrosecond},
    {"mil", TimeUnit::kMillennium},
    {"millennia", TimeUnit::kMillennium},
    {"millennium", TimeUnit::kMillennium},
    {"mils", TimeUnit::kMillennium},
    {"millisecond", TimeUnit::kMillisecond},
    {"milliseconds", TimeUnit::kMillisecond},
    {"min", TimeUnit::kMinute},
    {"mins", TimeUnit::kMinute},
    {"minute", TimeUnit::kMinute},
    {"minutes", TimeUnit::kMinute},
    {"mon", TimeUnit::kMonth},
    {"mons", TimeUnit::kMonth},
    {"month", TimeUnit::kMonth},
    {"months", TimeUnit::kMonth},
    {"ms", TimeUnit::kMillisecond},
    {"msec", TimeUnit::kMillisecond},
    {"mseconds", TimeUnit::kMillisecond},
    {"msecond", TimeUnit::kMillisecond},
    {"msecs", TimeUnit::kMillisecond},
    {"qtr", TimeUnit::kQuarter},
    {"quarter", TimeUnit::kQuarter},
    {"s", TimeUnit::kSecond},
    {"sec", TimeUnit::kSecond},
    {"second", TimeUnit::kSecond},
    {"seconds", TimeUnit::kSecond},
    {"secs", TimeUnit::kSecond},
    {"us", TimeUnit::kMicrosecond},
    {"usec", TimeUnit::kMicrosecond},
    {"useconds", TimeUnit::kMicrosecond},
    {"usecond", TimeUnit::kMicrosecond},
    {"usecs", TimeUnit::kMicrosecond},
    {"w", TimeUnit::kWeek},
    {"week", TimeUnit::kWeek},
    {"weeks", TimeUnit::kWeek},
    {"y", TimeUnit::kYear},
    {"year", TimeUnit::kYear},
    {"years", TimeUnit::kYear},
    {"yr", TimeUnit::kYear},
    {"yrs", TimeUnit::kYear},
    {"dow", TimeUnit::kDayOfWeek},
    {"isodow", TimeUnit::kIsoDayOfWeek},
    {"doy", TimeUnit::kDayOfYear},
    {"isoyear", TimeUnit::kIsoYear},
    {"epoch", TimeUnit::kEpoch},
    {"julian", TimeUnit::kJulian},
    {"j", TimeUnit::kJulian},
    {"timezone", TimeUnit::kTimezone},
    {"timezone_hour", TimeUnit::kTimezone},
    {"timezone_minute", TimeUnit::kTimezone},
};

std::string lower(std::string_view s) {
  std::string r(s);
  std::transform(r.begin(), r.end(), r.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return r;
}

Status unknown_unit(std::string_view unit, std::string_view type) {
  return invalid("22023", "unit \"" + lower(unit) + "\" not recognized for type " + std::string(type));
}
Status unsupported_unit(std::string_view unit, std::string_view type) {
  return Status::sql(StatusCode::kUnsupported, "0A000",
                     "unit \"" + lower(unit) + "\" not supported for type " + std::string(type));
}

int floor_divide(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/// Year as people write it (no year 0), to its decade, century, millennium as PostgreSQL counts.
int decade_of(int year) { return floor_divide(year, 10); }
int century_of(int year) { return year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100); }
int millennium_of(int year) { return year > 0 ? (year + 999) / 1000 : -((999 - (year - 1)) / 1000); }

FieldValue integer(std::int64_t v) { return {false, 0, Decimal{v, 0}}; }
FieldValue scaled(int128_t v, int scale) { return {false, 0, Decimal{v, scale}}; }

FieldValue infinite(TimeUnit unit, bool negative) {
  switch (unit) {
    case TimeUnit::kYear:
    case TimeUnit::kDecade:
    case TimeUnit::kCentury:
    case TimeUnit::kMillennium:
    case TimeUnit::kJulian:
    case TimeUnit::kIsoYear:
    case TimeUnit::kEpoch:
      return {false, negative ? -1 : 1, {}};
    default:
      return {true, 0, {}};
  }
}

FieldValue date_field(TimeUnit unit, const CivilDate& d, std::int32_t days) {
  switch (unit) {
    case TimeUnit::kDay:
      return integer(d.day);
    case TimeUnit::kMonth:
      return integer(d.month);
    case TimeUnit::kQuarter:
      return integer((d.month - 1) / 3 + 1);
    case TimeUnit::kWeek:
      return integer(iso_week(d));
    case TimeUnit::kYear:
      return integer(d.year > 0 ? d.year : d.year - 1);
    case TimeUnit::kDecade:
      return integer(decade_of(d.year));
    case TimeUnit::kCentury:
      return integer(century_of(d.year));
    case TimeUnit::kMillennium:
      return integer(millennium_of(d.year));
    case TimeUnit::kIsoYear: {
      const int year = iso_year(d);
      return integer(year > 0 ? year : year - 1);
    }
    case TimeUnit::kDayOfWeek:
      return integer(day_of_week(days));
    case TimeUnit::kIsoDayOfWeek:
      return integer(day_of_week(days) == 0 ? 7 : day_of_week(days));
    case TimeUnit::kDayOfYear:
      return integer(days - days_from_civil(d.year, 1, 1) + 1);
    default:
      return {true, 0, {}};
  }
}

}  // namespace

std::optional<TimeUnit> time_unit(std::string_view word) {
  for (const UnitName& u : kUnits) {
    if (u.name == word) return u.unit;
  }
  return {};
}

int month_number(std::string_view word) {
  if (word.size() < 3) return 0;
  for (int i = 0; i < 12; ++i) {
    const std::string name = lower(kMonthNames[i]);
    if (word == name || word == std::string_view(name).substr(0, 3)) return i + 1;
  }
  return word == "sept" ? 9 : 0;
}

Result<FieldValue> extract(std::string_view field, Timestamp t) {
  constexpr std::string_view kType = "timestamp without time zone";
  const auto unit = time_unit(lower(field));
  if (!unit) return unknown_unit(field, kType);
  if (*unit == TimeUnit::kTimezone) return unsupported_unit(field, kType);
  if (!is_finite(t)) return infinite(*unit, t == kTimestampMinusInfinity);
  const CivilTime c = civil_from_timestamp(t);
  const std::int32_t days = to_date(t).days;
  const std::int64_t in_minute = c.second * kMicrosPerSecond + c.microsecond;
  switch (*unit) {
    case TimeUnit::kMicrosecond:
      return integer(in_minute);
    case TimeUnit::kMillisecond:
      return scaled(in_minute, 3);
    case TimeUnit::kSecond:
      return scaled(in_minute, 6);
    case TimeUnit::kMinute:
      return integer(c.minute);
    case TimeUnit::kHour:
      return integer(c.hour);
    case TimeUnit::kEpoch:
      return scaled(t.us, 6);
    case TimeUnit::kJulian: {
      const std::int64_t day_us = t.us - std::int64_t{days} * kMicrosPerDay;
      LDB_ASSIGN_OR_RETURN(const Decimal fraction, divide(Decimal{day_us, 0}, Decimal{kMicrosPerDay, 0}));
      LDB_ASSIGN_OR_RETURN(const Decimal sum, add(Decimal{std::int64_t{days} + 2440588, 0}, fraction));
      return FieldValue{false, 0, sum};
    }
    default:
      return date_field(*unit, c.date, days);
  }
}

Result<FieldValue> extract(std::string_view field, Date d) {
  const auto unit = time_unit(lower(field));
  if (!unit) return unknown_unit(field, "date");
  switch (*unit) {
    case TimeUnit::kMicrosecond:
    case TimeUnit::kMillisecond:
    case TimeUnit::kSecond:
    case TimeUnit::kMinute:
    case TimeUnit::kHour:
    case TimeUnit::kTimezone:
      return unsupported_unit(field, "date");
    default:
      break;
  }
  if (!is_finite(d)) return infinite(*unit, d == kDateMinusInfinity);
  if (*unit == TimeUnit::kEpoch) return integer(d.days * std::int64_t{86400});
  if (*unit == TimeUnit::kJulian) return integer(std::int64_t{d.days} + 2440588);
  return date_field(*unit, civil_from_days(d.days), d.days);
}

Result<FieldValue> extract(std::string_view field, const Interval& i) {
  const auto unit = time_unit(lower(field));
  if (!unit) return unknown_unit(field, "interval");
  const int year = i.months / 12;
  const int month = i.months % 12;
  const std::int64_t in_minute = i.us % kMicrosPerMinute;
  switch (*unit) {
    case TimeUnit::kMicrosecond:
      return integer(in_minute);
    case TimeUnit::kMillisecond:
      return scaled(in_minute, 3);
    case TimeUnit::kSecond:
      return scaled(in_minute, 6);
    case TimeUnit::kMinute:
      return integer(i.us / kMicrosPerMinute % 60);
    case TimeUnit::kHour:
      return integer(i.us / kMicrosPerHour);
    case TimeUnit::kDay:
      return integer(i.days);
    case TimeUnit::kMonth:
      return integer(month);
    case TimeUnit::kQuarter:
      return integer(month / 3 + 1);
    case TimeUnit::kYear:
      return integer(year);
    case TimeUnit::kDecade:
      return integer(year / 10);
    case TimeUnit::kCentury:
      return integer(year / 100);
    case TimeUnit::kMillennium:
      return integer(year / 1000);
    case TimeUnit::kEpoch: {
      // A year counts 365.25 days here, a month 30: PostgreSQL's definition.
      const int128_t quarter_days = int128_t{year} * 1461 + int128_t{month} * 120 + int128_t{i.days} * 4;
      return scaled(quarter_days * (kMicrosPerDay / 4) + i.us, 6);
    }
    default:
      return unsupported_unit(field, "interval");
  }
}

Result<Timestamp> truncate(std::string_view name, Timestamp t) {
  constexpr std::string_view kType = "timestamp without time zone";
  if (!is_finite(t)) return t;  // before the unit is looked at, as in PostgreSQL
  const auto unit = time_unit(lower(name));
  if (!unit) return unknown_unit(name, kType);
  if (*unit > TimeUnit::kMillennium)
    return *unit == TimeUnit::kTimezone ? unsupported_unit(name, kType) : unknown_unit(name, kType);
  const std::int64_t midnight = std::int64_t{to_date(t).days} * kMicrosPerDay;
  const std::int64_t in_day = t.us - midnight;
  CivilDate d = civil_from_days(to_date(t).days);
  switch (*unit) {
    case TimeUnit::kMicrosecond:
      return t;
    case TimeUnit::kMillisecond:
      return Timestamp{midnight + in_day / 1000 * 1000};
    case TimeUnit::kSecond:
      return Timestamp{midnight + in_day / kMicrosPerSecond * kMicrosPerSecond};
    case TimeUnit::kMinute:
      return Timestamp{midnight + in_day / kMicrosPerMinute * kMicrosPerMinute};
    case TimeUnit::kHour:
      return Timestamp{midnight + in_day / kMicrosPerHour * kMicrosPerHour};
    case TimeUnit::kDay:
      return Timestamp{midnight};
    case TimeUnit::kWeek: {
      const std::int32_t days = to_date(t).days;
      const Timestamp monday{(std::int64_t{days} - (day_of_week(days) + 6) % 7) * kMicrosPerDay};
      if (!is_valid(monday)) return invalid("22008", "timestamp out of range");
      return monday;
    }
    case TimeUnit::kMonth:
      break;
    case TimeUnit::kQuarter:
      d.month = (d.month - 1) / 3 * 3 + 1;
      break;
    case TimeUnit::kYear:
      d.month = 1;
      break;
    case TimeUnit::kDecade:
      d.month = 1;
      d.year = decade_of(d.year) * 10;
      break;
    case TimeUnit::kCentury:
      d.month = 1;
      d.year = d.year > 0 ? (d.year + 99) / 100 * 100 - 99 : -((99 - (d.year - 1)) / 100) * 100 + 1;
      break;
    default:
      d.month = 1;
      d.year = d.year > 0 ? (d.year + 999) / 1000 * 1000 - 999 : -((999 - (d.year - 1)) / 1000) * 1000 + 1;
      break;
  }
  const Timestamp result{days_from_civil(d.year, d.month, 1) * kMicrosPerDay};
  if (!is_valid(result)) return invalid("22008", "timestamp out of range");
  return result;
}

Result<Interval> truncate(std::string_view name, const Interval& i) {
  const auto unit = time_unit(lower(name));
  if (!unit) return unknown_unit(name, "interval");
  if (*unit == TimeUnit::kWeek) {
    return unsupported_unit(name, "interval").with_detail("Months usually have fractional weeks.");
  }
  if (*unit > TimeUnit::kMillennium && *unit != TimeUnit::kTimezone) return unknown_unit(name, "interval");
  const auto whole = [](std::int64_t v, std::int64_t unit_size) { return v / unit_size * unit_size; };
  switch (*unit) {
    case TimeUnit::kMicrosecond:
      return i;
    case TimeUnit::kMillisecond:
      return Interval{i.months, i.days, whole(i.us, 1000)};
    case TimeUnit::kSecond:
      return Interval{i.months, i.days, whole(i.us, kMicrosPerSecond)};
    case TimeUnit::kMinute:
      return Interval{i.months, i.days, whole(i.us, kMicrosPerMinute)};
    case TimeUnit::kHour:
      return Interval{i.months, i.days, whole(i.us, kMicrosPerHour)};
    case TimeUnit::kDay:
      return Interval{i.months, i.days, 0};
    case TimeUnit::kMonth:
      return Interval{i.months, 0, 0};
    case TimeUnit::kQuarter:
      return Interval{i.months / 3 * 3, 0, 0};
    case TimeUnit::kYear:
      return Interval{i.months / 12 * 12, 0, 0};
    case TimeUnit::kDecade:
      return Interval{i.months / 120 * 120, 0, 0};
    case TimeUnit::kCentury:
      return Interval{i.months / 1200 * 1200, 0, 0};
    case TimeUnit::kMillennium:
      return Interval{i.months / 12000 * 12000, 0, 0};
    default:
      return unsupported_unit(name, "interval");
  }
}

}  // namespace ldb::sql
