// A SortedSource that is not trusted: order and bounds are checked.
#pragma once

#include <cstdint>
#include <string>

#include "ldb/bulk_load.hpp"

namespace ldb::storage {

/// One thread.
class SortedInput {
 public:
  explicit SortedInput(SortedSource& source) : source_(source) {}
  /// Goes to the next pair; false at the end. kInvalidArgument naming the entry, or the source's own failure.
  Result<bool> next();
  const std::string& key() const { return key_; }
  const std::string& value() const { return value_; }
  std::uint64_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  SortedSource& source_;
  std::string key_;
  std::string last_;
  std::string value_;
  std::uint64_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

/// The entries of an ingestion carry its sequence, which must be above all that is written while they are: it is taken so far
/// ahead. Sequences may skip; 2^60 of them last for 2^28 ingestions beside any number of writes that a machine can do.
constexpr std::uint64_t kIngestSequenceGap = std::uint64_t{1} << 32;

}  // namespace ldb::storage
