#include "ldb/faulty_file_system.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/rt/rt.hpp"

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

TEST_CASE("Opening for a new beginning empties a file, which a crash may undo") {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FaultyFileSystem fs(seed);
    write_synced(fs, "/a", "old");
    const std::uint64_t before = fs.mutations();
    (void)open(fs, "/a");
    CHECK(fs.mutations() == before + 1);
    CHECK(fs.read_file("/a").value().empty());
    (void)open(fs, "/a");  // nothing to do
    CHECK(fs.mutations() == before + 1);
    fs.crash();
    fs.reboot();
    outcomes.insert(fs.read_file("/a").value());
  }
  CHECK(outcomes == std::set<std::string>{"", "old"});
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

TEST_CASE("Looks at names and sizes, locks, closes and mappings fail when they are told to") {
  FaultyFileSystem fs;
  fs.set_mappings(true);
  write_synced(fs, "/a", std::string(512, '.'));
  fs.fail_at(FileOperation::kOther, 1);
  CHECK(fs.exists("/a").error().code() == StatusCode::kIoError);
  CHECK(fs.exists("/a").value());
  fs.fail_at(FileOperation::kOther, 1);
  CHECK(fs.file_size("/a").error().code() == StatusCode::kIoError);
  CHECK(fs.file_size("/a").value() == 512);
  const auto reader = std::move(fs.open_readable("/a")).value();
  fs.fail_at(FileOperation::kOther, 1);
  CHECK(reader->size().error().code() == StatusCode::kIoError);
  CHECK(reader->size().value() == 512);
  CHECK(fs.lock("/a"));
  fs.fail_at(FileOperation::kOpen, 1);
  CHECK(fs.lock("/a").error().code() == StatusCode::kIoError);
  CHECK(fs.lock("/a"));
  const auto file = open(fs, "/a", OpenMode::kExisting);
  fs.fail_at(FileOperation::kOther, 1);
  CHECK_FALSE(file->map(512));
  CHECK(file->map(512));
  fs.fail_at(FileOperation::kOther, 1);
  CHECK(file->close().code() == StatusCode::kIoError);
  CHECK(file->close());  // it is closed all the same
  CHECK_FALSE(file->append("x"));
}

TEST_CASE("Bytes that a disk refuses when they are handed to it are lost, and every call behind says so") {
  bool lost = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    FaultyFileSystem fs(seed);
    write_synced(fs, "/a", "....");
    const auto file = open(fs, "/a", OpenMode::kExisting);
    fs.fail_at(FileOperation::kSync, 1);
    file->write_back();  // nothing to hand over
    REQUIRE(file->append("new!"));
    file->write_back();
    CHECK(file->append("more").code() == StatusCode::kIoError);
    CHECK(file->sync().message().find("/a: write back") != std::string::npos);
    CHECK(file->close());
    CHECK(open(fs, "/a", OpenMode::kExisting)->sync());  // what the disk does not know it lacks
    CHECK(fs.read_file("/a").value() == "new!");
    fs.crash();
    fs.reboot();
    lost = lost || fs.read_file("/a").value() == "....";
  }
  CHECK(lost);
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

namespace {

/// A durable file of dots, and its mapping.
struct MappedFile {
  explicit MappedFile(FaultyFileSystem& fs, std::size_t size = 2048) {
    fs.set_mappings(true);
    write_synced(fs, "/log", std::string(size, '.'));
    file = open(fs, "/log", OpenMode::kExisting);
    mapping = file->map(size);
    REQUIRE(mapping);
  }
  void store(std::size_t offset, std::string_view bytes) { bytes.copy(mapping->data() + offset, bytes.size()); }

  std::unique_ptr<WritableFile> file;
  std::unique_ptr<FileMapping> mapping;
};

}  // namespace

