// Prints AST nodes back as SQL, canonically: for the catalog (DEFAULT, CHECK, views), column names and EXPLAIN.
#pragma once

#include <string>
#include <string_view>

#include "sql/parse/ast.hpp"

namespace ldb::sql {

/// The expression as SQL that parses to an equal expression. Names are quoted where needed; parentheses only where needed.
std::string to_sql(const ast::Expression& expression);
std::string to_sql(const ast::Query& query);
/// SELECT, INSERT, UPDATE, DELETE and MERGE; other statements give an empty string.
std::string to_sql(const ast::Statement& statement);
std::string to_sql(const ast::TypeName& type);
std::string to_sql(const ast::QualifiedName& name);

/// `name` as it must be written in SQL: unchanged, or in double quotes.
std::string quote_identifier(std::string_view name);
/// `text` as a string literal, quotes included (E'...' when it holds a backslash).
std::string quote_literal(std::string_view text);

/// Whether both are the same expression, positions and spelling of casts aside (their canonical SQL is compared).
bool equal(const ast::Expression& a, const ast::Expression& b);

}  // namespace ldb::sql
