// RowWriter: writes rows of tables with everything their constraints ask for.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "sql/exec/exec_context.hpp"
#include "sql/exec/modify.hpp"

namespace ldb::sql {

/// One data-changing statement's writes. PRIMARY KEY and UNIQUE are checked row by row as PostgreSQL does; foreign keys, with the
/// actions they ask for, in finish(), at the end of the statement. Each check is made in the transaction's view and, where
/// another commit could break it meanwhile, left as a CommitRequirement. One thread; belongs to one context.
///
/// SQLSTATEs: 23502, 23503, 23505, 23514, with the detail that PostgreSQL gives.
class RowWriter {
 public:
  explicit RowWriter(ExecContext& context) : context_(context), memory_(context.memory_use("the rows written")) {}

  /// The row is complete, generated columns included, and has passed NOT NULL and CHECK.
  Status insert(const Table& table, std::vector<Value> row);
  Status update(const Table& table, std::string_view key, const std::vector<Value>& old_row, std::vector<Value> new_row);
  Status erase(const Table& table, std::string_view key, const std::vector<Value>& old_row);
  Status finish();

  /// The row that a new one would collide with under one key (index 0: the storage key): its storage key, if there is one.
  Result<std::optional<std::string>> find_duplicate(const Table& table, IndexId index, std::span<const Value> row,
                                                    std::string_view own_key);

 private:
  struct ChildCheck {
    std::shared_ptr<const Table> table;
    const TableConstraint* constraint;
    std::vector<Value> values;
  };
  struct ParentChange {
    std::shared_ptr<const Table> table;
    Reference reference;
    std::string key;                ///< the parent's storage key
    std::vector<Value> old_values;  ///< of the referenced columns
    std::vector<Value> new_values;  ///< empty: the row is gone
  };

  Status check_unique(const Table& table, std::span<const Value> row, std::string_view own_key,
                      const std::vector<Value>* old_row);
  Status duplicate_error(const Table& table, const std::string& constraint, const std::vector<Ordinal>& columns,
                         std::span<const Value> row) const;
  void note_child(const Table& table, std::span<const Value> row, const std::vector<Value>* old_row);
  void note_parent(const Table& table, std::string_view key, const std::vector<Value>& old_row,
                   const std::vector<Value>* new_row);
  Status act_on_parent(const ParentChange& change);
  Status check_child(const ChildCheck& check);
  Result<std::vector<std::pair<std::string, std::vector<Value>>>> find_children(const Table& child,
                                                                                const TableConstraint& constraint,
                                                                                std::span<const Value> values);
  Result<std::optional<std::string>> find_parent(const Table& parent, const std::vector<ColumnId>& columns,
                                                 std::span<const Value> values);
  std::shared_ptr<const Table> shared(const Table& table) const;
  std::string describe(const Table& table, const std::vector<Ordinal>& columns, std::span<const Value> row) const;

  /// Counts what a written row leaves behind: in the transaction, and for the checks at the end.
  Status count_row(std::span<const Value> row);

  ExecContext& context_;
  MemoryUse memory_;
  std::vector<ChildCheck> children_;
  std::set<std::string> child_keys_;  // of children_, to check each combination once
  std::vector<ParentChange> parents_;
};

}  // namespace ldb::sql
