#include "ldb/faulty_file_system.hpp"

#include <algorithm>
#include <utility>

#include "base/faulty_state.hpp"

namespace ldb {

using faulty::dead;
using faulty::not_found;
using faulty::refused;

namespace {

class FaultyFileLock final : public FileLock {
 public:
  FaultyFileLock(FaultyStatePtr state, std::uint64_t generation, std::string name)
      : state_(std::move(state)), generation_(generation), name_(std::move(name)) {}
  ~FaultyFileLock() override {
    rt::MutexLock lock(state_->mutex);
    if (state_->generation == generation_) state_->locked.erase(name_);
  }

 private:
  const FaultyStatePtr state_;
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

void FaultyFileSystem::set_mappings(bool mappings) {
  rt::MutexLock lock(state_->mutex);
  state_->mappings = mappings;
}

void FaultyFileSystem::set_observer(std::function<void(std::string_view event)> observer) {
  rt::MutexLock lock(state_->mutex);
  state_->observer = std::move(observer);
}

void FaultyFileSystem::fail_at(FileOperation operation, std::uint64_t n, StatusCode code) {
  rt::MutexLock lock(state_->mutex);
  if (n == 0) {
    std::erase_if(state_->planned, [&](const auto& planned) { return planned.operation == operation; });
  } else {
    state_->planned.push_back({operation, n, code});
  }
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
  if (bit / 8 >= file->size()) return Status(StatusCode::kInvalidArgument, path + ": flip bit: beyond the end");
  state_->report("file_bit_flip");
  file->flip_bit(bit);
  return {};
}

Result<std::unique_ptr<RandomAccessFile>> FaultyFileSystem::open_readable(const std::string& path) {
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  LDB_TRY(state_->judge(FileOperation::kOpen, false, "open for reading", path).status);
  LDB_ASSIGN_OR_RETURN(FaultyFilePtr file, state_->find_file(normalize_path(path), "open for reading"));
  return faulty::new_reader(state_, state_->generation, path, std::move(file));
}

Result<std::unique_ptr<WritableFile>> FaultyFileSystem::open_writable(const std::string& path, OpenMode mode) {
  const std::string name = normalize_path(path);
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  const bool missing = !state_->names.visible().contains(name) && !state_->names.is_directory(name);
  if (missing && mode == OpenMode::kExisting) return not_found("open for writing", path);
  LDB_TRY(state_->check_parent(name, "create"));
  if (!missing) LDB_TRY(state_->find_file(name, "open for writing").error());
  const bool mutates = missing || (mode == OpenMode::kTruncate && state_->names.visible().at(name)->size() != 0);
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
  const std::uint64_t position = mode == OpenMode::kAppend ? file->size() : 0;
  return faulty::new_writer(state_, state_->generation, path, std::move(file), position);
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
  } else {
    LDB_TRY(state_->judge(FileOperation::kOpen, false, "lock", path).status);
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
  LDB_TRY(state_->judge(FileOperation::kOther, false, "look for", path).status);
  return state_->names.is_directory(name) || state_->names.visible().contains(name);
}

Result<std::uint64_t> FaultyFileSystem::file_size(const std::string& path) {
  rt::MutexLock lock(state_->mutex);
  if (state_->down) return dead(path);
  LDB_TRY(state_->judge(FileOperation::kOther, false, "stat", path).status);
  LDB_ASSIGN_OR_RETURN(const FaultyFilePtr file, state_->find_file(normalize_path(path), "stat"));
  return file->size();
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