TEST_CASE("Files are mapped when that is wanted, up to a size and within the file") {
  FaultyFileSystem fs;
  write_synced(fs, "/a", std::string(2048, '.'));
  const auto file = open(fs, "/a", OpenMode::kExisting);
  CHECK_FALSE(file->map(2048));
  fs.set_mappings(true);
  CHECK_FALSE(file->map(4096));
  CHECK(file->map(1000));
  const auto mapping = file->map(2048);
  REQUIRE(mapping);
  CHECK(std::string_view(mapping->data(), 2048) == std::string(2048, '.'));
  REQUIRE(file->preallocate(2 << 20).is_ok());
  CHECK_FALSE(open(fs, "/a", OpenMode::kExisting)->map(2 << 20));
  fs.crash();
  fs.reboot();
  CHECK_FALSE(file->map(2048));  // a handle of before
}

TEST_CASE("What is stored through a mapping is seen by readers and copies at once, and outlives the mapping") {
  FaultyFileSystem fs;
  MappedFile log(fs);
  const auto reader = std::move(fs.open_readable("/log")).value();
  log.store(510, "abcd");  // over the edge of a sector
  char bytes[6] = {};
  CHECK(reader->read(509, 6, bytes).value() == 6);
  CHECK(std::string_view(bytes, 6) == ".abcd.");
  log.store(512, "x");
  CHECK(fs.copy_directory("/").at("log").substr(509, 6) == ".abxd.");
  log.store(513, "y");
  const auto other = log.file->map(2048);
  REQUIRE(other);
  CHECK(std::string_view(other->data() + 510, 4) == "abxy");  // one page cache
  log.mapping = nullptr;
  other->data()[510] = 'z';
  CHECK(fs.read_file("/log").value().substr(509, 6) == ".zbxy.");
}

TEST_CASE("What is stored through a mapping is kept or lost by a crash before a sync, sector by sector") {
  const auto after_crash = [](WriteLoss writes, std::uint64_t seed) {
    FaultyFileSystem fs(seed);
    FileFaults faults;
    faults.write_loss = writes;
    fs.set_faults(faults);
    MappedFile log(fs);
    log.store(0, std::string(2048, 'a'));
    fs.crash();
    log.store(0, std::string(2048, 'b'));  // by a thread that has not heard of it
    fs.reboot();
    log.store(1, "c");
    log.mapping = nullptr;
    return fs.read_file("/log").value();
  };
  std::set<std::string> random;
  std::set<std::string> torn;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    CHECK(after_crash(WriteLoss::kAll, seed) == std::string(2048, '.'));
    CHECK(after_crash(WriteLoss::kNone, seed) == std::string(2048, 'a'));
    for (const WriteLoss loss : {WriteLoss::kRandom, WriteLoss::kTorn}) {
      const std::string contents = after_crash(loss, seed);
      CHECK(contents == after_crash(loss, seed));
      for (std::size_t sector = 0; sector < 4; ++sector) {
        const std::string part = contents.substr(sector * 512, 512);
        CHECK(part.find_first_not_of(part[0]) == std::string::npos);
      }
      (loss == WriteLoss::kTorn ? torn : random).insert({contents[0], contents[512], contents[1024], contents[1536]});
    }
  }
  CHECK(random.size() == 16);
  CHECK(torn.size() == 16);
}

TEST_CASE("What is stored through a mapping survives a crash after a sync through any handle") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    FaultyFileSystem fs(seed);
    MappedFile log(fs);
    log.store(100, "first");
    REQUIRE(open(fs, "/log", OpenMode::kExisting)->sync().is_ok());
    log.store(1100, "second");
    REQUIRE(log.file->sync().is_ok());
    log.store(1100, "SECOND");
    fs.crash();
    fs.reboot();
    const std::string contents = fs.read_file("/log").value();
    CHECK(contents.substr(99, 7) == ".first.");
    CHECK((contents.substr(1100, 6) == "second" || contents.substr(1100, 6) == "SECOND"));
  }
}

