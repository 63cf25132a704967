#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/path.hpp"
#include "ldb/file_system.hpp"

namespace ldb {
namespace {

Status io_error(int error, std::string_view operation, const std::string& path) {
  StatusCode code = StatusCode::kIoError;
  if (error == ENOENT) code = StatusCode::kNotFound;
  if (error == EEXIST) code = StatusCode::kAlreadyExists;
  if (error == ENOSPC || error == EDQUOT) code = StatusCode::kNoSpace;
  return Status(code, path + ": " + std::string(operation) + ": " + std::generic_category().message(error));
}

/// Repeats a system call that a signal interrupted.
template <class Call>
auto retry(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<Descriptor> open_file(const std::string& path, int flags, std::string_view operation) {
  const int fd = retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
  if (fd < 0) return io_error(errno, operation, path);
  return Descriptor(fd);
}

/// 0 or an error number.
int fsync_directory(const std::string& path) {
  const int fd = retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return errno;
  const Descriptor closed_at_the_end(fd);
  return retry([&] { return ::fsync(fd); }) == 0 ? 0 : errno;
}

Result<std::uint64_t> descriptor_size(int fd, const std::string& path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return io_error(errno, "stat", path);
  return static_cast<std::uint64_t>(info.st_size);
}

Status write_fully(int fd, const std::string& path, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = retry([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (n < 0) return io_error(errno, "write at " + std::to_string(offset), path);
    if (n == 0) return io_error(ENOSPC, "write at " + std::to_string(offset), path);
    offset += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Result<std::size_t> read(std::uint64_t offset, std::size_t size, char* buffer) const override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = retry([&] { return ::pread(fd_.get(), buffer + done, size - done, static_cast<off_t>(offset + done)); });
      if (n < 0) return io_error(errno, "read at " + std::to_string(offset + done), path_);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }
  Result<std::uint64_t> size() const override { return descriptor_size(fd_.get(), path_); }

 private:
  const std::string path_;
  const Descriptor fd_;
};

class PosixFileMapping final : public FileMapping {
 public:
  PosixFileMapping(std::string path, void* data, std::size_t size) : path_(std::move(path)), data_(data), size_(size) {}
  ~PosixFileMapping() override { ::munmap(data_, size_); }
  PosixFileMapping(const PosixFileMapping&) = delete;
  PosixFileMapping& operator=(const PosixFileMapping&) = delete;
  char* data() override { return static_cast<char*>(data_); }
  Status will_store([[maybe_unused]] std::uint64_t offset, [[maybe_unused]] std::size_t size) override {
#ifdef MADV_POPULATE_WRITE  // Linux 5.14; an older kernel does not know it
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t before = offset % page;
    const int result = retry([&] { return ::madvise(data() + offset - before, size + before, MADV_POPULATE_WRITE); });
    if (result != 0 && errno != EINVAL) return io_error(errno, "bring in at " + std::to_string(offset), path_);
#endif
    return {};
  }
  void have_stored(std::uint64_t offset, std::size_t size) override {
    (void)::madvise(data() + offset, size, MADV_DONTNEED);  // of a shared mapping: the pages stay, dirty, with the file
  }

 private:
  const std::string path_;
  void* const data_;
  const std::size_t size_;
};

/// File systems where a store into allocated space needs no further space (copy-on-write ones may run out and raise SIGBUS).
bool stores_cannot_fail(int fd) {
  constexpr decltype(statfs::f_type) kXfsMagic = 0x58465342;  // not in linux/magic.h of all kernels
  struct statfs info;
  if (::fstatfs(fd, &info) != 0) return false;
  return info.f_type == EXT4_SUPER_MAGIC || info.f_type == kXfsMagic || info.f_type == TMPFS_MAGIC;
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, Descriptor fd, std::uint64_t position)
      : path_(std::move(path)), fd_(std::move(fd)), position_(position) {}

  Status append(std::string_view bytes) override {
    LDB_TRY(write_at(position_, bytes));
    position_ += bytes.size();
    return {};
  }

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    LDB_TRY(usable());
    return write_fully(fd_.get(), path_, offset, bytes);
  }

  Status preallocate(std::uint64_t size_bytes) override {
    LDB_TRY(usable());
    if (size_bytes == 0) return {};
    const int result = retry([&] { return ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size_bytes)); });
    if (result == 0) {
      allocated_ = std::max(allocated_, size_bytes);
      return {};
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS) return io_error(errno, "preallocate", path_);
    return fill_with_zeros(size_bytes);
  }

  void write_back() override {
    if (!usable() || position_ <= written_back_) return;
    const std::uint64_t size = position_ - written_back_;
    const auto from = static_cast<off_t>(std::exchange(written_back_, position_));
    if (::sync_file_range(fd_.get(), from, static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE) == 0) return;
    // What the disk refused now, sync() may not hear of any more. Other errors: no such hint on this file system.
    if (errno == EIO || errno == ENOSPC || errno == EDQUOT) failed_sync_ = io_error(errno, "write back", path_);
  }

  Status sync() override {
    LDB_TRY(usable());
    if (retry([&] { return ::fdatasync(fd_.get()); }) == 0) return {};
    // The kernel may have dropped the dirty pages and marked them clean: a second sync would succeed without writing them.
    failed_sync_ = io_error(errno, "sync", path_);
    return failed_sync_;
  }

