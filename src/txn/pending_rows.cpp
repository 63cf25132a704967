#include "txn/pending_rows.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "txn/keys.hpp"

namespace ldb::txn {
namespace {

/// Write id of images that only this transaction sees: above every stored one.
constexpr WriteId kUncommitted{Stamp{1ULL << 63}, OriginId{~0ULL}};

Status check_cells(const std::vector<CellWrite>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].column.value > kMaxColumnId) return Status(StatusCode::kInvalidArgument, "a column id is out of range");
    if (i > 0 && !(cells[i - 1].column < cells[i].column))
      return Status(StatusCode::kInvalidArgument, "cells must be in ascending order of column, each once");
  }
  return {};
}

/// Cells of `newer` over those of `older`.
std::vector<CellWrite> fold(const std::vector<CellWrite>& older, std::vector<CellWrite> newer) {
  std::vector<CellWrite> out;
  out.reserve(older.size() + newer.size());
  auto fresh = newer.begin();
  for (const CellWrite& cell : older) {
    for (; fresh != newer.end() && fresh->column < cell.column; ++fresh) out.push_back(std::move(*fresh));
    if (fresh != newer.end() && fresh->column == cell.column)
      out.push_back(std::move(*fresh++));
    else
      out.push_back(cell);
  }
  for (; fresh != newer.end(); ++fresh) out.push_back(std::move(*fresh));
  return out;
}

std::string insert_image(const std::vector<CellWrite>& cells) {
  std::string image;
  append_insert_image(image, cells, kUncommitted);
  return image;
}

Result<std::string> updated_image(std::string_view base, const std::vector<CellWrite>& cells) {
  LDB_ASSIGN_OR_RETURN(RowImage image, decode_row_image(base));
  image.liveness = kUncommitted;
  image.alive = true;
  std::vector<RowImage::Cell> merged;
  merged.reserve(image.cells.size() + cells.size());
  auto old = image.cells.begin();
  for (const CellWrite& cell : cells) {
    for (; old != image.cells.end() && old->column < cell.column; ++old) merged.push_back(*old);
    if (old != image.cells.end() && old->column == cell.column) ++old;
    merged.push_back({cell.column, std::nullopt, kUncommitted});
    if (cell.value) merged.back().value = *cell.value;
  }
  merged.insert(merged.end(), old, image.cells.end());
  image.cells = std::move(merged);
  return encode_row_image(image);
}

Status not_alive() { return Status(StatusCode::kNotFound, "the row does not exist"); }

/// A row not written before: keeps the base only if it lives.
Result<PendingRow> untouched(TableId table, const std::string& row_key, std::optional<std::string> base,
                             std::uint64_t view_sequence) {
  PendingRow row;
  row.table = table;
  row.row_key = row_key;
  row.view_sequence = view_sequence;
  if (!base) return row;
  RowImageReader reader;
  LDB_TRY(reader.parse(*base));
  if (!reader.alive()) return row;
  row.base_birth = reader.birth();
  row.base = std::move(base);
  return row;
}

}  // namespace

PendingRowPtr PendingRows::find(std::string_view row_key) const {
  const auto row = rows_.find(row_key);
  return row == rows_.end() ? nullptr : row->second;
}

Status PendingRows::insert(TableId table, const std::string& row_key, std::optional<std::string> base,
                           std::uint64_t view_sequence, std::vector<CellWrite> cells) {
  LDB_TRY(check_cells(cells));
  PendingRow row;
  if (const PendingRowPtr before = find(row_key)) {
    if (before->present()) return Status(StatusCode::kAlreadyExists, "the row exists already");
    row = *before;
  } else {
    LDB_ASSIGN_OR_RETURN(row, untouched(table, row_key, std::move(base), view_sequence));
    if (row.base) return Status(StatusCode::kAlreadyExists, "the row exists already");
  }
  row.kind = RowWrite::Kind::kInsert;
  row.image = insert_image(cells);
  row.cells = std::move(cells);
  set(row_key, std::make_shared<const PendingRow>(std::move(row)));
  return {};
}

