#include "sql/parse/keywords.hpp"

#include <array>

namespace ldb::sql {
namespace {

using enum KeywordCategory;

constexpr KeywordInfo kKeywords[] = {
    {"", kUnreserved, false},
#define LDB_KEYWORD(spelling, enumerator, category, bare_label) {spelling, category, bare_label},
#include "sql/parse/keywords.inc"
#undef LDB_KEYWORD
};
constexpr std::size_t kKeywordCount = std::size(kKeywords);

// Open addressing, a third full, built at compile time: one or two probes a lookup.
constexpr std::size_t kSlots = 2048;
constexpr std::size_t slot_of(std::uint32_t hash) { return (hash ^ (hash >> 11)) & (kSlots - 1); }

constexpr std::uint32_t hash_of(std::string_view word) {
  std::uint32_t hash = 0;
  for (char c : word) hash = keyword_hash_step(hash, c);
  return hash;
}

constexpr std::array<std::uint16_t, kSlots> build_table() {
  std::array<std::uint16_t, kSlots> table{};
  for (std::size_t i = 1; i < kKeywordCount; ++i) {
    std::size_t slot = slot_of(hash_of(kKeywords[i].spelling));
    while (table[slot] != 0) slot = (slot + 1) & (kSlots - 1);
    table[slot] = static_cast<std::uint16_t>(i);
  }
  return table;
}
constexpr auto kTable = build_table();

constexpr bool all_short_enough() {
  for (const KeywordInfo& keyword : kKeywords)
    if (keyword.spelling.size() > kLongestKeyword) return false;
  return true;
}
static_assert(all_short_enough());

}  // namespace

Keyword find_keyword(std::string_view lower, std::uint32_t hash) {
  for (std::size_t slot = slot_of(hash); kTable[slot] != 0; slot = (slot + 1) & (kSlots - 1))
    if (kKeywords[kTable[slot]].spelling == lower) return static_cast<Keyword>(kTable[slot]);
  return Keyword::kNotKeyword;
}

const KeywordInfo& keyword_info(Keyword keyword) { return kKeywords[static_cast<std::size_t>(keyword)]; }

}  // namespace ldb::sql
