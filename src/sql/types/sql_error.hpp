// Shorthands for the errors that types and functions raise.
#pragma once

#include <string>
#include <string_view>

#include "ldb/status.hpp"

namespace ldb::sql {

inline Status invalid(std::string_view sqlstate, std::string message) {
  return Status::sql(StatusCode::kInvalidArgument, sqlstate, std::move(message));
}
inline Status unsupported(std::string message) { return Status::sql(StatusCode::kUnsupported, "0A000", std::move(message)); }
inline Status out_of_range(std::string message) { return invalid("22003", std::move(message)); }
inline Status division_by_zero() { return invalid("22012", "division by zero"); }
/// 22P02 as PostgreSQL words it.
inline Status invalid_text(std::string_view type, std::string_view text, std::string_view sqlstate = "22P02") {
  return invalid(sqlstate, "invalid input syntax for type " + std::string(type) + ": \"" + std::string(text) + "\"");
}

}  // namespace ldb::sql
