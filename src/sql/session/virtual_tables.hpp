// Tables that are computed when read: what the node knows about itself, and information_schema.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "sql/session/shared.hpp"

namespace ldb::sql {

/// By "schema.name". `shared` outlives them.
std::map<std::string, std::shared_ptr<const TableFunction>> make_virtual_tables(SharedState& shared);

}  // namespace ldb::sql
