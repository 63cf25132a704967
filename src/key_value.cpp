#include "ldb/key_value.hpp"

#include "base/rt/rt.hpp"
#include "txn/row_image.hpp"

namespace ldb {
namespace internal {
namespace {

Status check_key(std::string_view key) {
  if (key.size() > kMaxKeyBytes) return Status(StatusCode::kInvalidArgument, "key longer than 65536 bytes");
  return {};
}

/// The value in an image, whose memory it keeps.
Result<std::string> value_of(std::string image) {
  RowImageReader reader;
  LDB_TRY(reader.parse(image));
  RowCell cell;
  if (!reader.find(kKeyValueColumn, cell) || cell.is_null)
    return Status(StatusCode::kCorruption, "key-value row without a value");
  const auto offset = static_cast<std::size_t>(cell.bytes.data() - image.data());
  image.resize(offset + cell.bytes.size());
  image.erase(0, offset);
  return image;
}

Result<std::optional<std::string>> value_of(Result<std::optional<std::string>> image) {
  LDB_TRY(image.error());
  if (!*image) return std::optional<std::string>();
  LDB_ASSIGN_OR_RETURN(std::string value, value_of(std::move(**image)));
  return std::optional<std::string>(std::move(value));
}

Status check_pair(std::string_view key, std::string_view value) {
  LDB_TRY(check_key(key));
  if (value.size() > kMaxValueBytes) return Status(StatusCode::kInvalidArgument, "value longer than 16 MiB less 1 KiB");
  return {};
}

std::vector<CellWrite> cells_of(std::string_view value) {
  std::vector<CellWrite> cells(1);
  cells[0].column = kKeyValueColumn;
  cells[0].value.emplace(value);
  return cells;
}

}  // namespace

Status kv_put(RowTransaction& transaction, std::string_view key, std::string_view value) {
  LDB_TRY(check_pair(key, value));
  return transaction.upsert(kKeyValueTable, key, cells_of(value));
}

Result<std::optional<std::string>> kv_get(RowTransaction& transaction, std::string_view key) {
  LDB_TRY(check_key(key));
  return value_of(transaction.get(kKeyValueTable, key));
}

Status kv_erase(RowTransaction& transaction, std::string_view key) {
  LDB_TRY(check_key(key));
  const Status status = transaction.erase(kKeyValueTable, key);
  return status.code() == StatusCode::kNotFound ? Status() : status;
}

Result<std::vector<KeyValuePair>> kv_scan(RowTransaction& transaction, const KeyRange& range, std::size_t limit) {
  std::vector<KeyValuePair> pairs;
  LDB_ASSIGN_OR_RETURN(const auto cursor, transaction.scan(kKeyValueTable, range));
  for (; cursor->valid() && pairs.size() < limit; cursor->next()) {
    LDB_ASSIGN_OR_RETURN(std::string value, value_of(std::string(cursor->image())));
    pairs.push_back({std::string(cursor->key()), std::move(value)});
  }
  LDB_TRY(cursor->status());
  return pairs;
}

}  // namespace internal

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
  LDB_TRY(internal::check_pair(key, value));
  return rows_->put(kKeyValueTable, key, internal::cells_of(value), sync).error();
}

Status KeyValue::erase(std::string_view key, SyncPolicy sync) {
  return in_transaction(*rows_, sync, [&](RowTransaction& transaction) { return internal::kv_erase(transaction, key); });
}

Result<std::optional<std::string>> KeyValue::get(std::string_view key) {
  LDB_TRY(internal::check_key(key));
  return internal::value_of(rows_->get(kKeyValueTable, key));
}

Result<std::vector<KeyValuePair>> KeyValue::scan(const KeyRange& range, std::size_t limit) {
  LDB_ASSIGN_OR_RETURN(const auto transaction, rows_->begin({IsolationLevel::kSnapshot, true}));
  return internal::kv_scan(*transaction, range, limit);
}

}  // namespace ldb
