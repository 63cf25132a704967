// What one commit does to the engine: rows, index entries, conflict records. Made under latches, then put into a batch.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ldb/row_store.hpp"
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

/// One commit on its way in. One thread; steps in the order of declaration. Holds its latches until destroyed or release().
class CommitPlan {
 public:
  /// `commit` (with its payload) outlives the plan. Its id may be provisional: above every id stored, replaced by fill().
  CommitPlan(const PlanServices& services, const CommitView& commit);

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

  /// Puts everything but the commit itself and the vector. Provisional ids become `final_id`.
  void fill(WriteBatch& batch, WriteId final_id);
  /// Engine keys of the rows and index entries that change; before fill().
  std::vector<std::string> written_keys() const;
  const ConflictPlan& conflicts() const { return conflicts_; }
  bool writes_catalog() const;
  std::size_t row_count() const { return rows_.size(); }
  void release();

 private:
  struct Row {
    const WriteView* write = nullptr;
    std::string row_key;
    std::optional<std::string> stored;
    RowImage image;  // of `stored`
    MergeResult merged;
  };

  Status merge_row(Row& row);
  Status index_row(const Row& row);
  Status check(const CommitRequirement& requirement) const;
  Result<bool> row_alive(TableId table, std::string_view key) const;
  /// Is there an entry of (index, prefix) after this commit, other than `own`?
  Result<bool> has_other_entry(IndexId index, const std::string& prefix, const std::string* own) const;

  PlanServices services_;
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
  ConflictPlan conflicts_;
};

}  // namespace ldb
