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
constexpr std::size_t kFooterBytes = 60;
constexpr std::size_t kMaxBlockBytes = 512u << 20;  ///< decompressed; a value and its key fit with room to spare

enum class BlockLayout : std::uint8_t {
  kBytes = 0,    ///< no entries: filter
  kEntries = 1,  ///< sorted entries
};
enum class Compression : std::uint8_t { kNone = 0, kZstd = 1 };

struct BlockHandle {
  std::uint64_t offset = 0;
  std::uint32_t size = 0;  ///< without the trailer; 0: the block is absent
};

struct Footer {
  BlockHandle tombstones;
  BlockHandle index;  ///< of the partitions
  BlockHandle properties;
};

/// A run of data blocks that stand one behind the other, with a filter and an index of their own.
struct PartitionHandle {
  std::uint64_t start = 0;  ///< of its first data block
  BlockHandle filter;       ///< may be absent
  BlockHandle index;        ///< value of each entry: the size of a data block, a varint
};

std::string encode_footer(const Footer& footer);
/// `bytes` are the last kFooterBytes of a file of `file_size` bytes. kCorruption or kUnsupported, without file name.
Result<Footer> decode_footer(std::string_view bytes, std::uint64_t file_size);

/// Value of an entry of the file's index.
void put_partition(std::string& out, const PartitionHandle& partition);
/// False when the bytes are not one or name a place outside the first `end` bytes of the file.
bool get_partition(std::string_view bytes, std::uint64_t end, PartitionHandle& partition);

/// Contents and trailer as they stand in the file at `offset`. `level`: of zstd, 0 for none; what does not shrink is stored
/// plain.
std::string encode_block(std::string contents, BlockLayout layout, int level, std::uint64_t offset, bool* compressed = nullptr);
/// The contents of a stored block; kCorruption or kUnsupported, without file name.
Result<std::string> decode_block(std::string stored, std::uint64_t offset, BlockLayout expected);

}  // namespace ldb::storage
