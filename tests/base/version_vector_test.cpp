#include <catch2/catch.hpp>

#include "ldb/ids.hpp"

namespace ldb {
namespace {
OriginProgress at(std::uint64_t sequence) { return {sequence, Stamp{sequence * 10}, sequence * 7}; }
}  // namespace

TEST_CASE("A version vector merges to the further and intersects to the nearer of two") {
  VersionVector a;
  a.set({1}, at(5));
  a.set({2}, at(1));
  VersionVector b;
  b.set({1}, at(3));
  b.set({2}, at(4));
  b.set({3}, at(9));
  VersionVector merged = a;
  merged.merge(b);
  CHECK(merged.get({1}) == at(5));
  CHECK(merged.get({2}) == at(4));
  CHECK(merged.get({3}) == at(9));
  VersionVector common = a;
  common.intersect(b);
  CHECK(common.get({1}) == at(3));
  CHECK(common.get({2}) == at(1));
  CHECK(common.get({3}) == OriginProgress{});
  CHECK(common.entries().size() == 2);
  CHECK(merged.covers(a));
  CHECK(merged.covers(b));
  CHECK_FALSE(a.covers(b));
  CHECK(a.covers(VersionVector()));
  CHECK(common.to_string() == "{0000000000000001:3, 0000000000000002:1}");
}

TEST_CASE("A version vector covers dots by sequence and writes by stamp") {
  VersionVector v;
  v.set({1}, at(5));
  CHECK(v.covers(Dot{{1}, 5}));
  CHECK_FALSE(v.covers(Dot{{1}, 6}));
  CHECK_FALSE(v.covers(Dot{{2}, 1}));
  CHECK(v.covers(WriteId{Stamp{50}, {1}}));
  CHECK_FALSE(v.covers(WriteId{Stamp{51}, {1}}));
}

}  // namespace ldb
