#include "ldb/faulty_file_system.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/faulty_disk.hpp"
#include "base/path.hpp"
#include "base/rt/rt.hpp"

namespace ldb {
namespace {

Status dead(const std::string& path) { return Status(StatusCode::kIoError, path + ": the file system crashed"); }
Status injected(StatusCode code, std::string_view operation, const std::string& path) {
  return Status(code, path + ": " + std::string(operation) + ": injected fault");
}
Status not_found(std::string_view operation, const std::string& path) {
  return Status(StatusCode::kNotFound, path + ": " + std::string(operation) + ": no such file or directory");
}
Status refused(std::string_view operation, const std::string& path, std::string_view why) {
  return Status(StatusCode::kIoError, path + ": " + std::string(operation) + ": " + std::string(why));
}

std::string_view event_name(FileOperation operation, StatusCode code) {
  if (code == StatusCode::kNoSpace) return "file_no_space";
  switch (operation) {
    case FileOperation::kRead:
      return "file_read_error";
    case FileOperation::kWrite:
      return "file_write_error";
    case FileOperation::kSync:
      return "file_sync_error";
    case FileOperation::kSyncDirectory:
      return "file_sync_directory_error";
    default:
      return "file_other_error";
  }
}

}  // namespace

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
    if (mutates && ++mutations == crash_at) return {dead(path), true};
    StatusCode code = StatusCode::kOk;
    for (Planned& plan : planned)
      if (plan.operation == operation && --plan.remaining == 0) code = plan.code;
    std::erase_if(planned, [](const Planned& plan) { return plan.remaining == 0; });
    if (code == StatusCode::kOk && random.chance(faults.io_error_of(operation))) code = StatusCode::kIoError;
    if (code == StatusCode::kOk && operation == FileOperation::kWrite && random.chance(faults.no_space))
      code = StatusCode::kNoSpace;
    if (code == StatusCode::kOk) return {};
    report(event_name(operation, code));
    return {injected(code, name, path)};
  }

  /// The frame of every call that changes names: judge it, do it unless it fails cleanly, crash when it is time.
  template <class Action>
  Status change_names(FileOperation operation, std::string_view name, const std::string& path, Action action)
      LDB_REQUIRES(mutex) {
    const Verdict verdict = judge(operation, true, name, path);
    if (!verdict.status && !verdict.crash) return verdict.status;
    // A crash in the middle: the change is made and not synced, so that the crash decides. A sync is not made.
    if (!verdict.crash || operation != FileOperation::kSyncDirectory) action();
    if (verdict.crash) stop(true);
    return verdict.status;
  }

  void stop(bool power_loss) LDB_REQUIRES(mutex) {
    if (down) return;
    down = true;
    crash_at = 0;
    ++generation;
    locked.clear();
    if (!power_loss) return;
    report("file_crash");
    const auto files = names.files();
    for (const auto& [id, file] : files) file->crash(random, reporter());
    names.crash(faults.entry_loss == EntryLoss::kAny, random, reporter());
  }

  FaultyFilePtr new_file() LDB_REQUIRES(mutex) { return std::make_shared<FaultyFile>(next_file_id++); }
  bool fits(std::uint64_t more_bytes) const LDB_REQUIRES(mutex) {
    if (faults.capacity_bytes == UINT64_MAX) return true;
    std::uint64_t used = more_bytes;
    for (const auto& [id, file] : names.files()) used += file->visible().size();
    return used <= faults.capacity_bytes;
  }
  Result<FaultyFilePtr> find_file(const std::string& name, std::string_view operation) const LDB_REQUIRES(mutex) {
    if (names.is_directory(name)) return refused(operation, name, "is a directory");
    const auto entry = names.visible().find(name);
    if (entry == names.visible().end()) return not_found(operation, name);
    return entry->second;
  }
  Status check_parent(const std::string& name, std::string_view operation) const LDB_REQUIRES(mutex) {
    return names.is_directory(parent_path(name)) ? Status() : not_found(operation, name);
  }

  mutable rt::Mutex mutex;
  Random random LDB_GUARDED_BY(mutex);
  FileFaults faults LDB_GUARDED_BY(mutex);
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

