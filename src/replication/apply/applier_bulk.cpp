// Whole-state copies and index builds: the parts of Applier that walk tables.
#include <algorithm>

#include "base/coding.hpp"
#include "replication/apply/applier.hpp"
#include "replication/apply/applier_state.hpp"
#include "replication/apply/dropped_table.hpp"
#include "txn/keys.hpp"

namespace ldb {
namespace {

constexpr std::size_t kBuildChunkRows = 256;

Status not_a_copy(const std::string& what) { return Status(StatusCode::kCorruption, "whole-state copy: " + what); }

/// What joining one stretch of rows does.
class RangeCopy {
 public:
  RangeCopy(Applier::State& state, const VersionVector& mine, const VersionVector& theirs)
      : s_(state), mine_(mine), theirs_(theirs) {}

  Status install(const std::string& key, const std::string& bytes) {
    if (key.size() < keys::kPrefixSize || key[0] != keys::kRowSpace) return not_a_copy("a key outside the rows");
    LDB_ASSIGN_OR_RETURN(const RowImage image, decode_row_image(bytes));
    LDB_ASSIGN_OR_RETURN(const bool covered, covered_by(bytes, theirs_));
    if (!covered) return not_a_copy("a row that is newer than the sender's applied vector");
    LDB_ASSIGN_OR_RETURN(const auto stored, s_.engine.get(nullptr, key));
    if (!stored) {
      batch_.put(key, bytes);
      return image.alive ? ended_by(key) : Status();
    }
    LDB_ASSIGN_OR_RETURN(const RowImage local, decode_row_image(*stored));
    const TableId table = keys::table_of(key);
    const std::string_view primary_key = keys::primary_key_of(key);
    const WriteOrder order(s_.resolver, table, primary_key);
    const MergeResult merged = merge_images(order, *stored, mine_, bytes, theirs_, local, image);
    if (merged.revived)
      LDB_TRY(s_.conflicts.revive(
          table, primary_key, merged.image, merged.image.liveness, [&](const WriteId& id) { return theirs_.covers(id); }, plan_));
    LDB_TRY(s_.conflicts.add(table, primary_key, merged.image.birth, merged.losses, plan_));
    if (merged.effect != MergeResult::Effect::kNone) batch_.put(key, encode_row_image(merged.image));
    return merged.effect != MergeResult::Effect::kNone && merged.image.alive ? ended_by(key) : Status();
  }

  /// A local row that the sender does not have.
  Status missing_there(std::string_view key, std::string_view bytes) {
    LDB_ASSIGN_OR_RETURN(const bool covered, covered_by(bytes, theirs_));
    if (covered) batch_.erase(std::string(key));
    return {};
  }

  Status write() {
    const std::size_t records = s_.conflicts.emit(plan_, {}, {}, s_.clock.wall_us(), batch_);
    s_.conflicts_recorded.fetch_add(records, std::memory_order_relaxed);
    if (batch_.empty()) return {};
    LDB_TRY(s_.engine.write(std::move(batch_), SyncPolicy::kNone).status());
    return records == 0 ? Status() : s_.conflicts.evict(s_.row_latches).status();
  }

 private:
  /// The row may be one by which a table ends: its DROP had seen no more than the sender.
  Status ended_by(std::string_view key) {
    const RowIndexer* const indexer = s_.indexer.load();
    const auto table =
        indexer == nullptr ? std::nullopt : indexer->table_ended_by(keys::table_of(key), keys::primary_key_of(key));
    if (!table) return {};
    DroppedTable drops;
    LDB_ASSIGN_OR_RETURN(const auto word, s_.engine.get(nullptr, keys::dropped_table(*table)));
    if (word) {
      LDB_ASSIGN_OR_RETURN(drops, DroppedTable::decode(*word));
    }
    drops.add({}, theirs_);
    batch_.put(keys::dropped_table(*table), drops.encode());
    return {};
  }

