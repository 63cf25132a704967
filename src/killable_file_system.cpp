#include "killable_file_system.hpp"

namespace ldb {

template <class Operation>
auto KillableFileSystem::guarded(const Operation& operation) -> decltype(operation()) {
  rt::ReadLock lock(gate_);
  if (killed_) return Status(StatusCode::kIoError, "the node has been killed");
  return operation();
}

void KillableFileSystem::kill() {
  rt::WriteLock lock(gate_);
  killed_ = true;
}

class KillableFile final : public WritableFile {
 public:
  KillableFile(KillableFileSystem& owner, std::unique_ptr<WritableFile> file) : owner_(owner), file_(std::move(file)) {}

  Status append(std::string_view bytes) override {
    return owner_.guarded([&] { return file_->append(bytes); });
  }
  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    return owner_.guarded([&] { return file_->write_at(offset, bytes); });
  }
  Status preallocate(std::uint64_t size_bytes) override {
    return owner_.guarded([&] { return file_->preallocate(size_bytes); });
  }
  Status sync() override {
    return owner_.guarded([&] { return file_->sync(); });
  }
  Status truncate(std::uint64_t size_bytes) override {
    return owner_.guarded([&] { return file_->truncate(size_bytes); });
  }
  Status close() override { return file_->close(); }  // writes nothing

 private:
  KillableFileSystem& owner_;
  std::unique_ptr<WritableFile> file_;
};

// Reading changes nothing, so files open for reading are passed through as they are.
Result<std::unique_ptr<RandomAccessFile>> KillableFileSystem::open_readable(const std::string& path) {
  return guarded([&] { return base_.open_readable(path); });
}

Result<std::unique_ptr<WritableFile>> KillableFileSystem::open_writable(const std::string& path, OpenMode mode) {
  LDB_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, guarded([&] { return base_.open_writable(path, mode); }));
  return std::unique_ptr<WritableFile>(std::make_unique<KillableFile>(*this, std::move(file)));
}

Result<std::unique_ptr<FileLock>> KillableFileSystem::lock(const std::string& path) {
  return guarded([&] { return base_.lock(path); });
}
Status KillableFileSystem::create_directory(const std::string& path) {
  return guarded([&] { return base_.create_directory(path); });
}
Status KillableFileSystem::sync_directory(const std::string& path) {
  return guarded([&] { return base_.sync_directory(path); });
}
Result<std::vector<std::string>> KillableFileSystem::list(const std::string& directory) {
  return guarded([&] { return base_.list(directory); });
}
Result<bool> KillableFileSystem::exists(const std::string& path) {
  return guarded([&] { return base_.exists(path); });
}
Result<std::uint64_t> KillableFileSystem::file_size(const std::string& path) {
  return guarded([&] { return base_.file_size(path); });
}
Status KillableFileSystem::rename(const std::string& from, const std::string& to) {
  return guarded([&] { return base_.rename(from, to); });
}
Status KillableFileSystem::remove(const std::string& path) {
  return guarded([&] { return base_.remove(path); });
}
Status KillableFileSystem::remove_directory(const std::string& path) {
  return guarded([&] { return base_.remove_directory(path); });
}
Status KillableFileSystem::hard_link(const std::string& from, const std::string& to) {
  return guarded([&] { return base_.hard_link(from, to); });
}

}  // namespace ldb
