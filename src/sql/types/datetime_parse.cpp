// Reads dates and timestamps: the forms PostgreSQL takes under DateStyle 'ISO, MDY'. First the text is cut into fields, as its
// ParseDateTime() does, then each field says what it is.
#include <algorithm>
#include <charconv>
#include <vector>

#include "sql/types/datetime.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

enum class FieldKind : std::uint8_t { kNumber, kDate, kTime, kWord, kZone };
struct Field {
  FieldKind kind;
  std::string text;  // words in lower case
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr std::size_t kMaxFields = 25;

/// Cuts `s` into fields; false when a character fits nowhere.
bool cut(std::string_view s, std::vector<Field>& fields) {
  std::size_t i = 0;
  const auto take = [&](auto&& accept) {
    const std::size_t from = i;
    while (i < s.size() && accept(s[i])) ++i;
    return s.substr(from, i - from);
  };
  while (i < s.size()) {
    const char c = s[i];
    if (is_blank(c) || c == ',') {
      ++i;
      continue;
    }
    if (fields.size() == kMaxFields) return false;
    const std::size_t from = i;
    FieldKind kind = FieldKind::kNumber;
    if (is_digit(c)) {
      take(is_digit);
      if (i < s.size() && s[i] == ':') {
        kind = FieldKind::kTime;
        take([](char x) { return is_digit(x) || x == ':' || x == '.'; });
      } else if (i + 1 < s.size() &&
                 (s[i] == '-' || s[i] == '/' ||
                  (s[i] == '.' && s.find('.', i + 1) != s.npos && s.find_first_of(" :", i) > s.find('.', i + 1)))) {
        kind = FieldKind::kDate;
        const char mark = s[i];
        take([mark](char x) { return is_digit(x) || is_alpha(x) || x == mark; });
        // "2020-01-02T10:11": the T belongs to the time.
        const std::string_view whole = s.substr(from, i - from);
        const std::size_t t = whole.find_last_of("tT");
        if (t != whole.npos && t + 1 < whole.size() && is_digit(whole[t + 1]) && t > 0 && is_digit(whole[t - 1])) i = from + t;
      } else if (i < s.size() && s[i] == '.') {
        take([](char x) { return is_digit(x) || x == '.'; });
      }
    } else if (is_alpha(c)) {
      kind = FieldKind::kWord;
      take(is_alpha);
      if (i + 1 < s.size() && (s[i] == '-' || s[i] == '/') && is_digit(s[i + 1]) && month_number([&] {
                                                                                      std::string w(s.substr(from, i - from));
                                                                                      std::transform(w.begin(), w.end(),
                                                                                                     w.begin(), to_lower);
                                                                                      return w;
                                                                                    }()) != 0) {
        kind = FieldKind::kDate;
        const char mark = s[i];
        take([mark](char x) { return is_digit(x) || x == mark; });
      } else if (i < s.size() && s[i] == '.') {
        ++i;  // "Jan."
        fields.push_back({kind, std::string(s.substr(from, i - 1 - from))});
        std::transform(fields.back().text.begin(), fields.back().text.end(), fields.back().text.begin(), to_lower);
        continue;
      }
    } else if (c == '+' || c == '-') {
      ++i;
      take(is_blank);
      if (i < s.size() && is_digit(s[i])) {
        kind = FieldKind::kZone;
        take([](char x) { return is_digit(x) || x == ':' || x == '.'; });
      } else if (i < s.size() && is_alpha(s[i])) {
        kind = FieldKind::kWord;
        take(is_alpha);
      } else {
        return false;
      }
    } else {
      return false;
    }
    std::string text(s.substr(from, i - from));
    std::transform(text.begin(), text.end(), text.begin(), to_lower);
    fields.push_back({kind, std::move(text)});
  }
  return true;
}

enum class Outcome : std::uint8_t { kOk, kBadFormat, kOutOfRange };

bool to_int(std::string_view s, int& out) {
  if (s.empty() || s.size() > 9) return false;
  out = 0;
  for (const char c : s) {
    if (!is_digit(c)) return false;
    out = out * 10 + (c - '0');
  }
  return true;
}

class DateTimeReader {
 public:
  explicit DateTimeReader(std::string_view text) : text_(text) {}

