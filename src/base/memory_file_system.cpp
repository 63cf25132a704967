#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/path.hpp"
#include "base/rt/rt.hpp"
#include "ldb/file_system.hpp"

namespace ldb {
namespace {

/// One file's contents; alive while a name or an open handle refers to it.
struct MemoryFile {
  rt::SharedMutex mutex;
  std::string bytes LDB_GUARDED_BY(mutex);
};

using FilePtr = std::shared_ptr<MemoryFile>;  // shared by names (hard links) and open handles, as an inode is

class MemoryRandomAccessFile final : public RandomAccessFile {
 public:
  explicit MemoryRandomAccessFile(FilePtr file) : file_(std::move(file)) {}
  Result<std::size_t> read(std::uint64_t offset, std::size_t size, char* buffer) const override {
    rt::ReadLock lock(file_->mutex);
    if (offset >= file_->bytes.size()) return std::size_t{0};
    const std::size_t n = std::min(size, file_->bytes.size() - static_cast<std::size_t>(offset));
    std::memcpy(buffer, file_->bytes.data() + offset, n);
    return n;
  }
  Result<std::uint64_t> size() const override {
    rt::ReadLock lock(file_->mutex);
    return std::uint64_t{file_->bytes.size()};
  }

 private:
  const FilePtr file_;
};

class MemoryWritableFile final : public WritableFile {
 public:
  MemoryWritableFile(std::string path, FilePtr file, std::uint64_t position)
      : path_(std::move(path)), file_(std::move(file)), position_(position) {}
  Status append(std::string_view bytes) override {
    LDB_TRY(write_at(position_, bytes));
    position_ += bytes.size();
    return {};
  }
  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    LDB_TRY(usable());
    rt::WriteLock lock(file_->mutex);
    std::string& contents = file_->bytes;
    if (contents.size() < offset + bytes.size()) contents.resize(offset + bytes.size());
    std::memcpy(contents.data() + offset, bytes.data(), bytes.size());
    return {};
  }
  Status preallocate(std::uint64_t size_bytes) override {
    LDB_TRY(usable());
    rt::WriteLock lock(file_->mutex);
    if (file_->bytes.size() < size_bytes) file_->bytes.resize(size_bytes);
    return {};
  }
  Status sync() override { return usable(); }
  Status truncate(std::uint64_t size_bytes) override {
    LDB_TRY(usable());
    rt::WriteLock lock(file_->mutex);
    file_->bytes.resize(size_bytes);
    position_ = std::min(position_, size_bytes);
    return {};
  }
  Status close() override {
    closed_ = true;
    return {};
  }

 private:
  Status usable() const { return closed_ ? Status(StatusCode::kIoError, path_ + ": already closed") : Status(); }

  const std::string path_;
  const FilePtr file_;
  std::uint64_t position_;
  bool closed_ = false;
};

/// The tree: every path that exists, directories with a null file. "." and "/" always exist.
struct Tree {
  rt::Mutex mutex;
  std::map<std::string, FilePtr> entries LDB_GUARDED_BY(mutex);
  std::set<std::string> locked LDB_GUARDED_BY(mutex);
};

class MemoryFileLock final : public FileLock {
 public:
  MemoryFileLock(std::shared_ptr<Tree> tree, std::string path) : tree_(std::move(tree)), path_(std::move(path)) {}
  ~MemoryFileLock() override {
    rt::MutexLock lock(tree_->mutex);
    tree_->locked.erase(path_);
  }

