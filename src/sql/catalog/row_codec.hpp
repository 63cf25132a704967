// Rows of a Table as keys, cells and images (src/txn/row_image.hpp), for single rows and for batches.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/commit.hpp"
#include "sql/catalog/schema.hpp"

namespace ldb::sql {

/// The storage key. `row` holds every column, in table order, values of the columns' types. Not for tables with a hidden key.
std::string encode_row_key(const Table& table, std::span<const Value> row);
/// All cells, ascending column id.
std::vector<CellWrite> encode_row_cells(const Table& table, std::span<const Value> row);
/// One cell.
CellWrite encode_row_cell(const Column& column, const Value& value);

/// All columns of a stored row, in table order; a cell that the row lacks reads as Column::missing. kCorruption when malformed.
Result<std::vector<Value>> decode_row(const Table& table, std::string_view image);
/// When the row was inserted; nothing for a row that its transaction has not committed yet.
Result<WriteId> row_birth(std::string_view image);

/// The values of an index entry (its prefix) for one row. `has_null`: one of them is NULL, so that uniqueness does not apply.
std::string encode_index_prefix(const Index& index, std::span<const Value> row, bool& has_null);

/// Decodes chosen columns of many rows into a batch. Immutable; any thread.
class RowBatchReader {
 public:
  /// `table` must outlive the reader. Column i of a batch is table column ordinals[i].
  RowBatchReader(const Table& table, std::vector<Ordinal> ordinals);
  /// Prepares `batch` for up to `capacity` rows.
  void reset(Batch& batch, std::size_t capacity = kBatchRows) const;
  /// Fills row `row` from an image; strings are copied.
  Status read(std::string_view image, Batch& batch, std::size_t row) const;
  const std::vector<Ordinal>& ordinals() const { return ordinals_; }

 private:
  struct Target {
    ColumnId id;
    std::uint32_t batch_column;
    Ordinal ordinal;
  };
  const Table& table_;
  std::vector<Ordinal> ordinals_;
  std::vector<Target> targets_;  // ascending id
};

}  // namespace ldb::sql
