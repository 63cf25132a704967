// The proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms") and how dates print.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "sql/types/datetime.hpp"

namespace ldb::sql {
namespace {

constexpr std::int32_t kFirstDay = -2440588;  // Julian day 0
constexpr std::int32_t kEndDay = 2145042906;  // 5874898-01-01
constexpr std::int64_t kFirstMicro = std::int64_t{kFirstDay} * kMicrosPerDay;
constexpr std::int64_t kEndMicro = std::int64_t{106751622} * kMicrosPerDay;  // 294247-01-01

char* put_padded(char* p, std::int64_t v, int width) {
  char digits[24];
  int n = 0;
  do {
    digits[n++] = static_cast<char>('0' + v % 10);
    v /= 10;
  } while (v != 0);
  for (int i = n; i < width; ++i) *p++ = '0';
  while (n > 0) *p++ = digits[--n];
  return p;
}

char* put_date(char* p, const CivilDate& d) {
  p = put_padded(p, d.year > 0 ? d.year : 1 - d.year, 4);
  *p++ = '-';
  p = put_padded(p, d.month, 2);
  *p++ = '-';
  return put_padded(p, d.day, 2);
}

char* put_fraction(char* p, int microsecond) {
  if (microsecond == 0) return p;
  *p++ = '.';
  p = put_padded(p, microsecond, 6);
  while (p[-1] == '0') --p;
  return p;
}

}  // namespace

bool is_valid(Date d) { return d.days >= kFirstDay && d.days < kEndDay; }
bool is_valid(Timestamp t) { return t.us >= kFirstMicro && t.us < kEndMicro; }

std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

CivilDate civil_from_days(std::int32_t days) {
  const std::int64_t z = std::int64_t{days} + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto day_of_era = static_cast<int>(z - era * 146097);
  const int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int shifted_month = (5 * day_of_year + 2) / 153;
  const int month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {static_cast<int>(year_of_era + era * 400) + (month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

CivilTime civil_from_timestamp(Timestamp t) {
  std::int64_t days = t.us / kMicrosPerDay;
  std::int64_t rest = t.us % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  CivilTime c;
  c.date = civil_from_days(static_cast<std::int32_t>(days));
  c.hour = static_cast<int>(rest / kMicrosPerHour);
  c.minute = static_cast<int>(rest / kMicrosPerMinute % 60);
  c.second = static_cast<int>(rest / kMicrosPerSecond % 60);
  c.microsecond = static_cast<int>(rest % kMicrosPerSecond);
  return c;
}

int days_in_month(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

int day_of_week(std::int32_t days) {
  const std::int64_t d = (std::int64_t{days} + 4) % 7;
  return static_cast<int>(d < 0 ? d + 7 : d);
}

namespace {
/// Day number of the Monday that starts ISO week 1 of `year`.
std::int64_t first_iso_monday(int year) {
  const std::int64_t fourth = days_from_civil(year, 1, 4);
  return fourth - (day_of_week(static_cast<std::int32_t>(fourth)) + 6) % 7;
}
}  // namespace

int iso_year(const CivilDate& d) {
  const std::int64_t days = days_from_civil(d.year, d.month, d.day);
  if (days < first_iso_monday(d.year)) return d.year - 1;
  return days >= first_iso_monday(d.year + 1) ? d.year + 1 : d.year;
}

int iso_week(const CivilDate& d) {
  return static_cast<int>((days_from_civil(d.year, d.month, d.day) - first_iso_monday(iso_year(d))) / 7) + 1;
}

std::optional<Date> make_date(std::int64_t year, int month, int day) {
  if (year < -4713 || year > 5874897 + 1 || month < 1 || month > 12 || day < 1 ||
      day > days_in_month(static_cast<int>(year), month))
    return {};
  const std::int64_t days = days_from_civil(year, month, day);
  if (days < kFirstDay || days >= kEndDay) return {};
  return Date{static_cast<std::int32_t>(days)};
}

std::string format(Date d) {
  if (d == kDateInfinity) return "infinity";
  if (d == kDateMinusInfinity) return "-infinity";
  char text[32];
  const CivilDate c = civil_from_days(d.days);
  std::string result(text, put_date(text, c));
  if (c.year <= 0) result += " BC";
  return result;
}

std::string format(Timestamp t) {
  if (t == kTimestampInfinity) return "infinity";
  if (t == kTimestampMinusInfinity) return "-infinity";
  char text[64];
  const CivilTime c = civil_from_timestamp(t);
  char* p = put_date(text, c.date);
  *p++ = ' ';
  p = put_padded(p, c.hour, 2);
  *p++ = ':';
  p = put_padded(p, c.minute, 2);
  *p++ = ':';
  p = put_padded(p, c.second, 2);
  std::string result(text, put_fraction(p, c.microsecond));
  if (c.date.year <= 0) result += " BC";
  return result;
}

std::string format(const Interval& i) {
  std::string out;
  bool is_before = false;  // the last part printed was negative: a positive one then shows its sign
  const auto part = [&](std::int64_t v, std::string_view unit) {
    if (v == 0) return;
    if (!out.empty()) out += ' ';
    if (is_before && v > 0) out += '+';
    out += std::to_string(v);
    out += ' ';
    out += unit;
    if (v != 1) out += 's';
    is_before = v < 0;
  };
  part(i.months / 12, "year");
  part(i.months % 12, "mon");
  part(i.days, "day");
  if (i.us != 0 || out.empty()) {
    char text[48];
    char* p = text;
    if (!out.empty()) *p++ = ' ';
    if (i.us < 0) {
      *p++ = '-';
    } else if (is_before) {
      *p++ = '+';
    }
    const std::uint64_t us = i.us < 0 ? 0 - static_cast<std::uint64_t>(i.us) : static_cast<std::uint64_t>(i.us);
    p = put_padded(p, static_cast<std::int64_t>(us / static_cast<std::uint64_t>(kMicrosPerHour)), 2);
    *p++ = ':';
    p = put_padded(p, static_cast<std::int64_t>(us / static_cast<std::uint64_t>(kMicrosPerMinute) % 60), 2);
    *p++ = ':';
    p = put_padded(p, static_cast<std::int64_t>(us / static_cast<std::uint64_t>(kMicrosPerSecond) % 60), 2);
    p = put_fraction(p, static_cast<int>(us % static_cast<std::uint64_t>(kMicrosPerSecond)));
    out.append(text, p);
  }
  return out;
}

}  // namespace ldb::sql
