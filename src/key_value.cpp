#include "ldb/key_value.hpp"

#include <unordered_map>

#include "base/rt/rt.hpp"
#include "txn/key_value_rows.hpp"

namespace ldb {
namespace {

constexpr int kMaxAttempts = 64;

/// Runs `body` in a fresh transaction until it commits without meeting a concurrent writer.
template <class Body>
Status in_transaction(RowStore& rows, SyncPolicy sync, const Body& body) {
  Status last;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (attempt > 0) rt::yield();
    LDB_ASSIGN_OR_RETURN(const auto transaction, rows.begin({IsolationLevel::kSnapshot, false, sync}));
    LDB_TRY(body(*transaction));
    last = transaction->commit().error();
    if (last.code() != StatusCode::kConflict) return last;
  }
  return last.with_context("gave up after repeated conflicts with other writers of the key");
}

}  // namespace

Status KeyValue::put(std::string_view key, std::string_view value, SyncPolicy sync) {
  LDB_TRY(key_value::check_pair(key, value));
  std::vector<WholeRow> row(1);
  row[0] = {std::string(key), key_value::cells_of(value)};
  return rows_->put(kKeyValueTable, std::move(row), sync).error();
}

Status KeyValue::put_all(std::span<const KeyValueView> pairs, SyncPolicy sync) {
  if (pairs.empty()) return {};
  std::vector<WholeRow> rows;
  rows.reserve(pairs.size());
  std::unordered_map<std::string_view, std::size_t> places;
  for (const auto& [key, value] : pairs) {
    LDB_TRY(key_value::check_pair(key, value));
    if (const auto [place, fresh] = places.emplace(key, rows.size()); fresh)
      rows.push_back({std::string(key), key_value::cells_of(value)});
    else
      rows[place->second].cells = key_value::cells_of(value);
  }
  return rows_->put(kKeyValueTable, std::move(rows), sync).error();
}

Status KeyValue::erase(std::string_view key, SyncPolicy sync) {
  return in_transaction(*rows_, sync, [&](RowTransaction& transaction) { return key_value::erase(transaction, key); });
}

Result<std::optional<std::string>> KeyValue::get(std::string_view key) {
  LDB_TRY(key_value::check_key(key));
  LDB_ASSIGN_OR_RETURN(std::optional<std::string> image, rows_->get(kKeyValueTable, key));
  if (!image) return image;
  LDB_ASSIGN_OR_RETURN(const std::string_view value, key_value::value_of(*image));
  // In the image's own memory.
  const auto offset = static_cast<std::size_t>(value.data() - image->data());
  image->resize(offset + value.size());
  image->erase(0, offset);
  return image;
}

Result<std::vector<KeyValuePair>> KeyValue::scan(const KeyRange& range, std::size_t limit) {
  LDB_ASSIGN_OR_RETURN(const auto transaction, rows_->begin({IsolationLevel::kSnapshot, true}));
  return key_value::scan(*transaction, range, limit);
}

Status KeyValue::for_each(const KeyRange& range, bool reverse, const KeyValueVisitor& visit) {
  LDB_ASSIGN_OR_RETURN(const auto transaction, rows_->begin({IsolationLevel::kSnapshot, true}));
  return key_value::for_each(*transaction, range, reverse, visit);
}

}  // namespace ldb
