#include <algorithm>

#include "workload.hpp"

namespace simulate {

using namespace ldb;

Result<ResultSet> try_sql(Node& node, const std::string& sql) { return node.execute(sql); }

void create_schema(Run& run) {
  run.cluster.with_node(0, [&](Node& node) {
    const Status status = node.execute(
                                  "CREATE TABLE a (id BIGINT PRIMARY KEY, x BIGINT, y BIGINT, note TEXT);"
                                  "CREATE INDEX a_x ON a (x);"
                                  "CREATE TABLE b (id BIGINT PRIMARY KEY, x BIGINT, y BIGINT UNIQUE, note TEXT);"
                                  "CREATE TABLE parent (id BIGINT PRIMARY KEY, mail BIGINT UNIQUE);"
                                  "CREATE TABLE child (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES parent (id),"
                                  " mail BIGINT REFERENCES parent (mail));"
                                  "CREATE TABLE scrap (id BIGINT PRIMARY KEY, v BIGINT);"
                                  "CREATE TABLE history (id BIGINT PRIMARY KEY, cause BIGINT);"
                                  "CREATE TABLE twin (id BIGINT, side INT, PRIMARY KEY (id, side))")
                              .error();
    if (!status) run.world.fail("create the schema: " + status.to_string());
  });
}

namespace {

std::string literal(const oracle::Cell& cell, bool text) {
  if (!cell) return "NULL";
  return text ? "'" + *cell + "'" : *cell;
}

/// One client transaction; keeps what it did, for the oracle.
class Client {
 public:
  Client(Run& run, Node& node, std::int64_t number) : run_(run), node_(node) { attempt_.transaction.number = number; }

  void go() {
    TransactionOptions options;
    auto begun = node_.begin(options);
    if (!begun) return;
    Transaction transaction = std::move(begun).value();
    auto seen = transaction.seen();
    if (!seen) return;
    for (const auto& [origin, progress] : seen->entries()) attempt_.transaction.seen[origin.value] = progress.stamp.value;
    if (!write_rows(transaction) || !write_history(transaction)) return transaction.rollback();
    run_.world.count("client.commits_tried");
    const auto outcome = transaction.commit();
    if (outcome) {
      attempt_.acknowledged = true;
      attempt_.dot = outcome->dot;
      attempt_.transaction.id = {outcome->stamp.value, outcome->dot.origin.value};
      run_.world.count("client.commits_acknowledged");
    } else if (outcome.error().code() == StatusCode::kConflict || outcome.error().code() == StatusCode::kConstraint) {
      run_.world.count(outcome.error().code() == StatusCode::kConflict ? "client.conflict" : "client.constraint");
      return;  // certainly not committed
    } else {
      run_.world.count("client.outcome_unknown");
    }
    run_.history.add(attempt_);
  }

 private:
  using Kind = oracle::Operation::Kind;

  std::int64_t random(std::int64_t n) {
    return static_cast<std::int64_t>(run_.world.random_below(static_cast<std::uint64_t>(n)));
  }

  /// Values for some columns; y of table b is unique, so it is drawn from a space where collisions happen now and then.
  std::map<std::string, oracle::Cell> draw_cells(const std::string& table, bool all) {
    std::map<std::string, oracle::Cell> cells;
    const auto value = [&](std::int64_t n) {
      return run_.world.chance(0.1) ? oracle::Cell() : oracle::Cell(std::to_string(random(n)));
    };
    if (all || run_.world.chance(0.5)) cells["x"] = value(5);
    if (all || run_.world.chance(0.4)) cells["y"] = value(table == "b" ? 60 : 5);
    if (all || cells.empty() || run_.world.chance(0.3)) cells["note"] = "t" + std::to_string(attempt_.transaction.number);
    if (table == "a") {
      for (const auto& [column, default_value] : run_.history.columns()) {
        if (run_.world.chance(0.3)) cells[column] = value(9);
      }
    }
    return cells;
  }

  bool write_rows(Transaction& transaction) {
    std::set<oracle::RowKey> touched;
    for (std::int64_t i = 1 + random(3); i > 0; --i) {
      oracle::Operation operation;
      operation.row = {run_.world.chance(0.6) ? "a" : "b", random(kRows)};
      if (!touched.insert(operation.row).second) continue;
      if (!write_row(transaction, operation)) return false;
    }
    return !attempt_.transaction.operations.empty();
  }

