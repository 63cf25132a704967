#include "sql/types/cell_codec.hpp"

#include <limits>

#include "base/coding.hpp"
#include "sql/types/datetime.hpp"
#include "sql/types/decimal.hpp"

namespace ldb::sql {
namespace {

void put_signed(std::string& out, std::int64_t v) { put_varint(out, zigzag(v)); }

void put_decimal(std::string& out, const Decimal& d) {
  put_u8(out, static_cast<std::uint8_t>(d.scale));
  uint128_t v = static_cast<uint128_t>(d.coefficient) << 1 ^ static_cast<uint128_t>(d.coefficient >> 127);
  while (v >= 0x80) {
    out.push_back(static_cast<char>(static_cast<unsigned>(v & 0x7f) | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}

void put_interval(std::string& out, const Interval& i) {
  put_signed(out, i.months);
  put_signed(out, i.days);
  put_signed(out, i.us);
}

Status malformed(TypeId type) { return {StatusCode::kCorruption, "malformed cell of type " + DataType{type}.to_string()}; }

bool read_signed(ByteReader& in, std::int64_t& v) {
  std::uint64_t raw = 0;
  if (!in.varint(raw)) return false;
  v = unzigzag(raw);
  return true;
}

template <class T>
bool read_narrow(ByteReader& in, T& v) {
  std::int64_t wide = 0;
  if (!read_signed(in, wide) || wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) return false;
  v = static_cast<T>(wide);
  return true;
}

bool read_decimal(ByteReader& in, Decimal& d) {
  std::uint8_t scale = 0;
  if (!in.u8(scale) || scale > kMaxDecimalDigits) return false;
  uint128_t v = 0;
  for (unsigned shift = 0; shift < 128; shift += 7) {
    std::uint8_t byte = 0;
    if (!in.u8(byte)) return false;
    if (shift == 126 && byte > 3) return false;
    v |= static_cast<uint128_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      d.coefficient = static_cast<int128_t>(v >> 1) ^ -static_cast<int128_t>(v & 1);
      d.scale = scale;
      return is_valid(d);
    }
  }
  return false;
}

bool read_interval(ByteReader& in, Interval& i) {
  return read_narrow(in, i.months) && read_narrow(in, i.days) && read_signed(in, i.us);
}

bool read_bool(ByteReader& in, bool& v) {
  std::uint8_t byte = 0;
  if (!in.u8(byte) || byte > 1) return false;
  v = byte != 0;
  return true;
}

template <class T, class Raw>
bool read_floating(ByteReader& in, T& v) {
  std::string_view bytes;
  if (!in.raw(sizeof(T), bytes)) return false;
  std::memcpy(&v, bytes.data(), sizeof(T));
  return true;
}

bool read_date(ByteReader& in, Date& d) { return read_narrow(in, d.days) && (is_valid(d) || !is_finite(d)); }
bool read_timestamp(ByteReader& in, Timestamp& t) { return read_signed(in, t.us) && (is_valid(t) || !is_finite(t)); }

template <class T, bool (*read)(ByteReader&, T&)>
bool read_into(ByteReader& in, ColumnVector& out, std::size_t row) {
  return read(in, out.data<T>()[row]);
}

template <class T>
void put_floating(std::string& out, T v) {
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}

}  // namespace

void encode_cell(const Value& value, std::string& out) {
  const Value::Storage& s = value.storage();
  switch (physical_type(value.type())) {
    case PhysicalType::kBool:
      put_u8(out, std::get<bool>(s) ? 1 : 0);
      break;
    case PhysicalType::kInt16:
    case PhysicalType::kInt32:
    case PhysicalType::kInt64:
      put_signed(out, std::get<std::int64_t>(s));
      break;
    case PhysicalType::kFloat:
      put_floating(out, static_cast<float>(std::get<double>(s)));
      break;
    case PhysicalType::kDouble:
      put_floating(out, std::get<double>(s));
      break;
    case PhysicalType::kDecimal:
      put_decimal(out, std::get<Decimal>(s));
      break;
    case PhysicalType::kString:
      if (const auto* bytes = std::get_if<Bytes>(&s)) {
        put_bytes(out, bytes->data);
      } else {
        put_bytes(out, std::get<std::string>(s));
      }
      break;
    case PhysicalType::kDate:
      put_signed(out, std::get<Date>(s).days);
      break;
    case PhysicalType::kTimestamp:
      put_signed(out, std::get<Timestamp>(s).us);
      break;
    case PhysicalType::kInterval:
      put_interval(out, std::get<Interval>(s));
      break;
  }
}

void encode_cell(const ColumnVector& v, std::size_t row, std::string& out) {
  switch (v.physical()) {
    case PhysicalType::kBool:
      put_u8(out, v.at<bool>(row) ? 1 : 0);
      break;
    case PhysicalType::kInt16:
      put_signed(out, v.at<std::int16_t>(row));
      break;
    case PhysicalType::kInt32:
      put_signed(out, v.at<std::int32_t>(row));
      break;
    case PhysicalType::kInt64:
      put_signed(out, v.at<std::int64_t>(row));
      break;
    case PhysicalType::kFloat:
      put_floating(out, v.at<float>(row));
      break;
    case PhysicalType::kDouble:
      put_floating(out, v.at<double>(row));
      break;
    case PhysicalType::kDecimal:
      put_decimal(out, v.at<Decimal>(row));
      break;
    case PhysicalType::kString:
      put_bytes(out, v.at<std::string_view>(row));
      break;
    case PhysicalType::kDate:
      put_signed(out, v.at<Date>(row).days);
      break;
    case PhysicalType::kTimestamp:
      put_signed(out, v.at<Timestamp>(row).us);
      break;
    case PhysicalType::kInterval:
      put_interval(out, v.at<Interval>(row));
      break;
  }
}

Status decode_cell(std::string_view& bytes, ColumnVector& out, std::size_t row, bool borrow) {
  ByteReader in(bytes);
  bool ok = false;
  switch (out.physical()) {
    case PhysicalType::kBool:
      ok = read_into<bool, read_bool>(in, out, row);
      break;
    case PhysicalType::kInt16:
      ok = read_into<std::int16_t, read_narrow<std::int16_t>>(in, out, row);
      break;
    case PhysicalType::kInt32:
      ok = read_into<std::int32_t, read_narrow<std::int32_t>>(in, out, row);
      break;
    case PhysicalType::kInt64:
      ok = read_into<std::int64_t, read_signed>(in, out, row);
      break;
    case PhysicalType::kFloat:
      ok = read_into<float, read_floating<float, std::uint32_t>>(in, out, row);
      break;
    case PhysicalType::kDouble:
      ok = read_into<double, read_floating<double, std::uint64_t>>(in, out, row);
      break;
    case PhysicalType::kDecimal:
      ok = read_into<Decimal, read_decimal>(in, out, row);
      break;
    case PhysicalType::kString: {
      std::string_view text;
      ok = in.bytes(text);
      if (ok && borrow) {
        out.data<std::string_view>()[row] = text;
      } else if (ok) {
        out.set_string(row, text);
      }
      break;
    }
    case PhysicalType::kDate:
      ok = read_into<Date, read_date>(in, out, row);
      break;
    case PhysicalType::kTimestamp:
      ok = read_into<Timestamp, read_timestamp>(in, out, row);
      break;
    case PhysicalType::kInterval:
      ok = read_into<Interval, read_interval>(in, out, row);
      break;
  }
  if (!ok) return malformed(out.type().id);
  bytes.remove_prefix(in.offset());
  return {};
}

Result<Value> decode_cell(std::string_view& bytes, TypeId type) {
  ColumnVector one;
  one.reset_constant(DataType{type});
  LDB_TRY(decode_cell(bytes, one, 0, true));
  return one.value(0);
}

Status skip_cell(std::string_view& bytes, TypeId type) {
  ByteReader in(bytes);
  std::uint64_t v = 0;
  bool ok = false;
  switch (physical_type(type)) {
    case PhysicalType::kBool:
      ok = in.skip(1);
      break;
    case PhysicalType::kFloat:
      ok = in.skip(4);
      break;
    case PhysicalType::kDouble:
      ok = in.skip(8);
      break;
    case PhysicalType::kDecimal: {
      Decimal d;
      ok = read_decimal(in, d);
      break;
    }
    case PhysicalType::kString: {
      std::string_view text;
      ok = in.bytes(text);
      break;
    }
    case PhysicalType::kInterval:
      ok = in.varint(v) && in.varint(v) && in.varint(v);
      break;
    default:
      ok = in.varint(v);
      break;
  }
  if (!ok) return malformed(type);
  bytes.remove_prefix(in.offset());
  return {};
}

}  // namespace ldb::sql
