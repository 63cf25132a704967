#include "storage/sstable/compression.hpp"

#include <zdict.h>
#include <zstd.h>

#include <algorithm>

#include "storage/sstable/table_format.hpp"

namespace ldb::storage {
namespace {

constexpr std::size_t kDictionaryBytes = 8 << 10;
constexpr std::size_t kLeastSampleBytes = 64 << 10;  // below it the dictionary costs more than it saves
constexpr std::size_t kDictionaryRoom = 4 << 10;     // for the header and the code tables

/// Contexts are costly to set up and belong to one thread.
struct ZstdContexts {
  ZSTD_CCtx* compress = nullptr;
  ZSTD_DCtx* decompress = nullptr;
  ~ZstdContexts() {
    ZSTD_freeCCtx(compress);
    ZSTD_freeDCtx(decompress);
  }
};
ZstdContexts& contexts() {
  thread_local ZstdContexts contexts;
  return contexts;
}

/// Bytes of the Huffman tree description that starts `bytes` (RFC 8878 section 4.2.1); 0 when it is cut short.
std::size_t tree_size(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const auto head = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0]));
  const std::size_t size = head < 128 ? 1 + head : 1 + (head - 127 + 1) / 2;
  return size <= bytes.size() ? size : 0;
}

/// The Huffman tree that the first block of a frame describes (RFC 8878 section 3.1.1); empty when it has none.
std::string_view first_tree(std::string_view frame) {
  constexpr std::size_t kMagicBytes = 4;
  constexpr std::size_t kBlockHeaderBytes = 3;
  const auto byte = [&](std::size_t i) { return i < frame.size() ? static_cast<unsigned char>(frame[i]) : 0U; };
  const unsigned descriptor = byte(kMagicBytes);
  const bool single_segment = (descriptor & 0x20) != 0;
  constexpr std::size_t kDictionaryIdBytes[] = {0, 1, 2, 4};
  const std::size_t content_size_bytes = descriptor < 0x40 ? (single_segment ? 1 : 0) : std::size_t{1} << (descriptor >> 6);
  const std::size_t block = kMagicBytes + 1 + (single_segment ? 0 : 1) + kDictionaryIdBytes[descriptor & 3] + content_size_bytes;
  const bool compressed_block = ((byte(block) >> 1) & 3) == 2;
  const std::size_t literals = block + kBlockHeaderBytes;
  const bool with_tree = (byte(literals) & 3) == 2;
  if (!compressed_block || !with_tree) return {};
  constexpr std::size_t kLiteralsHeaderBytes[] = {3, 3, 4, 5};
  const std::size_t tree = literals + kLiteralsHeaderBytes[(byte(literals) >> 2) & 3];
  return tree < frame.size() ? frame.substr(tree, tree_size(frame.substr(tree))) : std::string_view();
}

/// The dictionary with a Huffman tree of what blocks really hold. The one that zstd builds has a code for every byte, so that
/// blocks in which most bytes never occur find it a little worse than a tree of their own, and carry one: setting that up is a
/// good part of the time to decompress a small block. A block with a byte that this tree lacks brings its own.
std::string with_tight_tree(std::string dictionary, std::string_view sample, int level) {
  constexpr std::size_t kDictionaryHeaderBytes = 8;  // magic number, id
  constexpr std::size_t kMostSample = 128 << 10;     // one block
  // zstd takes trees up to the last byte value only.
  const std::string content = '\xff' + std::string(sample.substr(0, kMostSample - 1));
  std::string frame(ZSTD_compressBound(content.size()), '\0');
  const std::size_t n = ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), level);
  if (ZSTD_isError(n) != 0) return dictionary;
  const std::string_view tree = first_tree(std::string_view(frame).substr(0, n));
  const std::size_t old_size =
      dictionary.size() > kDictionaryHeaderBytes ? tree_size(std::string_view(dictionary).substr(kDictionaryHeaderBytes)) : 0;
  if (tree.empty() || old_size == 0) return dictionary;
  std::string tight = dictionary;
  tight.replace(kDictionaryHeaderBytes, old_size, tree);
  return ZDICT_isError(ZDICT_getDictHeaderSize(tight.data(), tight.size())) == 0 ? tight : dictionary;
}

}  // namespace

struct Compressor::Dictionary {
  explicit Dictionary(ZSTD_CDict* d) : dict(d) {}
  ~Dictionary() { ZSTD_freeCDict(dict); }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ZSTD_CDict* const dict;
};

struct Decompressor::Dictionary {
  explicit Dictionary(ZSTD_DDict* d) : dict(d) {}
  ~Dictionary() { ZSTD_freeDDict(dict); }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ZSTD_DDict* const dict;
};

Compressor::Compressor(int level) : level_(level) {}
Compressor::~Compressor() = default;

