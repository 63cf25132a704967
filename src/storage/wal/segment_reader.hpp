// Reads the records of one log segment.
#pragma once

#include <memory>
#include <string>

#include "ldb/file_system.hpp"
#include "storage/wal/log_format.hpp"

namespace ldb::storage {

/// Sequential, buffered. One thread. May read a segment that is being written, up to a limit below which it does not change.
class SegmentReader {
 public:
  enum class Outcome : std::uint8_t {
    kRecord,    ///< record() and body() are set; the reader stands behind it
    kEnd,       ///< the limit was reached
    kNoRecord,  ///< no record header of this segment's generation at offset()
    kTornBody,  ///< a valid header at offset(), but its body is cut off or damaged
    kIoError,   ///< see status()
  };

  /// kNotFound, kCorruption or kUnsupported, naming the file.
  static Result<std::unique_ptr<SegmentReader>> open(FileSystem& fs, const std::string& path);

  const SegmentHeader& header() const { return header_; }
  std::uint64_t file_size() const { return file_size_; }
  const std::string& path() const { return path_; }
  /// Where the next record is expected, or the bad one stands.
  std::uint64_t offset() const { return offset_; }
  void seek(std::uint64_t offset) { offset_ = offset; }

  /// Reads the record at offset(), never a byte at or beyond `limit`. `want_body` false: skip it unread (and unchecked).
  Outcome next(std::uint64_t limit, bool want_body = true);
  const RecordHeader& record() const { return record_; }
  /// Until the next call.
  std::string_view body() const { return body_; }
  std::uint64_t record_offset() const { return record_offset_; }
  const Status& status() const { return status_; }

  /// Looks for a valid record header at any later aligned offset; true when found, and the reader stands at it.
  bool resync(std::uint64_t limit);
  /// Was anything but zeros and records passed? Where next() found no record, and on the way of resync().
  bool passed_remains() const { return passed_remains_; }

 private:
  SegmentReader(std::string path, std::unique_ptr<RandomAccessFile> file) : path_(std::move(path)), file_(std::move(file)) {}
  /// At least `size` bytes at `offset` unless the limit is nearer; empty on an error.
  std::string_view fetch(std::uint64_t offset, std::size_t size, std::uint64_t limit);

  const std::string path_;
  const std::unique_ptr<RandomAccessFile> file_;
  std::uint64_t file_size_ = 0;
  SegmentHeader header_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;
  RecordHeader record_;
  std::uint64_t record_offset_ = 0;
  std::string_view body_;
  bool passed_remains_ = false;
  Status status_;
};

}  // namespace ldb::storage
