#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file_system_contract.hpp"
#include "base/path.hpp"
#include "ldb/faulty_file_system.hpp"
#include "ldb/file_system.hpp"

namespace ldb {
namespace {

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

TEST_CASE("The faulty file system keeps the file contract while nothing is injected") {
  FaultyFileSystem fs;
  REQUIRE(fs.create_directory("/data").is_ok());
  check_contract(fs, "/data");
  REQUIRE(fs.create_directory("relative").is_ok());
  check_contract(fs, "relative");
}

TEST_CASE("What is stored through a mapping stays when the mapping is told to let go of it") {
  const TemporaryDirectory dir;
  FileSystem& fs = posix_file_system();
  constexpr std::size_t kSize = 1 << 20;
  const std::string path = join_path(dir.path, "mapped");
  auto file = fs.open_writable(path, OpenMode::kTruncate);
  REQUIRE(file.is_ok());
  REQUIRE(file.value()->preallocate(kSize).is_ok());
  const auto mapping = file.value()->map(kSize);
  if (!mapping) {
    WARN("no mappings on this file system");
    return;
  }
  std::string wanted(kSize, '\0');
  for (std::size_t i = 0; i < kSize; ++i) wanted[i] = static_cast<char>(i * 31 >> 8);
  constexpr std::size_t kStep = 128 << 10;
  for (std::size_t at = 0; at < kSize; at += kStep) {
    REQUIRE(mapping->will_store(at, kStep).is_ok());
    wanted.copy(mapping->data() + at, kStep, at);
    mapping->have_stored(at, kStep);
  }
  CHECK(std::string_view(mapping->data(), kSize) == wanted);  // comes back when it is touched all the same
  std::string read(kSize, '\0');
  CHECK(fs.open_readable(path).value()->read(0, kSize, read.data()).value() == kSize);
  CHECK(read == wanted);
}

TEST_CASE("Memory that stores would fail in is not taken to be there") {
  const TemporaryDirectory dir;
  FileSystem& fs = posix_file_system();
  constexpr std::size_t kSize = 1 << 20;
  const std::string path = join_path(dir.path, "mapped");
  auto file = fs.open_writable(path, OpenMode::kTruncate);
  REQUIRE(file.is_ok());
  REQUIRE(file.value()->preallocate(kSize).is_ok());
  const auto mapping = file.value()->map(kSize);
  if (!mapping) {
    WARN("no mappings on this file system");
    return;
  }
  REQUIRE(mapping->will_store(0, kSize).is_ok());
  // What a disk that fails does to a page, a file that became shorter does, too: a store would raise SIGBUS.
  REQUIRE(file.value()->truncate(kSize / 2).is_ok());
  CHECK(mapping->will_store(0, kSize / 2).is_ok());
  const Status status = mapping->will_store(kSize / 2, kSize / 2);
  CHECK(status.code() == StatusCode::kIoError);
  CHECK(status.message().find(path) != std::string_view::npos);
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
