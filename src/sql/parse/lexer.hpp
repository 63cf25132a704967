// Lexer: PostgreSQL's tokens from UTF-8 text, one at a time. Copyable, so that a parser can look ahead by lexing with a copy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sql/parse/arena.hpp"
#include "sql/parse/ast_base.hpp"
#include "sql/parse/keywords.hpp"

namespace ldb::sql {

enum class TokenKind : std::uint8_t {
  kEnd,
  kIdentifier,  // `text`: folded or unquoted, truncated to 63 bytes
  kKeyword,     // `keyword`; `text` is its lower-case spelling
  kInteger,     // `text`: digits
  kDecimal,     // `text`: digits with point or exponent
  kString,      // `text`: value, escapes resolved
  kBitString,   // `text`: digits 0 and 1
  kParameter,   // `text`: digits after the $
  kOperator,    // `text`: any operator that has no kind of its own
  kLeftParen,
  kRightParen,
  kLeftBracket,
  kRightBracket,
  kComma,
  kSemicolon,
  kColon,
  kDot,
  kDotDot,
  kPlus,
  kMinus,
  kStar,
  kSlash,
  kPercent,
  kCaret,
  kLess,
  kGreater,
  kEqual,
  kLessEqual,
  kGreaterEqual,
  kNotEqual,
  kTypecast,      // ::
  kColonEqual,    // :=
  kEqualGreater,  // =>
  kOther,         // a character that starts no token
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  bool quoted = false;  ///< kIdentifier in double quotes.
  Keyword keyword = Keyword::kNotKeyword;
  std::uint32_t begin = 0;  ///< Byte range in the text.
  std::uint32_t end = 0;
  ast::Position position = 0;
  std::string_view text;
};

/// Thrown inside the parser only; parse() turns it into a Status. A parser that recurses some thirty functions deep would
/// otherwise test every call, and a failed statement is never the hot path.
struct ParseFailure {
  std::string_view sqlstate;
  std::string message;
  ast::Position position;
  std::string detail;
};
[[noreturn]] void throw_failure(std::string_view sqlstate, std::string message, ast::Position position, std::string detail = {});

/// ` at or near "token"`; a long token is cut, so that no message is as long as the text it complains about.
std::string near(std::string_view token);

class Lexer {
 public:
  /// `text` must outlive the lexer and all tokens (strings without escapes are views of it); others are put into `arena`.
  Lexer(std::string_view text, Arena& arena);

  /// Lexes the next token into `token`; kEnd for ever at the end. Throws ParseFailure.
  void next(Token& token);

  std::string_view text() const { return text_; }
  /// Character position of a byte at or after the last token's begin.
  ast::Position position_of(std::size_t byte);

 private:
  void skip_blanks();
  void skip_block_comment();
  void lex_word(Token& token);
  void lex_number(Token& token);
  void lex_junk(std::size_t begin, std::size_t end, std::string_view what);
  void lex_dollar(Token& token);
  void lex_operator(Token& token);
  void lex_string(Token& token);
  void lex_escape_string(Token& token);
  std::size_t append_escape(char* out, std::size_t length, std::uint32_t& high_surrogate);
  void lex_bit_string(Token& token, bool hexadecimal);
  void lex_quoted_identifier(Token& token);
  void lex_unicode(Token& token);
  std::string_view decode_unicode(std::string_view raw, char escape, std::size_t raw_begin);
  /// Scans from after an opening quote to after the closing one; returns the content with doubled quotes undone.
  std::string_view scan_quoted(char quote, std::string_view what, std::size_t begin);
  bool continues_after_newline();
  bool accept_word(std::string_view lower);
  std::string_view truncate(std::string_view name) const;
  void finish(Token& token, TokenKind kind, std::size_t length);
  char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  [[noreturn]] void fail(std::string_view sqlstate, std::string message, std::size_t byte);

  std::string_view text_;
  Arena* arena_;
  std::size_t next_ = 0;
  // Bytes 0x80..0xBF before counted_, so that positions count characters; only kept up when the text is not plain ASCII.
  std::size_t counted_ = 0;
  std::size_t continuation_bytes_ = 0;
  bool ascii_ = true;
};

}  // namespace ldb::sql
