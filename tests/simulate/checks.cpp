#include "checks.hpp"

#include <algorithm>

#include "replication/conflict_log.hpp"
#include "sql/catalog/catalog_loader.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace simulate {

using namespace ldb;

namespace {

/// Looks into one node below SQL: ids of commits, index entries, conflict records.
class Inspector {
 public:
  Inspector(Run& run, Node& node) : run_(run), node_(node) {
    TransactionOptions options;
    options.read_only = true;
    rows_ = must(node.rows().begin(options));
    catalog_ = must(sql::load_catalog(*rows_, 1));
  }

  std::shared_ptr<const sql::Table> table(const std::string& name) const {
    auto found = catalog_->find_table({"ldb", "public", name});
    if (!found) fail("no table " + name);
    return found;
  }

  /// Id of every commit that is there, by transaction number: the birth of its history row.
  std::map<std::int64_t, oracle::Id> commits() {
    std::map<std::int64_t, oracle::Id> found;
    const auto history = table("history");
    const auto cursor = must(rows_->scan(history->id, {}));
    for (; cursor->valid(); cursor->next()) {
      RowImageReader reader;
      must(reader.parse(cursor->image()));
      found[key_of(cursor->key())] = {reader.birth().stamp.value, reader.birth().origin.value};
    }
    must(cursor->status());
    return found;
  }

  /// After a whole-state copy indexes are built in the background.
  void wait_until_ready(const sql::Index& index) {
    const std::int64_t deadline = run_.world.now_ns() + 60'000 * kMs;
    while (!must(node_.rows().index_ready(index.id))) {
      if (run_.world.now_ns() > deadline) fail("index " + index.name + " is never built");
      run_.world.sleep_ns(10 * kMs);
    }
    TransactionOptions options;
    options.read_only = true;
    rows_ = must(node_.rows().begin(options));  // a view that shows it
  }

  /// (indexed value or NULL, primary key) of every entry.
  std::multiset<std::pair<std::string, std::int64_t>> entries(const sql::Index& index) {
    std::multiset<std::pair<std::string, std::int64_t>> found;
    const auto cursor = must(rows_->scan_index(index.id, {}));
    for (; cursor->valid(); cursor->next()) {
      std::string_view key = cursor->key();
      const Value value = must(sql::decode_key(key, index.key.at(0)));
      found.emplace(value.is_null() ? "NULL" : value.to_string(), key_of(key));
    }
    must(cursor->status());
    return found;
  }

  /// (row, loser, winner) of all records.
  std::vector<std::pair<ConflictRecord, oracle::RowKey>> conflicts() {
    std::vector<std::pair<ConflictRecord, oracle::RowKey>> found;
    const auto cursor = must(ConflictCursor::open(node_.storage(), &rows_->view()));
    for (; cursor->valid(); cursor->next()) {
      const auto owner = catalog_->find_table(cursor->record().table);
      if (!owner || owner->system) continue;
      found.emplace_back(cursor->record(), oracle::RowKey(owner->name.name, key_of(cursor->record().key)));
    }
    must(cursor->status());
    return found;
  }

  /// Primary keys of the records of one kind, whatever table they are of.
  std::multiset<std::int64_t> recorded(ConflictKind kind) {
    TransactionOptions options;
    options.read_only = true;
    rows_ = must(node_.rows().begin(options));  // records are also made in the background
    std::multiset<std::int64_t> found;
    const auto cursor = must(ConflictCursor::open(node_.storage(), &rows_->view()));
    for (; cursor->valid(); cursor->next())
      if (cursor->record().kind == kind) found.insert(key_of(cursor->record().key));
    must(cursor->status());
    return found;
  }

  /// Primary keys of all tables that were made under a name (of two made at once the later one was renamed).
  std::set<std::int64_t> keys_under(const std::string& name) {
    std::set<std::int64_t> found;
    for (const auto& [id, table] : catalog_->tables()) {
      if (!table->name.name.starts_with(name)) continue;
      const auto cursor = must(rows_->scan(id, {}));
      for (; cursor->valid(); cursor->next()) found.insert(key_of(cursor->key()));
      must(cursor->status());
    }
    return found;
  }

  /// Are there rows of tables that the catalog does not have?
  bool has_stray_rows() {
    const auto rows = must(node_.storage().iterate(&rows_->view(), keys::all_rows()));
    for (rows->seek_to_first(); rows->valid(); rows->next()) {
      const TableId table = keys::table_of(rows->key());
      if (table.value >= keys::kFirstUserTable && !catalog_->find_table(table)) return true;
    }
    must(rows->status());
    return false;
  }

