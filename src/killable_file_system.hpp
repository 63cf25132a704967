// A file system that can stop having any effect, to end a node inside this process as kill -9 would.
#pragma once

#include <memory>

#include "base/rt/rt.hpp"
#include "ldb/file_system.hpp"

namespace ldb {

/// Passes everything on to `base` until kill(); afterwards every operation, also on files opened before, fails with kIoError and
/// leaves the disk as it is. Locks are released by their holders as usual. Files must not outlive it. Any thread.
class KillableFileSystem final : public FileSystem {
 public:
  explicit KillableFileSystem(FileSystem& base) : base_(base) {}

  /// On return no operation is under way any more.
  void kill();

  Result<std::unique_ptr<RandomAccessFile>> open_readable(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Status create_directory(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::uint64_t> file_size(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
  Status hard_link(const std::string& from, const std::string& to) override;

 private:
  friend class KillableFile;
  /// Runs `operation` unless killed; holds the gate shared, so that kill() waits for it.
  template <class Operation>
  auto guarded(const Operation& operation) -> decltype(operation());

  FileSystem& base_;
  rt::SharedMutex gate_;
  bool killed_ LDB_GUARDED_BY(gate_) = false;
};

}  // namespace ldb
