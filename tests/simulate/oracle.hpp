// What the cluster must hold, worked out from the list of commits alone. Written from docs/REPLICATION.md without a line of src/:
// it looks at whole sets of commits, where ldb merges one commit at a time.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace oracle {

/// (stamp, origin): orders all writes.
struct Id {
  std::uint64_t stamp = 0;
  std::uint64_t origin = 0;
  friend auto operator<=>(const Id&, const Id&) = default;
};

using RowKey = std::pair<std::string, std::int64_t>;  // table, primary key
using Cell = std::optional<std::string>;              // text; nothing: NULL

struct Operation {
  enum class Kind { kInsert, kUpdate, kDelete } kind = Kind::kInsert;
  RowKey row;
  std::map<std::string, Cell> cells;  // by column name; kInsert: every column written
};

/// One committed transaction; it touches each row at most once.
struct Transaction {
  std::int64_t number = 0;
  Id id;
  std::map<std::uint64_t, std::uint64_t> seen;  // origin -> highest stamp its view showed
  std::vector<Operation> operations;

  bool has_seen(const Id& other) const;
};

struct Row {
  std::map<std::string, Cell> cells;
  friend bool operator==(const Row&, const Row&) = default;
};

/// A write that must be in ldb.conflicts: neither visible nor causally overwritten.
struct Loss {
  RowKey row;
  Id loser;
  friend auto operator<=>(const Loss&, const Loss&) = default;
};

/// How often each kind of conflict occurred.
struct ConflictCounts {
  std::size_t cell_against_cell = 0;
  std::size_t birth_against_birth = 0;
  std::size_t delete_beats_update = 0;
  std::size_t update_beats_delete = 0;
};

struct Outcome {
  std::map<RowKey, Row> rows;
  std::vector<Loss> losses;
  ConflictCounts conflicts;
  std::vector<std::string> impossible;  ///< transactions that did what their own view forbids (insert over a live row, ...)
};

Outcome merge(const std::vector<Transaction>& transactions);

}  // namespace oracle