  std::int64_t key_of(std::string_view key) const {
    return must(must(sql::decode_key(key, sql::KeyColumn{TypeId::kBigInt, false, false})).as<std::int64_t>());
  }

  bool is_doubtful(const std::string& column) const { return run_.history.is_doubtful(column); }

  [[noreturn]] void fail(const std::string& why) const { run_.world.fail("on " + node_.id().name + ": " + why); }
  void must(const Status& status) const {
    if (!status) fail(status.to_string());
  }
  template <class T>
  T must(Result<T> result) const {
    must(result.error());
    return std::move(result).value();
  }

 private:
  Run& run_;
  Node& node_;
  std::unique_ptr<RowTransaction> rows_;
  std::shared_ptr<const sql::Catalog> catalog_;
};

std::string show(const oracle::Id& id) { return std::to_string(id.stamp) + "@" + std::to_string(id.origin); }

/// The transactions that took place: every acknowledged one must be there, of the others those that are.
std::vector<oracle::Transaction> settled(Run& run, const Inspector& where, const std::map<std::int64_t, oracle::Id>& commits) {
  std::vector<oracle::Transaction> transactions;
  for (const auto& [number, attempt] : run.history.attempts()) {
    const auto found = commits.find(number);
    if (found == commits.end()) {
      if (attempt.acknowledged && !attempt.may_be_lost)
        where.fail("acknowledged transaction " + std::to_string(number) + " is lost");
      run.world.count(attempt.acknowledged ? "event.commit_lost_with_disk" : "event.unknown_outcome_no");
      continue;
    }
    if (!attempt.acknowledged) run.world.count("event.unknown_outcome_yes");
    oracle::Transaction transaction = attempt.transaction;
    if (attempt.acknowledged && transaction.id != found->second) {
      where.fail("transaction " + std::to_string(number) + " was acknowledged as " + show(transaction.id) + " and is there as " +
                 show(found->second));
    }
    transaction.id = found->second;
    transactions.push_back(std::move(transaction));
  }
  for (const auto& [number, id] : commits) {
    if (!run.history.attempts().contains(number)) where.fail("transaction " + std::to_string(number) + " was never made");
  }
  return transactions;
}

/// Everything that was done to a row, for the one who looks into a failure.
std::string history_of(const std::vector<oracle::Transaction>& transactions, const oracle::RowKey& row) {
  std::string text;
  for (const oracle::Transaction& transaction : transactions) {
    for (const oracle::Operation& operation : transaction.operations) {
      if (operation.row != row) continue;
      text += "\n  " + show(transaction.id) + " transaction " + std::to_string(transaction.number);
      text += operation.kind == oracle::Operation::Kind::kInsert   ? " inserts"
              : operation.kind == oracle::Operation::Kind::kUpdate ? " updates"
                                                                   : " deletes";
      for (const auto& [column, cell] : operation.cells) text += " " + column + "=" + cell.value_or("NULL");
      text += ", having seen";
      for (const auto& [origin, stamp] : transaction.seen) text += " " + show({stamp, origin});
    }
  }
  return text;
}

void check_rows(const Inspector& where, Node& node, const std::vector<oracle::Transaction>& transactions,
                const oracle::Outcome& expected, const std::map<std::string, std::int64_t>& added) {
  for (const std::string table : {"a", "b"}) {
    const auto rows = node.execute("SELECT * FROM " + table + " ORDER BY id");
    where.must(rows.error());
    if (table == "a") {
      for (const auto& [column, default_value] : added) {
        if (!rows->find_column(column) && !where.is_doubtful(column)) where.fail("column " + column + " is gone");
      }
    }
    std::size_t expected_rows = 0;
    for (const auto& [key, row] : expected.rows) expected_rows += key.first == table ? 1 : 0;
    for (const Row row : *rows) {
      const std::int64_t id = row.get<std::int64_t>(0);
      const auto found = expected.rows.find({table, id});
      if (found == expected.rows.end()) where.fail("row " + table + " " + std::to_string(id) + " should not be there");
      for (std::size_t c = 1; c < rows->columns().size(); ++c) {
        const std::string& column = rows->columns()[c].name;
        const auto cell = found->second.cells.find(column);
        const std::string shown = row.is_null(c) ? "NULL" : row[c].to_string();
        const auto missing = added.find(column);
        const std::string wanted = cell != found->second.cells.end() ? cell->second.value_or("NULL")
                                   : missing != added.end()          ? std::to_string(missing->second)
                                                                     : "NULL";
        // A column whose ALTER TABLE has an unknown outcome: its name tells its default.
        if (shown != wanted && !(cell == found->second.cells.end() && missing == added.end() && column.size() == 2 &&
                                 shown == "10" + column.substr(1))) {
          where.fail("row " + table + " " + std::to_string(id) + ": " + column + " is " + shown + ", the oracle says " + wanted +
                     history_of(transactions, {table, id}));
        }
      }
    }
    if (rows->size() != expected_rows)
      where.fail("table " + table + " has " + std::to_string(rows->size()) + " rows, the oracle says " +
                 std::to_string(expected_rows));
  }
}

void check_indexes(Inspector& where, Node& node) {
  for (const auto& [table, column] :
       {std::pair<std::string, std::string>("a", "x"), std::pair<std::string, std::string>("b", "y")}) {
    const auto rows = node.execute("SELECT " + column + ", id FROM " + table);
    where.must(rows.error());
    std::multiset<std::pair<std::string, std::int64_t>> expected;
    for (const Row row : *rows) expected.emplace(row.is_null(0) ? "NULL" : row[0].to_string(), row.get<std::int64_t>(1));
    std::size_t indexes = 0;
    const auto description = where.table(table);
    for (const sql::Index& index : description->indexes) {
      ++indexes;
      where.wait_until_ready(index);
      const auto actual = where.entries(index);
      if (actual == expected) continue;
      std::string texts;
      for (const auto& [value, id] : actual) texts += " " + value + ":" + std::to_string(id);
      texts += "; the rows are";
      for (const auto& [value, id] : expected) texts += " " + value + ":" + std::to_string(id);
      where.fail("index " + index.name + " holds" + texts);
    }
    if (indexes == 0) where.fail("table " + table + " has lost its index");
  }
}

/// Records: no visible write, no winner below its loser. `complete`: every loss has one.
void check_conflicts(Run& run, Inspector& where, const std::vector<oracle::Transaction>& transactions,
                     const oracle::Outcome& expected, bool complete) {
  std::set<oracle::Loss> recorded;
  for (const auto& [record, row] : where.conflicts()) {
    if (record.kind == ConflictKind::kUnique) {
      run.world.count("conflict.unique");
      continue;
    }
    if (record.kind == ConflictKind::kCell && record.winner < record.loser)
      where.fail("a conflict record whose winner is below its loser");
    recorded.insert({row, {record.loser.stamp.value, record.loser.origin.value}});
  }
  if (!complete) return;
  for (const oracle::Loss& loss : expected.losses) {
    if (!recorded.contains(loss))
      where.fail("the write " + show(loss.loser) + " of row " + loss.row.first + " " + std::to_string(loss.row.second) +
                 " was lost in silence" + history_of(transactions, loss.row));
  }
}

/// The records are exactly the children without a parent, one for each reference.
void check_family(Run& run, Inspector& where, Node& node) {
  const auto dangling = node.execute(
      "SELECT id FROM child WHERE parent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM parent WHERE parent.id = child.parent)"
      " UNION ALL "
      "SELECT id FROM child WHERE mail IS NOT NULL AND NOT EXISTS (SELECT 1 FROM parent WHERE parent.mail = child.mail)");
  where.must(dangling.error());
  std::multiset<std::int64_t> expected;
  for (const Row row : *dangling) expected.insert(row.get<std::int64_t>(0));
  // After a whole-state copy the table is looked through in the background.
  const std::int64_t deadline = run.world.now_ns() + 60'000 * kMs;
  while (where.recorded(ConflictKind::kForeignKey) != expected) {
    if (run.world.now_ns() > deadline) {
      std::string text;
      for (const std::int64_t id : expected) text += " " + std::to_string(id);
      text += "; recorded are";
      for (const std::int64_t id : where.recorded(ConflictKind::kForeignKey)) text += " " + std::to_string(id);
      for (const std::string sql : {"SELECT * FROM parent", "SELECT * FROM child", "SELECT * FROM ldb.conflicts"}) {
        const auto rows = node.execute(sql);
        where.must(rows.error());
        text += "\n" + sql;
        for (const Row row : *rows) {
          text += "\n  ";
          for (std::size_t i = 0; i < rows->columns().size(); ++i) text += " " + row[i].to_string();
        }
      }
      where.fail("children without a parent:" + text);
    }
    run.world.sleep_ns(10 * kMs);
  }
  run.world.count("conflict.foreign_key", expected.size());
}

/// Nothing of a dropped table stays; what no DROP had seen is recorded. `complete`: as in check_conflicts().
void check_scrap(Run& run, Inspector& where, bool complete) {
  const std::int64_t deadline = run.world.now_ns() + 60'000 * kMs;
  const auto missing = [&] {
    std::set<std::int64_t> ids = run.history.scrap();
    for (const std::int64_t id : where.keys_under("scrap")) ids.erase(id);
    for (const std::int64_t id : where.recorded(ConflictKind::kDroppedTable)) ids.erase(id);
    return ids;
  };
  while (where.has_stray_rows() || (complete && !missing().empty())) {
    if (run.world.now_ns() > deadline) {
      if (where.has_stray_rows()) where.fail("rows of a dropped table stay");
      where.fail("row " + std::to_string(*missing().begin()) + " of a dropped table was lost in silence");
    }
    run.world.sleep_ns(10 * kMs);
    where.recorded(ConflictKind::kDroppedTable);  // a newer view
  }
  run.world.count("conflict.dropped_table", where.recorded(ConflictKind::kDroppedTable).size());
}

}  // namespace

