#include "sql/parse/character.hpp"

#include <cstring>

namespace ldb::sql {
namespace {

// Length of the well-formed UTF-8 sequence at `i` (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF), 0 when
// malformed.
std::size_t sequence_length(std::string_view text, std::size_t i) {
  auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  auto tail = [&](std::size_t at) { return (byte(at) & 0xC0) == 0x80; };
  unsigned c = byte(i), second = byte(i + 1);
  if (c >= 0xC2 && c <= 0xDF) return tail(i + 1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!tail(i + 1) || !tail(i + 2) || (c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F)) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3) || (c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

TextCheck check_text(std::string_view text) {
  TextCheck result;
  std::size_t i = 0;
  while (i < text.size()) {
    // Eight bytes at a time while all are ASCII and none is NUL.
    while (i + 8 <= text.size()) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + i, 8);
      constexpr std::uint64_t kHigh = 0x8080808080808080U, kOnes = 0x0101010101010101U;
      if (((word | (word - kOnes)) & kHigh) != 0) break;
      i += 8;
    }
    if (i >= text.size()) break;
    unsigned char c = static_cast<unsigned char>(text[i]);
    std::size_t length = 1;
    if (c >= 0x80) {
      result.ascii = false;
      length = sequence_length(text, i);
    } else if (c == 0) {
      length = 0;
    }
    if (length == 0) {
      result.bad_byte = i;
      return result;
    }
    i += length;
  }
  return result;
}

std::size_t dollar_tag_length(std::string_view text) {
  if (text.empty() || text[0] != '$') return 0;
  std::size_t i = 1;
  if (i < text.size() && is_identifier_start(text[i]))
    while (i < text.size() && (is_identifier_start(text[i]) || is_digit(text[i]))) ++i;
  return i < text.size() && text[i] == '$' ? i + 1 : 0;
}

std::size_t encode_utf8(std::uint32_t c, char* out) {
  auto put = [&](std::size_t at, std::uint32_t value) { out[at] = static_cast<char>(value); };
  if (c < 0x80) {
    put(0, c);
    return 1;
  }
  if (c < 0x800) {
    put(0, 0xC0 | (c >> 6)), put(1, 0x80 | (c & 63));
    return 2;
  }
  if (c < 0x10000) {
    put(0, 0xE0 | (c >> 12)), put(1, 0x80 | ((c >> 6) & 63)), put(2, 0x80 | (c & 63));
    return 3;
  }
  put(0, 0xF0 | (c >> 18)), put(1, 0x80 | ((c >> 12) & 63)), put(2, 0x80 | ((c >> 6) & 63)), put(3, 0x80 | (c & 63));
  return 4;
}

}  // namespace ldb::sql
