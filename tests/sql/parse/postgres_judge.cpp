#include "sql/parse/postgres_judge.hpp"

#ifdef LDB_HAVE_PG_QUERY

#include <pg_query.h>

#include <cstdint>

namespace ldb::sql::test {
namespace {

struct Parsed {
  explicit Parsed(const std::string& sql) : result(pg_query_parse(sql.c_str())) {}
  ~Parsed() { pg_query_free_parse_result(result); }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;
  PgQueryParseResult result;
};

void erase_all(std::string& text, const std::string& what, const std::string& with = "") {
  for (std::size_t i = 0; (i = text.find(what, i)) != std::string::npos; i += with.size()) text.replace(i, what.size(), with);
}

// Removes `"key":value,` pairs whose value is a number or a word.
void erase_numbers(std::string& text, const std::string& key) {
  std::string mark = "\"" + key + "\":";
  for (std::size_t i = 0; (i = text.find(mark, i)) != std::string::npos;) {
    std::size_t end = i + mark.size();
    while (end < text.size() && text[end] != ',' && text[end] != '}') ++end;
    bool comma_behind = end < text.size() && text[end] == ',';
    if (comma_behind) {
      text.erase(i, end + 1 - i);
    } else {
      std::size_t begin = i > 0 && text[i - 1] == ',' ? i - 1 : i;
      text.erase(begin, end - begin);
      i = begin;
    }
  }
}

// X'1F' is printed as B'00011111'.
void expand_hex(std::string& tree) {
  const std::string mark = "\"bsval\":\"x";
  for (std::size_t i = 0; (i = tree.find(mark, i)) != std::string::npos;) {
    std::size_t begin = i + mark.size();
    std::size_t end = tree.find('"', begin);
    std::string bits = "b";
    for (std::size_t k = begin; k < end; ++k) {
      int value = std::stoi(std::string(1, tree[k]), nullptr, 16);
      for (int bit = 3; bit >= 0; --bit) bits += ((value >> bit) & 1) != 0 ? '1' : '0';
    }
    tree.replace(begin - 1, end - begin + 1, bits);
    i = begin;
  }
}

// Clears the bit that says whether a frame was written with BETWEEN.
void forget_frame_spelling(std::string& tree) {
  const std::string mark = "\"frameOptions\":";
  constexpr std::uint32_t kWrittenWithBetween = 0x10;
  for (std::size_t i = 0; (i = tree.find(mark, i)) != std::string::npos;) {
    i += mark.size();
    std::size_t end = i;
    while (end < tree.size() && tree[end] >= '0' && tree[end] <= '9') ++end;
    std::uint32_t options = static_cast<std::uint32_t>(std::stoul(tree.substr(i, end - i)));
    tree.replace(i, end - i, std::to_string(options & ~kWrittenWithBetween));
  }
}

}  // namespace

Judgement judge(const std::string& sql) {
  Parsed parsed(sql);
  Judgement judgement;
  judgement.accepted = parsed.result.error == nullptr;
  if (!judgement.accepted) {
    judgement.error = parsed.result.error->message;
    judgement.position = parsed.result.error->cursorpos;
  }
  return judgement;
}

std::optional<std::string> postgres_tree(const std::string& sql) {
  Parsed parsed(sql);
  if (parsed.result.error != nullptr) return std::nullopt;
  std::string tree = parsed.result.parse_tree;
  for (const char* key : {"location", "stmt_location", "stmt_len"}) erase_numbers(tree, key);
  // The printer writes SQL-syntax functions as calls in pg_catalog, FETCH FIRST as LIMIT, and type names in one spelling.
  erase_all(tree, "COERCE_SQL_SYNTAX", "COERCE_EXPLICIT_CALL");
  erase_all(tree, "{\"String\":{\"str\":\"pg_catalog\"}},");
  erase_all(tree, "{\"String\":{\"sval\":\"pg_catalog\"}},");
  erase_all(tree, "SVFOP_USER", "SVFOP_CURRENT_USER");
  erase_all(tree, ",\"typemod\":-1");
  erase_all(tree, "\"typemod\":-1,");
  erase_all(tree, "\"names\":[{\"String\":{\"sval\":\"double\"}}]", "\"names\":[{\"String\":{\"sval\":\"float8\"}}]");
  erase_all(tree, "\"names\":[{\"String\":{\"sval\":\"string\"}}]", "\"names\":[{\"String\":{\"sval\":\"text\"}}]");
  expand_hex(tree);
  forget_frame_spelling(tree);
  return tree;
}

}  // namespace ldb::sql::test

#endif
