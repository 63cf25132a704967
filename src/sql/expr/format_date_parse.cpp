// to_date() and to_timestamp(): reads a text along a picture, as PostgreSQL's DCH_from_char(). ISO weeks and week-of-year fields
// are refused.
#include <charconv>
#include <optional>

#include "sql/expr/format_picture.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

using Node = PictureNode<DateKey>;
using K = DateKey;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_separator(char c) { return c > 0x20 && c < 0x7f && !is_digit(c) && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z'); }

bool reads_digits(K k) {
  switch (k) {
    case K::kAD:
    case K::kADDots:
    case K::kAM:
    case K::kAMDots:
    case K::kBC:
    case K::kBCDots:
    case K::kPM:
    case K::kPMDots:
    case K::kDayUpper:
    case K::kDayTitle:
    case K::kDayLower:
    case K::kDyUpper:
    case K::kDyTitle:
    case K::kDyLower:
    case K::kFX:
    case K::kMonthUpper:
    case K::kMonthTitle:
    case K::kMonthLower:
    case K::kMonUpper:
    case K::kMonTitle:
    case K::kMonLower:
    case K::kOF:
    case K::kRM:
    case K::kTZ:
    case K::kTZH:
    case K::kTZM:
      return false;
    default:
      return true;
  }
}

std::string key_name(K k) {
  switch (k) {
    case K::kYYYY:
      return "YYYY";
    case K::kYYY:
      return "YYY";
    case K::kYY:
      return "YY";
    case K::kY:
      return "Y";
    case K::kYCommaYYY:
      return "Y,YYY";
    case K::kMM:
      return "MM";
    case K::kDD:
      return "DD";
    case K::kDDD:
      return "DDD";
    case K::kD:
      return "D";
    case K::kHH24:
      return "HH24";
    case K::kHH12:
      return "HH12";
    case K::kHH:
      return "HH";
    case K::kMI:
      return "MI";
    case K::kSS:
      return "SS";
    case K::kMS:
      return "MS";
    case K::kUS:
      return "US";
    case K::kSSSS:
      return "SSSS";
    case K::kJ:
      return "J";
    case K::kQ:
      return "Q";
    case K::kMonthUpper:
      return "MONTH";
    case K::kMonthTitle:
      return "Month";
    case K::kMonthLower:
      return "month";
    case K::kMonUpper:
      return "MON";
    case K::kMonTitle:
      return "Mon";
    case K::kMonLower:
      return "mon";
    case K::kDayUpper:
      return "DAY";
    case K::kDayTitle:
      return "Day";
    case K::kDayLower:
      return "day";
    case K::kDyUpper:
      return "DY";
    case K::kDyTitle:
      return "Dy";
    case K::kDyLower:
      return "dy";
    case K::kRM:
      return "RM";
    default:
      return "FF";
  }
}

class DateReader {
 public:
  DateReader(std::string_view text, const DatePicture& picture) : rest_(text), text_(text), picture_(picture) {}

  Result<Timestamp> read() {
    int extra = 0;  // blanks skipped that the picture may still name
    for (std::size_t i = 0; i < picture_.size() && !rest_.empty(); ++i) {
      const Node& node = picture_[i];
      if (!fixed_ && (node.is_key || i == 0)) extra += skip_blanks();
      if (!node.is_key) {
        const bool blank_or_separator = !node.is_quoted && (node.is_separator || node.text == " ");
        if (fixed_) {
          rest_.remove_prefix(rest_.empty() ? 0 : utf8_size(rest_));
        } else if (blank_or_separator) {
          --extra;
          if (!rest_.empty() && (is_space(rest_[0]) || is_separator(rest_[0]))) {
            rest_.remove_prefix(1);
            ++extra;
          }
        } else if (extra > 0) {
          --extra;
        } else if (!rest_.empty()) {
          rest_.remove_prefix(utf8_size(rest_));
        }
        continue;
      }
      LDB_TRY(field(i));
      if (!fixed_) extra = skip_blanks();
    }
    return finish();
  }

 private:
  int skip_blanks() {
    int n = 0;
    while (!rest_.empty() && is_space(rest_[0])) {
      rest_.remove_prefix(1);
      ++n;
    }
    return n;
  }

  /// Whether the number of node `i` may take as many digits as there are.
  bool takes_all_digits(std::size_t i) const {
    const Node& node = picture_[i];
    if (node.fill_mode || node.ordinal != 0) return true;
    if (i + 1 == picture_.size()) return true;
    const Node& next = picture_[i + 1];
    if (next.is_key) return !reads_digits(next.key);
    return !(next.text.size() == 1 && is_digit(next.text[0]));
  }

  Status integer(std::size_t i, std::size_t length, int& out, std::size_t* used = nullptr) {
    const Node& node = picture_[i];
    skip_blanks();
    const std::string_view from = rest_;
    std::string_view digits = takes_all_digits(i) ? rest_ : rest_.substr(0, length);
    if (!takes_all_digits(i) && rest_.size() < length) {
      return invalid("22007", "source string too short for \"" + key_name(node.key) + "\" formatting field")
          .with_detail("Field requires " + std::to_string(length) + " characters, but only " + std::to_string(rest_.size()) +
                       " remain.");
    }
    const char* first = digits.data();
    if (!digits.empty() && *first == '+') ++first;
    const auto r = std::from_chars(first, digits.data() + digits.size(), out);
    const auto shown = [&] { return std::string(from.substr(0, std::min<std::size_t>(from.size(), length))); };
    if (r.ec == std::errc::result_out_of_range) {
      return invalid("22008", "value for \"" + key_name(node.key) + "\" in source string is out of range");
    }
    if (r.ec != std::errc() || r.ptr == digits.data()) {
      return invalid("22007", "invalid value \"" + shown() + "\" for \"" + key_name(node.key) + "\"")
          .with_detail("Value must be an integer.");
    }
    const auto count = static_cast<std::size_t>(r.ptr - digits.data());
    if (!takes_all_digits(i) && count < length) {
      return invalid("22007", "invalid value \"" + shown() + "\" for \"" + key_name(node.key) + "\"")
          .with_detail("Field requires " + std::to_string(length) + " characters, but only " + std::to_string(count) +
                       " could be parsed.");
    }
    rest_.remove_prefix(count);
    if (used != nullptr) *used = count;
    if (node.ordinal != 0) rest_.remove_prefix(std::min<std::size_t>(2, rest_.size()));
    return {};
  }

  /// One of `names`, in any case; its index.
  Status one_of(std::size_t i, std::span<const std::string_view> names, bool abbreviated, int& out) {
    const std::string lower = to_lower(rest_);
    for (std::size_t n = 0; n < names.size(); ++n) {
      const std::string name = to_lower(abbreviated ? names[n].substr(0, 3) : names[n]);
      if (!lower.starts_with(name)) continue;
      rest_.remove_prefix(name.size());
      out = static_cast<int>(n);
      return {};
    }
    const std::size_t word = std::min(rest_.find_first_of(" \t\n"), rest_.size());
    return invalid("22007",
                   "invalid value \"" + std::string(rest_.substr(0, word)) + "\" for \"" + key_name(picture_[i].key) + "\"")
        .with_detail("The given value did not match any of the allowed values for this field.");
  }

  Status fraction(std::size_t i, std::size_t digits) {
    int v = 0;
    std::size_t used = 0;
    LDB_TRY(integer(i, digits, v, &used));
    for (std::size_t n = used; n < 6; ++n) v *= 10;
    for (std::size_t n = 6; n < used; ++n) v /= 10;
    microsecond_ = v;
    return {};
  }

  Status year(std::size_t i, std::size_t digits) {
    std::size_t used = 0;
    LDB_TRY(integer(i, digits, year_, &used));
    if (digits < 4 && used < 4) {  // the year nearest to 2020
      if (year_ < 70) {
        year_ += 2000;
      } else if (year_ < 100) {
        year_ += 1900;
      } else if (year_ < 520) {
        year_ += 2000;
      } else if (year_ < 1000) {
        year_ += 1000;
      }
    }
    return {};
  }

  Status half_of_day(bool dots) {
    const std::string lower = to_lower(rest_);
    const std::string_view am = dots ? "a.m." : "am";
    const std::string_view pm = dots ? "p.m." : "pm";
    if (!lower.starts_with(am) && !lower.starts_with(pm)) {
      const std::size_t word = std::min(rest_.find_first_of(" \t\n"), rest_.size());
      return invalid("22007",
                     "invalid value \"" + std::string(rest_.substr(0, word)) + "\" for \"" + (dots ? "A.M." : "AM") + "\"")
          .with_detail("The given value did not match any of the allowed values for this field.");
    }
    after_noon_ = lower.starts_with(pm);
    twelve_hours_ = true;
    has_half_ = true;
    rest_.remove_prefix(am.size());
    return {};
  }

  Status era(bool dots) {
    const std::string lower = to_lower(rest_);
    const std::string_view ad = dots ? "a.d." : "ad";
    const std::string_view bc = dots ? "b.c." : "bc";
    if (!lower.starts_with(ad) && !lower.starts_with(bc)) {
      return invalid("22007", "invalid value \"" + std::string(rest_.substr(0, 2)) + "\" for \"BC\"");
    }
    before_christ_ = lower.starts_with(bc);
    rest_.remove_prefix(ad.size());
    return {};
  }

  Status field(std::size_t i) {
    int ignored = 0;
    switch (picture_[i].key) {
      case K::kFX:
        fixed_ = true;
        return {};
      case K::kYYYY:
        return year(i, 4);
      case K::kYYY:
        return year(i, 3);
      case K::kYY:
        return year(i, 2);
      case K::kY:
        return year(i, 1);
      case K::kMM:
        return integer(i, 2, month_);
      case K::kMonthUpper:
      case K::kMonthTitle:
      case K::kMonthLower:
        LDB_TRY(one_of(i, kMonthNames, false, month_));
        ++month_;
        return {};
      case K::kMonUpper:
      case K::kMonTitle:
      case K::kMonLower:
        LDB_TRY(one_of(i, kMonthNames, true, month_));
        ++month_;
        return {};
      case K::kDayUpper:
      case K::kDayTitle:
      case K::kDayLower:
        return one_of(i, kDayNames, false, ignored);
      case K::kDyUpper:
      case K::kDyTitle:
      case K::kDyLower:
        return one_of(i, kDayNames, true, ignored);
      case K::kDD:
        return integer(i, 2, day_);
      case K::kDDD:
        return integer(i, 3, year_day_);
      case K::kD:
      case K::kQ:
        return integer(i, 1, ignored);  // PostgreSQL reads and ignores them too
      case K::kJ:
        LDB_TRY(integer(i, 7, julian_));
        has_julian_ = true;
        return {};
      case K::kHH24:
        return integer(i, 2, hour_);
      case K::kHH:
      case K::kHH12:
        twelve_hours_ = true;
        return integer(i, 2, hour_);
      case K::kMI:
        return integer(i, 2, minute_);
      case K::kSS:
        return integer(i, 2, second_);
      case K::kSSSS:
        return integer(i, 5, second_of_day_);
      case K::kMS:
        return fraction(i, 3);
      case K::kFF1:
        return fraction(i, 1);
      case K::kFF2:
        return fraction(i, 2);
      case K::kFF3:
        return fraction(i, 3);
      case K::kFF4:
        return fraction(i, 4);
      case K::kFF5:
        return fraction(i, 5);
      case K::kFF6:
      case K::kUS:
        return fraction(i, 6);
      case K::kAM:
      case K::kPM:
        return half_of_day(false);
      case K::kAMDots:
      case K::kPMDots:
        return half_of_day(true);
      case K::kAD:
      case K::kBC:
        return era(false);
      case K::kADDots:
      case K::kBCDots:
        return era(true);
      default:
        return unsupported("this date format field is not supported for reading");
    }
  }

  Status out_of_range() const { return invalid("22008", "date/time field value out of range: \"" + std::string(text_) + "\""); }

  Result<Timestamp> finish() {
    if (second_of_day_ >= 0) {
      hour_ = second_of_day_ / 3600;
      minute_ = second_of_day_ / 60 % 60;
      second_ = second_of_day_ % 60;
    }
    if (twelve_hours_) {
      if (hour_ < 1 || hour_ > 12) {
        return invalid("22007", "hour \"" + std::to_string(hour_) + "\" is invalid for the 12-hour clock")
            .with_detail("Use the 24-hour clock, or give an hour between 1 and 12.");
      }
      if (after_noon_ && hour_ < 12) {
        hour_ += 12;
      } else if (has_half_ && !after_noon_ && hour_ == 12) {
        hour_ = 0;
      }
    }
    if (hour_ < 0 || hour_ > 23 || minute_ < 0 || minute_ > 59 || second_ < 0 || second_ > 59 || microsecond_ < 0)
      return out_of_range();
    int year = year_;
    if (before_christ_ && year > 0)
      year = -(year - 1);
    else if (year < 0)
      ++year;
    std::optional<Date> date;
    if (has_julian_) {
      date = Date{julian_ - 2440588};
      if (!is_valid(*date)) return out_of_range();
    } else if (year_day_ > 0 && month_ < 0 && day_ < 0) {
      if (year_ == 0) return invalid("22007", "cannot calculate day of year without year information");
      if (year_day_ > (is_leap_year(year) ? 366 : 365)) return out_of_range();
      date = Date{static_cast<std::int32_t>(days_from_civil(year, 1, 1) + year_day_ - 1)};
    } else {
      if (year > 5874897) return invalid("22008", "date out of range: \"" + std::string(text_) + "\"");
      date = make_date(year, month_ < 0 ? 1 : month_, day_ < 0 ? 1 : day_);
      if (!date) return out_of_range();
    }
    const int128_t us = int128_t{date->days} * kMicrosPerDay + hour_ * kMicrosPerHour + minute_ * kMicrosPerMinute +
                        second_ * kMicrosPerSecond + microsecond_;
    if (us > INT64_MAX || !is_valid(Timestamp{static_cast<std::int64_t>(us)})) return invalid("22008", "timestamp out of range");
    return Timestamp{static_cast<std::int64_t>(us)};
  }

  std::string_view rest_;
  std::string_view text_;
  const DatePicture& picture_;
  bool fixed_ = false;
  int year_ = 0, month_ = -1, day_ = -1, year_day_ = 0, julian_ = 0;
  int hour_ = 0, minute_ = 0, second_ = 0, microsecond_ = 0, second_of_day_ = -1;
  bool has_julian_ = false, twelve_hours_ = false, has_half_ = false, after_noon_ = false, before_christ_ = false;
};

}  // namespace

Result<Timestamp> parse_formatted_timestamp(std::string_view text, std::string_view format) {
  const DatePicture picture = parse_date_picture(format);
  return DateReader(text, picture).read();
}

}  // namespace ldb::sql
