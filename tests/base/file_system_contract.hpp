// What every FileSystem must do, whatever it is made of.
#pragma once

#include <catch2/catch.hpp>

#include "ldb/file_system.hpp"

namespace ldb {

/// The contract of file_system.hpp, run over every implementation inside an empty directory `root`.
inline void check_contract(FileSystem& fs, const std::string& root) {
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

}  // namespace ldb