/// The first rows whose images differ between nodes, for the report of a failure.
static std::string differences(Run& run) {
  std::map<std::string, std::map<std::string, std::string>> images;  // key, node, image
  std::vector<std::string> names;
  for (std::size_t i = 0; i < run.cluster.size(); ++i) {
    run.cluster.with_node(i, [&](Node& node) {
      names.push_back(node.id().name);
      auto rows = node.storage().iterate(nullptr, keys::all_rows());
      if (!rows) return;
      for ((*rows)->seek_to_first(); (*rows)->valid(); (*rows)->next()) {
        images[std::string((*rows)->key())][names.back()] = std::string((*rows)->value());
      }
    });
  }
  const auto hex = [](std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
    }
    return out;
  };
  std::string text;
  int shown = 0;
  for (const auto& [key, of] : images) {
    bool same = of.size() == names.size();
    for (const auto& [name, image] : of) same = same && image == of.begin()->second;
    if (same || ++shown > 10) continue;
    text += "\nrow " + hex(key);
    for (const std::string& name : names) text += "\n    " + name + ": " + (of.contains(name) ? hex(of.at(name)) : "absent");
  }
  return text;
}

void wait_converged(Run& run, std::int64_t timeout_ns) {
  const std::int64_t deadline = run.world.now_ns() + timeout_ns;
  int agreed = 0;
  for (;;) {
    std::string states;
    std::optional<VersionVector> vector;
    std::optional<ContentHash> hash;
    bool same = true;
    for (std::size_t i = 0; i < run.cluster.size(); ++i) {
      run.cluster.with_node(i, [&](Node& node) {
        const ReplicationStatus status = node.replication_status();
        const auto content = node.content_hash();
        states += "\n" + node.id().name + ": " + status.applied.to_string() + " " +
                  (content ? content->to_string() : content.error().to_string()) + " " + status.write_refusal;
        for (const PeerStatus& peer : status.peers) states += "\n    " + peer.address.node.name + ": " + peer.problem;
        if (!vector) vector = status.applied;
        if (content && !hash) hash = *content;
        same = same && !status.bootstrapping && content && status.applied == *vector && *content == *hash;
      });
    }
    // Twice, some time apart: a whole-state copy that had begun may still be installed.
    if (same && ++agreed == 2) return;
    if (same) {
      run.world.sleep_ns(5'000 * kMs);
      continue;
    }
    agreed = 0;
    if (run.world.now_ns() > deadline) run.world.fail("the nodes do not converge:" + states + differences(run));
    run.world.sleep_ns(50 * kMs);
  }
}

oracle::ConflictCounts check_state(Run& run) {
  oracle::ConflictCounts counts;
  for (std::size_t i = 0; i < run.cluster.size(); ++i) {
    run.cluster.with_node(i, [&](Node& node) {
      Inspector inspector(run, node);
      const std::vector<oracle::Transaction> transactions = settled(run, inspector, inspector.commits());
      const oracle::Outcome expected = oracle::merge(transactions);
      if (!expected.impossible.empty()) inspector.fail(expected.impossible.front());
      check_rows(inspector, node, transactions, expected, run.history.columns());
      check_indexes(inspector, node);
      // A node that copied a peer's whole state has not seen the conflicts happen.
      const bool copied = run.world.counter("fault.disk_lost") + run.world.counter("fault.disk_restored") > 0 ||
                          run.world.counter("event.snapshot_started") > 0;
      check_conflicts(run, inspector, transactions, expected, !copied);
      check_family(run, inspector, node);
      check_scrap(run, inspector, !copied);
      if (!copied) run.world.count("event.conflicts_checked", expected.losses.size());
      const ReplicationStatus status = node.replication_status();
      run.world.count("event.snapshot_installed", status.snapshots_installed);
      run.world.count("event.tombstone_collected", status.tombstones_collected);
      counts = expected.conflicts;
    });
  }
  return counts;
}

}  // namespace simulate
