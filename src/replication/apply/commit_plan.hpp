// What one commit does to the engine: rows, index entries, conflict records. Made under latches, then put into a batch.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ldb/row_store.hpp"
#include "replication/apply/dropped_table.hpp"
#include "replication/apply/merge.hpp"
#include "replication/apply/row_latches.hpp"
#include "replication/conflict_log.hpp"
#include "txn/commit_codec.hpp"

namespace ldb {

/// What plans read and lock; borrowed.
struct PlanServices {
  StorageEngine& engine;
  const ConflictResolver& resolver;
  const RowIndexer* indexer;  ///< null: no index entries
  const ConflictLog& conflicts;
  LatchStripes& row_latches;
  LatchStripes& unique_latches;  ///< (index, values); taken after row latches only
};

/// Rows that were latched and read before there was a commit that writes them, in the order of its writes.
struct LatchedRows {
  LatchSet latches;
  std::vector<std::string> keys;  ///< engine keys
  std::vector<std::optional<std::string>> images;
};

/// What is recorded of a row whose parent is gone.
Dangling dangle(const RowReference& reference, WriteId child_birth, WriteId parent_tombstone);

/// One commit on its way in. One thread; steps in the order of declaration. Holds its latches until destroyed or release().
class CommitPlan {
 public:
  /// `commit` (with its payload) outlives the plan. Its id may be provisional: above every id stored, replaced by fill().
  CommitPlan(const PlanServices& services, const CommitView& commit);
  /// In place of latch_rows(), and check_unchanged() holds.
  CommitPlan(const PlanServices& services, const CommitView& commit, LatchedRows rows);

  /// Takes the latches of all rows written and of those that requirements name. Blocks.
  void latch_rows(const std::vector<CommitRequirement>& requirements);
  /// Local commits: kConflict when a written row has a version newer than `view_sequence`.
  Status check_unchanged(std::uint64_t view_sequence) const;
  /// Reads the stored images, merges, finds the index entries that change, plans conflict records.
  Status merge();
  /// Local updates and deletes must be of the birth that is there.
  Status check_births() const;
  /// Latches (index, values) of unique entries added and of kUnique requirements. Blocks.
  void latch_unique(const std::vector<CommitRequirement>& requirements);
  /// Local commits: the first violation's own status.
  Status check_requirements(const std::vector<CommitRequirement>& requirements) const;
  /// Remote commits: records for unique values that another live row has already.
  Status find_unique_violations();
  /// Records for live rows whose parent is gone after this commit; those of rows that it mends go. `remote`: it may break
  /// something; a local commit has required that it does not.
  Status find_dangling(bool remote);

  /// Puts everything but the commit itself and the vector. Provisional ids become `final_id`.
  void fill(WriteBatch& batch, WriteId final_id);
  /// Engine keys of the rows and index entries that change; before fill().
  std::vector<std::string> written_keys() const;
  const ConflictPlan& conflicts() const { return conflicts_; }
  bool writes_catalog() const;
  std::size_t row_count() const { return rows_.size(); }
  void release();

 private:
  void forget_indexer_without_schema();
  struct Row {
    const WriteView* write = nullptr;
    std::string row_key;
    std::optional<std::string> stored;
    bool was_read = false;  // `stored` holds
    RowImage image;         // of `stored`
    MergeResult merged;
    bool table_ended = false;
  };

  Status find_ended_tables();
  Status merge_row(Row& row);
  Status index_row(const Row& row);
  Status note_references(std::size_t row);
  /// A row as it is after this commit.
  struct RowState {
    bool alive = false;
    WriteId birth;
    WriteId tombstone;
  };
  RowState state_after(const Row& row) const;
  Result<RowState> state_after(const std::string& row_key) const;
  Result<RowState> parent_after(const RowReference& reference) const;
  Status require_parents() const;
  Status set_children(const RowReference& reference);
  /// `parent`: null when the row does not refer to anything by this constraint.
  Status set_child(const RowReference& reference, std::string_view key, const RowState& child, const RowState* parent);
  Status check(const CommitRequirement& requirement) const;
  Result<bool> row_alive(TableId table, std::string_view key) const;
  /// Is there an entry of (index, prefix) after this commit, other than `own`?
  Result<bool> has_other_entry(IndexId index, const std::string& prefix, const std::string* own) const;

  PlanServices services_;  // no indexer when no table written has a schema
  const CommitView& commit_;
  LatchSet row_latches_;
  LatchSet unique_latches_;
  std::vector<Row> rows_;
  std::set<std::string> erased_entries_;  // engine keys
  std::set<std::string> added_entries_;
  struct UniqueEntry {
    std::size_t row;
    IndexEntry entry;
  };
  std::vector<UniqueEntry> unique_entries_;  // added ones
  /// A foreign key's value that this commit gives to a row, or takes from it.
  struct ChildEnd {
    std::size_t row;
    RowReference reference;
    bool refers = false;  // after the commit
  };
  std::vector<ChildEnd> child_ends_;
  std::vector<RowReference> parent_ends_;                         // values under which a row can be found no longer, or newly
  std::map<std::string_view, std::size_t> rows_by_key_;           // made by find_dangling()
  std::set<std::pair<std::string, ConstraintId>> children_done_;  // by row key
  ConflictPlan conflicts_;
  std::map<TableId, std::optional<WriteId>> ended_;  // of the tables written; the DROP, where there was one
  struct Drop {
    TableId table;
    DroppedTable before;  // DROPs that came earlier
  };
  std::vector<Drop> drops_;  // tables that this commit ends
};

}  // namespace ldb
