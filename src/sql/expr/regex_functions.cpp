// ~ ~* !~ !~*, regexp_like(), and what SIMILAR TO is made of.
#include "sql/expr/kernels.hpp"
#include "sql/expr/regex.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

using std::string_view;

/// f(text, pattern [, options]) -> boolean. A pattern is compiled once for as long as it stays the same.
Function matching(const char* name, RegexOptions fixed, bool negated, bool with_options) {
  Function f;
  f.name = name;
  f.is_operator = name[0] == '~' || name[0] == '!';
  f.arguments = with_options ? std::vector<TypeId>{TypeId::kText, TypeId::kText, TypeId::kText}
                             : std::vector<TypeId>{TypeId::kText, TypeId::kText};
  f.result = TypeId::kBoolean;
  f.body = [fixed, negated, with_options](std::span<const ColumnVector* const> arguments, RowSet rows, EvalContext&,
                                          ColumnVector& out) -> Status {
    Result<Regex> regex = Regex();
    string_view compiled;
    string_view compiled_options;
    for (std::size_t i = 0; i < rows.count; ++i) {
      const std::size_t row = rows[i];
      const string_view pattern = arguments[1]->at<string_view>(row);
      const string_view letters = with_options ? arguments[2]->at<string_view>(row) : string_view();
      if (i == 0 || pattern != compiled || letters != compiled_options) {
        RegexOptions options = fixed;
        if (letters.find('g') != letters.npos) return invalid("22023", "regexp_like() does not support the \"global\" option");
        LDB_TRY(read_regex_options(letters, options));
        regex = Regex::compile(pattern, options);
        if (!regex) return regex.error();
        compiled = pattern;
        compiled_options = letters;
      }
      out.data<bool>()[row] = regex->matches(arguments[0]->at<string_view>(row)) != negated;
    }
    return {};
  };
  return f;
}

}  // namespace

void register_regex_functions(FunctionRegistry& r) {
  RegexOptions ignore_case;
  ignore_case.ignore_case = true;
  r.add(matching("~", {}, false, false));
  r.add(matching("!~", {}, true, false));
  r.add(matching("~*", ignore_case, false, false));
  r.add(matching("!~*", ignore_case, true, false));
  r.add(matching("regexp_like", {}, false, false));
  r.add(matching("regexp_like", {}, false, true));
  add_function(r, "similar_to_escape", [](string_view pattern) { return similar_to_regex(pattern, "\\"); });
  add_function(r, "similar_to_escape", similar_to_regex);
  // Which part of a text matches is not known here; a number in quotes is a pattern to PostgreSQL.
  const auto refuse = [] { return unsupported("substring by a regular expression is not supported"); };
  add_function(r, "substring", [refuse](string_view, string_view) -> Result<std::string> { return refuse(); });
  add_function(r, "substring", [refuse](string_view, string_view, string_view) -> Result<std::string> { return refuse(); });
}

}  // namespace ldb::sql
