#include "sql/catalog/catalog_cache.hpp"

#include <algorithm>
#include <charconv>

#include "sql/catalog/catalog_loader.hpp"
#include "sql/catalog/foreign_keys.hpp"
#include "sql/catalog/row_codec.hpp"
#include "sql/catalog/system_tables.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb::sql {
namespace {

/// The row that says that a table was dropped.
std::string dropped_key(TableId table) {
  std::string key;
  const KeyColumn text{TypeId::kText, false, false};
  encode_key(Value(std::string(kDroppedScope)), text, key);
  encode_key(Value(std::to_string(table.value)), text, key);
  return keys::row(kGenerationsTable, key);
}

std::string relation_key(TableId table) {
  std::string key;
  encode_key(Value(static_cast<std::int64_t>(table.value)), KeyColumn{TypeId::kBigInt, false, false}, key);
  return keys::row(kRelationsTable, key);
}

Status append_entries(const Table& table, std::span<const Index> indexes, std::string_view key, std::string_view image,
                      std::vector<IndexEntry>& out) {
  if (indexes.empty()) return {};
  LDB_ASSIGN_OR_RETURN(const auto row, decode_row(table, image));
  for (const Index& index : indexes) {
    IndexEntry entry;
    bool has_null = false;
    entry.index = index.id;
    entry.key = encode_index_prefix(index, row, has_null);
    entry.prefix_size = entry.key.size();
    entry.key.append(key);
    entry.unique = index.unique && !has_null;
    out.push_back(std::move(entry));
  }
  return {};
}

/// Ids that own keys in one key space of the engine, found by jumping from one to the next.
Result<std::vector<std::uint64_t>> ids_in_space(StorageEngine& engine, const ReadView& view, const KeyRange& space) {
  std::vector<std::uint64_t> ids;
  LDB_ASSIGN_OR_RETURN(auto it, engine.iterate(&view, space));
  it->seek_to_first();
  while (it->valid() && it->key().size() >= keys::kPrefixSize) {
    const std::uint64_t id = load_u64_be(it->key().data() + 1);
    ids.push_back(id);
    if (id == ~std::uint64_t{0}) break;
    std::string next(1, it->key()[0]);
    put_u64_be(next, id + 1);
    it->seek(next);
  }
  LDB_TRY(it->status());
  return ids;
}

/// Relations of which a DROP left word: without rows too (and views), so that the word goes.
Status add_dropped(StorageEngine& engine, const ReadView& view, std::vector<std::uint64_t>& tables) {
  const KeyRange range = keys::dropped_table_range();
  LDB_ASSIGN_OR_RETURN(auto it, engine.iterate(&view, range));
  for (it->seek_to_first(); it->valid(); it->next()) {
    const std::string_view id = it->key().substr(range.lower->size());
    if (id.size() == 8) tables.push_back(load_u64_be(id.data()));
  }
  LDB_TRY(it->status());
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return {};
}

}  // namespace

Status CatalogCache::start(RowStore* rows, LogSink* log_sink) {
  rows_ = rows;
  log_ = log_sink;
  const Status status = maintain();
  follower_ = rt::Thread("catalog", [this] { follow_changes(); });
  return status;
}

