#include "sql/parse/parser.hpp"

#include <algorithm>
#include <string>

#include "sql/parse/grammar.hpp"

namespace ldb::sql {
namespace {

Status to_status(ParseFailure&& failure) {
  StatusCode code = StatusCode::kInvalidArgument;
  if (failure.sqlstate == "0A000") code = StatusCode::kUnsupported;
  if (failure.sqlstate.starts_with("54")) code = StatusCode::kResourceExhausted;
  Status status = Status::sql(code, failure.sqlstate, std::move(failure.message), failure.position);
  return failure.detail.empty() ? status : status.with_detail(std::move(failure.detail));
}

Status too_long(std::size_t size_bytes, std::size_t limit_bytes) {
  return Status::sql(
      StatusCode::kResourceExhausted, "54000",
      "SQL text of " + std::to_string(size_bytes) + " bytes exceeds the limit of " + std::to_string(limit_bytes) + " bytes");
}

// Offsets are 32 bits wide, whatever the caller's limit says.
std::size_t text_limit(const ParseLimits& limits) { return std::min<std::size_t>(limits.max_text_bytes, 0xFFFFFFF0U); }

// Copies the text into the arena, sized so that a short statement needs a single block.
std::string_view adopt(Arena& arena, std::string_view sql) {
  arena.reserve(sql.size() + std::min<std::size_t>(sql.size(), 16384) + 1536);
  return arena.copy(sql);
}

}  // namespace

Result<ParsedScript> parse(std::string_view sql, const ParseLimits& limits) {
  if (sql.size() > text_limit(limits)) return too_long(sql.size(), text_limit(limits));
  ParsedScript script;
  script.text = adopt(script.arena, sql);
  try {
    Grammar grammar(script.text, script.arena, limits);
    grammar.parse_script(script.statements);
    script.parameter_count = grammar.parameter_count();
  } catch (ParseFailure& failure) {
    return to_status(std::move(failure));
  }
  return script;
}

Result<ParsedExpression> parse_expression(std::string_view sql, const ParseLimits& limits) {
  if (sql.size() > text_limit(limits)) return too_long(sql.size(), text_limit(limits));
  ParsedExpression result;
  result.text = adopt(result.arena, sql);
  try {
    Grammar grammar(result.text, result.arena, limits);
    result.expression = grammar.parse_lone_expression();
    result.parameter_count = grammar.parameter_count();
  } catch (ParseFailure& failure) {
    return to_status(std::move(failure));
  }
  return result;
}

}  // namespace ldb::sql
