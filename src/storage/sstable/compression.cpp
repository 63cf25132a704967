#include "storage/sstable/compression.hpp"

#include <zdict.h>
#include <zstd.h>

#include <algorithm>

#include "storage/sstable/table_format.hpp"

namespace ldb::storage {
namespace {

constexpr std::size_t kDictionaryBytes = 8 << 10;
constexpr std::size_t kLeastSampleBytes = 64 << 10;  // below it the dictionary costs more than it saves
constexpr std::size_t kDictionaryRoom = 4 << 10;  // for the header and the code tables

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
  ZSTD_CDict* const dict = ZSTD_createCDict(out.data(), out.size(), level_);
  if (dict == nullptr) return {};
  dictionary_ = std::make_unique<Dictionary>(dict);
  return out;
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

Result<std::string> decompress(std::string_view stored, const Decompressor* decompressor) {
  const unsigned long long size = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxBlockBytes) {
    return Status(StatusCode::kCorruption, "compressed block of unknown or impossible size");
  }
  ZstdContexts& ctx = contexts();
  if (ctx.decompress == nullptr) ctx.decompress = ZSTD_createDCtx();
  if (ctx.decompress == nullptr) return Status(StatusCode::kResourceExhausted, "no memory for zstd");
  std::string out(static_cast<std::size_t>(size), '\0');
  const ZSTD_DDict* const dict = decompressor != nullptr ? decompressor->dictionary_->dict : nullptr;
  const std::size_t n = ZSTD_decompress_usingDDict(ctx.decompress, out.data(), out.size(), stored.data(), stored.size(), dict);
  if (ZSTD_isError(n) != 0 || n != out.size()) return Status(StatusCode::kCorruption, "block does not decompress");
  return out;
}

}  // namespace ldb::storage
