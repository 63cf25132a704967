// Choosing among overloads, PostgreSQL's way (documentation chapters 10.2 and 10.3; parse_func.c, func_select_candidate()).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ldb/value.hpp"

namespace ldb::sql {

struct Candidate {
  std::vector<TypeId> arguments;  ///< kNull: any type
  const void* what = nullptr;     ///< The caller's.
};

struct Choice {
  const Candidate* candidate = nullptr;
  bool ambiguous = false;
};

/// `candidates` all take as many arguments as given. `is_operator`: an unknown operand is first tried as the other operand's
/// type.
Choice choose_overload(std::span<const Candidate> candidates, std::vector<TypeId> arguments, bool is_operator);

bool is_comparison_symbol(std::string_view symbol);
/// The type pairs that can be compared directly; the same for all six operators.
std::vector<Candidate> comparison_candidates();

}  // namespace ldb::sql
