#include "ldb/faulty_file_system.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

namespace ldb {
namespace {

std::unique_ptr<WritableFile> open(FileSystem& fs, const std::string& path, OpenMode mode = OpenMode::kTruncate) {
  return std::move(fs.open_writable(path, mode)).value();
}

void write_synced(FileSystem& fs, const std::string& path, std::string_view contents) {
  const auto file = open(fs, path);
  REQUIRE(file->append(contents).is_ok());
  REQUIRE(file->sync().is_ok());
  REQUIRE(fs.sync_directory("/").is_ok());
}

std::string names_in_root(FileSystem& fs) {
  const std::vector<std::string> names = fs.list("/").value();
  std::string text;
  for (const std::string& name : names) text += name + " ";
  return text;
}

}  // namespace

TEST_CASE("What was synced survives every crash") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    FaultyFileSystem fs(seed);
    write_synced(fs, "/a", "synced");
    const auto file = open(fs, "/a", OpenMode::kAppend);
    REQUIRE(file->append(" unsynced").is_ok());
    fs.crash();
    CHECK(fs.crashed());
    CHECK(fs.read_file("/a").error().code() == StatusCode::kIoError);
    fs.reboot();
    const std::string after = fs.read_file("/a").value();
    CHECK(after.starts_with("synced"));
    CHECK(file->append("x").code() == StatusCode::kIoError);  // a handle of before stays dead
    CHECK(file->sync().code() == StatusCode::kIoError);
  }
}

TEST_CASE("Unsynced writes are kept, lost and torn at sectors, in every combination") {
  std::set<std::string> outcomes;
  std::map<std::string, int, std::less<>> events;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    FaultyFileSystem fs(seed);
    fs.set_observer([&](std::string_view event) { ++events[std::string(event)]; });
    write_synced(fs, "/a", std::string(1024, '.'));
    const auto file = open(fs, "/a", OpenMode::kExisting);
    REQUIRE(file->write_at(0, std::string(1024, 'x')).is_ok());
    REQUIRE(file->write_at(100, "y").is_ok());
    fs.crash();
    fs.reboot();
    const std::string after = fs.read_file("/a").value();
    REQUIRE(after.size() == 1024);
    // Within a sector a write is there or not as a whole.
    CHECK(after.substr(0, 100) == std::string(100, after[0]));
    CHECK(after.substr(512) == std::string(512, after[512]));
    outcomes.insert(std::string{after[0], after[100], after[512]});
  }
  CHECK(outcomes == std::set<std::string>{"...", ".y.", "xx.", "xxx", "xyx", "xy.", "..x", ".yx"});
  for (const char* event : {"file_crash", "file_kept_write", "file_lost_write", "file_torn_write"}) CHECK(events[event] > 0);
}

TEST_CASE("Names survive a crash once their directory was synced, otherwise some first part of the changes does") {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    FaultyFileSystem fs(seed);
    write_synced(fs, "/old", "old");
    const auto file = open(fs, "/new.tmp");
    REQUIRE(file->append("new").is_ok());
    REQUIRE(file->sync().is_ok());
    REQUIRE(fs.rename("/new.tmp", "/new").is_ok());
    REQUIRE(fs.remove("/old").is_ok());
    fs.crash();
    fs.reboot();
    outcomes.insert(names_in_root(fs));
  }
  CHECK(outcomes == std::set<std::string>{"old ", "new.tmp old ", "new old ", "new "});
}

TEST_CASE("With entries lost in any order a removal can outrun the rename before it") {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    FaultyFileSystem fs(seed);
    FileFaults faults;
    faults.entry_loss = EntryLoss::kAny;
    fs.set_faults(faults);
    write_synced(fs, "/old", "old");
    write_synced(fs, "/next", "new");
    REQUIRE(fs.rename("/next", "/new").is_ok());
    REQUIRE(fs.remove("/old").is_ok());
    fs.crash();
    fs.reboot();
    outcomes.insert(names_in_root(fs));
  }
  CHECK(outcomes == std::set<std::string>{"next old ", "next ", "new old ", "new "});
}

TEST_CASE("A crash loses, keeps or tears all unsynced writes, and loses all unsynced entries, when it is told to") {
  const auto after_crash = [](WriteLoss writes, std::uint64_t seed) {
    FaultyFileSystem fs(seed);
    FileFaults faults;
    faults.write_loss = writes;
    faults.entry_loss = EntryLoss::kAll;
    fs.set_faults(faults);
    write_synced(fs, "/file", std::string(2048, 'o'));
    auto file = fs.open_writable("/file", OpenMode::kExisting).value();
    REQUIRE(file->write_at(0, std::string(1024, 'a')).is_ok());
    REQUIRE(file->write_at(1024, std::string(1024, 'b')).is_ok());
    REQUIRE(fs.hard_link("/file", "/other").is_ok());
    fs.crash();
    fs.reboot();
    CHECK(names_in_root(fs) == "file ");
    return fs.read_file("/file").value();
  };
  std::set<std::string> torn;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CHECK(after_crash(WriteLoss::kAll, seed) == std::string(2048, 'o'));
    CHECK(after_crash(WriteLoss::kNone, seed) == std::string(1024, 'a') + std::string(1024, 'b'));
    const std::string contents = after_crash(WriteLoss::kTorn, seed);
    for (std::size_t sector = 0; sector < 4; ++sector) {
      const std::string part = contents.substr(sector * 512, 512);
      CHECK(part.find_first_not_of(part[0]) == std::string::npos);  // whole sectors
    }
    torn.insert({contents[0], contents[512], contents[1024], contents[1536]});
  }
  CHECK(torn.size() == 16);
}

