// Reads intervals: PostgreSQL's verbose form, the SQL standard's ("1-2 3 4:05:06"), and ISO 8601 with designators. Fields are
// read from the right, so that a number knows its unit, as DecodeInterval() does.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "sql/types/datetime.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

enum Fields : unsigned { kYear = 1, kMonth = 2, kDay = 4, kHour = 8, kMinute = 16, kSecond = 32 };

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Sums parts; remembers overflow.
struct Sum {
  std::int64_t months = 0, days = 0, us = 0;
  bool overflow = false;

  void add_months(std::int64_t v, std::int64_t scale) {
    overflow |= __builtin_mul_overflow(v, scale, &v) || __builtin_add_overflow(months, v, &months);
  }
  void add_days(std::int64_t v, std::int64_t scale) {
    overflow |= __builtin_mul_overflow(v, scale, &v) || __builtin_add_overflow(days, v, &days);
  }
  void add_us(std::int64_t v, std::int64_t scale) {
    overflow |= __builtin_mul_overflow(v, scale, &v) || __builtin_add_overflow(us, v, &us);
  }
  void add_fraction_us(double f, double scale) { add_us(static_cast<std::int64_t>(std::rint(f * scale)), 1); }
  void add_fraction_days(double f, int scale) {
    f *= scale;
    const auto whole = static_cast<std::int64_t>(f);
    add_days(whole, 1);
    add_fraction_us(f - static_cast<double>(whole), static_cast<double>(kMicrosPerDay));
  }
  void add_fraction_years(double f, int scale) { add_months(static_cast<std::int64_t>(std::rint(f * scale * 12)), 1); }

  /// False: `unit` cannot be in an interval.
  bool add(TimeUnit unit, std::int64_t v, double f) {
    switch (unit) {
      case TimeUnit::kMicrosecond:
        add_us(v, 1);
        add_fraction_us(f, 1);
        return true;
      case TimeUnit::kMillisecond:
        add_us(v, 1000);
        add_fraction_us(f, 1000);
        return true;
      case TimeUnit::kSecond:
        add_us(v, kMicrosPerSecond);
        add_fraction_us(f, 1e6);
        return true;
      case TimeUnit::kMinute:
        add_us(v, kMicrosPerMinute);
        add_fraction_us(f, 6e7);
        return true;
      case TimeUnit::kHour:
        add_us(v, kMicrosPerHour);
        add_fraction_us(f, 3.6e9);
        return true;
      case TimeUnit::kDay:
        add_days(v, 1);
        add_fraction_us(f, 8.64e10);
        return true;
      case TimeUnit::kWeek:
        add_days(v, 7);
        add_fraction_days(f, 7);
        return true;
      case TimeUnit::kMonth:
        add_months(v, 1);
        add_fraction_days(f, 30);
        return true;
      case TimeUnit::kYear:
        add_months(v, 12);
        add_fraction_years(f, 1);
        return true;
      case TimeUnit::kDecade:
        add_months(v, 120);
        add_fraction_years(f, 10);
        return true;
      case TimeUnit::kCentury:
        add_months(v, 1200);
        add_fraction_years(f, 100);
        return true;
      case TimeUnit::kMillennium:
        add_months(v, 12000);
        add_fraction_years(f, 1000);
        return true;
      default:
        return false;
    }
  }

  Result<Interval> result(std::string_view text) const {
    if (overflow || months > INT32_MAX || months < INT32_MIN || days > INT32_MAX || days < INT32_MIN) {
      return invalid("22015", "interval field value out of range: \"" + std::string(text) + "\"");
    }
    return Interval{static_cast<std::int32_t>(months), static_cast<std::int32_t>(days), us};
  }
};

struct Number {
  bool negative = false;
  std::int64_t whole = 0;  // signed
  double fraction = 0;     // signed
};

