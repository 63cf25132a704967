// Rows that wait on disk while a statement runs: files in one directory of the node, in FileSystem's terms.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/file_system.hpp"
#include "sql/expr/batch.hpp"
#include "sql/expr/memory_budget.hpp"

namespace ldb::sql {

/// A directory for spill files and a bound on their bytes. Owned by the front end; outlives the files. Any thread.
class SpillSpace {
 public:
  /// From then on the directory is this object's: what is in it, left by a crash, is removed. Without open() there is no space.
  Status open(FileSystem& files, std::string directory, std::uint64_t limit_bytes);
  bool available() const { return files_ != nullptr; }
  std::uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class SpillFile;
  Status take(std::uint64_t bytes);

  FileSystem* files_ = nullptr;
  std::string directory_;
  std::uint64_t limit_bytes_ = 0;
  rt::Atomic<std::uint64_t> used_bytes_{0};
  rt::Atomic<std::uint64_t> next_number_{1};
};

/// Rows of one set of types, written once, then read once in the same order. Never synced: it means nothing after a crash.
/// Removed by the destructor. One thread.
///
/// The file is a sequence of blocks, integers little-endian:
///   0   4  bytes of payload
///   4   4  rows, 1 to 2048
///   8   8  XXH3-64 of the payload
///   16  -  payload: for each row and column 0 for NULL, or 1 and the value as in cell_codec.hpp
/// A reader takes anything else for corruption.
class SpillFile {
 public:
  static Result<std::unique_ptr<SpillFile>> create(SpillSpace& space, std::vector<DataType> types, MemoryUse memory);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// The selected rows. 53400 when the space is full, kNoSpace when the disk is.
  Status append(const Batch& batch);
  /// Ends writing. Call before next().
  Status finish();
  /// The rows of the next block; false at the end.
  Result<bool> next(Batch& out);

 private:
  SpillFile(SpillSpace& space, std::string path, std::vector<DataType> types, MemoryUse memory);
  Status write_block();
  Status decode(std::size_t rows, Batch& out) const;

  SpillSpace& space_;
  const std::string path_;
  const std::vector<DataType> types_;
  MemoryUse memory_;
  std::unique_ptr<WritableFile> writer_;
  std::unique_ptr<RandomAccessFile> reader_;
  std::string block_;  // header and payload being written, or the payload being read
  std::uint32_t block_rows_ = 0;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t offset_ = 0;  // where reading goes on
};

}  // namespace ldb::sql
