// Bytes of a log segment (docs/formats/wal.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ldb/status.hpp"
#include "ldb/storage_engine.hpp"

namespace ldb::storage {

constexpr std::uint64_t kLogMagic = 0x31304c415742444cULL;  // "LDBWAL01"
constexpr std::uint32_t kLogVersion = 1;
constexpr std::size_t kSegmentHeaderBytes = 64;
constexpr std::size_t kRecordHeaderBytes = 32;
constexpr std::size_t kVouchBytes = 16;
constexpr std::size_t kRecordAlignment = 8;

enum class RecordType : std::uint8_t {
  kBatch = 1,  ///< body: an encoded batch
  kSeal = 2,   ///< last of its segment; body: u64 number of the segment that follows
  kMark = 3,   ///< nothing but the synced position it vouches for
};
constexpr std::uint8_t kRecordVouches =
    1;  ///< 16 bytes follow the header: the log was synced up to this position before the record
constexpr std::uint8_t kRecordHasCommit = 2;  ///< the batch carries a commit

struct SegmentHeader {
  std::uint64_t number = 0;
  std::uint64_t generation = 0;  ///< random; seeds the checksums, so that records left in a recycled file never look valid
};

struct RecordHeader {
  std::uint64_t body_checksum = 0;
  std::uint64_t sequence = 0;  ///< of the batch's first operation
  std::uint32_t body_size = 0;
  RecordType type = RecordType::kBatch;
  std::uint8_t flags = 0;
  LogPosition vouched;  ///< with kRecordVouches

  std::size_t size() const { return kRecordHeaderBytes + ((flags & kRecordVouches) ? kVouchBytes : 0); }
  /// Header, body and padding.
  std::size_t total_size() const { return (size() + body_size + kRecordAlignment - 1) & ~(kRecordAlignment - 1); }
};

std::string encode_segment_header(const SegmentHeader& header);
/// kCorruption (without file name) when it is not one; kUnsupported for a newer version.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

/// Appends the header of a record that will stand at `offset`; the caller appends body and padding.
void encode_record_header(std::string& out, const RecordHeader& header, std::uint64_t generation, std::uint64_t offset);
/// False when the bytes are not a valid header of this generation at this offset. `bytes` must hold at least kRecordHeaderBytes.
bool decode_record_header(std::string_view bytes, std::uint64_t generation, std::uint64_t offset, RecordHeader& header);

std::uint64_t record_body_checksum(std::string_view body);

}  // namespace ldb::storage
