#include "sql/catalog/row_codec.hpp"

#include <algorithm>

#include "sql/types/cell_codec.hpp"
#include "txn/row_image.hpp"

namespace ldb::sql {

std::string encode_row_key(const Table& table, std::span<const Value> row) {
  std::string key;
  for (std::size_t i = 0; i < table.key_columns.size(); ++i) encode_key(row[table.key_columns[i]], table.key[i], key);
  return key;
}

CellWrite encode_row_cell(const Column& column, const Value& value) {
  CellWrite cell{column.id, std::nullopt};
  if (!value.is_null()) encode_cell(value, cell.value.emplace());
  return cell;
}

std::vector<CellWrite> encode_row_cells(const Table& table, std::span<const Value> row) {
  std::vector<CellWrite> cells;
  cells.reserve(table.columns.size());
  for (const Ordinal ordinal : table.columns_by_id) cells.push_back(encode_row_cell(table.columns[ordinal], row[ordinal]));
  return cells;
}

Result<std::vector<Value>> decode_row(const Table& table, std::string_view image) {
  RowImageReader reader;
  LDB_TRY(reader.parse(image));
  std::vector<Value> row(table.columns.size());
  RowCell cell;
  bool more = reader.next(cell);
  for (const Ordinal ordinal : table.columns_by_id) {
    const Column& column = table.columns[ordinal];
    while (more && cell.column < column.id) more = reader.next(cell);
    if (!more || cell.column != column.id) {
      row[ordinal] = column.missing;
    } else if (cell.is_null) {
      row[ordinal] = Value(column.type.id, {});
    } else {
      std::string_view bytes = cell.bytes;
      LDB_ASSIGN_OR_RETURN(row[ordinal], decode_cell(bytes, column.type.id));
    }
  }
  LDB_TRY(reader.status());
  return row;
}

Result<WriteId> row_birth(std::string_view image) {
  RowImageReader reader;
  LDB_TRY(reader.parse(image));
  return reader.birth();
}

std::string encode_index_prefix(const Index& index, std::span<const Value> row, bool& has_null) {
  std::string prefix;
  has_null = false;
  for (std::size_t i = 0; i < index.columns.size(); ++i) {
    const Value& value = row[index.columns[i]];
    has_null = has_null || value.is_null();
    encode_key(value, index.key[i], prefix);
  }
  return prefix;
}

RowBatchReader::RowBatchReader(const Table& table, std::vector<Ordinal> ordinals)
    : table_(table), ordinals_(std::move(ordinals)) {
  for (std::uint32_t i = 0; i < ordinals_.size(); ++i) {
    if (ordinals_[i] < table.columns.size()) targets_.push_back({table.columns[ordinals_[i]].id, i, ordinals_[i]});
  }
  std::sort(targets_.begin(), targets_.end(), [](const Target& a, const Target& b) { return a.id < b.id; });
}

void RowBatchReader::reset(Batch& batch, std::size_t capacity) const {
  batch.columns.resize(ordinals_.size());
  for (const Target& target : targets_) batch.columns[target.batch_column].reset(table_.columns[target.ordinal].type, capacity);
  batch.row_count = 0;
  batch.clear_selection();
}

Status RowBatchReader::read(std::string_view image, Batch& batch, std::size_t row) const {
  if (targets_.empty()) return {};
  RowImageReader reader;
  LDB_TRY(reader.parse(image));
  RowCell cell;
  bool more = reader.next(cell);
  for (const Target& target : targets_) {
    ColumnVector& out = batch.columns[target.batch_column];
    while (more && cell.column < target.id) more = reader.next(cell);
    if (!more || cell.column != target.id) {
      const Value& missing = table_.columns[target.ordinal].missing;
      if (missing.is_null()) {
        out.set_null(row);
      } else {
        out.set_value(row, missing);
      }
    } else if (cell.is_null) {
      out.set_null(row);
    } else {
      std::string_view bytes = cell.bytes;
      LDB_TRY(decode_cell(bytes, out, row, false));
    }
  }
  return reader.status();
}

}  // namespace ldb::sql
