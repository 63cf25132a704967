// Checking the foreign keys of a whole table: when they are new on this node, and after a whole-state copy.
#include <set>

#include "base/coding.hpp"
#include "replication/apply/applier.hpp"
#include "replication/apply/applier_state.hpp"
#include "txn/keys.hpp"

namespace ldb {
namespace {

constexpr std::size_t kCheckChunkRows = 256;

/// Sets the records of some rows by what the rows and their parents are now.
class ForeignKeyChunk {
 public:
  ForeignKeyChunk(Applier::State& state, const RowIndexer& indexer, TableId table)
      : s_(state), indexer_(indexer), table_(table) {}

  /// False when an index that it needs is not built yet (a whole-state copy took it away meanwhile).
  Result<bool> check(const std::vector<std::string>& primary_keys) {
    if (primary_keys.empty()) return true;
    LDB_TRY(s_.engine.throttle());
    LatchSet rows(s_.row_latches);
    for (const std::string& key : primary_keys) rows.add(keys::row(table_, key));
    rows.acquire();
    std::vector<Row> found;
    LatchSet references(s_.unique_latches);
    for (const std::string& key : primary_keys) {
      LDB_ASSIGN_OR_RETURN(Row row, read(key));
      for (const RowReference& reference : row.references) references.add(keys::index_entry(reference.index, reference.prefix));
      LDB_ASSIGN_OR_RETURN(const bool ready, indexes_ready(row.references));
      if (!ready) return false;
      found.push_back(std::move(row));
    }
    references.acquire();
    ConflictPlan plan;
    for (const Row& row : found) {
      std::vector<Dangling> dangling;
      for (const RowReference& reference : row.references) {
        WriteId tombstone;
        LDB_ASSIGN_OR_RETURN(const bool alive, parent_alive(reference, tombstone));
        if (!alive) dangling.push_back(dangle(reference, row.birth, tombstone));
      }
      LDB_TRY(s_.conflicts.set_dangling(table_, row.key, dangling, std::nullopt, plan));
    }
    LDB_TRY(write(plan));
    return true;
  }

 private:
  struct Row {
    std::string key;
    WriteId birth;
    std::vector<RowReference> references;  // none of a row that is not alive
  };

  Result<Row> read(const std::string& key) {
    Row row{key, {}, {}};
    LDB_ASSIGN_OR_RETURN(const auto stored, s_.engine.get(nullptr, keys::row(table_, key)));
    if (!stored) return row;
    RowImageReader image;
    LDB_TRY(image.parse(*stored));
    if (!image.alive()) return row;
    row.birth = image.birth();
    LDB_TRY(indexer_.references(table_, key, *stored, row.references));
    return row;
  }

  Result<bool> indexes_ready(const std::vector<RowReference>& references) {
    for (const RowReference& reference : references) {
      for (const IndexId index : {reference.index, reference.parent_index}) {
        if (index == IndexId{} || ready_.contains(index)) continue;
        LDB_ASSIGN_OR_RETURN(const auto mark, s_.engine.get(nullptr, keys::index_ready(index)));
        if (!mark) return false;
        ready_.insert(index);
      }
    }
    return true;
  }

  Result<bool> parent_alive(const RowReference& reference, WriteId& tombstone) {
    if (reference.parent_key.empty()) {
      if (reference.parent_index == IndexId{}) return false;
      const std::string start = keys::index_entry(reference.parent_index, reference.parent_prefix);
      LDB_ASSIGN_OR_RETURN(const auto entries, s_.engine.iterate(nullptr, keys::prefix_range(start)));
      entries->seek_to_first();
      if (!entries->valid()) LDB_TRY(entries->status());
      return entries->valid();
    }
    LDB_ASSIGN_OR_RETURN(const auto stored, s_.engine.get(nullptr, keys::row(reference.parent, reference.parent_key)));
    if (!stored) return false;
    RowImageReader image;
    LDB_TRY(image.parse(*stored));
    tombstone = image.tombstone();
    return image.alive();
  }

  Status write(const ConflictPlan& plan) {
    if (plan.puts.empty() && plan.erases.empty()) return {};
    WriteBatch batch;
    std::unique_ptr<StorageEngine::PendingWrite> write;
    std::size_t records = 0;
    {
      rt::MutexLock lock(s_.mutex);
      LDB_TRY(s_.halted);
      records = s_.conflicts.emit(plan, {}, {}, s_.clock.wall_us(), batch);
      LDB_ASSIGN_OR_RETURN(write, s_.engine.submit(std::move(batch), SyncPolicy::kNone));
    }
    LDB_TRY(s_.engine.wait(std::move(write)).status());
    s_.conflicts_recorded.fetch_add(records, std::memory_order_relaxed);
    return {};
  }

  Applier::State& s_;
  const RowIndexer& indexer_;
  const TableId table_;
  std::set<IndexId> ready_;
};

}  // namespace

Status Applier::check_foreign_keys(TableId child, std::uint64_t definition) {
  State& s = *state_;
  const RowIndexer* const indexer = s.indexer.load();
  if (indexer == nullptr) return Status(StatusCode::kUnavailable, "no indexer is set");
  {
    // Commits that asked the indexer before it knew the constraint hold latches still.
    LatchSet everybody(s.row_latches);
    everybody.add_all();
    everybody.acquire();
  }
  ForeignKeyChunk chunk(s, *indexer, child);
  std::vector<std::string> keys_of_chunk;
  if (definition != 0) {
    const std::unique_ptr<ReadView> view = s.engine.view();
    LDB_ASSIGN_OR_RETURN(const auto rows, s.engine.iterate(view.get(), keys::rows(child)));
    for (rows->seek_to_first(); rows->valid(); rows->next()) {
      keys_of_chunk.emplace_back(keys::primary_key_of(rows->key()));
      if (keys_of_chunk.size() < kCheckChunkRows) continue;
      LDB_ASSIGN_OR_RETURN(const bool ready, chunk.check(keys_of_chunk));
      if (!ready) return {};
      keys_of_chunk.clear();
    }
    LDB_TRY(rows->status());
    LDB_ASSIGN_OR_RETURN(const bool ready, chunk.check(keys_of_chunk));
    if (!ready) return {};
  }
  // Records of rows that are gone, or of constraints that are.
  for (std::string after;;) {
    LDB_ASSIGN_OR_RETURN(const std::vector<std::string> recorded, s.conflicts.dangling_rows(child, after, kCheckChunkRows));
    if (recorded.empty()) break;
    LDB_ASSIGN_OR_RETURN(const bool ready, chunk.check(recorded));
    if (!ready) return {};
    after = recorded.back();
  }
  LDB_TRY(s.conflicts.evict(s.row_latches).status());
  WriteBatch batch;
  if (definition == 0) {
    batch.erase(keys::foreign_keys_checked(child));
  } else {
    std::string value;
    put_u64(value, definition);
    batch.put(keys::foreign_keys_checked(child), std::move(value));
  }
  return s.engine.write(std::move(batch), SyncPolicy::kOs).status();
}

}  // namespace ldb
