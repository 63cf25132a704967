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
  char bytes[kRecordHeaderBytes + kVouchBytes];
  store_u64(bytes + 8, header.body_checksum);
  store_u64(bytes + 16, header.sequence);
  store_u32(bytes + 24, header.body_size);
  bytes[28] = static_cast<char>(header.type);
  bytes[29] = static_cast<char>(header.flags);
  bytes[30] = bytes[31] = 0;
  if (header.flags & kRecordVouches) {
    store_u64(bytes + 32, header.vouched.segment);
    store_u64(bytes + 40, header.vouched.offset);
  }
  store_u64(bytes, hash64({bytes + 8, header.size() - 8}, generation + offset));
  out.append(bytes, header.size());
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