/// [sign] digits [. digits], all of `s`.
bool read_number(std::string_view s, Number& n, bool& overflow) {
  if (!s.empty() && (s[0] == '+' || s[0] == '-')) {
    n.negative = s[0] == '-';
    s.remove_prefix(1);
  }
  std::size_t i = 0;
  while (i < s.size() && is_digit(s[i])) ++i;
  if (i > 0) {
    std::uint64_t v = 0;
    const auto r = std::from_chars(s.data(), s.data() + i, v);
    if (r.ec != std::errc() || v > static_cast<std::uint64_t>(INT64_MAX)) overflow = true;
    n.whole = n.negative ? -static_cast<std::int64_t>(v & INT64_MAX) : static_cast<std::int64_t>(v & INT64_MAX);
  }
  if (i < s.size()) {
    if (s[i] != '.') return false;
    const std::string text = "0" + std::string(s.substr(i));
    if (text.size() > 2) {
      const auto r = std::from_chars(text.data(), text.data() + text.size(), n.fraction);
      if (r.ptr != text.data() + text.size()) return false;
    } else if (i == 0) {
      return false;
    }
    if (n.negative) n.fraction = -n.fraction;
  } else if (i == 0) {
    return false;
  }
  return true;
}

/// h:m[:s[.f]] or, for MINUTE TO SECOND, m:s[.f].
bool read_time(std::string_view s, unsigned fields, Sum& sum, bool& out_of_range) {
  const bool negative = s[0] == '-';
  if (s[0] == '-' || s[0] == '+') s.remove_prefix(1);
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = s.find(':');
    parts.push_back(s.substr(0, at));
    if (at == s.npos) break;
    s.remove_prefix(at + 1);
  }
  if (parts.size() < 2 || parts.size() > 3) return false;
  bool overflow = false;
  std::vector<Number> n(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty() && i + 1 == parts.size()) continue;
    if (parts[i].empty() || !is_digit(parts[i][0]) || !read_number(parts[i], n[i], overflow)) return false;
    if (i + 1 < parts.size() && parts[i].find('.') != std::string_view::npos) return false;
  }
  Number hour, minute, second;
  const bool last_has_point = parts.back().find('.') != std::string_view::npos;
  if (parts.size() == 3) {
    hour = n[0], minute = n[1], second = n[2];
  } else if (fields == (kMinute | kSecond) || last_has_point) {
    minute = n[0], second = n[1];
  } else {
    hour = n[0], minute = n[1];
  }
  if (overflow || minute.whole > 59 || second.whole > 60) {
    out_of_range = true;
    return true;
  }
  Sum t;
  t.add_us(hour.whole, kMicrosPerHour);
  t.add_us(minute.whole, kMicrosPerMinute);
  t.add_us(second.whole, kMicrosPerSecond);
  t.add_fraction_us(second.fraction, 1e6);
  sum.overflow |= t.overflow;
  sum.add_us(t.us, negative ? -1 : 1);
  return true;
}

/// Cuts into words and numbers with what clings to them ("1-2", "-3:04").
bool cut(std::string_view s, std::vector<std::string>& out) {
  std::size_t i = 0;
  while (i < s.size()) {
    if (is_blank(s[i]) || s[i] == ',' || s[i] == '@') {
      ++i;
      continue;
    }
    std::string token;
    if (is_alpha(s[i])) {
      while (i < s.size() && is_alpha(s[i])) token += static_cast<char>(s[i] | 0x20), ++i;
    } else {
      if (s[i] == '+' || s[i] == '-') {
        token += s[i++];
        while (i < s.size() && is_blank(s[i])) ++i;
      }
      const std::size_t from = i;
      while (i < s.size() && (is_digit(s[i]) || s[i] == '.' || s[i] == ':' || (s[i] == '-' && i > from))) token += s[i++];
      if (i == from) return false;
    }
    if (out.size() == 25) return false;
    out.push_back(std::move(token));
  }
  return !out.empty();
}

