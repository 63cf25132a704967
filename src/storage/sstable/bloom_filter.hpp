// Cache-line blocked Bloom filter over user keys.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/point_read.hpp"

namespace ldb::storage {

/// F. Putze, P. Sanders, J. Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2007): every key touches one 64-byte
/// line. Layout in docs/formats/sstable.md.
class BloomFilterBuilder {
 public:
  explicit BloomFilterBuilder(unsigned bits_per_key) : bits_per_key_(bits_per_key) {}
  /// Equal neighbours may be added more than once.
  void add(std::string_view key);
  /// Empty when no key was added or the filter is switched off. The builder is empty afterwards.
  std::string finish();

 private:
  const unsigned bits_per_key_;
  std::vector<std::uint64_t> hashes_;
};

/// Over bytes that outlive it. Any bytes are safe.
class BloomFilter {
 public:
  BloomFilter() = default;
  explicit BloomFilter(std::string_view bytes);
  /// False only when the key was certainly not added. An absent or unreadable filter says true.
  bool may_contain(std::string_view key) const { return may_contain_hash(filter_hash(key)); }
  /// `hash`: filter_hash() of the key.
  bool may_contain_hash(std::uint64_t hash) const;

 private:
  std::string_view lines_;
  std::uint32_t line_count_ = 0;
  unsigned probes_ = 0;
};

}  // namespace ldb::storage
