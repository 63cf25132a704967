// IN (...): hashed when the values are constants, otherwise value by value.
#include <bit>

#include "sql/expr/build.hpp"
#include "sql/expr/evaluate_kinds.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {

/// Distinct non-NULL constants in an open-addressing table.
struct ValueSet {
  ColumnVector values;
  std::vector<std::uint32_t> slots;  // index + 1 into values; 0: free
  bool has_null = false;

  bool contains(const ColumnVector& v, std::size_t row, std::uint64_t hash) const {
    const std::size_t mask = slots.size() - 1;
    for (std::size_t i = hash & mask; slots[i] != 0; i = (i + 1) & mask) {
      if (compare_elements(values, slots[i] - 1, v, row) == 0) return true;
    }
    return false;
  }
};

void finish_in_list(InList& list) {
  list.set = nullptr;
  const std::size_t count = list.children.size() - 1;
  for (std::size_t i = 1; i <= count; ++i) {
    if (list.children[i]->kind != ExpressionKind::kConstant) return;
  }
  auto set = std::make_shared<ValueSet>();
  set->values.reset(list.children[1]->type, count);
  set->slots.resize(std::bit_ceil(count * 2 + 1));
  const std::size_t mask = set->slots.size() - 1;
  std::uint32_t kept = 0;
  for (std::size_t i = 1; i <= count; ++i) {
    const ColumnVector& v = list.children[i]->as<Constant>()->vector;
    if (v.is_null(0)) {
      set->has_null = true;
      continue;
    }
    const std::uint64_t hash = hash_value(v.value(0));
    if (set->contains(v, 0, hash)) continue;
    set->values.copy_from(v, 0, kept);
    std::size_t slot = hash & mask;
    while (set->slots[slot] != 0) slot = (slot + 1) & mask;
    set->slots[slot] = ++kept;
  }
  list.set = std::move(set);
}

Status evaluate_in_list(const InList& e, const Batch& batch, RowSet rows, EvalContext& context, ColumnVector& out) {
  ColumnVector operand;
  LDB_TRY(evaluate(*e.children[0], batch, rows, context, operand));
  out.reset(DataType{TypeId::kBoolean}, batch_capacity(batch));
  bool* result = out.data<bool>();
  RowList open(rows);
  open.keep([&](std::size_t row) {
    result[row] = e.negated;
    if (!operand.is_null(row)) return true;
    out.set_null(row);
    return false;
  });
  if (open.empty()) return {};
  if (e.set != nullptr) {
    std::vector<std::uint64_t> hashes(operand.is_constant() ? 1 : batch_capacity(batch));
    hash_elements(operand, operand.is_constant() ? RowSet::first(1) : open.set(), hashes, false);
    open.set().for_each([&](std::size_t row) {
      if (e.set->contains(operand, row, hashes[operand.index(row)])) {
        result[row] = !e.negated;
      } else if (e.set->has_null) {
        out.set_null(row);
      }
    });
    return {};
  }
  for (std::size_t i = 1; i < e.children.size() && !open.empty(); ++i) {
    ColumnVector v;
    LDB_TRY(evaluate(*e.children[i], batch, open.set(), context, v));
    open.keep([&](std::size_t row) {
      if (v.is_null(row)) {
        out.set_null(row);
        return true;
      }
      if (compare_elements(operand, row, v, row) != 0) return true;
      out.clear_null(row);
      result[row] = !e.negated;
      return false;
    });
  }
  return {};
}

}  // namespace ldb::sql
