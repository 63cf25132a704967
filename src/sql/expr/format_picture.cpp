#include "sql/expr/format_picture.hpp"

#include <array>

#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

template <class Key>
struct Keyword {
  std::string_view name;
  Key key;
  bool lower = false;
};

// Longer names in front of their beginnings.
using N = NumberKey;
constexpr Keyword<NumberKey> kNumberKeywords[] = {
    {"EEEE", N::kExponent},   {"eeee", N::kExponent},  {"FM", N::kFillMode}, {"fm", N::kFillMode}, {"MI", N::kMinus},
    {"mi", N::kMinus},        {"PL", N::kPlus},        {"pl", N::kPlus},     {"PR", N::kBracket},  {"pr", N::kBracket},
    {"RN", N::kRomanUpper},   {"rn", N::kRomanLower},  {"SG", N::kSign},     {"sg", N::kSign},     {"TH", N::kOrdinalUpper},
    {"th", N::kOrdinalLower}, {"SP", N::kIgnored},     {"sp", N::kIgnored},  {"C", N::kIgnored},   {"c", N::kIgnored},
    {"S", N::kSignAnchored},  {"s", N::kSignAnchored}, {"V", N::kShift},     {"v", N::kShift},     {",", N::kComma},
    {".", N::kPoint},         {"0", N::kZero},         {"9", N::kNine},      {"B", N::kBlank},     {"b", N::kBlank},
    {"D", N::kDecimal},       {"d", N::kDecimal},      {"G", N::kGroup},     {"g", N::kGroup},     {"L", N::kCurrency},
    {"l", N::kCurrency},
};

using D = DateKey;
constexpr Keyword<DateKey> kDateKeywords[] = {
    {"A.D.", D::kADDots},
    {"a.d.", D::kADDots, true},
    {"A.M.", D::kAMDots},
    {"a.m.", D::kAMDots, true},
    {"B.C.", D::kBCDots},
    {"b.c.", D::kBCDots, true},
    {"P.M.", D::kPMDots},
    {"p.m.", D::kPMDots, true},
    {"AD", D::kAD},
    {"ad", D::kAD, true},
    {"AM", D::kAM},
    {"am", D::kAM, true},
    {"BC", D::kBC},
    {"bc", D::kBC, true},
    {"PM", D::kPM},
    {"pm", D::kPM, true},
    {"CC", D::kCC},
    {"cc", D::kCC},
    {"DAY", D::kDayUpper},
    {"Day", D::kDayTitle},
    {"day", D::kDayLower},
    {"DDD", D::kDDD},
    {"ddd", D::kDDD},
    {"DD", D::kDD},
    {"dd", D::kDD},
    {"DY", D::kDyUpper},
    {"Dy", D::kDyTitle},
    {"dy", D::kDyLower},
    {"D", D::kD},
    {"d", D::kD},
    {"FF1", D::kFF1},
    {"FF2", D::kFF2},
    {"FF3", D::kFF3},
    {"FF4", D::kFF4},
    {"FF5", D::kFF5},
    {"FF6", D::kFF6},
    {"ff1", D::kFF1},
    {"ff2", D::kFF2},
    {"ff3", D::kFF3},
    {"ff4", D::kFF4},
    {"ff5", D::kFF5},
    {"ff6", D::kFF6},
    {"FX", D::kFX},
    {"fx", D::kFX},
    {"HH24", D::kHH24},
    {"hh24", D::kHH24},
    {"HH12", D::kHH12},
    {"hh12", D::kHH12},
    {"HH", D::kHH},
    {"hh", D::kHH},
    {"IDDD", D::kIDDD},
    {"iddd", D::kIDDD},
    {"ID", D::kID},
    {"id", D::kID},
    {"IW", D::kIW},
    {"iw", D::kIW},
    {"IYYY", D::kIYYY},
    {"iyyy", D::kIYYY},
    {"IYY", D::kIYY},
    {"iyy", D::kIYY},
    {"IY", D::kIY},
    {"iy", D::kIY},
    {"I", D::kI},
    {"i", D::kI},
    {"J", D::kJ},
    {"j", D::kJ},
    {"MI", D::kMI},
    {"mi", D::kMI},
    {"MM", D::kMM},
    {"mm", D::kMM},
    {"MONTH", D::kMonthUpper},
    {"Month", D::kMonthTitle},
    {"month", D::kMonthLower},
    {"MON", D::kMonUpper},
    {"Mon", D::kMonTitle},
    {"mon", D::kMonLower},
    {"MS", D::kMS},
    {"ms", D::kMS},
    {"OF", D::kOF},
    {"of", D::kOF},
    {"Q", D::kQ},
    {"q", D::kQ},
    {"RM", D::kRM},
    {"rm", D::kRM, true},
    {"SSSSS", D::kSSSS},
    {"sssss", D::kSSSS},
    {"SSSS", D::kSSSS},
    {"ssss", D::kSSSS},
    {"SS", D::kSS},
    {"ss", D::kSS},
    {"TZH", D::kTZH},
    {"tzh", D::kTZH},
    {"TZM", D::kTZM},
    {"tzm", D::kTZM},
    {"TZ", D::kTZ},
    {"tz", D::kTZ, true},
    {"US", D::kUS},
    {"us", D::kUS},
    {"WW", D::kWW},
    {"ww", D::kWW},
    {"W", D::kW},
    {"w", D::kW},
    {"Y,YYY", D::kYCommaYYY},
    {"y,yyy", D::kYCommaYYY},
    {"YYYY", D::kYYYY},
    {"yyyy", D::kYYYY},
    {"YYY", D::kYYY},
    {"yyy", D::kYYY},
    {"YY", D::kYY},
    {"yy", D::kYY},
    {"Y", D::kY},
    {"y", D::kY},
};

