#include "ldb/file_system.hpp"

#include "base/path.hpp"

namespace ldb {
namespace {

Status write_synced(FileSystem& fs, const std::string& path, std::string_view contents) {
  LDB_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, fs.open_writable(path, OpenMode::kTruncate));
  LDB_TRY(file->append(contents));
  LDB_TRY(file->sync());
  return file->close();
}

}  // namespace

Result<std::string> FileSystem::read_file(const std::string& path) {
  LDB_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file, open_readable(path));
  LDB_ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
  std::string contents(static_cast<std::size_t>(size), '\0');
  LDB_ASSIGN_OR_RETURN(const std::size_t got, file->read(0, contents.size(), contents.data()));
  contents.resize(got);  // the file may have shrunk in between
  return contents;
}

Status FileSystem::replace_file(const std::string& path, std::string_view contents) {
  const std::string temporary = path + ".tmp";
  Status status = write_synced(*this, temporary, contents);
  if (status) status = rename(temporary, path);
  if (!status) {
    // Best effort: the next replace_file truncates a leftover anyway, and the first failure is the one to report.
    static_cast<void>(remove(temporary));
    return status;
  }
  return sync_directory(parent_path(normalize_path(path)));
}

}  // namespace ldb
