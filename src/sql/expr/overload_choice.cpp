#include "sql/expr/overload_choice.hpp"

#include <algorithm>

#include "sql/types/cast.hpp"

namespace ldb::sql {
namespace {

using Pool = std::vector<const Candidate*>;

bool accepts(const Candidate& c, std::span<const TypeId> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (c.arguments[i] != TypeId::kNull && !can_cast(arguments[i], c.arguments[i], CastContext::kImplicit)) return false;
  }
  return true;
}

/// Keeps the candidates with the highest count.
template <class Count>
void keep_best(Pool& pool, Count count) {
  std::size_t best = 0;
  Pool kept;
  for (const Candidate* c : pool) {
    const std::size_t n = count(*c);
    if (n > best || kept.empty()) {
      kept.clear();
      best = n;
    }
    if (n == best) kept.push_back(c);
  }
  pool = std::move(kept);
}

/// "Any" is a pseudo-type of its own category.
TypeCategory category_of(TypeId id) { return id == TypeId::kNull ? TypeCategory::kUser : type_category(id); }
bool preferred(TypeId id) { return id != TypeId::kNull && is_preferred(id); }

/// Gives every unknown argument the category that all candidates agree on, or STRING if one has it.
void keep_by_category(Pool& pool, std::span<const TypeId> arguments) {
  std::vector<TypeCategory> category(arguments.size());
  std::vector<bool> has_preferred(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != TypeId::kNull) continue;
    bool first = true;
    bool conflict = false;
    for (const Candidate* c : pool) {
      const TypeCategory own = category_of(c->arguments[i]);
      if (first) {
        category[i] = own;
        has_preferred[i] = preferred(c->arguments[i]);
        first = false;
      } else if (own == category[i]) {
        has_preferred[i] = has_preferred[i] || preferred(c->arguments[i]);
      } else if (own == TypeCategory::kString) {
        category[i] = own;
        has_preferred[i] = preferred(c->arguments[i]);
      } else {
        conflict = true;
      }
    }
    if (conflict && category[i] != TypeCategory::kString) return;
  }
  Pool kept;
  for (const Candidate* c : pool) {
    bool fits = true;
    for (std::size_t i = 0; i < arguments.size() && fits; ++i) {
      if (arguments[i] != TypeId::kNull) continue;
      fits = category_of(c->arguments[i]) == category[i] && (!has_preferred[i] || preferred(c->arguments[i]));
    }
    if (fits) kept.push_back(c);
  }
  if (!kept.empty()) pool = std::move(kept);
}

Choice select(Pool pool, std::span<const TypeId> arguments) {
  const auto is_known = [&](std::size_t i) { return arguments[i] != TypeId::kNull; };
  keep_best(pool, [&](const Candidate& c) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < arguments.size(); ++i) n += is_known(i) && c.arguments[i] == arguments[i];
    return n;
  });
  if (pool.size() == 1) return {pool[0], false};
  keep_best(pool, [&](const Candidate& c) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (!is_known(i)) continue;
      n += c.arguments[i] == arguments[i] ||
           (preferred(c.arguments[i]) && category_of(c.arguments[i]) == type_category(arguments[i]));
    }
    return n;
  });
  if (pool.size() == 1) return {pool[0], false};
  const auto unknown = static_cast<std::size_t>(std::count(arguments.begin(), arguments.end(), TypeId::kNull));
  if (unknown == 0) return {nullptr, true};
  keep_by_category(pool, arguments);
  if (pool.size() == 1) return {pool[0], false};
  // Last: if all known arguments have one type, take the unknown ones for that type too.
  TypeId known = TypeId::kNull;
  for (const TypeId t : arguments) {
    if (t == TypeId::kNull) continue;
    if (known != TypeId::kNull && known != t) return {nullptr, true};
    known = t;
  }
  if (known == TypeId::kNull) return {nullptr, true};
  const std::vector<TypeId> assumed(arguments.size(), known);
  const Candidate* only = nullptr;
  for (const Candidate* c : pool) {
    if (!accepts(*c, assumed)) continue;
    if (only != nullptr) return {nullptr, true};
    only = c;
  }
  return {only, only == nullptr};
}

const Candidate* exact(std::span<const Candidate> candidates, std::span<const TypeId> arguments) {
  for (const Candidate& c : candidates) {
    if (std::equal(arguments.begin(), arguments.end(), c.arguments.begin())) return &c;
  }
  return nullptr;
}

}  // namespace

Choice choose_overload(std::span<const Candidate> candidates, std::vector<TypeId> arguments, bool is_operator) {
  std::vector<TypeId> assumed = arguments;
  if (is_operator && assumed.size() == 2) {
    if (assumed[0] == TypeId::kNull) {
      assumed[0] = assumed[1];
    } else if (assumed[1] == TypeId::kNull) {
      assumed[1] = assumed[0];
    }
  }
  const bool has_unknown = std::count(assumed.begin(), assumed.end(), TypeId::kNull) > 0;
  if (!has_unknown) {
    if (const Candidate* c = exact(candidates, assumed)) return {c, false};
  }
  Pool pool;
  for (const Candidate& c : candidates) {
    if (accepts(c, arguments)) pool.push_back(&c);
  }
  if (pool.empty()) return {};
  if (pool.size() == 1) return {pool[0], false};
  return select(std::move(pool), arguments);
}

bool is_comparison_symbol(std::string_view s) { return s == "=" || s == "<>" || s == "<" || s == "<=" || s == ">" || s == ">="; }

std::vector<Candidate> comparison_candidates() {
  std::vector<Candidate> out;
  constexpr TypeId kIntegers[] = {TypeId::kSmallInt, TypeId::kInteger, TypeId::kBigInt};
  constexpr TypeId kFloats[] = {TypeId::kReal, TypeId::kDouble};
  constexpr TypeId kMoments[] = {TypeId::kDate, TypeId::kTimestamp};
  constexpr TypeId kOthers[] = {TypeId::kBoolean, TypeId::kNumeric, TypeId::kText,
                                TypeId::kChar,    TypeId::kBytea,   TypeId::kInterval};
  const auto cross = [&out](auto& types) {
    for (const TypeId a : types) {
      for (const TypeId b : types) out.push_back({{a, b}});
    }
  };
  cross(kIntegers);
  cross(kFloats);
  cross(kMoments);
  for (const TypeId t : kOthers) out.push_back({{t, t}});
  return out;
}

}  // namespace ldb::sql