TEST_CASE("replace_file leaves the old contents or the new at every crash point") {
  std::uint64_t crash_points = 0;
  {
    FaultyFileSystem fs;
    write_synced(fs, "/current", "old");
    const std::uint64_t before = fs.mutations();
    REQUIRE(fs.replace_file("/current", "new").is_ok());
    crash_points = fs.mutations() - before;
  }
  CHECK(crash_points == 5);  // create, write, sync, rename, sync directory
  std::set<std::string> outcomes;
  for (std::uint64_t k = 1; k <= crash_points; ++k) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      CAPTURE(k, seed);
      FaultyFileSystem fs(seed);
      write_synced(fs, "/current", "old");
      fs.crash_at(fs.mutations() + k);
      CHECK(fs.replace_file("/current", "new").code() == StatusCode::kIoError);
      REQUIRE(fs.crashed());
      fs.reboot();
      outcomes.insert(fs.read_file("/current").value());
    }
  }
  CHECK(outcomes == std::set<std::string>{"new", "old"});
}

TEST_CASE("A failed sync loses writes for good although the next one succeeds") {
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FaultyFileSystem fs(seed);
    write_synced(fs, "/a", "....");
    const auto file = open(fs, "/a", OpenMode::kExisting);
    REQUIRE(file->append("data").is_ok());
    fs.fail_at(FileOperation::kSync, 1);
    CHECK(file->sync().code() == StatusCode::kIoError);
    CHECK(fs.read_file("/a").value() == "data");
    CHECK(file->sync().is_ok());
    fs.crash();
    fs.reboot();
    lost = lost || fs.read_file("/a").value() == "....";
  }
  CHECK(lost);
}

TEST_CASE("Injected failures come at the call asked for, or at the rate asked for") {
  FaultyFileSystem fs(7);
  const auto file = open(fs, "/a");
  fs.fail_at(FileOperation::kWrite, 3, StatusCode::kNoSpace);
  CHECK(file->append("1").is_ok());
  CHECK(file->append("2").is_ok());
  CHECK(file->append("3").code() == StatusCode::kNoSpace);
  CHECK(file->append("4").is_ok());
  fs.fail_at(FileOperation::kWrite, 1);
  fs.fail_at(FileOperation::kWrite, 0);
  CHECK(file->append("5").is_ok());
  FileFaults faults;
  faults.io_error_of(FileOperation::kRead) = 0.5;
  fs.set_faults(faults);
  const auto reader = std::move(fs.open_readable("/a")).value();
  int failed = 0;
  char byte = 0;
  for (int i = 0; i < 1000; ++i) failed += reader->read(0, 1, &byte).is_ok() ? 0 : 1;
  CHECK(failed > 400);
  CHECK(failed < 600);
}

TEST_CASE("A full disk refuses growth until space is freed") {
  FaultyFileSystem fs;
  FileFaults faults;
  faults.capacity_bytes = 10;
  fs.set_faults(faults);
  write_synced(fs, "/a", "123456");
  const auto file = open(fs, "/b");
  CHECK(file->append("12345").code() == StatusCode::kNoSpace);
  CHECK(file->preallocate(5).code() == StatusCode::kNoSpace);
  REQUIRE(fs.remove("/a").is_ok());
  REQUIRE(fs.sync_directory("/").is_ok());
  CHECK(file->append("12345").is_ok());
}

TEST_CASE("Bits flip on the disk or on the way") {
  FaultyFileSystem fs(3);
  write_synced(fs, "/a", "aaaa");
  CHECK(fs.flip_bit("/a", 8).is_ok());
  CHECK(fs.read_file("/a").value() == "a`aa");
  CHECK(fs.flip_bit("/a", 32).code() == StatusCode::kInvalidArgument);
  CHECK(fs.flip_bit("/none", 0).code() == StatusCode::kNotFound);
  FileFaults faults;
  faults.read_bit_flip = 1;
  fs.set_faults(faults);
  CHECK(fs.read_file("/a").value() != "a`aa");
  fs.set_faults({});
  CHECK(fs.read_file("/a").value() == "a`aa");
}

TEST_CASE("A directory is backed up, lost and restored") {
  FaultyFileSystem fs;
  REQUIRE(fs.create_directory("/data/sub").is_ok());
  REQUIRE(fs.replace_file("/data/a", "1").is_ok());
  REQUIRE(fs.replace_file("/data/sub/b", "2").is_ok());
  const auto image = fs.copy_directory("/data");
  CHECK(image == FaultyFileSystem::DirectoryImage{{"a", "1"}, {"sub/b", "2"}});
  fs.crash();
  fs.restore_directory("/data", {});
  fs.reboot();
  CHECK(fs.list("/data").value().empty());
  fs.restore_directory("/data", image);
  fs.crash();
  fs.reboot();
  CHECK(fs.read_file("/data/sub/b").value() == "2");
}

TEST_CASE("A killed process loses its handles and locks but no bytes") {
  FaultyFileSystem fs;
  const auto file = open(fs, "/a");
  REQUIRE(file->append("unsynced").is_ok());
  const auto lock = std::move(fs.lock("/LOCK")).value();
  fs.kill();
  CHECK(file->append("x").code() == StatusCode::kIoError);
  fs.reboot();
  CHECK(file->append("x").code() == StatusCode::kIoError);
  CHECK(fs.read_file("/a").value() == "unsynced");
  CHECK(fs.lock("/LOCK").is_ok());
}

}  // namespace ldb
