// Character classes and text checks shared by the lexer and the statement splitter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ldb::sql {

/// Longest name in bytes; longer ones are cut, as PostgreSQL does.
inline constexpr std::size_t kMaxNameBytes = 63;

namespace internal {
enum CharacterClass : std::uint8_t {
  kSpace = 1,
  kDigit = 2,
  kIdentifierStart = 4,
  kOperator = 8,
  kSpecialOperator = 16,
  kUpper = 32
};
struct CharacterTable {
  std::uint8_t classes[256] = {};
  constexpr CharacterTable() {
    for (char c : {' ', '\t', '\n', '\r', '\f'}) classes[static_cast<unsigned char>(c)] |= kSpace;
    for (int c = '0'; c <= '9'; ++c) classes[c] |= kDigit;
    for (int c = 'a'; c <= 'z'; ++c) classes[c] |= kIdentifierStart;
    for (int c = 'A'; c <= 'Z'; ++c) classes[c] |= kIdentifierStart | kUpper;
    for (int c = 128; c < 256; ++c) classes[c] |= kIdentifierStart;
    classes[static_cast<unsigned char>('_')] |= kIdentifierStart;
    for (char c : {'~', '!', '@', '#', '^', '&', '|', '`', '?', '+', '-', '*', '/', '%', '<', '>', '='})
      classes[static_cast<unsigned char>(c)] |= kOperator;
    for (char c : {'~', '!', '@', '#', '^', '&', '|', '`', '?', '%'}) classes[static_cast<unsigned char>(c)] |= kSpecialOperator;
  }
};
inline constexpr CharacterTable kCharacters;
constexpr bool has_class(char c, unsigned classes) { return (kCharacters.classes[static_cast<unsigned char>(c)] & classes) != 0; }
}  // namespace internal

constexpr bool is_space(char c) { return internal::has_class(c, internal::kSpace); }
constexpr bool is_digit(char c) { return internal::has_class(c, internal::kDigit); }
constexpr bool is_identifier_start(char c) { return internal::has_class(c, internal::kIdentifierStart); }
constexpr bool is_identifier_char(char c) {
  return internal::has_class(c, internal::kIdentifierStart | internal::kDigit) || c == '$';
}
constexpr bool is_operator_char(char c) { return internal::has_class(c, internal::kOperator); }
constexpr bool is_special_operator_char(char c) { return internal::has_class(c, internal::kSpecialOperator); }
/// ASCII letters only, whatever the locale.
constexpr char to_lower(char c) { return internal::has_class(c, internal::kUpper) ? static_cast<char>(c + 32) : c; }

/// Length of the opening delimiter $tag$ at the start of `text`, 0 when there is none.
std::size_t dollar_tag_length(std::string_view text);

struct TextCheck {
  bool ascii = true;
  std::size_t bad_byte = std::string_view::npos;  ///< First byte that is not UTF-8, or is NUL.
};
/// Whether `text` is UTF-8 without NUL bytes.
TextCheck check_text(std::string_view text);

/// Writes `code_point` as UTF-8 to `out` (room for 4); returns the length. The code point must be valid.
std::size_t encode_utf8(std::uint32_t code_point, char* out);

}  // namespace ldb::sql
