// How fast compactions write when that is limited, in simulated time.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "base/rt/rt.hpp"
#include "ldb/bulk_load.hpp"
#include "ldb/executor.hpp"
#include "ldb/sim.hpp"
#include "ldb/storage_engine.hpp"
#include "support/compaction_watch.hpp"

namespace ldb::sim {
namespace {

const NodeId kMachine{"machine"};
constexpr std::uint64_t kBytesPerSecond = 8 << 20;
constexpr double kBucketSeconds = 0.1;  // what may be written at once after a rest

struct Compacted {
  double seconds = 0;
  double flush_seconds = 0;
  double write_bytes = 0;
};

double property(StorageEngine& engine, std::string_view name) {
  for (const EngineProperty& property : engine.properties())
    if (property.name == name) return std::stod(property.value);
  return -1;
}

/// Two flushed tables of 2 MB each, compacted into one level.
Compacted compact(std::uint64_t bytes_per_second, unsigned max_subcompactions) {
  Compacted result;
  Options options;
  options.seed = 1;
  const auto outcome = run(options, [&](World& world) {
    EngineOptions engine_options;
    engine_options.file_system = &world.file_system(kMachine);
    engine_options.compaction_bytes_per_second = bytes_per_second;
    engine_options.max_subcompactions = max_subcompactions;
    engine_options.background_threads = 4;
    engine_options.memtable_bytes = 4 << 20;
    world.run_on(kMachine, [&] {
      auto engine = open_lsm_engine("/data", engine_options).value();
      Random random(7);
      for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 2000; ++i) {
          std::string value(1000, 'v');
          for (char& c : value) c = static_cast<char>(random.below(256));
          WriteBatch batch;
          batch.put("key" + std::to_string(10'000 + 2 * i + round), std::move(value));
          world.check(engine->write(std::move(batch), SyncPolicy::kOs).is_ok(), "put");
        }
        const std::int64_t start = world.now_ns();
        world.check(engine->flush().is_ok(), "flush");
        result.flush_seconds += static_cast<double>(world.now_ns() - start) / 1e9;
      }
      world.check(property(*engine, "compactions") == 0, "nothing was compacted yet");
      world.sleep_ns(rt::kSecond);  // a full bucket
      const std::int64_t start = world.now_ns();
      world.check(engine->compact({}).is_ok(), "compact");
      result.seconds = static_cast<double>(world.now_ns() - start) / 1e9;
      result.write_bytes = property(*engine, "compaction_write_bytes");
      world.check(engine->close().is_ok(), "close");
    });
  });
  INFO(outcome.failure);
  REQUIRE(outcome.ok());
  return result;
}

}  // namespace

TEST_CASE("compaction_bytes_per_second slows compactions to what it says, however many threads write, and nothing else") {
  const unsigned max_subcompactions = GENERATE(1u, 4u);
  CAPTURE(max_subcompactions);
  const Compacted free = compact(0, max_subcompactions);
  const Compacted limited = compact(kBytesPerSecond, max_subcompactions);
  CAPTURE(free.seconds, limited.seconds, free.write_bytes, free.flush_seconds, limited.flush_seconds);
  CHECK(free.write_bytes > 4'000'000);
  CHECK(limited.write_bytes == free.write_bytes);
  const double expected = limited.write_bytes / static_cast<double>(kBytesPerSecond) - kBucketSeconds;
  CHECK(limited.seconds >= expected);
  CHECK(limited.seconds < expected + 0.05);
  CHECK(free.seconds < expected / 4);
  CHECK(limited.flush_seconds < free.flush_seconds + 0.05);
}

namespace {

/// Runs `work` on one machine, with an engine of small memtables.
void with_small_engine(const EngineOptions& wanted, const std::function<void(World&, StorageEngine&)>& work,
                       std::size_t memtable_bytes = 64 << 10) {
  Options options;
  options.seed = 1;
  const auto outcome = run(options, [&](World& world) {
    EngineOptions engine_options = wanted;
    engine_options.file_system = &world.file_system(kMachine);
    engine_options.memtable_bytes = memtable_bytes;
    world.run_on(kMachine, [&] { work(world, *open_lsm_engine("/data", engine_options).value()); });
  });
  INFO(outcome.failure);
  CHECK(outcome.ok());
}

/// Past throttle(), which would wait for flushes and compactions.
Status put(StorageEngine& engine, int i) {
  WriteBatch batch;
  batch.put("key" + std::to_string(i * 7919 % 4000), std::string(1000, 'v'));
  auto pending = engine.submit(std::move(batch), SyncPolicy::kOs);
  return pending ? engine.wait(std::move(*pending)).error() : pending.error();
}

}  // namespace

TEST_CASE("Closing does not wait for a compaction that is slowed") {
  test::CompactionWatch compactions;
  EngineOptions wanted;
  wanted.compaction_bytes_per_second = 1;
  wanted.listener = &compactions;
  with_small_engine(wanted, [&](World& world, StorageEngine& engine) {
    for (int i = 0; i < 3000; ++i) {
      const Status status = put(engine, i);
      world.check(status.is_ok(), "put: " + status.to_string());
      if (i % 100 == 99) world.check(engine.flush().is_ok(), "flush");
    }
    world.sleep_ns(10 * rt::kSecond);
    world.check(compactions.begun.load() > 0 && compactions.finished.load() == 0, "a compaction is under way");
    const std::int64_t start = world.now_ns();
    world.check(engine.close().is_ok(), "close");
    world.check(world.now_ns() - start < rt::kSecond, "closed at once");
    world.check(compactions.finished.load() == 1, "the compaction gave up");
  });
}

TEST_CASE("Writers and flushes do not wait for the end of a compaction that holds every thread") {
  test::CompactionWatch compactions;
  EngineOptions wanted;
  wanted.compaction_bytes_per_second = 16 << 10;
  wanted.compression_level = 0;
  wanted.listener = &compactions;
  wanted.background_threads = GENERATE(1u, 2u);  // a compaction of more than a megabyte is two pieces
  CAPTURE(wanted.background_threads);
  const auto work = [&](World& world, StorageEngine& engine) {
    int i = 0;
    const auto flush_more = [&](int puts) {
      for (int end = i + puts; i < end; ++i) world.check(put(engine, i).is_ok(), "put");
      world.check(engine.flush().is_ok(), "flush");
    };
    while (compactions.begun.load() == 0) flush_more(400);
    world.sleep_ns(10 * rt::kSecond);
    world.check(compactions.begun.load() == 1 && compactions.finished.load() == 0, "a compaction is under way");
    for (int round = 0; round < 10; ++round) {
      const std::int64_t start = world.now_ns();
      flush_more(40);
      world.check(world.now_ns() - start < rt::kSecond / 2, "waited " + std::to_string(world.now_ns() - start) + " ns");
    }
    world.check(compactions.begun.load() == 1 && compactions.finished.load() == 0, "it still is");
    world.check(engine.close().is_ok(), "close");
  };
  with_small_engine(wanted, work, 1 << 20);
}

TEST_CASE("Waiting for an executor that refuses all work has an end, and all is well when it takes work again") {
  struct Moody final : Executor {
    bool submit(TaskPriority priority, std::function<void()> task) override {
      return !refuses.load() && pool->submit(priority, std::move(task));
    }
    std::unique_ptr<Executor> pool;
    rt::Atomic<bool> refuses{true};
  } executor;
  EngineOptions wanted;
  wanted.executor = &executor;
  with_small_engine(wanted, [&](World& world, StorageEngine& engine) {
    Status status;
    int i = 0;
    while (status && i < 4000) status = put(engine, i++);
    world.check(status.code() == StatusCode::kUnavailable, "memory is full: " + status.to_string());
    world.check(engine.flush().code() == StatusCode::kUnavailable, "nothing can be flushed");
    executor.pool = new_thread_pool(2);
    executor.refuses.store(false);
    status = engine.flush();
    world.check(status.is_ok(), "flushed: " + status.to_string());
    status = put(engine, i);
    world.check(status.is_ok(), "put: " + status.to_string());
    world.check(engine.close().is_ok(), "close");
    executor.pool = nullptr;
  });
}

TEST_CASE("Who needs compactions to pause waits for one of them, not for all that are due") {
  EngineOptions wanted;
  wanted.compaction_bytes_per_second = 256 << 10;
  with_small_engine(wanted, [&](World& world, StorageEngine& engine) {
    // Compactions are due all the time.
    rt::Atomic<bool> stop{false};
    rt::Thread writer("writer", [&] {
      Random random(1);
      while (!stop.load()) {
        std::string value(1000, 'v');
        for (char& c : value) c = static_cast<char>(random.below(256));
        WriteBatch batch;
        batch.put("key" + std::to_string(random.below(1'000'000)), std::move(value));
        world.check(engine.write(std::move(batch), SyncPolicy::kOs).is_ok(), "write");
      }
    });
    world.sleep_ns(20 * rt::kSecond);
    const double before = property(engine, "compactions");
    engine.set_collection_policy(nullptr);
    const double policy = property(engine, "compactions");
    SortedPairs::Pairs pairs{{"zzz", "1"}};
    SortedPairs source(pairs);
    world.check(engine.ingest(source).is_ok(), "ingest");
    const double ingested = property(engine, "compactions");
    stop.store(true);
    writer.join();
    world.check(policy - before <= 1, "the policy waited for " + std::to_string(policy - before));
    world.check(ingested - policy <= 1, "the ingestion waited for " + std::to_string(ingested - policy));
    world.check(engine.close().is_ok(), "close");
  });
}

}  // namespace ldb::sim
