#include "sql/types/key_codec.hpp"

#include <bit>
#include <cmath>

#include "base/coding.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"

namespace ldb::sql {
namespace {

constexpr char kNullFirst = '\x00';
constexpr char kNullLast = '\xff';
constexpr char kTag = '\x01';
constexpr int kExponentBias = 37;  // exponents -37..38

void put_integer(std::string& out, std::int64_t v) {
  std::uint64_t m = v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
  const int n = (64 - std::countl_zero(m) + 7) / 8;
  out.push_back(static_cast<char>(v < 0 ? 0x80 - n : 0x80 + n));
  if (v < 0) m = ~m;
  for (int i = n; i-- > 0;) out.push_back(static_cast<char>(m >> (8 * i)));
}

void put_double(std::string& out, double v) {
  if (std::isnan(v)) v = std::numeric_limits<double>::quiet_NaN();
  if (v == 0) v = 0;
  auto bits = std::bit_cast<std::uint64_t>(v);
  bits = (bits >> 63) != 0 ? ~bits : bits | std::uint64_t{1} << 63;
  out.push_back(kTag);
  put_u64_be(out, bits);
}

void put_float(std::string& out, float v) {
  if (std::isnan(v)) v = std::numeric_limits<float>::quiet_NaN();
  if (v == 0) v = 0;
  auto bits = std::bit_cast<std::uint32_t>(v);
  bits = (bits >> 31) != 0 ? ~bits : bits | std::uint32_t{1} << 31;
  out.push_back(kTag);
  put_u32_be(out, bits);
}

void put_decimal(std::string& out, const Decimal& d) {
  if (d.coefficient == 0) {
    out.push_back('\x80');
    return;
  }
  const bool negative = d.coefficient < 0;
  uint128_t m = magnitude(d.coefficient);
  int digits = digit_count(d.coefficient);
  const int exponent = digits - d.scale;
  while (m % 10 == 0) {
    m /= 10;
    --digits;
  }
  if (digits % 2 != 0) {
    m *= 10;
    ++digits;
  }
  char pairs[20];
  const int n = digits / 2;
  for (int i = n; i-- > 0;) {
    pairs[i] = static_cast<char>(static_cast<unsigned>(m % 100) * 2 + (i + 1 < n ? 1 : 0));
    m /= 100;
  }
  const int biased = exponent + kExponentBias;
  out.push_back(static_cast<char>(negative ? 0x7f - biased : 0x81 + biased));
  for (int i = 0; i < n; ++i) out.push_back(negative ? static_cast<char>(~pairs[i]) : pairs[i]);
}

void put_escaped(std::string& out, std::string_view s) {
  for (;;) {
    const std::size_t at = s.find('\0');
    out.append(s.substr(0, at));
    if (at == s.npos) return;
    out.push_back('\x00');
    out.push_back('\xff');
    s.remove_prefix(at + 1);
  }
}

void put_text(std::string& out, std::string_view s, TypeId type) {
  if (type == TypeId::kChar) {
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  }
  out.push_back(kTag);
  put_escaped(out, s);
  out.push_back('\x00');
  out.push_back('\x01');
}

void put_interval(std::string& out, const Interval& i) {
  const auto v = static_cast<uint128_t>(total_microseconds(i)) ^ static_cast<uint128_t>(1) << 127;
  out.push_back(kTag);
  put_u64_be(out, static_cast<std::uint64_t>(v >> 64));
  put_u64_be(out, static_cast<std::uint64_t>(v));
}

void put_null(std::string& out, const KeyColumn& column) { out.push_back(column.nulls_first ? kNullFirst : kNullLast); }

void complement(std::string& out, std::size_t from) {
  for (std::size_t i = from; i < out.size(); ++i) out[i] = static_cast<char>(~out[i]);
}

Status malformed(TypeId type) {
  return {StatusCode::kCorruption, "malformed key component of type " + DataType{type}.to_string()};
}

/// Reads bytes from a key, undoing the complement of descending components.
class KeyReader {
 public:
  KeyReader(std::string_view key, bool descending) : key_(key), mask_(descending ? 0xff : 0) {}

