// The SQL front end: PostgreSQL's language over the row store.
#include "sql/catalog/catalog_loader.hpp"
#include "sql/catalog/system_tables.hpp"
#include "sql/session/session.hpp"

namespace ldb {
namespace sql {
namespace {

class PostgresFrontend final : public SqlFrontend {
 public:
  ~PostgresFrontend() override { stop(); }

  Status start(const SqlServices& services) override {
    shared_.services = services;
    if (shared_.services.log_sink == nullptr) shared_.services.log_sink = &null_log_sink();
    shared_.statistics.set_rows(services.rows);
    shared_.memory.set_limit(services.memory_bytes);
    if (services.file_system != nullptr && services.spill_bytes > 0) {
      const Status opened = shared_.spill.open(*services.file_system, services.spill_directory, services.spill_bytes);
      if (!opened) return opened.with_context("directory for sorting");
    }
    shared_.row_key_salt = rt::random_u64();
    register_session_functions(shared_.functions);
    shared_.table_functions = make_table_functions(shared_);
    services.rows->set_indexer(&shared_.catalog);
    if (services.replicator != nullptr) services.replicator->set_indexer(&shared_.catalog);
    const Status status = shared_.catalog.start(services.rows, shared_.services.log_sink);
    running_ = true;
    return status;
  }

  void stop() override {
    if (!running_) return;
    shared_.catalog.stop();  // and goes on to know the indexes: see SqlFrontend::indexer()
    running_ = false;
  }

  Result<std::unique_ptr<SqlSession>> open_session(const SessionOptions& options) override {
    LDB_ASSIGN_OR_RETURN(const auto catalog, shared_.catalog.current());
    if (!catalog->has_database(options.database)) {
      return Status::sql(StatusCode::kNotFound, "3D000", "database \"" + options.database + "\" does not exist");
    }
    return std::unique_ptr<SqlSession>(std::make_unique<Session>(shared_, options));
  }

  Result<std::function<bool(TableId)>> existing_tables(RowTransaction& transaction) override {
    LDB_ASSIGN_OR_RETURN(const std::shared_ptr<const Catalog> catalog, load_catalog(transaction, shared_.catalog.new_version()));
    return std::function<bool(TableId)>(
        [catalog](TableId table) { return is_system_table(table) || catalog->find_table(table) != nullptr; });
  }

  RowIndexer* indexer() override { return &shared_.catalog; }
  std::string_view name() const override { return "postgresql"; }

 private:
  SharedState shared_;
  bool running_ = false;
};

}  // namespace
}  // namespace sql

std::unique_ptr<SqlFrontend> new_sql_frontend() { return std::make_unique<sql::PostgresFrontend>(); }

}  // namespace ldb
