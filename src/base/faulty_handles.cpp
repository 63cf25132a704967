#include <algorithm>
#include <cstring>
#include <utility>

#include "base/faulty_state.hpp"

namespace ldb::faulty {

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

namespace {

class FaultyRandomAccessFile final : public RandomAccessFile {
 public:
  FaultyRandomAccessFile(FaultyStatePtr state, std::uint64_t generation, std::string path, FaultyFilePtr file)
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
    LDB_TRY(state_->judge(FileOperation::kOther, false, "size", path_).status);
    return file_->size();
  }

 private:
  const FaultyStatePtr state_;
  const std::uint64_t generation_;
  const std::string path_;
  const FaultyFilePtr file_;
};

/// Longer ones would only make every look at the file slow.
constexpr std::uint64_t kMaxMappedBytes = 1 << 20;

class FaultyFileMapping final : public FileMapping {
 public:
  FaultyFileMapping(FaultyStatePtr state, std::uint64_t generation, std::string path, FaultyFilePtr file,
                    std::shared_ptr<FaultyPages> pages)
      : state_(std::move(state)),
        generation_(generation),
        path_(std::move(path)),
        file_(std::move(file)),
        pages_(std::move(pages)) {}
  ~FaultyFileMapping() override {
    rt::MutexLock lock(state_->mutex);
    file_->unmap(std::move(pages_));
  }
  char* data() override { return pages_->data(); }
  Status will_store(std::uint64_t /*offset*/, std::size_t /*size*/) override {
    rt::MutexLock lock(state_->mutex);
    return !state_->alive(generation_) ? Status() : state_->judge(FileOperation::kOther, false, "bring in", path_).status;
  }
  void have_stored(std::uint64_t /*offset*/, std::size_t /*size*/) override {
    rt::MutexLock lock(state_->mutex);
    state_->report("file_mapping_given_back");
  }

 private:
  const FaultyStatePtr state_;
  const std::uint64_t generation_;
  const std::string path_;
  const FaultyFilePtr file_;
  std::shared_ptr<FaultyPages> pages_;  // stays when a crash has cut them off the file: threads may still store
};

class FaultyWritableFile final : public WritableFile {
 public:
  FaultyWritableFile(FaultyStatePtr state, std::uint64_t generation, std::string path, FaultyFilePtr file, std::uint64_t position)
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
    const std::uint64_t size = file_->size();
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
    const std::uint64_t size = file_->size();
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

  /// Makes nothing durable. What a disk refuses here it loses, and as for a real file every call after it says so: the sync() to
  /// come would succeed.
  void write_back() override {
    rt::MutexLock lock(state_->mutex);
    if (!usable() || position_ <= written_back_) return;
    written_back_ = position_;
    failed_write_back_ = state_->judge(FileOperation::kSync, false, "write back", path_).status;
    if (!failed_write_back_) file_->fail_sync(state_->random, state_->reporter());
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

  std::unique_ptr<FileMapping> map(std::uint64_t size_bytes) override;

  /// A failed close closes as well. What it lost of what was not synced nobody may rely on anyway.
  Status close() override {
    rt::MutexLock lock(state_->mutex);
    if (std::exchange(closed_, true) || !state_->alive(generation_)) return {};
    return state_->judge(FileOperation::kOther, false, "close", path_).status;
  }

 private:
  Status usable() const LDB_REQUIRES(state_->mutex) {
    if (!state_->alive(generation_)) return dead(path_);
    return closed_ ? Status(StatusCode::kIoError, path_ + ": already closed") : failed_write_back_;
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

  const FaultyStatePtr state_;
  const std::uint64_t generation_;
  const std::string path_;
  const FaultyFilePtr file_;
  std::uint64_t position_;
  std::uint64_t written_back_ = 0;
  Status failed_write_back_;
  bool closed_ = false;
};

std::unique_ptr<FileMapping> FaultyWritableFile::map(std::uint64_t size_bytes) {
  rt::MutexLock lock(state_->mutex);
  if (!state_->mappings || !usable() || size_bytes > std::min(kMaxMappedBytes, file_->size())) return nullptr;
  if (!state_->judge(FileOperation::kOther, false, "map", path_).status) return nullptr;
  auto pages = file_->map(size_bytes);
  return pages ? std::make_unique<FaultyFileMapping>(state_, generation_, path_, file_, std::move(pages)) : nullptr;
}

}  // namespace

std::unique_ptr<RandomAccessFile> new_reader(FaultyStatePtr state, std::uint64_t generation, const std::string& path,
                                             FaultyFilePtr file) {
  return std::make_unique<FaultyRandomAccessFile>(std::move(state), generation, path, std::move(file));
}

std::unique_ptr<WritableFile> new_writer(FaultyStatePtr state, std::uint64_t generation, const std::string& path,
                                         FaultyFilePtr file, std::uint64_t position) {
  return std::make_unique<FaultyWritableFile>(std::move(state), generation, path, std::move(file), position);
}

}  // namespace ldb::faulty
