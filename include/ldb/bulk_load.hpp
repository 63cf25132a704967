// Sorted runs of key/value pairs, for StorageEngine::ingest(): bulk load, bootstrap of a node.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ldb/status.hpp"

namespace ldb {

class Iterator;

/// Gives pairs one at a time, in strictly ascending key order. Used by one thread.
class SortedSource {
 public:
  virtual ~SortedSource() = default;
  /// False at the end. A failure ends the ingestion, which then has no effect.
  virtual Result<bool> next(std::string& key, std::string& value) = 0;
};

/// Over pairs that outlive it.
class SortedPairs final : public SortedSource {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  explicit SortedPairs(const Pairs& pairs) : pairs_(pairs) {}
  Result<bool> next(std::string& key, std::string& value) override;

 private:
  const Pairs& pairs_;
  std::size_t at_ = 0;
};

/// What an iterator (of another engine, or of the same) gives from its first entry on. Borrows it.
class IteratorSource final : public SortedSource {
 public:
  explicit IteratorSource(Iterator& iterator);
  Result<bool> next(std::string& key, std::string& value) override;

 private:
  Iterator& iterator_;
};

}  // namespace ldb
