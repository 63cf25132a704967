// DATE, TIMESTAMP and INTERVAL: calendar, text, arithmetic. Semantics and spelling are PostgreSQL 15's with DateStyle 'ISO, MDY'
// and IntervalStyle 'postgres'.
//
// Ranges: dates 4713-11-24 BC .. 5874897-12-31, timestamps 4713-11-24 BC .. 294246-12-31 (microseconds since 1970 in 64 bits),
// and both infinities. Errors: 22007 not a date, 22008 out of range, 22015 interval out of range.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ldb/value.hpp"
#include "sql/types/big_integer.hpp"

namespace ldb::sql {

inline constexpr std::int64_t kMicrosPerSecond = 1'000'000;
inline constexpr std::int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
inline constexpr std::int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
inline constexpr std::int64_t kMicrosPerDay = 24 * kMicrosPerHour;

inline constexpr Date kDateInfinity{INT32_MAX};
inline constexpr Date kDateMinusInfinity{INT32_MIN};
inline constexpr Timestamp kTimestampInfinity{INT64_MAX};
inline constexpr Timestamp kTimestampMinusInfinity{INT64_MIN};
inline bool is_finite(Date d) { return d != kDateInfinity && d != kDateMinusInfinity; }
inline bool is_finite(Timestamp t) { return t != kTimestampInfinity && t != kTimestampMinusInfinity; }
/// Finite and in range.
bool is_valid(Date d);
bool is_valid(Timestamp t);

/// Proleptic Gregorian; year 0 is 1 BC.
struct CivilDate {
  int year = 1970;
  int month = 1;
  int day = 1;
};
struct CivilTime {
  CivilDate date;
  int hour = 0, minute = 0, second = 0, microsecond = 0;
};
std::int64_t days_from_civil(std::int64_t year, int month, int day);
CivilDate civil_from_days(std::int32_t days);
CivilTime civil_from_timestamp(Timestamp t);
int days_in_month(int year, int month);
inline bool is_leap_year(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
/// 0 is Sunday.
int day_of_week(std::int32_t days);
int iso_week(const CivilDate& d);
int iso_year(const CivilDate& d);
/// Nothing when no such day or out of range.
std::optional<Date> make_date(std::int64_t year, int month, int day);

// Text. parse_interval: `fields` are the bits of ast::IntervalField of INTERVAL '..' DAY TO SECOND, 0: all.
Result<Date> parse_date(std::string_view text);
Result<Timestamp> parse_timestamp(std::string_view text);
Result<Interval> parse_interval(std::string_view text, unsigned fields = 0);
std::string format(Date d);
std::string format(Timestamp t);
std::string format(const Interval& i);

// Arithmetic.
int compare(const Interval& a, const Interval& b);
int128_t total_microseconds(const Interval& i);  ///< 30-day months, 24-hour days
Result<Timestamp> to_timestamp(Date d);
Date to_date(Timestamp t);
Result<Date> add_days(Date d, std::int64_t days);
Result<Timestamp> add(Timestamp t, const Interval& i);
Result<Timestamp> subtract(Timestamp t, const Interval& i);
Result<Interval> subtract(Timestamp a, Timestamp b);
Result<Interval> add(const Interval& a, const Interval& b);
Result<Interval> subtract(const Interval& a, const Interval& b);
Result<Interval> negate(const Interval& i);
Result<Interval> multiply(const Interval& i, double factor);
Result<Interval> divide(const Interval& i, double divisor);
Result<Interval> age(Timestamp a, Timestamp b);
Result<Interval> justify_hours(const Interval& i);
Result<Interval> justify_days(const Interval& i);
Result<Interval> justify_interval(const Interval& i);
/// To `precision` digits of a second, half away from zero... as TIMESTAMP(p).
Timestamp round_to_precision(Timestamp t, int precision);

/// date_trunc. 22023 unknown unit.
Result<Timestamp> truncate(std::string_view unit, Timestamp t);
Result<Interval> truncate(std::string_view unit, const Interval& i);
/// EXTRACT: NULL (nothing) for fields that an infinite value does not have. `whole`/10^`scale` for every field but the infinities
/// of the rest, which only double precision can hold.
struct FieldValue {
  bool is_null = false;
  int infinity = 0;  ///< +1, -1
  Decimal value;
};
Result<FieldValue> extract(std::string_view field, Timestamp t);
Result<FieldValue> extract(std::string_view field, Date d);
Result<FieldValue> extract(std::string_view field, const Interval& i);

/// Units as EXTRACT, date_trunc and interval literals know them.
enum class TimeUnit : std::uint8_t {
  kMicrosecond,
  kMillisecond,
  kSecond,
  kMinute,
  kHour,
  kDay,
  kWeek,
  kMonth,
  kQuarter,
  kYear,
  kDecade,
  kCentury,
  kMillennium,
  kDayOfWeek,
  kIsoDayOfWeek,
  kDayOfYear,
  kIsoYear,
  kEpoch,
  kJulian,
  kTimezone
};
std::optional<TimeUnit> time_unit(std::string_view lower_case_word);
/// 1..12 for "jan", "january", ... (lower case); 0 otherwise.
int month_number(std::string_view lower_case_word);
inline constexpr std::string_view kMonthNames[] = {"January", "February", "March",     "April",   "May",      "June",
                                                   "July",    "August",   "September", "October", "November", "December"};
inline constexpr std::string_view kDayNames[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

}  // namespace ldb::sql
