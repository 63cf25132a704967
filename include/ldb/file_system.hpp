// Files behind an interface: POSIX for real, in memory with injected faults for tests and simulation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/status.hpp"

namespace ldb {

/// Positional reads. Any thread, concurrently.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  /// Reads up to `size` bytes at `offset` into `buffer`; returns how many there were (less only at the end of the file).
  virtual Result<std::size_t> read(std::uint64_t offset, std::size_t size, char* buffer) const = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

/// A part of a file as memory. Stores hand bytes to the operating system as WritableFile::write_at() does, without a call: they
/// survive the process, and sync() of the file makes them durable.
class FileMapping {
 public:
  virtual ~FileMapping() = default;
  virtual char* data() = 0;
  /// All of these bytes will be stored to soon, in this order: cheaper than to find out page by page. A failure says that a store
  /// there would fail, which would kill the process: WritableFile::write_at() reports why.
  virtual Status will_store(std::uint64_t /*offset*/, std::size_t /*size*/) { return {}; }
  /// A hint that these bytes will not be touched again: they need not be held in the memory of the process.
  virtual void have_stored(std::uint64_t /*offset*/, std::size_t /*size*/) {}
};

/// A file being written. One thread at a time. After any failed call the contents beyond the last successful sync() are unknown.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  /// Appends at the current position.
  virtual Status append(std::string_view bytes) = 0;
  /// Overwrites at `offset` (inside preallocated or existing space, or exactly at the end).
  virtual Status write_at(std::uint64_t offset, std::string_view bytes) = 0;
  /// Reserves space up to `size_bytes`, so that writes below it neither grow the file nor need a metadata sync. Contents read as
  /// zero.
  virtual Status preallocate(std::uint64_t size_bytes) = 0;
  /// Has what was appended since the last time on its way to the disk, without waiting for it, so that the sync() to come has
  /// little left to write and does not hold up those of other files. A hint; a disk that fails shows in the call after it.
  virtual void write_back() {}
  /// Makes contents (and the size) durable. After a failure never retry on the same file: the kernel may have dropped the pages.
  virtual Status sync() = 0;
  virtual Status truncate(std::uint64_t size_bytes) = 0;
  /// The first `size_bytes`, which must have been preallocated; may outlive the file object, but nothing may truncate the file
  /// below it meanwhile. Null where there is no mapping or a store into it could fail (it would kill the process): use
  /// write_at().
  virtual std::unique_ptr<FileMapping> map(std::uint64_t size_bytes) {
    (void)size_bytes;
    return nullptr;
  }
  /// Idempotent; the destructor closes too but cannot report.
  virtual Status close() = 0;
};

/// Held until destroyed; a second lock of the same path fails with kUnavailable.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// How open_writable treats what is there.
enum class OpenMode : std::uint8_t {
  kTruncate,  ///< new and empty; an existing file is emptied
  kAppend,    ///< created when missing; append() continues at its end
  kExisting,  ///< must exist; contents kept, append() starts at 0 (log recycling)
};

/// All paths are absolute or relative to the process' working directory, '/'-separated. Any thread.
/// Durability: a file's contents are durable after WritableFile::sync(); its name (create, rename, remove) after
/// sync_directory().
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<RandomAccessFile>> open_readable(const std::string& path) = 0;
  virtual Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) = 0;
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

  virtual Status create_directory(const std::string& path) = 0;  ///< with parents, durable on return; ok when it exists
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  ///< names, sorted, without "." and ".."
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<std::uint64_t> file_size(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;  ///< replaces `to` atomically
  virtual Status remove(const std::string& path) = 0;                         ///< a file; kNotFound when missing
  virtual Status remove_directory(const std::string& path) = 0;               ///< with everything in it; ok when missing
  virtual Status hard_link(const std::string& from, const std::string& to) = 0;

  /// Whole small files.
  Result<std::string> read_file(const std::string& path);
  /// Writes `path` + ".tmp", syncs, renames, syncs the directory: the file is the old or the new one, never a mix.
  Status replace_file(const std::string& path, std::string_view contents);
};

/// The operating system's files. Stateless; lives as long as the process.
FileSystem& posix_file_system();

/// Files in memory, gone with the object. Without faults; see ldb/sim.hpp for the one that crashes and lies.
std::unique_ptr<FileSystem> new_memory_file_system();

}  // namespace ldb
