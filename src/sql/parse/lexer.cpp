#include "sql/parse/lexer.hpp"

#include <array>
#include <cstring>

#include "sql/parse/character.hpp"

namespace ldb::sql {

void throw_failure(std::string_view sqlstate, std::string message, ast::Position position, std::string detail) {
  throw ParseFailure{sqlstate, std::move(message), position, std::move(detail)};
}

std::string near(std::string_view token) {
  constexpr std::size_t kLongestBytes = 200;
  std::string_view shown = token;
  if (token.size() > kLongestBytes) {
    std::size_t end = kLongestBytes;
    while (end > 0 && (static_cast<unsigned char>(token[end]) & 0xC0) == 0x80) --end;
    shown = token.substr(0, end);
  }
  std::string text = " at or near \"";
  text += shown;
  if (shown.size() < token.size()) text += "...";
  return text + '"';
}

Lexer::Lexer(std::string_view text, Arena& arena) : text_(text), arena_(&arena) {
  TextCheck check = check_text(text);
  ascii_ = check.ascii;
  if (check.bad_byte != std::string_view::npos) {
    unsigned char c = static_cast<unsigned char>(text[check.bad_byte]);
    constexpr char kDigits[] = "0123456789abcdef";
    std::string code = {kDigits[c >> 4], kDigits[c & 15]};
    fail("22021", "invalid byte sequence for encoding \"UTF8\": 0x" + code, check.bad_byte);
  }
}

ast::Position Lexer::position_of(std::size_t byte) {
  if (ascii_) return static_cast<ast::Position>(byte + 1);
  if (byte < counted_) counted_ = 0, continuation_bytes_ = 0;
  for (; counted_ < byte; ++counted_) continuation_bytes_ += (static_cast<unsigned char>(text_[counted_]) & 0xC0) == 0x80;
  return static_cast<ast::Position>(byte + 1 - continuation_bytes_);
}

void Lexer::fail(std::string_view sqlstate, std::string message, std::size_t byte) {
  throw_failure(sqlstate, std::move(message), position_of(byte));
}

void Lexer::skip_block_comment() {
  std::size_t begin = next_;
  std::size_t depth = 0;
  do {
    if (at(next_) == '/' && at(next_ + 1) == '*') {
      ++depth;
      next_ += 2;
    } else if (at(next_) == '*' && at(next_ + 1) == '/') {
      --depth;
      next_ += 2;
    } else if (next_ >= text_.size()) {
      fail("42601", "unterminated /* comment" + near(text_.substr(begin)), begin);
    } else {
      ++next_;
    }
  } while (depth > 0);
}

void Lexer::skip_blanks() {
  while (next_ < text_.size()) {
    char c = text_[next_];
    if (is_space(c)) {
      ++next_;
    } else if (c == '-' && at(next_ + 1) == '-') {
      while (next_ < text_.size() && text_[next_] != '\n' && text_[next_] != '\r') ++next_;
    } else if (c == '/' && at(next_ + 1) == '*') {
      skip_block_comment();
    } else {
      return;
    }
  }
}

void Lexer::finish(Token& token, TokenKind kind, std::size_t length) {
  token.kind = kind;
  token.text = text_.substr(next_, length);
  next_ += length;
}

void Lexer::next(Token& token) {
  skip_blanks();
  token.begin = static_cast<std::uint32_t>(next_);
  token.position = position_of(next_);
  token.keyword = Keyword::kNotKeyword;
  token.quoted = false;
  if (next_ >= text_.size()) {
    finish(token, TokenKind::kEnd, 0);
  } else {
    char c = text_[next_];
    switch (c) {
      case '(':
        finish(token, TokenKind::kLeftParen, 1);
        break;
      case ')':
        finish(token, TokenKind::kRightParen, 1);
        break;
      case '[':
        finish(token, TokenKind::kLeftBracket, 1);
        break;
      case ']':
        finish(token, TokenKind::kRightBracket, 1);
        break;
      case ',':
        finish(token, TokenKind::kComma, 1);
        break;
      case ';':
        finish(token, TokenKind::kSemicolon, 1);
        break;
      case '\'':
        lex_string(token);
        break;
      case '"':
        lex_quoted_identifier(token);
        break;
      case '$':
        lex_dollar(token);
        break;
      case ':':
        if (at(next_ + 1) == ':')
          finish(token, TokenKind::kTypecast, 2);
        else if (at(next_ + 1) == '=')
          finish(token, TokenKind::kColonEqual, 2);
        else
          finish(token, TokenKind::kColon, 1);
        break;
      case '.':
        if (is_digit(at(next_ + 1)))
          lex_number(token);
        else if (at(next_ + 1) == '.')
          finish(token, TokenKind::kDotDot, 2);
        else
          finish(token, TokenKind::kDot, 1);
        break;
      default:
        if (is_digit(c))
          lex_number(token);
        else if (is_identifier_start(c))
          lex_word(token);
        else if (is_operator_char(c))
          lex_operator(token);
        else
          finish(token, TokenKind::kOther, 1);
    }
  }
  token.end = static_cast<std::uint32_t>(next_);
}

std::string_view Lexer::truncate(std::string_view name) const {
  if (name.size() <= kMaxNameBytes) return name;
  std::size_t end = kMaxNameBytes;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;  // never inside a character
  return name.substr(0, end);
}

void Lexer::lex_word(Token& token) {
  char quote = at(next_ + 1);
  if (quote == '\'') {
    switch (text_[next_]) {
      case 'e':
      case 'E':
        return lex_escape_string(token);
      case 'b':
      case 'B':
        return lex_bit_string(token, false);
      case 'x':
      case 'X':
        return lex_bit_string(token, true);
      case 'n':
      case 'N':  // N'abc' is NCHAR 'abc'
        finish(token, TokenKind::kKeyword, 1);
        token.keyword = Keyword::kNchar;
        token.text = keyword_info(Keyword::kNchar).spelling;
        return;
      default:
        break;
    }
  }
  if (quote == '&' && (text_[next_] == 'u' || text_[next_] == 'U') && (at(next_ + 2) == '\'' || at(next_ + 2) == '"'))
    return lex_unicode(token);

  char folded[kLongestKeyword];
  std::size_t begin = next_;
  std::uint32_t hash = 0;
  std::size_t i = begin;
  bool changed = false;
  for (; i < text_.size() && is_identifier_char(text_[i]); ++i) {
    char c = to_lower(text_[i]);
    changed |= c != text_[i];
    if (i - begin < kLongestKeyword) folded[i - begin] = c;
    hash = keyword_hash_step(hash, c);
  }
  std::size_t length = i - begin;
  finish(token, TokenKind::kIdentifier, length);
  if (length <= kLongestKeyword) {
    Keyword keyword = find_keyword({folded, length}, hash);
    if (keyword != Keyword::kNotKeyword) {
      token.kind = TokenKind::kKeyword;
      token.keyword = keyword;
      token.text = keyword_info(keyword).spelling;
      return;
    }
  }
  token.text = truncate(token.text);
  if (!changed) return;
  char* lower = static_cast<char*>(arena_->allocate(token.text.size()));
  for (std::size_t j = 0; j < token.text.size(); ++j) lower[j] = to_lower(token.text[j]);
  token.text = {lower, token.text.size()};
}

void Lexer::lex_junk(std::size_t begin, std::size_t end, std::string_view what) {
  if (!is_identifier_start(at(end))) return;
  ++end;
  while ((static_cast<unsigned char>(at(end)) & 0xC0) == 0x80) ++end;  // one whole character
  fail("42601", "trailing junk after " + std::string(what) + near(text_.substr(begin, end - begin)), begin);
}

void Lexer::lex_number(Token& token) {
  std::size_t begin = next_, i = begin;
  bool decimal = false;
  while (is_digit(at(i))) ++i;
  if (at(i) == '.' && at(i + 1) != '.') {
    decimal = true;
    ++i;
    while (is_digit(at(i))) ++i;
  }
  if (at(i) == 'e' || at(i) == 'E') {
    std::size_t digits = i + 1;
    if (at(digits) == '+' || at(digits) == '-') ++digits;
    if (is_digit(at(digits))) {
      decimal = true;
      i = digits;
      while (is_digit(at(i))) ++i;
    }
  }
  lex_junk(begin, i, "numeric literal");
  finish(token, decimal ? TokenKind::kDecimal : TokenKind::kInteger, i - begin);
}

void Lexer::lex_dollar(Token& token) {
  std::size_t begin = next_;
  if (is_digit(at(begin + 1))) {
    std::size_t i = begin + 1;
    while (is_digit(at(i))) ++i;
    lex_junk(begin, i, "parameter");
    finish(token, TokenKind::kParameter, i - begin);
    token.text.remove_prefix(1);
    return;
  }
  std::size_t tag_length = dollar_tag_length(text_.substr(begin));
  if (tag_length == 0) return finish(token, TokenKind::kOther, 1);
  std::string_view tag = text_.substr(begin, tag_length);
  std::size_t close = text_.find(tag, begin + tag_length);
  if (close == std::string_view::npos) fail("42601", "unterminated dollar-quoted string" + near(text_.substr(begin)), begin);
  token.kind = TokenKind::kString;
  token.text = text_.substr(begin + tag_length, close - begin - tag_length);
  next_ = close + tag_length;
}

void Lexer::lex_operator(Token& token) {
  std::size_t begin = next_, end = begin;
  bool special = false;  // holds a character that lets an operator end in + or -
  for (; is_operator_char(at(end)); ++end) {
    if ((at(end) == '-' && at(end + 1) == '-') || (at(end) == '/' && at(end + 1) == '*')) break;
  }
  for (std::size_t i = begin; i < end; ++i) special |= is_special_operator_char(text_[i]);
  if (!special)
    while (end - begin > 1 && (text_[end - 1] == '+' || text_[end - 1] == '-')) --end;
  std::size_t length = end - begin;
  std::string_view op = text_.substr(begin, length);
  if (length > kMaxNameBytes) fail("42601", "operator too long" + near(op), begin);
  TokenKind kind = TokenKind::kOperator;
  if (length == 1) {
    switch (op[0]) {
      case '+':
        kind = TokenKind::kPlus;
        break;
      case '-':
        kind = TokenKind::kMinus;
        break;
      case '*':
        kind = TokenKind::kStar;
        break;
      case '/':
        kind = TokenKind::kSlash;
        break;
      case '%':
        kind = TokenKind::kPercent;
        break;
      case '^':
        kind = TokenKind::kCaret;
        break;
      case '<':
        kind = TokenKind::kLess;
        break;
      case '>':
        kind = TokenKind::kGreater;
        break;
      case '=':
        kind = TokenKind::kEqual;
        break;
      default:
        break;
    }
  } else if (length == 2) {
    if (op == "=>")
      kind = TokenKind::kEqualGreater;
    else if (op == ">=")
      kind = TokenKind::kGreaterEqual;
    else if (op == "<=")
      kind = TokenKind::kLessEqual;
    else if (op == "<>" || op == "!=")
      kind = TokenKind::kNotEqual;
  }
  finish(token, kind, length);
}

}  // namespace ldb::sql
