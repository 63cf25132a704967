#include "sql/types/utf8.hpp"

#include <algorithm>
#include <iterator>

namespace ldb::sql {
namespace {

struct CaseRun {
  char32_t first;
  char32_t last;
  unsigned step;
  std::int32_t difference;
};
struct Range {
  char32_t first;
  char32_t last;
};
#include "sql/types/case_tables.inc"

template <std::size_t N>
char32_t map(const CaseRun (&runs)[N], char32_t c) {
  const CaseRun* run =
      std::upper_bound(std::begin(runs), std::end(runs), c, [](char32_t v, const CaseRun& r) { return v < r.first; });
  if (run == runs) return c;
  --run;
  if (c > run->last || (c - run->first) % run->step != 0) return c;
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + run->difference);
}

template <class F>
std::string map_text(std::string_view s, F f) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_size(s.substr(i));
    if (n == 1) {
      const auto c = static_cast<unsigned char>(s[i]);
      out += c < 0x80 ? static_cast<char>(f(c)) : s[i];
    } else {
      char encoded[4];
      out.append(encoded, utf8_encode(f(utf8_decode(s.substr(i))), encoded));
    }
    i += n;
  }
  return out;
}

}  // namespace

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  return map(kLower, c);
}

char32_t to_upper(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  return map(kUpper, c);
}

bool is_alphanumeric(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const Range* range = std::upper_bound(std::begin(kAlphanumeric), std::end(kAlphanumeric), c,
                                        [](char32_t v, const Range& r) { return v < r.first; });
  return range != kAlphanumeric && c <= range[-1].last;
}

std::string to_lower(std::string_view s) {
  return map_text(s, [](char32_t c) { return to_lower(c); });
}
std::string to_upper(std::string_view s) {
  return map_text(s, [](char32_t c) { return to_upper(c); });
}

bool is_valid_text(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c < 0x80) {
      if (c == 0) return false;
      ++i;
      continue;
    }
    const std::size_t n = utf8_size(s.substr(i));
    if (n == 1 || c < 0xc2 || c > 0xf4) return false;
    const char32_t v = utf8_decode(s.substr(i));
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (v < kLeast[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) return false;
    i += n;
  }
  return true;
}

}  // namespace ldb::sql