namespace {

using StatePtr = std::shared_ptr<FaultyFileSystem::State>;

class FaultyRandomAccessFile final : public RandomAccessFile {
 public:
  FaultyRandomAccessFile(StatePtr state, std::uint64_t generation, std::string path, FaultyFilePtr file)
      : state_(std::move(state)), generation_(generation), path_(std::move(path)), file_(std::move(file)) {}

  Result<std::size_t> read(std::uint64_t offset, std::size_t size, char* buffer) const override {
    rt::MutexLock lock(state_->mutex);
    if (!state_->alive(generation_)) return dead(path_);
    LDB_TRY(state_->judge(FileOperation::kRead, false, "read at " + std::to_string(offset), path_).status);
    const std::string& bytes = file_->visible();
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t n = std::min(size, bytes.size() - static_cast<std::size_t>(offset));
    if (n == 0) return n;
    std::memcpy(buffer, bytes.data() + offset, n);
    if (state_->random.chance(state_->faults.read_bit_flip)) {
      state_->report("file_read_bit_flip");
      const std::uint64_t bit = state_->random.below(n * 8);
      buffer[bit / 8] = static_cast<char>(buffer[bit / 8] ^ (1 << (bit % 8)));
    }
    return n;
  }

  Result<std::uint64_t> size() const override {
    rt::MutexLock lock(state_->mutex);
    if (!state_->alive(generation_)) return dead(path_);
    return std::uint64_t{file_->visible().size()};
  }

 private:
  const StatePtr state_;
  const std::uint64_t generation_;
  const std::string path_;
  const FaultyFilePtr file_;
};

class FaultyWritableFile final : public WritableFile {
 public:
  FaultyWritableFile(StatePtr state, std::uint64_t generation, std::string path, FaultyFilePtr file, std::uint64_t position)
      : state_(std::move(state)), generation_(generation), path_(std::move(path)), file_(std::move(file)), position_(position) {}

  Status append(std::string_view bytes) override {
    LDB_TRY(write_at(position_, bytes));
    position_ += bytes.size();
    return {};
  }

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    rt::MutexLock lock(state_->mutex);
    LDB_TRY(usable());
    FaultyFileSystem::State::Verdict verdict =
        state_->judge(FileOperation::kWrite, true, "write at " + std::to_string(offset), path_);
    const std::uint64_t size = file_->visible().size();
    if (verdict.status && offset + bytes.size() > size && !state_->fits(offset + bytes.size() - size)) {
      state_->report("file_no_space");
      verdict.status = Status(StatusCode::kNoSpace, path_ + ": write at " + std::to_string(offset) + ": disk full");
    }
    if (verdict.status) {
      file_->write(offset, bytes);
      return {};
    }
    // A failed write may have happened in part, and a crash may lose any part of it.
    if (verdict.crash) {
      file_->write(offset, bytes);
      state_->stop(true);
    } else if (verdict.status.code() != StatusCode::kNoSpace || state_->faults.capacity_bytes == UINT64_MAX) {
      file_->write(offset, bytes.substr(0, state_->random.below(bytes.size() + 1)));
    }
    return verdict.status;
  }

  Status preallocate(std::uint64_t size_bytes) override {
    rt::MutexLock lock(state_->mutex);
    LDB_TRY(usable());
    const std::uint64_t size = file_->visible().size();
    if (size_bytes > size && !state_->fits(size_bytes - size)) {
      state_->report("file_no_space");
      return Status(StatusCode::kNoSpace, path_ + ": preallocate: disk full");
    }
    return resize("preallocate", std::max(size, size_bytes));
  }

  Status truncate(std::uint64_t size_bytes) override {
    rt::MutexLock lock(state_->mutex);
    LDB_TRY(usable());
    LDB_TRY(resize("truncate", size_bytes));
    position_ = std::min(position_, size_bytes);
    return {};
  }

