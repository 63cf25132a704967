#include "storage/sstable/bloom_filter.hpp"

#include <algorithm>

#include "base/coding.hpp"

namespace ldb::storage {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kTrailerBytes = 5;  // u32 lines, u8 probes
constexpr unsigned kMaxProbes = 12;

std::uint32_t line_of(std::uint64_t hash, std::uint32_t lines) {
  return static_cast<std::uint32_t>(((hash >> 32) * lines) >> 32);
}

/// The successive bits inside a line, 9 of the hash's bits at a time, remixed by a golden-ratio multiplication.
struct Probes {
  std::uint32_t state;
  explicit Probes(std::uint64_t hash) : state(static_cast<std::uint32_t>(hash)) {}
  unsigned next() {
    const unsigned bit = state >> 23;
    state *= 0x9e3779b9U;
    return bit;
  }
};

}  // namespace

void BloomFilterBuilder::add(std::string_view key) {
  if (bits_per_key_ == 0) return;
  const std::uint64_t hash = filter_hash(key);
  if (hashes_.empty() || hashes_.back() != hash) hashes_.push_back(hash);
}

std::string BloomFilterBuilder::finish() {
  if (hashes_.empty()) return {};
  const std::uint64_t bits = hashes_.size() * std::uint64_t{bits_per_key_};
  const auto lines = static_cast<std::uint32_t>(std::clamp<std::uint64_t>((bits + 511) / 512, 1, 0xffffffff / kLineBytes));
  const unsigned probes = std::clamp(bits_per_key_ * 69 / 100, 1U, kMaxProbes);
  std::string out(std::size_t{lines} * kLineBytes, '\0');
  for (const std::uint64_t hash : hashes_) {
    char* const line = out.data() + std::size_t{line_of(hash, lines)} * kLineBytes;
    Probes bits_of(hash);
    for (unsigned i = 0; i < probes; ++i) {
      const unsigned bit = bits_of.next();
      line[bit / 8] = static_cast<char>(line[bit / 8] | (1 << (bit % 8)));
    }
  }
  put_u32(out, lines);
  put_u8(out, static_cast<std::uint8_t>(probes));
  hashes_.clear();
  return out;
}

BloomFilter::BloomFilter(std::string_view bytes) {
  if (bytes.size() < kTrailerBytes + kLineBytes) return;
  const std::uint32_t lines = load_u32(bytes.data() + bytes.size() - kTrailerBytes);
  const auto probes = static_cast<std::uint8_t>(bytes.back());
  if (lines != (bytes.size() - kTrailerBytes) / kLineBytes || probes == 0 || probes > kMaxProbes) return;
  if (std::size_t{lines} * kLineBytes + kTrailerBytes != bytes.size()) return;
  lines_ = bytes;
  line_count_ = lines;
  probes_ = probes;
}

bool BloomFilter::may_contain_hash(std::uint64_t hash) const {
  if (line_count_ == 0) return true;
  const char* const line = lines_.data() + std::size_t{line_of(hash, line_count_)} * kLineBytes;
  Probes bits_of(hash);
  for (unsigned i = 0; i < probes_; ++i) {
    const unsigned bit = bits_of.next();
    if ((line[bit / 8] & (1 << (bit % 8))) == 0) return false;
  }
  return true;
}

}  // namespace ldb::storage
