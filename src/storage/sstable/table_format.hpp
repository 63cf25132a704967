// Bytes of a table file (docs/formats/sstable.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ldb/status.hpp"
#include "storage/sstable/scratch_buffer.hpp"

namespace ldb::storage {

class Compressor;
class Decompressor;

constexpr std::uint64_t kTableMagic = 0x313054535342444cULL;  ///< "LDBSST01"
constexpr std::uint32_t kTableVersion = 1;
constexpr std::size_t kBlockTrailerBytes = 10;  ///< layout, compression, checksum
constexpr std::size_t kFooterBytes = 72;
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
  BlockHandle dictionary;  ///< of the compression; may be absent
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

/// Contents and trailer as they stand in the file at `offset`. `compressor`: null for none; what does not shrink is stored plain.
std::string encode_block(std::string contents, BlockLayout layout, const Compressor* compressor, std::uint64_t offset);
/// The contents of a stored block; kCorruption or kUnsupported, without file name. `decompressor`: null when the table has no
/// dictionary.
Result<std::string_view> decode_block(std::string_view stored, std::uint64_t offset, BlockLayout expected,
                                      const Decompressor* decompressor, ScratchBuffer& contents);

}  // namespace ldb::storage
