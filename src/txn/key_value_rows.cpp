#include "txn/key_value_rows.hpp"

#include "txn/row_image.hpp"

namespace ldb::key_value {
namespace {
constexpr std::size_t kMaxKeyBytes = 64 << 10;
constexpr std::size_t kMaxValueBytes = (16 << 20) - 1024;
}  // namespace

Status check_key(std::string_view key) {
  return key.size() > kMaxKeyBytes ? Status(StatusCode::kInvalidArgument, "key longer than 65536 bytes") : Status();
}

Status check_pair(std::string_view key, std::string_view value) {
  LDB_TRY(check_key(key));
  return value.size() > kMaxValueBytes ? Status(StatusCode::kInvalidArgument, "value longer than 16 MiB less 1 KiB") : Status();
}

std::vector<CellWrite> cells_of(std::string_view value) {
  std::vector<CellWrite> cells(1);
  cells[0].column = kKeyValueColumn;
  cells[0].value.emplace(value);
  return cells;
}

Result<std::string_view> value_of(std::string_view image) {
  RowImageReader reader;
  LDB_TRY(reader.parse(image));
  RowCell cell;
  if (!reader.find(kKeyValueColumn, cell) || cell.is_null)
    return Status(StatusCode::kCorruption, "key-value row without a value");
  return cell.bytes;
}

Status put(RowTransaction& transaction, std::string_view key, std::string_view value) {
  LDB_TRY(check_pair(key, value));
  return transaction.upsert(kKeyValueTable, key, cells_of(value));
}

Result<std::optional<std::string>> get(RowTransaction& transaction, std::string_view key) {
  LDB_TRY(check_key(key));
  LDB_ASSIGN_OR_RETURN(const auto image, transaction.get(kKeyValueTable, key));
  if (!image) return std::optional<std::string>();
  LDB_ASSIGN_OR_RETURN(const std::string_view value, value_of(*image));
  return std::optional<std::string>(value);
}

Status erase(RowTransaction& transaction, std::string_view key) {
  LDB_TRY(check_key(key));
  const Status status = transaction.erase(kKeyValueTable, key);
  return status.code() == StatusCode::kNotFound ? Status() : status;
}

Status for_each(RowTransaction& transaction, const KeyRange& range, bool reverse, const KeyValueVisitor& visit) {
  LDB_ASSIGN_OR_RETURN(const auto cursor, transaction.scan(kKeyValueTable, range, reverse));
  for (; cursor->valid(); cursor->next()) {
    LDB_ASSIGN_OR_RETURN(const std::string_view value, value_of(cursor->image()));
    if (!visit(cursor->key(), value)) return {};
  }
  return cursor->status();
}

Result<std::vector<KeyValuePair>> scan(RowTransaction& transaction, const KeyRange& range, std::size_t limit) {
  std::vector<KeyValuePair> pairs;
  if (limit == 0) return pairs;
  LDB_TRY(for_each(transaction, range, false, [&](std::string_view key, std::string_view value) {
    pairs.push_back({std::string(key), std::string(value)});
    return pairs.size() < limit;
  }));
  return pairs;
}

}  // namespace ldb::key_value
