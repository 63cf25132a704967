#include "storage/wal/log_format.hpp"

#include "base/coding.hpp"
#include "base/hash.hpp"

namespace ldb::storage {

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out;
  put_u64(out, kLogMagic);
  put_u32(out, kLogVersion);
  put_u32(out, 0);
  put_u64(out, header.number);
  put_u64(out, header.generation);
  out.resize(kSegmentHeaderBytes - 8);
  put_u64(out, hash64(out));
  return out;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return Status(StatusCode::kCorruption, "shorter than a log segment header");
  if (load_u64(bytes.data()) != kLogMagic) return Status(StatusCode::kCorruption, "offset 0: not a log segment");
  if (load_u64(bytes.data() + kSegmentHeaderBytes - 8) != hash64(bytes.substr(0, kSegmentHeaderBytes - 8))) {
    return Status(StatusCode::kCorruption, "offset 0: bad checksum of the log segment header");
  }
  if (load_u32(bytes.data() + 8) != kLogVersion) {
    return Status(StatusCode::kUnsupported, "log format version " + std::to_string(load_u32(bytes.data() + 8)));
  }
  return SegmentHeader{load_u64(bytes.data() + 16), load_u64(bytes.data() + 24)};
}

void encode_record_header(std::string& out, const RecordHeader& header, std::uint64_t generation, std::uint64_t offset) {
  const std::size_t start = out.size();
  put_u64(out, 0);
  put_u64(out, header.body_checksum);
  put_u64(out, header.sequence);
  put_u32(out, header.body_size);
  put_u8(out, static_cast<std::uint8_t>(header.type));
  put_u8(out, header.flags);
  put_u16(out, 0);
  if (header.flags & kRecordVouches) {
    put_u64(out, header.vouched.segment);
    put_u64(out, header.vouched.offset);
  }
  const std::string_view checked = std::string_view(out).substr(start + 8);
  store_u64(out.data() + start, hash64(checked, generation + offset));
}

bool decode_record_header(std::string_view bytes, std::uint64_t generation, std::uint64_t offset, RecordHeader& header) {
  const char* const p = bytes.data();
  header.flags = static_cast<std::uint8_t>(p[29]);
  const auto type = static_cast<std::uint8_t>(p[28]);
  // Cheap tests first: this is asked at every offset behind the end of the log.
  if (type < 1 || type > 3 || (header.flags & ~3) != 0 || p[30] != 0 || p[31] != 0) return false;
  if (bytes.size() < header.size()) return false;
  if (load_u64(p) != hash64(bytes.substr(8, header.size() - 8), generation + offset)) return false;
  header.type = static_cast<RecordType>(type);
  header.body_checksum = load_u64(p + 8);
  header.sequence = load_u64(p + 16);
  header.body_size = load_u32(p + 24);
  header.vouched = (header.flags & kRecordVouches) ? LogPosition{load_u64(p + 32), load_u64(p + 40)} : LogPosition{};
  return true;
}

std::uint64_t record_body_checksum(std::string_view body) { return hash64(body); }

}  // namespace ldb::storage
