#include "replication/apply/commit_plan.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/planted_bug.hpp"
#include "txn/keys.hpp"

namespace ldb {
namespace {

using Effect = MergeResult::Effect;

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::size_t kShown = 32;
  std::string out;
  for (const char c : bytes.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return bytes.size() > kShown ? out + "..." : out;
}

Status changed(const WriteView& write) {
  return Status(StatusCode::kConflict, "could not serialize access: row " + hex(write.key) + " of table " +
                                           std::to_string(write.table.value) +
                                           " was changed by another commit; run the transaction again");
}

std::string unique_latch(IndexId index, std::string_view prefix) { return keys::index_entry(index, prefix); }

void replace_id(RowImage& image, WriteId provisional, WriteId final_id) {
  const auto replace = [&](WriteId& id) {
    if (id == provisional) id = final_id;
  };
  replace(image.liveness);
  replace(image.tombstone);
  for (RowImage::Cell& cell : image.cells) replace(cell.id);
}

}  // namespace

CommitPlan::CommitPlan(const PlanServices& services, const CommitView& commit)
    : services_(services), commit_(commit), row_latches_(services.row_latches), unique_latches_(services.unique_latches) {
  rows_.resize(commit.writes.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].write = &commit.writes[i];
    rows_[i].row_key = keys::row(commit.writes[i].table, commit.writes[i].key);
  }
  forget_indexer_without_schema();
}

CommitPlan::CommitPlan(const PlanServices& services, const CommitView& commit, LatchedRows rows)
    : services_(services), commit_(commit), row_latches_(std::move(rows.latches)), unique_latches_(services.unique_latches) {
  LDB_CHECK(rows.keys.size() == commit.writes.size() && rows.images.size() == commit.writes.size());
  rows_.resize(commit.writes.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].write = &commit.writes[i];
    rows_[i].row_key = std::move(rows.keys[i]);
    rows_[i].stored = std::move(rows.images[i]);
    rows_[i].was_read = true;
  }
  forget_indexer_without_schema();
}

void CommitPlan::forget_indexer_without_schema() {
  const auto has_schema = [](const WriteView& write) { return keys::has_schema(write.table); };
  if (std::none_of(commit_.writes.begin(), commit_.writes.end(), has_schema)) services_.indexer = nullptr;
}

void CommitPlan::latch_rows(const std::vector<CommitRequirement>& requirements) {
  for (const Row& row : rows_) row_latches_.add(row.row_key);
  for (const CommitRequirement& requirement : requirements)
    if (requirement.kind != CommitRequirement::Kind::kUnique) row_latches_.add(keys::row(requirement.table, requirement.key));
  row_latches_.acquire();
}

Status CommitPlan::check_unchanged(std::uint64_t view_sequence) const {
  for (const Row& row : rows_) {
    LDB_ASSIGN_OR_RETURN(const std::uint64_t newest, services_.engine.newest_sequence(row.row_key));
    if (newest > view_sequence) return changed(*row.write);
  }
  return {};
}

/// Tables that are gone take no writes any more; a commit that ends one leaves word of what it had seen.
Status CommitPlan::find_ended_tables() {
  for (const Row& row : rows_) {
    const TableId table = row.write->table;
    if (!ended_.contains(table)) {
      LDB_ASSIGN_OR_RETURN(ended_[table], services_.indexer->ended(table));
    }
    if (row.write->kind == RowWrite::Kind::kDelete) continue;
    const auto ends = services_.indexer->table_ended_by(table, row.write->key);
    if (!ends) continue;
    LDB_ASSIGN_OR_RETURN(const auto word, services_.engine.get(nullptr, keys::dropped_table(*ends)));
    Drop drop{*ends, {}};
    if (word) {
      LDB_ASSIGN_OR_RETURN(drop.before, DroppedTable::decode(*word));
    }
    drops_.push_back(std::move(drop));
    LDB_TRY(services_.conflicts.dropped_knowingly(
        *ends, [&](const WriteId& id) { return commit_.has_seen(id); }, conflicts_));
  }
  return {};
}

Status CommitPlan::merge() {
  if (services_.indexer != nullptr) LDB_TRY(find_ended_tables());
  for (Row& row : rows_) LDB_TRY(merge_row(row));
  if (services_.indexer != nullptr) {
    for (const Row& row : rows_) LDB_TRY(index_row(row));
    for (std::size_t i = 0; i < rows_.size(); ++i) LDB_TRY(note_references(i));
  }
  // An entry that stays is neither added nor erased.
  for (auto entry = added_entries_.begin(); entry != added_entries_.end();) {
    if (erased_entries_.erase(*entry) != 0)
      entry = added_entries_.erase(entry);
    else
      ++entry;
  }
  return {};
}

