// Comparing and hashing elements of column vectors: for sorting, joining, grouping and DISTINCT.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "sql/expr/batch.hpp"

namespace ldb::sql {

/// Three-way comparison of two elements, neither NULL, by the type's default order (PostgreSQL's btree order: NaN is greatest,
/// text by bytes, CHAR without trailing blanks, NUMERIC by value). Types must be equal in id, or both integers, both REAL/DOUBLE,
/// both TEXT/VARCHAR, or DATE/TIMESTAMP.
int compare_elements(const ColumnVector& a, std::size_t row_a, const ColumnVector& b, std::size_t row_b);
/// As above, for ORDER BY: NULLs equal one another and go first or last; `descending` does not move them.
int compare_elements(const ColumnVector& a, std::size_t row_a, const ColumnVector& b, std::size_t row_b, bool descending,
                     bool nulls_first);
/// IS NOT DISTINCT FROM: NULLs are equal.
bool equal_elements(const ColumnVector& a, std::size_t row_a, const ColumnVector& b, std::size_t row_b);
/// As compare_elements, for values.
int compare_values(const Value& a, const Value& b);

/// hashes[row] = hash of the element, or mixed into what is there when `combine`. Elements that compare equal hash equal, also
/// across the type pairs that compare_elements takes, except that INTEGER kinds and NUMERIC differ. NULL hashes to a fixed value.
void hash_elements(const ColumnVector& v, RowSet rows, std::span<std::uint64_t> hashes, bool combine);
std::uint64_t hash_value(const Value& v);

/// Self-contained bytes of a batch's selected rows, for spill files and exchanges; read_batch() gives them back without
/// selection.
void write_batch(const Batch& batch, std::string& out);
/// kCorruption on damage; `types` as the columns were. Consumes one batch from the front of `in`.
Status read_batch(std::string_view& in, std::span<const DataType> types, Batch& out);

}  // namespace ldb::sql