  bool byte(unsigned& v) {
    if (at_ == key_.size()) return false;
    v = static_cast<unsigned char>(key_[at_++]) ^ mask_;
    return true;
  }
  bool big_endian(int bytes, std::uint64_t& v) {
    v = 0;
    for (int i = 0; i < bytes; ++i) {
      unsigned b = 0;
      if (!byte(b)) return false;
      v = v << 8 | b;
    }
    return true;
  }
  std::size_t offset() const { return at_; }

 private:
  std::string_view key_;
  unsigned mask_;
  std::size_t at_ = 0;
};

bool read_integer(KeyReader& in, std::int64_t& v) {
  unsigned tag = 0;
  if (!in.byte(tag) || tag < 0x78 || tag > 0x88) return false;
  const bool negative = tag < 0x80;
  const int n = negative ? 0x80 - static_cast<int>(tag) : static_cast<int>(tag) - 0x80;
  std::uint64_t m = 0;
  if (!in.big_endian(n, m)) return false;
  if (negative) m = ~m & (n == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * n)) - 1);
  if (n > 0 && m >> (8 * (n - 1)) == 0) return false;  // only the shortest form
  if (negative ? m > std::uint64_t{1} << 63 : m > static_cast<std::uint64_t>(INT64_MAX)) return false;
  v = negative ? static_cast<std::int64_t>(0 - m) : static_cast<std::int64_t>(m);
  return true;
}

bool read_double(KeyReader& in, double& v) {
  unsigned tag = 0;
  std::uint64_t bits = 0;
  if (!in.byte(tag) || tag != 1 || !in.big_endian(8, bits)) return false;
  v = std::bit_cast<double>((bits >> 63) != 0 ? bits & ~(std::uint64_t{1} << 63) : ~bits);
  return true;
}

bool read_float(KeyReader& in, float& v) {
  unsigned tag = 0;
  std::uint64_t wide = 0;
  if (!in.byte(tag) || tag != 1 || !in.big_endian(4, wide)) return false;
  const auto bits = static_cast<std::uint32_t>(wide);
  v = std::bit_cast<float>((bits >> 31) != 0 ? bits & ~(std::uint32_t{1} << 31) : ~bits);
  return true;
}

bool read_decimal(KeyReader& in, Decimal& d) {
  unsigned tag = 0;
  if (!in.byte(tag)) return false;
  d = {};
  if (tag == 0x80) return true;
  const bool negative = tag < 0x80;
  const int exponent = (negative ? 0x7f - static_cast<int>(tag) : static_cast<int>(tag) - 0x81) - kExponentBias;
  if (exponent > kMaxDecimalDigits) return false;
  int128_t m = 0;
  int digits = 0;
  for (;;) {
    unsigned b = 0;
    if (!in.byte(b)) return false;
    if (negative) b ^= 0xff;
    if (b / 2 > 99 || digits == 38) return false;
    m = m * 100 + static_cast<int>(b / 2);
    digits += 2;
    if (b % 2 == 0) break;
  }
  int scale = digits - exponent;
  while (scale > 0 && m != 0 && m % 10 == 0) {
    m /= 10;
    --scale;
  }
  if (m == 0 || scale > kMaxDecimalDigits) return false;
  for (; scale < 0; ++scale) {
    if (digit_count(m) >= kMaxDecimalDigits) return false;
    m *= 10;
  }
  d = {negative ? -m : m, scale};
  return is_valid(d);
}

bool read_text(KeyReader& in, std::string* out) {
  unsigned b = 0;
  if (!in.byte(b) || b != 1) return false;
  for (;;) {
    if (!in.byte(b)) return false;
    if (b == 0) {
      if (!in.byte(b)) return false;
      if (b == 1) return true;
      if (b != 0xff) return false;
      b = 0;
    }
    if (out != nullptr) out->push_back(static_cast<char>(b));
  }
}

