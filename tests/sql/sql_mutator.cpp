#include "sql/sql_mutator.hpp"

#include <array>
#include <cctype>

namespace ldb::test {
namespace {

constexpr std::size_t kMaxTokens = 4096;

/// What breaks things more often than tokens of the same scripts.
constexpr std::array kSpecial{"NULL",
                              "-1",
                              "0",
                              "2147483647",
                              "9223372036854775807",
                              "-9223372036854775808",
                              "1e308",
                              "''",
                              "'%'",
                              "'x'",
                              "()",
                              "*",
                              "(SELECT 1)",
                              "(SELECT NULL)",
                              "generate_series(1, 3)",
                              "OVER ()",
                              "::text",
                              "::numeric(1,0)",
                              "::smallint",
                              "DISTINCT",
                              "ALL",
                              "LATERAL",
                              "RECURSIVE",
                              "VALUES (1)",
                              "UNION",
                              "EXCEPT ALL",
                              "ORDER BY 1",
                              "LIMIT 0",
                              "OFFSET 1",
                              "GROUP BY ()",
                              "GROUPING SETS ((), ())",
                              "count(*)",
                              "sum(1)",
                              "row_number() OVER ()",
                              "infinity",
                              "INTERVAL '1 mon'",
                              "DATE '0001-01-01 BC'",
                              "'\\xff'::bytea",
                              "CASE WHEN NULL THEN 1 END",
                              "= ANY (SELECT 1)",
                              "IN (1, NULL)",
                              "IS NULL",
                              "ON CONFLICT DO NOTHING",
                              "RETURNING *",
                              "DEFAULT",
                              "FILTER (WHERE false)"};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }

std::vector<std::string> tokens_of(std::string_view sql) {
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < sql.size();) {
    const std::size_t start = i;
    if (std::isspace(static_cast<unsigned char>(sql[i])) != 0) {
      ++i;
      continue;
    }
    if (sql[i] == '\'' || sql[i] == '"') {
      const char quote = sql[i++];
      while (i < sql.size() && sql[i] != quote) ++i;
      if (i < sql.size()) ++i;
    } else if (is_word(sql[i])) {
      while (i < sql.size() && is_word(sql[i])) ++i;
    } else {
      ++i;
      while (i < sql.size() && std::string_view("=<>|:!~*").find(sql[i]) != std::string_view::npos &&
             std::string_view("=<>|:!~").find(sql[start]) != std::string_view::npos) {
        ++i;
      }
    }
    tokens.emplace_back(sql.substr(start, i - start));
  }
  return tokens;
}

}  // namespace

void SqlMutator::learn(std::string_view sql) {
  for (std::string& token : tokens_of(sql)) {
    if (tokens_.size() < kMaxTokens) {
      tokens_.push_back(std::move(token));
    } else {
      tokens_[below(kMaxTokens)] = std::move(token);
    }
  }
}

std::string SqlMutator::other_token() {
  if (tokens_.empty() || below(3) == 0) return kSpecial[below(kSpecial.size())];
  return tokens_[below(tokens_.size())];
}

std::string SqlMutator::mutate(std::string_view sql) {
  std::vector<std::string> tokens = tokens_of(sql);
  for (std::size_t edits = 1 + below(4); edits > 0 && !tokens.empty(); --edits) {
    const std::size_t at = below(tokens.size());
    const auto place = tokens.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(5)) {
      case 0:
        tokens.erase(place);
        break;
      case 1:
        tokens.insert(place, std::string(*place));
        break;
      case 2:
        std::swap(tokens[at], tokens[below(tokens.size())]);
        break;
      case 3:
        tokens.insert(place, other_token());
        break;
      default:
        tokens[at] = other_token();
    }
  }
  std::string out;
  for (const std::string& token : tokens) out += (out.empty() ? "" : " ") + token;
  return out;
}

}  // namespace ldb::test
