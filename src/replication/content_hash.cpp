#include "replication/content_hash.hpp"

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb::replication {
namespace {

/// Adds one row; `bytes` is scratch space.
Status add_row(std::string_view row_key, RowImageReader& image, std::string& bytes, StateHash& sum) {
  bytes.clear();
  put_u64(bytes, keys::table_of(row_key).value);
  put_bytes(bytes, keys::primary_key_of(row_key));
  RowCell cell;
  while (image.next(cell)) {
    put_u32(bytes, cell.column.value);
    put_u8(bytes, cell.is_null ? 0 : 1);
    if (!cell.is_null) put_bytes(bytes, cell.bytes);
  }
  LDB_TRY(image.status());
  const Hash128 hash = hash128(bytes);
  sum.low += hash.low;
  sum.high += hash.high + (sum.low < hash.low ? 1 : 0);
  ++sum.rows;
  return {};
}

}  // namespace

Result<StateHash> content_hash(StorageEngine& engine, const ReadView& view, const std::function<bool(TableId)>& counts) {
  StateHash sum;
  std::string bytes;
  LDB_ASSIGN_OR_RETURN(const auto rows, engine.iterate(&view, keys::all_rows()));
  for (rows->seek_to_first(); rows->valid(); rows->next()) {
    const std::string_view key = rows->key();
    if (key.size() < keys::kPrefixSize) return Status(StatusCode::kCorruption, "a row key without a table id");
    if (counts && !counts(keys::table_of(key))) continue;
    RowImageReader image;
    LDB_TRY(image.parse(rows->value()));
    if (image.alive()) LDB_TRY(add_row(key, image, bytes, sum));
  }
  LDB_TRY(rows->status());
  return sum;
}

}  // namespace ldb::replication