Status PendingRows::update(TableId table, const std::string& row_key, std::optional<std::string> base,
                           std::uint64_t view_sequence, std::vector<CellWrite> cells) {
  LDB_TRY(check_cells(cells));
  PendingRow row;
  if (const PendingRowPtr before = find(row_key)) {
    if (!before->present()) return not_alive();
    row = *before;
    row.cells = fold(row.cells, std::move(cells));
  } else {
    LDB_ASSIGN_OR_RETURN(row, untouched(table, row_key, std::move(base), view_sequence));
    if (!row.base) return not_alive();
    row.kind = RowWrite::Kind::kUpdate;
    row.cells = std::move(cells);
  }
  if (row.kind == RowWrite::Kind::kInsert) {
    row.image = insert_image(row.cells);
  } else {
    LDB_ASSIGN_OR_RETURN(row.image, updated_image(*row.base, row.cells));
  }
  set(row_key, std::make_shared<const PendingRow>(std::move(row)));
  return {};
}

Status PendingRows::erase(TableId table, const std::string& row_key, std::optional<std::string> base,
                          std::uint64_t view_sequence) {
  PendingRow row;
  if (const PendingRowPtr before = find(row_key)) {
    if (!before->present()) return not_alive();
    if (!before->base) {  // born in this transaction
      set(row_key, nullptr);
      return {};
    }
    row = *before;
  } else {
    LDB_ASSIGN_OR_RETURN(row, untouched(table, row_key, std::move(base), view_sequence));
    if (!row.base) return not_alive();
  }
  row.kind = RowWrite::Kind::kDelete;
  row.cells.clear();
  row.image.clear();
  set(row_key, std::make_shared<const PendingRow>(std::move(row)));
  return {};
}

Status PendingRows::upsert(TableId table, const std::string& row_key, std::optional<std::string> base,
                           std::uint64_t view_sequence, std::vector<CellWrite> cells) {
  bool present = false;
  if (const PendingRowPtr before = find(row_key)) {
    present = before->present();
  } else {
    LDB_ASSIGN_OR_RETURN(base, live_image(std::move(base)));
    present = base.has_value();
  }
  return present ? update(table, row_key, std::move(base), view_sequence, std::move(cells))
                 : insert(table, row_key, std::move(base), view_sequence, std::move(cells));
}

void PendingRows::set(const std::string& row_key, PendingRowPtr row) {
  if (!savepoints_.empty()) undo_.push_back({row_key, find(row_key)});
  if (row)
    rows_[row_key] = std::move(row);
  else
    rows_.erase(row_key);
  changed(row_key);
}

std::size_t PendingRows::savepoint() {
  savepoints_.push_back(undo_.size());
  return savepoints_.size() - 1;
}

void PendingRows::rollback_to(std::size_t n) {
  LDB_CHECK(has_savepoint(n));
  while (undo_.size() > savepoints_[n]) {
    Undo& undo = undo_.back();
    changed(undo.row_key);
    if (undo.before)
      rows_[undo.row_key] = std::move(undo.before);
    else
      rows_.erase(undo.row_key);
    undo_.pop_back();
  }
  savepoints_.resize(n + 1);
}

Result<const std::map<std::string, bool, std::less<>>*> PendingRows::index_overlay(const RowIndexer& indexer) {
  std::sort(stale_index_rows_.begin(), stale_index_rows_.end());
  stale_index_rows_.erase(std::unique(stale_index_rows_.begin(), stale_index_rows_.end()), stale_index_rows_.end());
  for (const std::string& row_key : stale_index_rows_) {
    std::vector<std::string>& mine = overlay_of_row_[row_key];
    for (const std::string& key : mine) index_overlay_.erase(key);
    mine.clear();
    const PendingRowPtr row = find(row_key);
    if (!row) continue;
    const std::string_view primary_key = keys::primary_key_of(row_key);
    const auto add = [&](std::string_view image, bool present) -> Status {
      std::vector<IndexEntry> entries;
      LDB_TRY(indexer.index_entries(row->table, primary_key, image, entries));
      for (const IndexEntry& entry : entries) {
        mine.push_back(keys::index_entry(entry.index, entry.key));
        index_overlay_[mine.back()] = present;
      }
      return {};
    };
    if (row->base) LDB_TRY(add(*row->base, false));
    if (row->present()) LDB_TRY(add(row->image, true));
  }
  stale_index_rows_.clear();
  return &index_overlay_;
}

std::vector<RowWrite> PendingRows::writes() const {
  std::vector<RowWrite> writes;
  writes.reserve(rows_.size());
  for (const auto& [row_key, row] : rows_)
    writes.push_back({row->kind, row->table, std::string(keys::primary_key_of(row_key)),
                      row->kind == RowWrite::Kind::kInsert ? WriteId{} : row->base_birth, row->cells});
  return writes;
}

}  // namespace ldb::txn
