// One transaction over SQL and key-value calls together.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ldb/key_value.hpp"
#include "ldb/session.hpp"

namespace ldb {

/// Begun by Node::begin. One thread at a time; must not outlive its node. Destruction rolls back.
/// kConflict from commit() (or an earlier call) means: another transaction changed the same rows, or the definition of
/// a table written; run the whole thing again.
class Transaction {
 public:
  Transaction(std::unique_ptr<RowTransaction> rows, std::unique_ptr<SqlSession> session, Replicator& replicator);
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  template <class... Args>
  Result<ResultSet> execute(std::string_view sql, const Args&... args) {
    const std::array<Value, sizeof...(Args)> values{Value(args)...};
    return execute_with(sql, values);
  }
  Result<ResultSet> execute_with(std::string_view sql, std::span<const Value> parameters);

  Status put(std::string_view key, std::string_view value);
  Result<std::optional<std::string>> get(std::string_view key);
  Status erase(std::string_view key);
  Result<std::vector<KeyValuePair>> scan(const KeyRange& range = {}, std::size_t limit = SIZE_MAX);

  /// The commits that this transaction's reads show: its causal past.
  Result<VersionVector> seen() const;

  Result<CommitOutcome> commit();
  void rollback();

 private:
  std::unique_ptr<RowTransaction> rows_;
  std::unique_ptr<SqlSession> session_;  // attached to rows_, so it goes first
  Replicator* replicator_;
};

}  // namespace ldb
