// A file system of which a test changes a call or two.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ldb/file_system.hpp"

namespace ldb::test {

/// Hands every call on to `fs`.
class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(std::unique_ptr<FileSystem> fs) : fs_(std::move(fs)) {}

  Result<std::unique_ptr<RandomAccessFile>> open_readable(const std::string& path) override { return fs_->open_readable(path); }
  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) override {
    return fs_->open_writable(path, mode);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return fs_->lock(path); }
  Status create_directory(const std::string& path) override { return fs_->create_directory(path); }
  Status sync_directory(const std::string& path) override { return fs_->sync_directory(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return fs_->list(directory); }
  Result<bool> exists(const std::string& path) override { return fs_->exists(path); }
  Result<std::uint64_t> file_size(const std::string& path) override { return fs_->file_size(path); }
  Status rename(const std::string& from, const std::string& to) override { return fs_->rename(from, to); }
  Status remove(const std::string& path) override { return fs_->remove(path); }
  Status remove_directory(const std::string& path) override { return fs_->remove_directory(path); }
  Status hard_link(const std::string& from, const std::string& to) override { return fs_->hard_link(from, to); }

 protected:
  FileSystem& base() { return *fs_; }

 private:
  const std::unique_ptr<FileSystem> fs_;
};

}  // namespace ldb::test
