// What background work leaves to writers, in simulated time.
#include "storage/giving_way.hpp"

#include <catch2/catch.hpp>

#include "base/rt/rt.hpp"
#include "ldb/sim.hpp"

namespace ldb::sim {
namespace {

enum class Writers { kNone, kAtWork, kStarved, kPaused, kStopped };

/// Milliseconds that were slept in `work_ms` of work.
double slept_ms(Writers writers, int work_ms) {
  double slept = 0;
  Options options;
  options.seed = 1;
  const auto outcome = run(options, [&](World& world) {
    rt::Atomic<std::uint64_t> published{1};
    storage::GivingWay giving_way(published);
    for (int step = 0; step < 10 * work_ms; ++step) {
      world.sleep_ns(rt::kMillisecond / 10);  // the work
      if (writers == Writers::kAtWork || (step < 10 && writers != Writers::kNone)) published.fetch_add(1);
      const std::int64_t before = world.now_ns();
      giving_way.now_and_then(4096, [&] {
        storage::WritePace pace;
        pace.stop = writers == Writers::kStopped;
        if (writers == Writers::kPaused) pace.writes_per_pause = 4;
        return pace;
      });
      slept += static_cast<double>(world.now_ns() - before) / 1e6;
    }
  });
  INFO(outcome.failure);
  CHECK(outcome.ok());
  return slept;
}

}  // namespace

TEST_CASE("Background work sleeps only while writers are there and get nowhere") {
  CHECK(slept_ms(Writers::kNone, 100) < 1);  // a hundred yields, which take some simulated microseconds
  CHECK(slept_ms(Writers::kAtWork, 100) < 1);
  CHECK(slept_ms(Writers::kStopped, 100) < 0.1);  // nothing at all
  CHECK(slept_ms(Writers::kPaused, 15) < 0.2);
  const double starved = slept_ms(Writers::kStarved, 15);
  CHECK(starved > 1);
  CHECK(starved < 2);
  CHECK(slept_ms(Writers::kStarved, 100) < 3);  // then they have gone
}

}  // namespace ldb::sim
