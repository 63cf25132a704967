#include "sql/sql_fixture.hpp"

#include <catch2/catch.hpp>

#include "txn/row_store.hpp"

namespace ldb::test {

SqlNode::SqlNode(std::unique_ptr<StorageEngine> engine, std::uint64_t memory_bytes, FileSystem* spill, std::uint64_t spill_bytes)
    : engine_(std::move(engine)), memory_bytes_(memory_bytes), spill_(spill), spill_bytes_(spill_bytes) {
  start();
}

SqlNode::~SqlNode() {
  stop();
  CHECK(engine_->close());
}

void SqlNode::start() {
  clock_ = new_hybrid_clock();
  resolver_ = new_last_write_wins_resolver();
  replicator_ = new_standalone_replicator();
  ReplicatorServices services;
  services.engine = engine_.get();
  services.clock = clock_.get();
  services.resolver = resolver_.get();
  services.log_sink = &null_log_sink();
  services.self = {"test"};
  services.cluster = "test";
  REQUIRE(replicator_->start(services).to_string() == "ok");
  rows_ = txn::new_row_store(*engine_, *replicator_);
  frontend_ = new_sql_frontend();
  SqlServices sql;
  sql.rows = rows_.get();
  sql.replicator = replicator_.get();
  sql.clock = clock_.get();
  sql.log_sink = &null_log_sink();
  sql.self = {"test"};
  sql.memory_bytes = memory_bytes_;
  sql.file_system = spill_;
  sql.spill_directory = "spill";
  sql.spill_bytes = spill_bytes_;
  REQUIRE(frontend_->start(sql).to_string() == "ok");
  connect("ldb");
}

void SqlNode::stop() {
  session_.reset();
  frontend_->stop();
  replicator_->stop();
  frontend_.reset();
  rows_.reset();
  replicator_.reset();
}

void SqlNode::restart() {
  stop();
  start();
}

std::unique_ptr<SqlSession> SqlNode::new_session(const std::string& database) {
  SessionOptions options;
  options.database = database;
  options.sync = SyncPolicy::kNone;
  auto session = frontend_->open_session(options);
  INFO(session.status().to_string());
  REQUIRE(session.has_value());
  return std::move(session).value();
}

void SqlNode::connect(const std::string& database) { session_ = new_session(database); }

Result<ResultSet> SqlNode::run(std::string_view sql, std::span<const Value> parameters) {
  ResultSet last;
  LDB_TRY(session_->execute(sql, parameters, [&](ResultSet result) { last = std::move(result); }));
  return last;
}

ResultSet SqlNode::ok(std::string_view sql, std::span<const Value> parameters) {
  auto result = run(sql, parameters);
  INFO(sql << "\n" << result.status().to_string() << " " << result.status().detail());
  REQUIRE(result.has_value());
  return std::move(result).value();
}

std::string SqlNode::error(std::string_view sql) { return std::string(run(sql).status().sqlstate()); }

std::string SqlNode::text(std::string_view sql, std::span<const Value> parameters) { return to_text(ok(sql, parameters)); }

std::string to_text(const ResultSet& result) {
  std::string out;
  for (std::size_t row = 0; row < result.size(); ++row) {
    if (row != 0) out += '\n';
    for (std::size_t column = 0; column < result.columns().size(); ++column) {
      if (column != 0) out += '|';
      const Value& value = result.at(row, column);
      out += value.is_null() ? "NULL" : value.to_string();
    }
  }
  return out;
}

}  // namespace ldb::test