TimeUnit unit_of_fields(unsigned fields) {
  if (fields == kYear) return TimeUnit::kYear;
  if (fields == kMonth || fields == (kYear | kMonth)) return TimeUnit::kMonth;
  if (fields == kDay) return TimeUnit::kDay;
  if (fields == kHour || fields == (kDay | kHour)) return TimeUnit::kHour;
  if (fields == kMinute || fields == (kHour | kMinute) || fields == (kDay | kHour | kMinute)) return TimeUnit::kMinute;
  return TimeUnit::kSecond;
}

/// P0001-02-03T04:05:06.7, in full or up to some field.
bool read_iso8601_alternative(std::string_view s, Sum& sum, bool& out_of_range) {
  s.remove_prefix(1);
  const std::size_t time_at = std::min(s.find('T'), s.size());
  std::string_view date = s.substr(0, time_at);
  constexpr TimeUnit kUnits[] = {TimeUnit::kYear, TimeUnit::kMonth, TimeUnit::kDay};
  for (std::size_t i = 0; !date.empty(); ++i) {
    if (i == std::size(kUnits)) return false;
    const std::size_t end = std::min(date.find('-', 1), date.size());
    Number n;
    if (!read_number(date.substr(0, end), n, sum.overflow) || n.fraction != 0 || !sum.add(kUnits[i], n.whole, 0)) return false;
    date.remove_prefix(std::min(end + 1, date.size()));
  }
  if (time_at == s.size()) return true;
  const std::string_view time = s.substr(time_at + 1);
  return !time.empty() && read_time(time, 0, sum, out_of_range);
}

/// P1Y2M3DT4H5M6.7S
bool read_iso8601(std::string_view s, Sum& sum) {
  s.remove_prefix(1);
  if (s.empty()) return false;
  bool in_time = false;
  bool any = false;
  while (!s.empty()) {
    if (s[0] == 'T') {
      in_time = true;
      any = false;
      s.remove_prefix(1);
      continue;
    }
    std::size_t i = 0;
    while (i < s.size() && (is_digit(s[i]) || s[i] == '.' || s[i] == '-' || s[i] == '+')) ++i;
    Number n;
    if (i == 0 || i == s.size() || !read_number(s.substr(0, i), n, sum.overflow)) return false;
    std::optional<TimeUnit> unit;
    switch (s[i]) {
      case 'Y':
        unit = TimeUnit::kYear;
        break;
      case 'M':
        unit = in_time ? TimeUnit::kMinute : TimeUnit::kMonth;
        break;
      case 'W':
        unit = TimeUnit::kWeek;
        break;
      case 'D':
        unit = TimeUnit::kDay;
        break;
      case 'H':
        unit = TimeUnit::kHour;
        break;
      case 'S':
        unit = TimeUnit::kSecond;
        break;
      default:
        return false;
    }
    const bool time_unit_letter = s[i] == 'H' || s[i] == 'S' || (s[i] == 'M' && in_time);
    if (time_unit_letter != in_time || !sum.add(*unit, n.whole, n.fraction)) return false;
    any = true;
    s.remove_prefix(i + 1);
  }
  return any;
}

/// INTERVAL '..' HOUR TO MINUTE keeps nothing below a minute, and so on.
Interval cut_to_fields(Interval i, unsigned fields) {
  if (fields == 0 || fields == 63) return i;
  if ((fields & (kHour | kMinute | kSecond | kDay)) == 0) {
    i.days = 0;
    i.us = 0;
    if (fields == kYear) i.months = i.months / 12 * 12;
    return i;
  }
  if ((fields & (kHour | kMinute | kSecond)) == 0) i.us = 0;
  if ((fields & kSecond) == 0) {
    const std::int64_t unit = (fields & kMinute) != 0 ? kMicrosPerMinute : (fields & kHour) != 0 ? kMicrosPerHour : 1;
    i.us = i.us / unit * unit;
  }
  return i;
}

