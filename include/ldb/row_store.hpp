// The transactional row layer: what the SQL front end and the key-value interface stand on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/commit.hpp"
#include "ldb/ids.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb {

/// One entry of a secondary index: `key` is the indexed values followed by the primary key, both order-preserving and
/// self-delimiting; the first `prefix_size` bytes are the values.
struct IndexEntry {
  IndexId index;
  std::string key;
  std::size_t prefix_size = 0;
  bool unique = false;  ///< two entries with one prefix violate a constraint (never set when a value is NULL)
};

/// One value of a foreign key: both ends of it. Rows of `child` whose entries in `index` start with `prefix` refer to the row of
/// `parent` with the key `parent_key` or, when that is empty, with an entry of `parent_index` that starts with `parent_prefix`.
struct RowReference {
  ConstraintId constraint;
  TableId child;
  IndexId index;
  std::string prefix;
  TableId parent;
  std::string parent_key;
  IndexId parent_index;  ///< 0 beside an empty key: no row can be the parent
  std::string parent_prefix;
  friend bool operator==(const RowReference&, const RowReference&) = default;
};

/// Knows the schema on behalf of the layers below SQL. Any thread. Implemented by the SQL front end.
class RowIndexer {
 public:
  virtual ~RowIndexer() = default;
  /// Appends the index entries of a live row (`image`: stored row, src/txn/row_image.hpp). Unknown table: no entries.
  virtual Status index_entries(TableId table, std::string_view key, std::string_view image,
                               std::vector<IndexEntry>& out) const = 0;
  /// Appends what a row refers to by foreign keys, and by what it may be referred to. Unknown table: nothing.
  virtual Status references(TableId table, std::string_view key, std::string_view image, std::vector<RowReference>& out) const;
  virtual Status referrers(TableId table, std::string_view key, std::string_view image, std::vector<RowReference>& out) const;
  /// The primary key at the end of an index entry's key.
  virtual Result<std::string> primary_key_of_entry(IndexId index, std::string_view entry) const;
  /// The table that ends when this row is written; none for other rows.
  virtual std::optional<TableId> table_ended_by(TableId table, std::string_view key) const;
  /// The write that ended a table which the newest schema does not have any more: nothing is stored for it from then on. None
  /// when the table is there, or nothing is known of it.
  virtual Result<std::optional<WriteId>> ended(TableId table) const;
  /// A commit (local or remote) changed system tables and is visible from `sequence` on. Must not block on commits or call back
  /// synchronously into the row store's commit path; index builds are started on another thread or by the statement itself.
  virtual void catalog_changed(std::uint64_t sequence) = 0;
};

/// Rows (alive ones only) in primary-key order, or index entries in index order. One thread; must not outlive its transaction,
/// and is invalidated by writes of that transaction. Views returned live until the next movement.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  virtual bool valid() const = 0;
  virtual void next() = 0;
  /// Primary key; for an index cursor the entry's whole key.
  virtual std::string_view key() const = 0;
  /// Stored row image (decode with RowImageReader); empty for an index cursor.
  virtual std::string_view image() const = 0;
  virtual Status status() const = 0;
};

enum class IsolationLevel : std::uint8_t { kReadCommitted, kSnapshot, kSerializable };

struct TransactionOptions {
  IsolationLevel isolation = IsolationLevel::kSnapshot;
  bool read_only = false;
  SyncPolicy sync = SyncPolicy::kSync;
  /// Begin also while the node cannot serve (catching up, copying): for the front end's own bookkeeping, never for users' reads.
  bool while_unreadable = false;
};

/// A transaction over rows, with its own writes visible to itself. One thread at a time. Destruction rolls back.
/// Errors: kConflict when another commit changed a row this one writes (run it again); kUnavailable while the node cannot serve.
class RowTransaction {
 public:
  virtual ~RowTransaction() = default;

  virtual Result<std::optional<std::string>> get(TableId table, std::string_view key) = 0;  ///< image of the live row
  virtual Result<std::unique_ptr<RowCursor>> scan(TableId table, const KeyRange& keys, bool reverse = false) = 0;
  /// kConflict when the index is not ready in this transaction's view: made after it, dropped before it, or being built anew.
  virtual Result<std::unique_ptr<RowCursor>> scan_index(IndexId index, const KeyRange& entries, bool reverse = false) = 0;
  /// This transaction has made the index, and its own writes are all the entries there are: it is ready from now on.
  virtual void own_index(IndexId index) = 0;