bool read_interval(KeyReader& in, Interval& i) {
  unsigned tag = 0;
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  if (!in.byte(tag) || tag != 1 || !in.big_endian(8, high) || !in.big_endian(8, low)) return false;
  const auto total = static_cast<int128_t>((static_cast<uint128_t>(high) << 64 | low) ^ static_cast<uint128_t>(1) << 127);
  const int128_t days = total / kMicrosPerDay;
  const int128_t months = days / 30;
  if (months > INT32_MAX || months < INT32_MIN) {
    // The extremes: all 32-bit months and then some days and hours.
    const int128_t kept = months > 0 ? int128_t{INT32_MAX} : int128_t{INT32_MIN};
    const int128_t rest_days = days - kept * 30;
    if (rest_days > INT32_MAX || rest_days < INT32_MIN) {
      const int128_t all_days = rest_days > 0 ? int128_t{INT32_MAX} : int128_t{INT32_MIN};
      const int128_t us = total - (kept * 30 + all_days) * kMicrosPerDay;
      if (us > INT64_MAX || us < INT64_MIN) return false;
      i = {static_cast<std::int32_t>(kept), static_cast<std::int32_t>(all_days), static_cast<std::int64_t>(us)};
      return true;
    }
    i = {static_cast<std::int32_t>(kept), static_cast<std::int32_t>(rest_days), static_cast<std::int64_t>(total % kMicrosPerDay)};
    return true;
  }
  i = {static_cast<std::int32_t>(months), static_cast<std::int32_t>(days % 30), static_cast<std::int64_t>(total % kMicrosPerDay)};
  return true;
}

template <class T>
bool narrow(std::int64_t wide, T& v) {
  if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) return false;
  v = static_cast<T>(wide);
  return true;
}

bool is_null_tag(std::string_view key, const KeyColumn& column) {
  return !key.empty() && key[0] == (column.nulls_first ? kNullFirst : kNullLast);
}

bool read_element(KeyReader& in, ColumnVector& out, std::size_t row) {
  std::int64_t wide = 0;
  switch (out.physical()) {
    case PhysicalType::kBool: {
      unsigned tag = 0;
      if (!in.byte(tag) || (tag != 1 && tag != 2)) return false;
      out.data<bool>()[row] = tag == 2;
      return true;
    }
    case PhysicalType::kInt16:
      return read_integer(in, wide) && narrow(wide, out.data<std::int16_t>()[row]);
    case PhysicalType::kInt32:
      return read_integer(in, wide) && narrow(wide, out.data<std::int32_t>()[row]);
    case PhysicalType::kInt64:
      return read_integer(in, out.data<std::int64_t>()[row]);
    case PhysicalType::kFloat:
      return read_float(in, out.data<float>()[row]);
    case PhysicalType::kDouble:
      return read_double(in, out.data<double>()[row]);
    case PhysicalType::kDecimal:
      return read_decimal(in, out.data<Decimal>()[row]);
    case PhysicalType::kString: {
      std::string text;
      if (!read_text(in, &text)) return false;
      out.set_string(row, text);
      return true;
    }
    case PhysicalType::kDate: {
      Date& d = out.data<Date>()[row];
      return read_integer(in, wide) && narrow(wide, d.days) && (is_valid(d) || !is_finite(d));
    }
    case PhysicalType::kTimestamp: {
      Timestamp& t = out.data<Timestamp>()[row];
      return read_integer(in, t.us) && (is_valid(t) || !is_finite(t));
    }
    case PhysicalType::kInterval:
      return read_interval(in, out.data<Interval>()[row]);
  }
  return false;
}

}  // namespace

void encode_key(const ColumnVector& v, std::size_t row, const KeyColumn& column, std::string& out) {
  if (v.is_null(row)) return put_null(out, column);
  const std::size_t from = out.size();
  switch (v.physical()) {
    case PhysicalType::kBool:
      out.push_back(v.at<bool>(row) ? '\x02' : '\x01');
      break;
    case PhysicalType::kInt16:
      put_integer(out, v.at<std::int16_t>(row));
      break;
    case PhysicalType::kInt32:
      put_integer(out, v.at<std::int32_t>(row));
      break;
    case PhysicalType::kInt64:
      put_integer(out, v.at<std::int64_t>(row));
      break;
    case PhysicalType::kFloat:
      put_float(out, v.at<float>(row));
      break;
    case PhysicalType::kDouble:
      put_double(out, v.at<double>(row));
      break;
    case PhysicalType::kDecimal:
      put_decimal(out, v.at<Decimal>(row));
      break;
    case PhysicalType::kString:
      put_text(out, v.at<std::string_view>(row), column.type);
      break;
    case PhysicalType::kDate:
      put_integer(out, v.at<Date>(row).days);
      break;
    case PhysicalType::kTimestamp:
      put_integer(out, v.at<Timestamp>(row).us);
      break;
    case PhysicalType::kInterval:
      put_interval(out, v.at<Interval>(row));
      break;
  }
  if (column.descending) complement(out, from);
}

