// Reading tables: whole, by key range, or through an index.
#pragma once

#include "sql/catalog/row_codec.hpp"
#include "sql/exec/physical_plan.hpp"

namespace ldb::sql {

struct ScanPlan final : PhysicalPlan {
  std::shared_ptr<const Table> table;
  std::string alias;
  std::vector<Ordinal> ordinals;  ///< LogicalScan::kRowKey: the storage key
  AccessPath path;                ///< expressions without columns
  std::vector<KeyColumn> key;     ///< of the path's key or index
  std::string index_name;
  std::unique_ptr<RowBatchReader> reader;

  std::string name() const override;
  std::vector<std::string> details() const override;
  std::unique_ptr<Operator> make_operator(ExecContext& context) const override;
};

/// The key range of an access path with its values evaluated; nothing when no row can match (a value is NULL).
Result<std::optional<KeyRange>> key_range(const AccessPath& path, std::span<const KeyColumn> key, ExecContext& context);

/// All entries of a unique or non-unique index that start with `prefix`.
KeyRange prefix_key_range(const std::string& prefix);

}  // namespace ldb::sql
