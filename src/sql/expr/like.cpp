// LIKE and ILIKE. Patterns of the common shapes (text, text%, %text, %text%) become plain string searches.
#include "sql/expr/evaluate_kinds.hpp"
#include "sql/types/sql_error.hpp"
#include "sql/types/utf8.hpp"

namespace ldb::sql {
namespace {

Status ends_in_escape() { return invalid("22025", "LIKE pattern must not end with escape character"); }

/// The two-pointer matcher: on a mismatch go back to the last % and let it take one character more. Never recursive; time at most
/// text times pattern.
Result<bool> match(std::string_view text, std::string_view pattern, char escape) {
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t retry_text = 0;
  std::size_t retry_pattern = std::string_view::npos;
  while (t < text.size()) {
    if (p < pattern.size()) {
      const char c = pattern[p];
      if (c == '%' && !(escape != 0 && escape == '%')) {
        retry_pattern = ++p;
        retry_text = t;
        continue;
      }
      if (escape != 0 && c == escape) {
        if (p + 1 == pattern.size()) return ends_in_escape();
        if (pattern[p + 1] == text[t]) {
          p += 2;
          ++t;
          continue;
        }
      } else if (c == '_') {
        t += utf8_size(text.substr(t));
        ++p;
        continue;
      } else if (c == text[t]) {
        ++p;
        ++t;
        continue;
      }
    }
    if (retry_pattern == std::string_view::npos) return false;
    retry_text += utf8_size(text.substr(retry_text));
    t = retry_text;
    p = retry_pattern;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

enum class Shape : std::uint8_t { kGeneral, kExact, kPrefix, kSuffix, kInside };

/// A constant pattern, looked at once.
struct CompiledPattern {
  Shape shape = Shape::kGeneral;
  std::string text;  // without the % of the shape

  explicit CompiledPattern(std::string_view pattern) : text(pattern) {
    if (pattern.find_first_of("_\\") != pattern.npos) return;
    const bool front = pattern.starts_with('%');
    const bool back = pattern.size() > 1 && pattern.ends_with('%');
    std::string_view core = pattern;
    if (front) core.remove_prefix(1);
    if (back) core.remove_suffix(1);
    if (core.find('%') != core.npos) return;
    shape = front ? (back || core.empty() ? Shape::kInside : Shape::kSuffix) : back ? Shape::kPrefix : Shape::kExact;
    text = core;
  }

  Result<bool> matches(std::string_view s) const {
    switch (shape) {
      case Shape::kExact:
        return s == text;
      case Shape::kPrefix:
        return s.starts_with(text);
      case Shape::kSuffix:
        return s.ends_with(text);
      case Shape::kInside:
        return s.find(text) != s.npos;
      case Shape::kGeneral:
        break;
    }
    return match(s, text, '\\');
  }
};

}  // namespace

Result<bool> like(std::string_view text, std::string_view pattern, char escape, bool case_insensitive) {
  if (case_insensitive) return match(to_lower(text), to_lower(pattern), escape);
  return match(text, pattern, escape);
}

Status evaluate_like(const LikeExpression& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  ColumnVector text;
  ColumnVector pattern;
  LDB_TRY(evaluate(*e.children[0], batch, rows, context, text));
  LDB_TRY(evaluate(*e.children[1], batch, rows, context, pattern));
  if ((text.is_constant() && text.is_null(0)) || (pattern.is_constant() && pattern.is_null(0))) {
    out.reset_constant(DataType{TypeId::kBoolean});
    out.set_null(0);
    return {};
  }
  out.reset(DataType{TypeId::kBoolean}, batch_capacity(batch));
  bool* result = out.data<bool>();
  std::optional<CompiledPattern> compiled;
  if (pattern.is_constant())
    compiled.emplace(e.case_insensitive ? to_lower(pattern.at<std::string_view>(0))
                                        : std::string(pattern.at<std::string_view>(0)));
  Status failure;
  rows.for_each([&](std::size_t row) {
    if (text.is_null(row) || pattern.is_null(row)) {
      out.set_null(row);
      return;
    }
    if (!failure) return;
    const std::string_view s = text.at<std::string_view>(row);
    Result<bool> answer = false;
    if (compiled) {
      answer = e.case_insensitive ? compiled->matches(to_lower(s)) : compiled->matches(s);
    } else {
      answer = like(s, pattern.at<std::string_view>(row), '\\', e.case_insensitive);
    }
    if (answer) {
      result[row] = *answer != e.negated;
    } else {
      failure = answer.error();
    }
  });
  return failure;
}

}  // namespace ldb::sql
