// Key words, with PostgreSQL's four categories that decide where a word may serve as a name.
#pragma once

#include <cstdint>
#include <string_view>

namespace ldb::sql {

enum class Keyword : std::uint16_t {
  kNotKeyword = 0,
#define LDB_KEYWORD(spelling, enumerator, category, bare_label) enumerator,
#include "sql/parse/keywords.inc"
#undef LDB_KEYWORD
};

enum class KeywordCategory : std::uint8_t {
  kUnreserved,      ///< Any name.
  kColumnName,      ///< Column, table, but neither function nor type.
  kTypeOrFunction,  ///< Function, type, but neither column nor table.
  kReserved,        ///< Only a column label (after AS, or bare where `bare_label`).
};

struct KeywordInfo {
  std::string_view spelling;  ///< Lower case; static storage.
  KeywordCategory category;
  bool bare_label;
};

/// The key word spelled `lower` (already folded to lower case), or kNotKeyword. `hash` is keyword_hash of it.
Keyword find_keyword(std::string_view lower, std::uint32_t hash);
const KeywordInfo& keyword_info(Keyword keyword);

/// Hash used by find_keyword, to be computed while folding: start with 0, one step per byte.
constexpr std::uint32_t keyword_hash_step(std::uint32_t hash, char lower) {
  return hash * 31 + static_cast<unsigned char>(lower);
}
inline constexpr std::size_t kLongestKeyword = 17;

}  // namespace ldb::sql
