// zstd for the blocks of one table, with a dictionary of the table's own.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/status.hpp"
#include "storage/sstable/scratch_buffer.hpp"

namespace ldb::storage {

/// Blocks are small, so much of a compressed block would be the description of its own code, and much of the time to read it the
/// building of decoding tables. A dictionary holds both once for the whole table, and text that blocks have in common. One
/// thread.
class Compressor {
 public:
  /// `level`: of zstd, at least 1.
  explicit Compressor(int level);
  ~Compressor();

  /// Makes a dictionary from blocks that are typical of those to come. Empty, and none is used, when there is too little to learn
  /// from or it would not make them smaller.
  std::string train(const std::vector<std::string>& samples);
  /// False when the contents do not shrink by an eighth; `out` is undefined then.
  bool compress(std::string_view contents, std::string& out) const;

 private:
  bool saves(const std::vector<std::string>& samples, std::size_t skip) const;

  struct Dictionary;
  const int level_;
  std::unique_ptr<Dictionary> dictionary_;
};

/// Decodes with a dictionary. Immutable; any thread.
class Decompressor {
 public:
  /// kCorruption when the bytes are no dictionary.
  static Result<std::unique_ptr<const Decompressor>> create(std::string_view dictionary);
  ~Decompressor();
  std::size_t memory_usage() const;

 private:
  friend Result<std::string_view> decompress(std::string_view stored, const Decompressor* decompressor, ScratchBuffer& out);
  struct Dictionary;
  Decompressor();
  std::unique_ptr<Dictionary> dictionary_;
};

/// `decompressor`: of the table; null when it has no dictionary. The result is in `out`. kCorruption, without file name.
Result<std::string_view> decompress(std::string_view stored, const Decompressor* decompressor, ScratchBuffer& out);

}  // namespace ldb::storage
