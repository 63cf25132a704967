// What the fields of EngineOptions promise: which values are refused, and the bounds that the others set.
#include <algorithm>

#include "base/random.hpp"
#include "base/rt/rt.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/manual_executor.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

std::uint64_t property(StorageEngine& engine, std::string_view name) {
  const std::vector<EngineProperty> properties = engine.properties();
  const auto found = std::find_if(properties.begin(), properties.end(), [&](const auto& p) { return p.name == name; });
  CAPTURE(name);
  REQUIRE(found != properties.end());
  return std::stoull(found->value);
}

template <class Condition>
bool soon(const Condition& condition) {
  const std::int64_t deadline = rt::monotonic_ns() + 30 * rt::kSecond;
  while (!condition()) {
    if (rt::monotonic_ns() > deadline) return false;
    rt::sleep_for(rt::kMillisecond);
  }
  return true;
}

std::string noise(Random& random, std::size_t size) {
  std::string value(size, ' ');
  for (char& c : value) c = static_cast<char>(random.below(256));
  return value;
}

}  // namespace

TEST_CASE("Options that make no sense are refused by their name and leave nothing behind") {
  struct Rule {
    const char* option;
    void (*refused)(EngineOptions&);
    void (*accepted)(EngineOptions&);  ///< just inside of the bound
  };
  const Rule rules[] = {
      {"memory_budget_bytes", [](auto& o) { o.memory_budget_bytes = (4 << 20) - 1; },
       [](auto& o) { o.memory_budget_bytes = 4 << 20; }},
      {"memory_budget_bytes", [](auto& o) { o.memory_budget_bytes = SIZE_MAX; },
       [](auto& o) { o.memory_budget_bytes = std::size_t{1} << 50; }},
      {"memory_budget_bytes", [](auto& o) { o.memory_budget_bytes = 1; }, [](auto& o) { o.memory_budget_bytes = 0; }},
      {"memtable_bytes", [](auto& o) { o.memtable_bytes = (16 << 10) - 1; }, [](auto& o) { o.memtable_bytes = 16 << 10; }},
      {"memtable_bytes", [](auto& o) { o.memtable_bytes = (std::size_t{64} << 30) + 1; },
       [](auto& o) { o.memtable_bytes = std::size_t{64} << 30; }},
      {"block_cache_bytes", [](auto& o) { o.block_cache_bytes = SIZE_MAX; }, [](auto& o) { o.block_cache_bytes = 0; }},
      {"block_bytes", [](auto& o) { o.block_bytes = 255; }, [](auto& o) { o.block_bytes = 256; }},
      {"block_bytes", [](auto& o) { o.block_bytes = (16 << 20) + 1; }, [](auto& o) { o.block_bytes = 16 << 20; }},
      {"log_segment_bytes", [](auto& o) { o.log_segment_bytes = (16 << 10) - 1; },
       [](auto& o) { o.log_segment_bytes = 16 << 10; }},
      {"log_segment_bytes", [](auto& o) { o.log_segment_bytes = (std::uint64_t{4} << 30) + 1; },
       [](auto& o) { o.log_segment_bytes = 16 << 20; }},
      {"compression_level", [](auto& o) { o.compression_level = -1; }, [](auto& o) { o.compression_level = 0; }},
      {"compression_level", [](auto& o) { o.compression_level = 23; }, [](auto& o) { o.compression_level = 22; }},
      {"max_subcompactions", [](auto& o) { o.max_subcompactions = 0; }, [](auto& o) { o.max_subcompactions = 1; }},
      {"max_subcompactions", [](auto& o) { o.max_subcompactions = 65; }, [](auto& o) { o.max_subcompactions = 64; }},
      {"bloom_bits_per_key", [](auto& o) { o.bloom_bits_per_key = 65; }, [](auto& o) { o.bloom_bits_per_key = 64; }},
      {"background_threads", [](auto& o) { o.background_threads = 0; }, [](auto& o) { o.background_threads = 1; }},
      {"background_threads", [](auto& o) { o.background_threads = 65; }, [](auto& o) { o.background_threads = 64; }},
  };
  for (const Rule& rule : rules) {
    CAPTURE(rule.option);
    FaultyFileSystem fs(1);
    EngineOptions options;
    options.file_system = &fs;
    options.log_segment_bytes = 64 << 10;
    EngineOptions bad = options;
    rule.refused(bad);
    const auto refused = open_lsm_engine("db", bad);
    REQUIRE_FALSE(refused);
    INFO(refused.error().to_string());
    CHECK(refused.error().code() == StatusCode::kInvalidArgument);
    CHECK(refused.error().message().find(std::string("EngineOptions: ") + rule.option + " must be ") != std::string::npos);
    CHECK_FALSE(fs.exists("db").value());
    rule.accepted(options);
    auto engine = open_lsm_engine("db", options);
    INFO(engine.error().to_string());
    REQUIRE(engine);
    put(**engine, "k", "v");
    REQUIRE((*engine)->flush());
    CHECK(get(**engine, "k") == "v");
  }
}

