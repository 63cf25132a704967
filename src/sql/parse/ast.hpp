// The whole AST. Nodes are plain structs in an Arena: trivially destructible, immutable once parsed, readable from any thread.
// Reading order: ast_base.hpp, ast_expression.hpp, ast_predicate.hpp, ast_query.hpp, ast_statement.hpp, ast_table.hpp,
// ast_schema.hpp, ast_utility.hpp.
#pragma once

#include "sql/parse/ast_base.hpp"
#include "sql/parse/ast_expression.hpp"
#include "sql/parse/ast_predicate.hpp"
#include "sql/parse/ast_query.hpp"
#include "sql/parse/ast_schema.hpp"
#include "sql/parse/ast_statement.hpp"
#include "sql/parse/ast_table.hpp"
#include "sql/parse/ast_utility.hpp"
