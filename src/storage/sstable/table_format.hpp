// Bytes of a table file (docs/formats/sstable.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ldb/status.hpp"

namespace ldb::storage {

constexpr std::uint64_t kTableMagic = 0x313054535342444cULL;  ///< "LDBSST01"
constexpr std::uint32_t kTableVersion = 1;
constexpr std::size_t kBlockTrailerBytes = 10;  ///< layout, compression, checksum
constexpr std::size_t kFooterBytes = 72;
constexpr std::size_t kMaxBlockBytes = 512u << 20;  ///< decompressed; a value and its key fit with room to spare

enum class BlockLayout : std::uint8_t {
  kBytes = 0,    ///< no entries: filter
  kEntries = 1,  ///< entries with restart points
};
enum class Compression : std::uint8_t { kNone = 0, kZstd = 1 };

struct BlockHandle {
  std::uint64_t offset = 0;
  std::uint32_t size = 0;  ///< without the trailer; 0: the block is absent
};

struct Footer {
  BlockHandle filter;
  BlockHandle tombstones;
  BlockHandle index;
  BlockHandle properties;
};

std::string encode_footer(const Footer& footer);
/// `bytes` are the last kFooterBytes of a file of `file_size` bytes. kCorruption or kUnsupported, without file name.
Result<Footer> decode_footer(std::string_view bytes, std::uint64_t file_size);

/// Value of an index entry.
void put_handle(std::string& out, BlockHandle handle);
bool get_handle(std::string_view bytes, BlockHandle& handle);

/// Contents and trailer as they stand in the file at `offset`. `level`: of zstd, 0 for none; what does not shrink is stored
/// plain.
std::string encode_block(std::string contents, BlockLayout layout, int level, std::uint64_t offset, bool* compressed = nullptr);
/// The contents of a stored block; kCorruption or kUnsupported, without file name.
Result<std::string> decode_block(std::string stored, std::uint64_t offset, BlockLayout expected);

}  // namespace ldb::storage
