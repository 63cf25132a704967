// Directories of earlier releases open, and those of later ones are refused by their version. `golden/version_1` was written when
// the formats of docs/formats became final; it is never written again. Its process was killed.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "ldb/bulk_load.hpp"
#include "ldb/faulty_file_system.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/file_names.hpp"
#include "storage/sstable/table_format.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

using Image = FaultyFileSystem::DirectoryImage;

/// What a directory of version 1 holds, and what its reader must find.
class History {
 public:
  /// With an engine it happens there, too.
  explicit History(StorageEngine* engine) : engine_(engine) {
    for (int i = 0; i < 300; ++i) put(i, "first");
    flush(true);
    ingest();
    for (int i = 0; i < 300; i += 7) erase(i);
    for (int i = 0; i < 300; i += 5) put(i, "second");
    erase_range(100, 120);
    flush(false);
    for (int i = 90; i < 110; ++i) put(i, "third");
    flush(false);
    for (int i = 0; i < 40; ++i) put(1000 + i, "only in the log");
    erase_range(1010, 1015);
    erase(1020);
  }
  const std::map<std::string, std::string>& content() const { return content_; }
  const std::vector<std::string>& commits() const { return commits_; }

 private:
  static std::string key(int n) { return "key" + std::to_string(10'000 + n); }

  void put(int n, const std::string& word) {
    std::string value = word;
    for (int i = 0; i < n % 9; ++i) value += " " + word + std::to_string(n * 7919 % 1000);
    WriteBatch batch;
    batch.put(key(n), value);
    if (n % 3 == 0) {
      commits_.push_back(word + " commit of " + key(n));
      batch.set_commit(commits_.back());
      batch.put_from_commit("from " + key(n), 2, word.size());
      content_["from " + key(n)] = commits_.back().substr(2, word.size());
    }
    content_[key(n)] = value;
    write(std::move(batch));
  }
  void erase(int n) {
    WriteBatch batch;
    batch.erase(key(n));
    content_.erase(key(n));
    write(std::move(batch));
  }
  void erase_range(int from, int to) {
    WriteBatch batch;
    batch.erase_range(key(from), key(to));
    content_.erase(content_.lower_bound(key(from)), content_.lower_bound(key(to)));
    write(std::move(batch));
  }
  /// A table that is large enough for a dictionary.
  void ingest() {
    Pairs pairs;
    for (int i = 0; i < 1500; ++i) {
      std::string value;
      for (int word = 0; word < 8; ++word) value += std::to_string(i * 7919 % (1000 + word)) + " of the run, ";
      pairs.emplace_back("run " + key(i), value);
    }
    content_.insert(pairs.begin(), pairs.end());
    if (engine_ == nullptr) return;
    SortedPairs source(pairs);
    REQUIRE(engine_->ingest(source));
  }
  void write(WriteBatch batch) {
    if (engine_ != nullptr) REQUIRE(engine_->write(std::move(batch), SyncPolicy::kOs));
  }
  void flush(bool compact) {
    if (engine_ == nullptr) return;
    REQUIRE(engine_->flush());
    if (compact) REQUIRE(engine_->compact({}));
  }

  StorageEngine* const engine_;
  std::map<std::string, std::string> content_;
  std::vector<std::string> commits_;
};

EngineOptions golden_options(FileSystem& fs) {
  EngineOptions options = small_options(fs);
  options.memtable_bytes = 1 << 20;  // flushed by the history, not by size
  options.log_segment_bytes = 32 << 10;
  options.compression_level = 3;
  options.max_log_bytes = 1 << 20;
  return options;
}

std::filesystem::path golden_directory() { return std::filesystem::path(LDB_SOURCE_DIR) / "tests/storage/golden/version_1"; }

Image read_golden() {
  Image image;
  for (const auto& entry : std::filesystem::directory_iterator(golden_directory())) {
    std::ifstream file(entry.path(), std::ios::binary);
    image[entry.path().filename().string()] =
        std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  }
  return image;
}

/// The version field of a file and the checksum over it.
struct VersionPlace {
  std::size_t version;
  std::size_t checked_from;
  std::size_t checked_size;
  std::size_t checksum;
};

std::optional<VersionPlace> version_place(const std::string& name, const std::string& bytes) {
  switch (storage::parse_file_name(name).type) {
    case storage::FileType::kLog:
      return VersionPlace{8, 0, 56, 56};
    case storage::FileType::kManifest:
      return VersionPlace{8, 0, 24, 24};
    case storage::FileType::kTable: {
      const std::size_t end = bytes.size();
      return VersionPlace{end - 24, end - storage::kFooterBytes, storage::kFooterBytes - 16, end - 16};
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

TEST_CASE("A directory of version 1 opens with all it holds, whatever sizes are configured now, and goes on") {
  const Image image = read_golden();
  REQUIRE(image.size() >= 6);
  const History history(nullptr);
  const Pairs expected(history.content().begin(), history.content().end());
  for (const std::size_t block_bytes : {std::size_t{256}, std::size_t{4096}, std::size_t{1} << 20}) {
    CAPTURE(block_bytes);
    FaultyFileSystem fs(1);
    fs.restore_directory("db", image);
    EngineOptions options = golden_options(fs);
    options.block_bytes = block_bytes;
    options.memtable_bytes = 16 * block_bytes + (16 << 10);
    options.log_segment_bytes = (16 << 10) + block_bytes;
    options.compression_level = block_bytes == 256 ? 0 : 9;
    options.create_if_missing = false;
    auto engine = open_lsm_engine("db", options);
    INFO(engine.error().to_string());
    REQUIRE(engine);
    CHECK(scan(**engine) == expected);
    CHECK(scan_back(**engine) == expected);
    for (const auto& [key, value] : expected) CHECK(get(**engine, key) == value);
    CHECK((read_changes(**engine, (*engine)->log_begin()) == history.commits()));
    put(**engine, "new", "1");
    REQUIRE((*engine)->flush());
    REQUIRE((*engine)->compact({}));
    CHECK(scan(**engine).size() == expected.size() + 1);
  }
}

TEST_CASE("A file of a later version is refused as unsupported, by its name") {
  const Image image = read_golden();
  int refused = 0;
  for (const auto& [name, bytes] : image) {
    const auto place = version_place(name, bytes);
    if (!place) continue;
    CAPTURE(name);
    Image later = image;
    std::string& changed = later[name];
    REQUIRE(load_u32(changed.data() + place->version) == 1);
    REQUIRE(load_u64(changed.data() + place->checksum) ==
            hash64(std::string_view(changed).substr(place->checked_from, place->checked_size)));
    store_u32(changed.data() + place->version, 2);
    store_u64(changed.data() + place->checksum,
              hash64(std::string_view(changed).substr(place->checked_from, place->checked_size)));
    FaultyFileSystem fs(1);
    fs.restore_directory("db", later);
    auto engine = open_lsm_engine("db", golden_options(fs));
    Status status = engine.error();
    if (engine) {  // tables are opened when they are needed
      auto it = (*engine)->iterate(nullptr, {});
      status = it.error();
      if (it) {
        for ((*it)->seek_to_first(); (*it)->valid();) (*it)->next();
        status = (*it)->status();
      }
    }
    if (status && storage::parse_file_name(name).type == storage::FileType::kLog) {  // flushed long ago, and kept for peers
      auto changes = (*engine)->changes((*engine)->log_begin());
      status = changes.error();
      while (status) {
        auto change = (*changes)->next();
        status = change.error();
        if (change && !*change) break;
      }
    }
    INFO(status.to_string());
    CHECK(status.code() == StatusCode::kUnsupported);
    CHECK(status.message().find(name) != std::string::npos);
    CHECK(status.message().find("version 2") != std::string::npos);
    ++refused;
  }
  CHECK(refused >= 8);
}

TEST_CASE("Writes a directory like the golden one", "[.golden]") {
  const char* const target = std::getenv("LDB_GOLDEN_DIRECTORY");
  REQUIRE(target != nullptr);
  FaultyFileSystem fs(1);
  auto engine = open_lsm_engine("db", golden_options(fs)).value();
  const History history(engine.get());
  fs.kill();
  engine = nullptr;
  std::filesystem::create_directories(target);
  for (const auto& [name, bytes] : fs.copy_directory("db")) {
    if (name == "LOCK") continue;
    std::ofstream file(std::filesystem::path(target) / name, std::ios::binary);
    file << bytes;
    REQUIRE(file.flush());
  }
}