std::string Compressor::train(const std::vector<std::string>& samples) {
  std::string all;
  std::vector<std::size_t> sizes;
  for (const std::string& sample : samples) {
    all += sample;
    sizes.push_back(sample.size());
  }
  if (all.size() < kLeastSampleBytes) return {};
  // Slices of many blocks: what they share stands in most of them.
  std::string content;
  const std::size_t slice = kDictionaryBytes / samples.size();
  for (const std::string& sample : samples) content += std::string_view(sample).substr(0, slice);
  std::string out(content.size() + kDictionaryRoom, '\0');
  ZDICT_params_t parameters{};
  parameters.compressionLevel = level_;
  const std::size_t n = ZDICT_finalizeDictionary(out.data(), out.size(), content.data(), content.size(), all.data(), sizes.data(),
                                                 static_cast<unsigned>(sizes.size()), parameters);
  if (ZDICT_isError(n) != 0) return {};
  out.resize(n);
  out = with_tight_tree(std::move(out), all, level_);
  ZSTD_CDict* const dict = ZSTD_createCDict(out.data(), out.size(), level_);
  if (dict == nullptr) return {};
  dictionary_ = std::make_unique<Dictionary>(dict);
  if (!saves(samples, slice)) {
    dictionary_.reset();
    out.clear();
  }
  return out;
}

/// Does the dictionary make some of the samples smaller, without their first `skip` bytes, which it holds itself? zstd prefers a
/// dictionary's codes also where those of the block would be better.
bool Compressor::saves(const std::vector<std::string>& samples, std::size_t skip) const {
  constexpr std::size_t kEvery = 4;
  const Compressor plain(level_);
  const auto size_by = [](const Compressor& compressor, std::string_view contents) {
    std::string stored;
    return compressor.compress(contents, stored) ? stored.size() : contents.size();
  };
  std::size_t with = 0;
  std::size_t without = 0;
  for (std::size_t i = 0; i < samples.size(); i += kEvery) {
    const std::string_view rest = std::string_view(samples[i]).substr(std::min(skip, samples[i].size()));
    with += size_by(*this, rest);
    without += size_by(plain, rest);
  }
  return with < without;
}

bool Compressor::compress(std::string_view contents, std::string& out) const {
  ZstdContexts& ctx = contexts();
  if (ctx.compress == nullptr) ctx.compress = ZSTD_createCCtx();
  if (ctx.compress == nullptr) return false;
  ZSTD_CCtx_reset(ctx.compress, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(ctx.compress, ZSTD_c_compressionLevel, level_);
  ZSTD_CCtx_setParameter(ctx.compress, ZSTD_c_dictIDFlag, 0);
  if (dictionary_ != nullptr) ZSTD_CCtx_refCDict(ctx.compress, dictionary_->dict);
  out.resize(ZSTD_compressBound(contents.size()) + kBlockTrailerBytes);
  const std::size_t n = ZSTD_compress2(ctx.compress, out.data(), out.size(), contents.data(), contents.size());
  if (ZSTD_isError(n) != 0 || n >= contents.size() - contents.size() / 8) return false;
  out.resize(n);
  return true;
}

Decompressor::Decompressor() = default;
Decompressor::~Decompressor() = default;

Result<std::unique_ptr<const Decompressor>> Decompressor::create(std::string_view dictionary) {
  ZSTD_DDict* const dict = ZSTD_createDDict(dictionary.data(), dictionary.size());
  if (dict == nullptr) return Status(StatusCode::kCorruption, "not a compression dictionary");
  auto result = std::unique_ptr<Decompressor>(new Decompressor);
  result->dictionary_ = std::make_unique<Dictionary>(dict);
  return std::unique_ptr<const Decompressor>(std::move(result));
}

std::size_t Decompressor::memory_usage() const { return sizeof(*this) + ZSTD_sizeof_DDict(dictionary_->dict); }

Result<std::string_view> decompress(std::string_view stored, const Decompressor* decompressor, ScratchBuffer& out) {
  const unsigned long long size = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxBlockBytes) {
    return Status(StatusCode::kCorruption, "compressed block of unknown or impossible size");
  }
  ZstdContexts& ctx = contexts();
  if (ctx.decompress == nullptr) ctx.decompress = ZSTD_createDCtx();
  if (ctx.decompress == nullptr) return Status(StatusCode::kResourceExhausted, "no memory for zstd");
  char* const contents = out.get(static_cast<std::size_t>(size));
  const ZSTD_DDict* const dict = decompressor != nullptr ? decompressor->dictionary_->dict : nullptr;
  const std::size_t n = ZSTD_decompress_usingDDict(ctx.decompress, contents, size, stored.data(), stored.size(), dict);
  if (ZSTD_isError(n) != 0 || n != size) return Status(StatusCode::kCorruption, "block does not decompress");
  return std::string_view(contents, n);
}

}  // namespace ldb::storage
