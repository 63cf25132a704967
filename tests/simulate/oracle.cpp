#include "oracle.hpp"

#include <algorithm>

namespace oracle {
namespace {

struct Write {
  const Transaction* transaction = nullptr;
  const Operation* operation = nullptr;
  std::optional<Id> birth;            // of the row it belongs to
  std::map<std::string, Cell> cells;  // what it changed: an assignment of the value that was there is no write

  const Id& id() const { return transaction->id; }
  Operation::Kind kind() const { return operation->kind; }
};

using Writes = std::vector<Write>;

/// The row as a set of writes defines it.
struct State {
  std::optional<Id> birth;
  std::optional<Id> alive_by;
  std::optional<Id> dead_by;
  std::map<std::string, std::pair<Id, Cell>> cells;
  bool alive() const { return birth && (!dead_by || *alive_by > *dead_by); }
};

State state_of(const Writes& writes) {
  State state;
  for (const Write& w : writes) {
    if (w.kind() == Operation::Kind::kInsert && (!state.birth || w.id() > *state.birth)) state.birth = w.id();
  }
  if (!state.birth) return state;
  for (const Write& w : writes) {
    if (w.birth != state.birth) continue;
    if (w.kind() == Operation::Kind::kDelete) {
      state.dead_by = state.dead_by ? std::max(*state.dead_by, w.id()) : w.id();
      continue;
    }
    state.alive_by = state.alive_by ? std::max(*state.alive_by, w.id()) : w.id();
    for (const auto& [column, cell] : w.cells) {
      const auto found = state.cells.find(column);
      if (found == state.cells.end() || found->second.first < w.id()) state.cells[column] = {w.id(), cell};
    }
  }
  return state;
}

/// Writes of one row in id order; ids extend causality, so a write's past stands before it.
void assign_births(Writes& writes, Outcome& outcome) {
  for (std::size_t i = 0; i < writes.size(); ++i) {
    Write& write = writes[i];
    Writes past;
    for (std::size_t j = 0; j < i; ++j) {
      if (write.transaction->has_seen(writes[j].id())) past.push_back(writes[j]);
    }
    const State before = state_of(past);
    const bool inserts = write.kind() == Operation::Kind::kInsert;
    if (inserts == before.alive()) {
      outcome.impossible.push_back("transaction " + std::to_string(write.transaction->number) +
                                   (inserts ? " inserted over a live" : " changed a dead") + " row " +
                                   write.operation->row.first + " " + std::to_string(write.operation->row.second));
    }
    write.birth = inserts ? std::optional<Id>(write.id()) : before.birth;
    if (inserts) continue;
    std::erase_if(write.cells, [&](const auto& cell) {
      const auto found = before.cells.find(cell.first);
      return found != before.cells.end() && found->second.second == cell.second;
    });
  }
}

bool concurrent(const Write& a, const Write& b) { return !a.transaction->has_seen(b.id()) && !b.transaction->has_seen(a.id()); }

bool visible(const Write& write, const State& state) {
  if (write.kind() == Operation::Kind::kDelete) return !(state.alive() && write.birth == state.birth);
  if (!state.alive() || write.birth != state.birth) return false;
  for (const auto& [column, cell] : write.cells) {
    if (state.cells.at(column).first != write.id()) return false;
  }
  return true;
}

/// Is every effect of `write` that is not visible replaced by writes that had seen it?
bool overwritten(const Write& write, const Writes& writes, const State& state) {
  const auto replaced = [&](const std::string* column) {
    return std::any_of(writes.begin(), writes.end(), [&](const Write& later) {
      if (!later.transaction->has_seen(write.id())) return false;
      if (column == nullptr || later.kind() != Operation::Kind::kUpdate) return true;
      return later.cells.contains(*column);
    });
  };
  if (write.kind() == Operation::Kind::kDelete || write.cells.empty()) return replaced(nullptr);
  for (const auto& [column, cell] : write.cells) {
    const bool shown = state.alive() && write.birth == state.birth && state.cells.at(column).first == write.id();
    if (!shown && !replaced(&column)) return false;
  }
  return true;
}

void count_conflicts(const Writes& writes, ConflictCounts& counts) {
  using Kind = Operation::Kind;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    for (std::size_t j = i + 1; j < writes.size(); ++j) {
      const Write& lower = writes[i];
      const Write& higher = writes[j];
      if (!concurrent(lower, higher)) continue;
      if (lower.kind() == Kind::kInsert && higher.kind() == Kind::kInsert) ++counts.birth_against_birth;
      if (lower.birth != higher.birth) continue;
      if (lower.kind() == Kind::kUpdate && higher.kind() == Kind::kUpdate) {
        for (const auto& [column, cell] : lower.cells) counts.cell_against_cell += higher.cells.count(column);
      }
      if (lower.kind() == Kind::kUpdate && higher.kind() == Kind::kDelete) ++counts.delete_beats_update;
      if (lower.kind() == Kind::kDelete && higher.kind() == Kind::kUpdate) ++counts.update_beats_delete;
    }
  }
}

}  // namespace

bool Transaction::has_seen(const Id& other) const {
  if (other.origin == id.origin) return other.stamp < id.stamp;
  const auto found = seen.find(other.origin);
  return found != seen.end() && found->second >= other.stamp;
}

Outcome merge(const std::vector<Transaction>& transactions) {
  Outcome outcome;
  std::map<RowKey, Writes> by_row;
  for (const Transaction& transaction : transactions) {
    for (const Operation& operation : transaction.operations)
      by_row[operation.row].push_back({&transaction, &operation, std::nullopt, operation.cells});
  }
  for (auto& [row, writes] : by_row) {
    std::sort(writes.begin(), writes.end(), [](const Write& a, const Write& b) { return a.id() < b.id(); });
    assign_births(writes, outcome);
    count_conflicts(writes, outcome.conflicts);
    const State state = state_of(writes);
    if (state.alive()) {
      Row& result = outcome.rows[row];
      for (const auto& [column, cell] : state.cells) result.cells[column] = cell.second;
    }
    for (const Write& write : writes) {
      if (write.kind() == Operation::Kind::kUpdate && write.cells.empty()) continue;  // it changed nothing that could be lost
      if (!visible(write, state) && !overwritten(write, writes, state)) outcome.losses.push_back({row, write.id()});
    }
  }
  return outcome;
}

}  // namespace oracle