  bool write_row(Transaction& transaction, oracle::Operation& operation) {
    const auto& [table, id] = operation.row;
    const std::string where = " WHERE id = " + std::to_string(id);
    const auto exists = transaction.execute("SELECT count(*) FROM " + table + where);
    if (!exists) return false;
    std::string sql;
    if ((*exists)[0].get<std::int64_t>(0) == 0) {
      operation.kind = Kind::kInsert;
      operation.cells = draw_cells(table, true);
      std::string names = "id";
      std::string values = std::to_string(id);
      for (const auto& [column, cell] : operation.cells) {
        names += ", " + column;
        values += ", " + literal(cell, column == "note");
      }
      sql = "INSERT INTO " + table + " (" + names + ") VALUES (" + values + ")";
    } else if (run_.world.chance(0.3)) {
      operation.kind = Kind::kDelete;
      sql = "DELETE FROM " + table + where;
    } else {
      operation.kind = Kind::kUpdate;
      operation.cells = draw_cells(table, false);
      for (const auto& [column, cell] : operation.cells)
        sql += (sql.empty() ? "" : ", ") + column + " = " + literal(cell, column == "note");
      sql = "UPDATE " + table + " SET " + sql + where;
    }
    const auto result = transaction.execute(sql);
    if (!result) {
      run_.world.count(result.error().sqlstate() == "23505" ? "client.unique_refused" : "client.statement_failed");
      return false;
    }
    if (result->affected_rows() != 1) run_.world.fail(sql + " affected " + std::to_string(result->affected_rows()) + " rows");
    attempt_.transaction.operations.push_back(operation);
    return true;
  }

  bool write_history(Transaction& transaction) {
    const auto latest = transaction.execute("SELECT id FROM history ORDER BY id DESC LIMIT 1");
    if (!latest) return false;
    const std::string cause = latest->empty() ? "NULL" : std::to_string((*latest)[0].get<std::int64_t>(0));
    const std::string number = std::to_string(attempt_.transaction.number);
    return transaction.execute("INSERT INTO history VALUES (" + number + ", " + cause + ")").has_value() &&
           transaction.execute("INSERT INTO twin VALUES (" + number + ", 1), (" + number + ", 2)").has_value();
  }

