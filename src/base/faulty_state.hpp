// The state that a FaultyFileSystem shares with its handles, and the judge of every call.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/faulty_disk.hpp"
#include "base/path.hpp"
#include "base/rt/rt.hpp"
#include "ldb/faulty_file_system.hpp"

namespace ldb {
namespace faulty {

Status dead(const std::string& path);
Status injected(StatusCode code, std::string_view operation, const std::string& path);
Status not_found(std::string_view operation, const std::string& path);
Status refused(std::string_view operation, const std::string& path, std::string_view why);
std::string_view event_name(FileOperation operation, StatusCode code);

}  // namespace faulty

struct FaultyFileSystem::State {
  explicit State(std::uint64_t seed) : random(Random::mix(seed ^ 0x66696c6573ULL)) {}

  /// What becomes of a call: ok to go on, or `status`; with `crash` the machine stops in the middle of it.
  struct Verdict {
    Status status;
    bool crash = false;
  };
  struct Planned {
    FileOperation operation;
    std::uint64_t remaining;
    StatusCode code;
  };

  bool alive(std::uint64_t of_generation) const LDB_REQUIRES(mutex) { return !down && generation == of_generation; }
  void report(std::string_view event) const LDB_REQUIRES(mutex) {
    if (observer) observer(event);
  }
  std::function<void(std::string_view)> reporter() const LDB_REQUIRES(mutex) {
    return observer ? observer : [](std::string_view) {};
  }

  Verdict judge(FileOperation operation, bool mutates, std::string_view name, const std::string& path) LDB_REQUIRES(mutex) {
    if (mutates && ++mutations >= crash_at && crash_at != 0) return {faulty::dead(path), true};
    StatusCode code = StatusCode::kOk;
    for (Planned& plan : planned)
      if (plan.operation == operation && --plan.remaining == 0) code = plan.code;
    std::erase_if(planned, [](const Planned& plan) { return plan.remaining == 0; });
    if (code == StatusCode::kOk && random.chance(faults.io_error_of(operation))) code = StatusCode::kIoError;
    if (code == StatusCode::kOk && operation == FileOperation::kWrite && random.chance(faults.no_space))
      code = StatusCode::kNoSpace;
    if (code == StatusCode::kOk) return {};
    report(faulty::event_name(operation, code));
    return {faulty::injected(code, name, path)};
  }

  /// The frame of every call that changes names: judge it, do it unless it fails cleanly, crash when it is time.
  template <class Action>
  Status change_names(FileOperation operation, std::string_view name, const std::string& path, Action action)
      LDB_REQUIRES(mutex) {
    const Verdict verdict = judge(operation, true, name, path);
    if (!verdict.status && !verdict.crash) return verdict.status;
    // A crash in the middle: the change is made and not synced, so that the crash decides. A sync is not made.
    if (!verdict.crash || operation != FileOperation::kSyncDirectory) run_locked(action);
    if (verdict.crash) stop(true);
    return verdict.status;
  }

  /// `action` requires the mutex under another name; the analysis cannot see that it is the same.
  template <class Action>
  static void run_locked(const Action& action) LDB_NO_THREAD_SAFETY_ANALYSIS {
    action();
  }

  void stop(bool power_loss) LDB_REQUIRES(mutex) {
    if (down) return;
    down = true;
    crash_at = 0;
    ++generation;
    locked.clear();
    const auto files = names.files();
    for (const auto& [id, file] : files) file->cut_mappings();
    if (!power_loss) return;
    report("file_crash");
    for (const auto& [id, file] : files) file->crash(faults.write_loss, random, reporter());
    names.crash(faults.entry_loss, random, reporter());
  }

  FaultyFilePtr new_file() LDB_REQUIRES(mutex) { return std::make_shared<FaultyFile>(next_file_id++); }
  bool fits(std::uint64_t more_bytes) const LDB_REQUIRES(mutex) {
    if (faults.capacity_bytes == UINT64_MAX) return true;
    std::uint64_t used = more_bytes;
    for (const auto& [id, file] : names.files()) used += file->size();
    return used <= faults.capacity_bytes;
  }
  Result<FaultyFilePtr> find_file(const std::string& name, std::string_view operation) const LDB_REQUIRES(mutex) {
    if (names.is_directory(name)) return faulty::refused(operation, name, "is a directory");
    const auto entry = names.visible().find(name);
    if (entry == names.visible().end()) return faulty::not_found(operation, name);
    return entry->second;
  }
  Status check_parent(const std::string& name, std::string_view operation) const LDB_REQUIRES(mutex) {
    return names.is_directory(parent_path(name)) ? Status() : faulty::not_found(operation, name);
  }

  mutable rt::Mutex mutex;
  Random random LDB_GUARDED_BY(mutex);
  FileFaults faults LDB_GUARDED_BY(mutex);
  bool mappings LDB_GUARDED_BY(mutex) = false;
  std::function<void(std::string_view)> observer LDB_GUARDED_BY(mutex);
  std::vector<Planned> planned LDB_GUARDED_BY(mutex);
  FaultyNames names LDB_GUARDED_BY(mutex);
  std::set<std::string> locked LDB_GUARDED_BY(mutex);
  bool down LDB_GUARDED_BY(mutex) = false;
  std::uint64_t generation LDB_GUARDED_BY(mutex) = 0;  // handles of an older one are dead
  std::uint64_t mutations LDB_GUARDED_BY(mutex) = 0;
  std::uint64_t crash_at LDB_GUARDED_BY(mutex) = 0;
  std::uint64_t next_file_id LDB_GUARDED_BY(mutex) = 1;
};

using FaultyStatePtr = std::shared_ptr<FaultyFileSystem::State>;

namespace faulty {

/// Handles; they are alive while `generation` is the state's.
std::unique_ptr<RandomAccessFile> new_reader(FaultyStatePtr state, std::uint64_t generation, const std::string& path,
                                             FaultyFilePtr file);
std::unique_ptr<WritableFile> new_writer(FaultyStatePtr state, std::uint64_t generation, const std::string& path,
                                         FaultyFilePtr file, std::uint64_t position);

}  // namespace faulty
}  // namespace ldb