bool is_separator(char c) {
  const bool letter_or_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  return c > 0x20 && c < 0x7f && !letter_or_digit;
}

template <class Key, std::size_t Count>
std::vector<PictureNode<Key>> parse(std::string_view s, const Keyword<Key> (&keywords)[Count], bool has_affixes) {
  std::vector<PictureNode<Key>> out;
  while (!s.empty()) {
    PictureNode<Key> node;
    if (has_affixes) {
      for (bool again = true; again;) {
        again = false;
        if (s.starts_with("FM") || s.starts_with("fm")) {
          node.fill_mode = again = true;
        } else if (s.starts_with("TM") || s.starts_with("tm")) {
          node.translate = again = true;
        }
        if (again) s.remove_prefix(2);
      }
    }
    bool matched = false;
    for (const Keyword<Key>& k : keywords) {
      if (!s.starts_with(k.name)) continue;
      node.is_key = matched = true;
      node.key = k.key;
      node.lower = k.lower;
      s.remove_prefix(k.name.size());
      if (has_affixes) {
        if (s.starts_with("TH") || s.starts_with("th")) {
          node.ordinal = s[0];
          s.remove_prefix(2);
        }
        if (s.starts_with("SP") || s.starts_with("sp")) s.remove_prefix(2);
      }
      break;
    }
    if (matched) {
      out.push_back(std::move(node));
      continue;
    }
    if (s.empty()) break;
    if (s[0] == '"') {  // quoted text
      s.remove_prefix(1);
      while (!s.empty() && s[0] != '"') {
        if (s[0] == '\\' && s.size() > 1) s.remove_prefix(1);
        const std::size_t n = utf8_size(s);
        PictureNode<Key> character;
        character.text = std::string(s.substr(0, n));
        character.is_quoted = true;
        out.push_back(std::move(character));
        s.remove_prefix(n);
      }
      if (!s.empty()) s.remove_prefix(1);
      continue;
    }
    if (s[0] == '\\' && s.size() > 1 && s[1] == '"') s.remove_prefix(1);
    const std::size_t n = utf8_size(s);
    node = {};
    node.text = std::string(s.substr(0, n));
    node.is_separator = has_affixes && n == 1 && is_separator(s[0]);
    out.push_back(std::move(node));
    s.remove_prefix(n);
  }
  return out;
}

}  // namespace

NumberPicture parse_number_picture(std::string_view format) { return parse(format, kNumberKeywords, false); }
DatePicture parse_date_picture(std::string_view format) { return parse(format, kDateKeywords, true); }

std::string ordinal_suffix(std::string_view digits, bool upper) {
  std::string_view suffix = "th";
  const char last = digits.empty() ? '0' : digits.back();
  const bool teens = digits.size() > 1 && digits[digits.size() - 2] == '1';
  if (!teens) suffix = last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
  return upper ? to_upper(suffix) : std::string(suffix);
}

}  // namespace ldb::sql
