// The part of CommitPlan that keeps the `foreign key` records of ldb.conflicts in line with the rows (docs/REPLICATION.md section
// 3).
#include <algorithm>

#include "replication/apply/commit_plan.hpp"
#include "txn/keys.hpp"

namespace ldb {
namespace {

using Effect = MergeResult::Effect;

/// Removes what both have.
void cancel(std::vector<RowReference>& a, std::vector<RowReference>& b) {
  std::erase_if(a, [&](const RowReference& reference) {
    const auto twin = std::find(b.begin(), b.end(), reference);
    if (twin == b.end()) return false;
    b.erase(twin);
    return true;
  });
}

}  // namespace

Dangling dangle(const RowReference& reference, WriteId child_birth, WriteId parent_tombstone) {
  const bool by_key = !reference.parent_key.empty();
  return {reference.constraint, child_birth, parent_tombstone,
          by_key ? std::optional<std::string>(reference.parent_key) : std::nullopt};
}

/// Notes both ends of references that the row's change may break or mend; the latches of all of them are taken next.
Status CommitPlan::note_references(std::size_t index) {
  const Row& row = rows_[index];
  if (row.merged.effect == Effect::kNone) return {};
  const TableId table = row.write->table;
  const RowIndexer& indexer = *services_.indexer;
  const bool inserted = row.merged.effect == Effect::kInserted;
  const bool was_alive = row.stored && row.image.alive;
  const bool is_alive = inserted || row.merged.image.alive;
  const std::string after = inserted ? std::string(commit_.image(*row.write)) : encode_row_image(row.merged.image);

  std::vector<RowReference> old_ends, new_ends;
  if (was_alive) LDB_TRY(indexer.references(table, row.write->key, *row.stored, old_ends));
  if (is_alive) LDB_TRY(indexer.references(table, row.write->key, after, new_ends));
  // The record names the birth, so a row that begins another one counts as new.
  if (was_alive && is_alive && !inserted && row.image.birth == row.merged.image.birth) cancel(old_ends, new_ends);
  for (RowReference& end : old_ends) child_ends_.push_back({index, std::move(end), false});
  for (RowReference& end : new_ends) child_ends_.push_back({index, std::move(end), true});

  // Dead rows too: of several deletes the record names the last.
  old_ends.clear();
  new_ends.clear();
  if (row.stored) LDB_TRY(indexer.referrers(table, row.write->key, *row.stored, old_ends));
  LDB_TRY(indexer.referrers(table, row.write->key, after, new_ends));
  const bool same_tombstone = !inserted && row.stored && row.image.tombstone == row.merged.image.tombstone;
  if (was_alive == is_alive && (is_alive || same_tombstone)) cancel(old_ends, new_ends);
  for (std::vector<RowReference>* ends : {&old_ends, &new_ends})
    for (RowReference& end : *ends)
      if (std::find(parent_ends_.begin(), parent_ends_.end(), end) == parent_ends_.end()) parent_ends_.push_back(std::move(end));
  return {};
}

CommitPlan::RowState CommitPlan::state_after(const Row& row) const {
  switch (row.merged.effect) {
    case Effect::kInserted:
      return {true, commit_.id(), {}};
    case Effect::kMerged:
      return {row.merged.image.alive, row.merged.image.birth, row.merged.image.tombstone};
    case Effect::kNone:
      break;
  }
  return row.stored ? RowState{row.image.alive, row.image.birth, row.image.tombstone} : RowState{};
}

Result<CommitPlan::RowState> CommitPlan::state_after(const std::string& row_key) const {
  if (const auto own = rows_by_key_.find(row_key); own != rows_by_key_.end()) return state_after(rows_[own->second]);
  LDB_ASSIGN_OR_RETURN(const auto stored, services_.engine.get(nullptr, row_key));
  if (!stored) return RowState{};
  RowImageReader image;
  LDB_TRY(image.parse(*stored));
  return RowState{image.alive(), image.birth(), image.tombstone()};
}

Result<CommitPlan::RowState> CommitPlan::parent_after(const RowReference& reference) const {
  if (!reference.parent_key.empty()) return state_after(keys::row(reference.parent, reference.parent_key));
  RowState state;
  if (reference.parent_index == IndexId{}) return state;
  LDB_ASSIGN_OR_RETURN(state.alive, has_other_entry(reference.parent_index, reference.parent_prefix, nullptr));
  return state;
}

Status CommitPlan::find_dangling(bool remote) {
  if (child_ends_.empty() && parent_ends_.empty()) return {};
  for (std::size_t i = 0; i < rows_.size(); ++i) rows_by_key_.emplace(rows_[i].row_key, i);
  if (!remote) LDB_TRY(require_parents());
  if (!remote && !services_.conflicts.has_foreign_keys()) return {};  // nothing to mend
  for (const bool refers : {true, false}) {
    for (const ChildEnd& end : child_ends_) {
      if (end.refers != refers) continue;
      const Row& row = rows_[end.row];
      RowState parent;
      // What a local commit inserts was required to have its parent.
      const bool judged = refers && (remote || row.merged.effect != Effect::kInserted);
      if (judged) {
        LDB_ASSIGN_OR_RETURN(parent, parent_after(end.reference));
      }
      LDB_TRY(set_child(end.reference, row.write->key, state_after(row), judged ? &parent : nullptr));
    }
  }
  for (const RowReference& reference : parent_ends_) LDB_TRY(set_children(reference));
  return {};
}

/// A local commit has required that the parent's row lives, but the value that it refers to may have gone from that row since.
Status CommitPlan::require_parents() const {
  for (const ChildEnd& end : child_ends_) {
    if (!end.refers || end.reference.parent_index == IndexId{}) continue;
    LDB_ASSIGN_OR_RETURN(const RowState parent, parent_after(end.reference));
    if (parent.alive) continue;
    return Status(
        StatusCode::kConflict,
        "could not serialize access: what a foreign key refers to was changed by another commit; run the transaction again");
  }
  return {};
}

/// All rows that refer to a value after this commit.
Status CommitPlan::set_children(const RowReference& reference) {
  const std::string start = keys::index_entry(reference.index, reference.prefix);
  std::vector<std::string> entries;
  for (auto entry = added_entries_.lower_bound(start); entry != added_entries_.end() && entry->starts_with(start); ++entry)
    entries.push_back(*entry);
  LDB_ASSIGN_OR_RETURN(const auto stored, services_.engine.iterate(nullptr, keys::prefix_range(start)));
  for (stored->seek_to_first(); stored->valid(); stored->next()) {
    std::string key(stored->key());
    if (erased_entries_.find(key) == erased_entries_.end()) entries.push_back(std::move(key));
  }
  LDB_TRY(stored->status());
  if (entries.empty()) return {};
  LDB_ASSIGN_OR_RETURN(const RowState parent, parent_after(reference));
  for (const std::string& entry : entries) {
    const std::string_view values_and_key = std::string_view(entry).substr(keys::kPrefixSize);
    LDB_ASSIGN_OR_RETURN(const std::string key, services_.indexer->primary_key_of_entry(reference.index, values_and_key));
    LDB_ASSIGN_OR_RETURN(const RowState child, state_after(keys::row(reference.child, key)));
    LDB_TRY(set_child(reference, key, child, &parent));
  }
  return {};
}

Status CommitPlan::set_child(const RowReference& reference, std::string_view key, const RowState& child, const RowState* parent) {
  if (!children_done_.emplace(keys::row(reference.child, key), reference.constraint).second) return {};
  std::vector<Dangling> dangling;
  if (child.alive && parent != nullptr && !parent->alive) dangling.push_back(dangle(reference, child.birth, parent->tombstone));
  return services_.conflicts.set_dangling(reference.child, key, dangling, reference.constraint, conflicts_);
}

}  // namespace ldb
