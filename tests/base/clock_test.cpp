#include "ldb/clock.hpp"

#include <catch2/catch.hpp>

namespace ldb {

TEST_CASE("A hybrid clock follows physical time and counts within a millisecond") {
  std::int64_t wall_us = 1'000'000;
  const auto clock = new_hybrid_clock(500, [&] { return wall_us; });
  CHECK(clock->next() == Stamp::from_ms(1000, 0));
  CHECK(clock->next() == Stamp::from_ms(1000, 1));
  wall_us += 5'000;
  CHECK(clock->next() == Stamp::from_ms(1005, 0));
  wall_us -= 900'000;  // stamps grow although the machine's clock jumped back
  CHECK(clock->next() == Stamp::from_ms(1005, 1));
  CHECK(clock->wall_us() == wall_us);
}

TEST_CASE("A full counter carries into the next millisecond") {
  const auto clock = new_hybrid_clock(500, [] { return std::int64_t{1'000'000}; });
  Stamp last = clock->next();
  for (int i = 0; i < 70'000; ++i) {
    const Stamp stamp = clock->next();
    REQUIRE(stamp > last);
    last = stamp;
  }
  CHECK(last.ms() == 1001);
}

TEST_CASE("A hybrid clock moves past what it observes and refuses what is too far ahead") {
  const auto clock = new_hybrid_clock(500, [] { return std::int64_t{1'000'000}; });
  CHECK(clock->observe(Stamp::from_ms(1500, 7)).is_ok());
  CHECK(clock->next() == Stamp::from_ms(1500, 8));
  CHECK_FALSE(clock->acceptable(Stamp::from_ms(1501)));
  CHECK(clock->observe(Stamp::from_ms(1501)).code() == StatusCode::kUnavailable);
  CHECK(clock->next() == Stamp::from_ms(1500, 9));
  CHECK(clock->observe(Stamp::from_ms(10)).is_ok());
  CHECK(clock->next() == Stamp::from_ms(1500, 10));
  clock->restore(Stamp::from_ms(9000));
  CHECK(clock->next() == Stamp::from_ms(9000, 1));
  CHECK(clock->observe(Stamp{~0ULL}).code() == StatusCode::kUnavailable);
}

TEST_CASE("A Lamport clock counts past everything it observes") {
  const auto clock = new_lamport_clock([] { return std::int64_t{77}; });
  CHECK(clock->next() == Stamp{1});
  CHECK(clock->observe(Stamp{1000}).is_ok());
  CHECK(clock->next() == Stamp{1001});
  clock->restore(Stamp{5});
  CHECK(clock->next() == Stamp{1002});
  CHECK(clock->wall_us() == 77);
  CHECK(clock->observe(Stamp{~0ULL}).code() == StatusCode::kUnavailable);  // would wrap
  CHECK(clock->next() == Stamp{1003});
}

TEST_CASE("Clocks ask the machine for time by default") {
  CHECK(new_hybrid_clock()->next().ms() > 1'700'000'000'000);
  CHECK(new_lamport_clock()->wall_us() > 1'700'000'000'000'000);
}

}  // namespace ldb