Status CommitPlan::merge_row(Row& row) {
  if (const auto ended = ended_.find(row.write->table); ended != ended_.end() && ended->second) {
    row.table_ended = true;
    const bool ends_it = std::any_of(drops_.begin(), drops_.end(), [&](const Drop& d) { return d.table == row.write->table; });
    if (ends_it) return {};  // it has dropped the table too, after writing to it
    const std::vector<Loss> losses = lost_to_drop(commit_, *row.write, *ended->second);
    return services_.conflicts.add(row.write->table, row.write->key, {}, losses, conflicts_);
  }
  if (!row.was_read) {
    LDB_ASSIGN_OR_RETURN(row.stored, services_.engine.get(nullptr, row.row_key));
  }
  if (row.stored) {
    Result<RowImage> image = decode_row_image(*row.stored);
    if (!image)
      return image.error().with_context("table " + std::to_string(row.write->table.value) + ", row " + hex(row.write->key));
    row.image = std::move(image).value();
  }
  const WriteOrder order(services_.resolver, row.write->table, row.write->key);
  row.merged = merge_write(order, row.stored ? &row.image : nullptr,
                           row.stored ? std::string_view(*row.stored) : std::string_view(), commit_, *row.write);
  if (row.merged.revived)
    LDB_TRY(services_.conflicts.revive(
        row.write->table, row.write->key, row.merged.image, commit_.id(), [&](const WriteId& id) { return commit_.has_seen(id); },
        conflicts_));
  if (row.merged.losses.empty()) return {};
  return services_.conflicts.add(row.write->table, row.write->key, row.image.birth, row.merged.losses, conflicts_);
}

Status CommitPlan::index_row(const Row& row) {
  if (row.merged.effect == Effect::kNone) return {};
  const TableId table = row.write->table;
  std::vector<IndexEntry> entries;
  if (row.stored && row.image.alive) {
    LDB_TRY(services_.indexer->index_entries(table, row.write->key, *row.stored, entries));
    for (const IndexEntry& entry : entries) {
      if (planted(PlantedBug::kIndexKeepsOldEntry)) continue;
      erased_entries_.insert(keys::index_entry(entry.index, entry.key));
    }
    entries.clear();
  }
  if (row.merged.effect == Effect::kInserted) {
    LDB_TRY(services_.indexer->index_entries(table, row.write->key, commit_.image(*row.write), entries));
  } else if (row.merged.image.alive) {
    LDB_TRY(services_.indexer->index_entries(table, row.write->key, encode_row_image(row.merged.image), entries));
  }
  for (IndexEntry& entry : entries) {
    std::string key = keys::index_entry(entry.index, entry.key);
    const bool is_new = erased_entries_.find(key) == erased_entries_.end();
    added_entries_.insert(std::move(key));
    if (is_new && entry.unique) unique_entries_.push_back({static_cast<std::size_t>(&row - rows_.data()), std::move(entry)});
  }
  return {};
}

Status CommitPlan::check_births() const {
  for (const Row& row : rows_) {
    if (row.table_ended) return changed(*row.write);
    if (row.write->kind == RowWrite::Kind::kInsert) continue;
    if (!row.stored || !row.image.alive || row.image.birth != row.write->birth) return changed(*row.write);
  }
  return {};
}

void CommitPlan::latch_unique(const std::vector<CommitRequirement>& requirements) {
  for (const UniqueEntry& unique : unique_entries_)
    unique_latches_.add(unique_latch(unique.entry.index, std::string_view(unique.entry.key).substr(0, unique.entry.prefix_size)));
  for (const CommitRequirement& requirement : requirements)
    if (requirement.kind == CommitRequirement::Kind::kUnique)
      unique_latches_.add(unique_latch(requirement.index, requirement.prefix));
  for (const ChildEnd& end : child_ends_) unique_latches_.add(unique_latch(end.reference.index, end.reference.prefix));
  for (const RowReference& end : parent_ends_) unique_latches_.add(unique_latch(end.index, end.prefix));
  unique_latches_.acquire();
}

Status CommitPlan::check_requirements(const std::vector<CommitRequirement>& requirements) const {
  for (const CommitRequirement& requirement : requirements) LDB_TRY(check(requirement));
  return {};
}

Status CommitPlan::check(const CommitRequirement& requirement) const {
  Result<bool> holds = false;
  switch (requirement.kind) {
    case CommitRequirement::Kind::kRowAlive:
      holds = row_alive(requirement.table, requirement.key);
      break;
    case CommitRequirement::Kind::kUnique: {
      const std::string own = keys::index_entry(requirement.index, requirement.prefix + requirement.key);
      holds = has_other_entry(requirement.index, requirement.prefix, &own);
      if (holds) holds = !*holds;
      break;
    }
    case CommitRequirement::Kind::kNoEntries:
      holds = has_other_entry(requirement.index, requirement.prefix, nullptr);
      if (holds) holds = !*holds;
      break;
  }
  if (!holds) return holds.error();
  if (*holds) return {};
  return requirement.violation ? Status(StatusCode::kConstraint, "a requirement of the commit does not hold")
                               : requirement.violation;
}

