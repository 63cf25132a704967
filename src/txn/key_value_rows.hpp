// Pairs of the key-value interface as rows of the table kKeyValueTable: the key is the primary key, the value its only column.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/key_value.hpp"

namespace ldb::key_value {

/// kInvalidArgument when KeyValue does not take them.
Status check_key(std::string_view key);
Status check_pair(std::string_view key, std::string_view value);
/// The row's cells.
std::vector<CellWrite> cells_of(std::string_view value);
/// The value in the image of a live row; points into it.
Result<std::string_view> value_of(std::string_view image);

Status put(RowTransaction& transaction, std::string_view key, std::string_view value);
Result<std::optional<std::string>> get(RowTransaction& transaction, std::string_view key);
/// Ok also when the key is absent.
Status erase(RowTransaction& transaction, std::string_view key);
Status for_each(RowTransaction& transaction, const KeyRange& range, bool reverse, const KeyValueVisitor& visit);
Result<std::vector<KeyValuePair>> scan(RowTransaction& transaction, const KeyRange& range, std::size_t limit);

}  // namespace ldb::key_value
