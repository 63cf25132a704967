#include "sql/types/text_io.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

std::string lower(std::string_view s) {
  std::string r(s);
  for (char& c : r) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return r;
}

std::string_view integer_name(TypeId type) {
  return type == TypeId::kSmallInt ? "smallint" : type == TypeId::kInteger ? "integer" : "bigint";
}

template <class T>
Result<T> parse_floating(std::string_view text, std::string_view type) {
  std::string_view s = trimmed(text);
  bool negative = false;
  std::string_view digits = s;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) {
    negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  const std::string word = digits.size() <= 8 ? lower(digits) : std::string();
  if (word == "infinity" || word == "inf") return negative ? -static_cast<T>(INFINITY) : static_cast<T>(INFINITY);
  if (word == "nan") return static_cast<T>(NAN);
  if (digits.empty() || !((digits[0] >= '0' && digits[0] <= '9') || digits[0] == '.')) return invalid_text(type, text);
  T v = 0;
  const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), v);
  if (r.ec == std::errc::invalid_argument || r.ptr != digits.data() + digits.size()) return invalid_text(type, text);
  if (r.ec == std::errc::result_out_of_range) {
    return out_of_range("\"" + std::string(s) + "\" is out of range for type " + std::string(type));
  }
  return negative ? -v : v;
}

/// d.ddde+xx with the fewest digits whose value lies strictly between the midpoints to the neighbours. std::to_chars also takes a
/// midpoint itself when reading would round it back (1e+23); PostgreSQL does not, and prints 9.999999999999999e+22.
template <class T>
std::string shortest_digits(T v) {
  using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;  // holds midpoints exactly
  char text[64];
  const char* end = std::to_chars(text, text + sizeof text, v, std::chars_format::scientific).ptr;
  const Wide above = (Wide{v} + Wide{std::nextafter(v, static_cast<T>(INFINITY))}) / 2;
  const Wide below = (Wide{v} + Wide{std::nextafter(v, static_cast<T>(-INFINITY))}) / 2;
  const auto is_inside = [&] {
    Wide wide = 0;
    T narrow = 0;
    std::from_chars(text, end, wide);
    std::from_chars(text, end, narrow);
    return narrow == v && wide != above && wide != below;
  };
  for (int precision = 1; precision < std::numeric_limits<T>::max_digits10 && !is_inside(); ++precision) {
    end = std::to_chars(text, text + sizeof text, v, std::chars_format::scientific, precision).ptr;
  }
  std::string s(text, static_cast<std::size_t>(end - text));
  // A precision may have left zeros at the end.
  const std::size_t e = s.find('e');
  const std::size_t point = s.find('.');
  if (point != s.npos && point < e) {
    std::size_t last = e - 1;
    while (s[last] == '0') --last;
    if (s[last] == '.') --last;
    s.erase(last + 1, e - last - 1);
  }
  return s;
}

/// Lays out shortest digits: plain while -4 <= exponent < `limit`, otherwise d.ddde+dd.
template <class T>
std::string format_floating(T v, int limit) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v < 0 ? "-Infinity" : "Infinity";
  if (v == 0) return std::signbit(v) ? "-0" : "0";
  const std::string s = shortest_digits(v);
  const std::size_t e = s.find('e');
  int exponent = 0;
  const char* first = s.data() + e + 1;
  std::from_chars(*first == '+' ? first + 1 : first, s.data() + s.size(), exponent);
  if (exponent < -4 || exponent >= limit) return s;
  std::string digits;
  for (std::size_t i = 0; i < e; ++i) {
    if (s[i] >= '0' && s[i] <= '9') digits += s[i];
  }
  std::string out = v < 0 ? "-" : "";
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0');
    return out + digits;
  }
  const auto in_front = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= in_front) return out + digits + std::string(in_front - digits.size(), '0');
  return out + digits.substr(0, in_front) + "." + digits.substr(in_front);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<bool> parse_boolean(std::string_view text) {
  const std::string word = lower(trimmed(text));
  const std::string_view w = word;
  const auto is_start_of = [&](std::string_view full, std::size_t least) { return w.size() >= least && full.starts_with(w); };
  if (is_start_of("true", 1) || is_start_of("yes", 1) || w == "on" || w == "1") return true;
  if (is_start_of("false", 1) || is_start_of("no", 1) || is_start_of("off", 2) || w == "0") return false;
  return invalid_text("boolean", text);
}

Status integer_out_of_range(TypeId type) { return out_of_range(std::string(integer_name(type)) + " out of range"); }

Result<std::int64_t> parse_integer(std::string_view text, TypeId type) {
  std::string_view s = trimmed(text);
  if (!s.empty() && s[0] == '+' && s.size() > 1 && s[1] != '-') s.remove_prefix(1);
  std::int64_t v = 0;
  const auto r = std::from_chars(s.data(), s.data() + s.size(), v);
  if (r.ec == std::errc::invalid_argument || r.ptr != s.data() + s.size()) return invalid_text(integer_name(type), text);
  const std::int64_t highest = type == TypeId::kSmallInt ? INT16_MAX : type == TypeId::kInteger ? INT32_MAX : INT64_MAX;
  if (r.ec == std::errc::result_out_of_range || v > highest || v < -highest - 1) {
    return out_of_range("value \"" + std::string(text) + "\" is out of range for type " + std::string(integer_name(type)));
  }
  return v;
}

Result<double> parse_double(std::string_view text) { return parse_floating<double>(text, "double precision"); }
Result<float> parse_float(std::string_view text) { return parse_floating<float>(text, "real"); }

Result<std::string> parse_bytea(std::string_view text) {
  std::string out;
  if (text.starts_with("\\x")) {
    int high = -1;
    for (const char c : text.substr(2)) {
      if (is_blank(c) && high < 0) continue;
      const int v = hex_value(c);
      if (v < 0) return invalid("22023", "invalid hexadecimal digit: \"" + std::string(1, c) + "\"");
      if (high < 0) {
        high = v;
      } else {
        out += static_cast<char>(high << 4 | v);
        high = -1;
      }
    }
    if (high >= 0) return invalid("22023", "invalid hexadecimal data: odd number of digits");
    return out;
  }
  const auto octal = [&](std::size_t i, char highest) { return i < text.size() && text[i] >= '0' && text[i] <= highest; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      out += '\\';
      ++i;
    } else if (octal(i + 1, '3') && octal(i + 2, '7') && octal(i + 3, '7')) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
      i += 3;
    } else {
      return invalid("22P02", "invalid input syntax for type bytea");
    }
  }
  return out;
}

std::string format(double v) { return format_floating(v, 15); }
std::string format(float v) { return format_floating(v, 6); }

std::string format_bytea(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\\x";
  out.reserve(2 + 2 * bytes.size());
  for (const char c : bytes) {
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace ldb::sql