/// The verbose and the SQL standard's forms.
bool read_fields(const std::vector<std::string>& tokens, unsigned fields, Sum& sum, bool& out_of_range, bool& ago) {
  std::optional<TimeUnit> unit;
  unsigned seen = 0;  // bit per TimeUnit: twice the same is an error
  bool any = false;
  for (std::size_t at = tokens.size(); at-- > 0;) {
    const std::string& t = tokens[at];
    if (is_alpha(t[0])) {
      if (t == "ago") {
        if (at + 1 != tokens.size()) return false;
        ago = true;
        continue;
      }
      unit = time_unit(t);
      if (!unit || *unit > TimeUnit::kMillennium || *unit == TimeUnit::kQuarter) return false;
      // A unit needs its number in front of it.
      if (at == 0 || is_alpha(tokens[at - 1][0])) return false;
      continue;
    }
    any = true;
    unsigned bits = 0;
    if (t.find(':') != t.npos) {
      if (!read_time(t, fields, sum, out_of_range)) return false;
      bits = 1U << static_cast<unsigned>(TimeUnit::kHour) | 1U << static_cast<unsigned>(TimeUnit::kMinute) |
             1U << static_cast<unsigned>(TimeUnit::kSecond);
      unit = TimeUnit::kDay;
    } else if (const std::size_t dash = t.find('-', 1); dash != t.npos) {
      Number years;
      Number months;
      if (unit && *unit != TimeUnit::kMonth && *unit != TimeUnit::kDay) return false;
      if (!read_number(std::string_view(t).substr(0, dash), years, sum.overflow) ||
          !is_digit(t[std::min(dash + 1, t.size() - 1)]) ||
          !read_number(std::string_view(t).substr(dash + 1), months, sum.overflow) || years.fraction != 0 ||
          months.fraction != 0) {
        return false;
      }
      if (months.whole > 11) out_of_range = true;
      sum.add_months(years.whole, 12);
      sum.add_months(years.negative ? -months.whole : months.whole, 1);
      bits = 1U << static_cast<unsigned>(TimeUnit::kYear) | 1U << static_cast<unsigned>(TimeUnit::kMonth);
      unit = TimeUnit::kMonth;
    } else {
      if (!unit) unit = unit_of_fields(fields);
      Number n;
      if (!read_number(t, n, sum.overflow) || !sum.add(*unit, n.whole, n.fraction)) return false;
      bits = 1U << static_cast<unsigned>(*unit);
    }
    // A field beyond what an interval holds is the first error to tell.
    if (sum.overflow || sum.months > INT32_MAX || sum.months < INT32_MIN || sum.days > INT32_MAX || sum.days < INT32_MIN) {
      out_of_range = true;
      return true;
    }
    if ((seen & bits) != 0) return false;
    seen |= bits;
  }
  return any;
}

}  // namespace

Result<Interval> parse_interval(std::string_view text, unsigned fields) {
  const auto bad = [&] { return invalid_text("interval", text, "22007"); };
  std::string_view s = text;
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  if (s.empty() || s.size() > 256) return bad();
  Sum sum;
  bool out_of_range = false;
  bool ago = false;
  if (s[0] == 'P') {
    const bool has_designators = s.find_first_of("YMWDHS", 1) != s.npos;
    const bool read = has_designators ? read_iso8601(s, sum) : read_iso8601_alternative(s, sum, out_of_range);
    if (!read) return bad();
  } else {
    std::vector<std::string> tokens;
    if (!cut(s, tokens)) return bad();
    // The SQL standard lets one leading sign stand for all fields ("-1-2 3 4:05" has mixed meaning only with other signs).
    bool read = read_fields(tokens, fields, sum, out_of_range, ago);
    if (!read) return bad();
  }
  if (out_of_range) sum.overflow = true;
  if (ago) {
    sum.overflow |= sum.us == INT64_MIN;
    sum.months = -sum.months;
    sum.days = -sum.days;
    sum.us = sum.overflow ? 0 : -sum.us;
  }
  LDB_ASSIGN_OR_RETURN(const Interval i, sum.result(text));
  return cut_to_fields(i, fields);
}

}  // namespace ldb::sql
