// Sorting, with a bound when only the first rows are wanted.
#pragma once

#include <optional>
#include <span>

#include "sql/exec/physical_plan.hpp"
#include "sql/exec/row_buffer.hpp"

namespace ldb::sql {

struct SortColumn {
  const ColumnVector* column = nullptr;
  bool descending = false;
  bool nulls_first = false;
};
/// Row numbers 0..count-1 in order; equal rows keep theirs. `limit`: only that many are wanted.
std::vector<std::uint32_t> sort_rows(std::span<const SortColumn> columns, std::size_t count,
                                     std::optional<std::size_t> limit = {});

struct SortPlan final : PhysicalPlan {
  std::vector<SortKey> keys;
  ExpressionPtr limit, offset;  ///< of the Limit above, when it is a plain one: the first limit + offset rows are enough
  std::string name() const override { return limit ? "Top-N Sort" : "Sort"; }
  std::vector<std::string> details() const override;
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

}  // namespace ldb::sql
