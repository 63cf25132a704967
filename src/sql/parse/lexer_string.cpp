// The lexer's quoted tokens: strings of all kinds and quoted identifiers.
#include <cstring>

#include "sql/parse/character.hpp"
#include "sql/parse/lexer.hpp"

namespace ldb::sql {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Value of exactly `digits` hexadecimal digits at `i`, or -1.
std::int64_t hex_number(std::string_view text, std::size_t i, std::size_t digits) {
  if (i + digits > text.size()) return -1;
  std::int64_t value = 0;
  for (std::size_t k = 0; k < digits; ++k) {
    int digit = hex_value(text[i + k]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_high_surrogate(std::uint32_t c) { return c >= 0xD800 && c <= 0xDBFF; }
bool is_low_surrogate(std::uint32_t c) { return c >= 0xDC00 && c <= 0xDFFF; }
std::uint32_t join_surrogates(std::uint32_t high, std::uint32_t low) { return 0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF); }

}  // namespace

std::string_view Lexer::scan_quoted(char quote, std::string_view what, std::size_t begin) {
  std::size_t start = next_;
  bool doubled = false;
  for (;;) {
    const void* hit = next_ < text_.size() ? std::memchr(text_.data() + next_, quote, text_.size() - next_) : nullptr;
    if (hit == nullptr) {
      fail("42601", "unterminated " + std::string(what) + near(text_.substr(begin)), begin);
    }
    next_ = static_cast<std::size_t>(static_cast<const char*>(hit) - text_.data()) + 1;
    if (at(next_) != quote) break;
    doubled = true;
    ++next_;
  }
  std::string_view raw = text_.substr(start, next_ - 1 - start);
  if (!doubled) return raw;
  char* out = static_cast<char*>(arena_->allocate(raw.size()));
  std::size_t length = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    out[length++] = raw[i];
    if (raw[i] == quote) ++i;
  }
  return {out, length};
}

// 'abc' <newline> 'def' is one string. Leaves next_ after the second opening quote when so.
bool Lexer::continues_after_newline() {
  std::size_t saved = next_;
  bool newline = false;
  while (next_ < text_.size()) {
    char c = text_[next_];
    if (is_space(c)) {
      newline |= c == '\n' || c == '\r';
      ++next_;
    } else if (newline && c == '-' && at(next_ + 1) == '-') {
      while (next_ < text_.size() && text_[next_] != '\n' && text_[next_] != '\r') ++next_;
    } else {
      break;
    }
  }
  if (newline && at(next_) == '\'') {
    ++next_;
    return true;
  }
  next_ = saved;
  return false;
}

void Lexer::lex_string(Token& token) {
  std::size_t begin = next_++;
  token.kind = TokenKind::kString;
  token.text = scan_quoted('\'', "quoted string", begin);
  while (continues_after_newline()) {
    std::string_view more = scan_quoted('\'', "quoted string", begin);
    char* joined = static_cast<char*>(arena_->allocate(token.text.size() + more.size()));
    if (!token.text.empty()) std::memcpy(joined, token.text.data(), token.text.size());
    if (!more.empty()) std::memcpy(joined + token.text.size(), more.data(), more.size());
    token.text = {joined, token.text.size() + more.size()};
  }
}

void Lexer::lex_escape_string(Token& token) {
  std::size_t begin = next_;
  // The value is never longer than its spelling; the end is found first so that the room is right.
  std::size_t end = begin + 2;
  for (; end < text_.size(); ++end) {
    if (text_[end] == '\\') {
      ++end;
    } else if (text_[end] == '\'') {
      if (at(end + 1) == '\'') {
        ++end;
        continue;
      }
      std::size_t saved = next_;
      next_ = end + 1;
      bool more = continues_after_newline();
      end = more ? next_ - 1 : end;
      next_ = saved;
      if (!more) break;
    }
  }
  if (end >= text_.size()) {
    fail("42601", "unterminated quoted string" + near(text_.substr(begin)), begin);
  }
  char* out = static_cast<char*>(arena_->allocate(end - begin));
  std::size_t length = 0;
  std::uint32_t high_surrogate = 0;
  next_ = begin + 2;
  while (next_ < end) {
    char c = text_[next_];
    if (c == '\\') {
      length = append_escape(out, length, high_surrogate);
      continue;
    }
    if (high_surrogate != 0) fail("42601", "invalid Unicode surrogate pair", next_);
    ++next_;
    if (c == '\'') {
      if (at(next_) != '\'') {
        continues_after_newline();
        continue;
      }
      ++next_;
    }
    out[length++] = c;
  }
  if (high_surrogate != 0) fail("42601", "invalid Unicode surrogate pair", end);
  next_ = end + 1;
  token.kind = TokenKind::kString;
  token.text = {out, length};
  if (check_text(token.text).bad_byte != std::string_view::npos)
    fail("22021", "invalid byte sequence for encoding \"UTF8\" in an escape string", begin);
}

// One backslash sequence at next_; appends its value.
std::size_t Lexer::append_escape(char* out, std::size_t length, std::uint32_t& high_surrogate) {
  std::size_t begin = next_;
  char c = at(begin + 1);
  if (c == 'u' || c == 'U') {
    std::size_t digits = c == 'u' ? 4 : 8;
    std::int64_t value = hex_number(text_, begin + 2, digits);
    if (value < 0) fail("22025", "invalid Unicode escape", begin);
    auto code = static_cast<std::uint32_t>(value);
    next_ = begin + 2 + digits;
    if (high_surrogate != 0) {
      if (!is_low_surrogate(code)) fail("42601", "invalid Unicode surrogate pair", begin);
      code = join_surrogates(high_surrogate, code);
      high_surrogate = 0;
    } else if (is_low_surrogate(code)) {
      fail("42601", "invalid Unicode surrogate pair", begin);
    } else if (is_high_surrogate(code)) {
      high_surrogate = code;
      return length;
    }
    if (code == 0 || code > 0x10FFFF) fail("42601", "invalid Unicode escape value", begin);
    return length + encode_utf8(code, out + length);
  }
  if (high_surrogate != 0) fail("42601", "invalid Unicode surrogate pair", begin);
  next_ = begin + 2;
  if (c >= '0' && c <= '7') {
    unsigned value = 0;
    next_ = begin + 1;
    for (int k = 0; k < 3 && at(next_) >= '0' && at(next_) <= '7'; ++k)
      value = value * 8 + static_cast<unsigned>(text_[next_++] - '0');
    out[length++] = static_cast<char>(value & 0xFF);
    return length;
  }
  if (c == 'x' && hex_value(at(next_)) >= 0) {
    int value = 0;
    for (int k = 0; k < 2 && hex_value(at(next_)) >= 0; ++k) value = value * 16 + hex_value(text_[next_++]);
    out[length++] = static_cast<char>(value);
    return length;
  }
  switch (c) {
    case 'b':
      c = '\b';
      break;
    case 'f':
      c = '\f';
      break;
    case 'n':
      c = '\n';
      break;
    case 'r':
      c = '\r';
      break;
    case 't':
      c = '\t';
      break;
    case 'v':
      c = '\v';
      break;
    default:
      break;
  }
  out[length++] = c;
  return length;
}

void Lexer::lex_bit_string(Token& token, bool hexadecimal) {
  std::size_t begin = next_;
  next_ += 2;
  std::string_view digits = scan_quoted('\'', hexadecimal ? "hexadecimal string literal" : "bit string literal", begin);
  char* out = static_cast<char*>(arena_->allocate(digits.size() * 4));
  std::size_t length = 0;
  for (char c : digits) {
    if (hexadecimal) {
      int value = hex_value(c);
      if (value < 0) fail("22P02", "\"" + std::string(1, c) + "\" is not a valid hexadecimal digit", begin);
      for (int bit = 3; bit >= 0; --bit) out[length++] = ((value >> bit) & 1) != 0 ? '1' : '0';
    } else {
      if (c != '0' && c != '1') fail("22P02", "\"" + std::string(1, c) + "\" is not a valid binary digit", begin);
      out[length++] = c;
    }
  }
  token.kind = TokenKind::kBitString;
  token.text = {out, length};
}

void Lexer::lex_quoted_identifier(Token& token) {
  std::size_t begin = next_++;
  token.kind = TokenKind::kIdentifier;
  token.quoted = true;
  token.text = truncate(scan_quoted('"', "quoted identifier", begin));
  if (token.text.empty()) fail("42601", "zero-length delimited identifier at or near \"\"\"\"", begin);
}

bool Lexer::accept_word(std::string_view lower) {
  for (std::size_t i = 0; i < lower.size(); ++i)
    if (to_lower(at(next_ + i)) != lower[i]) return false;
  if (is_identifier_char(at(next_ + lower.size()))) return false;
  next_ += lower.size();
  return true;
}

// U&'...' and U&"...", with an optional UESCAPE 'c' behind.
void Lexer::lex_unicode(Token& token) {
  std::size_t begin = next_;
  char quote = text_[begin + 2];
  next_ += 3;
  bool name = quote == '"';
  std::string_view raw = scan_quoted(quote, name ? "quoted identifier" : "quoted string", begin);
  if (name && raw.empty()) fail("42601", "zero-length delimited identifier at or near \"U&\"\"\"", begin);
  char escape = '\\';
  // Looked for by hand: lexing whole tokens ahead would recurse over a run of U& strings.
  Lexer ahead = *this;
  ahead.skip_blanks();
  if (ahead.accept_word("uescape")) {
    ahead.skip_blanks();
    std::size_t at_char = ahead.next_;
    char c = at(at_char + 1);
    if (at(at_char) != '\'' || at(at_char + 2) != '\'' || hex_value(c) >= 0 || is_space(c) || c == '+' || c == '\'' || c == '"')
      fail("42601", "invalid Unicode escape character", at_char);
    escape = c;
    next_ = at_char + 3;
  }
  std::string_view value = decode_unicode(raw, escape, begin);
  token.kind = name ? TokenKind::kIdentifier : TokenKind::kString;
  token.quoted = name;
  token.text = name ? truncate(value) : value;
}

std::string_view Lexer::decode_unicode(std::string_view raw, char escape, std::size_t raw_begin) {
  char* out = static_cast<char*>(arena_->allocate(raw.size()));
  std::size_t length = 0;
  std::uint32_t high = 0;
  for (std::size_t i = 0; i < raw.size();) {
    bool is_escape = raw[i] == escape;
    bool is_doubled = is_escape && i + 1 < raw.size() && raw[i + 1] == escape;
    if (!is_escape || is_doubled) {
      if (high != 0) fail("42601", "invalid Unicode surrogate pair", raw_begin);
      out[length++] = raw[i];
      i += is_doubled ? 2 : 1;
      continue;
    }
    bool is_long = i + 1 < raw.size() && raw[i + 1] == '+';
    std::size_t digits = is_long ? 6 : 4;
    std::int64_t value = hex_number(raw, i + (is_long ? 2 : 1), digits);
    if (value < 0) fail("22025", "invalid Unicode escape", raw_begin);
    auto code = static_cast<std::uint32_t>(value);
    i += digits + (is_long ? 2 : 1);
    if (high != 0) {
      if (!is_low_surrogate(code)) fail("42601", "invalid Unicode surrogate pair", raw_begin);
      code = join_surrogates(high, code);
      high = 0;
    } else if (is_high_surrogate(code)) {
      high = code;
      continue;
    } else if (is_low_surrogate(code)) {
      fail("42601", "invalid Unicode surrogate pair", raw_begin);
    }
    if (code == 0 || code > 0x10FFFF) fail("42601", "invalid Unicode escape value", raw_begin);
    length += encode_utf8(code, out + length);
  }
  if (high != 0) fail("42601", "invalid Unicode surrogate pair", raw_begin);
  return {out, length};
}

}  // namespace ldb::sql
