// Results of statements that are not queries.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ldb/result_set.hpp"
#include "sql/parse/ast.hpp"

namespace ldb::sql {

/// No rows.
inline ResultSet tagged(std::string tag) { return ResultSet({}, {}, std::move(tag), 0); }

/// One text column, a row a line.
inline ResultSet text_rows(std::string column, const std::vector<std::string>& lines, std::string tag) {
  std::vector<Value> values;
  for (const std::string& line : lines) values.emplace_back(line);
  return ResultSet({{std::move(column), {TypeId::kText, -1, 0}}}, std::move(values), std::move(tag), lines.size());
}

/// Has the statement a plan, or is it a command?
inline bool is_plannable(ast::StatementKind kind) {
  using Kind = ast::StatementKind;
  return kind == Kind::kSelect || kind == Kind::kInsert || kind == Kind::kUpdate || kind == Kind::kDelete;
}

}  // namespace ldb::sql
