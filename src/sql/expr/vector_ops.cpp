#include "sql/expr/vector_ops.hpp"

#include <bit>
#include <cmath>

#include "base/check.hpp"
#include "base/coding.hpp"
#include "base/hash.hpp"
#include "sql/types/cell_codec.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"

namespace ldb::sql {
namespace {

template <class T>
int order(T a, T b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

int order_floating(double a, double b) {
  if (std::isnan(a)) return std::isnan(b) ? 0 : 1;
  if (std::isnan(b)) return -1;
  return order(a, b);
}

std::string_view without_trailing_blanks(std::string_view s) {
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

bool is_integer(PhysicalType t) { return t == PhysicalType::kInt16 || t == PhysicalType::kInt32 || t == PhysicalType::kInt64; }

std::int64_t integer_at(const ColumnVector& v, std::size_t row) {
  switch (v.physical()) {
    case PhysicalType::kInt16:
      return v.at<std::int16_t>(row);
    case PhysicalType::kInt32:
      return v.at<std::int32_t>(row);
    default:
      return v.at<std::int64_t>(row);
  }
}

double double_at(const ColumnVector& v, std::size_t row) {
  return v.physical() == PhysicalType::kFloat ? double{v.at<float>(row)} : v.at<double>(row);
}

/// DATE as the moment it begins; dates no timestamp reaches lie between the last timestamp and infinity.
std::int64_t microseconds_at(const ColumnVector& v, std::size_t row) {
  if (v.physical() == PhysicalType::kTimestamp) return v.at<Timestamp>(row).us;
  const Date d = v.at<Date>(row);
  if (!is_finite(d)) return d == kDateInfinity ? INT64_MAX : INT64_MIN;
  const int128_t us = int128_t{d.days} * kMicrosPerDay;
  return us >= INT64_MAX ? INT64_MAX - 1 : static_cast<std::int64_t>(us);
}

/// splitmix64's finalizer.
std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ x >> 31;
}

constexpr std::uint64_t kNullHash = 0x9e3779b97f4a7c15U;

std::uint64_t hash_double(double v) {
  if (std::isnan(v)) return mix(0x7ff8000000000000U);
  if (v == 0) v = 0;
  return mix(std::bit_cast<std::uint64_t>(v));
}

std::uint64_t hash_wide(uint128_t v) { return mix(mix(static_cast<std::uint64_t>(v)) + static_cast<std::uint64_t>(v >> 64)); }

std::uint64_t hash_decimal(Decimal d) {
  while (d.scale > 0 && d.coefficient % 10 == 0) {
    d.coefficient /= 10;
    --d.scale;
  }
  return hash_wide(static_cast<uint128_t>(d.coefficient)) + static_cast<std::uint64_t>(d.scale);
}

std::uint64_t hash_element(const ColumnVector& v, std::size_t row) {
  switch (v.physical()) {
    case PhysicalType::kBool:
      return mix(v.at<bool>(row) ? 1 : 2);
    case PhysicalType::kInt16:
    case PhysicalType::kInt32:
    case PhysicalType::kInt64:
      return mix(static_cast<std::uint64_t>(integer_at(v, row)) + 0x9e3779b9U);
    case PhysicalType::kFloat:
    case PhysicalType::kDouble:
      return hash_double(double_at(v, row));
    case PhysicalType::kDecimal:
      return hash_decimal(v.at<Decimal>(row));
    case PhysicalType::kString:
      return hash64(v.type().id == TypeId::kChar ? without_trailing_blanks(v.at<std::string_view>(row))
                                                 : v.at<std::string_view>(row));
    case PhysicalType::kDate:
    case PhysicalType::kTimestamp:
      return mix(static_cast<std::uint64_t>(microseconds_at(v, row)));
    case PhysicalType::kInterval:
      return hash_wide(static_cast<uint128_t>(total_microseconds(v.at<Interval>(row))));
  }
  return 0;
}

}  // namespace

int compare_elements(const ColumnVector& a, std::size_t row_a, const ColumnVector& b, std::size_t row_b) {
  const PhysicalType t = a.physical();
  if (t != b.physical()) {
    if (is_integer(t) && is_integer(b.physical())) return order(integer_at(a, row_a), integer_at(b, row_b));
    const auto is_floating = [](PhysicalType p) { return p == PhysicalType::kFloat || p == PhysicalType::kDouble; };
    if (is_floating(t) && is_floating(b.physical())) return order_floating(double_at(a, row_a), double_at(b, row_b));
    LDB_CHECK(t == PhysicalType::kDate || t == PhysicalType::kTimestamp);
    LDB_CHECK(b.physical() == PhysicalType::kDate || b.physical() == PhysicalType::kTimestamp);
    return order(microseconds_at(a, row_a), microseconds_at(b, row_b));
  }
  switch (t) {
    case PhysicalType::kBool:
      return order(a.at<bool>(row_a), b.at<bool>(row_b));
    case PhysicalType::kInt16:
      return order(a.at<std::int16_t>(row_a), b.at<std::int16_t>(row_b));
    case PhysicalType::kInt32:
      return order(a.at<std::int32_t>(row_a), b.at<std::int32_t>(row_b));
    case PhysicalType::kInt64:
      return order(a.at<std::int64_t>(row_a), b.at<std::int64_t>(row_b));
    case PhysicalType::kFloat:
    case PhysicalType::kDouble:
      return order_floating(double_at(a, row_a), double_at(b, row_b));
    case PhysicalType::kDecimal: {
      const auto o = compare(a.at<Decimal>(row_a), b.at<Decimal>(row_b));
      return o < 0 ? -1 : o > 0 ? 1 : 0;
    }
    case PhysicalType::kString: {
      std::string_view x = a.at<std::string_view>(row_a);
      std::string_view y = b.at<std::string_view>(row_b);
      if (a.type().id == TypeId::kChar || b.type().id == TypeId::kChar) {
        x = without_trailing_blanks(x);
        y = without_trailing_blanks(y);
      }
      return order(x.compare(y), 0);
    }
    case PhysicalType::kDate:
      return order(a.at<Date>(row_a), b.at<Date>(row_b));
    case PhysicalType::kTimestamp:
      return order(a.at<Timestamp>(row_a), b.at<Timestamp>(row_b));
    case PhysicalType::kInterval:
      return compare(a.at<Interval>(row_a), b.at<Interval>(row_b));
  }
  return 0;
}

int compare_elements(const ColumnVector& a, std::size_t row_a, const ColumnVector& b, std::size_t row_b, bool descending,
                     bool nulls_first) {
  const bool null_a = a.is_null(row_a);
  const bool null_b = b.is_null(row_b);
  if (null_a || null_b) {
    if (null_a && null_b) return 0;
    return null_a == nulls_first ? -1 : 1;
  }
  const int o = compare_elements(a, row_a, b, row_b);
  return descending ? -o : o;
}

bool equal_elements(const ColumnVector& a, std::size_t row_a, const ColumnVector& b, std::size_t row_b) {
  const bool null_a = a.is_null(row_a);
  if (null_a != b.is_null(row_b)) return false;
  return null_a || compare_elements(a, row_a, b, row_b) == 0;
}

int compare_values(const Value& a, const Value& b) {
  return compare_elements(ColumnVector::constant(DataType{a.type()}, a), 0, ColumnVector::constant(DataType{b.type()}, b), 0);
}

void hash_elements(const ColumnVector& v, RowSet rows, std::span<std::uint64_t> hashes, bool combine) {
  const auto store = [&](std::size_t row, std::uint64_t h) { hashes[row] = combine ? mix(hashes[row] * 31 + h) : h; };
  if (v.is_constant()) {
    const std::uint64_t h = v.is_null(0) ? kNullHash : hash_element(v, 0);
    rows.for_each([&](std::size_t row) { store(row, h); });
    return;
  }
  rows.for_each([&](std::size_t row) { store(row, v.is_null(row) ? kNullHash : hash_element(v, row)); });
}

std::uint64_t hash_value(const Value& v) {
  if (v.is_null()) return kNullHash;
  return hash_element(ColumnVector::constant(DataType{v.type()}, v), 0);
}

void write_batch(const Batch& batch, std::string& out) {
  const RowSet rows = batch.rows();
  put_varint(out, rows.count);
  put_varint(out, batch.columns.size());
  for (const ColumnVector& column : batch.columns) {
    const std::size_t bitmap = out.size();
    out.append((rows.count + 7) / 8, '\0');
    std::size_t i = 0;
    rows.for_each([&](std::size_t row) {
      if (column.is_null(row)) {
        out[bitmap + i / 8] = static_cast<char>(out[bitmap + i / 8] | 1 << (i % 8));
      } else {
        encode_cell(column, row, out);
      }
      ++i;
    });
  }
}

Status read_batch(std::string_view& in, std::span<const DataType> types, Batch& out) {
  ByteReader head(in);
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  if (!head.varint(rows) || !head.varint(columns) || rows > kBatchRows || columns != types.size()) {
    return {StatusCode::kCorruption, "malformed batch"};
  }
  in.remove_prefix(head.offset());
  out.columns.resize(types.size());
  out.row_count = rows;
  out.clear_selection();
  for (std::size_t c = 0; c < types.size(); ++c) {
    const std::size_t bitmap_bytes = (rows + 7) / 8;
    if (in.size() < bitmap_bytes) return {StatusCode::kCorruption, "malformed batch"};
    const std::string_view bitmap = in.substr(0, bitmap_bytes);
    in.remove_prefix(bitmap_bytes);
    ColumnVector& column = out.columns[c];
    column.reset(types[c], std::max<std::size_t>(rows, 1));
    for (std::size_t i = 0; i < rows; ++i) {
      if ((static_cast<unsigned char>(bitmap[i / 8]) >> (i % 8) & 1) != 0) {
        column.set_null(i);
      } else {
        LDB_TRY(decode_cell(in, column, i, false));
      }
    }
  }
  return {};
}

}  // namespace ldb::sql
