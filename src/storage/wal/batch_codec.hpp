// A write batch as the body of a log record (docs/formats/wal.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/coding.hpp"
#include "ldb/write_batch.hpp"

namespace ldb::storage {

/// The body of a log record; takes the batch's own buffer where that already is one.
std::string encode_batch(WriteBatch batch);

/// Walks the operations of an encoded batch. Views point into the body. Any bytes are safe: next() returns false at the end and
/// at damage, and ok() tells the two apart.
class BatchReader {
 public:
  struct Operation {
    WriteBatch::Kind kind = WriteBatch::Kind::kPut;
    std::string_view key;
    std::string_view value;
  };

  explicit BatchReader(std::string_view body, bool has_commit);
  bool next(Operation& op);
  bool ok() const { return ok_; }
  std::string_view commit() const { return commit_; }
  std::uint64_t operations() const { return count_; }
  /// Sequences the batch takes.
  std::uint64_t sequences() const { return count_ == 0 ? 1 : count_; }

 private:
  bool bad() { return ok_ = false; }
  ByteReader reader_;
  std::string_view commit_;
  std::uint64_t count_ = 0;
  std::uint64_t left_ = 0;
  bool ok_ = true;
};

}  // namespace ldb::storage
