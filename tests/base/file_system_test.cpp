#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/path.hpp"
#include "base/rt/rt.hpp"
#include "ldb/file_system.hpp"

namespace ldb {
namespace {

/// The contract of file_system.hpp, run over every implementation inside an empty directory `root`.
void check_contract(FileSystem& fs, const std::string& root) {
  const std::string dir = root + "/a/b";
  REQUIRE(fs.create_directory(dir).is_ok());
  REQUIRE(fs.create_directory(dir).is_ok());
  REQUIRE(fs.list(root).value() == std::vector<std::string>{"a"});
  const std::string path = dir + "/file";

  CHECK(fs.open_readable(path).error().code() == StatusCode::kNotFound);
  CHECK(fs.open_writable(path, OpenMode::kExisting).error().code() == StatusCode::kNotFound);
  CHECK(fs.open_writable(root + "/none/file", OpenMode::kTruncate).error().code() == StatusCode::kNotFound);
  CHECK(fs.remove(path).code() == StatusCode::kNotFound);
  CHECK(fs.file_size(path).error().code() == StatusCode::kNotFound);
  CHECK_FALSE(fs.exists(path).value());
  CHECK(fs.list(root + "/none").error().code() == StatusCode::kNotFound);
  CHECK(fs.open_readable(path).error().message().find(path) != std::string_view::npos);

  {
    auto file = std::move(fs.open_writable(path, OpenMode::kTruncate)).value();
    REQUIRE(file->append("hello ").is_ok());
    REQUIRE(file->append("world").is_ok());
    REQUIRE(file->write_at(0, "J").is_ok());
    REQUIRE(file->sync().is_ok());
    REQUIRE(file->append("!").is_ok());
    REQUIRE(file->close().is_ok());
    REQUIRE(file->close().is_ok());
    CHECK(file->append("x").code() == StatusCode::kIoError);
  }
  CHECK(fs.read_file(path).value() == "Jello world!");
  CHECK(fs.file_size(path).value() == 12);

  auto reader = std::move(fs.open_readable(path)).value();
  char buffer[32];
  CHECK(reader->size().value() == 12);
  CHECK(reader->read(6, 5, buffer).value() == 5);
  CHECK(std::string_view(buffer, 5) == "world");
  CHECK(reader->read(10, 32, buffer).value() == 2);
  CHECK(reader->read(99, 32, buffer).value() == 0);

  {
    auto file = std::move(fs.open_writable(path, OpenMode::kAppend)).value();
    REQUIRE(file->append("?").is_ok());
    REQUIRE(file->truncate(5).is_ok());
    REQUIRE(file->append("-").is_ok());
  }
  CHECK(fs.read_file(path).value() == "Jello-");
  {
    auto file = std::move(fs.open_writable(path, OpenMode::kExisting)).value();
    REQUIRE(file->preallocate(10).is_ok());
    REQUIRE(file->append("C").is_ok());
  }
  CHECK(fs.read_file(path).value() == std::string("Cello-\0\0\0\0", 10));

  REQUIRE(fs.hard_link(path, dir + "/link").is_ok());
  CHECK(fs.hard_link(path, dir + "/link").code() == StatusCode::kAlreadyExists);
  REQUIRE(fs.rename(path, dir + "/renamed").is_ok());
  CHECK(fs.rename(path, dir + "/x").code() == StatusCode::kNotFound);
  CHECK(fs.list(dir).value() == std::vector<std::string>{"link", "renamed"});
  REQUIRE(fs.remove(dir + "/link").is_ok());
  CHECK(fs.file_size(dir + "/renamed").value() == 10);
  CHECK(reader->read(0, 1, buffer).value() == 1);  // an open handle outlives its names

  REQUIRE(fs.replace_file(dir + "/current", "one").is_ok());
  REQUIRE(fs.replace_file(dir + "/current", "two").is_ok());
  CHECK(fs.read_file(dir + "/current").value() == "two");
  CHECK_FALSE(fs.exists(dir + "/current.tmp").value());
  CHECK(fs.sync_directory(dir).is_ok());

  {
    auto lock = fs.lock(dir + "/LOCK");
    REQUIRE(lock.is_ok());
    CHECK(fs.lock(dir + "/LOCK").error().code() == StatusCode::kUnavailable);
  }
  CHECK(fs.lock(dir + "/LOCK").is_ok());

  CHECK(fs.create_directory(dir + "/renamed").code() == StatusCode::kIoError);
  REQUIRE(fs.remove_directory(root + "/a").is_ok());
  REQUIRE(fs.remove_directory(root + "/a").is_ok());
  CHECK(fs.list(root).value().empty());
}

struct TemporaryDirectory {
  TemporaryDirectory() {
    char name[] = "/tmp/ldb-base-XXXXXX";
    path = mkdtemp(name);
  }
  ~TemporaryDirectory() { static_cast<void>(posix_file_system().remove_directory(path)); }
  std::string path;
};

}  // namespace

TEST_CASE("The POSIX file system keeps the file contract") {
  const TemporaryDirectory dir;
  check_contract(posix_file_system(), dir.path);
}

TEST_CASE("The memory file system keeps the file contract") {
  const auto fs = new_memory_file_system();
  REQUIRE(fs->create_directory("/data").is_ok());
  check_contract(*fs, "/data");
  REQUIRE(fs->create_directory("relative").is_ok());
  check_contract(*fs, "relative");
}

TEST_CASE("A full device reports no space and names the file") {
  auto file = posix_file_system().open_writable("/dev/full", OpenMode::kExisting);
  REQUIRE(file.is_ok());
  const Status status = file.value()->append("x");
  CHECK(status.code() == StatusCode::kNoSpace);
  CHECK(status.message().find("/dev/full: write") != std::string_view::npos);
}

TEST_CASE("A lock file outlives its memory file system") {
  auto fs = new_memory_file_system();
  auto lock = std::move(fs->lock("LOCK")).value();
  fs.reset();
  lock.reset();
}

TEST_CASE("Paths are normalized, split and joined") {
  CHECK(normalize_path("") == ".");
  CHECK(normalize_path("./") == ".");
  CHECK(normalize_path("/") == "/");
  CHECK(normalize_path("//a//b/./c/") == "/a/b/c");
  CHECK(normalize_path("a/../b") == "b");
  CHECK(normalize_path("../a") == "../a");
  CHECK(normalize_path("/../a") == "/a");
  CHECK(parent_path("a") == ".");
  CHECK(parent_path("/a") == "/");
  CHECK(parent_path("/a/b") == "/a");
  CHECK(file_name("/a/b") == "b");
  CHECK(join_path("/", "a") == "/a");
  CHECK(join_path("a", "b") == "a/b");
  CHECK(is_inside("/a/b", "/a"));
  CHECK_FALSE(is_inside("/ab", "/a"));
  CHECK_FALSE(is_inside("/a", "/a"));
}

}  // namespace ldb
