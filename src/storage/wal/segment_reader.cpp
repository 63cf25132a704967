#include "storage/wal/segment_reader.hpp"

#include <algorithm>

namespace ldb::storage {
namespace {
constexpr std::size_t kReadBytes = 128 << 10;

bool is_blank(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}
}  // namespace

Result<std::unique_ptr<SegmentReader>> SegmentReader::open(FileSystem& fs, const std::string& path) {
  LDB_ASSIGN_OR_RETURN(auto file, fs.open_readable(path));
  auto reader = std::unique_ptr<SegmentReader>(new SegmentReader(path, std::move(file)));
  LDB_ASSIGN_OR_RETURN(reader->file_size_, reader->file_->size());
  std::string bytes(kSegmentHeaderBytes, '\0');
  LDB_ASSIGN_OR_RETURN(const std::size_t n, reader->file_->read(0, bytes.size(), bytes.data()));
  bytes.resize(n);
  auto header = decode_segment_header(bytes);
  if (!header) return header.error().with_context(path);
  reader->header_ = *header;
  return reader;
}

std::string_view SegmentReader::fetch(std::uint64_t offset, std::size_t size, std::uint64_t limit) {
  if (offset >= limit) return {};
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, limit - offset));
  if (offset < buffer_offset_ || offset + size > buffer_offset_ + buffer_.size()) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(size, kReadBytes), limit - offset));
    buffer_.resize(wanted);
    const auto n = file_->read(offset, wanted, buffer_.data());
    if (!n) {
      status_ = n.error();
      buffer_.clear();
      return {};
    }
    buffer_.resize(*n);
    buffer_offset_ = offset;
  }
  const std::size_t skip = static_cast<std::size_t>(offset - buffer_offset_);
  return std::string_view(buffer_).substr(skip, size);
}

SegmentReader::Outcome SegmentReader::next(std::uint64_t limit, bool want_body) {
  if (offset_ >= limit) return Outcome::kEnd;
  const std::string_view head = fetch(offset_, kRecordHeaderBytes + kVouchBytes, limit);
  if (!status_) return Outcome::kIoError;
  if (head.size() < kRecordHeaderBytes || !decode_record_header(head, header_.generation, offset_, record_)) {
    passed_remains_ |= !is_blank(head);
    return Outcome::kNoRecord;
  }
  record_offset_ = offset_;
  body_ = {};
  if (want_body && record_.body_size > 0) {
    body_ = fetch(offset_ + record_.size(), record_.body_size, limit);
    if (!status_) return Outcome::kIoError;
    if (body_.size() < record_.body_size || record_body_checksum(body_) != record_.body_checksum) return Outcome::kTornBody;
  } else if (want_body && record_.body_checksum != record_body_checksum({})) {
    return Outcome::kTornBody;
  }
  offset_ += record_.total_size();
  return Outcome::kRecord;
}

bool SegmentReader::resync(std::uint64_t limit) {
  RecordHeader header;
  while ((offset_ += kRecordAlignment) < limit) {
    // A header needs 32 bytes, but the buffer is filled ahead, so this is a walk over memory.
    const std::string_view head = fetch(offset_, kRecordHeaderBytes + kVouchBytes, limit);
    passed_remains_ |= !is_blank(head.substr(0, kRecordAlignment));
    if (head.size() < kRecordHeaderBytes) return false;
    if (decode_record_header(head, header_.generation, offset_, header)) return true;
  }
  return false;
}

}  // namespace ldb::storage
