// In what pieces scans and compactions read tables.
#include <algorithm>

#include "base/random.hpp"
#include "base/rt/rt.hpp"
#include "ldb/bulk_load.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/forwarding_file_system.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

/// The sizes asked for, of all reads of tables in order.
class ReadLog {
 public:
  void add(std::size_t size) {
    rt::MutexLock lock(mutex_);
    sizes_.push_back(size);
  }
  std::vector<std::size_t> take() {
    rt::MutexLock lock(mutex_);
    return std::exchange(sizes_, {});
  }

 private:
  rt::Mutex mutex_;
  std::vector<std::size_t> sizes_ LDB_GUARDED_BY(mutex_);
};

class NotingFile final : public RandomAccessFile {
 public:
  NotingFile(std::unique_ptr<RandomAccessFile> file, ReadLog& reads) : file_(std::move(file)), reads_(reads) {}
  Result<std::size_t> read(std::uint64_t offset, std::size_t size, char* buffer) const override {
    reads_.add(size);
    return file_->read(offset, size, buffer);
  }
  Result<std::uint64_t> size() const override { return file_->size(); }

 private:
  const std::unique_ptr<RandomAccessFile> file_;
  ReadLog& reads_;
};

/// In memory; notes how tables are read.
class NotingFileSystem final : public ForwardingFileSystem {
 public:
  NotingFileSystem() : ForwardingFileSystem(new_memory_file_system()) {}
  ReadLog& reads() { return reads_; }

  Result<std::unique_ptr<RandomAccessFile>> open_readable(const std::string& path) override {
    auto file = base().open_readable(path);
    if (!file || !path.ends_with(".sst")) return file;
    return std::unique_ptr<RandomAccessFile>(std::make_unique<NotingFile>(std::move(*file), reads_));
  }

 private:
  ReadLog reads_;
};

constexpr std::size_t kBlockBytes = 2048;
constexpr std::size_t kTableBytes = 4 << 20;
constexpr std::size_t kValueBytes = 500;
constexpr std::size_t kBlocks = kTableBytes / kBlockBytes;

/// One table, of which nothing is in memory.
class ColdTable {
 public:
  ColdTable() {
    for (std::size_t i = 0; i < kTableBytes / kValueBytes; ++i) {
      std::string value(kValueBytes, 'v');
      for (char& c : value) c = static_cast<char>(random_.below(256));
      pairs_.emplace_back("key" + std::to_string(100'000 + i), std::move(value));
    }
    open();
    SortedPairs source(pairs_);
    REQUIRE(engine_->ingest(source));
    REQUIRE(engine_->close());
    open();
    REQUIRE(engine_->tables().size() == 1);
  }

  StorageEngine& engine() { return *engine_; }
  ReadLog& reads() { return fs_.reads(); }
  const Pairs& pairs() const { return pairs_; }

 private:
  void open() {
    EngineOptions options;
    options.file_system = &fs_;
    options.block_bytes = kBlockBytes;
    options.memtable_bytes = 2 * kTableBytes;  // tables may be as big
    options.compression_level = 0;
    options.max_subcompactions = 1;
    engine_ = nullptr;
    engine_ = open_lsm_engine("db", options).value();
    (void)fs_.reads().take();
  }

  Random random_{1};
  NotingFileSystem fs_;
  Pairs pairs_;
  std::unique_ptr<StorageEngine> engine_;
};

std::size_t largest(const std::vector<std::size_t>& sizes) {
  return sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
}

}  // namespace

TEST_CASE("A scan forward reads a table in bigger and bigger pieces") {
  ColdTable table;
  CHECK((scan(table.engine()) == table.pairs()));
  const std::vector<std::size_t> reads = table.reads().take();
  CAPTURE(reads);
  CHECK(reads.size() >= 16);  // it came from the file
  CHECK(reads.size() < kBlocks / 20);
  std::vector<std::size_t>
      windows;  // without the footer, indexes, filters, and the blocks before it was clear that this is a scan
  for (const std::size_t size : reads) {
    if (size >= 32 << 10) windows.push_back(size);
  }
  REQUIRE(windows.size() >= 8);
  CHECK(windows.front() == 32 << 10);
  CHECK(largest(windows) == 256 << 10);                       // and not without bound
  CHECK(std::is_sorted(windows.begin(), windows.end() - 1));  // the last one ends with the table
}

TEST_CASE("Who looks at a few keys reads a few blocks, also after a scan") {
  ColdTable table;
  auto it = table.engine().iterate(nullptr, {}).value();
  const auto look = [&](std::size_t n) {
    (void)table.reads().take();
    it->seek(table.pairs()[n].first);
    REQUIRE(it->valid());
    CHECK(it->key() == table.pairs()[n].first);
    CHECK(it->value() == table.pairs()[n].second);
    const std::vector<std::size_t> reads = table.reads().take();
    CAPTURE(n, reads);
    CHECK_FALSE(reads.empty());
    CHECK(largest(reads) < 16 << 10);
  };
  look(1000);
  look(5000);
  for (int i = 0; i < 1000; ++i) it->next();
  REQUIRE(it->valid());
  CHECK(it->value() == table.pairs()[6000].second);
  CHECK(largest(table.reads().take()) > 64 << 10);
  look(8000);
}

TEST_CASE("A scan backward reads in bigger and bigger pieces, too") {
  ColdTable table;
  CHECK((scan_back(table.engine()) == table.pairs()));
  const std::vector<std::size_t> reads = table.reads().take();
  CAPTURE(reads);
  CHECK(reads.size() >= 16);
  CHECK(reads.size() < kBlocks / 20);
  CHECK(largest(reads) == 256 << 10);
}

TEST_CASE("Who turns around reads nothing twice, and then ahead in the new direction") {
  ColdTable table;
  auto it = table.engine().iterate(nullptr, {}).value();
  it->seek(table.pairs()[4000].first);
  for (std::size_t i = 4000; i < 5000; ++i, it->next()) REQUIRE(it->value() == table.pairs()[i].second);
  CHECK(largest(table.reads().take()) > 64 << 10);
  for (std::size_t i = 5000; i > 4010; --i, it->prev()) REQUIRE(it->value() == table.pairs()[i].second);
  CHECK(table.reads().take().empty());  // all of it is cached
  for (std::size_t i = 4010; i > 2000; --i, it->prev()) REQUIRE(it->value() == table.pairs()[i].second);
  CHECK(largest(table.reads().take()) > 64 << 10);
}

TEST_CASE("A compaction reads its tables in big pieces from the beginning") {
  ColdTable table;
  put(table.engine(), table.pairs().front().first, "new");
  put(table.engine(), table.pairs().back().first, "new");
  REQUIRE(table.engine().flush());
  (void)table.reads().take();
  REQUIRE(table.engine().compact({}));
  const std::vector<std::size_t> reads = table.reads().take();
  CAPTURE(reads);
  std::size_t total = 0;
  for (const std::size_t size : reads) total += size;
  CHECK(total >= kTableBytes);
  CHECK(reads.size() < kBlocks / 20);
  CHECK(largest(reads) == 256 << 10);
  Pairs expected = table.pairs();
  expected.front().second = expected.back().second = "new";
  CHECK((scan(table.engine()) == expected));
}