  Outcome read() {
    std::vector<Field> fields;
    std::string_view s = text_;
    if (s.size() > 256 || !cut(s, fields) || fields.empty()) return Outcome::kBadFormat;
    for (const Field& f : fields) {
      if (f.kind == FieldKind::kWord && month_number(f.text) != 0) month_by_name_ = true;
    }
    for (const Field& f : fields) {
      Outcome o = Outcome::kBadFormat;
      switch (f.kind) {
        case FieldKind::kWord:
          o = word(f.text);
          break;
        case FieldKind::kDate:
          o = date(f.text);
          break;
        case FieldKind::kTime:
          o = time(f.text);
          break;
        case FieldKind::kNumber:
          o = number(f.text);
          break;
        case FieldKind::kZone:
          o = zone(f.text);
          break;
      }
      if (o != Outcome::kOk) return o;
    }
    return finish();
  }

  std::string unsupported_word;
  int infinity = 0;
  bool epoch = false;
  CivilTime civil;
  bool has_time = false;

 private:
  Outcome word(const std::string& w) {
    if (const int m = month_number(w); m != 0) {
      if (month_ != 0) return Outcome::kBadFormat;
      month_ = m;
      month_by_name_ = true;
      return Outcome::kOk;
    }
    for (const std::string_view name : kDayNames) {
      std::string lower(name);
      std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
      if (w == lower || (w.size() >= 3 && lower.starts_with(w))) return Outcome::kOk;
    }
    if (w == "am" || w == "pm") {
      if (!has_time || meridiem_ != 0) return Outcome::kBadFormat;
      meridiem_ = w == "am" ? 1 : 2;
      return Outcome::kOk;
    }
    if (w == "bc" || w == "ad") {
      bc_ = w == "bc";
      era_ = true;
      return Outcome::kOk;
    }
    if (w == "t") {
      if (!has_date()) return Outcome::kBadFormat;
      after_t_ = true;
      return Outcome::kOk;
    }
    if (w == "z" || w == "utc" || w == "gmt" || w == "zulu" || w == "ut")
      return has_date() || has_time ? Outcome::kOk : Outcome::kBadFormat;
    if (w == "at" || w == "on") return Outcome::kOk;
    if (w == "infinity" || w == "+infinity" || w == "-infinity") {
      infinity = w[0] == '-' ? -1 : 1;
      return Outcome::kOk;
    }
    if (w == "epoch") {
      epoch = true;
      return Outcome::kOk;
    }
    if (w == "now" || w == "today" || w == "tomorrow" || w == "yesterday" || w == "allballs") {
      unsupported_word = w;
      return Outcome::kOk;
    }
    if (w == "j" || w == "jd" || w == "julian") {
      julian_next_ = true;
      return Outcome::kOk;
    }
    return Outcome::kBadFormat;
  }

  bool has_date() const { return julian_ || (day_ != 0 && month_ != 0 && have_year_) || day_of_year_ != 0; }

  /// Parts with separators between them.
  Outcome date(const std::string& f) {
    const char mark = *std::find_if(f.begin(), f.end(), [](char c) { return !is_digit(c) && !is_alpha(c); });
    std::vector<std::string_view> parts;
    std::string_view rest = f;
    for (;;) {
      const std::size_t at = rest.find(mark);
      parts.push_back(rest.substr(0, at));
      if (at == rest.npos) break;
      rest.remove_prefix(at + 1);
    }
    if (parts.size() > 3 || parts.size() < 2 || day_ != 0 || have_year_) return Outcome::kBadFormat;
    for (const std::string_view p : parts) {
      if (p.empty()) return Outcome::kBadFormat;
    }
    int numeric = 0;
    for (const std::string_view p : parts) {
      if (is_alpha(p[0])) {
        const int m = month_number(p);
        if (m == 0 || month_ != 0) return Outcome::kBadFormat;
        month_ = m;
        month_by_name_ = true;
      }
    }
    if (parts.size() == 2 && parts[0].size() >= 4 && parts[1].size() == 3 && is_digit(parts[0][0])) {  // 1999.008
      if (!to_int(parts[0], year_) || !to_int(parts[1], day_of_year_)) return Outcome::kBadFormat;
      have_year_ = true;
      year_digits_ = static_cast<int>(parts[0].size());
      return Outcome::kOk;
    }
    for (const std::string_view p : parts) {
      if (is_alpha(p[0])) continue;
      if (const Outcome o = plain(p, numeric++ == 0); o != Outcome::kOk) return o;
    }
    return Outcome::kOk;
  }

  Outcome set_year(std::string_view p) {
    if (!to_int(p, year_)) return p.size() > 9 ? Outcome::kOutOfRange : Outcome::kBadFormat;
    have_year_ = true;
    year_digits_ = static_cast<int>(p.size());
    return Outcome::kOk;
  }

