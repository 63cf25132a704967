// Memory that blocks pass through on their way from a file.
#include "storage/sstable/scratch_buffer.hpp"

#include <catch2/catch.hpp>
#include <cstring>

namespace ldb::storage {
namespace {

#ifdef LDB_ADDRESS_SANITIZER
bool forbidden(const char* byte) { return __asan_address_is_poisoned(byte) != 0; }
#endif

}  // namespace

TEST_CASE("A scratch buffer's memory is that of the next one, and two at a time have their own") {
  const char* first = nullptr;
  const char* second = nullptr;
  {
    ScratchBuffer a;
    ScratchBuffer b;
    std::memset(a.get(1000), 'a', 1000);
    std::memset(b.get(1000), 'b', 1000);
    first = a.get(1000);
    second = b.get(1000);
    CHECK(first != second);
    CHECK(first[999] == 'a');
    CHECK(second[999] == 'b');
  }
  ScratchBuffer again;
  const char* const bytes = again.get(2000);
  CHECK((bytes == first || bytes == second));
}

#ifdef LDB_ADDRESS_SANITIZER
TEST_CASE("What lies beyond the bytes asked for, and what nobody asked for now, may not be touched") {
  const char* bytes = nullptr;
  {
    ScratchBuffer scratch;
    bytes = scratch.get(3000);
    CHECK_FALSE(forbidden(bytes));
    CHECK_FALSE(forbidden(bytes + 2999));
    CHECK(forbidden(bytes + 3000));
    REQUIRE(scratch.get(101) == bytes);
    CHECK_FALSE(forbidden(bytes + 100));
    CHECK(forbidden(bytes + 101));
    REQUIRE(scratch.get(4000) == bytes);
    CHECK_FALSE(forbidden(bytes + 3999));
  }
  CHECK(forbidden(bytes));
}
#endif

}  // namespace ldb::storage