  Status truncate(std::uint64_t size_bytes) override {
    LDB_TRY(usable());
    if (retry([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)); }) != 0)
      return io_error(errno, "truncate", path_);
    position_ = std::min(position_, size_bytes);
    return {};
  }

  std::unique_ptr<FileMapping> map(std::uint64_t size_bytes) override {
    if (!usable() || size_bytes == 0 || size_bytes > allocated_ || !stores_cannot_fail(fd_.get())) return nullptr;
    void* const data = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (data == MAP_FAILED) return nullptr;
    return std::make_unique<PosixFileMapping>(path_, data, size_bytes);
  }

  Status close() override {
    if (fd_.get() < 0) return {};
    // Linux frees the descriptor even when close() was interrupted, so no retry.
    if (::close(fd_.release()) != 0 && errno != EINTR) return io_error(errno, "close", path_);
    return {};
  }

 private:
  Status usable() const {
    if (fd_.get() < 0) return Status(StatusCode::kIoError, path_ + ": already closed");
    return failed_sync_;
  }

  Status fill_with_zeros(std::uint64_t size_bytes) {
    LDB_ASSIGN_OR_RETURN(std::uint64_t at, descriptor_size(fd_.get(), path_));
    const std::string zeros(64 * 1024, '\0');
    while (at < size_bytes) {
      const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size_bytes - at));
      LDB_TRY(write_fully(fd_.get(), path_, at, std::string_view(zeros).substr(0, step)));
      at += step;
    }
    return {};
  }

  const std::string path_;
  Descriptor fd_;
  std::uint64_t position_;
  std::uint64_t written_back_ = 0;
  std::uint64_t allocated_ = 0;  // by preallocate(), in blocks that exist
  Status failed_sync_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  const Descriptor fd_;  // closing it unlocks
};

/// 0 or errno. Both kinds of lock belong to the open file, not to the process, so that a second lock in this process conflicts
/// too.
int try_lock(int fd) {
  struct flock whole_file = {};
  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (retry([&] { return ::fcntl(fd, F_OFD_SETLK, &whole_file); }) == 0) return 0;
  if (errno != EINVAL) return errno;
  return retry([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) == 0 ? 0 : errno;
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<RandomAccessFile>> open_readable(const std::string& path) override {
    LDB_ASSIGN_OR_RETURN(Descriptor fd, open_file(path, O_RDONLY, "open for reading"));
    return std::unique_ptr<RandomAccessFile>(std::make_unique<PosixRandomAccessFile>(path, std::move(fd)));
  }

  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) override {
    int flags = O_RDWR;  // not O_WRONLY: map() needs both
    if (mode != OpenMode::kExisting) flags |= O_CREAT;
    if (mode == OpenMode::kTruncate) flags |= O_TRUNC;
    LDB_ASSIGN_OR_RETURN(Descriptor fd, open_file(path, flags, "open for writing"));
    std::uint64_t position = 0;
    if (mode == OpenMode::kAppend) {
      LDB_ASSIGN_OR_RETURN(position, descriptor_size(fd.get(), path));
    }
    return std::unique_ptr<WritableFile>(std::make_unique<PosixWritableFile>(path, std::move(fd), position));
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    LDB_ASSIGN_OR_RETURN(Descriptor fd, open_file(path, O_RDWR | O_CREAT, "open lock file"));
    if (const int error = try_lock(fd.get()); error == EAGAIN || error == EACCES) {
      return Status(StatusCode::kUnavailable, path + ": locked by another process or by this one");
    } else if (error != 0) {
      return io_error(error, "lock", path);
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(fd)));
  }

  Status create_directory(const std::string& path) override {
    const std::string wanted = normalize_path(path);
    if (::mkdir(wanted.c_str(), 0755) == 0) return sync_directory(parent_path(wanted));
    if (errno == EEXIST) {
      struct stat info;
      if (::stat(wanted.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return io_error(ENOTDIR, "create directory", path);
      // Whoever made it may have ended before its name was durable. Where a directory cannot be read or synced nobody here made
      // it.
      const int error = fsync_directory(parent_path(wanted));
      if (error == 0 || error == EACCES || error == EINVAL || error == EROFS || error == ENOTSUP) return {};
      return io_error(error, "sync directory", parent_path(wanted));
    }
    if (errno != ENOENT || wanted == "." || wanted == "/") return io_error(errno, "create directory", path);
    LDB_TRY(create_directory(parent_path(wanted)));
    if (::mkdir(wanted.c_str(), 0755) != 0 && errno != EEXIST) return io_error(errno, "create directory", path);
    return sync_directory(parent_path(wanted));
  }

  Status sync_directory(const std::string& path) override {
    const int error = fsync_directory(path);
    return error == 0 ? Status() : io_error(error, "sync directory", path);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
    if (!dir) return io_error(errno, "list", directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0) return io_error(errno, "list", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return io_error(errno, "stat", path);
  }

  Result<std::uint64_t> file_size(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return io_error(errno, "stat", path);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return io_error(errno, "rename to " + to, from);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return io_error(errno, "remove", path);
    return {};
  }

  Status remove_directory(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error && error != std::errc::no_such_file_or_directory) return io_error(error.value(), "remove directory", path);
    return {};
  }

  Status hard_link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return io_error(errno, "link to " + to, from);
    return {};
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem instance;  // stateless
  return instance;
}

}  // namespace ldb
