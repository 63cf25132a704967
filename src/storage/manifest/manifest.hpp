// The manifest: a log of version edits, and CURRENT, which names it (docs/formats/manifest.md).
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "ldb/file_system.hpp"
#include "ldb/log_sink.hpp"
#include "storage/manifest/version.hpp"

namespace ldb::storage {

/// What the manifest says.
struct ManifestState {
  std::uint64_t manifest_number = 0;  ///< 0: there is none, the directory is new
  std::shared_ptr<const Version> version;
  std::uint64_t next_file_number = 1;
  std::uint64_t last_sequence = 0;
  LogPosition log_flushed;
  LogPosition log_begin;

  /// Keeps count of what an edit says beside its tables.
  void note(const VersionEdit& edit);
  /// An edit that makes all of this from nothing.
  VersionEdit snapshot() const;
};

/// kCorruption naming file and offset when something that was synced is damaged, or CURRENT is gone while data is there. A torn
/// last edit, which nothing can have relied on yet, is cut and reported to the sink.
Result<ManifestState> read_manifest(FileSystem& fs, const std::string& directory, LogSink* sink,
                                    const std::shared_ptr<ObsoleteTables>& obsolete);

/// One record of a manifest as it stands in the file; `edit` is null for a mark.
using SeeManifestRecord = std::function<void(std::uint64_t offset, std::uint64_t vouched, const VersionEdit* edit)>;
/// Like read_manifest(), for one manifest file by its number, whatever CURRENT says; shows every record on the way.
Result<ManifestState> walk_manifest(FileSystem& fs, const std::string& directory, std::uint64_t number, LogSink* sink,
                                    const SeeManifestRecord& see);
/// The number of the manifest that CURRENT names; 0 when there is no CURRENT.
Result<std::uint64_t> read_current(FileSystem& fs, const std::string& directory);

/// Appends edits. One thread at a time. After a failure it takes no more edits: reopen (a new manifest is written then).
class ManifestWriter {
 public:
  /// Writes a new manifest that holds `state` and switches CURRENT to it.
  static Result<std::unique_ptr<ManifestWriter>> create(FileSystem& fs, const std::string& directory, std::uint64_t number,
                                                        const ManifestState& state);
  /// Durable on return, and vouched for: files that the edit made unnecessary may be removed.
  Status append(const VersionEdit& edit);
  std::uint64_t size() const { return offset_; }
  /// Most of it is history: a new one would be much shorter.
  bool wants_successor() const { return offset_ > std::max<std::uint64_t>(4 << 20, 4 * snapshot_end_); }
  std::uint64_t number() const { return number_; }

 private:
  ManifestWriter(std::unique_ptr<WritableFile> file, std::string path, std::uint64_t number)
      : file_(std::move(file)), path_(std::move(path)), number_(number) {}
  void encode(std::string& out, std::string_view payload, std::uint64_t vouched);
  Status write(std::string_view bytes);

  const std::unique_ptr<WritableFile> file_;
  const std::string path_;
  const std::uint64_t number_;
  std::uint64_t offset_ = 0;
  std::uint64_t snapshot_end_ = 0;
  Status failed_;
};

}  // namespace ldb::storage
