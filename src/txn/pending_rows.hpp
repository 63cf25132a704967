// What a transaction has written and not yet committed: one folded write for each row, savepoints, and the index entries that
// follow.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ldb/commit.hpp"
#include "ldb/row_store.hpp"
#include "txn/row_image.hpp"

namespace ldb::txn {

/// One row's folded write. Immutable once made.
struct PendingRow {
  RowWrite::Kind kind = RowWrite::Kind::kInsert;
  TableId table;
  std::string row_key;              ///< engine key (keys::row)
  std::optional<std::string> base;  ///< image of the live row that the view shows; none: there is no such row
  WriteId base_birth;
  std::vector<CellWrite> cells;     ///< kInsert: all; kUpdate: the changed ones
  std::string image;                ///< as this transaction sees the row; empty: deleted
  std::uint64_t view_sequence = 0;  ///< of the oldest view that the write was computed from

  bool present() const { return kind != RowWrite::Kind::kDelete; }
};
using PendingRowPtr = std::shared_ptr<const PendingRow>;  // shared with the undo list and open cursors; immutable

/// One thread. Rows are named by engine key. Folding follows from what the row is before the transaction (`base`) and after it:
/// insert+update = insert; insert+delete = nothing; update+delete = delete; delete+insert = insert (a new birth).
class PendingRows {
 public:
  bool empty() const { return rows_.empty(); }
  /// Also when nothing is pending but rolling back to a savepoint may bring a write back.
  bool holds_writes() const { return !rows_.empty() || !undo_.empty(); }
  std::size_t size() const { return rows_.size(); }
  const std::map<std::string, PendingRowPtr, std::less<>>& rows() const { return rows_; }
  /// Null when the row was not written.
  PendingRowPtr find(std::string_view row_key) const;

  /// `base`: image of the row in the current view, dead or alive, when the row was not written before (ignored otherwise).
  /// kAlreadyExists, kNotFound as RowTransaction says.
  Status insert(TableId table, const std::string& row_key, std::optional<std::string> base, std::uint64_t view_sequence,
                std::vector<CellWrite> cells);
  Status update(TableId table, const std::string& row_key, std::optional<std::string> base, std::uint64_t view_sequence,
                std::vector<CellWrite> cells);
  Status erase(TableId table, const std::string& row_key, std::optional<std::string> base, std::uint64_t view_sequence);
  Status upsert(TableId table, const std::string& row_key, std::optional<std::string> base, std::uint64_t view_sequence,
                std::vector<CellWrite> cells);

  std::size_t savepoint();
  bool has_savepoint(std::size_t n) const { return n < savepoints_.size(); }
  void rollback_to(std::size_t n);

  /// Engine keys of index entries that this transaction adds (true) or removes (false), against the view. Brought up to date
  /// first.
  Result<const std::map<std::string, bool, std::less<>>*> index_overlay(const RowIndexer& indexer);

  /// The writes for a commit, in key order.
  std::vector<RowWrite> writes() const;

 private:
  void set(const std::string& row_key, PendingRowPtr row);
  void changed(const std::string& row_key) { stale_index_rows_.push_back(row_key); }

  struct Undo {
    std::string row_key;
    PendingRowPtr before;
  };

  std::map<std::string, PendingRowPtr, std::less<>> rows_;
  std::vector<Undo> undo_;               // kept only while there are savepoints
  std::vector<std::size_t> savepoints_;  // sizes of undo_
  std::vector<std::string> stale_index_rows_;
  std::map<std::string, bool, std::less<>> index_overlay_;
  std::unordered_map<std::string, std::vector<std::string>> overlay_of_row_;  // row key -> its keys in index_overlay_
};

}  // namespace ldb::txn
