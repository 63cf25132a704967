// Rows of the virtual tables that show the catalog: ldb.all_databases, ldb.table_constraints.
#pragma once

#include <vector>

#include "ldb/value.hpp"

namespace ldb::sql {

struct ExecContext;

/// (database, is it the session's) of every database of the cluster.
std::vector<std::vector<Value>> rows_of_databases(ExecContext& context);
/// (schema, table, name, type, definition) of every constraint of the session's database; the definition as in CREATE TABLE.
std::vector<std::vector<Value>> rows_of_constraints(ExecContext& context);

}  // namespace ldb::sql
