// Where a statement ends in text that is still being typed. Follows psql: strings, names, comments and parentheses hide
// semicolons.
#include "sql/parse/character.hpp"
#include "sql/parse/parser.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kUnfinished = std::string_view::npos;

char at(std::string_view text, std::size_t i) { return i < text.size() ? text[i] : '\0'; }

// Each skip function starts at the opening mark and returns the index behind the closing one, or kUnfinished.

std::size_t skip_quoted(std::string_view text, std::size_t i) {
  char quote = text[i];
  for (++i; i < text.size(); ++i)
    if (text[i] == quote) return i + 1;  // a doubled quote is two strings in a row, which ends at the same place
  return kUnfinished;
}

std::size_t skip_escape_string(std::string_view text, std::size_t i) {
  for (;;) {
    for (++i; i < text.size() && text[i] != '\''; ++i)
      if (text[i] == '\\') ++i;
    if (i >= text.size()) return kUnfinished;
    ++i;
    if (at(text, i) == '\'') continue;
    // 'a' <newline> 'b' goes on as an escape string.
    std::size_t ahead = i;
    bool newline = false;
    for (; ahead < text.size() && is_space(text[ahead]); ++ahead) newline |= text[ahead] == '\n' || text[ahead] == '\r';
    if (!newline || at(text, ahead) != '\'') return i;
    i = ahead;
  }
}

std::size_t skip_block_comment(std::string_view text, std::size_t i) {
  std::size_t depth = 0;
  while (i + 1 < text.size()) {
    if (text[i] == '/' && text[i + 1] == '*') {
      ++depth;
      i += 2;
    } else if (text[i] == '*' && text[i + 1] == '/') {
      i += 2;
      if (--depth == 0) return i;
    } else {
      ++i;
    }
  }
  return kUnfinished;
}

std::size_t skip_line_comment(std::string_view text, std::size_t i) {
  while (i < text.size() && text[i] != '\n' && text[i] != '\r') ++i;
  return i;
}

std::size_t skip_word(std::string_view text, std::size_t i) {
  bool escape_string = (text[i] == 'e' || text[i] == 'E') && at(text, i + 1) == '\'';
  if (escape_string) return skip_escape_string(text, i + 1);
  while (i < text.size() && is_identifier_char(text[i])) ++i;
  return i;
}

std::size_t skip_dollar(std::string_view text, std::size_t i) {
  std::size_t tag_length = dollar_tag_length(text.substr(i));
  if (tag_length == 0) return i + 1;
  std::size_t close = text.find(text.substr(i, tag_length), i + tag_length);
  return close == std::string_view::npos ? kUnfinished : close + tag_length;
}

// The end of the token or blank at `i`.
std::size_t skip(std::string_view text, std::size_t i) {
  char c = text[i];
  if (c == '\'' || c == '"') return skip_quoted(text, i);
  if (c == '-' && at(text, i + 1) == '-') return skip_line_comment(text, i);
  if (c == '/' && at(text, i + 1) == '*') return skip_block_comment(text, i);
  if (c == '$') return skip_dollar(text, i);
  if (is_identifier_start(c)) return skip_word(text, i);
  return i + 1;
}

}  // namespace

std::optional<std::size_t> find_statement_end(std::string_view text) {
  std::size_t open_parentheses = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '(') ++open_parentheses;
    if (text[i] == ')' && open_parentheses > 0) --open_parentheses;
    if (text[i] == ';' && open_parentheses == 0) return i + 1;
    i = skip(text, i);
    if (i == kUnfinished) return std::nullopt;
  }
  return std::nullopt;
}

bool is_blank(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    bool comment = (text[i] == '-' && at(text, i + 1) == '-') || (text[i] == '/' && at(text, i + 1) == '*');
    if (!comment && !is_space(text[i]) && text[i] != ';') return false;
    i = skip(text, i);
    if (i == kUnfinished) return false;
  }
  return true;
}

}  // namespace ldb::sql
