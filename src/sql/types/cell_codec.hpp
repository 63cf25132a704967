// Bytes of one non-NULL value inside a stored row. The type comes from the catalog; NULL is the row format's business.
//
//   BOOLEAN                         1 byte, 0 or 1
//   SMALLINT INTEGER BIGINT DATE    zigzag varint (so integer columns widen without rewriting)
//   TIMESTAMP                       zigzag varint of microseconds
//   REAL / DOUBLE                   4 / 8 bytes, little-endian IEEE 754
//   NUMERIC                         scale (1 byte, 0..38), zigzag varint of the coefficient (up to 19 bytes)
//   TEXT VARCHAR CHAR BYTEA         varint length, bytes (CHAR with its padding)
//   INTERVAL                        zigzag varints of months, days, microseconds
//
// Readers reject what does not decode, is out of the type's range, or is cut short.
#pragma once

#include <string>
#include <string_view>

#include "sql/expr/batch.hpp"

namespace ldb::sql {

/// Appends `value` (not NULL, already of the column's type).
void encode_cell(const Value& value, std::string& out);
/// Appends element `row` (not NULL).
void encode_cell(const ColumnVector& vector, std::size_t row, std::string& out);

/// Reads one value from the front of `bytes` and removes it. kCorruption when malformed.
Result<Value> decode_cell(std::string_view& bytes, TypeId type);
/// As above, straight into element `row` of `out` (reset to the column's type before). `borrow`: strings may point into `bytes`,
/// whose owner outlives the vector's contents; otherwise they are copied.
Status decode_cell(std::string_view& bytes, ColumnVector& out, std::size_t row, bool borrow);
/// Removes one value from the front.
Status skip_cell(std::string_view& bytes, TypeId type);

}  // namespace ldb::sql
