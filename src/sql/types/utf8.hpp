// UTF-8 by characters. Tolerates any bytes: a byte that starts no valid sequence counts as one character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ldb::sql {

/// Bytes of the character at the front of `s` (not empty); never more than s.size().
inline std::size_t utf8_size(std::string_view s) {
  const auto c = static_cast<unsigned char>(s[0]);
  if (c < 0x80) return 1;
  const std::size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
  if (n > s.size()) return 1;
  for (std::size_t i = 1; i < n; ++i) {
    if ((static_cast<unsigned char>(s[i]) & 0xc0) != 0x80) return 1;
  }
  return n;
}

/// Characters in `s`.
inline std::size_t utf8_length(std::string_view s) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < s.size(); ++n) i += utf8_size(s.substr(i));
  return n;
}

/// Bytes that the first `characters` characters take; all of `s` when it has fewer.
inline std::size_t utf8_prefix(std::string_view s, std::size_t characters) {
  std::size_t i = 0;
  while (characters-- > 0 && i < s.size()) i += utf8_size(s.substr(i));
  return i;
}

/// The code point at the front; the byte itself when malformed.
inline char32_t utf8_decode(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(s[i])); };
  switch (utf8_size(s)) {
    case 2:
      return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    case 3:
      return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    case 4:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    default:
      return byte(0);
  }
}

/// Writes up to 4 bytes; returns how many.
inline std::size_t utf8_encode(char32_t c, char* out) {
  const auto put = [&](std::size_t i, char32_t v) { out[i] = static_cast<char>(v); };
  if (c < 0x80) return put(0, c), 1;
  if (c < 0x800) return put(0, 0xc0 | c >> 6), put(1, 0x80 | (c & 0x3f)), 2;
  if (c < 0x10000) return put(0, 0xe0 | c >> 12), put(1, 0x80 | (c >> 6 & 0x3f)), put(2, 0x80 | (c & 0x3f)), 3;
  return put(0, 0xf0 | c >> 18), put(1, 0x80 | (c >> 12 & 0x3f)), put(2, 0x80 | (c >> 6 & 0x3f)), put(3, 0x80 | (c & 0x3f)), 4;
}

/// Well-formed UTF-8 without NUL: what TEXT may hold.
bool is_valid_text(std::string_view s);

/// Simple case mapping of one code point, as the C.UTF-8 locale maps it.
char32_t to_lower(char32_t c);
char32_t to_upper(char32_t c);
bool is_alphanumeric(char32_t c);
std::string to_lower(std::string_view s);
std::string to_upper(std::string_view s);

}  // namespace ldb::sql
