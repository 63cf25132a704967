// to_char() of timestamps and intervals.
#include <cstdio>
#include <cstdlib>

#include "sql/expr/format_picture.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

/// What a picture can ask for.
struct Parts {
  bool is_interval = false;
  std::int64_t year = 0, month = 0, day = 0;
  std::int64_t hour = 0;
  int minute = 0, second = 0, microsecond = 0;
  int week_day = 0;  // 0: Sunday
  std::int64_t year_day = 0;
  std::int64_t julian = 0;
};

std::string padded(std::int64_t v, int width) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*lld", width, static_cast<long long>(v));
  return text;
}

std::string left_aligned(std::string s, std::size_t width) {
  if (s.size() < width) s.append(width - s.size(), ' ');
  return s;
}

class DateWriter {
 public:
  explicit DateWriter(const Parts& p) : p_(p) {}

  Result<std::string> write(const DatePicture& picture) {
    std::string out;
    for (const auto& node : picture) {
      if (!node.is_key) {
        out += node.text;
        continue;
      }
      if (p_.is_interval && !allowed_in_interval(node.key)) {
        return invalid("22007", "invalid format specification for an interval value")
            .with_detail("Intervals are not tied to specific calendar dates.");
      }
      out += element(node);
    }
    return out;
  }

 private:
  using Node = PictureNode<DateKey>;

  static bool allowed_in_interval(DateKey k) {
    switch (k) {
      case DateKey::kAD:
      case DateKey::kADDots:
      case DateKey::kBC:
      case DateKey::kBCDots:
      case DateKey::kMonthUpper:
      case DateKey::kMonthTitle:
      case DateKey::kMonthLower:
      case DateKey::kMonUpper:
      case DateKey::kMonTitle:
      case DateKey::kMonLower:
      case DateKey::kDayUpper:
      case DateKey::kDayTitle:
      case DateKey::kDayLower:
      case DateKey::kDyUpper:
      case DateKey::kDyTitle:
      case DateKey::kDyLower:
      case DateKey::kD:
      case DateKey::kID:
      case DateKey::kTZ:
      case DateKey::kTZH:
      case DateKey::kTZM:
      case DateKey::kOF:
        return false;
      default:
        return true;
    }
  }

  /// Zero-padded number with the suffix that the node asks for. Negative numbers get one more place.
  static std::string number(const Node& node, std::int64_t v, int width) {
    std::string text = padded(v, node.fill_mode ? 0 : v >= 0 ? width : width + 1);
    if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
    return text;
  }

  /// Years are written without a sign in dates: 44 BC is 44.
  std::int64_t shown_year(std::int64_t year) const { return p_.is_interval || year > 0 ? year : 1 - year; }

  std::string name(const Node& node, std::string_view full, std::size_t letters, std::size_t width, char letter_case) const {
    std::string text(full.substr(0, letters));
    if (letter_case == 'U') text = to_upper(text);
    if (letter_case == 'L') text = to_lower(text);
    return node.fill_mode || node.translate ? text : left_aligned(text, width);
  }

