// What ldbdump is made of: sees what is there, and finds every damaged byte that matters.
#include "storage/inspect/inspect.hpp"

#include "base/random.hpp"
#include "ldb/faulty_file_system.hpp"
#include "storage/engine_fixture.hpp"

using namespace ldb;
using namespace ldb::test;
using namespace ldb::storage;

namespace {

using Image = FaultyFileSystem::DirectoryImage;

/// Tables in two levels, a range tombstone, commits, a few log records behind the last flush.
Image make_directory(bool clean_close = true) {
  FaultyFileSystem fs(1);
  auto engine = open_lsm_engine("db", small_options(fs)).value();
  for (int i = 0; i < 120; ++i) {
    WriteBatch batch;
    batch.put("key" + std::to_string(i), std::string(60, 'v'));
    batch.set_commit("commit " + std::to_string(i));
    REQUIRE(engine->write(batch, SyncPolicy::kOs));
  }
  REQUIRE(engine->compact({}));
  erase_range(*engine, "key3", "key5");
  erase(*engine, "key7");
  put(*engine, "key8", "newer");
  REQUIRE(engine->flush());
  for (int i = 0; i < 5; ++i) put(*engine, "tail" + std::to_string(i), "value", SyncPolicy::kSync);
  if (!clean_close) fs.kill();
  engine = nullptr;
  return fs.copy_directory("db");
}

VerifyReport verify(FileSystem& fs, std::string* notes = nullptr) {
  auto report = verify_directory(fs, "db", [&](const std::string& line) {
    if (notes != nullptr) *notes += line + "\n";
  });
  REQUIRE(report);
  return std::move(*report);
}

std::string text_of(const std::function<Status(const LineSink&)>& dump) {
  std::string text;
  const Status status = dump([&](const std::string& line) { text += line + "\n"; });
  INFO(status.to_string());
  REQUIRE(status);
  return text;
}

std::string first_of(const Image& image, std::string_view suffix) {
  for (const auto& [name, contents] : image) {
    if (name.ends_with(suffix)) return name;
  }
  FAIL("no file " << suffix);
  return {};
}

}  // namespace

TEST_CASE("verify finds nothing wrong with what an engine wrote, closed cleanly or not") {
  for (const bool clean : {true, false}) {
    FaultyFileSystem fs(1);
    const Image image = make_directory(clean);
    fs.restore_directory("db", image);
    const VerifyReport report = verify(fs);
    for (const Damage& damage : report.damage) UNSCOPED_INFO(damage.to_string());
    CHECK(report.damage.empty());
    CHECK(report.files >= 5);
    CHECK(report.bytes > 10000);
    CHECK(fs.copy_directory("db") == image);  // it only looks
  }
}

TEST_CASE("verify agrees with a directory under random load and reports no false alarm") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    FaultyFileSystem fs(seed);
    for (int round = 0; round < 3; ++round) {
      auto engine = open_lsm_engine("db", small_options(fs)).value();
      for (int i = 0; i < 400; ++i) {
        const std::string key = "key" + std::to_string(random.below(300));
        if (random.one_in(10)) {
          erase_range(*engine, key, "key" + std::to_string(random.below(300)));
        } else {
          put(*engine, key, std::string(random.below(300), 'v'), random.one_in(5) ? SyncPolicy::kSync : SyncPolicy::kOs);
        }
        if (random.one_in(150)) REQUIRE(engine->compact({}));
      }
      if (random.one_in(2)) fs.crash();
      engine = nullptr;
      if (fs.crashed()) fs.reboot();
      const VerifyReport report = verify(fs);
      for (const Damage& damage : report.damage) UNSCOPED_INFO(damage.to_string());
      CHECK(report.damage.empty());
    }
  }
}

TEST_CASE("verify names file and place of every flipped byte in tables and in the vouched part of log and manifest") {
  const Image image = make_directory();
  std::size_t flips = 0;
  std::size_t found = 0;
  Random random(4);
  for (const auto& [name, contents] : image) {
    if (name == "LOCK") continue;
    for (std::size_t byte = 0; byte < contents.size(); byte += name.ends_with(".sst") ? 7 : 3) {
      CAPTURE(name, byte);
      FaultyFileSystem fs(1);
      Image damaged = image;
      damaged[name][byte] = static_cast<char>(damaged[name][byte] ^ (1U << random.below(8)));
      fs.restore_directory("db", damaged);
      const VerifyReport report = verify(fs);
      ++flips;
      found += report.damage.empty() ? 0 : 1;
      // Everything in a table and in CURRENT is covered by a checksum.
      if (name.ends_with(".sst") || name == "CURRENT") CHECK_FALSE(report.damage.empty());
      if (!report.damage.empty()) CHECK(report.damage[0].file.ends_with(name));
      // What the engine refuses to open or read must not pass here.
      auto engine = open_lsm_engine("db", small_options(fs));
      if (!engine) CHECK_FALSE(report.damage.empty());
    }
  }
  CAPTURE(flips, found);
  CHECK(found * 10 > flips * 8);
}

