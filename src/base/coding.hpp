// Fixed-width and variable-length integers as bytes, little-endian unless named otherwise, and a bounds-checked reader.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ldb {

static_assert(std::endian::native == std::endian::little,
              "ldb's formats are little-endian; big-endian hosts need byte swaps here");

inline void put_u8(std::string& out, std::uint8_t v) { out.push_back(static_cast<char>(v)); }
inline void put_u16(std::string& out, std::uint16_t v) { out.append(reinterpret_cast<const char*>(&v), sizeof v); }
inline void put_u32(std::string& out, std::uint32_t v) { out.append(reinterpret_cast<const char*>(&v), sizeof v); }
inline void put_u64(std::string& out, std::uint64_t v) { out.append(reinterpret_cast<const char*>(&v), sizeof v); }

/// Big-endian, so that byte order equals numeric order (keys).
inline void put_u32_be(std::string& out, std::uint32_t v) { put_u32(out, __builtin_bswap32(v)); }
inline void put_u64_be(std::string& out, std::uint64_t v) { put_u64(out, __builtin_bswap64(v)); }

inline std::uint32_t load_u32(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline std::uint64_t load_u64(const char* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline std::uint64_t load_u64_be(const char* p) { return __builtin_bswap64(load_u64(p)); }
inline std::uint32_t load_u32_be(const char* p) { return __builtin_bswap32(load_u32(p)); }
inline void store_u32(char* p, std::uint32_t v) { std::memcpy(p, &v, sizeof v); }
inline void store_u64(char* p, std::uint64_t v) { std::memcpy(p, &v, sizeof v); }

/// LEB128: 7 bits a byte, low group first; at most 10 bytes.
inline void put_varint(std::string& out, std::uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}
inline std::uint64_t zigzag(std::int64_t v) { return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63); }
inline std::int64_t unzigzag(std::uint64_t v) { return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1); }

/// Varint length, then the bytes.
inline void put_bytes(std::string& out, std::string_view bytes) {
  put_varint(out, bytes.size());
  out.append(bytes);
}

/// Reads what the put_* functions wrote. Every read reports whether it fitted; after a failure nothing has been consumed and
/// ok() stays false. Views returned point into the input.
class ByteReader {
 public:
  explicit ByteReader(std::string_view input) : begin_(input.data()), p_(input.data()), end_(input.data() + input.size()) {}

  bool ok() const { return ok_; }
  bool empty() const { return p_ == end_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - p_); }
  std::size_t offset() const { return static_cast<std::size_t>(p_ - begin_); }
  std::string_view rest() const { return {p_, remaining()}; }

  bool u8(std::uint8_t& v) { return fixed(v); }
  bool u16(std::uint16_t& v) { return fixed(v); }
  bool u32(std::uint32_t& v) { return fixed(v); }
  bool u64(std::uint64_t& v) { return fixed(v); }
  bool varint(std::uint64_t& v) {
    if (p_ != end_ && static_cast<std::uint8_t>(*p_) < 0x80) {  // most are small
      v = static_cast<std::uint8_t>(*p_++);
      return ok_;
    }
    return long_varint(v);
  }
  bool bytes(std::string_view& v) {
    const char* const start = p_;
    std::uint64_t size = 0;
    if (!varint(size)) return false;
    if (size > remaining()) {
      p_ = start;
      return fail();
    }
    v = {p_, static_cast<std::size_t>(size)};
    p_ += size;
    return true;
  }
  bool raw(std::size_t size, std::string_view& v) {
    if (size > remaining()) return fail();
    v = {p_, size};
    p_ += size;
    return ok_;
  }
  bool skip(std::size_t size) {
    std::string_view ignored;
    return raw(size, ignored);
  }
  bool fail() { return ok_ = false; }

 private:
  bool long_varint(std::uint64_t& v) {
    std::uint64_t result = 0;
    const char* p = p_;
    for (unsigned shift = 0; shift < 64 && p < end_; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*p++);
      if (shift == 63 && byte > 1) break;  // would not fit 64 bits
      result |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        p_ = p;
        v = result;
        return ok_;
      }
    }
    return fail();
  }
  template <class T>
  bool fixed(T& v) {
    if (remaining() < sizeof(T)) return fail();
    std::memcpy(&v, p_, sizeof(T));
    p_ += sizeof(T);
    return ok_;
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace ldb