 private:
  const std::shared_ptr<Tree> tree_;  // a lock may be released after its file system is gone
  const std::string path_;
};

Status not_found(std::string_view operation, const std::string& path) {
  return Status(StatusCode::kNotFound, path + ": " + std::string(operation) + ": no such file or directory");
}
Status io_error(std::string_view operation, const std::string& path, std::string_view why) {
  return Status(StatusCode::kIoError, path + ": " + std::string(operation) + ": " + std::string(why));
}

class MemoryFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<RandomAccessFile>> open_readable(const std::string& path) override {
    rt::MutexLock lock(tree_->mutex);
    LDB_ASSIGN_OR_RETURN(FilePtr file, find_file(normalize_path(path), "open for reading"));
    return std::unique_ptr<RandomAccessFile>(std::make_unique<MemoryRandomAccessFile>(std::move(file)));
  }

  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) override {
    const std::string name = normalize_path(path);
    rt::MutexLock lock(tree_->mutex);
    const auto entry = tree_->entries.find(name);
    FilePtr file;
    if (entry == tree_->entries.end()) {
      if (mode == OpenMode::kExisting) return not_found("open for writing", path);
      LDB_TRY(check_parent(name, "create"));
      file = std::make_shared<MemoryFile>();
      tree_->entries[name] = file;
    } else {
      if (!entry->second) return io_error("open for writing", path, "is a directory");
      file = entry->second;
    }
    std::uint64_t position = 0;
    {
      rt::WriteLock file_lock(file->mutex);
      if (mode == OpenMode::kTruncate) file->bytes.clear();
      if (mode == OpenMode::kAppend) position = file->bytes.size();
    }
    return std::unique_ptr<WritableFile>(std::make_unique<MemoryWritableFile>(path, std::move(file), position));
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const std::string name = normalize_path(path);
    rt::MutexLock lock(tree_->mutex);
    if (tree_->locked.contains(name)) return Status(StatusCode::kUnavailable, path + ": already locked");
    LDB_TRY(check_parent(name, "lock"));
    FilePtr& file = tree_->entries[name];
    if (!file) file = std::make_shared<MemoryFile>();
    tree_->locked.insert(name);
    return std::unique_ptr<FileLock>(std::make_unique<MemoryFileLock>(tree_, name));
  }

  Status create_directory(const std::string& path) override {
    rt::MutexLock lock(tree_->mutex);
    for (std::string name = normalize_path(path); name != "." && name != "/"; name = parent_path(name)) {
      const auto [entry, inserted] = tree_->entries.emplace(name, nullptr);
      if (!inserted && entry->second) return io_error("create directory", path, name + " is a file");
    }
    return {};
  }

  Status sync_directory(const std::string& path) override {
    rt::MutexLock lock(tree_->mutex);
    return is_directory(normalize_path(path)) ? Status() : not_found("sync directory", path);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::string name = normalize_path(directory);
    rt::MutexLock lock(tree_->mutex);
    if (!is_directory(name)) return not_found("list", directory);
    std::vector<std::string> names;
    for (const auto& [path, file] : tree_->entries)
      if (parent_path(path) == name) names.emplace_back(file_name(path));
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<bool> exists(const std::string& path) override {
    const std::string name = normalize_path(path);
    rt::MutexLock lock(tree_->mutex);
    return is_directory(name) || tree_->entries.contains(name);
  }

  Result<std::uint64_t> file_size(const std::string& path) override {
    rt::MutexLock lock(tree_->mutex);
    LDB_ASSIGN_OR_RETURN(const FilePtr file, find_file(normalize_path(path), "stat"));
    rt::ReadLock file_lock(file->mutex);
    return std::uint64_t{file->bytes.size()};
  }

  Status rename(const std::string& from, const std::string& to) override {
    const std::string source = normalize_path(from);
    const std::string target = normalize_path(to);
    rt::MutexLock lock(tree_->mutex);
    LDB_ASSIGN_OR_RETURN(FilePtr file, find_file(source, "rename"));
    LDB_TRY(check_parent(target, "rename to"));
    if (is_directory(target)) return io_error("rename", from, to + " is a directory");
    if (source == target) return {};
    tree_->entries[target] = std::move(file);
    tree_->entries.erase(source);
    return {};
  }

  Status remove(const std::string& path) override {
    const std::string name = normalize_path(path);
    rt::MutexLock lock(tree_->mutex);
    LDB_TRY(find_file(name, "remove").error());
    tree_->entries.erase(name);
    return {};
  }

  Status remove_directory(const std::string& path) override {
    const std::string name = normalize_path(path);
    rt::MutexLock lock(tree_->mutex);
    std::erase_if(tree_->entries, [&](const auto& entry) { return entry.first == name || is_inside(entry.first, name); });
    return {};
  }

  Status hard_link(const std::string& from, const std::string& to) override {
    const std::string target = normalize_path(to);
    rt::MutexLock lock(tree_->mutex);
    LDB_ASSIGN_OR_RETURN(FilePtr file, find_file(normalize_path(from), "link"));
    LDB_TRY(check_parent(target, "link to"));
    if (!tree_->entries.emplace(target, std::move(file)).second)
      return Status(StatusCode::kAlreadyExists, from + ": link to " + to + ": file exists");
    return {};
  }

 private:
  bool is_directory(const std::string& name) const LDB_REQUIRES(tree_->mutex) {
    if (name == "." || name == "/") return true;
    const auto entry = tree_->entries.find(name);
    return entry != tree_->entries.end() && !entry->second;
  }
  Status check_parent(const std::string& name, std::string_view operation) const LDB_REQUIRES(tree_->mutex) {
    return is_directory(parent_path(name)) ? Status() : not_found(operation, name);
  }
  Result<FilePtr> find_file(const std::string& name, std::string_view operation) const LDB_REQUIRES(tree_->mutex) {
    const auto entry = tree_->entries.find(name);
    if (entry == tree_->entries.end())
      return is_directory(name) ? io_error(operation, name, "is a directory") : not_found(operation, name);
    if (!entry->second) return io_error(operation, name, "is a directory");
    return entry->second;
  }

  const std::shared_ptr<Tree> tree_ = std::make_shared<Tree>();
};

}  // namespace

std::unique_ptr<FileSystem> new_memory_file_system() { return std::make_unique<MemoryFileSystem>(); }

}  // namespace ldb
