// The calendar against itself: every day round-trips, fields agree, arithmetic has its inverse.
#include "sql/types/datetime.hpp"

#include <catch2/catch.hpp>
#include <random>

namespace ldb::sql {

TEST_CASE("Every day from 4713 BC to 9999 converts, prints and reads back") {
  CivilDate previous = civil_from_days(-2440589);
  for (std::int32_t day = -2440588; day <= 2932896; ++day) {
    const CivilDate d = civil_from_days(day);
    const bool next_day = d.year == previous.year && d.month == previous.month && d.day == previous.day + 1;
    const bool next_month = d.day == 1 && previous.day == days_in_month(previous.year, previous.month) &&
                            d.year * 12 + d.month == previous.year * 12 + previous.month + 1;
    if (!next_day && !next_month) FAIL("days around " << day << " do not follow each other");
    if (days_from_civil(d.year, d.month, d.day) != day) FAIL("day " << day << " does not convert back");
    if (day % 37 == 0) {
      const auto back = parse_date(format(Date{day}));
      REQUIRE(back);
      CHECK(back->days == day);
    }
    previous = d;
  }
}

TEST_CASE("Timestamps and intervals round-trip through their text") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    Timestamp t{static_cast<std::int64_t>(random() % (std::uint64_t{210866803200000000} + 9000000000000000000)) -
                210866803200000000};
    if (random() % 2 == 0) t.us -= t.us % kMicrosPerSecond;
    const std::string text = format(t);
    INFO(text);
    const auto back = parse_timestamp(text);
    REQUIRE(back);
    CHECK(back->us == t.us);
    const Interval v{static_cast<std::int32_t>(random()) >> (random() % 31),
                     static_cast<std::int32_t>(random()) >> (random() % 31),
                     static_cast<std::int64_t>(random()) >> (random() % 63)};
    const std::string shown = format(v);
    INFO(shown);
    const auto read = parse_interval(shown);
    REQUIRE(read);
    CHECK(read->months == v.months);
    CHECK(read->days == v.days);
    CHECK(read->us == v.us);
  }
}

TEST_CASE("Hostile text never crashes the readers of dates and intervals") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr std::string_view kPieces[] = {"2020", "-",        "/",    ".",     ":", " ", "T",    "Jan",
                                          "BC",   "am",       "99",   "1",     "+", "P", "Y",    "day",
                                          "ago",  "infinity", "\xff", "12:34", "J", ",", "-1-2", "9999999999999999999999",
                                          "1e5",  "'"};
  std::size_t accepted = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (std::size_t n = random() % 8; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    const auto date = parse_date(text);
    const auto timestamp = parse_timestamp(text);
    const auto interval = parse_interval(text, static_cast<unsigned>(random() % 64));
    if (date) CHECK((is_valid(*date) || !is_finite(*date)));
    if (timestamp) CHECK((is_valid(*timestamp) || !is_finite(*timestamp)));
    accepted += date.is_ok() + timestamp.is_ok() + interval.is_ok();
  }
  CHECK(accepted > 100);
}

TEST_CASE("Adding and subtracting days and microseconds undo each other") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const Timestamp t{static_cast<std::int64_t>(random() % 4000000000000000000) - 200000000000000000};
    const Interval step{0, static_cast<std::int32_t>(random() % 20000) - 10000,
                        static_cast<std::int64_t>(random() % 1000000000000)};
    const auto there = add(t, step);
    if (!there) continue;
    const auto back = subtract(*there, step);
    if (!back) continue;
    CHECK(*back == t);
    const auto difference = subtract(*there, t);
    REQUIRE(difference);
    CHECK(total_microseconds(*difference) == total_microseconds(step));
  }
}

}  // namespace ldb::sql
