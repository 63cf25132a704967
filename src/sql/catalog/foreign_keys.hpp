// Foreign keys as the layers below SQL see them: both ends of a reference as keys.
#pragma once

#include <string_view>
#include <vector>

#include "ldb/row_store.hpp"
#include "sql/catalog/catalog.hpp"

namespace ldb::sql {

ConstraintId constraint_id(TableId table, std::string_view constraint);
/// Of the table's foreign keys, as far as checking them depends on it; 0: it has none.
std::uint64_t foreign_key_definition(const Catalog& catalog, const Table& table);

/// RowIndexer::references and RowIndexer::referrers by one version of the catalog.
Status append_references(const Catalog& catalog, const Table& table, std::string_view image, std::vector<RowReference>& out);
Status append_referrers(const Catalog& catalog, const Table& table, std::string_view key, std::string_view image,
                        std::vector<RowReference>& out);

}  // namespace ldb::sql
