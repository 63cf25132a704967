#include "base/coding.hpp"

#include <catch2/catch.hpp>

#include "base/hash.hpp"
#include "ldb/status.hpp"

namespace ldb {

TEST_CASE("What is put is read back") {
  std::string out;
  put_u8(out, 7);
  put_u16(out, 0xabcd);
  put_u32(out, 0xdeadbeef);
  put_u64(out, 0x0123456789abcdefULL);
  for (const std::uint64_t v : {0ULL, 127ULL, 128ULL, 300ULL, ~0ULL}) put_varint(out, v);
  put_bytes(out, "text");
  ByteReader in(out);
  std::uint8_t a = 0;
  std::uint16_t b = 0;
  std::uint32_t c = 0;
  std::uint64_t d = 0;
  CHECK((in.u8(a) && a == 7));
  CHECK((in.u16(b) && b == 0xabcd));
  CHECK((in.u32(c) && c == 0xdeadbeef));
  CHECK((in.u64(d) && d == 0x0123456789abcdefULL));
  for (const std::uint64_t v : {0ULL, 127ULL, 128ULL, 300ULL, ~0ULL}) CHECK((in.varint(d) && d == v));
  std::string_view text;
  CHECK((in.bytes(text) && text == "text"));
  CHECK(in.empty());
  CHECK_FALSE(in.u8(a));
  CHECK_FALSE(in.ok());
}

TEST_CASE("Damaged varints and lengths are refused without consuming anything") {
  std::uint64_t v = 0;
  ByteReader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
  CHECK_FALSE(endless.varint(v));
  CHECK(endless.offset() == 0);
  std::string out;
  put_varint(out, 100);
  out += "short";
  ByteReader in(out);
  std::string_view text;
  CHECK_FALSE(in.bytes(text));
  CHECK(in.offset() == 0);
}

TEST_CASE("Zigzag keeps small magnitudes small") {
  for (const std::int64_t v : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, INT64_MIN, INT64_MAX})
    CHECK(unzigzag(zigzag(v)) == v);
  CHECK(zigzag(-1) == 1);
}

TEST_CASE("Incremental hashing equals hashing the whole") {
  Hasher64 hasher(5);
  hasher.update("ab");
  hasher.update("c");
  CHECK(hasher.digest() == hash64("abc", 5));
  CHECK(hash64("abc") != hash64("abd"));
}

TEST_CASE("A status carries code, message, context and SQL state") {
  const Status status = Status(StatusCode::kCorruption, "bad checksum").with_context("footer");
  CHECK(status.to_string() == "corruption: footer: bad checksum");
  CHECK(status.sqlstate() == "XX001");
  CHECK(Status().with_context("x").is_ok());
  const Status sql = Status::sql(StatusCode::kConstraint, "23505", "duplicate key", 4).with_detail("Key (a)=(1)");
  CHECK(sql.sqlstate() == "23505");
  CHECK(sql.position() == 4);
  CHECK(sql.detail() == "Key (a)=(1)");
}

}  // namespace ldb