void encode_key(const Value& value, const KeyColumn& column, std::string& out) {
  if (value.is_null()) return put_null(out, column);
  const Value::Storage& s = value.storage();
  const std::size_t from = out.size();
  switch (physical_type(column.type)) {
    case PhysicalType::kBool:
      out.push_back(std::get<bool>(s) ? '\x02' : '\x01');
      break;
    case PhysicalType::kInt16:
    case PhysicalType::kInt32:
    case PhysicalType::kInt64:
      put_integer(out, std::get<std::int64_t>(s));
      break;
    case PhysicalType::kFloat:
      put_float(out, static_cast<float>(std::get<double>(s)));
      break;
    case PhysicalType::kDouble:
      put_double(out, std::get<double>(s));
      break;
    case PhysicalType::kDecimal:
      put_decimal(out, std::get<Decimal>(s));
      break;
    case PhysicalType::kString:
      if (const auto* bytes = std::get_if<Bytes>(&s)) {
        put_text(out, bytes->data, column.type);
      } else {
        put_text(out, std::get<std::string>(s), column.type);
      }
      break;
    case PhysicalType::kDate:
      put_integer(out, std::get<Date>(s).days);
      break;
    case PhysicalType::kTimestamp:
      put_integer(out, std::get<Timestamp>(s).us);
      break;
    case PhysicalType::kInterval:
      put_interval(out, std::get<Interval>(s));
      break;
  }
  if (column.descending) complement(out, from);
}

Status skip_key(std::string_view& key, const KeyColumn& column) {
  if (is_null_tag(key, column)) {
    key.remove_prefix(1);
    return {};
  }
  KeyReader in(key, column.descending);
  bool ok = false;
  if (physical_type(column.type) == PhysicalType::kString) {
    ok = read_text(in, nullptr);
  } else {
    ColumnVector one;
    one.reset_constant(DataType{column.type});
    ok = read_element(in, one, 0);
  }
  if (!ok) return malformed(column.type);
  key.remove_prefix(in.offset());
  return {};
}

Result<std::size_t> key_prefix_size(std::string_view key, std::span<const KeyColumn> columns) {
  std::string_view rest = key;
  for (const KeyColumn& column : columns) LDB_TRY(skip_key(rest, column));
  return key.size() - rest.size();
}

Status decode_key(std::string_view& key, const KeyColumn& column, ColumnVector& out, std::size_t row) {
  if (is_null_tag(key, column)) {
    key.remove_prefix(1);
    out.set_null(row);
    return {};
  }
  KeyReader in(key, column.descending);
  if (!read_element(in, out, row)) return malformed(column.type);
  key.remove_prefix(in.offset());
  return {};
}

Result<Value> decode_key(std::string_view& key, const KeyColumn& column) {
  ColumnVector one;
  one.reset_constant(DataType{column.type});
  LDB_TRY(decode_key(key, column, one, 0));
  return one.value(0);
}

bool key_is_exact(TypeId type) {
  switch (type) {
    case TypeId::kReal:
    case TypeId::kDouble:
    case TypeId::kNumeric:
    case TypeId::kChar:
    case TypeId::kInterval:
      return false;
    default:
      return true;
  }
}

void encode_text_key_prefix(std::string_view prefix, std::string& out) {
  out.push_back(kTag);
  put_escaped(out, prefix);
}

std::string key_successor(std::string_view prefix) {
  std::string s(prefix);
  while (!s.empty() && s.back() == '\xff') s.pop_back();
  if (!s.empty()) s.back() = static_cast<char>(static_cast<unsigned char>(s.back()) + 1);
  return s;
}

}  // namespace ldb::sql
