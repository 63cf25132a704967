// A file system in memory that crashes, fails and lies as disks do: for crash tests, in the ordinary and the simulated build.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/file_system.hpp"

namespace ldb {

/// Which calls a fault concerns. kOpen: and locks; kSync: and WritableFile::write_back(), whose failure shows in the call after
/// it; kOther: create_directory(), hard_link(), list(), exists(), sizes, WritableFile::close(), map(), whose failure is null, and
/// FileMapping::will_store().
enum class FileOperation : std::uint8_t { kOpen, kRead, kWrite, kSync, kRename, kRemove, kSyncDirectory, kOther };
constexpr std::size_t kFileOperationCount = 8;

/// What a crash does to directory entries (create, rename, remove, link) that were not followed by sync_directory().
enum class EntryLoss : std::uint8_t {
  kPrefix,  ///< the first few survive, in order over all directories, as ext4's and XFS' journals do
  kAny,     ///< each survives or not, as POSIX permits; the calls on one name still act in order
  kAll,     ///< none survives
};

/// What a crash does to writes that were not followed by a sync of their file.
enum class WriteLoss : std::uint8_t {
  kRandom,  ///< each is kept, lost, or torn, at a rate drawn for every file
  kAll,     ///< all are lost
  kNone,    ///< all are kept, as if the disk had been quick
  kTorn,    ///< each is torn: of its 512-byte sectors each survives or not, so that later ones may survive earlier ones
};

/// Rates are probabilities a call, from 0 to 1; times are nanoseconds. Changing them while the file system is in use is fine.
struct FileFaults {
  double io_error[kFileOperationCount] = {};  ///< kIoError; a write may have happened in part; see sync below
  double no_space = 0;                        ///< kNoSpace of a write, which may have happened in part
  double read_bit_flip = 0;                   ///< one bit of the bytes returned is wrong, this time
  double slow_sync = 0;                       ///< a sync takes up to slow_sync_ns
  std::int64_t sync_ns = 0;                   ///< what every other sync takes
  std::int64_t slow_sync_ns = 200'000'000;
  EntryLoss entry_loss = EntryLoss::kPrefix;
  WriteLoss write_loss = WriteLoss::kRandom;
  std::uint64_t capacity_bytes = UINT64_MAX;  ///< kNoSpace when all files together would be larger

  double& io_error_of(FileOperation op) { return io_error[static_cast<std::size_t>(op)]; }
};

/// How the durable state follows from calls:
/// - sync() makes the file's contents and size durable, sync_directory() the names in one directory. create_directory() is
/// durable on
///   return.
/// - crash() keeps what is durable. Of each file's writes since its last sync, each is kept, lost, or torn: some of its 512-byte
///   sectors kept; a later one may survive an earlier one, but none survives a lost truncation that came before it. Directory
///   entries: EntryLoss. Every decision comes from the seed.
/// - A failed sync (kIoError) keeps some unsynced writes and loses the rest for good, although reads still show them and the next
///   sync() succeeds: what Linux does. Whoever believes that second sync is wrong.
/// - After crash() every handle and lock is dead (kIoError), also after reboot(). Between the two every call fails with kIoError.
/// - What is stored through a mapping (see set_mappings()) is seen at once, and to a sync or a crash it is an unsynced write of
///   every 512-byte sector that changed. After a crash stores go nowhere.
/// Any thread.
class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(std::uint64_t seed = 0);
  ~FaultyFileSystem() override;

  void set_faults(const FileFaults& faults);
  /// From now on WritableFile::map() maps files, of up to 1 MiB. Off at first: null.
  void set_mappings(bool mappings);
  /// Called for every injected fault with its name ("file_io_error", "file_torn_write", ...), and when a mapping was told
  /// have_stored() ("file_mapping_given_back"), under a lock: must not call back.
  void set_observer(std::function<void(std::string_view event)> observer);
  /// The n-th call (from 1) of this kind from now fails with `code`, once. 0: those planned for this kind will not happen.
  void fail_at(FileOperation operation, std::uint64_t n, StatusCode code = StatusCode::kIoError);

  /// Calls so far that could change what a crash leaves: a test that crashes at each of them in turn has seen every crash point.
  std::uint64_t mutations() const;
  /// Crashes in the middle of the n-th such call (counted by mutations(), from 1), or of the next when that is past; 0: never.
  void crash_at(std::uint64_t n);
  /// Power loss now. Nothing when already crashed.
  void crash();
  /// Every handle and lock goes dead, but nothing is lost: kill -9.
  void kill();
  bool crashed() const;
  void reboot();

  /// Paths below `directory` and their contents.
  using DirectoryImage = std::map<std::string, std::string>;
  /// A backup of what reads show now. Works while crashed.
  DirectoryImage copy_directory(const std::string& directory) const;
  /// Replaces a directory's contents, durably. With {}: the lost disk. Works while crashed.
  void restore_directory(const std::string& directory, const DirectoryImage& image);
  /// Inverts one bit for good; kNotFound, or kInvalidArgument beyond the end. Works while crashed.
  Status flip_bit(const std::string& path, std::uint64_t bit);

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

  struct State;

 private:
  const std::shared_ptr<State> state_;  // shared with handles, which may outlive the object
};

}  // namespace ldb