void CatalogCache::stop() {
  {
    rt::MutexLock lock(follower_mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (follower_.joinable()) follower_.join();
}

CatalogCache::CatalogPtr CatalogCache::published() const {
  rt::ReadLock lock(state_mutex_);
  return catalog_;
}

Result<std::shared_ptr<const Catalog>> CatalogCache::current() {
  const std::uint64_t wanted = changes_.load();
  {
    rt::ReadLock lock(state_mutex_);
    if (catalog_ != nullptr && loaded_changes_ >= wanted) return catalog_;
  }
  rt::MutexLock load_lock(load_mutex_);
  bool stale = false;
  {
    rt::ReadLock lock(state_mutex_);
    stale = catalog_ == nullptr || loaded_changes_ < wanted;
  }
  if (stale) LDB_TRY(load());
  return published();
}

Status CatalogCache::load() {
  const std::uint64_t shows = changes_.load();  // before the view is taken: it may show more, never less
  TransactionOptions options;
  options.read_only = true;
  options.while_unreadable = true;  // commits that arrive while the node catches up need their index entries
  LDB_ASSIGN_OR_RETURN(const auto transaction, rows_->begin(options));
  LDB_ASSIGN_OR_RETURN(const std::shared_ptr<Catalog> catalog, load_catalog(*transaction, new_version()));
  mark_ready(*catalog, transaction->view(), {});
  rt::WriteLock lock(state_mutex_);
  catalog_ = catalog;
  loaded_changes_ = shows;
  return {};
}

void CatalogCache::mark_ready(Catalog& catalog, const ReadView& view, const std::set<IndexId>& own_ready) {
  for (auto& [id, table] : catalog.tables_) {
    if (table->indexes.empty()) continue;
    auto copy = std::make_shared<Table>(*table);
    for (Index& index : copy->indexes) {
      // Asked anew for every catalog: a whole-state copy takes the marks away.
      const auto marked = rows_->index_ready(index.id, &view);
      const bool known = marked && *marked;
      index.ready = known || own_ready.contains(index.id);
    }
    table = std::move(copy);
  }
}

void CatalogCache::set_pending(const void* owner, std::shared_ptr<const Catalog> catalog) {
  rt::WriteLock lock(state_mutex_);
  if (catalog == nullptr) {
    pending_.erase(owner);
  } else {
    pending_[owner] = std::move(catalog);
  }
}

bool CatalogCache::is_pending(TableId table) const {
  rt::ReadLock lock(state_mutex_);
  for (const auto& [owner, catalog] : pending_) {
    if (catalog->find_table(table) != nullptr) return true;
  }
  return false;
}

bool CatalogCache::is_pending(IndexId index) const {
  rt::ReadLock lock(state_mutex_);
  for (const auto& [owner, catalog] : pending_) {
    if (catalog->find_index(index).first != nullptr) return true;
  }
  return false;
}

Status CatalogCache::index_entries(TableId id, std::string_view key, std::string_view image, std::vector<IndexEntry>& out) const {
  CatalogPtr catalog;
  std::vector<CatalogPtr> pending;
  {
    rt::ReadLock lock(state_mutex_);
    catalog = catalog_;
    for (const auto& [owner, uncommitted] : pending_) pending.push_back(uncommitted);
  }
  if (is_system_table(id)) {
    const auto table = find_system_table(id);
    return table ? append_entries(*table, table->indexes, key, image, out) : Status();
  }
  const auto table = catalog ? catalog->find_table(id) : nullptr;
  if (table != nullptr) LDB_TRY(append_entries(*table, table->indexes, key, image, out));
  for (const CatalogPtr& uncommitted : pending) {
    const auto other = uncommitted->find_table(id);
    if (other == nullptr) continue;
    std::vector<Index> extra;
    for (const Index& index : other->indexes) {
      if (table == nullptr || table->find_index(index.id) == nullptr) extra.push_back(index);
    }
    LDB_TRY(append_entries(*other, extra, key, image, out));
  }
  return {};
}

Status CatalogCache::references(TableId id, std::string_view, std::string_view image, std::vector<RowReference>& out) const {
  if (is_system_table(id)) return {};
  const CatalogPtr catalog = published();
  const auto table = catalog ? catalog->find_table(id) : nullptr;
  return table ? append_references(*catalog, *table, image, out) : Status();
}

Status CatalogCache::referrers(TableId id, std::string_view key, std::string_view image, std::vector<RowReference>& out) const {
  if (is_system_table(id)) return {};
  const CatalogPtr catalog = published();
  const auto table = catalog ? catalog->find_table(id) : nullptr;
  return table ? append_referrers(*catalog, *table, key, image, out) : Status();
}

Result<std::string> CatalogCache::primary_key_of_entry(IndexId index, std::string_view entry) const {
  const CatalogPtr catalog = published();
  if (catalog == nullptr) return Status(StatusCode::kUnavailable, "the catalog is not loaded");
  const auto [table, place] = catalog->find_index(index);
  if (table == nullptr) return Status(StatusCode::kAborted, "an index was dropped meanwhile");
  LDB_ASSIGN_OR_RETURN(const std::size_t size, key_prefix_size(entry, table->indexes[place].key));
  return std::string(entry.substr(size));
}

std::optional<TableId> CatalogCache::table_ended_by(TableId table, std::string_view key) const {
  if (table != kGenerationsTable) return std::nullopt;
  const KeyColumn text{TypeId::kText, false, false};
  const auto scope = decode_key(key, text);
  if (!scope || scope->is_null() || scope->to_string() != kDroppedScope) return std::nullopt;
  const auto name = decode_key(key, text);
  if (!name || name->is_null()) return std::nullopt;
  const std::string digits = name->to_string();
  TableId id;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id.value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return id;
}

Result<std::optional<WriteId>> CatalogCache::ended(TableId table) const {
  std::optional<WriteId> none;
  const CatalogPtr catalog = published();
  if (is_system_table(table) || catalog == nullptr || catalog->find_table(table) || is_pending(table)) return none;
  LDB_ASSIGN_OR_RETURN(const auto stored, rows_->engine().get(nullptr, dropped_key(table)));
  if (!stored) return none;
  RowImageReader image;
  LDB_TRY(image.parse(*stored));
  return image.alive() ? std::optional<WriteId>(image.liveness()) : none;
}

Result<bool> CatalogCache::relation_exists(TableId table) const {
  LDB_ASSIGN_OR_RETURN(const auto dropped, ended(table));
  if (dropped) return false;
  LDB_ASSIGN_OR_RETURN(const auto stored, rows_->engine().get(nullptr, relation_key(table)));
  if (!stored) return false;
  return image_lives(*stored);
}

void CatalogCache::catalog_changed(std::uint64_t) {
  changes_.fetch_add(1);
  rt::MutexLock lock(follower_mutex_);
  is_behind_ = true;
  changed_.notify_one();
}

void CatalogCache::follow_changes() {
  rt::MutexLock lock(follower_mutex_);
  for (;;) {
    while (!is_behind_ && !stopping_) changed_.wait(follower_mutex_);
    if (stopping_) return;
    is_behind_ = false;
    lock.unlock();
    if (const Status status = maintain(); !status) {
      log_->log(LogLevel::kWarning, "sql",
                "following a schema change failed, will be tried at the next one: " + status.to_string());
    }
    lock.lock();
  }
}

Status CatalogCache::maintain() {
  rt::MutexLock lock(maintain_mutex_);
  return maintain_locked();
}

Status CatalogCache::maintain_locked() {
  bool built = false;
  LDB_TRY(build_indexes(built));
  if (built) {
    changes_.fetch_add(1);  // Index::ready has changed
    LDB_TRY(current().status());
  }
  LDB_TRY(check_foreign_keys());
  return sweep();
}

/// After indexes were built, since that is how rows that refer to others are found.
Status CatalogCache::check_foreign_keys() {
  LDB_ASSIGN_OR_RETURN(const CatalogPtr catalog, current());
  LDB_ASSIGN_OR_RETURN(const auto checked, rows_->foreign_keys_checked());
  std::map<TableId, std::uint64_t> wanted;
  for (const auto& [id, table] : catalog->tables()) {
    if (const std::uint64_t definition = foreign_key_definition(*catalog, *table); definition != 0) wanted[id] = definition;
  }
  for (const auto& [id, definition] : checked) wanted.emplace(id, 0);  // tables that have none any more
  for (const auto& [id, definition] : wanted) {
    const auto found = checked.find(id);
    if (found != checked.end() && found->second == definition && definition != 0) continue;
    LDB_TRY(rows_->check_foreign_keys(id, definition).with_context("checking foreign keys"));
  }
  return {};
}

Status CatalogCache::build_indexes(bool& built) {
  LDB_ASSIGN_OR_RETURN(const CatalogPtr catalog, current());
  std::vector<std::pair<TableId, IndexId>> missing;
  for (const auto& table : system_tables()) {
    for (const Index& index : table->indexes) {
      LDB_ASSIGN_OR_RETURN(const bool ready, rows_->index_ready(index.id));
      if (!ready) missing.emplace_back(table->id, index.id);
    }
  }
  for (const auto& [id, table] : catalog->tables()) {
    for (const Index& index : table->indexes) {
      if (!index.ready) missing.emplace_back(id, index.id);
    }
  }
  for (const auto& [table, index] : missing) {
    LDB_TRY(rows_->build_index(table, index).with_context("building an index"));
    built = true;
  }
  return {};
}

/// Removes rows and entries whose table or index no longer exists. The view is older than the catalog, so whatever it shows of a
/// table that the catalog lacks has been dropped.
Status CatalogCache::sweep() {
  // Half of a whole-state copy looks as if everything else had been dropped.
  TransactionOptions options;
  options.read_only = true;
  if (!rows_->begin(options)) return {};
  StorageEngine& engine = rows_->engine();
  std::vector<std::uint64_t> tables;
  std::vector<std::uint64_t> indexes;
  {
    const auto view = engine.view();
    LDB_ASSIGN_OR_RETURN(tables, ids_in_space(engine, *view, keys::all_rows()));
    LDB_ASSIGN_OR_RETURN(indexes, ids_in_space(engine, *view, keys::all_index_entries()));
    LDB_TRY(add_dropped(engine, *view, tables));
  }
  LDB_ASSIGN_OR_RETURN(CatalogPtr catalog, current());
  const auto unknown_table = [&](std::uint64_t id) {
    return !is_system_table(TableId{id}) && !catalog->find_table(TableId{id}) && !is_pending(TableId{id});
  };
  const auto unknown_index = [&](std::uint64_t id) {
    return IndexId{id} > kLastSystemIndex && !catalog->find_index(IndexId{id}).first && !is_pending(IndexId{id});
  };
  std::erase_if(tables, [&](std::uint64_t id) { return !unknown_table(id); });
  std::erase_if(indexes, [&](std::uint64_t id) { return !unknown_index(id); });
  if (tables.empty() && indexes.empty()) return {};
  // A commit may be visible before it was announced: decide by a catalog that is surely newer than the view.
  changes_.fetch_add(1);
  LDB_ASSIGN_OR_RETURN(catalog, current());
  for (const std::uint64_t id : tables) {
    if (!unknown_table(id)) continue;
    // A table whose schema was dropped on another node is out of sight, and comes back with the schema.
    LDB_ASSIGN_OR_RETURN(const bool exists, relation_exists(TableId{id}));
    if (!exists) LDB_TRY(rows_->drop_table_data(TableId{id}));
  }
  for (const std::uint64_t id : indexes) {
    if (!unknown_index(id)) continue;
    LDB_TRY(rows_->drop_index_data(IndexId{id}));
  }
  return {};
}

}  // namespace ldb::sql