  Run& run_;
  Node& node_;
  Attempt attempt_;
};

}  // namespace

void write(Run& run, std::size_t node, std::uint64_t writer) {
  run.world.note("writer", writer);
  while (!run.stop.load()) {
    run.cluster.with_node(node, [&](Node& n) { Client(run, n, run.history.next_number()).go(); });
    run.world.sleep_ns(static_cast<std::int64_t>(run.world.random_below(60 * kMs)));
  }
}

namespace {

/// Every history row has both twins and its cause, every twin its history row.
void check_whole(Run& run, const std::string& where, const ResultSet& history, const ResultSet& twins) {
  std::set<std::int64_t> present;
  for (const Row row : history) present.insert(row.get<std::int64_t>(0));
  for (const Row row : history) {
    if (!row.is_null(1) && !present.contains(row.get<std::int64_t>(1))) {
      run.world.fail(where + ": transaction " + row[0].to_string() + " is visible before its cause " + row[1].to_string());
    }
  }
  std::map<std::int64_t, int> sides;
  for (const Row row : twins) ++sides[row.get<std::int64_t>(0)];
  for (const std::int64_t number : present) {
    if (sides[number] != 2) run.world.fail(where + ": transaction " + std::to_string(number) + " is visible in part");
  }
  if (sides.size() != present.size()) run.world.fail(where + ": a part of a transaction is visible without the rest");
}

}  // namespace

void read(Run& run, std::size_t node) {
  while (!run.stop.load()) {
    run.cluster.with_node(node, [&](Node& n) {
      TransactionOptions options;
      options.read_only = true;
      auto begun = n.begin(options);
      if (!begun) return;
      Transaction transaction = std::move(begun).value();
      const auto rows = [&] { return transaction.execute("SELECT id, x, y, note FROM a ORDER BY id"); };
      const auto before = rows();
      const auto history = transaction.execute("SELECT id, cause FROM history");
      run.world.sleep_ns(static_cast<std::int64_t>(run.world.random_below(20 * kMs)));
      const auto twins = transaction.execute("SELECT id FROM twin");
      const auto after = rows();
      if (!before || !history || !twins || !after) return;
      check_whole(run, "on " + n.id().name, *history, *twins);
      bool same = before->size() == after->size();
      for (std::size_t i = 0; same && i < before->size() * 4; ++i)
        same = before->at(i / 4, i % 4).to_string() == after->at(i / 4, i % 4).to_string();
      if (!same) run.world.fail("on " + n.id().name + ": a snapshot changed");
      run.world.count("client.snapshots_checked");
    });
    run.world.sleep_ns(static_cast<std::int64_t>(run.world.random_below(200 * kMs)));
  }
}

namespace {

void change_family(Run& run, Node& node) {
  const auto random = [&](std::uint64_t n) { return std::to_string(run.world.random_below(n)); };
  std::string sql;
  switch (run.world.random_below(6)) {
    case 0:
    case 1:
      sql = "INSERT INTO parent VALUES (" + random(5) + ", " + random(8) + ")";
      break;
    case 2:
      sql = run.world.chance(0.5) ? "DELETE FROM parent WHERE id = " + random(5)
                                  : "UPDATE parent SET mail = " + random(8) + " WHERE id = " + random(5);
      break;
    case 3:
      sql = "INSERT INTO child VALUES (" + random(8) + ", (SELECT min(id) FROM parent WHERE id >= " + random(5) +
            "), (SELECT min(mail) FROM parent WHERE mail >= " + random(8) + "))";
      break;
    case 4:
      sql = "UPDATE child SET parent = (SELECT max(id) FROM parent WHERE id <= " + random(5) + ") WHERE id = " + random(8);
      break;
    default:
      sql = "DELETE FROM child WHERE id = " + random(8);
      break;
  }
  const auto result = try_sql(node, sql);
  if (!result && result.error().sqlstate() == "23503") run.world.count("client.foreign_key_refused");
}

void change_scrap(Run& run, Node& node) {
  if (!run.world.chance(0.15)) {
    const std::int64_t id = run.history.next_number();
    if (try_sql(node, "INSERT INTO scrap VALUES (" + std::to_string(id) + ", 1)")) run.history.add_scrap(id);
    return;
  }
  auto opened = node.session();
  if (!opened) return;
  Session session = std::move(opened).value();
  if (!session.execute("BEGIN")) return;
  const auto rows = session.execute("SELECT id FROM scrap");
  if (!rows || !session.execute("DROP TABLE scrap")) return;
  std::set<std::int64_t> seen;
  for (const Row row : *rows) seen.insert(row.get<std::int64_t>(0));
  if (run.world.chance(0.7) && !session.execute("CREATE TABLE scrap (id BIGINT PRIMARY KEY, v BIGINT)")) return;
  const auto outcome = session.execute("COMMIT");
  const StatusCode code = outcome.error().code();
  if (code == StatusCode::kConflict || code == StatusCode::kConstraint || code == StatusCode::kAlreadyExists) return;
  run.history.scrap_dropped(seen);
  if (outcome) run.world.count("client.tables_dropped");
}

}  // namespace

void disturb(Run& run, std::size_t node) {
  while (!run.stop.load()) {
    run.cluster.with_node(node, [&](Node& n) {
      if (run.world.chance(0.6)) {
        change_family(run, n);
      } else {
        change_scrap(run, n);
        if (run.world.chance(0.05)) (void)try_sql(n, "CREATE TABLE IF NOT EXISTS scrap (id BIGINT PRIMARY KEY, v BIGINT)");
      }
    });
    run.world.sleep_ns(static_cast<std::int64_t>(run.world.random_below(120 * kMs)));
  }
}

void change_schema(Run& run) {
  for (std::int64_t n = 0; n < 3 && !run.stop.load(); ++n) {
    run.world.sleep_ns(static_cast<std::int64_t>(run.world.random_below(1500 * kMs)));
    const std::string name = "c" + std::to_string(n);
    const bool twice = run.world.chance(0.3);  // the same column on two nodes that may not know of each other: it becomes one
    for (int times = twice ? 2 : 1; times > 0; --times) {
      run.cluster.with_node(run.world.random_below(run.cluster.size()), [&](Node& node) {
        const auto added =
            try_sql(node, "ALTER TABLE a ADD COLUMN IF NOT EXISTS " + name + " BIGINT DEFAULT " + std::to_string(100 + n));
        if (!added) return;
        run.history.add_column(name, 100 + n);
        run.world.count("client.columns_added");
      });
    }
  }
}

}  // namespace simulate
