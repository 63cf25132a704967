// Planner: an optimized logical plan becomes a physical one; column numbers become places in batches.
#pragma once

#include <memory>

#include "sql/exec/physical_plan.hpp"

namespace ldb::sql {

/// Consumes the statement. 0A000 for what no operator does.
Result<std::shared_ptr<const PhysicalStatement>> make_physical(BoundStatement& statement);

}  // namespace ldb::sql
