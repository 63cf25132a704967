// RowBuffer: rows kept in memory by columns, addressed by a 32-bit row number. For hash tables, sorting, common tables, windows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sql/expr/batch.hpp"
#include "sql/expr/memory_budget.hpp"

namespace ldb::sql {

/// Append rows, then read them at random. One thread at a time. Appending fails with 53200 when the memory budget is spent and
/// with 54000 beyond 4,294,967,294 rows; the buffer is of no use then.
class RowBuffer {
 public:
  RowBuffer() = default;
  explicit RowBuffer(std::vector<DataType> types, MemoryUse memory = {}) : memory_(std::move(memory)) { reset(std::move(types)); }
  /// Empties, also of types; the memory is given back.
  void reset(std::vector<DataType> types);
  Status append(const Batch& batch);
  /// The rows of `columns` (which has the buffer's width) that `rows` names.
  Status append(std::span<const ColumnVector> columns, RowSet rows);

  std::size_t size() const { return size_; }
  std::size_t width() const { return columns_.size(); }
  const std::vector<DataType>& types() const { return types_; }
  const ColumnVector& column(std::size_t i) const { return columns_[i]; }
  /// Fills `out` with rows (at most kBatchRows); kNoRow gives NULLs.
  static constexpr std::uint32_t kNoRow = ~std::uint32_t{0};
  void gather(std::span<const std::uint32_t> rows, Batch& out) const;
  /// As gather, into out.columns[first...]. Does not touch row_count.
  void gather_into(std::span<const std::uint32_t> rows, Batch& out, std::size_t first) const;
  std::size_t memory_bytes() const;

 private:
  Status grow(std::size_t needed);

  std::vector<DataType> types_;
  std::vector<ColumnVector> columns_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::size_t pinned_bytes_ = 0;  // of earlier, smaller columns, which keep the strings
  MemoryUse memory_;
};

/// out[i] = source[rows[i]]; kNoRow gives NULL. Strings are shared with `source`.
void gather_wide(const ColumnVector& source, std::span<const std::uint32_t> rows, ColumnVector& out);

/// Numbers distinct rows: 0, 1, 2, ... in order of first appearance. NULLs are equal to each other.
class RowNumbering {
 public:
  explicit RowNumbering(std::vector<DataType> types, MemoryUse memory = {})
      : rows_(std::move(types), MemoryUse(memory.budget(), memory.holder())), memory_(std::move(memory)) {}
  /// numbers[r] for each selected row r of the columns; new rows are added. `first_seen` (may be null) receives the rows that
  /// were new. Fails as RowBuffer::append.
  Status add(std::span<const ColumnVector> columns, RowSet rows, std::span<std::uint32_t> numbers,
             std::vector<std::uint16_t>* first_seen);
  /// As add, but unknown rows get RowBuffer::kNoRow.
  void find(std::span<const ColumnVector> columns, RowSet rows, std::span<std::uint32_t> numbers);
  const RowBuffer& rows() const { return rows_; }

 private:
  Status look_up(std::span<const ColumnVector> columns, RowSet rows, std::span<std::uint32_t> numbers, bool add,
                 std::vector<std::uint16_t>* first_seen);
  void rehash(std::size_t buckets);

  RowBuffer rows_;
  std::vector<std::uint64_t> hashes_;  // by row
  std::vector<std::uint32_t> heads_;   // bucket -> row
  std::vector<std::uint32_t> next_;    // row -> next in its bucket
  std::vector<std::uint64_t> scratch_;
  MemoryUse memory_;  // of what is not in rows_
};

}  // namespace ldb::sql