  /// The next number of a date: year first when it has three or more digits, otherwise month, day, year.
  Outcome plain(std::string_view p, bool first) {
    int v = 0;
    if (p.size() >= 3 && !have_year_ && (first || day_ != 0 || month_by_name_)) return set_year(p);
    if (have_year_ || month_by_name_) {
      if (!to_int(p, v) || p.size() > 2) return Outcome::kBadFormat;
      if (month_ == 0 && !month_by_name_) {
        month_ = v;
        return v < 1 || v > 12 ? Outcome::kOutOfRange : Outcome::kOk;
      }
      if (day_ == 0) {
        day_ = v;
        return v < 1 || v > 31 ? Outcome::kOutOfRange : Outcome::kOk;
      }
      return have_year_ ? Outcome::kBadFormat : set_year(p);
    }
    if (month_ != 0 && day_ != 0) return set_year(p);
    if (!to_int(p, v) || p.size() > 2) return Outcome::kBadFormat;
    if (month_ == 0) {
      month_ = v;
      return v < 1 || v > 12 ? Outcome::kOutOfRange : Outcome::kOk;
    }
    day_ = v;
    return v < 1 || v > 31 ? Outcome::kOutOfRange : Outcome::kOk;
  }

  Outcome number(const std::string& f) {
    const std::size_t point = f.find('.');
    const std::string digits = f.substr(0, point);
    if (julian_next_) {
      julian_next_ = false;
      int v = 0;
      if (point != f.npos || !to_int(digits, v)) return Outcome::kBadFormat;
      julian_ = true;
      julian_day_ = v;
      return Outcome::kOk;
    }
    if (has_date() && !has_time) {
      if (digits.size() == 6 || (digits.size() == 4 && point == f.npos)) {
        const std::string t = digits.substr(0, 2) + ":" + digits.substr(2, 2) +
                              (digits.size() == 6 ? ":" + digits.substr(4, 2) : std::string()) +
                              (point != f.npos ? f.substr(point) : std::string());
        return time(t);
      }
      if (after_t_ && digits.size() == 2 && point == f.npos) return time(digits + ":00");
      return Outcome::kBadFormat;
    }
    if (point != f.npos) {
      if (digits.size() >= 4 && f.size() - point - 1 == 3 && !have_year_) {  // 1999.008
        if (!to_int(f.substr(point + 1), day_of_year_)) return Outcome::kBadFormat;
        return set_year(digits);
      }
      return Outcome::kBadFormat;
    }
    if (digits.size() >= 6 && month_ == 0 && day_ == 0 && !have_year_) {  // [YY]YYMMDD
      const std::size_t n = digits.size();
      if (!to_int(digits.substr(n - 2), day_) || !to_int(digits.substr(n - 4, 2), month_)) return Outcome::kBadFormat;
      if (month_ < 1 || month_ > 12 || day_ < 1 || day_ > 31) return Outcome::kOutOfRange;
      return set_year(digits.substr(0, n - 4));
    }
    return plain(digits, month_ == 0 && day_ == 0);
  }

  Outcome time(const std::string& f) {
    if (has_time) return Outcome::kBadFormat;
    has_time = true;
    std::string_view s = f;
    const auto part = [&](int& out) {
      std::size_t n = 0;
      while (n < s.size() && is_digit(s[n])) ++n;
      if (!to_int(s.substr(0, n), out)) return false;
      s.remove_prefix(n);
      return true;
    };
    if (!part(civil.hour) || s.empty() || s[0] != ':') return Outcome::kBadFormat;
    s.remove_prefix(1);
    if (!part(civil.minute)) return Outcome::kBadFormat;
    if (!s.empty() && s[0] == ':') {
      s.remove_prefix(1);
      if (!part(civil.second)) return Outcome::kBadFormat;
    }
    if (!s.empty() && s[0] == '.') {
      if (s.size() == 1) return Outcome::kOk;
      double fraction = 0;
      const std::string text = "0" + std::string(s);
      const auto r = std::from_chars(text.data(), text.data() + text.size(), fraction);
      if (r.ptr != text.data() + text.size()) return Outcome::kBadFormat;
      civil.microsecond = static_cast<int>(__builtin_rint(fraction * 1e6));
      s = {};
    }
    if (!s.empty()) return Outcome::kBadFormat;
    if (civil.minute > 59 || civil.second > 60) return Outcome::kOutOfRange;
    if (civil.hour > 24 || (civil.hour == 24 && (civil.minute > 0 || civil.second > 0 || civil.microsecond > 0)))
      return Outcome::kOutOfRange;
    return Outcome::kOk;
  }