#ifdef LDB_TEST_ROCKSDB
TEST_CASE("What RocksDB cannot do is refused by its name") {
  const TempDirectory directory;
  ManualExecutor executor;
  const std::pair<const char*, std::function<void(EngineOptions&)>> rules[] = {
      {"executor", [&](EngineOptions& o) { o.executor = &executor; }},
      {"memory_budget_bytes", [](EngineOptions& o) { o.memory_budget_bytes = 64 << 20; }},
      {"compaction_bytes_per_second", [](EngineOptions& o) { o.compaction_bytes_per_second = 1 << 20; }},
  };
  for (const auto& [option, set] : rules) {
    EngineOptions options;
    set(options);
    const auto refused = open_rocksdb_engine(directory.file("db"), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == StatusCode::kUnsupported);
    CHECK(refused.error().message().find(option) != std::string::npos);
  }
  CHECK(open_rocksdb_engine(directory.file("db"), EngineOptions()));
}
#endif

TEST_CASE("An engine on an executor that is lent to it needs no threads") {
  FaultyFileSystem fs(1);
  ManualExecutor executor;
  EngineOptions options = small_options(fs);
  options.executor = &executor;
  options.background_threads = 0;
  auto engine = open_lsm_engine("db", options);
  INFO(engine.error().to_string());
  REQUIRE(engine);
  while (executor.waiting() > 0) executor.run(0);
  REQUIRE((*engine)->close());
}

