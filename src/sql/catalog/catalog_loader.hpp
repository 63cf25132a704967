// Builds a Catalog from the system tables as one transaction sees them.
#pragma once

#include <memory>

#include "ldb/row_store.hpp"
#include "sql/catalog/catalog.hpp"

namespace ldb::sql {

/// Reads all system tables through `transaction` (its own writes included). Deterministic: two nodes that hold the same rows get
/// the same catalog, names given to conflicting things included. Index::ready is left false for user tables. Blocks on storage
/// only.
Result<std::shared_ptr<Catalog>> load_catalog(RowTransaction& transaction, std::uint64_t version);

/// "1,5,7" <-> column ids, as the system tables keep them.
std::string encode_ids(const std::vector<ColumnId>& ids);
std::vector<ColumnId> decode_ids(std::string_view text);
/// DataTypes and names as single texts, for the views table.
std::string encode_types(const std::vector<DataType>& types);
std::vector<DataType> decode_types(std::string_view text);
std::string encode_names(const std::vector<std::string>& names);
std::vector<std::string> decode_names(std::string_view text);

}  // namespace ldb::sql
