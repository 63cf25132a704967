// ldb.conflicts on disk: one record for each write that lost (docs/REPLICATION.md section 3).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/storage_engine.hpp"
#include "replication/apply/merge.hpp"
#include "replication/apply/row_latches.hpp"

namespace ldb {

/// One row of ldb.conflicts.
struct ConflictRecord {
  ConflictKind kind = ConflictKind::kCell;
  TableId table;
  std::string key;                 ///< primary key of the losing row
  std::optional<ColumnId> column;  ///< none: the write concerns the whole row
  WriteId loser;
  std::optional<std::string> loser_value;  ///< a cell's value (none: NULL); kBirth without column: the row image that lost
  WriteId winner;                          ///< no id for kGone when nothing is there at all
  /// kCell: the value (none: NULL); kUnique: primary key of the other row; kForeignKey: of the parent, where it refers to that
  std::optional<std::string> winner_value;
  std::optional<IndexId> index;            ///< kUnique
  std::optional<ConstraintId> constraint;  ///< kForeignKey
  std::int64_t recorded_at_us = 0;         ///< this node's wall clock
};

/// Walks the records that a view shows, by table and primary key. One thread; must not outlive the view.
class ConflictCursor {
 public:
  static Result<std::unique_ptr<ConflictCursor>> open(StorageEngine& engine, const ReadView* view);
  bool valid() const { return valid_; }
  void next();
  const ConflictRecord& record() const { return record_; }
  Status status() const { return status_; }

 private:
  explicit ConflictCursor(std::unique_ptr<Iterator> iterator) : iterator_(std::move(iterator)) {}
  void settle();

  std::unique_ptr<Iterator> iterator_;
  ConflictRecord record_;
  Status status_;
  bool valid_ = false;
};

/// A live row that refers to a row which is not there.
struct Dangling {
  ConstraintId constraint;
  WriteId birth;                          ///< of the child
  WriteId deleted_by;                     ///< tombstone of the parent; none when that is not known (any more)
  std::optional<std::string> parent_key;  ///< where the reference is by primary key
};

/// What a commit does to the log; made under the latches of the rows concerned.
struct ConflictPlan {
  struct Put {
    std::string key;
    ConflictRecord record;
  };
  std::vector<Put> puts;
  std::vector<std::string> erases;  ///< engine keys
};

/// The log of one node, bounded: the oldest go first. Any thread.
class ConflictLog {
 public:
  ConflictLog(StorageEngine& engine, std::uint64_t limit) : engine_(engine), limit_(limit) {}
  Status open();

  /// Notes records for the losses of one row. `birth`: of the row's image after the merge.
  Status add(TableId table, std::string_view key, WriteId birth, const std::vector<Loss>& losses, ConflictPlan& plan) const;
  Status add_unique(TableId table, std::string_view loser_key, WriteId loser, IndexId index, std::string_view winner_key,
                    WriteId winner, ConflictPlan& plan) const;
  /// The row lives again: records of cells that `image` shows go; masked deletes of its birth that `has_seen` denies become
  /// records.
  Status revive(TableId table, std::string_view key, const RowImage& image, WriteId winner,
                const std::function<bool(const WriteId&)>& has_seen, ConflictPlan& plan) const;

  /// One of several DROPs of a table had seen more than the others: what it took away knowingly is not lost.
  Status dropped_knowingly(TableId table, const std::function<bool(const WriteId&)>& has_seen, ConflictPlan& plan) const;
  /// May there be records of kind kForeignKey? Asked under the latches of the reference.
  bool has_foreign_keys() const { return has_foreign_keys_.load(); }
  /// Makes the records of kind kForeignKey of one row, or those of one constraint, exactly `dangling`.
  Status set_dangling(TableId table, std::string_view key, const std::vector<Dangling>& dangling,
                      std::optional<ConstraintId> only, ConflictPlan& plan) const;
  /// Primary keys of the table's rows that have records of kind kForeignKey, in the log's order, behind the one of `after`
  /// (empty: from the first on), at most `limit`.
  Result<std::vector<std::string>> dangling_rows(TableId table, std::string_view after, std::size_t limit) const;

  /// Puts the plan into the batch, and numbers the records; calls must be in the order in which batches are submitted. Winners
  /// that are `provisional` become `final_id`. Returns the number of records put.
  std::size_t emit(const ConflictPlan& plan, WriteId provisional, WriteId final_id, std::int64_t now_us, WriteBatch& batch);
  /// Erases what is beyond the bound. Call after a batch with records became visible, without latches held. Returns how many
  /// went.
  Result<std::size_t> evict(LatchStripes& row_latches);

 private:
  Status plan_put(ConflictRecord record, ConflictPlan& plan) const;

  StorageEngine& engine_;
  const std::uint64_t limit_;
  mutable rt::Atomic<bool> has_foreign_keys_{false};
  rt::Mutex evict_mutex_;  // one evictor at a time; taken before row latches
  mutable rt::Mutex mutex_;
  std::uint64_t next_ordinal_ LDB_GUARDED_BY(mutex_) = 1;
  std::uint64_t oldest_ordinal_ LDB_GUARDED_BY(mutex_) = 1;
};

}  // namespace ldb