namespace {

constexpr std::size_t kBudget = 8 << 20;
constexpr std::size_t kArenaBlock = 256 << 10;  // a memtable is full when it is beyond its bound, so by up to this
constexpr int kKeys = 20'000;

std::string key_of(std::uint64_t n) { return "key" + std::to_string(100'000 + n); }

EngineOptions budget_options(FileSystem& fs) {
  EngineOptions options;
  options.file_system = &fs;
  options.memory_budget_bytes = kBudget;
  options.memtable_bytes = 256 << 20;  // what the budget replaces
  options.block_cache_bytes = 256 << 20;
  options.compression_level = 0;
  options.log_segment_bytes = 1 << 20;
  return options;
}

/// The most of everything that was seen.
struct Peaks {
  std::size_t total = 0;
  std::uint64_t memtable = 0;
  std::uint64_t blocks = 0;
  std::uint64_t tables = 0;

  void sample(StorageEngine& engine) {
    total = std::max(total, engine.memory_usage());
    memtable = std::max(memtable, property(engine, "memtable_bytes"));
    blocks = std::max(blocks, property(engine, "block_cache_bytes"));
    tables = std::max(tables, property(engine, "table_cache_bytes"));
  }
};

}  // namespace

TEST_CASE("A memory budget bounds memtables, cached blocks and open tables together, and is made use of") {
  const auto fs = new_memory_file_system();
  auto engine = open_lsm_engine("db", budget_options(*fs)).value();
  Random random(3);
  std::map<std::string, std::string> model;
  Peaks peaks;
  for (int i = 0; i < 2 * kKeys; ++i) {
    const std::string key = key_of(random.below(kKeys));
    model[key] = noise(random, 100 + random.below(500));
    put(*engine, key, model[key]);
    const std::string asked = key_of(random.below(kKeys));
    const auto found = model.find(asked);
    CHECK(get(*engine, asked) == (found == model.end() ? "<none>" : found->second));
    if (i % 5000 == 4999) REQUIRE(engine->flush());
    if (i % 50 == 0) peaks.sample(*engine);
  }
  CHECK((scan(*engine) == Pairs(model.begin(), model.end())));
  peaks.sample(*engine);
  CAPTURE(peaks.total, peaks.memtable, peaks.blocks, peaks.tables);
  CHECK(peaks.total <= kBudget);
  CHECK(peaks.memtable <= kBudget / 8 + kArenaBlock);
  CHECK(peaks.memtable >= kBudget / 8 - kArenaBlock);
  CHECK(peaks.blocks <= kBudget * 3 / 8);
  CHECK(peaks.blocks >= kBudget / 4);
  CHECK(peaks.tables <= kBudget / 8);
  CHECK(peaks.tables > 0);
  CHECK(property(*engine, "block_cache_evictions") > 0);
}

TEST_CASE(
    "Cached blocks make room for indexes and filters that outgrow their share of the budget, and tables close beyond that") {
  const unsigned bloom_bits_per_key = GENERATE(32u, 64u);
  const auto fs = new_memory_file_system();
  EngineOptions options = budget_options(*fs);
  options.memory_budget_bytes = 4 << 20;
  options.bloom_bits_per_key = bloom_bits_per_key;
  const std::size_t budget = options.memory_budget_bytes;
  const std::uint64_t kKeys = bloom_bits_per_key == 32 ? 300'000 : 400'000;  // filters of 1.2 and 3.2 MB
  const auto key = [kKeys](std::uint64_t i) { return "key" + std::to_string(10'000'000 + i * 7919 % kKeys); };
  auto engine = open_lsm_engine("db", options).value();
  Random random(3);
  for (std::uint64_t i = 0; i < kKeys; i += 100) {
    WriteBatch batch;
    for (std::uint64_t k = i; k < i + 100; ++k) batch.put(key(k), noise(random, 8));
    REQUIRE(engine->write(std::move(batch), SyncPolicy::kNone));
  }
  REQUIRE(engine->compact({}));
  REQUIRE(engine->close());
  engine = open_lsm_engine("db", options).value();
  // All tables are opened while little of them is loaded: that is when the tables' own bound is looked at.
  for (const EngineTable& table : engine->tables()) REQUIRE(engine->get(nullptr, table.smallest));
  std::uint64_t most_of_tables = 0;
  std::uint64_t most = 0;
  // Where tables are closed, nearly every read has to load something.
  const int gets = bloom_bits_per_key == 32 ? 60'000 : 1'000;
  for (int i = 0; i < gets; ++i) {
    if (!engine->get(nullptr, key(random.below(kKeys))).value()) FAIL("a key is not found");
    if (i % 100 != 0) continue;
    const std::uint64_t tables = property(*engine, "table_cache_bytes");
    most_of_tables = std::max(most_of_tables, tables);
    most = std::max(most, tables + property(*engine, "block_cache_bytes"));
  }
  CAPTURE(most_of_tables, most);
  CHECK(most_of_tables > budget / 8 + budget / 32);
  CHECK(property(*engine, "block_cache_bytes") > 0);
  CHECK(most <= budget / 2 + budget / 16);  // blocks make room when the next one comes
  REQUIRE(engine->close());
}

TEST_CASE("Blocks of large memtables are ready before writers need them, and go back when nobody writes") {
  const auto fs = new_memory_file_system();
  EngineOptions options;
  options.file_system = fs.get();
  options.memtable_bytes = 32 << 20;
  auto engine = open_lsm_engine("db", options).value();
  Random random(8);
  put(*engine, "small", "1");
  CHECK(property(*engine, "free_memtable_bytes") == 0);
  const auto put_mebibytes = [&](int count) {
    for (int i = 0; i < count * 64; ++i) put(*engine, key_of(random.below(100'000)), noise(random, 16 << 10));
  };
  put_mebibytes(3);
  CHECK(soon([&] { return property(*engine, "free_memtable_bytes") >= 4 << 20; }));
  put_mebibytes(4);  // takes those
  CHECK(soon([&] { return property(*engine, "free_memtable_bytes") >= 4 << 20; }));
  CHECK(property(*engine, "free_memtable_bytes") < 8 << 20);
  REQUIRE(engine->flush());
  CHECK(soon([&] { return property(*engine, "free_memtable_bytes") == 0; }));
}

TEST_CASE("Blocks of a flushed memtable stay for who goes on writing, and go back with a compaction after the last write") {
  const auto fs = new_memory_file_system();
  ManualExecutor executor;
  EngineOptions options;
  options.file_system = fs.get();
  options.executor = &executor;
  options.memtable_bytes = 2 << 20;
  options.max_subcompactions = 1;
  auto engine = open_lsm_engine("db", options).value();
  Random random(9);
  const auto put_some = [&] { put(*engine, key_of(random.below(100'000)), noise(random, 4 << 10)); };
  for (int round = 0; round < 12 && property(*engine, "compactions") == 0; ++round) {
    while (property(*engine, "immutable_memtables") == 0) put_some();
    for (int i = 0; i < 100; ++i) put_some();
    while (property(*engine, "immutable_memtables") > 0) {
      REQUIRE(executor.waiting() > 0);
      executor.run(0);
    }
    CHECK(property(*engine, "free_memtable_bytes") >= 1 << 20);
    while (executor.waiting() > 0) executor.run(0);
  }
  REQUIRE(property(*engine, "compactions") > 0);
  CHECK(property(*engine, "immutable_memtables") == 0);
  CHECK(property(*engine, "free_memtable_bytes") == 0);
}

TEST_CASE("memory_usage is the sum of what the properties name") {
  const auto fs = new_memory_file_system();
  auto engine = open_lsm_engine("db", budget_options(*fs)).value();
  Random random(4);
  for (int i = 0; i < 3000; ++i) put(*engine, key_of(random.below(kKeys)), noise(random, 300));
  REQUIRE(engine->flush());
  for (int i = 0; i < 100; ++i) put(*engine, key_of(random.below(kKeys)), noise(random, 300));
  CHECK(scan(*engine).size() > 2000);
  REQUIRE(soon([&] { return property(*engine, "immutable_memtables") == 0; }));
  std::uint64_t sum = 0;
  for (const char* name : {"memtable_bytes", "free_memtable_bytes", "block_cache_bytes", "table_cache_bytes"}) {
    sum += property(*engine, name);
  }
  CHECK(engine->memory_usage() == sum);
}

namespace {

/// Batches with commits, one after the other; flushes now and then.
class CommitWriter {
 public:
  explicit CommitWriter(StorageEngine& engine) : engine_(engine) {}
  void write(int count) {
    for (; count > 0; --count) {
      WriteBatch batch;
      batch.put("key" + std::to_string(written_ % 50), std::string(200, 'v'));
      batch.set_commit("commit " + std::to_string(written_++) + std::string(200, ' '));
      REQUIRE(engine_.write(std::move(batch), written_ % 8 == 0 ? SyncPolicy::kSync : SyncPolicy::kOs));
      most_log_bytes = std::max(most_log_bytes, property(engine_, "log_bytes"));
      if (written_ % 100 == 0) REQUIRE(engine_.flush());
    }
    REQUIRE(engine_.flush());
  }
  int written() const { return written_; }

  std::uint64_t most_log_bytes = 0;

 private:
  StorageEngine& engine_;
  int written_ = 0;
};

int number_of(const std::string& commit) { return std::stoi(commit.substr(commit.find(' '))); }

}  // namespace

TEST_CASE("A memtable is filled although it takes many segments of the log") {
  FaultyFileSystem fs(1);
  EngineOptions options = small_options(fs);
  options.log_segment_bytes = 16 << 10;
  options.memtable_bytes = 1 << 20;
  auto engine = open_lsm_engine("db", options).value();
  Random random(1);
  for (int i = 0; i < 600; ++i) put(*engine, "key" + std::to_string(i), noise(random, 1000));
  CHECK(property(*engine, "flushes") == 0);
  for (int i = 600; i < 1600; ++i) put(*engine, "key" + std::to_string(i), noise(random, 1000));
  CHECK(soon([&] { return property(*engine, "flushes") > 0; }));
}

TEST_CASE("A reader that never releases does not keep the log beyond max_log_bytes") {
  FaultyFileSystem fs(1);
  EngineOptions options = small_options(fs);
  options.max_log_bytes = 128 << 10;
  auto engine = open_lsm_engine("db", options).value();
  CommitWriter writer(*engine);
  writer.write(50);
  const LogPosition oldest = engine->log_begin();
  auto behind = engine->changes({}).value();
  CHECK(number_of(behind->next().value()->commit) == 0);
  auto stale = engine->changes(oldest).value();
  writer.write(1500);
  CAPTURE(writer.most_log_bytes);
  CHECK(property(*engine, "log_bytes") <= options.max_log_bytes);
  // While writers go on there is besides what no table holds yet; it is flushed when it is four segments long.
  CHECK(writer.most_log_bytes <= options.max_log_bytes + 6 * options.log_segment_bytes);
  CHECK(engine->log_begin() > oldest);
  for (ChangeReader* reader : {behind.get(), stale.get()}) {
    const auto gone = reader->next();
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code() == StatusCode::kNotFound);
  }
  for (const LogPosition from : {LogPosition{}, oldest}) {
    auto reopened = engine->changes(from);
    const Status status = reopened ? (*reopened)->next().error() : reopened.error();
    CHECK(status.code() == StatusCode::kNotFound);
  }
  REQUIRE(engine->sync());
  // What is left is the end of it, without a gap, and most of what may be kept.
  const std::vector<std::string> kept = read_changes(*engine, engine->log_begin());
  REQUIRE_FALSE(kept.empty());
  CHECK(kept.size() * 400 >= options.max_log_bytes / 2);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    CHECK(number_of(kept[i]) == writer.written() - static_cast<int>(kept.size() - i));
  }
}

TEST_CASE("Below max_log_bytes the log is kept until it is released") {
  FaultyFileSystem fs(1);
  EngineOptions options = small_options(fs);
  options.max_log_bytes = 1 << 30;
  auto engine = open_lsm_engine("db", options).value();
  CommitWriter writer(*engine);
  writer.write(1000);
  REQUIRE(engine->sync());
  CHECK(property(*engine, "log_bytes") > 400'000);
  REQUIRE(read_changes(*engine, {}).size() == 1000);
  auto reader = engine->changes({}).value();
  LogPosition middle;
  for (int i = 0; i < 600; ++i) middle = reader->next().value()->next;
  const std::uint64_t before = property(*engine, "log_bytes");
  engine->release_log(middle);
  CHECK(soon([&] { return property(*engine, "log_bytes") < before / 2; }));
  const auto gone = engine->changes({}).value()->next();
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code() == StatusCode::kNotFound);
  const std::vector<std::string> rest = read_changes(*engine, middle);
  REQUIRE(rest.size() == 400);
  CHECK(number_of(rest.front()) == 600);
  CHECK(number_of(rest.back()) == 999);
}

TEST_CASE("Flushes and compactions in pieces give what one piece gives") {
  struct Outcome {
    Pairs flushed, compacted, seen;
    std::size_t tables = 0;
    std::uint64_t dropped = 0;
  };
  const auto run = [](unsigned max_subcompactions) {
    const auto fs = new_memory_file_system();
    EngineOptions options;
    options.file_system = fs.get();
    options.max_subcompactions = max_subcompactions;
    options.background_threads = 4;
    options.memtable_bytes = 1 << 20;
    auto engine = open_lsm_engine("db", options).value();
    Random random(11);
    std::map<std::string, std::string> model;
    std::unique_ptr<ReadView> view;
    Pairs at_view;
    Outcome outcome;
    for (int round = 0; round < 8; ++round) {
      for (int i = 0; i < 1000; ++i) {
        const std::string key = key_of(random.below(6000));
        model[key] = noise(random, random.below(1000));
        put(*engine, key, model[key]);
      }
      const std::uint64_t lower = random.below(6000);
      erase_range(*engine, key_of(lower), key_of(lower + 300));
      model.erase(model.lower_bound(key_of(lower)), model.lower_bound(key_of(lower + 300)));
      if (round == 3) {
        view = engine->view();
        at_view.assign(model.begin(), model.end());
      }
      REQUIRE(engine->flush());
      if (round == 0) outcome.tables = engine->tables().size();
    }
    outcome.flushed = scan(*engine);
    REQUIRE(engine->compact({}));
    outcome.compacted = scan(*engine);
    outcome.seen = scan(*engine, view.get());
    CHECK((outcome.flushed == Pairs(model.begin(), model.end())));
    CHECK((outcome.seen == at_view));
    view = nullptr;
    REQUIRE(engine->compact({}));
    CHECK((scan_back(*engine) == outcome.compacted));
    outcome.dropped = property(*engine, "entries_dropped");
    return outcome;
  };
  const Outcome whole = run(1);
  const Outcome pieces = run(4);
  CHECK(whole.tables == 1);
  CHECK(pieces.tables > 1);
  CHECK((whole.flushed == pieces.flushed));
  CHECK((whole.compacted == pieces.compacted));
  CHECK((whole.compacted == whole.flushed));
  CHECK((whole.seen == pieces.seen));
  CHECK(whole.dropped > 0);
}