  Status sync() override {
    sleep_as_the_disk_does();
    rt::MutexLock lock(state_->mutex);
    LDB_TRY(usable());
    const auto verdict = state_->judge(FileOperation::kSync, true, "sync", path_);
    if (verdict.crash) {
      state_->stop(true);
    } else if (!verdict.status) {
      file_->fail_sync(state_->random, state_->reporter());
    } else {
      file_->sync();
    }
    return verdict.status;
  }

  Status close() override {
    closed_ = true;
    return {};
  }

 private:
  Status usable() const LDB_REQUIRES(state_->mutex) {
    if (!state_->alive(generation_)) return dead(path_);
    return closed_ ? Status(StatusCode::kIoError, path_ + ": already closed") : Status();
  }

  Status resize(std::string_view operation, std::uint64_t size_bytes) LDB_REQUIRES(state_->mutex) {
    const auto verdict = state_->judge(FileOperation::kWrite, true, operation, path_);
    if (!verdict.status && !verdict.crash) return verdict.status;
    file_->resize(size_bytes);
    if (verdict.crash) state_->stop(true);
    return verdict.status;
  }

  void sleep_as_the_disk_does() {
    std::int64_t delay_ns = 0;
    {
      rt::MutexLock lock(state_->mutex);
      if (!state_->alive(generation_)) return;
      delay_ns = state_->faults.sync_ns;
      if (state_->random.chance(state_->faults.slow_sync)) {
        state_->report("file_slow_sync");
        delay_ns = state_->random.between(0, state_->faults.slow_sync_ns);
      }
    }
    if (delay_ns > 0) rt::sleep_for(delay_ns);
  }

  const StatePtr state_;
  const std::uint64_t generation_;
  const std::string path_;
  const FaultyFilePtr file_;
  std::uint64_t position_;
  bool closed_ = false;
};

class FaultyFileLock final : public FileLock {
 public:
  FaultyFileLock(StatePtr state, std::uint64_t generation, std::string name)
      : state_(std::move(state)), generation_(generation), name_(std::move(name)) {}
  ~FaultyFileLock() override {
    rt::MutexLock lock(state_->mutex);
    if (state_->generation == generation_) state_->locked.erase(name_);
  }

 private:
  const StatePtr state_;
  const std::uint64_t generation_;
  const std::string name_;
};

}  // namespace

FaultyFileSystem::FaultyFileSystem(std::uint64_t seed) : state_(std::make_shared<State>(seed)) {}
FaultyFileSystem::~FaultyFileSystem() = default;

void FaultyFileSystem::set_faults(const FileFaults& faults) {
  rt::MutexLock lock(state_->mutex);
  state_->faults = faults;
}

void FaultyFileSystem::set_observer(std::function<void(std::string_view event)> observer) {
  rt::MutexLock lock(state_->mutex);
  state_->observer = std::move(observer);
}

void FaultyFileSystem::fail_at(FileOperation operation, std::uint64_t n, StatusCode code) {
  rt::MutexLock lock(state_->mutex);
  if (n > 0) state_->planned.push_back({operation, n, code});
}

std::uint64_t FaultyFileSystem::mutations() const {
  rt::MutexLock lock(state_->mutex);
  return state_->mutations;
}

void FaultyFileSystem::crash_at(std::uint64_t n) {
  rt::MutexLock lock(state_->mutex);
  state_->crash_at = n;
}

void FaultyFileSystem::crash() {
  rt::MutexLock lock(state_->mutex);
  state_->stop(true);
}

void FaultyFileSystem::kill() {
  rt::MutexLock lock(state_->mutex);
  state_->stop(false);
}

bool FaultyFileSystem::crashed() const {
  rt::MutexLock lock(state_->mutex);
  return state_->down;
}

void FaultyFileSystem::reboot() {
  rt::MutexLock lock(state_->mutex);
  state_->down = false;
}

