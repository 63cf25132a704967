// What a transaction leaves behind: the writes of a commit, as its origin made them (docs/REPLICATION.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ldb/ids.hpp"
#include "ldb/status.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb {

/// One column of one row; the value is encoded by whoever owns the table (SQL: src/sql/types/cell_codec.hpp) and opaque here.
struct CellWrite {
  ColumnId column;
  std::optional<std::string> value;  ///< no value: NULL
};

struct RowWrite {
  enum class Kind : std::uint8_t {
    kInsert = 1,  ///< starts a birth; carries every column
    kUpdate = 2,  ///< changes the cells given, within one birth
    kDelete = 3,  ///< ends one birth
  };
  Kind kind = Kind::kInsert;
  TableId table;
  std::string key;               ///< primary key, order-preserving encoding
  WriteId birth;                 ///< kUpdate, kDelete: the birth of the row they were made against
  std::vector<CellWrite> cells;  ///< ascending column id, each once; empty for kDelete
};

struct Commit {
  Dot dot;
  Stamp stamp;
  /// What the transaction had seen (its latest view), by origin: last sequence and stamp. Everything earlier of the commit's own
  /// origin counts as seen and is not listed.
  VersionVector dependencies;
  std::uint64_t previous_hash = 0;  ///< rolling hash of the origin's stream before this commit
  std::vector<RowWrite> writes;

  WriteId id() const { return {stamp, dot.origin}; }
  /// Was that write in this commit's past?
  bool has_seen(const WriteId& write) const {
    return write.origin == dot.origin ? write.stamp < stamp : dependencies.covers(write);
  }
};

/// Something that must hold at the moment of commit, on the newest state, checked under the rows' latches.
struct CommitRequirement {
  enum class Kind : std::uint8_t {
    kRowAlive,   ///< the row (table, key) exists
    kUnique,     ///< no index entry of (index, prefix) other than `key`'s own (primary key `key`)
    kNoEntries,  ///< no index entry starts with (index, prefix); guarded by the latch of row (table, key)
  };
  Kind kind = Kind::kRowAlive;
  TableId table;
  std::string key;
  IndexId index;
  std::string prefix;
  Status violation;  ///< returned by commit when it does not hold
};

struct CommitRequest {
  std::vector<RowWrite> writes;
  /// Sequence of the view the writes were computed from: a written row that has a newer version refuses the commit with
  /// kConflict.
  std::uint64_t view_sequence = 0;
  VersionVector dependencies;  ///< applied vector of that view
  std::vector<CommitRequirement> requirements;
  /// SERIALIZABLE: ranges of engine keys (src/txn/keys.hpp) that were read on that view. The commit is refused with kConflict
  /// when another commit that the view does not show wrote in them. Empty under the other levels.
  std::vector<KeyRange> reads;
  /// Every write is kInsert with all cells, and holds whatever is there when it is committed: on a row that lives it becomes an
  /// update. Never kConflict; view_sequence and dependencies are not looked at. Only for tables without a schema
  /// (RowStore::put).
  bool upsert = false;
  SyncPolicy sync = SyncPolicy::kSync;
};

struct CommitOutcome {
  Dot dot;
  Stamp stamp;
  std::uint64_t sequence = 0;  ///< engine sequence from which on views show it
};

}  // namespace ldb
