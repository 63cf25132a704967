// The simulated build has no operating system's files: they would outlive the run and take real time.
#include "ldb/file_system.hpp"

namespace ldb {
namespace {

class RefusingFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<RandomAccessFile>> open_readable(const std::string& path) override { return refuse(path); }
  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode) override { return refuse(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return refuse(path); }
  Status create_directory(const std::string& path) override { return refuse(path); }
  Status sync_directory(const std::string& path) override { return refuse(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return refuse(directory); }
  Result<bool> exists(const std::string& path) override { return refuse(path); }
  Result<std::uint64_t> file_size(const std::string& path) override { return refuse(path); }
  Status rename(const std::string& from, const std::string&) override { return refuse(from); }
  Status remove(const std::string& path) override { return refuse(path); }
  Status remove_directory(const std::string& path) override { return refuse(path); }
  Status hard_link(const std::string& from, const std::string&) override { return refuse(from); }

 private:
  static Status refuse(const std::string& path) {
    return Status(StatusCode::kUnsupported, path + ": no operating system's files in simulation; pass the World's file system");
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static RefusingFileSystem instance;  // stateless
  return instance;
}

}  // namespace ldb
