// Entry points of the SQL parser: text in, AST out.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "ldb/status.hpp"
#include "sql/parse/arena.hpp"
#include "sql/parse/ast.hpp"

namespace ldb::sql {

/// Bounds that keep hostile input from exhausting stack or memory.
struct ParseLimits {
  std::size_t max_depth = 400;                          ///< Nesting, and longest path through any AST. Beyond: SQLSTATE 54001.
  std::size_t max_text_bytes = std::size_t{512} << 20;  ///< Longest text. At most 4 GiB - 1. Beyond: SQLSTATE 54000.
};

/// Owner of a parsed text: every node and string lives in `arena`, including a copy of the text itself.
struct ParsedScript {
  Arena arena;
  std::string_view text;                          ///< The arena's copy.
  std::vector<const ast::Statement*> statements;  ///< Empty statements are left out.
  std::uint32_t parameter_count = 0;              ///< Highest $n seen.

  /// The statement's own text, without semicolon and surrounding blanks.
  std::string_view source_of(const ast::Statement& s) const { return text.substr(s.source_offset, s.source_length); }
};

/// Owner of one parsed expression.
struct ParsedExpression {
  Arena arena;
  std::string_view text;
  const ast::Expression* expression = nullptr;
  std::uint32_t parameter_count = 0;
};

/// Parses zero or more statements separated by semicolons. Keeps nothing of `sql`. Any thread; does not block.
/// Errors, each with a 1-based character position: 42601 (not SQL), 0A000 (SQL, but a clause ldb does not have; the message names
/// it), 54001 (nested deeper than the limit), 54000 (too long), 22P02/42602-class codes for malformed literals, 22021 for text
/// that is not UTF-8.
Result<ParsedScript> parse(std::string_view sql, const ParseLimits& limits = {});

/// Parses one expression, such as a stored DEFAULT or CHECK text; errors as parse().
Result<ParsedExpression> parse_expression(std::string_view sql, const ParseLimits& limits = {});

/// Byte index one past the semicolon that ends the first statement of `text`, or nothing when the statement is not finished (no
/// semicolon yet, or inside a string, quoted name, dollar quote or comment). Never fails; linear time. For a shell: append lines
/// until this answers.
std::optional<std::size_t> find_statement_end(std::string_view text);

/// Whether `text` holds nothing but blanks, comments and semicolons.
bool is_blank(std::string_view text);

}  // namespace ldb::sql