  Applier::State& s_;
  const VersionVector& mine_;
  const VersionVector& theirs_;
  WriteBatch batch_;
  ConflictPlan plan_;
};

}  // namespace

Status Applier::copy_rows(const KeyRange& range, const std::vector<std::pair<std::string, std::string>>& images,
                          const VersionVector& theirs) {
  State& s = *state_;
  LDB_TRY(health());
  LDB_TRY(s.engine.throttle());
  const VersionVector mine = submitted();
  RangeCopy copy(s, mine, theirs);
  LDB_ASSIGN_OR_RETURN(auto local, s.engine.iterate(nullptr, range));
  local->seek_to_first();
  const std::string* last = nullptr;
  for (const auto& [key, bytes] : images) {
    if ((last != nullptr && key <= *last) || (range.lower && key < *range.lower) || (range.upper && key >= *range.upper))
      return not_a_copy("rows out of order");
    last = &key;
    for (; local->valid() && local->key() < key; local->next()) LDB_TRY(copy.missing_there(local->key(), local->value()));
    if (local->valid() && local->key() == key) local->next();
    LDB_TRY(copy.install(key, bytes));
  }
  for (; local->valid(); local->next()) LDB_TRY(copy.missing_there(local->key(), local->value()));
  LDB_TRY(local->status());
  local.reset();
  return copy.write();
}

Status Applier::finish_copy(const VersionVector& theirs, WriteBatch also) {
  State& s = *state_;
  LDB_TRY(health());
  VersionVector merged = submitted();
  merged.merge(theirs);
  WriteBatch batch = std::move(also);
  for (const auto& [origin, progress] : merged.entries()) batch.put(keys::vector_entry(origin), encode_progress(progress));
  for (const KeyRange& range : {keys::all_index_entries(), keys::index_ready_range()})
    batch.erase_range(*range.lower, *range.upper);
  std::string unchecked;
  put_u64(unchecked, 0);
  LDB_ASSIGN_OR_RETURN(const auto checked, s.engine.iterate(nullptr, keys::foreign_keys_checked_range()));
  for (checked->seek_to_first(); checked->valid(); checked->next()) batch.put(std::string(checked->key()), unchecked);
  LDB_TRY(checked->status());
  LDB_ASSIGN_OR_RETURN(const std::uint64_t sequence, s.engine.write(std::move(batch), SyncPolicy::kSync));
  {
    rt::MutexLock lock(s.mutex);
    s.streams.replace(merged, sequence);
    s.recent_writes.state_replaced(sequence);
  }
  if (RowIndexer* const listener = s.indexer.load(); listener != nullptr) listener->catalog_changed(sequence);
  return {};
}

namespace {

/// Writes the entries of one index for some rows, as they are now.
class IndexChunk {
 public:
  IndexChunk(Applier::State& state, TableId table, IndexId index) : s_(state), table_(table), index_(index) {}

  Status build(const RowIndexer& indexer, const std::vector<std::string>& row_keys) {
    LatchSet rows(s_.row_latches);
    for (const std::string& key : row_keys) rows.add(key);
    rows.acquire();
    std::vector<Row> live;
    for (const std::string& key : row_keys) LDB_TRY(read(indexer, key, live));
    LatchSet unique(s_.unique_latches);
    for (const Row& row : live)
      if (row.entry.unique) unique.add(keys::index_entry(index_, prefix(row.entry)));
    unique.acquire();
    WriteBatch batch;
    ConflictPlan conflicts;
    for (const Row& row : live) {
      if (row.entry.unique) LDB_TRY(find_violation(row, live, conflicts));
      batch.put(keys::index_entry(index_, row.entry.key), {});
    }
    if (batch.empty()) return {};
    std::unique_ptr<StorageEngine::PendingWrite> write;
    std::size_t records = 0;
    {
      rt::MutexLock lock(s_.mutex);
      records = s_.conflicts.emit(conflicts, {}, {}, s_.clock.wall_us(), batch);
      LDB_ASSIGN_OR_RETURN(write, s_.engine.submit(std::move(batch), SyncPolicy::kNone));
    }
    LDB_TRY(s_.engine.wait(std::move(write)).status());
    s_.conflicts_recorded.fetch_add(records, std::memory_order_relaxed);
    return {};
  }

