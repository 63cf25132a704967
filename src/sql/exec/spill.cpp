#include "sql/exec/spill.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "sql/types/cell_codec.hpp"

namespace ldb::sql {
namespace {

constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kBlockBytes = std::size_t{64} << 10;        // a block is written when it is that long
constexpr std::uint64_t kMaxBlockBytes = std::uint64_t{1} << 31;  // what a reader believes

}  // namespace

Status SpillSpace::open(FileSystem& files, std::string directory, std::uint64_t limit_bytes) {
  LDB_TRY(files.remove_directory(directory));
  LDB_TRY(files.create_directory(directory));
  files_ = &files;
  directory_ = std::move(directory);
  limit_bytes_ = limit_bytes;
  return {};
}

Status SpillSpace::take(std::uint64_t bytes) {
  std::uint64_t used = used_bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_bytes_ || used > limit_bytes_ - bytes) {
      return Status::sql(StatusCode::kResourceExhausted, "53400",
                         "rows that do not fit in memory would take more than the " + std::to_string(limit_bytes_ >> 20) +
                             " MB of disk that the statements of this node may use")
          .with_detail("Raise the setting work_mem or NodeOptions::sql_spill_bytes, or sort fewer rows.");
    }
  } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return {};
}

Result<std::unique_ptr<SpillFile>> SpillFile::create(SpillSpace& space, std::vector<DataType> types, MemoryUse memory) {
  std::string path = space.directory_ + "/" + std::to_string(space.next_number_.fetch_add(1)) + ".rows";
  std::unique_ptr<SpillFile> file(new SpillFile(space, std::move(path), std::move(types), std::move(memory)));
  LDB_ASSIGN_OR_RETURN(file->writer_, space.files_->open_writable(file->path_, OpenMode::kTruncate));
  return file;
}

SpillFile::SpillFile(SpillSpace& space, std::string path, std::vector<DataType> types, MemoryUse memory)
    : space_(space), path_(std::move(path)), types_(std::move(types)), memory_(std::move(memory)) {}

SpillFile::~SpillFile() {
  writer_ = nullptr;
  reader_ = nullptr;
  // What cannot be removed now goes when the node opens next.
  (void)space_.files_->remove(path_);
  space_.used_bytes_.fetch_sub(size_bytes_, std::memory_order_relaxed);
}

Status SpillFile::append(const Batch& batch) {
  const RowSet rows = batch.rows();
  for (std::size_t i = 0; i < rows.count; ++i) {
    if (block_.empty()) block_.assign(kHeaderBytes, '\0');
    for (const ColumnVector& column : batch.columns) {
      const bool null = column.is_null(rows[i]);
      put_u8(block_, null ? 0 : 1);
      if (!null) encode_cell(column, column.index(rows[i]), block_);
    }
    ++block_rows_;
    if (block_.size() >= kBlockBytes || block_rows_ == kBatchRows) LDB_TRY(write_block());
  }
  return memory_.set(block_.capacity());
}

Status SpillFile::write_block() {
  const std::string_view payload = std::string_view(block_).substr(kHeaderBytes);
  if (payload.size() > kMaxBlockBytes) {
    return Status::sql(StatusCode::kResourceExhausted, "54000", "a row to be sorted is longer than 2 GB");
  }
  std::string header;
  put_u32(header, static_cast<std::uint32_t>(payload.size()));
  put_u32(header, block_rows_);
  put_u64(header, hash64(payload));
  block_.replace(0, kHeaderBytes, header);
  LDB_TRY(space_.take(block_.size()));
  size_bytes_ += block_.size();
  LDB_TRY(writer_->append(block_));
  block_.clear();
  block_rows_ = 0;
  return {};
}

Status SpillFile::finish() {
  if (block_rows_ > 0) LDB_TRY(write_block());
  LDB_TRY(writer_->close());
  writer_ = nullptr;
  block_ = std::string();
  memory_.clear();
  LDB_ASSIGN_OR_RETURN(reader_, space_.files_->open_readable(path_));
  return {};
}

Result<bool> SpillFile::next(Batch& out) {
  if (offset_ == size_bytes_) return false;
  const auto damaged = [&](const char* what) {
    return Status(StatusCode::kCorruption, path_ + " at " + std::to_string(offset_) + ": " + what);
  };
  char header[kHeaderBytes];
  LDB_ASSIGN_OR_RETURN(const std::size_t got, reader_->read(offset_, kHeaderBytes, header));
  if (got != kHeaderBytes) return damaged("cut short");
  ByteReader in(std::string_view(header, kHeaderBytes));
  std::uint32_t size = 0;
  std::uint32_t rows = 0;
  std::uint64_t hash = 0;
  in.u32(size);
  in.u32(rows);
  in.u64(hash);
  if (rows == 0 || rows > kBatchRows || size > size_bytes_ - offset_ - kHeaderBytes) return damaged("bad block header");
  LDB_TRY(memory_.set(std::size_t{size} * 3));  // the bytes, and the elements made of them
  block_.resize(size);
  LDB_ASSIGN_OR_RETURN(const std::size_t read, reader_->read(offset_ + kHeaderBytes, size, block_.data()));
  if (read != size) return damaged("cut short");
  if (hash64(block_) != hash) return damaged("bad checksum");
  if (const Status status = decode(rows, out); !status) return damaged(std::string(status.message()).c_str());
  offset_ += kHeaderBytes + size;
  return true;
}

Status SpillFile::decode(std::size_t rows, Batch& out) const {
  out.columns.resize(types_.size());
  out.clear_selection();
  out.row_count = rows;
  for (std::size_t i = 0; i < types_.size(); ++i) out.columns[i].reset(types_[i], rows);
  std::string_view bytes = block_;
  for (std::size_t row = 0; row < rows; ++row) {
    for (ColumnVector& column : out.columns) {
      const std::uint8_t present = bytes.empty() ? 2 : static_cast<std::uint8_t>(bytes.front());
      if (present > 1) return {StatusCode::kCorruption, "malformed row"};
      bytes.remove_prefix(1);
      if (present == 0) {
        column.set_null(row);
      } else {
        LDB_TRY(decode_cell(bytes, column, row, false));
      }
    }
  }
  return bytes.empty() ? Status() : Status(StatusCode::kCorruption, "bytes behind the last row");
}

}  // namespace ldb::sql
