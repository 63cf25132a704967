// Frames and the evaluation of one window call over one partition.
#pragma once

#include <span>
#include <vector>

#include "sql/exec/exec_context.hpp"
#include "sql/exec/sort.hpp"

namespace ldb::sql {

/// A whole input, sorted; columns are addressed by row number, places are indexes into `order`.
struct WindowInput {
  std::span<const std::uint32_t> order;
  std::vector<SortColumn> order_columns;
  std::vector<const ColumnVector*> arguments;
  const ColumnVector* filter = nullptr;
};

/// Where results go, by place. Long values are counted.
struct WindowResults {
  std::vector<Value>& values;
  MemoryUse& memory;
  Status set(std::size_t at, Value value) {
    const std::size_t long_bytes = memory_bytes(value) - sizeof(Value);
    if (long_bytes > 0) LDB_TRY(memory.add(long_bytes));
    values[at] = std::move(value);
    return {};
  }
};

/// Sets results[start..end) for one partition.
Status evaluate_window(const WindowCall& call, const WindowInput& input, std::size_t start, std::size_t end, ExecContext& context,
                       WindowResults results);

}  // namespace ldb::sql