TEST_CASE("What is stored through a mapping survives a kill, and what is stored after it goes nowhere") {
  FaultyFileSystem fs;
  MappedFile log(fs);
  log.store(100, "before");
  fs.kill();
  log.store(100, "after!");
  fs.reboot();
  CHECK(fs.read_file("/log").value().substr(99, 8) == ".before.");
  const auto file = open(fs, "/log", OpenMode::kExisting);
  const auto mapping = file->map(2048);
  REQUIRE(mapping);
  log.store(100, "again!");
  log.mapping = nullptr;
  CHECK(std::string_view(mapping->data() + 100, 6) == "before");
  mapping->data()[100] = 'B';
  REQUIRE(file->sync().is_ok());
  fs.crash();
  fs.reboot();
  CHECK(fs.read_file("/log").value().substr(99, 8) == ".Before.");
}

TEST_CASE("Writes by call and stores through a mapping live in one file") {
  FaultyFileSystem fs;
  MappedFile log(fs);
  log.store(0, "stored");
  REQUIRE(log.file->write_at(2, "WRITE").is_ok());
  CHECK(std::string_view(log.mapping->data(), 8) == "stWRITE.");
  log.store(4, "mm");
  CHECK(fs.read_file("/log").value().substr(0, 8) == "stWRmmE.");
  REQUIRE(log.file->sync().is_ok());
  CHECK(fs.flip_bit("/log", 0).is_ok());
  CHECK(log.mapping->data()[0] == 'r');
  // Beyond the mapping, over its end, and growing the file.
  const auto half = open(fs, "/half");
  REQUIRE(half->preallocate(1024).is_ok());
  const auto mapping = half->map(700);
  REQUIRE(mapping);
  mapping->data()[699] = 's';
  REQUIRE(half->write_at(698, "w").is_ok());
  REQUIRE(half->write_at(700, std::string(1000, 'w')).is_ok());
  CHECK(fs.read_file("/half").value() == std::string(698, '\0') + "ws" + std::string(1000, 'w'));
  // Cut below the stores and grown again.
  REQUIRE(log.file->truncate(3).is_ok());
  REQUIRE(log.file->preallocate(2048).is_ok());
  CHECK(fs.read_file("/log").value() == "rtW" + std::string(2045, '\0'));
  REQUIRE(log.file->sync().is_ok());
  fs.crash();
  fs.reboot();
  CHECK(fs.read_file("/log").value() == "rtW" + std::string(2045, '\0'));
}

TEST_CASE("A failed sync loses what was stored through a mapping for good although the next one succeeds") {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    FaultyFileSystem fs(seed);
    MappedFile log(fs, 1024);
    log.store(0, "a");
    log.store(512, "b");
    fs.fail_at(FileOperation::kSync, 1);
    CHECK(log.file->sync().code() == StatusCode::kIoError);
    CHECK(fs.read_file("/log").value()[0] == 'a');
    CHECK(log.mapping->data()[512] == 'b');
    CHECK(log.file->sync().is_ok());
    fs.crash();
    fs.reboot();
    const std::string contents = fs.read_file("/log").value();
    outcomes.insert({contents[0], contents[512]});
  }
  CHECK(outcomes == std::set<std::string>{"..", "a.", ".b", "ab"});
}

TEST_CASE("A mapped file is read and synced while a thread stores to it") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    constexpr std::size_t kSize = 64 << 10;
    FaultyFileSystem fs(seed);
    MappedFile log(fs, kSize);
    rt::Atomic<std::size_t> stored{0};
    rt::Thread writer("writer", [&] {
      for (std::size_t at = 0; at < kSize; at += 16) {
        log.store(at, "0123456789abcdef");
        stored.store(at + 16);
      }
    });
    std::size_t synced = 0;
    while (synced < kSize / 2) {
      const std::size_t before = stored.load();
      REQUIRE(open(fs, "/log", OpenMode::kExisting)->sync().is_ok());
      synced = before;
      const std::string seen = fs.read_file("/log").value();
      CHECK(seen.find('.') >= before);
    }
    fs.crash();
    writer.join();
    fs.reboot();
    std::string expected;
    while (expected.size() < synced) expected += "0123456789abcdef";
    CHECK(fs.read_file("/log").value().substr(0, synced) == expected);
  }
}

}  // namespace ldb
