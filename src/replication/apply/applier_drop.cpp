// Removing the rows of a dropped table, and keeping what no DROP had seen (docs/REPLICATION.md section 8).
#include "replication/apply/applier.hpp"
#include "replication/apply/applier_state.hpp"
#include "replication/apply/dropped_table.hpp"
#include "txn/keys.hpp"

namespace ldb {
namespace {

constexpr std::size_t kDropChunkRows = 256;

class TableRemoval {
 public:
  TableRemoval(Applier::State& state, TableId table) : s_(state), table_(table) {}

  Status run() {
    LatchSet everybody(s_.row_latches);
    {
      // Commits that asked the indexer while it knew the table hold latches still. None writes to it from here on.
      LatchSet in_flight(s_.row_latches);
      in_flight.add_all();
      in_flight.acquire();
    }
    LDB_ASSIGN_OR_RETURN(const auto drops, read_drops());
    if (drops) LDB_TRY(record(*drops));
    everybody.add_all();
    everybody.acquire();
    WriteBatch batch;
    ConflictPlan plan;
    // A DROP that came meanwhile may have seen what was just recorded.
    LDB_ASSIGN_OR_RETURN(const auto all_drops, read_drops());
    if (all_drops)
      LDB_TRY(s_.conflicts.dropped_knowingly(
          table_, [&](const WriteId& id) { return all_drops->has_seen(id); }, plan));
    const KeyRange range = keys::rows(table_);
    batch.erase_range(*range.lower, *range.upper);
    batch.erase(keys::dropped_table(table_));
    return write(plan, std::move(batch), SyncPolicy::kOs);
  }

 private:
  Result<std::optional<DroppedTable>> read_drops() {
    LDB_ASSIGN_OR_RETURN(const auto word, s_.engine.get(nullptr, keys::dropped_table(table_)));
    if (!word) return std::optional<DroppedTable>();
    LDB_ASSIGN_OR_RETURN(DroppedTable drops, DroppedTable::decode(*word));
    return std::optional<DroppedTable>(std::move(drops));
  }

  Status record(const DroppedTable& drops) {
    const std::unique_ptr<ReadView> view = s_.engine.view();
    LDB_ASSIGN_OR_RETURN(const auto rows, s_.engine.iterate(view.get(), keys::rows(table_)));
    std::vector<std::pair<std::string, std::string>> lost;
    for (rows->seek_to_first(); rows->valid(); rows->next()) {
      LDB_ASSIGN_OR_RETURN(const RowImage image, decode_row_image(rows->value()));
      if (losses(image, rows->value(), drops).empty()) continue;
      lost.emplace_back(rows->key(), rows->value());
      if (lost.size() < kDropChunkRows) continue;
      LDB_TRY(record(lost, drops));
      lost.clear();
    }
    LDB_TRY(rows->status());
    return record(lost, drops);
  }

  Status record(const std::vector<std::pair<std::string, std::string>>& lost, const DroppedTable& drops) {
    if (lost.empty()) return {};
    LDB_TRY(s_.engine.throttle());
    ConflictPlan plan;
    {
      LatchSet latches(s_.row_latches);
      for (const auto& [key, bytes] : lost) latches.add(key);
      latches.acquire();
      for (const auto& [key, bytes] : lost) {
        LDB_ASSIGN_OR_RETURN(const RowImage image, decode_row_image(bytes));
        LDB_TRY(s_.conflicts.add(table_, keys::primary_key_of(key), image.birth, losses(image, bytes, drops), plan));
      }
      LDB_TRY(write(plan, {}, SyncPolicy::kNone));
    }
    return s_.conflicts.evict(s_.row_latches).status();
  }

  static std::vector<Loss> losses(const RowImage& image, std::string_view bytes, const DroppedTable& drops) {
    return lost_to_drop(image, bytes, drops.last(), [&](const WriteId& id) { return drops.has_seen(id); });
  }

  Status write(const ConflictPlan& plan, WriteBatch batch, SyncPolicy sync) {
    std::unique_ptr<StorageEngine::PendingWrite> write;
    std::size_t records = 0;
    {
      rt::MutexLock lock(s_.mutex);
      LDB_TRY(s_.halted);
      records = s_.conflicts.emit(plan, {}, {}, s_.clock.wall_us(), batch);
      if (batch.empty()) return {};
      LDB_ASSIGN_OR_RETURN(write, s_.engine.submit(std::move(batch), sync));
    }
    LDB_TRY(s_.engine.wait(std::move(write)).status());
    s_.conflicts_recorded.fetch_add(records, std::memory_order_relaxed);
    return {};
  }

  Applier::State& s_;
  const TableId table_;
};

}  // namespace

Status Applier::drop_table_data(TableId table) { return TableRemoval(*state_, table).run(); }

}  // namespace ldb