  /// Cells: ascending column id. kAlreadyExists when the row is alive in this transaction's eyes.
  virtual Status insert(TableId table, std::string_view key, std::vector<CellWrite> cells) = 0;
  /// kNotFound when the row is not alive. Cells left out keep their value.
  virtual Status update(TableId table, std::string_view key, std::vector<CellWrite> cells) = 0;
  virtual Status erase(TableId table, std::string_view key) = 0;
  /// insert() or update(), by what is there. Cells: all of the row's.
  virtual Status upsert(TableId table, std::string_view key, std::vector<CellWrite> cells) = 0;
  /// Checked at commit on the newest state (see CommitRequirement).
  virtual void require(CommitRequirement requirement) = 0;

  /// Savepoints nest by number: rolling back to n undoes everything after savepoint() returned n, and keeps n usable.
  virtual std::size_t savepoint() = 0;
  virtual Status rollback_to(std::size_t savepoint) = 0;

  /// READ COMMITTED: later reads see what is committed now. While the node cannot serve, reads, writes and the commit fail until
  /// it is called again. No effect under the other levels.
  virtual void begin_statement() = 0;
  virtual bool has_writes() const = 0;
  virtual std::uint64_t view_sequence() const = 0;
  virtual const TransactionOptions& options() const = 0;
  /// The view, for readers of raw keys below the rows (content hash, ldb.conflicts).
  virtual const ReadView& view() const = 0;

  /// Afterwards only destruction is allowed. A transaction without writes commits without I/O (outcome.dot is empty).
  virtual Result<CommitOutcome> commit() = 0;
  virtual void rollback() = 0;
};

/// What RowStore::put writes. Cells: all of the row's, ascending column id.
struct WholeRow {
  std::string key;
  std::vector<CellWrite> cells;
};

/// One per node. Any thread.
class RowStore {
 public:
  virtual ~RowStore() = default;
  virtual Result<std::unique_ptr<RowTransaction>> begin(const TransactionOptions& options) = 0;
  /// Image of the live row in the newest state: a transaction of its own, without the cost of one.
  virtual Result<std::optional<std::string>> get(TableId table, std::string_view key) = 0;
  /// Writes whole rows, each key once, over whatever is there, in a transaction of its own that meets no conflicts. For tables of
  /// ldb's own data, which have no schema that must be checked; kInvalidArgument for others.
  virtual Result<CommitOutcome> put(TableId table, std::vector<WholeRow> rows, SyncPolicy sync) = 0;
  /// Null until the SQL front end sets it during start; borrowed.
  virtual void set_indexer(RowIndexer* indexer) = 0;
  /// Writes the entries of `index` for every row of `table` and then marks the index ready on this node (survives restarts).
  /// Concurrent commits go on; they maintain the index by themselves as soon as the indexer knows it. Idempotent.
  virtual Status build_index(TableId table, IndexId index) = 0;
  /// In `view`; null: now.
  virtual Result<bool> index_ready(IndexId index, const ReadView* view = nullptr) = 0;
  /// Brings the `foreign key` records of ldb.conflicts for all rows of a table in line with what the indexer says now, and notes
  /// `definition` (of the table's foreign keys; 0: it has none) as checked, unless an index is not ready. For constraints that
  /// are new here, and after a whole-state copy; otherwise commits see to it themselves.
  virtual Status check_foreign_keys(TableId child, std::uint64_t definition) = 0;
  /// Definitions noted, by table; 0: what was checked does not hold any more.
  virtual Result<std::map<TableId, std::uint64_t>> foreign_keys_checked() = 0;
  /// Removes all entries of a dropped index from this node's storage, and its ready mark.
  virtual Status drop_index_data(IndexId index) = 0;
  /// Removes the rows of a table that the indexer does not know any more; those that no DROP had seen go to ldb.conflicts.
  virtual Status drop_table_data(TableId table) = 0;
  virtual StorageEngine& engine() = 0;
};

}  // namespace ldb
