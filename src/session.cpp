#include "ldb/session.hpp"

namespace ldb {

Result<ResultSet> Session::execute_with(std::string_view sql, std::span<const Value> parameters) {
  ResultSet last;
  LDB_TRY(session_->execute(sql, parameters, [&last](ResultSet result) { last = std::move(result); }));
  return last;
}

Status Session::execute_script(std::string_view sql, const std::function<void(ResultSet)>& sink) {
  return session_->execute(sql, {}, sink);
}

Result<PreparedStatement> Session::prepare(std::string_view sql) {
  LDB_ASSIGN_OR_RETURN(std::unique_ptr<SqlStatement> statement, session_->prepare(sql));
  return PreparedStatement(std::move(statement));
}

std::optional<std::size_t> ResultSet::find_column(std::string_view name) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace ldb
