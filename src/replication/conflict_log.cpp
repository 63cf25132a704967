#include "replication/conflict_log.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "txn/keys.hpp"

namespace ldb {
namespace {

constexpr std::uint8_t kVersion = 1;

Status damaged(const char* what) { return Status(StatusCode::kCorruption, std::string("conflict record: ") + what); }

std::string row_prefix(TableId table, std::string_view key) {
  std::string out(1, keys::kConflictSpace);
  put_u64_be(out, table.value);
  put_bytes(out, key);
  return out;
}

std::string record_key(const ConflictRecord& record) {
  std::string out = row_prefix(record.table, record.key);
  put_u8(out, record.column ? 1 : 0);
  if (record.column) put_u32_be(out, record.column->value);
  put_u64_be(out, record.loser.stamp.value);
  put_u64_be(out, record.loser.origin.value);
  if (record.index) put_u64_be(out, record.index->value);
  if (record.constraint) put_u64_be(out, record.constraint->value);
  return out;
}

std::string queue_key(std::uint64_t ordinal) {
  std::string out(1, keys::kConflictQueueSpace);
  put_u64_be(out, ordinal);
  return out;
}
KeyRange queue_range(std::uint64_t from, std::uint64_t to) { return {queue_key(from), queue_key(to)}; }

void put_optional(std::string& out, const std::optional<std::string>& value) {
  put_u8(out, value ? 1 : 0);
  if (value) put_bytes(out, *value);
}
bool read_optional(ByteReader& reader, std::optional<std::string>& value) {
  std::uint8_t present = 0;
  std::string_view bytes;
  if (!reader.u8(present) || present > 1) return false;
  value.reset();
  if (present == 0) return true;
  if (!reader.bytes(bytes)) return false;
  value.emplace(bytes);
  return true;
}

std::string encode_value(const ConflictRecord& record, std::uint64_t ordinal) {
  std::string out;
  put_u8(out, kVersion);
  put_u8(out, static_cast<std::uint8_t>(record.kind));
  put_u64(out, ordinal);
  put_u64(out, static_cast<std::uint64_t>(record.recorded_at_us));
  put_u64(out, record.winner.stamp.value);
  put_u64(out, record.winner.origin.value);
  put_optional(out, record.loser_value);
  put_optional(out, record.winner_value);
  return out;
}

Status decode_value(std::string_view value, ConflictRecord& record, std::uint64_t& ordinal) {
  ByteReader reader(value);
  std::uint8_t version = 0, kind = 0;
  std::uint64_t recorded_at = 0;
  if (!reader.u8(version) || version != kVersion) return damaged("unknown version");
  reader.u8(kind);
  reader.u64(ordinal);
  reader.u64(recorded_at);
  reader.u64(record.winner.stamp.value);
  if (!reader.u64(record.winner.origin.value) || kind < 1 || kind > static_cast<std::uint8_t>(ConflictKind::kDroppedTable))
    return damaged("bad value");
  if (!read_optional(reader, record.loser_value) || !read_optional(reader, record.winner_value) || !reader.empty())
    return damaged("bad value");
  record.kind = static_cast<ConflictKind>(kind);
  record.recorded_at_us = static_cast<std::int64_t>(recorded_at);
  record.constraint.reset();
  if (record.kind == ConflictKind::kForeignKey && record.index) {
    record.constraint = ConstraintId{record.index->value};
    record.index.reset();
  }
  return {};
}

Status decode_key(std::string_view key, ConflictRecord& record) {
  ByteReader reader(key);
  std::string_view table, primary_key, fixed;
  std::uint8_t has_column = 0;
  if (!reader.skip(1) || !reader.raw(8, table) || !reader.bytes(primary_key) || !reader.u8(has_column) || has_column > 1)
    return damaged("bad key");
  record.table = {load_u64_be(table.data())};
  record.key = primary_key;
  record.column.reset();
  if (has_column == 1) {
    if (!reader.raw(4, fixed)) return damaged("bad key");
    record.column = ColumnId{load_u32_be(fixed.data())};
  }
  if (!reader.raw(16, fixed)) return damaged("bad key");
  record.loser = {Stamp{load_u64_be(fixed.data())}, OriginId{load_u64_be(fixed.data() + 8)}};
  record.index.reset();
  if (reader.empty()) return {};
  if (!reader.raw(8, fixed) || !reader.empty()) return damaged("bad key");
  record.index = IndexId{load_u64_be(fixed.data())};
  return {};
}

std::optional<std::string> owned(const std::optional<std::string_view>& value) {
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

std::string birth_bytes(WriteId birth) {
  std::string out;
  put_u64(out, birth.stamp.value);
  put_u64(out, birth.origin.value);
  return out;
}

/// A record that stands for less than the new one says about the same losing write.
bool gives_way(ConflictKind existing, ConflictKind replacement) {
  if (existing == ConflictKind::kMaskedDelete) return replacement != ConflictKind::kMaskedDelete;
  // A cell in a dead row that then loses to another cell would not come back if the row did.
  return existing == ConflictKind::kDeadRow && replacement == ConflictKind::kCell;
}

}  // namespace

Result<std::unique_ptr<ConflictCursor>> ConflictCursor::open(StorageEngine& engine, const ReadView* view) {
  LDB_ASSIGN_OR_RETURN(auto iterator, engine.iterate(view, keys::prefix_range(std::string(1, keys::kConflictSpace))));
  std::unique_ptr<ConflictCursor> cursor(new ConflictCursor(std::move(iterator)));
  cursor->iterator_->seek_to_first();
  cursor->settle();
  LDB_TRY(cursor->status());
  return cursor;
}

void ConflictCursor::next() {
  iterator_->next();
  settle();
}

void ConflictCursor::settle() {
  valid_ = false;
  for (; iterator_->valid(); iterator_->next()) {
    std::uint64_t ordinal = 0;
    status_ = decode_key(iterator_->key(), record_);
    if (status_) status_ = decode_value(iterator_->value(), record_, ordinal);
    if (!status_) return;
    if (record_.kind == ConflictKind::kMaskedDelete) continue;
    valid_ = true;
    return;
  }
  status_ = iterator_->status();
}

Status ConflictLog::open() {
  LDB_ASSIGN_OR_RETURN(const auto queue, engine_.iterate(nullptr, keys::prefix_range(std::string(1, keys::kConflictQueueSpace))));
  rt::MutexLock lock(mutex_);
  queue->seek_to_first();
  if (queue->valid()) {
    if (queue->key().size() != 9) return damaged("bad queue key");
    oldest_ordinal_ = load_u64_be(queue->key().data() + 1);
    has_foreign_keys_.store(true);  // perhaps; looking through all would take long
    queue->seek_to_last();
    if (!queue->valid() || queue->key().size() != 9) return damaged("bad queue key");
    next_ordinal_ = load_u64_be(queue->key().data() + 1) + 1;
  }
  return queue->status();
}

Status ConflictLog::plan_put(ConflictRecord record, ConflictPlan& plan) const {
  if (limit_ == 0) return {};
  std::string key = record_key(record);
  LDB_ASSIGN_OR_RETURN(const auto stored, engine_.get(nullptr, key));
  if (stored) {
    ConflictRecord existing;
    std::uint64_t ordinal = 0;
    LDB_TRY(decode_value(*stored, existing, ordinal));
    if (!gives_way(existing.kind, record.kind)) return {};
    plan.erases.push_back(queue_key(ordinal));
  }
  plan.puts.push_back({std::move(key), std::move(record)});
  return {};
}

Status ConflictLog::add(TableId table, std::string_view key, WriteId birth, const std::vector<Loss>& losses,
                        ConflictPlan& plan) const {
  for (const Loss& loss : losses) {
    ConflictRecord record{loss.kind,
                          table,
                          std::string(key),
                          loss.column,
                          loss.loser,
                          owned(loss.loser_value),
                          loss.winner,
                          owned(loss.winner_value),
                          std::nullopt,
                          std::nullopt,
                          0};
    if (loss.kind == ConflictKind::kMaskedDelete) record.loser_value = birth_bytes(birth);
    LDB_TRY(plan_put(std::move(record), plan));
  }
  return {};
}

Status ConflictLog::add_unique(TableId table, std::string_view loser_key, WriteId loser, IndexId index,
                               std::string_view winner_key, WriteId winner, ConflictPlan& plan) const {
  return plan_put({ConflictKind::kUnique, table, std::string(loser_key), std::nullopt, loser, std::nullopt, winner,
                   std::string(winner_key), index, std::nullopt, 0},
                  plan);
}

Status ConflictLog::dropped_knowingly(TableId table, const std::function<bool(const WriteId&)>& has_seen,
                                      ConflictPlan& plan) const {
  std::string start(1, keys::kConflictSpace);
  put_u64_be(start, table.value);
  LDB_ASSIGN_OR_RETURN(const auto records, engine_.iterate(nullptr, keys::prefix_range(start)));
  for (records->seek_to_first(); records->valid(); records->next()) {
    ConflictRecord record;
    std::uint64_t ordinal = 0;
    LDB_TRY(decode_key(records->key(), record));
    LDB_TRY(decode_value(records->value(), record, ordinal));
    if (record.kind != ConflictKind::kDroppedTable || !has_seen(record.loser)) continue;
    plan.erases.emplace_back(records->key());
    plan.erases.push_back(queue_key(ordinal));
  }
  return records->status();
}

Status ConflictLog::set_dangling(TableId table, std::string_view key, const std::vector<Dangling>& dangling,
                                 std::optional<ConstraintId> only, ConflictPlan& plan) const {
  if (limit_ == 0 || (dangling.empty() && !has_foreign_keys())) return {};
  std::vector<bool> present(dangling.size());
  LDB_ASSIGN_OR_RETURN(const auto records, engine_.iterate(nullptr, keys::prefix_range(row_prefix(table, key))));
  for (records->seek_to_first(); records->valid(); records->next()) {
    ConflictRecord record;
    std::uint64_t ordinal = 0;
    LDB_TRY(decode_key(records->key(), record));
    LDB_TRY(decode_value(records->value(), record, ordinal));
    if (record.kind != ConflictKind::kForeignKey || (only && record.constraint != only)) continue;
    const auto same = std::find_if(dangling.begin(), dangling.end(), [&](const Dangling& d) {
      return d.constraint == record.constraint && d.birth == record.loser;
    });
    // Of several deletes of the parent the last one counts, in whatever order they come. One that was collected is not forgotten.
    if (same != dangling.end() && same->parent_key == record.winner_value && same->deleted_by <= record.winner) {
      present[static_cast<std::size_t>(same - dangling.begin())] = true;
      continue;
    }
    plan.erases.emplace_back(records->key());
    plan.erases.push_back(queue_key(ordinal));
  }
  LDB_TRY(records->status());
  for (std::size_t i = 0; i < dangling.size(); ++i) {
    if (present[i]) continue;
    ConflictRecord record;
    record.kind = ConflictKind::kForeignKey;
    record.table = table;
    record.key = key;
    record.loser = dangling[i].birth;
    record.winner = dangling[i].deleted_by;
    record.winner_value = dangling[i].parent_key;
    record.constraint = dangling[i].constraint;
    std::string stored_key = record_key(record);
    plan.puts.push_back({std::move(stored_key), std::move(record)});
    has_foreign_keys_.store(true);
  }
  return {};
}

Result<std::vector<std::string>> ConflictLog::dangling_rows(TableId table, std::string_view after, std::size_t limit) const {
  std::vector<std::string> rows;
  if (!has_foreign_keys()) return rows;
  std::string start(1, keys::kConflictSpace);
  put_u64_be(start, table.value);
  LDB_ASSIGN_OR_RETURN(const auto records, engine_.iterate(nullptr, keys::prefix_range(start)));
  records->seek(after.empty() ? start : row_prefix(table, after));
  for (; records->valid() && rows.size() < limit; records->next()) {
    ConflictRecord record;
    std::uint64_t ordinal = 0;
    LDB_TRY(decode_key(records->key(), record));
    LDB_TRY(decode_value(records->value(), record, ordinal));
    if (record.kind != ConflictKind::kForeignKey || record.key == after) continue;
    if (rows.empty() || rows.back() != record.key) rows.push_back(record.key);
  }
  LDB_TRY(records->status());
  return rows;
}

Status ConflictLog::revive(TableId table, std::string_view key, const RowImage& image, WriteId winner,
                           const std::function<bool(const WriteId&)>& has_seen, ConflictPlan& plan) const {
  LDB_ASSIGN_OR_RETURN(const auto records, engine_.iterate(nullptr, keys::prefix_range(row_prefix(table, key))));
  for (records->seek_to_first(); records->valid(); records->next()) {
    ConflictRecord record;
    std::uint64_t ordinal = 0;
    LDB_TRY(decode_key(records->key(), record));
    LDB_TRY(decode_value(records->value(), record, ordinal));
    const std::string stored_key(records->key());
    if (record.kind == ConflictKind::kDeadRow) {
      const bool shown = std::any_of(image.cells.begin(), image.cells.end(), [&](const RowImage::Cell& cell) {
        return record.column == cell.column && cell.id == record.loser;
      });
      if (!shown) continue;
      plan.erases.push_back(stored_key);
      plan.erases.push_back(queue_key(ordinal));
    } else if (record.kind == ConflictKind::kMaskedDelete && record.loser_value == birth_bytes(image.birth)) {
      plan.erases.push_back(stored_key);
      plan.erases.push_back(queue_key(ordinal));
      if (has_seen(record.loser)) continue;  // overwritten knowingly
      record.kind = ConflictKind::kDelete;
      record.loser_value.reset();
      record.winner = winner;
      record.winner_value.reset();
      plan.puts.push_back({stored_key, std::move(record)});
    }
  }
  return records->status();
}

std::size_t ConflictLog::emit(const ConflictPlan& plan, WriteId provisional, WriteId final_id, std::int64_t now_us,
                              WriteBatch& batch) {
  if (plan.puts.empty() && plan.erases.empty()) return 0;
  rt::MutexLock lock(mutex_);
  for (const std::string& key : plan.erases) batch.erase(key);
  for (const ConflictPlan::Put& put : plan.puts) {
    ConflictRecord record = put.record;
    record.recorded_at_us = now_us;
    if (record.winner == provisional) record.winner = final_id;
    const std::uint64_t ordinal = next_ordinal_++;
    batch.put(put.key, encode_value(record, ordinal));
    batch.put(queue_key(ordinal), put.key);
  }
  return plan.puts.size();
}

Result<std::size_t> ConflictLog::evict(LatchStripes& row_latches) {
  rt::MutexLock evicting(evict_mutex_);
  std::uint64_t from = 0, to = 0;
  {
    rt::MutexLock lock(mutex_);
    from = oldest_ordinal_;
    to = next_ordinal_ > limit_ ? next_ordinal_ - limit_ : 0;
  }
  if (from >= to) return std::size_t{0};
  LDB_ASSIGN_OR_RETURN(const auto queue, engine_.iterate(nullptr, queue_range(from, to)));
  std::vector<std::pair<std::string, std::string>> entries;
  LatchSet latches(row_latches);
  for (queue->seek_to_first(); queue->valid(); queue->next()) {
    ConflictRecord record;
    LDB_TRY(decode_key(queue->value(), record));
    latches.add(keys::row(record.table, record.key));
    entries.emplace_back(queue->key(), queue->value());
  }
  LDB_TRY(queue->status());
  // The rows' writers are out now: a record read below is erased or left as it stands.
  latches.acquire();
  WriteBatch batch;
  std::size_t evicted = 0;
  for (const auto& [queue_entry, key] : entries) {
    batch.erase(queue_entry);
    LDB_ASSIGN_OR_RETURN(const auto stored, engine_.get(nullptr, key));
    if (!stored) continue;
    ConflictRecord record;
    std::uint64_t ordinal = 0;
    LDB_TRY(decode_value(*stored, record, ordinal));
    if (queue_key(ordinal) != queue_entry) continue;
    batch.erase(key);
    ++evicted;
  }
  if (!batch.empty()) LDB_TRY(engine_.write(std::move(batch), SyncPolicy::kNone).status());
  // Records come into sight in the order of their ordinals, so what lies behind the last one seen may still be on its way.
  rt::MutexLock lock(mutex_);
  if (!entries.empty()) oldest_ordinal_ = load_u64_be(entries.back().first.data() + 1) + 1;
  return evicted;
}

}  // namespace ldb