Result<bool> CommitPlan::row_alive(TableId table, std::string_view key) const {
  const std::string row_key = keys::row(table, key);
  for (const Row& row : rows_) {
    if (row.row_key != row_key) continue;
    return row.merged.effect == Effect::kInserted || (row.merged.effect == Effect::kMerged && row.merged.image.alive);
  }
  LDB_ASSIGN_OR_RETURN(const auto stored, services_.engine.get(nullptr, row_key));
  if (!stored) return false;
  return image_lives(*stored);
}

Result<bool> CommitPlan::has_other_entry(IndexId index, const std::string& prefix, const std::string* own) const {
  const std::string start = keys::index_entry(index, prefix);
  for (auto entry = added_entries_.lower_bound(start); entry != added_entries_.end() && entry->starts_with(start); ++entry)
    if (own == nullptr || *entry != *own) return true;
  LDB_ASSIGN_OR_RETURN(const auto entries, services_.engine.iterate(nullptr, keys::prefix_range(start)));
  for (entries->seek_to_first(); entries->valid(); entries->next()) {
    const std::string key(entries->key());
    if ((own == nullptr || key != *own) && erased_entries_.find(key) == erased_entries_.end()) return true;
  }
  LDB_TRY(entries->status());
  return false;
}

Status CommitPlan::find_unique_violations() {
  for (const UniqueEntry& unique : unique_entries_) {
    const Row& row = rows_[unique.row];
    const TableId table = row.write->table;
    const WriteId birth = row.merged.effect == Effect::kInserted ? commit_.id() : row.merged.image.birth;
    const std::string start =
        keys::index_entry(unique.entry.index, std::string_view(unique.entry.key).substr(0, unique.entry.prefix_size));
    const std::string own = keys::index_entry(unique.entry.index, unique.entry.key);
    LDB_ASSIGN_OR_RETURN(const auto entries, services_.engine.iterate(nullptr, keys::prefix_range(start)));
    for (entries->seek_to_first(); entries->valid(); entries->next()) {
      const std::string key(entries->key());
      if (key == own || erased_entries_.find(key) != erased_entries_.end()) continue;
      const std::string other_key = key.substr(start.size());
      LDB_ASSIGN_OR_RETURN(const auto stored, services_.engine.get(nullptr, keys::row(table, other_key)));
      if (!stored) continue;
      RowImageReader other;
      LDB_TRY(other.parse(*stored));
      if (!other.alive()) continue;
      const bool other_loses = birth < other.birth();
      LDB_TRY(services_.conflicts.add_unique(
          table, other_loses ? other_key : std::string(row.write->key), other_loses ? other.birth() : birth, unique.entry.index,
          other_loses ? std::string(row.write->key) : other_key, other_loses ? birth : other.birth(), conflicts_));
    }
    LDB_TRY(entries->status());
  }
  return {};
}

void CommitPlan::fill(WriteBatch& batch, WriteId final_id) {
  constexpr std::size_t kVectorEntry = 80;  // put by the caller
  constexpr std::size_t kUsualRow = 80;     // of which the image's ids are a good part
  const WriteId provisional = commit_.id();
  std::size_t bytes = kVectorEntry;
  for (const Row& row : rows_) {
    bytes += row.row_key.size() + kUsualRow;
    if (row.merged.effect == Effect::kMerged) bytes += (row.stored ? row.stored->size() : 0) + row.write->cells.size();
  }
  batch.reserve(bytes);
  for (Row& row : rows_) {
    if (row.merged.effect == Effect::kInserted) {
      batch.put_from_commit(std::move(row.row_key), row.write->image_offset, row.write->image_size);
    } else if (row.merged.effect == Effect::kMerged) {
      replace_id(row.merged.image, provisional, final_id);
      batch.put(std::move(row.row_key), encode_row_image(row.merged.image));
    }
  }
  for (Drop& drop : drops_) {
    drop.before.add(final_id, commit_.dependencies);
    batch.put(keys::dropped_table(drop.table), drop.before.encode());
  }
  for (const std::string& entry : erased_entries_) batch.erase(entry);
  for (const std::string& entry : added_entries_) batch.put(entry, {});
}

std::vector<std::string> CommitPlan::written_keys() const {
  std::vector<std::string> written(erased_entries_.begin(), erased_entries_.end());
  written.insert(written.end(), added_entries_.begin(), added_entries_.end());
  for (const Row& row : rows_)
    if (row.merged.effect != Effect::kNone) written.push_back(row.row_key);
  return written;
}

bool CommitPlan::writes_catalog() const {
  return std::any_of(commit_.writes.begin(), commit_.writes.end(),
                     [](const WriteView& write) { return keys::is_catalog_table(write.table); });
}

void CommitPlan::release() {
  unique_latches_.release();
  row_latches_.release();
}

}  // namespace ldb