FaultyFileSystem::DirectoryImage FaultyFileSystem::copy_directory(const std::string& directory) const {
  const std::string root = normalize_path(directory);
  rt::MutexLock lock(state_->mutex);
  DirectoryImage image;
  for (const auto& [name, file] : state_->names.visible())
    if (file && is_inside(name, root))
      image[root == "." ? name : name.substr(root.size() + (root == "/" ? 0 : 1))] = file->visible();
  return image;
}

void FaultyFileSystem::restore_directory(const std::string& directory, const DirectoryImage& image) {
  const std::string root = normalize_path(directory);
  rt::MutexLock lock(state_->mutex);
  const auto make_path = [&](const std::string& wanted) LDB_REQUIRES(state_->mutex) {
    for (std::string name = wanted; name != "." && name != "/"; name = parent_path(name))
      state_->names.put_durable(name, nullptr);
  };
  state_->names.erase_tree(root);
  make_path(root);
  for (const auto& [relative, contents] : image) {
    const std::string name = join_path(root, relative);
    make_path(parent_path(name));
    FaultyFilePtr file = state_->new_file();
    file->replace(contents);
    state_->names.put_durable(name, std::move(file));
  }
}

Status FaultyFileSystem::flip_bit(const std::string& path, std::uint64_t bit) {
  rt::MutexLock lock(state_->mutex);
  LDB_ASSIGN_OR_RETURN(const FaultyFilePtr file, state_->find_file(normalize_path(path), "flip bit"));
  if (bit / 8 >= file->visible().size()) return Status(StatusCode::kInvalidArgument, path + ": flip bit: beyond the end");
  state_->report("file_bit_flip");
  file->flip_bit(bit);
  return {};
}

Result<std::unique_ptr<RandomAccessFile>> FaultyFileSystem::open_readable(const std::string& path) {
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  LDB_TRY(state_->judge(FileOperation::kOpen, false, "open for reading", path).status);
  LDB_ASSIGN_OR_RETURN(FaultyFilePtr file, state_->find_file(normalize_path(path), "open for reading"));
  return std::unique_ptr<RandomAccessFile>(
      std::make_unique<FaultyRandomAccessFile>(state_, state_->generation, path, std::move(file)));
}

Result<std::unique_ptr<WritableFile>> FaultyFileSystem::open_writable(const std::string& path, OpenMode mode) {
  const std::string name = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  const bool missing = !state_->names.visible().contains(name) && !state_->names.is_directory(name);
  if (missing && mode == OpenMode::kExisting) return not_found("open for writing", path);
  LDB_TRY(state_->check_parent(name, "create"));
  if (!missing) LDB_TRY(state_->find_file(name, "open for writing").error());
  const bool mutates = missing || (mode == OpenMode::kTruncate && !state_->names.visible().at(name)->visible().empty());
  if (mutates) {
    LDB_TRY(state_->change_names(FileOperation::kOpen, "open for writing", path, [&]() LDB_REQUIRES(state_->mutex) {
      if (missing) {
        state_->names.link(name, state_->new_file());
      } else {
        state_->names.visible().at(name)->resize(0);
      }
    }));
  } else {
    LDB_TRY(state_->judge(FileOperation::kOpen, false, "open for writing", path).status);
  }
  FaultyFilePtr file = state_->names.visible().at(name);
  const std::uint64_t position = mode == OpenMode::kAppend ? file->visible().size() : 0;
  return std::unique_ptr<WritableFile>(
      std::make_unique<FaultyWritableFile>(state_, state_->generation, path, std::move(file), position));
}

Result<std::unique_ptr<FileLock>> FaultyFileSystem::lock(const std::string& path) {
  const std::string name = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  LDB_TRY(state_->check_parent(name, "lock"));
  if (state_->locked.contains(name)) return Status(StatusCode::kUnavailable, path + ": already locked");
  if (!state_->names.visible().contains(name)) {
    LDB_TRY(state_->change_names(FileOperation::kOpen, "lock", path,
                                 [&]() LDB_REQUIRES(state_->mutex) { state_->names.link(name, state_->new_file()); }));
  }
  state_->locked.insert(name);
  return std::unique_ptr<FileLock>(std::make_unique<FaultyFileLock>(state_, state_->generation, name));
}

