#include "storage/sstable/table_format.hpp"

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "storage/sstable/compression.hpp"

namespace ldb::storage {
namespace {

bool handle_fits(BlockHandle handle, std::uint64_t file_size) {
  if (handle.size == 0) return true;
  const std::uint64_t room = file_size - kFooterBytes;
  return handle.offset <= room && handle.size + std::uint64_t{kBlockTrailerBytes} <= room - handle.offset;
}

}  // namespace

std::string encode_footer(const Footer& footer) {
  std::string out;
  for (const BlockHandle handle : {footer.dictionary, footer.tombstones, footer.index, footer.properties}) {
    put_u64(out, handle.offset);
    put_u32(out, handle.size);
  }
  put_u32(out, kTableVersion);
  put_u32(out, 0);
  put_u64(out, hash64(out));
  put_u64(out, kTableMagic);
  return out;
}

Result<Footer> decode_footer(std::string_view bytes, std::uint64_t file_size) {
  if (bytes.size() != kFooterBytes || file_size < kFooterBytes)
    return Status(StatusCode::kCorruption, "shorter than a table footer");
  ByteReader reader(bytes);
  Footer footer;
  for (BlockHandle* handle : {&footer.dictionary, &footer.tombstones, &footer.index, &footer.properties}) {
    reader.u64(handle->offset);
    reader.u32(handle->size);
  }
  std::uint32_t version = 0;
  std::uint32_t reserved = 0;
  std::uint64_t checksum = 0;
  std::uint64_t magic = 0;
  reader.u32(version);
  reader.u32(reserved);
  reader.u64(checksum);
  reader.u64(magic);
  if (magic != kTableMagic) return Status(StatusCode::kCorruption, "footer: not an ldb table");
  if (checksum != hash64(bytes.substr(0, kFooterBytes - 16))) return Status(StatusCode::kCorruption, "footer: bad checksum");
  if (version != kTableVersion || reserved != 0) {
    return Status(StatusCode::kUnsupported, "footer: table format version " + std::to_string(version));
  }
  for (const BlockHandle handle : {footer.dictionary, footer.tombstones, footer.index, footer.properties}) {
    if (!handle_fits(handle, file_size)) return Status(StatusCode::kCorruption, "footer: block outside the file");
  }
  if (footer.index.size == 0) return Status(StatusCode::kCorruption, "footer: no index");
  return footer;
}

void put_partition(std::string& out, const PartitionHandle& partition) {
  put_varint(out, partition.start);
  for (const BlockHandle handle : {partition.filter, partition.index}) {
    put_varint(out, handle.offset);
    put_varint(out, handle.size);
  }
}

bool get_partition(std::string_view bytes, std::uint64_t end, PartitionHandle& partition) {
  ByteReader reader(bytes);
  if (!reader.varint(partition.start)) return false;
  for (BlockHandle* handle : {&partition.filter, &partition.index}) {
    std::uint64_t size = 0;
    if (!reader.varint(handle->offset) || !reader.varint(size) || size > kMaxBlockBytes) return false;
    handle->size = static_cast<std::uint32_t>(size);
    if (size != 0 && (handle->offset > end || size + kBlockTrailerBytes > end - handle->offset)) return false;
  }
  return reader.empty() && partition.index.size != 0 && partition.start <= partition.index.offset;
}

std::string encode_block(std::string contents, BlockLayout layout, const Compressor* compressor, std::uint64_t offset) {
  Compression compression = Compression::kNone;
  std::string stored;
  if (compressor != nullptr && compressor->compress(contents, stored)) {
    compression = Compression::kZstd;
  } else {
    stored = std::move(contents);
  }
  put_u8(stored, static_cast<std::uint8_t>(layout));
  put_u8(stored, static_cast<std::uint8_t>(compression));
  // Seeded with the place, so that a block written or read elsewhere is noticed.
  put_u64(stored, hash64(stored, offset));
  return stored;
}

Result<std::string_view> decode_block(std::string_view stored, std::uint64_t offset, BlockLayout expected,
                                      const Decompressor* decompressor, ScratchBuffer& contents) {
  if (stored.size() < kBlockTrailerBytes) return Status(StatusCode::kCorruption, "block is cut off");
  const std::size_t size = stored.size() - kBlockTrailerBytes;
  if (load_u64(stored.data() + size + 2) != hash64(stored.substr(0, size + 2), offset)) {
    return Status(StatusCode::kCorruption, "bad block checksum");
  }
  const auto layout = static_cast<std::uint8_t>(stored[size]);
  const auto compression = static_cast<std::uint8_t>(stored[size + 1]);
  if (layout != static_cast<std::uint8_t>(expected)) {
    return Status(layout > 1 ? StatusCode::kUnsupported : StatusCode::kCorruption, "block layout " + std::to_string(layout));
  }
  stored = stored.substr(0, size);
  if (compression == static_cast<std::uint8_t>(Compression::kNone)) return stored;
  if (compression == static_cast<std::uint8_t>(Compression::kZstd)) return decompress(stored, decompressor, contents);
  return Status(StatusCode::kUnsupported, "block compression " + std::to_string(compression));
}

}  // namespace ldb::storage