TEST_CASE("verify works on a directory that cannot be opened, and goes on behind the first damage") {
  Image image = make_directory();
  const std::string table = first_of(image, ".sst");
  image["CURRENT"][3] = 'x';
  image[table][5] = static_cast<char>(image[table][5] ^ 1);
  image[table][900] = static_cast<char>(image[table][900] ^ 1);
  FaultyFileSystem fs(1);
  fs.restore_directory("db", image);
  REQUIRE_FALSE(open_lsm_engine("db", small_options(fs)));
  const VerifyReport report = verify(fs);
  std::size_t in_table = 0;
  bool current = false;
  for (const Damage& damage : report.damage) {
    UNSCOPED_INFO(damage.to_string());
    in_table += damage.file == "db/" + table ? 1 : 0;
    current |= damage.file == "db/CURRENT";
  }
  CHECK(current);
  CHECK(in_table >= 2);
  CHECK(verify_directory(fs, "elsewhere", [](const std::string&) {}).error().code() == StatusCode::kNotFound);
}

TEST_CASE("verify notices missing, shortened and swapped files") {
  const Image image = make_directory();
  const auto damaged = [](const Image& changed) {
    FaultyFileSystem fs(1);
    fs.restore_directory("db", changed);
    return verify(fs).damage;
  };
  for (const auto& [name, contents] : image) {
    if (name == "LOCK") continue;
    CAPTURE(name);
    Image missing = image;
    missing.erase(name);
    CHECK_FALSE(damaged(missing).empty());
    Image shorter = image;
    shorter[name].resize(contents.size() / 3);
    // A manifest that ends earlier says what was true earlier; it shows only where that needs files that are gone.
    if (!name.starts_with("MANIFEST")) CHECK_FALSE(damaged(shorter).empty());
  }
  std::vector<std::string> tables;
  for (const auto& [name, contents] : image) {
    if (name.ends_with(".sst")) tables.push_back(name);
  }
  REQUIRE(tables.size() >= 2);
  Image swapped = image;
  std::swap(swapped[tables[0]], swapped[tables[1]]);
  CHECK_FALSE(damaged(swapped).empty());
}

TEST_CASE("Dumps show records, edits and entries") {
  FaultyFileSystem fs(1);
  const Image image = make_directory();
  fs.restore_directory("db", image);
  const std::string log = text_of([&](const LineSink& out) { return dump_log(fs, "db", out); });
  CHECK(log.find("commit of 9 bytes: \"commit 17\"") != std::string::npos);
  CHECK(log.find("delete range \"key3\" -> \"key5\"") != std::string::npos);
  CHECK(log.find("synced up to") != std::string::npos);
  const std::string manifest = text_of([&](const LineSink& out) { return dump_manifest(fs, "db", out); });
  CHECK(manifest.find("adds to level") != std::string::npos);
  CHECK(manifest.find("log flushed up to") != std::string::npos);
  std::string entries;
  std::string blocks;
  for (const auto& [name, contents] : image) {
    if (!name.ends_with(".sst")) continue;
    entries += text_of([&, &file = name](const LineSink& out) { return dump_table(fs, "db/" + file, true, out); });
    blocks += text_of([&, &file = name](const LineSink& out) { return dump_table(fs, "db/" + file, false, out); });
  }
  CHECK(entries.find("\"key8\" @") != std::string::npos);
  CHECK(entries.find("\"key7\" @") != std::string::npos);
  CHECK(blocks.find("\"key8\" @") == std::string::npos);
  CHECK(blocks.find("block: offset 0") != std::string::npos);
  CHECK(dump_log(fs, "nowhere", [](const std::string&) {}).code() == StatusCode::kNotFound);
  CHECK(show_bytes(std::string("a\0\"\xff", 4)) == "\"a\\x00\\x22\\xff\"");
  CHECK(show_bytes("abcdef", 3) == "\"abc\"... (6 bytes)");
}