 private:
  struct Row {
    std::string key;
    WriteId birth;
    IndexEntry entry;
  };
  static std::string_view prefix(const IndexEntry& entry) { return std::string_view(entry.key).substr(0, entry.prefix_size); }

  Status read(const RowIndexer& indexer, const std::string& key, std::vector<Row>& live) {
    LDB_ASSIGN_OR_RETURN(const auto stored, s_.engine.get(nullptr, key));
    if (!stored) return {};
    RowImageReader image;
    LDB_TRY(image.parse(*stored));
    if (!image.alive()) return {};
    std::vector<IndexEntry> entries;
    LDB_TRY(indexer.index_entries(table_, keys::primary_key_of(key), *stored, entries));
    for (IndexEntry& entry : entries)
      if (entry.index == index_) live.push_back({key, image.birth(), std::move(entry)});
    return {};
  }

  /// Rows that merged before the index was known may share a value.
  Status find_violation(const Row& row, const std::vector<Row>& chunk, ConflictPlan& conflicts) {
    const auto report = [&](std::string_view other_key, WriteId other_birth) {
      const bool other_loses = row.birth < other_birth;
      const std::string_view own_key = keys::primary_key_of(row.key);
      return s_.conflicts.add_unique(table_, other_loses ? other_key : own_key, other_loses ? other_birth : row.birth, index_,
                                     other_loses ? own_key : other_key, other_loses ? row.birth : other_birth, conflicts);
    };
    for (const Row& other : chunk) {
      if (&other == &row) break;  // each pair once
      if (other.entry.unique && prefix(other.entry) == prefix(row.entry))
        LDB_TRY(report(keys::primary_key_of(other.key), other.birth));
    }
    const std::string start = keys::index_entry(index_, prefix(row.entry));
    LDB_ASSIGN_OR_RETURN(const auto entries, s_.engine.iterate(nullptr, keys::prefix_range(start)));
    for (entries->seek_to_first(); entries->valid(); entries->next()) {
      const std::string other_key(entries->key().substr(start.size()));
      if (keys::row(table_, other_key) == row.key) continue;
      LDB_ASSIGN_OR_RETURN(const auto stored, s_.engine.get(nullptr, keys::row(table_, other_key)));
      RowImageReader other;
      if (!stored) continue;
      LDB_TRY(other.parse(*stored));
      if (other.alive()) LDB_TRY(report(other_key, other.birth()));
    }
    return entries->status();
  }

  Applier::State& s_;
  const TableId table_;
  const IndexId index_;
};

}  // namespace

Status Applier::build_index(TableId table, IndexId index) {
  State& s = *state_;
  RowIndexer* const indexer = s.indexer.load();
  if (indexer == nullptr) return Status(StatusCode::kUnavailable, "no indexer is set");
  {
    // A commit that asked the indexer before it knew the index holds latches still: wait for all such, so that the view shows
    // them.
    LatchSet everybody(s.row_latches);
    everybody.add_all();
    everybody.acquire();
  }
  const std::unique_ptr<ReadView> view = s.engine.view();
  LDB_ASSIGN_OR_RETURN(const auto rows, s.engine.iterate(view.get(), keys::rows(table)));
  IndexChunk chunk(s, table, index);
  std::vector<std::string> row_keys;
  for (rows->seek_to_first(); rows->valid(); rows->next()) {
    row_keys.emplace_back(rows->key());
    if (row_keys.size() < kBuildChunkRows) continue;
    LDB_TRY(s.engine.throttle());
    LDB_TRY(chunk.build(*indexer, row_keys));
    row_keys.clear();
  }
  LDB_TRY(rows->status());
  LDB_TRY(chunk.build(*indexer, row_keys));
  LDB_TRY(s.conflicts.evict(s.row_latches).status());
  WriteBatch batch;
  batch.put(keys::index_ready(index), {});
  return s.engine.write(std::move(batch), SyncPolicy::kOs).status();
}

}  // namespace ldb