Status FaultyFileSystem::create_directory(const std::string& path) {
  const std::string name = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  std::vector<std::string> missing;
  for (std::string at = name; !state_->names.is_directory(at); at = parent_path(at)) {
    if (state_->names.visible().contains(at)) return refused("create directory", path, at + " is a file");
    missing.push_back(at);
  }
  for (; !missing.empty(); missing.pop_back())
    LDB_TRY(state_->change_names(FileOperation::kOther, "create directory", path,
                                 [&]() LDB_REQUIRES(state_->mutex) { state_->names.make_directory(missing.back()); }));
  return {};
}

Status FaultyFileSystem::sync_directory(const std::string& path) {
  const std::string name = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  if (!state_->names.is_directory(name)) return not_found("sync directory", path);
  return state_->change_names(FileOperation::kSyncDirectory, "sync directory", path,
                              [&]() LDB_REQUIRES(state_->mutex) { state_->names.sync_directory(name); });
}

Result<std::vector<std::string>> FaultyFileSystem::list(const std::string& directory) {
  const std::string root = normalize_path(directory);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(directory);
  if (!state_->names.is_directory(root)) return not_found("list", directory);
  LDB_TRY(state_->judge(FileOperation::kOther, false, "list", directory).status);
  std::vector<std::string> names;
  for (const auto& [name, file] : state_->names.visible())
    if (parent_path(name) == root) names.emplace_back(file_name(name));
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> FaultyFileSystem::exists(const std::string& path) {
  const std::string name = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  return state_->names.is_directory(name) || state_->names.visible().contains(name);
}

Result<std::uint64_t> FaultyFileSystem::file_size(const std::string& path) {
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  LDB_ASSIGN_OR_RETURN(const FaultyFilePtr file, state_->find_file(normalize_path(path), "stat"));
  return std::uint64_t{file->visible().size()};
}

Status FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string source = normalize_path(from);
  const std::string target = normalize_path(to);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(from);
  LDB_ASSIGN_OR_RETURN(const FaultyFilePtr file, state_->find_file(source, "rename"));
  LDB_TRY(state_->check_parent(target, "rename to"));
  if (state_->names.is_directory(target)) return refused("rename", from, to + " is a directory");
  if (source == target) return {};
  return state_->change_names(FileOperation::kRename, "rename", from,
                              [&]() LDB_REQUIRES(state_->mutex) { state_->names.link(target, file, source); });
}

Status FaultyFileSystem::remove(const std::string& path) {
  const std::string name = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  LDB_TRY(state_->find_file(name, "remove").error());
  return state_->change_names(FileOperation::kRemove, "remove", path,
                              [&]() LDB_REQUIRES(state_->mutex) { state_->names.unlink(name); });
}

Status FaultyFileSystem::remove_directory(const std::string& path) {
  const std::string root = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  std::vector<std::string> doomed;
  for (const auto& [name, file] : state_->names.visible())
    if (name == root || is_inside(name, root)) doomed.push_back(name);
  for (; !doomed.empty(); doomed.pop_back())  // from the last: what is in a directory goes before it
    LDB_TRY(state_->change_names(FileOperation::kRemove, "remove directory", path,
                                 [&]() LDB_REQUIRES(state_->mutex) { state_->names.unlink(doomed.back()); }));
  return {};
}

Status FaultyFileSystem::hard_link(const std::string& from, const std::string& to) {
  const std::string target = normalize_path(to);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(from);
  LDB_ASSIGN_OR_RETURN(const FaultyFilePtr file, state_->find_file(normalize_path(from), "link"));
  LDB_TRY(state_->check_parent(target, "link to"));
  if (state_->names.visible().contains(target))
    return Status(StatusCode::kAlreadyExists, from + ": link to " + to + ": file exists");
  return state_->change_names(FileOperation::kOther, "link", from,
                              [&]() LDB_REQUIRES(state_->mutex) { state_->names.link(target, file); });
}

}  // namespace ldb
