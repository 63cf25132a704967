#include "ldb/transaction.hpp"

#include "txn/key_value_rows.hpp"

namespace ldb {

Transaction::Transaction(std::unique_ptr<RowTransaction> rows, std::unique_ptr<SqlSession> session, Replicator& replicator)
    : rows_(std::move(rows)), session_(std::move(session)), replicator_(&replicator) {
  session_->attach(rows_.get());
}

Transaction::Transaction(Transaction&&) noexcept = default;

Transaction::~Transaction() {
  if (session_) session_->attach(nullptr);
}

Result<ResultSet> Transaction::execute_with(std::string_view sql, std::span<const Value> parameters) {
  ResultSet last;
  LDB_TRY(session_->execute(sql, parameters, [&last](ResultSet result) { last = std::move(result); }));
  return last;
}

Status Transaction::put(std::string_view key, std::string_view value) { return key_value::put(*rows_, key, value); }
Result<std::optional<std::string>> Transaction::get(std::string_view key) { return key_value::get(*rows_, key); }
Status Transaction::erase(std::string_view key) { return key_value::erase(*rows_, key); }
Result<std::vector<KeyValuePair>> Transaction::scan(const KeyRange& range, std::size_t limit) {
  return key_value::scan(*rows_, range, limit);
}

Result<VersionVector> Transaction::seen() const { return replicator_->applied(&rows_->view()); }

Result<CommitOutcome> Transaction::commit() { return session_->commit_attached(*rows_); }

void Transaction::rollback() {
  session_->attach(nullptr);
  rows_->rollback();
}

}  // namespace ldb