  std::string element(const Node& node) const {
    using K = DateKey;
    const auto month = static_cast<std::size_t>(p_.month >= 1 && p_.month <= 12 ? p_.month - 1 : 0);
    const auto day = static_cast<std::size_t>(p_.week_day);
    switch (node.key) {
      case K::kAM:
      case K::kPM:
        return half(node.lower ? "am" : "AM", node.lower ? "pm" : "PM");
      case K::kAMDots:
      case K::kPMDots:
        return half(node.lower ? "a.m." : "A.M.", node.lower ? "p.m." : "P.M.");
      case K::kAD:
      case K::kBC:
        return p_.year <= 0 ? (node.lower ? "bc" : "BC") : (node.lower ? "ad" : "AD");
      case K::kADDots:
      case K::kBCDots:
        return p_.year <= 0 ? (node.lower ? "b.c." : "B.C.") : (node.lower ? "a.d." : "A.D.");
      case K::kHH:
      case K::kHH12:
        return hour_number(node, p_.hour % 12 == 0 ? 12 : p_.hour % 12);
      case K::kHH24:
        return hour_number(node, p_.hour);
      case K::kMI:
        return number(node, p_.minute, 2);
      case K::kSS:
        return number(node, p_.second, 2);
      case K::kFF1:
        return fraction(node, 100000, 1);
      case K::kFF2:
        return fraction(node, 10000, 2);
      case K::kFF3:
      case K::kMS:
        return fraction(node, 1000, 3);
      case K::kFF4:
        return fraction(node, 100, 4);
      case K::kFF5:
        return fraction(node, 10, 5);
      case K::kFF6:
      case K::kUS:
        return fraction(node, 1, 6);
      case K::kSSSS: {
        std::string text = std::to_string(p_.hour * 3600 + p_.minute * 60 + p_.second);
        if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
        return text;
      }
      case K::kTZ:
        return "";
      case K::kTZH:
        return "+00";
      case K::kTZM:
        return "00";
      case K::kOF:
        return "+00";
      case K::kMonthUpper:
        return name(node, kMonthNames[month], 9, 9, 'U');
      case K::kMonthTitle:
        return name(node, kMonthNames[month], 9, 9, 'T');
      case K::kMonthLower:
        return name(node, kMonthNames[month], 9, 9, 'L');
      case K::kMonUpper:
        return name(node, kMonthNames[month], 3, 3, 'U');
      case K::kMonTitle:
        return name(node, kMonthNames[month], 3, 3, 'T');
      case K::kMonLower:
        return name(node, kMonthNames[month], 3, 3, 'L');
      case K::kMM:
        return number(node, p_.month, 2);
      case K::kDayUpper:
        return name(node, kDayNames[day], 9, 9, 'U');
      case K::kDayTitle:
        return name(node, kDayNames[day], 9, 9, 'T');
      case K::kDayLower:
        return name(node, kDayNames[day], 9, 9, 'L');
      case K::kDyUpper:
        return name(node, kDayNames[day], 3, 3, 'U');
      case K::kDyTitle:
        return name(node, kDayNames[day], 3, 3, 'T');
      case K::kDyLower:
        return name(node, kDayNames[day], 3, 3, 'L');
      case K::kDDD:
        return fixed(node, p_.year_day, 3);
      case K::kIDDD:
        return fixed(node, iso_day_of_year(), 3);
      case K::kDD:
        return fixed(node, p_.day, 2);
      case K::kD:
        return fixed(node, p_.week_day + 1, 0);
      case K::kID:
        return fixed(node, p_.week_day == 0 ? 7 : p_.week_day, 0);
      case K::kWW:
        return fixed(node, (p_.year_day - 1) / 7 + 1, 2);
      case K::kIW:
        return fixed(node, iso_week(civil()), 2);
      case K::kW:
        return fixed(node, (p_.day - 1) / 7 + 1, 0);
      case K::kQ:
        return p_.month == 0 ? "" : fixed(node, (p_.month - 1) / 3 + 1, 0);
      case K::kCC:
        return century(node);
      case K::kYCommaYYY: {
        const std::int64_t y = shown_year(p_.year);
        std::string text = std::to_string(y / 1000) + "," + padded(y % 1000, 3);
        if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
        return text;
      }
      case K::kYYYY:
        return number(node, shown_year(p_.year), 4);
      case K::kIYYY:
        return number(node, shown_year(iso_year_or_zero()), 4);
      case K::kYYY:
        return number(node, shown_year(p_.year) % 1000, 3);
      case K::kIYY:
        return number(node, shown_year(iso_year_or_zero()) % 1000, 3);
      case K::kYY:
        return number(node, shown_year(p_.year) % 100, 2);
      case K::kIY:
        return number(node, shown_year(iso_year_or_zero()) % 100, 2);
      case K::kY:
        return number(node, shown_year(p_.year) % 10, 1);
      case K::kI:
        return number(node, shown_year(iso_year_or_zero()) % 10, 1);
      case K::kRM:
        return roman_month(node);
      case K::kJ: {
        std::string text = std::to_string(p_.julian);
        if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
        return text;
      }
      case K::kFX:
        return "";
    }
    return "";
  }

