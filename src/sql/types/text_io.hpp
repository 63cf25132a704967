// Text input and output of BOOLEAN, integers, REAL, DOUBLE and BYTEA, as PostgreSQL reads and prints them.
// Input errors: 22P02 not such a value, 22003 out of range.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ldb/value.hpp"

namespace ldb::sql {

Result<bool> parse_boolean(std::string_view text);
/// `type`: SMALLINT, INTEGER or BIGINT.
Result<std::int64_t> parse_integer(std::string_view text, TypeId type);
Result<double> parse_double(std::string_view text);
Result<float> parse_float(std::string_view text);
/// \x hexadecimal or escape format.
Result<std::string> parse_bytea(std::string_view text);

/// Shortest text that reads back as the same value: "0.1", "1e+20", "Infinity", "NaN".
std::string format(double v);
std::string format(float v);
/// "\x00ff"
std::string format_bytea(std::string_view bytes);
/// 22003 "integer out of range"
Status integer_out_of_range(TypeId type);

}  // namespace ldb::sql
