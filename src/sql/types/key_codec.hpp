// Keys: tuples of values as bytes whose memcmp order is the tuple order. Format page: docs of each component below.
//
// A component is one tag byte followed by a body; the tag alone orders NULL, sign and magnitude:
//   NULL                            0x00 (first) or 0xff (last), no body
//   BOOLEAN                         0x01 false, 0x02 true
//   SMALLINT INTEGER BIGINT DATE TIMESTAMP
//                                   0x80 + n, n big-endian bytes (n = 0..8) for v >= 0; 0x80 - n, complement bytes of -v for v <
//                                   0
//   REAL / DOUBLE                   0x01, 4 / 8 big-endian bytes, sign flipped (negative: complement); -0 as 0, NaN greatest
//   NUMERIC                         0x80 zero; 0x81 + (e+37) positive, 0x7f - (e+37) negative, where |v| = 0.d1d2.. * 10^e; then
//   pairs of digits
//                                   p as 2p+1, the last as 2p (negative: complement). 1.0 and 1.00 are one key
//   TEXT VARCHAR CHAR BYTEA         0x01, bytes with 00 as 00 ff, end 00 01. CHAR without trailing blanks
//   INTERVAL                        0x01, 16 big-endian bytes of the total in microseconds (30-day months, 24-hour days), sign
//   flipped
// Descending: every byte of a non-NULL component is complemented.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sql/expr/batch.hpp"

namespace ldb::sql {

struct KeyColumn {
  TypeId type = TypeId::kNull;
  bool descending = false;
  bool nulls_first = false;  ///< PostgreSQL's default: false ascending, true descending
  friend bool operator==(const KeyColumn&, const KeyColumn&) = default;
};

/// Appends one component. `value` is NULL or already of the column's type. No two different values (by comparison) collide, and
/// no component is a prefix of another, so concatenations order as tuples.
void encode_key(const Value& value, const KeyColumn& column, std::string& out);
void encode_key(const ColumnVector& vector, std::size_t row, const KeyColumn& column, std::string& out);

/// Removes the first component. kCorruption when malformed.
Status skip_key(std::string_view& key, const KeyColumn& column);
/// Bytes that the first `count` components take.
Result<std::size_t> key_prefix_size(std::string_view key, std::span<const KeyColumn> columns);
/// The first component as a value. Equal to the encoded one by comparison; what comparison does not see is lost where
/// !key_is_exact().
Result<Value> decode_key(std::string_view& key, const KeyColumn& column);
Status decode_key(std::string_view& key, const KeyColumn& column, ColumnVector& out, std::size_t row);
/// Whether decode_key gives back the very value (NUMERIC loses its display scale, CHAR its padding, INTERVAL its fields, REAL and
/// DOUBLE the sign of zero).
bool key_is_exact(TypeId type);

/// For LIKE 'abc%' ranges: the component's bytes for texts that start with `prefix`, without the end mark. Only ascending
/// columns.
void encode_text_key_prefix(std::string_view prefix, std::string& out);
/// The smallest string above every string that starts with `prefix` (empty: there is none).
std::string key_successor(std::string_view prefix);

}  // namespace ldb::sql