  std::string half(std::string_view am, std::string_view pm) const { return std::string(p_.hour % 24 >= 12 ? pm : am); }

  std::string hour_number(const Node& node, std::int64_t v) const {
    std::string text = padded(v, node.fill_mode ? 0 : p_.hour >= 0 ? 2 : 3);
    if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
    return text;
  }

  std::string fraction(const Node& node, int unit, int width) const {
    std::string text = padded(p_.microsecond / unit, width);
    if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
    return text;
  }

  static std::string fixed(const Node& node, std::int64_t v, int width) {
    std::string text = padded(v, node.fill_mode ? 0 : width);
    if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
    return text;
  }

  CivilDate civil() const {
    return {static_cast<int>(p_.year), static_cast<int>(p_.month == 0 ? 1 : p_.month), static_cast<int>(p_.day)};
  }
  std::int64_t iso_year_or_zero() const { return p_.is_interval ? p_.year : iso_year(civil()); }
  std::int64_t iso_day_of_year() const { return (iso_week(civil()) - 1) * 7 + (p_.week_day == 0 ? 7 : p_.week_day); }

  std::string century(const Node& node) const {
    std::int64_t c = 0;
    if (p_.is_interval) {
      c = p_.year / 100;
    } else {
      c = p_.year > 0 ? (p_.year - 1) / 100 + 1 : p_.year / 100 - 1;
    }
    if (c <= 99 && c >= -99) return number(node, c, 2);
    std::string text = std::to_string(c);
    if (node.ordinal != 0) text += ordinal_suffix(text, node.ordinal == 'T');
    return text;
  }

  std::string roman_month(const Node& node) const {
    constexpr std::string_view kRoman[] = {"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"};
    if (p_.month == 0 && p_.year == 0) return "";
    std::int64_t month = p_.month;
    if (month == 0) month = p_.year >= 0 ? 12 : 1;
    if (month < 0) month += 13;
    std::string text(kRoman[month - 1]);
    if (node.lower) text = to_lower(text);
    return node.fill_mode ? text : left_aligned(text, 4);
  }

  const Parts& p_;
};

}  // namespace

Result<std::string> format_timestamp(Timestamp t, std::string_view format) {
  const CivilTime c = civil_from_timestamp(t);
  const std::int32_t days = to_date(t).days;
  Parts p;
  p.year = c.date.year;
  p.month = c.date.month;
  p.day = c.date.day;
  p.hour = c.hour;
  p.minute = c.minute;
  p.second = c.second;
  p.microsecond = c.microsecond;
  p.week_day = day_of_week(days);
  p.year_day = days - days_from_civil(c.date.year, 1, 1) + 1;
  p.julian = std::int64_t{days} + 2440588;
  return DateWriter(p).write(parse_date_picture(format));
}

Result<std::string> format_interval(const Interval& i, std::string_view format) {
  Parts p;
  p.is_interval = true;
  p.year = i.months / 12;
  p.month = i.months % 12;
  p.day = i.days;
  p.hour = i.us / kMicrosPerHour;
  p.minute = static_cast<int>(i.us / kMicrosPerMinute % 60);
  p.second = static_cast<int>(i.us / kMicrosPerSecond % 60);
  p.microsecond = static_cast<int>(i.us % kMicrosPerSecond);
  p.year_day = std::int64_t{i.months} * 30 + i.days;
  return DateWriter(p).write(parse_date_picture(format));
}

}  // namespace ldb::sql
