#include "ldb/conflict_resolver.hpp"

namespace ldb {
namespace {

class LastWriteWins final : public ConflictResolver {
 public:
  std::strong_ordering compare_ties(const Contender& a, const Contender& b) const override { return a.id.origin <=> b.id.origin; }
  std::string_view name() const override { return "last_write_wins"; }
};

class GreatestValue final : public ConflictResolver {
 public:
  std::strong_ordering compare_ties(const Contender& a, const Contender& b) const override {
    if (const auto order = a.column.has_value() <=> b.column.has_value(); order != 0) return order;
    if (const auto order = a.value.has_value() <=> b.value.has_value(); order != 0) return order;
    if (a.value) {
      if (const auto order = *a.value <=> *b.value; order != 0) return order;
    }
    return a.id.origin <=> b.id.origin;
  }
  std::string_view name() const override { return "greatest_value"; }
};

}  // namespace

std::unique_ptr<ConflictResolver> new_last_write_wins_resolver() { return std::make_unique<LastWriteWins>(); }
std::unique_ptr<ConflictResolver> new_greatest_value_resolver() { return std::make_unique<GreatestValue>(); }

}  // namespace ldb