  /// A zone is checked and, as PostgreSQL does for timestamps without one, otherwise has no effect.
  Outcome zone(const std::string& f) {
    if (!has_time && !has_date()) return Outcome::kBadFormat;
    std::string digits;
    for (const char c : f) {
      if (is_digit(c)) digits += c;
    }
    return digits.size() > 6 || digits.empty() ? Outcome::kBadFormat : Outcome::kOk;
  }

  Outcome finish() {
    if (infinity != 0 || epoch || !unsupported_word.empty()) return Outcome::kOk;
    if (meridiem_ != 0) {
      if (civil.hour > 12) return Outcome::kOutOfRange;
      if (meridiem_ == 1 && civil.hour == 12) civil.hour = 0;
      if (meridiem_ == 2 && civil.hour != 12) civil.hour += 12;
    }
    if (julian_) {
      civil.date = civil_from_days(julian_day_ - 2440588);
      return Outcome::kOk;
    }
    if (!have_year_ || (day_of_year_ == 0 && (month_ == 0 || day_ == 0))) return Outcome::kBadFormat;
    if (bc_) {
      if (year_ <= 0) return Outcome::kOutOfRange;
      year_ = 1 - year_;
    } else if (year_digits_ <= 2 && !era_) {
      year_ += year_ < 70 ? 2000 : 1900;
    } else if (year_ <= 0) {
      return Outcome::kOutOfRange;
    }
    if (day_of_year_ != 0) {
      if (day_of_year_ > (is_leap_year(year_) ? 366 : 365)) return Outcome::kOutOfRange;
      civil.date = civil_from_days(static_cast<std::int32_t>(days_from_civil(year_, 1, 1) + day_of_year_ - 1));
      return Outcome::kOk;
    }
    if (month_ < 1 || month_ > 12 || day_ < 1 || day_ > days_in_month(year_, month_)) return Outcome::kOutOfRange;
    civil.date = {year_, month_, day_};
    return Outcome::kOk;
  }

  std::string_view text_;
  int year_ = 0, month_ = 0, day_ = 0, day_of_year_ = 0;
  int year_digits_ = 0;
  bool have_year_ = false, month_by_name_ = false, bc_ = false, era_ = false, after_t_ = false;
  int meridiem_ = 0;
  bool julian_next_ = false, julian_ = false;
  int julian_day_ = 0;
};

Status failure(Outcome o, std::string_view type, std::string_view text) {
  if (o == Outcome::kBadFormat) return invalid_text(type, text, "22007");
  return invalid("22008", "date/time field value out of range: \"" + std::string(text) + "\"");
}

Status unsupported_literal(const std::string& word) {
  return unsupported("the date/time value \"" + word + "\" is not supported in text; use now() or CURRENT_DATE");
}

}  // namespace

Result<Date> parse_date(std::string_view text) {
  DateTimeReader r(text);
  if (const Outcome o = r.read(); o != Outcome::kOk) return failure(o, "date", text);
  if (!r.unsupported_word.empty()) return unsupported_literal(r.unsupported_word);
  if (r.infinity != 0) return r.infinity > 0 ? kDateInfinity : kDateMinusInfinity;
  if (r.epoch) return Date{0};
  const auto d = make_date(r.civil.date.year, r.civil.date.month, r.civil.date.day);
  if (!d) return invalid("22008", "date out of range: \"" + std::string(text) + "\"");
  return *d;
}

Result<Timestamp> parse_timestamp(std::string_view text) {
  DateTimeReader r(text);
  if (const Outcome o = r.read(); o != Outcome::kOk) return failure(o, "timestamp", text);
  if (!r.unsupported_word.empty()) return unsupported_literal(r.unsupported_word);
  if (r.infinity != 0) return r.infinity > 0 ? kTimestampInfinity : kTimestampMinusInfinity;
  if (r.epoch) return Timestamp{0};
  const CivilTime& c = r.civil;
  const int128_t us = int128_t{days_from_civil(c.date.year, c.date.month, c.date.day)} * kMicrosPerDay + c.hour * kMicrosPerHour +
                      c.minute * kMicrosPerMinute + c.second * kMicrosPerSecond + c.microsecond;
  if (us > INT64_MAX || !is_valid(Timestamp{static_cast<std::int64_t>(us)}))
    return invalid("22008", "timestamp out of range: \"" + std::string(text) + "\"");
  return Timestamp{static_cast<std::int64_t>(us)};
}

}  // namespace ldb::sql
